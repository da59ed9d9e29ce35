//! Error queues: looking into them, and sending what lies there again.

use lapin::Channel;
use lapin::message::Delivery as Received;
use lapin::options::{BasicAckOptions, BasicGetOptions};

use super::publish::Outgoing;
use super::topology::TO_QUEUE;
use super::trouble::{Trouble, answered};
use super::{Amqp, Result, carried};
use crate::effect;
use crate::queue::{ERROR_SUFFIX, HAND_BYTES, Peeked};

/// Messages sent again at once.
const AT_ONCE: u64 = 500;

impl Amqp {
    /// Gets messages without acknowledging any; the broker has them back when the channel closes, as messages
    /// that were handed out before.
    pub(super) async fn peek_now(
        &mut self,
        queue: &str,
        most: usize,
    ) -> Result<Vec<Peeked>, Trouble> {
        let mut peeked = Vec::new();
        if most == 0 {
            return Ok(peeked);
        }
        let channel = self.reader().await?.link.channel().await?;
        while peeked.len() < most {
            let Some(received) = next(&channel, queue).await? else { break };
            let sent = carried::sent_of(&received.properties);
            let body = String::from_utf8_lossy(&received.data);
            let (body, reason) = match queue.ends_with(ERROR_SUFFIX) {
                true => carried::without_reason(body, Some(&received.properties)),
                false => (body, None),
            };
            peeked.push(Peeked { body: body.into_owned(), sent, reason });
        }
        answered(channel.close(200, "OK".into())).await?;
        Ok(peeked)
    }

    /// As many as lie there now: those that fail again meanwhile stay.
    pub(super) async fn replay_all(&mut self, queue: &str) -> Result<u64> {
        self.known(queue).await?;
        let errors = format!("{queue}{ERROR_SUFFIX}");
        let (all, mut sent) = (self.known(&errors).await?, 0);
        while sent < all {
            let (channel, taken) = match self.take_failed(&errors, (all - sent).min(AT_ONCE)).await
            {
                Ok(taken) => taken,
                Err(trouble) => return Err(self.error("taking from", &trouble)),
            };
            let Some(last) = taken.last().map(|message| message.0) else { break };
            let messages = |at: usize| {
                let (_, sent, body) = taken.get(at)?;
                Some(Outgoing { body, properties: carried::properties(*sent, None) })
            };
            self.publish((queue, TO_QUEUE), &messages).await?;
            let acknowledged = acknowledge(&channel, last).await;
            acknowledged.map_err(|trouble| self.error("acknowledging to", &trouble))?;
            sent += taken.len() as u64;
        }
        Ok(sent)
    }

    /// Messages of an error queue without their reasons, each with its tag and time.
    async fn take_failed(
        &mut self,
        errors: &str,
        most: u64,
    ) -> Result<(Channel, Vec<(u64, Option<i64>, Vec<u8>)>), Trouble> {
        let channel = self.reader().await?.link.channel().await?;
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while (taken.len() as u64) < most && bytes < HAND_BYTES {
            let Some(received) = next(&channel, errors).await? else { break };
            let Received { delivery_tag, properties, data, .. } = received;
            bytes += data.len();
            let body = match String::from_utf8(data) {
                Ok(text) => {
                    let (body, _) = carried::without_reason(text.into(), Some(&properties));
                    body.into_owned().into_bytes()
                }
                Err(error) => error.into_bytes(),
            };
            taken.push((delivery_tag, carried::sent_of(&properties), body));
        }
        Ok((channel, taken))
    }
}

async fn next(channel: &Channel, queue: &str) -> Result<Option<Received>, Trouble> {
    let got = answered(channel.basic_get(queue.into(), BasicGetOptions::default())).await?;
    Ok(got.map(|message| message.delivery))
}

async fn acknowledge(channel: &Channel, last: u64) -> Result<(), Trouble> {
    effect::before(effect::Kind::Queue, "ack")?;
    answered(channel.basic_ack(last, BasicAckOptions { multiple: true })).await?;
    answered(channel.close(200, "OK".into())).await
}
