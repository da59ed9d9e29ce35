//! How requests ended, counted.

use std::collections::BTreeMap;

use super::{End, Ended, Error, State, read};

impl State {
    /// How many requests and occurrences ended in each way, over all jobs and daemons.
    pub async fn ends(&mut self) -> Result<BTreeMap<End, u64>, Error> {
        let columns = ["job", "request", "ended"].map(str::to_owned);
        let mut ends: BTreeMap<End, u64> = End::ALL.map(|end| (end, 0)).into();
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
        Ok(ends)
    }
}
