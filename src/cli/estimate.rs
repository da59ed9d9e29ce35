//! How long a run still takes: pure.
//!
//! Answers for an estimate that follows from what this run has done so far. Where that says too little
//! there is none.

use std::time::Duration;

use crate::apply::Stage;

/// Before this nothing is said: what begins slowly may go on quickly.
const SILENT: Duration = Duration::from_secs(1);

/// How far a run is.
#[derive(Debug, Clone, Default)]
pub struct Course {
    /// Stages that are over, with the time each took.
    pub past: Vec<(Stage, Duration)>,
    pub now: Option<Now>,
}

/// The stage that is under way.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    pub stage: Stage,
    pub elapsed: Duration,
    pub done: usize,
    /// 0 where nobody knows.
    pub all: usize,
}

/// How the time of a large run is spread over its stages, in hundredths, roughly over all engines. The
/// first comparison depends on the tables, not on the records, so it says nothing.
fn weight(stage: Stage) -> f64 {
    match stage {
        Stage::Comparing | Stage::Deciding | Stage::Copying | Stage::Publishing => 0.0,
        Stage::ComparingAgain => 45.0,
        Stage::Locking | Stage::Placing => 5.0,
        Stage::Writing => 20.0,
        Stage::ReadingBack => 10.0,
        Stage::Recording => 15.0,
        Stage::AfterWrite | Stage::Committing => 1.0,
    }
}

/// The time left; `None` while it can't be known.
pub fn left(course: &Course) -> Option<Duration> {
    if let Some(now) =
        course.now.filter(|now| matches!(now.stage, Stage::Copying | Stage::Publishing))
    {
        return straight(now);
    }
    let now = course.now.filter(|now| weight(now.stage) > 0.0)?;
    let counted = course.past.iter().filter(|(stage, _)| weight(*stage) > 0.0);
    let mut time: f64 = counted.clone().map(|(_, took)| took.as_secs_f64()).sum();
    let mut weights: f64 = counted.map(|(stage, _)| weight(*stage)).sum();
    let elapsed = now.elapsed.as_secs_f64();
    if time + elapsed < SILENT.as_secs_f64() {
        return None;
    }
    let part = now.part();
    if let Some(part) = part {
        time += elapsed;
        weights += weight(now.stage) * part;
    }
    if weights <= 0.0 {
        return None;
    }
    let later = Stage::ALL.into_iter().filter(|stage| *stage > now.stage).map(weight).sum::<f64>();
    let remaining = match part {
        Some(part) => elapsed * (1.0 - part) / part,
        None => (weight(now.stage) * time / weights - elapsed).max(0.0),
    };
    Some(Duration::from_secs_f64(remaining + later * time / weights))
}

/// What is left of a stage that is alone, and whose steps take equally long.
fn straight(now: Now) -> Option<Duration> {
    let elapsed = now.elapsed.as_secs_f64();
    let part = now.part().filter(|_| now.elapsed >= SILENT)?;
    Some(Duration::from_secs_f64(elapsed * (1.0 - part) / part))
}

impl Now {
    /// How much of the stage is done; `None` before the first step.
    fn part(self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate needs no more")]
        let part = (self.done as f64 / self.all.max(1) as f64).min(1.0);
        (self.all > 0 && part > 0.0).then_some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(course: &Course) -> Option<f64> {
        left(course).map(|left| (left.as_secs_f64() * 10.0).round() / 10.0)
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is put where there may be none")]
    fn at(stage: Stage, elapsed_ms: u64, done: usize, all: usize) -> Option<Now> {
        Some(Now { stage, elapsed: Duration::from_millis(elapsed_ms), done, all })
    }

    #[test]
    fn more_than_all_is_all() {
        let past = vec![(Stage::Comparing, Duration::from_secs(30))];
        let all = Course { past: past.clone(), now: at(Stage::Recording, 5_000, 100, 100) };
        let more = Course { past, now: at(Stage::Recording, 5_000, 300, 100) };
        assert_eq!(seconds(&more), seconds(&all));
    }

    #[test]
    fn nothing_is_said_before_anything_is_known() {
        let second = Duration::from_secs(1);
        let compared = vec![(Stage::Comparing, 30 * second), (Stage::Deciding, 5 * second)];
        for now in [
            None,
            at(Stage::Comparing, 20_000, 0, 0),
            // The first second.
            at(Stage::ComparingAgain, 900, 50, 100),
            // However long: no step is done.
            at(Stage::ComparingAgain, 9_000, 0, 100),
        ] {
            assert_eq!(seconds(&Course { past: compared.clone(), now }), None, "{now:?}");
        }
    }

    #[test]
    fn what_is_done_says_how_long_the_rest_takes() {
        // 9 s for a weight of 45, so 5 hundredths a second.
        let past = vec![
            (Stage::Comparing, Duration::from_secs(99)),
            (Stage::ComparingAgain, Duration::from_secs(9)),
        ];
        let course = |now| Course { past: past.clone(), now };
        // Locking 1 s, placing 1 s, and 47 hundredths more.
        assert_eq!(seconds(&course(at(Stage::Locking, 0, 0, 0))), Some(11.4));
        // Writing is slower than its weight says: half of it took 8 s instead of 2.
        let now = at(Stage::Writing, 8_000, 500, 1000);
        let left = seconds(&course(now)).unwrap();
        assert!(left > 8.0 + 27.0 * 9.0 / 45.0, "{left}");
        // The last stage has no steps.
        assert_eq!(seconds(&course(at(Stage::Committing, 50, 0, 0))), Some(0.2));
        assert_eq!(seconds(&course(at(Stage::Committing, 5_000, 0, 0))), Some(0.0));
    }
}
