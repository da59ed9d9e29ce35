//! Names of modules, jobs and resources.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Context;
use crate::manifest::problem::{Problem, Source};
use crate::manifest::words::{COMMANDS, did_you_mean};
use crate::manifest::{Document, Spec, Step};

const NAME: [Step<'static>; 2] = [Step::Key("metadata"), Step::Key("name")];

/// A name stands for one document of its kind, and among jobs for one of either kind: commands,
/// state and result files know a job by its name alone. The same name in two files is how one would replace
/// the other unseen.
pub fn given_once(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<(&str, &str), &Document> = BTreeMap::new();
    for document in &context.manifests.documents {
        let space = match kind_of(document) {
            "RepublishJob" => "SyncJob",
            kind => kind,
        };
        let Some(other) = first.get(&(space, document.name.as_str())) else {
            first.insert((space, &document.name), document);
            continue;
        };
        let kind = kind_of(other);
        let line = other.origin.locate_value(&NAME).line;
        let message = format!("there is another {kind} with the name `{}`", document.name);
        problems.push(
            document.origin.problem(
                Problem::error("duplicate-name", message)
                    .help(format!("it stands in {}:{line}", other.origin.source.name)),
                document.origin.locate_value(&NAME),
            ),
        );
    }
}

/// `reconcile plan` must mean the command.
pub fn no_commands(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let jobs = context.manifests.documents.iter().filter(|document| is_job(document));
    for document in jobs {
        if COMMANDS.contains(&document.name.as_str()) {
            let message = format!(
                "`{0}` can't be the name of a job: `reconcile {0}` is a command",
                document.name
            );
            problems.push(document.origin.problem(
                Problem::error("name-of-command", message),
                document.origin.locate_value(&NAME),
            ));
        }
    }
}

/// Statements of the operator for a module that isn't there would silently never run.
pub fn operators_modules(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let Some(config) = context.config else { return };
    let known: Vec<&str> = context.modules().map(|(module, _)| module.name.as_str()).collect();
    for name in config.modules.keys().filter(|name| !known.contains(&name.as_str())) {
        let message = format!("`modules.{name}`: there is no module of this name");
        let source = Arc::new(Source::unread(&config.path));
        problems.push(
            Problem::warning("unknown-module", message)
                .help_if(did_you_mean(name, known.iter().copied()))
                .in_source(&source),
        );
    }
}

fn is_job(document: &Document) -> bool {
    matches!(document.spec, Spec::SyncJob(_) | Spec::RepublishJob(_))
}

fn kind_of(document: &Document) -> &'static str {
    match &document.spec {
        Spec::Module(_) => "Module",
        Spec::SyncJob(_) => "SyncJob",
        Spec::Resource(_) => "Resource",
        Spec::RepublishJob(_) => "RepublishJob",
    }
}
