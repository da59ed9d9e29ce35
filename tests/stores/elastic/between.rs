//! What stands between us and a server in tests: it answers in the server's place, cuts, or looks at what
//! is asked.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
pub struct Asked {
    /// `POST /x/_bulk?…`
    pub line: String,
    pub head: String,
    pub body: Vec<u8>,
}

/// What becomes of a request.
pub enum Then {
    /// The server answers.
    Pass,
    /// The server answers, but so many bytes of it never come.
    PassAndCut(usize),
    /// The server gets it, and nobody hears of it.
    PassAndHang,
    /// Only this body is passed on; the answer has these items more.
    PassSome { body: Vec<u8>, more: String },
    /// Status and body, instead of the server's.
    Answer(u16, String),
}

type Decide = dyn FnMut(&Asked) -> Then + Send;

pub struct Between {
    pub url: String,
    decide: Arc<Mutex<Box<Decide>>>,
    /// The lines of all requests.
    pub lines: Arc<Mutex<Vec<String>>>,
}

impl Between {
    pub async fn start(server: &str, decide: impl FnMut(&Asked) -> Then + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = server.strip_prefix("http://").unwrap().to_owned();
        let decide: Arc<Mutex<Box<Decide>>> = Arc::new(Mutex::new(Box::new(decide)));
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let between = Self { url, decide: Arc::clone(&decide), lines: Arc::clone(&lines) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, decide, lines) =
                    (server.clone(), Arc::clone(&decide), Arc::clone(&lines));
                tokio::spawn(async move {
                    let _ = serve(client, &server, &decide, &lines).await;
                });
            }
        });
        between
    }

    /// Decides in another way from now on.
    pub fn decide(&self, decide: impl FnMut(&Asked) -> Then + Send + 'static) {
        *self.decide.lock().unwrap() = Box::new(decide);
    }

    /// How many requests had this in their first line.
    pub fn count(&self, word: &str) -> usize {
        self.lines.lock().unwrap().iter().filter(|line| line.contains(word)).count()
    }
}

pub async fn serve(
    mut client: impl AsyncReadExt + AsyncWriteExt + Unpin,
    server: &str,
    decide: &Mutex<Box<Decide>>,
    lines: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    while let Some((head, body)) = message(&mut client).await? {
        let line = head.lines().next().unwrap_or_default().to_owned();
        lines.lock().unwrap().push(line.clone());
        let asked = Asked { line, head, body };
        let then = decide.lock().unwrap()(&asked);
        let body = match &then {
            Then::Answer(status, body) => {
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
                );
                client.write_all(head.as_bytes()).await?;
                client.write_all(body.as_bytes()).await?;
                continue;
            }
            Then::PassSome { body, .. } => body.clone(),
            _ => asked.body,
        };
        let mut to = TcpStream::connect(server).await?;
        to.write_all(with_length(&asked.head, body.len()).as_bytes()).await?;
        to.write_all(&body).await?;
        let Some((head, body)) = message(&mut to).await? else { return Ok(()) };
        let body = match &then {
            Then::PassSome { more, .. } => with_items(&body, more),
            _ => body,
        };
        let head = with_length(&head, body.len());
        let answer = [head.as_bytes(), &body].concat();
        match then {
            Then::PassAndCut(left) => {
                client.write_all(&answer[..answer.len().saturating_sub(left)]).await?;
                return client.shutdown().await;
            }
            Then::PassAndHang => {
                let mut nowhere = [0; 1024];
                while client.read(&mut nowhere).await? > 0 {}
                return Ok(());
            }
            _ => client.write_all(&answer).await?,
        }
    }
    Ok(())
}

fn with_items(answer: &[u8], more: &str) -> Vec<u8> {
    let answer = String::from_utf8(answer.to_vec()).unwrap();
    let answer = answer.replace("\"errors\":false", "\"errors\":true");
    format!("{},{more}]}}", answer.strip_suffix("]}").unwrap()).into_bytes()
}

fn with_length(head: &str, length: usize) -> String {
    let lines = head.trim_end().lines().filter(|line| {
        let line = line.to_lowercase();
        let dropped = ["content-length:", "transfer-encoding:", "authorization:"];
        !dropped.iter().any(|name| line.starts_with(name))
    });
    let lines: Vec<&str> = lines.collect();
    format!("{}\r\ncontent-length: {length}\r\n\r\n", lines.join("\r\n"))
}

/// Head and body of a message with a length.
async fn message(
    from: &mut (impl AsyncReadExt + Unpin),
) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if from.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut body = bytes.split_off(end);
    let lower = head.to_lowercase();
    if lower.contains("transfer-encoding: chunked") {
        while !body.ends_with(b"0\r\n\r\n") {
            if from.read_buf(&mut body).await? == 0 {
                return Ok(None);
            }
        }
        return Ok(Some((head, whole(&body))));
    }
    let length = lower.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while body.len() < length {
        if from.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some((head, body)))
}

/// The parts of a chunked body.
fn whole(mut chunks: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let line = chunks.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = std::str::from_utf8(&chunks[..line]).unwrap();
        let size = usize::from_str_radix(size.split(';').next().unwrap().trim(), 16).unwrap();
        if size == 0 {
            return all;
        }
        let begin = line + 2;
        all.extend_from_slice(&chunks[begin..begin + size]);
        chunks = &chunks[begin + size + 2..];
    }
}
