//! A way to a database server that is cut in the middle: after so many bytes, or at a word.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Where a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After so many bytes to the server, of all connections together.
    Up(u64),
    /// The same from the server.
    Down(u64),
    /// Before these bytes go to the server.
    Before(&'static str),
    /// Once the server answers to these bytes, whose answer is lost.
    Answer(&'static str),
}

/// What the client sees of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The connection ends at both sides at once.
    Reset,
    /// Nothing comes through any more, and nobody says so. The server hears of it once the client
    /// gives up.
    Hang,
}

#[derive(Default)]
struct Shared {
    cut: Option<(When, How)>,
    up: u64,
    down: u64,
}

/// Forwards connections to a server; the first one that a cut applies to is cut, later ones go on.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Mutex<Shared>>,
}

impl Proxy {
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<Mutex<Shared>>::default();
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server).await.unwrap();
                tokio::spawn(forward(client, server, Arc::clone(&serving)));
            }
        });
        Self { port, shared }
    }

    /// Counts anew, and cuts once.
    pub fn cut(&self, cut: Option<(When, How)>) {
        *self.shared.lock().unwrap() = Shared { cut, ..Shared::default() };
    }

    /// Whether it came to the cut.
    pub fn has_cut(&self) -> bool {
        self.shared.lock().unwrap().cut.is_none()
    }

    /// Bytes to and from the server.
    pub fn passed(&self) -> (u64, u64) {
        let shared = self.shared.lock().unwrap();
        (shared.up, shared.down)
    }
}

/// What is to be done with bytes that came.
enum Then {
    Pass,
    /// The first of them go through, the rest never does.
    Cut(usize, How),
}

/// Whether the client said the words whose answer is to be lost.
#[derive(Default)]
struct Heard(bool);

impl Shared {
    fn up(&mut self, bytes: &[u8], heard: &mut Heard) -> Then {
        let before = self.up;
        self.up += bytes.len() as u64;
        let says = |word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
        let at = match self.cut {
            Some((When::Up(at), _)) if self.up > at => usize::try_from(at - before).unwrap(),
            Some((When::Before(word), _)) if says(word) => 0,
            Some((When::Answer(word), _)) => {
                heard.0 |= says(word);
                return Then::Pass;
            }
            _ => return Then::Pass,
        };
        Then::Cut(at, self.cut.take().unwrap().1)
    }

    fn down(&mut self, bytes: &[u8], heard: &Heard) -> Then {
        let before = self.down;
        self.down += bytes.len() as u64;
        let at = match self.cut {
            Some((When::Down(at), _)) if self.down > at => usize::try_from(at - before).unwrap(),
            Some((When::Answer(_), _)) if heard.0 => 0,
            _ => return Then::Pass,
        };
        Then::Cut(at, self.cut.take().unwrap().1)
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, shared: Arc<Mutex<Shared>>) {
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut heard = Heard::default();
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Some(bytes) = some(&up, read) else { return };
                let then = shared.lock().unwrap().up(bytes, &mut heard);
                let (pass, how) = split(bytes, then);
                if server.write_all(pass).await.is_err() { return }
                if let Some(how) = how { return end(client, server, how).await }
            }
            read = server.read(&mut down) => {
                let Some(bytes) = some(&down, read) else { return };
                let then = shared.lock().unwrap().down(bytes, &heard);
                let (pass, how) = split(bytes, then);
                if client.write_all(pass).await.is_err() { return }
                if let Some(how) = how { return end(client, server, how).await }
            }
        }
    }
}

fn some(buffer: &[u8], read: std::io::Result<usize>) -> Option<&[u8]> {
    read.ok().filter(|count| *count > 0).map(|count| &buffer[..count])
}

fn split(bytes: &[u8], then: Then) -> (&[u8], Option<How>) {
    match then {
        Then::Pass => (bytes, None),
        Then::Cut(at, how) => (&bytes[..at], Some(how)),
    }
}

async fn end(mut client: TcpStream, server: TcpStream, how: How) {
    if how == How::Hang {
        // What the client still says goes nowhere, until it gives up.
        let mut nowhere = vec![0; 1 << 16];
        while client.read(&mut nowhere).await.is_ok_and(|count| count > 0) {}
    }
    for end in [&client, &server] {
        end.set_zero_linger().unwrap();
    }
}
