//! A message as mail: headers, plain text and HTML, in bytes.
//!
//! Answers for the same message being the same bytes whenever it is sent, for no header holding more
//! than was meant, and for no line that a mail server could take for a command.

use std::time::SystemTime;

use lettre::message::header::{
    ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue,
};
use lettre::message::{Body, Mailbox, MessageBuilder, MultiPart, SinglePart};

use crate::config::mail::Sender;
use crate::state::Message;

/// Why a message can never be sent.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    #[error("its {what} holds a control character, and isn't sent")]
    Control { what: &'static str },
    #[error("{to} is no address")]
    Address { to: String },
    /// The library that writes mail made something that a server could misread.
    #[error("it can't be written as mail: {why}")]
    Unwritable { why: String },
}

/// Tells mail programs not to answer by themselves (RFC 3834).
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

/// The whole mail; its recipients are all of the message's, whoever has it already.
pub fn mime(from: &Sender, message: &Message) -> Result<Vec<u8>, Error> {
    refuse_controls(message)?;
    let id = |word: &str| format!("<{word}@{}>", from.domain());
    // Clients show what answers one message as one conversation, also where they never saw it.
    let root = id(&format!("job.{}", thread(from, &message.job)));
    let mut builder: MessageBuilder = lettre::Message::builder()
        .from(mailbox(from.name.clone(), &from.address)?)
        .subject(subject(&message.subject))
        .date(SystemTime::from(message.at))
        .message_id(Some(id(&message.id)))
        .in_reply_to(root.clone())
        .references(root)
        .header(AutoSubmitted);
    for to in &message.to {
        builder = builder.to(mailbox(None, to)?);
    }
    let parts = MultiPart::alternative()
        .boundary(format!("reconcile-{}", message.id))
        .singlepart(part(ContentType::TEXT_PLAIN, &message.text)?)
        .singlepart(part(ContentType::TEXT_HTML, &message.html)?);
    let mail = builder.multipart(parts).map_err(|error| unwritable(&error))?.formatted();
    checked(mail)
}

fn refuse_controls(message: &Message) -> Result<(), Error> {
    let headers = [("subject", &message.subject), ("name", &message.id), ("job", &message.job)];
    for (what, text) in headers {
        if text.contains(char::is_control) {
            return Err(Error::Control { what });
        }
    }
    Ok(())
}

/// Programs decode `=?…?=` also where it stood in a name, to whatever it says, line ends included.
fn subject(text: &str) -> String {
    text.replace("=?", "= ?")
}

fn thread(from: &Sender, job: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in ["reconcile thread v1", &from.address, job] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

fn mailbox(name: Option<String>, address: &str) -> Result<Mailbox, Error> {
    let parsed = address.parse().map_err(|_| Error::Address { to: address.to_owned() })?;
    Ok(Mailbox::new(name, parsed))
}

/// Always encoded: then no line of a text is too long or ends in another way, and none begins with a
/// dot, which not every server between here and the reader gives back as it was.
fn part(kind: ContentType, text: &str) -> Result<SinglePart, Error> {
    let encoded = |encoding| {
        Body::new_with_encoding(text.to_owned(), encoding)
            .map_err(|_| unwritable(&"its text can't be encoded"))
    };
    let mut body = encoded(ContentTransferEncoding::QuotedPrintable)?;
    if body.as_ref().split(|byte| *byte == b'\n').any(|line| line.starts_with(b".")) {
        body = encoded(ContentTransferEncoding::Base64)?;
    }
    Ok(SinglePart::builder().header(kind).body(body))
}

fn unwritable(why: &dyn std::fmt::Display) -> Error {
    Error::Unwritable { why: why.to_string() }
}

/// lettre below 0.11.24 lets bare line ends through (RUSTSEC-2026-0561); whatever its version, such
/// a mail isn't sent.
fn checked(mail: Vec<u8>) -> Result<Vec<u8>, Error> {
    let mut before = b'\n';
    for (place, byte) in mail.iter().copied().enumerate() {
        let is_bare = match byte {
            b'\n' => before != b'\r',
            b'\r' => mail.get(place + 1) != Some(&b'\n'),
            byte => !byte.is_ascii() || byte == 0,
        };
        if is_bare {
            return Err(unwritable(&format_args!("byte {byte:#04x} at {place}")));
        }
        before = byte;
    }
    match mail.split(|byte| *byte == b'\n').any(|line| line.len() > LONGEST_LINE) {
        true => Err(unwritable(&"a line is too long")),
        false => Ok(mail),
    }
}

/// With its end, in bytes (RFC 5321); the split took the last of them.
const LONGEST_LINE: usize = 999;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(subject: &str, text: &str) -> Message {
        Message {
            id: "0123456789abcdef0123456789abcdef".into(),
            job: "spring-campaign".into(),
            number: 0,
            run: None,
            at: "2026-12-01T01:00:00Z".parse().unwrap(),
            subject: subject.into(),
            text: text.into(),
            html: format!("<p>{text}</p>\n"),
            to: vec!["jo@shop.example".into(), "marketing@shop.example".into()],
            refused: Vec::new(),
        }
    }

    fn from() -> Sender {
        Sender { name: Some("Shop".into()), address: "reconcile@shop.example".into() }
    }

    fn written(message: &Message) -> String {
        String::from_utf8(mime(&from(), message).unwrap()).unwrap().replace("\r\n", "\n")
    }

    #[test]
    fn a_mail_in_full() {
        insta::assert_snapshot!(written(&message(
            "Success: Sünchronization",
            "3 rows = fine, ąć\n.\nthe end\n"
        )));
    }

    #[test]
    fn it_is_the_same_mail_whenever_it_is_sent() {
        let message = message("a", "b");
        assert_eq!(mime(&from(), &message), mime(&from(), &message));
    }

    #[test]
    fn headers_take_no_control_characters_and_no_encoded_words() {
        for bad in ["a\r\nBcc: eve@evil.example", "a\nb", "a\0", "a\u{85}b"] {
            let refused = mime(&from(), &message(bad, "")).unwrap_err();
            assert_eq!(refused, Error::Control { what: "subject" }, "{bad:?}");
        }
        let sly = "=?utf-8?q?a=0D=0ABcc:_eve@evil.example?=";
        let mail = written(&message(sly, ""));
        assert!(mail.contains("Subject: = ?utf-8?q?a"), "{mail}");
        assert!(!mail.contains("\nBcc"), "{mail}");
        let mut to_eve = message("a", "");
        to_eve.to = vec!["jo@shop.example\r\nBcc: eve@evil.example".into()];
        assert!(matches!(mime(&from(), &to_eve), Err(Error::Address { .. })));
    }

    #[test]
    fn texts_of_any_kind_make_lines_that_servers_take() {
        let long = "x".repeat(5_000);
        for text in ["\n.\n", "\r", "a\rb\nc\r\n.\r\nQUIT\r\n", ".", &long, "\0", "\u{1f600}\r.\r"]
        {
            let mail = mime(&from(), &message("a", text)).unwrap();
            let text = String::from_utf8(mail).unwrap();
            assert!(text.split("\r\n").all(|it| !it.starts_with('.') && it.len() < 998), "{text}");
        }
    }
}
