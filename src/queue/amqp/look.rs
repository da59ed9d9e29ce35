//! What a broker says of itself and of queues, for whoever wants to know whether all is well.
//!
//! Answers for changing nothing: an argument of a queue is told by the broker when it refuses another one,
//! and a right when something is to be undone that isn't there.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Confirmation};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::topology::TO_QUEUE;
use super::trouble::{ACCESS_REFUSED, PRECONDITION_FAILED, Trouble, answered};
use super::{Amqp, Result};
use crate::queue::ERROR_SUFFIX;

/// What a queue is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub queue: String,
    /// To be handed out, and in the error queue; `None` where there is no such queue.
    pub waiting: Option<(u64, u64)>,
    pub has_errors: bool,
    /// Those that aren't as of a queue we make; unknown where this account may declare none.
    pub arguments: Option<Vec<(String, String)>>,
    /// It may be written to and read from.
    pub may_use: bool,
    /// Unknown where it can't be tried without leaving a message.
    pub is_bound: Option<bool>,
}

impl Amqp {
    /// Each of these queues.
    pub async fn examine(&mut self, queues: &[String]) -> Result<Vec<Seen>> {
        let mut all = Vec::new();
        for queue in queues {
            let seen = self.seen_now(queue).await;
            all.push(seen.map_err(|trouble| self.error("looking at", &trouble))?);
        }
        Ok(all)
    }

    async fn seen_now(&mut self, queue: &str) -> Result<Seen, Trouble> {
        let errors = self.look_now(&format!("{queue}{ERROR_SUFFIX}")).await?;
        let has_errors = errors.is_some();
        let Some(looked) = self.look_now(queue).await? else {
            let (queue, may_use) = (queue.to_owned(), true);
            return Ok(Seen {
                queue,
                waiting: None,
                has_errors,
                arguments: None,
                may_use,
                is_bound: None,
            });
        };
        let arguments = self.arguments_of(queue).await?;
        let may_use = self.may_use(queue).await?;
        let is_idle = looked.message_count() == 0 && looked.consumer_count() == 0;
        let is_plain = arguments.as_ref().is_some_and(Vec::is_empty);
        let is_bound = match is_idle && is_plain && may_use {
            true => Some(self.is_bound(queue).await?),
            false => None,
        };
        let failed = errors.map_or(0, |errors| u64::from(errors.message_count()));
        let waiting = Some((u64::from(looked.message_count()), failed));
        Ok(Seen { queue: queue.to_owned(), waiting, has_errors, arguments, may_use, is_bound })
    }

    /// Declares the queue, which is there, with the arguments known so far; the broker's no tells the next.
    async fn arguments_of(
        &mut self,
        queue: &str,
    ) -> Result<Option<Vec<(String, String)>>, Trouble> {
        const MOST: usize = 16;
        let (mut told, mut table) = (Vec::new(), FieldTable::default());
        let mut options = QueueDeclareOptions { durable: true, ..Default::default() };
        for _ in 0..MOST {
            let reader = self.reader().await?;
            let channel = reader.asking.channel(&reader.link).await?;
            let text =
                match answered(channel.queue_declare(queue.into(), options, table.clone())).await {
                    Ok(_) => return Ok(Some(told)),
                    Err(trouble) if trouble.is(ACCESS_REFUSED) => return Ok(None),
                    Err(Trouble::Refused { code: PRECONDITION_FAILED, text }) => text,
                    Err(trouble) => return Err(trouble),
                };
            let Some((name, value)) = inequivalent(&text) else { return Ok(Some(told)) };
            match name.as_str() {
                "durable" => options.durable = value == "true",
                "auto_delete" => options.auto_delete = value == "true",
                "exclusive" => options.exclusive = value == "true",
                _ => {
                    let typed = value.parse().map_or_else(
                        |_| AMQPValue::LongString(value.clone().into()),
                        AMQPValue::LongLongInt,
                    );
                    table.insert(name.as_str().into(), typed);
                }
            }
            told.push((name, value));
        }
        Ok(Some(told))
    }

    /// Undoing a binding that isn't there needs the rights to write and to read.
    async fn may_use(&mut self, queue: &str) -> Result<bool, Trouble> {
        let reader = self.reader().await?;
        let channel = reader.asking.channel(&reader.link).await?;
        let key = "reconcile doctor";
        let unbinding =
            channel.queue_unbind(queue.into(), queue.into(), key.into(), FieldTable::default());
        match answered(unbinding).await {
            Err(trouble) if trouble.is(ACCESS_REFUSED) => Ok(false),
            // Where there is no such exchange, that is told as not being bound.
            Ok(()) | Err(Trouble::Refused { .. }) => Ok(true),
            Err(trouble) => Err(trouble),
        }
    }

    /// Sends a message whose time is over when it arrives; nobody is there to take it.
    async fn is_bound(&mut self, queue: &str) -> Result<bool, Trouble> {
        let channel = self.reader().await?.link.channel().await?;
        answered(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        let options = BasicPublishOptions { mandatory: true, immediate: false };
        let over = BasicProperties::default().with_expiration("0".into());
        let publishing = channel.basic_publish(queue.into(), TO_QUEUE.into(), options, b"[]", over);
        let confirmed = answered(async { publishing.await?.await }).await;
        match confirmed {
            Ok(Confirmation::Ack(None)) => Ok(true),
            Ok(_) | Err(Trouble::Refused { .. }) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// What the broker calls itself, which lapin keeps to itself; not asked over TLS.
    pub async fn version(&self) -> Option<String> {
        let authority = &self.address.uri.authority;
        if self.address.uri.scheme != lapin::uri::AMQPScheme::AMQP {
            return None;
        }
        let asking = async {
            let mut stream = TcpStream::connect((authority.host.as_str(), authority.port)).await?;
            stream.write_all(b"AMQP\0\0\x09\x01").await?;
            let mut head = [0; 7];
            stream.read_exact(&mut head).await?;
            let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]).min(1 << 16);
            let mut frame = vec![0; length as usize];
            stream.read_exact(&mut frame).await?;
            std::io::Result::Ok(frame)
        };
        let frame = tokio::time::timeout(Duration::from_secs(5), asking).await.ok()?.ok()?;
        Some(format!("{} {}", property(&frame, "product")?, property(&frame, "version")?))
    }
}

/// A text among the properties by which a server introduces itself.
fn property(frame: &[u8], name: &str) -> Option<String> {
    let mut mark = vec![u8::try_from(name.len()).ok()?];
    mark.extend(name.as_bytes());
    mark.push(b'S');
    let at = frame.windows(mark.len()).position(|window| window == mark)? + mark.len();
    let length = frame.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)?;
    let text = frame.get(at + 4..)?.get(..usize::try_from(length).ok()?)?;
    String::from_utf8(text.to_vec()).ok()
}

/// The argument that the broker names, and what it is.
fn inequivalent(text: &str) -> Option<(String, String)> {
    let name = text.split_once("inequivalent arg '")?.1.split('\'').next()?;
    let current = text.split_once("current is ")?.1;
    let value = current.split('\'').nth(1)?;
    Some((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_refusal_tells() {
        let text = "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': \
                    received none but current is the value '60000' of type 'signedint'";
        assert_eq!(inequivalent(text), Some(("x-message-ttl".into(), "60000".into())));
        let text = "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received \
                    'true' but current is 'false'";
        assert_eq!(inequivalent(text), Some(("durable".into(), "false".into())));
        assert_eq!(inequivalent("PRECONDITION_FAILED - something else"), None);
    }
}
