//! How requests ended, counted: beside them, so that nobody who asks has to read them all.

use std::collections::BTreeMap;

use super::{End, Ended, Error, State, read, text};

/// The name under which the counts are noted.
const COUNTS: &str = "ends";

impl State {
    /// Counts what an earlier release left uncounted, outside any transaction.
    pub(super) async fn begin_counting_ends(&mut self) -> Result<(), Error> {
        if self.noted(COUNTS).await?.is_some() {
            return Ok(());
        }
        let columns = ["job", "request", "ended"].map(str::to_owned);
        let mut ends = BTreeMap::new();
        self.session.begin().await?;
        let none = BTreeMap::new();
        let key = &columns[..2];
        let mut rows = self.session.scan(&self.tables.requests, &columns, key, &none).await?;
        while let Some(row) = rows.next().await? {
            let ended: Ended = read(&row[2], || "what became of a request".into())?;
            *ends.entry(ended.phase).or_default() += 1;
        }
        drop(rows);
        self.session.rollback().await?;
        self.note_first(COUNTS, &in_json(&ends)).await?;
        Ok(())
    }

    /// How many requests and occurrences ended in each way, over all jobs and daemons.
    pub async fn ends(&mut self) -> Result<BTreeMap<End, u64>, Error> {
        let noted = self.noted(COUNTS).await?.unwrap_or_else(|| "{}".to_owned());
        let counted: BTreeMap<End, u64> = read(&text(&noted), || "how requests ended".into())?;
        Ok(End::ALL.map(|end| (end, counted.get(&end).copied().unwrap_or_default())).into())
    }

    /// One more, in the transaction that notes it.
    pub(super) async fn count_end(&mut self, end: End) -> Result<(), Error> {
        let mut ends = self.ends().await?;
        *ends.entry(end).or_default() += 1;
        self.note(COUNTS, &in_json(&ends)).await
    }
}

fn in_json(ends: &BTreeMap<End, u64>) -> String {
    serde_json::to_string(ends).expect("words and numbers are JSON")
}
