//! One message to a mail server, in one conversation.
//!
//! Answers for every recipient having a fate: what one is refused for keeps the others from nothing.
//! The whole conversation has a deadline, however the server spends it.

use std::path::Path;
use std::time::Duration;

use lettre::address::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;

use super::fate::Attempt;
use crate::config::mail::{Smtp, Tls};
use crate::effect;
use crate::escape::{harmless, shortened};

/// How long a server may take to say good-bye.
const GOOD_BYE: Duration = Duration::from_secs(1);
/// Characters of a server's words that are kept.
const MOST_WORDS: usize = 300;

/// Why there is no conversation, or none any more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{place}: {words}", words = words(source))]
    Server { place: String, source: lettre::transport::smtp::Error },
    /// Nobody answers there.
    #[error("{place}: {source}")]
    Unreachable { place: String, source: std::io::Error },
    #[error("the certificates of `mail.ca`, {path}: {source}")]
    Authority { path: String, source: std::io::Error },
    #[error("{place} didn't end the conversation within {seconds} s")]
    TooSlow { place: String, seconds: u64 },
    #[error("{to} is no address")]
    Address { to: String },
}

/// A server with what it takes to speak with it.
pub struct Server<'a> {
    pub smtp: &'a Smtp,
    pub ca: Option<&'a Path>,
    pub from: &'a str,
}

/// Sends a mail to these recipients.
pub async fn send(server: &Server<'_>, to: &[String], mail: &[u8], limit: Duration) -> Attempt {
    let mut attempt = Attempt::default();
    let conversation = Box::pin(converse(server, to, mail, &mut attempt));
    let ended = tokio::time::timeout(limit, conversation).await;
    let ended = ended.unwrap_or_else(|_| {
        Err(Error::TooSlow { place: server.place(), seconds: limit.as_secs() })
    });
    if let Err(error) = ended {
        attempt.unreachable = Some(error.to_string());
    }
    attempt
}

async fn converse(
    server: &Server<'_>,
    to: &[String],
    mail: &[u8],
    attempt: &mut Attempt,
) -> Result<(), Error> {
    let from: Address =
        server.from.parse().map_err(|_| Error::Address { to: server.from.to_owned() })?;
    let mut connection = server.connect().await?;
    let failed = |source| Error::Server { place: server.place(), source };
    // A server that doesn't take this sender takes it later, once the operator mended that.
    connection.command(Mail::new(Some(from), Vec::new())).await.map_err(failed)?;
    let mut accepted = Vec::new();
    for one in to {
        let Ok(address) = one.parse::<Address>() else {
            attempt.refused.insert(one.clone(), "it is no address".into());
            continue;
        };
        match connection.command(Rcpt::new(address, Vec::new())).await {
            Ok(_) => accepted.push(one.clone()),
            Err(error) => sort_out(attempt, std::slice::from_ref(one), failed(error))?,
        }
    }
    if !accepted.is_empty() {
        server.ask("send")?;
        let said = match connection.command(Data).await {
            Ok(_) => connection.message(mail).await,
            Err(error) => Err(error),
        };
        match said {
            Ok(_) => attempt.taken = accepted,
            Err(error) => sort_out(attempt, &accepted, failed(error))?,
        }
    }
    // What is taken is taken, whether the server says good-bye or not.
    let _ = tokio::time::timeout(GOOD_BYE, connection.quit()).await;
    Ok(())
}

/// What the server says of recipients is their fate; anything else ends the conversation.
fn sort_out(attempt: &mut Attempt, to: &[String], error: Error) -> Result<(), Error> {
    let Error::Server { source, .. } = &error else { return Err(error) };
    let list = match (source.is_permanent(), source.is_transient()) {
        (true, _) => &mut attempt.refused,
        (_, true) => &mut attempt.later,
        _ => return Err(error),
    };
    let words = words(source);
    list.extend(to.iter().map(|to| (to.clone(), words.clone())));
    Ok(())
}

/// What a server said, or what kept it from saying anything.
fn words(error: &lettre::transport::smtp::Error) -> String {
    let said = std::error::Error::source(error).map(ToString::to_string);
    let words = match (error.status(), said) {
        (Some(code), Some(said)) => format!("{code} {said}"),
        (None, Some(said)) => said,
        (_, None) => error.to_string(),
    };
    shortened(&harmless(words.trim()), MOST_WORDS).into_owned()
}

impl Server<'_> {
    fn place(&self) -> String {
        format!("the mail server {}:{}", self.smtp.host, self.smtp.port)
    }

    fn ask(&self, doing: &str) -> Result<(), Error> {
        let failed = |source| Error::Unreachable { place: self.place(), source };
        effect::before(effect::Kind::Mail, doing).map_err(failed)
    }

    /// An encrypted conversation where that is asked for, and the account's.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let Smtp { host, port, tls, login } = self.smtp;
        self.ask("connect")?;
        let failed = |source| Error::Server { place: self.place(), source };
        let implicit = match tls {
            Tls::Implicit => Some(self.tls()?),
            Tls::Starttls | Tls::Without => None,
        };
        let name = ClientId::default();
        let place = (host.as_str(), *port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(place, None, &name, implicit, None)
                .await
                .map_err(failed)?;
        if *tls == Tls::Starttls {
            connection.starttls(self.tls()?, &name).await.map_err(failed)?;
        }
        if let Some(login) = login {
            let password = login.password.expose().to_owned();
            let credentials = Credentials::new(login.user.clone(), password);
            connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(failed)?;
        }
        Ok(connection)
    }

    fn tls(&self) -> Result<TlsParameters, Error> {
        let failed = |source| Error::Server { place: self.place(), source };
        let mut builder = TlsParameters::builder(self.smtp.host.clone());
        if let Some(path) = self.ca {
            let unreadable = |source| Error::Authority { path: path.display().to_string(), source };
            let pem = std::fs::read(path).map_err(unreadable)?;
            builder = builder.add_root_certificate(Certificate::from_pem(&pem).map_err(failed)?);
        }
        builder.build_rustls().map_err(failed)
    }
}
