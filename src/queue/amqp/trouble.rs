//! Why something asked of a broker didn't work, told apart by what helps.

use std::future::Future;
use std::io;
use std::time::Duration;

use lapin::ErrorKind;

/// The longest a broker is waited for. Anything it is asked for takes milliseconds.
pub const ANSWER: Duration = Duration::from_secs(30);

// Codes of AMQP 0-9-1.
const CONNECTION_FORCED: u16 = 320;
pub const ACCESS_REFUSED: u16 = 403;
pub const NOT_FOUND: u16 = 404;
pub const PRECONDITION_FAILED: u16 = 406;
const RESOURCE_ERROR: u16 = 506;
const NOT_ALLOWED: u16 = 530;
const INTERNAL_ERROR: u16 = 541;
/// Not one of AMQP's: before it is spoken.
const TLS: u16 = 0;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The connection went, or never came about: a new one may help.
    Gone(String),
    /// The broker said no.
    Refused { code: u16, text: String },
    /// A message that no queue takes.
    Returned(String),
    /// It can't keep more at the moment.
    Full(String),
}

impl Trouble {
    pub fn is(&self, wanted: u16) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == wanted)
    }

    /// Whether it may go away by itself.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Gone(_) | Self::Full(_))
    }

    /// What happened, and what to do where somebody can do something.
    pub fn told(&self) -> String {
        match self {
            Self::Gone(text) | Self::Returned(text) | Self::Full(text) => text.clone(),
            Self::Refused { code, text } => match advice(*code, text) {
                Some(advice) => format!("{text}; {advice}"),
                None => text.clone(),
            },
        }
    }
}

fn advice(code: u16, text: &str) -> Option<&'static str> {
    match code {
        ACCESS_REFUSED if text.contains("Login was refused") => {
            Some("see the user name and the password in the operator's file")
        }
        ACCESS_REFUSED => Some("`rabbitmqctl set_permissions` gives this account the right"),
        TLS => Some("`ca` beside the URL names the certificates that sign the broker's"),
        NOT_ALLOWED => Some("see the vhost behind the host in the operator's file"),
        _ => None,
    }
}

impl From<lapin::Error> for Trouble {
    fn from(error: lapin::Error) -> Self {
        match error.kind() {
            ErrorKind::ProtocolError(error) => {
                let (code, text) = (error.get_id(), error.get_message().to_string());
                match code {
                    // It is being stopped, or isn't wholly there yet.
                    CONNECTION_FORCED | RESOURCE_ERROR | INTERNAL_ERROR => Self::Gone(text),
                    _ => Self::Refused { code, text },
                }
            }
            ErrorKind::IOError(error) => of_io(error),
            ErrorKind::MissingHeartbeatError => Self::Gone("it gave no sign of life".into()),
            _ => Self::Gone(format!("the connection is closed ({error})")),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        of_io(&error)
    }
}

/// A certificate that isn't believed today won't be the next time.
fn of_io(error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::InvalidData => Trouble::Refused { code: TLS, text: io_text(error) },
        _ => Trouble::Gone(io_text(error)),
    }
}

/// What rustls says is inside of an error that only names its kind.
fn io_text(error: &io::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}

/// Waits for an answer, but not for ever.
pub async fn answered<T>(asked: impl Future<Output = lapin::Result<T>>) -> Result<T, Trouble> {
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(silent()),
    }
}

pub fn silent() -> Trouble {
    Trouble::Gone(format!("no answer within {} seconds", ANSWER.as_secs()))
}
