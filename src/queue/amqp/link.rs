//! One connection to a broker.
//!
//! Answers for coming about within a limit or not at all, and for leaving nothing behind when it hangs:
//! lapin waits in a thread of its own for as long as the socket is open.

use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, Stream, StreamExt};
use lapin::tcp::AMQPUriTcpExt;
use lapin::{AsyncTcpStream, Channel, Connection, ConnectionProperties, Event};

use super::address::Address;
use super::trouble::{ANSWER, Trouble, answered};

const CONNECT: Duration = Duration::from_secs(10);

pub struct Link {
    connection: Connection,
    _socket: Socket,
    /// Behind a lock, since the link is looked at from several threads while nobody reads them.
    events: Mutex<Pin<Box<dyn Stream<Item = Event> + Send>>>,
    /// Why the broker takes no more messages, where it said so last.
    blocked: Option<String>,
}

/// A second handle of the connection's socket, which ends with it: whoever still reads from the other one sees
/// the end, also where opening was given up.
struct Socket(Arc<Mutex<Handle>>);

enum Handle {
    None,
    Open(TcpStream),
    Severed,
}

impl Handle {
    fn remember(&mut self, socket: BorrowedFd<'_>) -> std::io::Result<()> {
        if matches!(self, Self::Severed) {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        let socket = TcpStream::from(socket.try_clone_to_owned()?);
        *self = Self::Open(socket);
        Ok(())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let handle = std::mem::replace(&mut *locked(&self.0), Handle::Severed);
        if let Handle::Open(socket) = handle {
            // One that is closed already is what is wanted.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

fn locked(handle: &Mutex<Handle>) -> MutexGuard<'_, Handle> {
    handle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// `purpose` is what the broker's operators see of it.
    pub async fn open(address: &Address, purpose: &str) -> Result<Self, Trouble> {
        let runtime = lapin::runtime::default_runtime()?;
        let name = format!("reconcile {} {purpose}", env!("CARGO_PKG_VERSION"));
        let options = ConnectionProperties::default().with_connection_name(name.into());
        let (handle, tls) = (Arc::new(Mutex::new(Handle::None)), address.tls.clone());
        let socket = Socket(Arc::clone(&handle));
        let opening = Connection::connector(
            address.uri.clone(),
            runtime,
            async move |uri, runtime| {
                let connecting = uri.connect_with_config_async(tls.as_ref(), &runtime);
                let within = tokio::time::timeout(CONNECT, connecting).await;
                let stream =
                    within.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
                match &stream {
                    AsyncTcpStream::Plain(plain) => {
                        locked(&handle).remember(plain.get_ref().as_fd())?;
                    }
                    AsyncTcpStream::Rustls(tls) => {
                        locked(&handle).remember(tls.get_ref().0.get_ref().as_fd())?;
                    }
                    // Other kinds of TLS aren't built in.
                    _ => {}
                }
                Ok(stream)
            },
            options,
        );
        let Ok(connection) = tokio::time::timeout(CONNECT * 2, opening).await else {
            let seconds = (CONNECT * 2).as_secs();
            return Err(Trouble::Gone(format!("it let nobody in within {seconds} seconds")));
        };
        let connection = connection?;
        let events = Mutex::new(Box::pin(connection.events_listener()) as Pin<Box<_>>);
        Ok(Self { connection, _socket: socket, events, blocked: None })
    }

    pub async fn channel(&self) -> Result<Channel, Trouble> {
        answered(self.connection.create_channel()).await
    }

    pub fn is_open(&self) -> bool {
        self.connection.status().connected()
    }

    /// Why the broker takes no messages from this connection, where it doesn't.
    pub fn blocked(&mut self) -> Option<&str> {
        let events = self.events.get_mut().unwrap_or_else(PoisonError::into_inner);
        while let Some(Some(event)) = events.next().now_or_never() {
            match event {
                Event::ConnectionBlocked(reason) => self.blocked = Some(reason),
                Event::ConnectionUnblocked => self.blocked = None,
                _ => {}
            }
        }
        self.blocked.as_deref()
    }

    /// Says goodbye, so that what was handed out here is free for others at once.
    pub async fn close(mut self) -> Result<(), Trouble> {
        if !self.is_open() || self.blocked().is_some() {
            return Ok(());
        }
        let closing = self.connection.close(200, "OK".into());
        // The broker gives back what was handed out as soon as the socket is closed, in whichever way.
        let _ = tokio::time::timeout(ANSWER / 6, closing).await;
        Ok(())
    }
}
