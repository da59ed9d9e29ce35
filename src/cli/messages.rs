//! `reconcile messages [NAME]`: what people were told, newest first.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::prepare::block_on;
use super::{Error, ErrorKind, Format, Global, Outcome, output};
use crate::escape::{harmless, visible};
use crate::put::put;
use crate::report::not_out::fates;
use crate::state::{Posted, State};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whom the listing is written for
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// How many, at most
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub limit: usize,
    /// Only messages about this job; or the message about this run, in full
    #[arg(value_name = "JOB|RUN")]
    pub about: Option<String>,
}

pub fn run(args: &Args, global: &Global) -> Result<Outcome, Error> {
    let config = Arc::new(global.config()?);
    let all = block_on(async { Ok(State::open(&config).await?.messages().await?) })?;
    let about = args.about.as_deref();
    let is_meant = |posted: &&Posted| {
        about.is_none_or(|about| {
            posted.message.job == about || posted.message.run.as_deref() == Some(about)
        })
    };
    let found: Vec<&Posted> = all.iter().filter(is_meant).take(args.limit).collect();
    if let (true, Some(about)) = (found.is_empty(), about) {
        let message = format!("there is no message about {}", visible(about));
        return Err(Error::new(ErrorKind::Failed, message));
    }
    match args.format {
        Format::Json => {
            let list: Vec<Json> = found.iter().map(|posted| to_json(posted)).collect();
            output::json(&json!({ "messages": list }))?;
        }
        Format::Text => {
            let in_full = found.iter().all(|posted| posted.message.run.as_deref() == about);
            let told: Vec<String> = found.iter().map(|posted| shown(posted, in_full)).collect();
            let told = if told.is_empty() { "there is no message\n".into() } else { told.concat() };
            output::print(&told)?;
        }
    }
    Ok(Outcome::Fine)
}

fn shown(posted: &Posted, in_full: bool) -> String {
    let message = &posted.message;
    let mut out = format!("{}  {}\n", message.at, harmless(&message.subject));
    if !in_full {
        return out;
    }
    for (to, fate) in fates(posted) {
        put!(out, "  to {}: {}\n", harmless(to), harmless(&fate));
    }
    for to in &message.refused {
        put!(out, "  not to {}: the operator's `mail.recipients` don't allow it\n", harmless(to));
    }
    out.push('\n');
    for line in message.text.lines() {
        put!(out, "  {line}\n");
    }
    out.push('\n');
    out
}

fn to_json(posted: &Posted) -> Json {
    let Posted { message, delivery } = posted;
    json!({
        "id": message.id,
        "job": message.job,
        "run": message.run,
        "at": message.at.to_string(),
        "subject": message.subject,
        "text": message.text,
        "to": message.to,
        "notAllowed": message.refused,
        "taken": delivery.taken,
        "lost": delivery.lost,
        "late": delivery.late,
    })
}
