//! When runs may start: the operator's windows.
//!
//! Answers for one question, at any moment: is it open, and if not, since when and until when. Without
//! a window of kind `allow` it is open; `deny` wins. A window lasts its hours from each moment of its
//! cron expression.

use jiff::{Timestamp, ToSpan};

use super::occurrences;
use super::schedule::{parse_cron, time_zone};
use crate::config::{Window, WindowKind};

/// Ends of windows that are looked at in search of the next opening.
const MOST_STEPS: usize = 2_000;

/// Whether runs may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    Open,
    /// Closed, why, and when it opens; never, where the windows leave no room for years.
    Closed {
        why: String,
        opens: Option<Timestamp>,
    },
}

/// Whether runs may start at a moment.
pub fn opening(windows: &[Window], at: Timestamp) -> Opening {
    match why_closed(windows, at) {
        None => Opening::Open,
        Some(why) => Opening::Closed { why, opens: opens(windows, at) },
    }
}

fn why_closed(windows: &[Window], at: Timestamp) -> Option<String> {
    let covers = |window: &&Window| end(window, at).is_some();
    let of = |kind| windows.iter().filter(move |window| window.kind == kind);
    if let Some(denied) = of(WindowKind::Deny).find(covers) {
        return Some(format!("the operator's deny window `{}`", shown(denied)));
    }
    let mut allowed = of(WindowKind::Allow).peekable();
    allowed.peek()?;
    if allowed.any(|window| covers(&window)) {
        return None;
    }
    let all: Vec<String> = of(WindowKind::Allow).map(|it| format!("`{}`", shown(it))).collect();
    Some(format!("outside of the operator's allow window {}", all.join(", ")))
}

/// `0 22 * * 1-5 for 8 h Europe/Warsaw`
fn shown(window: &Window) -> String {
    let Window { cron, hours, time_zone, .. } = window;
    format!("{cron} for {hours} h {time_zone}")
}

/// When a window that covers a moment ends.
fn end(window: &Window, at: Timestamp) -> Option<Timestamp> {
    let (cron, zone) = (parse_cron(&window.cron).ok()?, time_zone(&window.time_zone).ok()?);
    let start = occurrences::latest(&cron, &zone, at, window.hours)?;
    start.checked_add(i64::try_from(window.hours).ok()?.hours()).ok()
}

fn begins(window: &Window, after: Timestamp) -> Option<Timestamp> {
    let (cron, zone) = (parse_cron(&window.cron).ok()?, time_zone(&window.time_zone).ok()?);
    occurrences::next(&cron, &zone, after).map(|next| next.instant)
}

/// The first open moment after a closed one.
fn opens(windows: &[Window], from: Timestamp) -> Option<Timestamp> {
    let mut at = from;
    for _ in 0..MOST_STEPS {
        why_closed(windows, at)?;
        let denied = windows.iter().filter(|window| window.kind == WindowKind::Deny);
        let denied_until = denied.filter_map(|window| end(window, at)).max();
        at = if let Some(until) = denied_until {
            until
        } else {
            let allowed = windows.iter().filter(|window| window.kind == WindowKind::Allow);
            allowed.filter_map(|window| begins(window, at)).min()?
        };
        if why_closed(windows, at).is_none() {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(kind: WindowKind, cron: &str, hours: u64) -> Window {
        Window { kind, cron: cron.into(), hours, time_zone: "Europe/Warsaw".into() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn deny_wins_and_without_allow_it_is_open() {
        let nights = window(WindowKind::Allow, "0 22 * * *", 8);
        let christmas = window(WindowKind::Deny, "0 0 24 12 *", 72);
        let both = [nights.clone(), christmas.clone()];
        // (windows, moment, open)
        let cases = [
            (&[][..], "2026-12-24T12:00:00Z", true),
            (&both[..1], "2026-11-20T21:00:00Z", true),
            (&both[..1], "2026-11-20T20:59:59Z", false),
            (&both[..1], "2026-11-21T04:59:59Z", true),
            (&both[..1], "2026-11-21T05:00:00Z", false),
            (&both[1..], "2026-12-23T12:00:00Z", true),
            (&both[1..], "2026-12-24T12:00:00Z", false),
            (&both, "2026-12-24T22:00:00Z", false),
            (&both, "2026-12-27T22:00:00Z", true),
        ];
        for (windows, moment, open) in cases {
            let found = opening(windows, at(moment)) == Opening::Open;
            assert_eq!(found, open, "{moment} {windows:?}");
        }
        let Opening::Closed { opens, .. } = opening(&both, at("2026-12-24T12:00:00Z")) else {
            panic!("closed")
        };
        // 27 December 00:00 in Warsaw, in the midst of the night window that began on the 26th.
        assert_eq!(opens, Some(at("2026-12-26T23:00:00Z")));
    }

    #[test]
    fn windows_that_leave_no_room_never_open() {
        let always = window(WindowKind::Deny, "* * * * *", 1);
        let Opening::Closed { opens, why } = opening(&[always], at("2026-12-24T12:00:00Z")) else {
            panic!("closed")
        };
        assert_eq!((opens, why.contains("deny window")), (None, true), "{why}");
    }
}
