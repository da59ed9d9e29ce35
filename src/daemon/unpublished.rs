//! What follows committed runs: files that change after the commit, and what the read stores don't have
//! yet. Tried again until it is done.
//!
//! Answers for that going on whatever became of the job since, and for it being said in the job's
//! conditions. What is left to do stands in the ledger and the queues, not here.

use jiff::Timestamp;

use super::hands::{Hands, Store};
use super::learn::{filed, published};
use super::record::NOTING;
use super::turn::Desk;
use crate::apply::Watch;
use crate::apply::files::NOT_ALL;
use crate::job::Context;
use crate::job::files::Filing;
use crate::job::publishing::{Attempt, Came, listed};
use crate::state::{self, Change};

/// What came of something that follows a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    Files(Filing),
    Published(Attempt),
}

impl Followed {
    pub fn came(&self) -> &Came {
        match self {
            Self::Files(filing) => &filing.came,
            Self::Published(attempt) => &attempt.came,
        }
    }

    /// What it is about.
    pub fn subject(&self) -> String {
        match self {
            Self::Files(_) => "files".to_owned(),
            Self::Published(attempt) => format!("publishing {}", listed(&attempt.resources)),
        }
    }

    /// That it is done, for people.
    pub fn done(&self) -> String {
        match self {
            Self::Files(_) => "its files are in place".to_owned(),
            Self::Published(attempt) => {
                format!("published anew: {}", listed(&attempt.resources))
            }
        }
    }

    /// That it isn't.
    pub fn short(&self, why: &str) -> String {
        match self {
            Self::Files(_) => format!("{NOT_ALL}: {why}"),
            Self::Published(attempt) => {
                format!("{} weren't published anew yet: {why}", listed(&attempt.resources))
            }
        }
    }

    /// What is still to be done, for people.
    pub fn pending(&self) -> Option<String> {
        match self {
            Self::Files(filing) => filing.pending(),
            Self::Published(attempt) => attempt.pending(),
        }
    }
}

impl<S: Store, H: Hands> Desk<S, H> {
    /// Tries again whatever of a job is due; returns what came of it.
    pub async fn follow_up(
        &mut self,
        context: &Context<'_>,
        job: &str,
        now: Timestamp,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Followed>, state::Error> {
        let memory = self.state.memory(job).await?.memory;
        let mut followed = Vec::new();
        for (target, filed) in &memory.files {
            if filed.next().is_some_and(|next| next <= now) {
                let filing = self.hands.finish_files(context, *target).await;
                followed.push(self.note_followed(job, Followed::Files(filing), now).await?);
            }
        }
        for (target, publishing) in &memory.publishing {
            if publishing.next().is_some_and(|next| next <= now) {
                let what = (*target, &publishing.resources);
                let attempt = self.hands.publish(context, what, publishing.failed, watch).await;
                followed.push(self.note_followed(job, Followed::Published(attempt), now).await?);
            }
        }
        Ok(followed)
    }

    /// Others may have written about the job meanwhile.
    async fn note_followed(
        &mut self,
        job: &str,
        followed: Followed,
        now: Timestamp,
    ) -> Result<Followed, state::Error> {
        let jitter = self.hands.jitter();
        let mut tried = 1;
        loop {
            let mut remembered = self.state.memory(job).await?;
            match &followed {
                Followed::Files(filing) => filed(&mut remembered.memory, filing, now, jitter),
                Followed::Published(it) => published(&mut remembered.memory, it, now, jitter),
            }
            match self.state.save(job, &mut remembered, &Change::default()).await {
                Err(state::Error::Changed { .. }) if tried < NOTING => tried += 1,
                saved => return saved.map(|()| followed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::config::Environment;
    use crate::report::conditions::conditions;
    use crate::report::{Phase, Standing};
    use crate::state::{End, Memory};

    fn attempt(resource: &str, came: Came) -> Attempt {
        let resources = [resource.to_owned()].into();
        Attempt { target: Environment::Prod, resources, came }
    }

    fn away() -> Came {
        Came::Short { why: "PROD queue is away".into(), failed: 0 }
    }

    fn told(memory: &Memory) -> String {
        let standing = Standing::new(Phase::Ended(End::Succeeded), "run 1 is committed");
        let all = conditions(memory, &standing);
        let found = all.iter().find(|it| it.kind == "Published");
        found.map(|it| format!("{}: {}", it.status.as_str(), it.message)).unwrap_or_default()
    }

    #[test]
    fn what_is_left_is_due_until_the_read_stores_have_it() {
        let mut memory = Memory::default();
        let now: Timestamp = "2026-12-01T02:00:00Z".parse().unwrap();
        assert_eq!((memory.publishes_at(), told(&memory)), (None, String::new()));
        published(&mut memory, &attempt("page", Came::NotYet), now, 0.0);
        assert!(memory.publishes_at().unwrap() <= now, "it is due at once");
        assert_eq!(told(&memory), "False: page will be published anew next");
        published(&mut memory, &attempt("page", away()), now, 0.0);
        assert_eq!(memory.publishes_at(), Some(now + SignedDuration::from_secs(5)));
        published(&mut memory, &attempt("page", away()), now, 0.0);
        assert_eq!(memory.publishes_at(), Some(now + SignedDuration::from_secs(10)));
        let why = "page weren't published anew yet (2 in a row): PROD queue is away";
        assert_eq!(told(&memory), format!("False: {why}"));
        // A later run touches something else.
        published(&mut memory, &attempt("block", Came::NotYet), now, 0.0);
        assert!(memory.publishes_at().unwrap() <= now);
        assert_eq!(told(&memory), "False: block, page will be published anew next");
        published(&mut memory, &attempt("block", Came::There), now, 0.0);
        assert_eq!(memory.publishes_at(), None);
        assert_eq!(told(&memory), "True: the read stores have what was changed of block, page");
    }

    #[test]
    fn messages_that_failed_are_counted_over_attempts() {
        let mut memory = Memory::default();
        let now = "2026-12-01T02:00:00Z".parse().unwrap();
        let failed = Came::Short { why: "2 messages lie in error queues".into(), failed: 2 };
        published(&mut memory, &attempt("page", failed), now, 0.0);
        assert_eq!(memory.publishing[&Environment::Prod].failed, 2);
        published(&mut memory, &attempt("page", Came::There), now, 0.0);
        assert_eq!(memory.publishing[&Environment::Prod].failed, 0);
    }
}
