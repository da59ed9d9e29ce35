//! How long a server's answer is waited for.
//!
//! Answers for no wait without an end. Servers end their own statements (`statement_timeout`,
//! `max_statement_time`), but a network that swallows everything brings no word of that, and a socket
//! without anything to send waits for ever: the driver has no deadline and sets none for TCP. So each
//! wait for a row or an answer has one that is longer than any statement may take. Afterwards nobody
//! knows what the server did, and the connection is of no more use.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{BoxStream, Stream, StreamExt};
use tokio::time::Sleep;

use crate::effect::clock;

/// The limit of a statement, and half a minute for its answer to get here.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60 + 30);

/// Falls once a server doesn't answer.
#[derive(Debug, Clone)]
pub(super) struct Silence {
    fell: Arc<AtomicBool>,
    longest_wait: Duration,
}

impl Default for Silence {
    fn default() -> Self {
        Self { fell: Arc::default(), longest_wait: clock::limit(LONGEST_WAIT) }
    }
}

impl Silence {
    pub fn fell(&self) -> bool {
        self.fell.load(Ordering::Relaxed)
    }

    fn falls(&self) -> sqlx::Error {
        self.fell.store(true, Ordering::Relaxed);
        sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            "the server gave no answer within its limits",
        ))
    }

    /// An answer that comes at once.
    pub async fn limit<T>(&self, answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        let answered = tokio::time::timeout(self.longest_wait, answer).await;
        answered.unwrap_or_else(|_| Err(self.falls()))
    }

    /// An answer that comes row by row.
    pub fn limit_rows<'s, T: 's>(
        &self,
        rows: impl Stream<Item = sqlx::Result<T>> + Send + 's,
    ) -> BoxStream<'s, sqlx::Result<T>> {
        Answer { rows: Box::pin(rows), waiting: None, silence: self.clone() }.boxed()
    }
}

struct Answer<R> {
    rows: Pin<Box<R>>,
    /// Only while nothing is there, so that a row that is there costs no timer.
    waiting: Option<Pin<Box<Sleep>>>,
    silence: Silence,
}

impl<T, R: Stream<Item = sqlx::Result<T>>> Stream for Answer<R> {
    type Item = sqlx::Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.silence.fell() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(row) = self.rows.as_mut().poll_next(context) {
            self.waiting = None;
            return Poll::Ready(row);
        }
        let longest = self.silence.longest_wait;
        let wait = || Box::pin(tokio::time::sleep(longest));
        match self.waiting.get_or_insert_with(wait).as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(self.silence.falls()))),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short() -> Silence {
        Silence { longest_wait: Duration::from_millis(200), ..Silence::default() }
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_more_isnt_waited_for() {
        let silence = short();
        let some = futures_util::stream::iter([Ok(1)]);
        let mut rows = silence.limit_rows(some.chain(futures_util::stream::pending()));
        assert_eq!(rows.next().await.unwrap().unwrap(), 1);
        let error = rows.next().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("no answer"), "{error}");
        assert!(silence.fell() && rows.next().await.is_none());
        let (silence, never) = (short(), std::future::pending::<sqlx::Result<()>>());
        assert!(silence.limit(never).await.is_err() && silence.fell());
    }

    #[tokio::test]
    async fn each_row_may_take_its_time() {
        let silence = short();
        let slow = futures_util::stream::iter(0..4).then(|number| async move {
            tokio::time::sleep(Duration::from_millis(70)).await;
            Ok(number)
        });
        assert_eq!(silence.limit_rows(slow).count().await, 4);
        assert!(!silence.fell());
    }
}
