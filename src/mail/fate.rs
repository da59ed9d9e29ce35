//! What follows from an attempt to send a message: pure.
//!
//! Answers for nobody being tried again who took it or refused it for good, for pauses that grow, and
//! for giving up after three days.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::state::{Delivery, Message};

/// What became of one attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempt {
    /// Recipients that the server took it for.
    pub taken: Vec<String>,
    /// Recipients refused for good, with the server's words.
    pub refused: BTreeMap<String, String>,
    /// Recipients to be tried again, with why.
    pub later: BTreeMap<String, String>,
    /// Why the server couldn't be spoken with, whatever the message.
    pub unreachable: Option<String>,
}

const FIRST_PAUSE: SignedDuration = SignedDuration::from_mins(1);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);
/// From the first failure on, as mail servers do it.
const GIVING_UP: SignedDuration = SignedDuration::from_hours(72);

/// The delivery after an attempt; `jitter` lies between 0 and 1.
pub fn after(
    before: &Delivery,
    message: &Message,
    attempt: &Attempt,
    now: Timestamp,
    jitter: f64,
) -> Delivery {
    let mut delivery = before.clone();
    delivery.attempts += 1;
    delivery.late.clear();
    let open: Vec<String> = message.open(before).map(str::to_owned).collect();
    for to in open {
        if attempt.taken.contains(&to) {
            delivery.taken.insert(to, now);
        } else if let Some(why) = attempt.refused.get(&to) {
            delivery.lost.insert(to, why.clone());
        } else {
            let why = attempt.later.get(&to).or(attempt.unreachable.as_ref());
            let why = why.map_or("nothing is known of the attempt", String::as_str);
            delivery.late.insert(to, why.to_owned());
        }
    }
    again(&mut delivery, now, jitter);
    delivery
}

/// The delivery of a message that wasn't tried, since the server couldn't be spoken with about
/// another one. It isn't this message's failure.
pub fn postponed(
    before: &Delivery,
    message: &Message,
    why: &str,
    now: Timestamp,
    jitter: f64,
) -> Delivery {
    let mut delivery = before.clone();
    delivery.late = message.open(before).map(|to| (to.to_owned(), why.to_owned())).collect();
    again(&mut delivery, now, jitter);
    delivery
}

fn again(delivery: &mut Delivery, now: Timestamp, jitter: f64) {
    delivery.again = None;
    if delivery.late.is_empty() {
        return;
    }
    let since = *delivery.since.get_or_insert(now);
    if now.duration_since(since) >= GIVING_UP {
        let late = std::mem::take(&mut delivery.late);
        let given_up = |why| format!("given up after 3 days; the last attempt: {why}");
        delivery.lost.extend(late.into_iter().map(|(to, why)| (to, given_up(why))));
        return;
    }
    delivery.again = Some(now + pause(delivery.attempts, jitter));
}

/// The pause after this many attempts: it doubles, and differs by up to a fifth so that not all
/// messages come at once.
pub fn pause(attempts: u32, jitter: f64) -> SignedDuration {
    let doublings = attempts.saturating_sub(1).min(10);
    let full = (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE);
    full.mul_f64(0.8 + 0.2 * jitter).max(FIRST_PAUSE.mul_f64(0.8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        let to = ["a@x", "b@x", "c@x"].map(str::to_owned).to_vec();
        Message {
            id: "1".into(),
            job: "j".into(),
            number: 0,
            run: None,
            at: Timestamp::UNIX_EPOCH,
            subject: "s".into(),
            text: "t".into(),
            html: "h".into(),
            to,
            refused: Vec::new(),
        }
    }

    fn unreachable() -> Attempt {
        Attempt { unreachable: Some("no route".into()), ..Attempt::default() }
    }

    #[test]
    fn pauses_double_from_a_minute_to_an_hour() {
        let minutes: Vec<i64> = (1..9).map(|n| pause(n, 1.0).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(1, 0.0).as_secs(), 48);
        assert_eq!(pause(3, 0.5).as_secs(), 216);
        assert_eq!(pause(u32::MAX, 1.0).as_secs(), 3600);
    }

    #[test]
    fn each_recipient_has_a_fate_of_its_own() {
        let (message, now) = (message(), Timestamp::UNIX_EPOCH);
        let attempt = Attempt {
            taken: vec!["a@x".into()],
            refused: [("b@x".to_owned(), "550 unknown".to_owned())].into(),
            later: [("c@x".to_owned(), "451 later".to_owned())].into(),
            unreachable: None,
        };
        let first = after(&Delivery::default(), &message, &attempt, now, 1.0);
        assert_eq!(message.open(&first).collect::<Vec<_>>(), ["c@x"]);
        assert_eq!(first.lost["b@x"], "550 unknown");
        assert_eq!(first.late["c@x"], "451 later");
        assert_eq!(first.again, Some(now + SignedDuration::from_mins(1)));
        let fine = Attempt { taken: vec!["c@x".into()], ..Attempt::default() };
        let second = after(&first, &message, &fine, now + SignedDuration::from_mins(1), 1.0);
        assert_eq!(message.open(&second).count(), 0);
        assert_eq!((second.again, second.late.len(), second.taken.len()), (None, 0, 2));
    }

    #[test]
    fn after_three_days_it_is_lost_with_the_last_words() {
        let message = message();
        let (mut now, mut delivery) = (Timestamp::UNIX_EPOCH, Delivery::default());
        while message.open(&delivery).count() > 0 {
            delivery = after(&delivery, &message, &unreachable(), now, 1.0);
            now = delivery.again.unwrap_or(now);
        }
        let hours = now.duration_since(Timestamp::UNIX_EPOCH).as_hours();
        assert!((72..=73).contains(&hours), "{hours}");
        assert_eq!(delivery.lost["a@x"], "given up after 3 days; the last attempt: no route");
        assert!((70..90).contains(&delivery.attempts), "{}", delivery.attempts);
    }

    #[test]
    fn what_another_messages_trouble_postpones_isnt_its_own_attempt() {
        let (message, now) = (message(), Timestamp::UNIX_EPOCH);
        let delivery = postponed(&Delivery::default(), &message, "no route", now, 1.0);
        assert_eq!((delivery.attempts, delivery.late.len()), (0, 3));
        assert_eq!(delivery.again, Some(now + SignedDuration::from_mins(1)));
    }
}
