//! Trying again what passes by itself: servers that are away, busy or full.
//!
//! Answers for it being tried less and less often, told each time, and not for ever.

use std::time::{Duration, Instant};

/// Between the first and the second try; each pause is twice the one before.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);

/// How long somebody goes on trying.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    longest: Duration,
    failing: Option<(Instant, Duration)>,
}

impl Patience {
    /// People look on, or nobody else would try.
    pub const LONG: Duration = Duration::from_mins(5);
    /// Whoever asked tries again by itself, later.
    pub const SHORT: Duration = Duration::from_secs(5);

    pub fn new(longest: Duration) -> Self {
        Self { longest, failing: None }
    }

    /// It went well.
    pub fn rest(&mut self) {
        self.failing = None;
    }

    /// It failed: when to try again, if at all.
    pub fn pause(&mut self) -> Option<Duration> {
        let (since, pause) = match self.failing {
            Some((since, _)) if since.elapsed() > self.longest => return None,
            Some(failing) => failing,
            None => (Instant::now(), FIRST),
        };
        self.failing = Some((since, (pause * 2).min(LONGEST)));
        Some(pause.min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_patience_ends() {
        let mut patience = Patience::new(Patience::LONG);
        assert_eq!(patience.pause(), Some(FIRST));
        assert_eq!(patience.pause(), Some(FIRST * 2));
        for _ in 0..20 {
            patience.pause();
        }
        assert_eq!(patience.pause(), Some(LONGEST));
        patience.rest();
        assert_eq!(patience.pause(), Some(FIRST));
        let mut none = Patience::new(Duration::ZERO);
        assert_eq!(none.pause(), Some(FIRST), "once more at least");
        while Instant::now() == none.failing.unwrap().0 {}
        assert_eq!(none.pause(), None);
    }
}
