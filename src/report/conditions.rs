//! Conditions of a job, as Kubernetes has them: a few things that are true or not, each with a reason.
//!
//! Answers for the time of a condition changing only when its status does.

use jiff::Timestamp;

use super::standing::{Phase, Standing};
use crate::apply::files::{NOT_ALL, TO_COME};
use crate::job::publishing::listed;
use crate::state::{End, Memory, Trouble};

/// One thing that is true of a job, or isn't, or isn't known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub kind: &'static str,
    pub status: Status,
    /// In CamelCase, for programs.
    pub reason: &'static str,
    /// For people.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    True,
    False,
    Unknown,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// All conditions of a job, in a fixed order.
pub fn conditions(memory: &Memory, standing: &Standing) -> Vec<Condition> {
    let mut all = vec![valid(standing), compared(memory), succeeded(memory)];
    all.extend(files_in_place(memory));
    all.extend(published(memory));
    if standing.phase == Phase::Suspended {
        let (kind, reason) = ("Suspended", "Asked");
        let message = standing.why.clone();
        all.push(Condition { kind, status: Status::True, reason, message });
    }
    all
}

fn valid(standing: &Standing) -> Condition {
    let (status, reason, message) = match standing.phase {
        Phase::Invalid => (Status::False, "BrokenManifest", standing.why.clone()),
        _ => (Status::True, "Checked", "the manifest is fine".into()),
    };
    Condition { kind: "Valid", status, reason, message }
}

fn compared(memory: &Memory) -> Condition {
    let (status, reason, message) = match (&memory.trouble, &memory.compared) {
        (Some(trouble), _) => (Status::False, "Retrying", trouble.error.clone()),
        (None, None) => (Status::Unknown, "NotYet", "it wasn't compared yet".into()),
        (None, Some(compared)) if !compared.failed_modules.is_empty() => {
            let modules = compared.failed_modules.join(", ");
            (Status::False, "ModulesFailed", format!("{modules} couldn't be compared"))
        }
        (None, Some(compared)) => match compared.objections.first() {
            Some(objection) => (Status::True, "ApprovalsCannotRun", objection.clone()),
            None => (Status::True, "Compared", "the latest comparison went through".into()),
        },
    };
    Condition { kind: "Compared", status, reason, message }
}

fn succeeded(memory: &Memory) -> Condition {
    let (status, reason, message) = match &memory.held {
        None => (Status::Unknown, "NotYet", "the request wasn't carried out yet".into()),
        Some(held) => {
            let why = held.ended.why.clone();
            match held.ended.phase {
                End::Succeeded => (Status::True, "Committed", why),
                End::Failed => (Status::False, "Failed", why),
                End::Stale => (Status::False, "Stale", why),
                End::Cancelled => (Status::False, "Cancelled", why),
                End::Missed => (Status::False, "Missed", why),
            }
        }
    };
    Condition { kind: "Succeeded", status, reason, message }
}

/// Whether what runs touched is in the read stores, where it is to get there.
fn published(memory: &Memory) -> Option<Condition> {
    let open = memory.publishing.values().find(|it| !it.is_done);
    let (status, reason, message) = match open.map(|open| (open, &open.trouble)) {
        None => {
            let resources: Vec<_> =
                memory.publishing.values().map(|it| listed(&it.resources)).collect();
            let message =
                format!("the read stores have what was changed of {}", resources.join(", "));
            (Status::True, "Published", message)
        }
        Some((open, None)) => {
            let message = format!("{} will be published anew next", listed(&open.resources));
            (Status::False, "NotYet", message)
        }
        Some((open, Some(trouble))) => {
            let message = format!(
                "{} weren't published anew yet ({} in a row): {}",
                listed(&open.resources),
                trouble.attempts,
                trouble.error
            );
            (Status::False, "Retrying", message)
        }
    };
    (!memory.publishing.is_empty()).then_some(Condition {
        kind: "Published",
        status,
        reason,
        message,
    })
}

/// Whether files that change only after a commit are as they should be, where there are any.
fn files_in_place(memory: &Memory) -> Option<Condition> {
    let open = memory.files.values().find(|it| !it.is_done);
    let (status, reason, message) = match open.map(|open| &open.trouble) {
        None => (Status::True, "InPlace", "all files are as the runs left them".to_owned()),
        Some(None) => (Status::False, "NotYet", TO_COME.to_owned()),
        Some(Some(Trouble { attempts, error, .. })) => {
            let message = format!("{NOT_ALL} ({attempts} in a row): {error}");
            (Status::False, "Retrying", message)
        }
    };
    let kind = "FilesInPlace";
    (!memory.files.is_empty()).then_some(Condition { kind, status, reason, message })
}

/// Notes since when the job stands as it does, and since when each condition holds.
pub fn note(memory: &mut Memory, standing: &Standing, now: Timestamp) {
    let phase = standing.phase.as_str();
    if memory.stood.as_ref().is_none_or(|stood| stood.phase != phase) {
        memory.stood = Some(crate::state::Stood { phase: phase.to_owned(), since: now });
    }
    let found = conditions(memory, standing);
    memory.conditions.retain(|kind, _| found.iter().any(|it| it.kind == kind));
    for condition in found {
        let status = condition.status.as_str();
        let known = memory.conditions.get(condition.kind).is_some_and(|it| it.phase == status);
        if !known {
            let stood = crate::state::Stood { phase: status.to_owned(), since: now };
            memory.conditions.insert(condition.kind.to_owned(), stood);
        }
    }
}
