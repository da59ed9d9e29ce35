//! Ctrl-C and SIGTERM while a command works: what it means then, and what is said of it.
//!
//! Answers for nobody reading of a roll-back where nothing is rolled back, and the other way round.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::Error;
use crate::daemon::stop::{Doing, Stop};
use crate::publish::Halt;

/// What a shell expects of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;
/// Until what is told when somebody asks to stop is true.
const A_MOMENT: Duration = Duration::from_secs(1);
/// Service managers end a process by force after 90 seconds, containers after 30 or 10.
const IN_HAND: Duration = Duration::from_secs(9);

/// Ctrl-C while nothing is written ends the process at once. A run that writes stops at its next
/// write and rolls back; one that publishes stops where it is. A second Ctrl-C doesn't wait for that:
/// the database rolls back by itself, and queues hand out again what nobody acknowledged.
pub fn listen(signal: &Arc<Stop>) {
    let signal = Arc::clone(signal);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            let again = signal.ask();
            let doing = signal.doing();
            if doing != Doing::Reading && !again {
                eprintln!("stopping: {} (once more to stop at once)", meanwhile(doing));
                if let Err(error) = signal.end_statement().await {
                    eprintln!(
                        "the statement under way can't be stopped and is waited for: {error}"
                    );
                }
                continue;
            }
            eprintln!("stopped; {}", left(doing));
            std::process::exit(INTERRUPTED);
        }
    });
}

fn meanwhile(doing: Doing) -> &'static str {
    match doing {
        Doing::Reading | Doing::Writing => "rolling back",
        Doing::Publishing => PUBLISHED,
    }
}

fn left(doing: Doing) -> &'static str {
    match doing {
        Doing::Reading => "nothing was written",
        Doing::Writing => "what isn't committed is rolled back",
        Doing::Publishing => PUBLISHED,
    }
}

/// What stopping leaves of publishing.
const PUBLISHED: &str = "what is published stays, the rest stays queued";

/// Publishes until it is done, or until somebody asks it to stop: then there is nothing to tell.
///
/// # Guarantees
/// What was under way when it stops was either carried out or is handed out again.
pub async fn unless_stopped<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = Box::pin(work);
    tokio::select! {
        done = &mut work => return Some(done),
        () = stopped() => {}
    }
    // What it is just done with is still counted.
    tokio::time::timeout(A_MOMENT, work).await.ok()
}

/// What became of work that may be stopped.
pub enum Stopped<T> {
    /// It ended by itself.
    Done(T),
    /// Somebody asked; what was in hand is carried out.
    Asked(T),
    /// Somebody asked twice, or what was in hand took too long.
    AtOnce,
}

/// Has work end when somebody asks for it: with what is in hand carried out, if that takes no longer
/// than service managers wait, and at once when somebody asks again.
pub async fn until_stopped<T>(halt: &Halt, work: impl Future<Output = T>) -> Stopped<T> {
    let mut work = Box::pin(work);
    tokio::select! {
        done = &mut work => return Stopped::Done(done),
        () = stopped() => halt.ask(),
    }
    eprintln!("stopping: what is in hand is carried out (once more to stop at once)");
    tokio::select! {
        done = &mut work => Stopped::Asked(done),
        () = stopped() => Stopped::AtOnce,
        () = tokio::time::sleep(IN_HAND) => Stopped::AtOnce,
    }
}

/// What is said of publishing that was stopped, with how far it came.
pub fn interrupted(so_far: &str) -> Error {
    Error::failed(format!("stopped ({so_far}); {PUBLISHED}"))
        .hint("the same command goes on; `reconcile worker` does with what is queued")
}

/// Somebody asks this process to stop.
async fn stopped() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
}
