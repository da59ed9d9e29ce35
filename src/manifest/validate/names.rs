//! Names of modules and jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Context;
use crate::manifest::problem::{Problem, Source};
use crate::manifest::words::{COMMANDS, did_you_mean};
use crate::manifest::{Document, Spec, Step};

const NAME: [Step<'static>; 2] = [Step::Key("metadata"), Step::Key("name")];

/// A name stands for one document of its kind. The same name in two files is how one would replace
/// the other unseen.
pub fn given_once(context: &Context<'_>, problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<(&str, &str), &Document> = BTreeMap::new();
    for document in &context.manifests.documents {
        let kind = kind_of(document);
        let Some(other) = first.get(&(kind, document.name.as_str())) else {
            first.insert((kind, &document.name), document);
            continue;
        };
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
    for (document, _) in context.jobs() {
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

fn kind_of(document: &Document) -> &'static str {
    match &document.spec {
        Spec::Module(_) => "Module",
        Spec::SyncJob(_) => "SyncJob",
        Spec::Later(kind) => kind,
    }
}
