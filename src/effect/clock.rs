//! The daemon's clock, and its pauses between looks.
//!
//! Answers for tests not having to wait: `RECONCILE_TEST_CLOCK=SECONDS`, in a build with debug
//! assertions, sets the clock ahead by that and has every pause end soon, with the clock put forward
//! by the rest of it. Servers are waited for only a few seconds then.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// What is left of a pause in haste.
const SHORT: Duration = Duration::from_millis(20);
/// Others are waited for so long in haste.
const PATIENCE: Duration = Duration::from_secs(2);

/// How far ahead the clock is, in milliseconds; nothing where it goes right.
static AHEAD: LazyLock<Option<AtomicU64>> = LazyLock::new(|| {
    let seconds = std::env::var("RECONCILE_TEST_CLOCK").ok()?;
    Some(AtomicU64::new(1000 * seconds.parse::<u64>().expect("a number of seconds")))
});

/// The time by the daemon's clock.
pub fn now() -> Timestamp {
    Timestamp::now() + ahead()
}

/// The same for measuring how long something takes, whatever happens to the system's time.
pub fn instant() -> Instant {
    Instant::now() + ahead()
}

fn ahead() -> Duration {
    let ahead = cfg!(debug_assertions).then(|| AHEAD.as_ref()).flatten();
    ahead.map_or(Duration::ZERO, |ahead| Duration::from_millis(ahead.load(Ordering::SeqCst)))
}

/// How long to wait for somebody else. In haste nobody is waited for for minutes.
pub fn limit(time: Duration) -> Duration {
    match cfg!(debug_assertions) && AHEAD.is_some() {
        true => time.min(PATIENCE),
        false => time,
    }
}

/// Waits until so much time has passed by the daemon's clock.
pub async fn pause(time: Duration) {
    if cfg!(debug_assertions)
        && let Some(ahead) = &*AHEAD
    {
        tokio::time::sleep(time.min(SHORT)).await;
        let rest = time.saturating_sub(SHORT).as_millis();
        ahead.fetch_add(u64::try_from(rest).unwrap_or_default(), Ordering::SeqCst);
        return;
    }
    tokio::time::sleep(time).await;
}
