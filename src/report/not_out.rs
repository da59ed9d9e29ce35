//! Mail that somebody didn't get, in sentences.
//!
//! Answers for result files saying so without changing at each attempt: what passes by itself isn't
//! mentioned there, and words of a server only once they are its last.

use crate::escape::harmless;
use crate::state::Posted;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// What holds for a while: for result files.
    Lasting,
    /// Also what the latest attempt met with: for somebody who asks.
    All,
}

/// Failed attempts after which result files mention a message.
const ATTEMPTS_BEFORE_TELLING: u32 = 3;
/// Lost messages that are named, the latest.
const MOST_LOST: usize = 5;

/// What didn't get out of a job's messages; `posted` are those of all jobs, oldest first.
pub fn not_out(posted: &[Posted], job: &str, words: Words) -> Vec<String> {
    let of_job = || posted.iter().rev().filter(|posted| posted.message.job == job);
    let lost = of_job().flat_map(lost).take(MOST_LOST);
    let late = of_job().flat_map(|posted| late(posted, words));
    lost.chain(late).collect()
}

/// What became of a message at each recipient, in words.
pub fn fates(posted: &Posted) -> Vec<(&str, String)> {
    let Posted { message, delivery } = posted;
    let fate = |to: &String| match (
        delivery.taken.get(to),
        delivery.lost.get(to),
        delivery.late.get(to),
    ) {
        (Some(at), ..) => {
            format!("taken by the mail server at {}", at.strftime("%Y-%m-%dT%H:%M:%SZ"))
        }
        (None, Some(why), _) => format!("lost: {why}"),
        (None, None, Some(why)) => format!("not sent yet: {why}"),
        (None, None, None) => "not sent yet".into(),
    };
    message.to.iter().map(|to| (to.as_str(), fate(to))).collect()
}

/// Recipients who won't get a message, with what their server said.
pub fn lost(posted: &Posted) -> Vec<String> {
    let subject = harmless(&posted.message.subject);
    let lost = posted.delivery.lost.iter();
    lost.map(|(to, why)| format!("{to} didn't get the mail `{subject}`: {}", harmless(why)))
        .collect()
}

fn late(posted: &Posted, words: Words) -> Vec<String> {
    let (message, delivery) = (&posted.message, &posted.delivery);
    let subject = harmless(&message.subject);
    let of_one = |to: &str| match (words, delivery.late.get(to)) {
        (Words::All, Some(why)) => Some(format!(
            "{to} doesn't have the mail `{subject}` yet, it is sent again: {}",
            harmless(why)
        )),
        (Words::Lasting, Some(_)) if delivery.attempts > ATTEMPTS_BEFORE_TELLING => {
            Some(format!("{to} doesn't have the mail `{subject}` yet, it is sent again"))
        }
        _ => None,
    };
    message.open(delivery).filter_map(of_one).collect()
}
