//! A mail server that keeps what it gets, and misbehaves when it is told to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Fine,
    Refuses {
        one: &'static str,
        code: u16,
    },
    /// Takes connections and says nothing after its greeting.
    Stalls,
    /// A byte a second.
    Drips,
    /// Keeps the mail and says so to nobody.
    DiesAfterData,
}

#[derive(Debug, Clone)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    pub bytes: Vec<u8>,
}

pub struct Server {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    mails: Mutex<Vec<Mail>>,
    heard: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

impl Server {
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(behaviour),
            mails: Mutex::default(),
            heard: Mutex::default(),
            connections: AtomicUsize::default(),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { port, shared }
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.shared.mails.lock().unwrap().clone()
    }

    /// Everything that it was sent.
    pub fn forget(&self) {
        self.shared.mails.lock().unwrap().clear();
        self.shared.heard.lock().unwrap().clear();
    }

    /// Every command so far.
    pub fn heard(&self) -> Vec<String> {
        self.shared.heard.lock().unwrap().clone()
    }
}

/// One conversation, as RFC 5321 has it.
async fn serve(stream: TcpStream, shared: Arc<Shared>) -> std::io::Result<()> {
    let behaviour = *shared.behaviour.lock().unwrap();
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    say(&mut write, behaviour, "220 mail.shop.example ESMTP").await?;
    if behaviour == Behaviour::Stalls {
        // Until the other side goes.
        return read.read_u8().await.map(|_| ()).and(std::future::pending().await);
    }
    let mut mail = Mail { from: String::new(), to: Vec::new(), bytes: Vec::new() };
    loop {
        let mut line = String::new();
        if read.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        shared.heard.lock().unwrap().push(line.clone());
        let address = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let answer = match line.split(' ').next().unwrap().to_uppercase().as_str() {
            "EHLO" => "250-mail.shop.example\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN".to_owned(),
            "MAIL" => {
                mail.from = address();
                "250 2.1.0 fine".to_owned()
            }
            "RCPT" => match behaviour {
                Behaviour::Refuses { one, code } if one == address() => {
                    format!("{code} 5.7.1 not here\u{7}")
                }
                _ => {
                    mail.to.push(address());
                    "250 2.1.5 fine".to_owned()
                }
            },
            "DATA" => {
                say(&mut write, behaviour, "354 go on").await?;
                mail.bytes = data(&mut read).await?;
                shared.mails.lock().unwrap().push(mail.clone());
                if behaviour == Behaviour::DiesAfterData {
                    return Ok(());
                }
                "250 2.0.0 taken".to_owned()
            }
            "QUIT" => "221 2.0.0 bye".to_owned(),
            _ => "500 5.5.1 what".to_owned(),
        };
        say(&mut write, behaviour, &answer).await?;
    }
}

async fn say(
    out: &mut (impl AsyncWrite + Unpin),
    behaviour: Behaviour,
    line: &str,
) -> std::io::Result<()> {
    let line = format!("{line}\r\n");
    if behaviour == Behaviour::Drips {
        for byte in line.bytes() {
            out.write_all(&[byte]).await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    out.write_all(line.as_bytes()).await
}

/// Everything up to the line of a single dot, with the dots that were doubled for it.
async fn data(read: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut line = Vec::new();
        if read.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(bytes);
        }
        let start = usize::from(line.starts_with(b"."));
        bytes.extend_from_slice(&line[start..]);
    }
}
