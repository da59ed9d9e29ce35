//! `/messages`: what people were told, newest first, each opening into its details.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::context;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};

use super::guard::Viewer;
use super::page::{nothing_here, plain, reader};
use super::site::{Settings, Site};
use super::store;
use crate::config::http::{May, PublicUrl};
use crate::plan::render::html::minute;
use crate::report::files;
use crate::report::messages::{CANCEL, job_path};
use crate::report::not_out::fates;
use crate::state::Posted;

const ON_A_PAGE: u32 = 50;

#[derive(Deserialize)]
pub struct Asked {
    /// From 1 on.
    page: Option<u32>,
}

/// A message as a page shows it.
#[derive(Serialize)]
struct Shown {
    id: String,
    subject: String,
    at: String,
    job: String,
    /// The job's page.
    path: String,
    run: Option<String>,
    to: Vec<Recipient>,
    refused: Vec<String>,
    is_lost: bool,
    blocks: Vec<Block>,
}

#[derive(Serialize)]
struct Recipient {
    address: String,
    fate: String,
}

/// A part of a message's text.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum Block {
    Paragraph {
        text: String,
    },
    List {
        items: Vec<String>,
    },
    Commands {
        lines: Vec<String>,
    },
    /// A page of ours, as a path.
    Link {
        what: String,
        href: String,
    },
    /// The page that cancels.
    Cancel {
        href: String,
    },
}

pub async fn all(
    State(site): State<Arc<Site>>,
    Viewer(person): Viewer,
    Query(asked): Query<Asked>,
) -> Response {
    let settings = site.settings();
    let page = asked.page.unwrap_or(1).max(1);
    let before = (page - 1).saturating_mul(ON_A_PAGE);
    let found = match messages(&site, &settings, before).await {
        Ok(found) => found,
        Err(error) => return plain(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    };
    let origin = settings.http.public_url.as_ref().map(PublicUrl::origin);
    let of_page = found.iter().take(ON_A_PAGE as usize);
    let messages: Vec<Shown> =
        of_page.map(|posted| shown(posted, origin.as_deref(), person.may)).collect();
    let is_more = found.len() > ON_A_PAGE as usize;
    let older = is_more.then(|| page.saturating_add(1));
    let newer = (page > 1).then(|| page - 1);
    let values = context! { reader => reader(&person), messages => Serde(messages), newer, older };
    site.pages.show(StatusCode::OK, "messages.html", values)
}

/// One message, by the run that it tells of or by its own name, with the run's result.
pub async fn one(
    State(site): State<Arc<Site>>,
    Viewer(person): Viewer,
    Path(name): Path<String>,
) -> Response {
    let settings = site.settings();
    let found = match about(&site, &settings, &name).await {
        Ok(found) => found,
        Err(error) => return plain(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    };
    let Some(posted) = found else { return nothing_here().await };
    let origin = settings.http.public_url.as_ref().map(PublicUrl::origin);
    let message = shown(&posted, origin.as_deref(), person.may);
    let result = message.run.as_ref().and_then(|run| {
        files::read(&settings.config.results.directory, &message.job, &format!("runs/{run}.yaml"))
    });
    let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let result = result.map(lines);
    let values = context! { reader => reader(&person), message => Serde(message), result };
    site.pages.show(StatusCode::OK, "message.html", values)
}

/// The latest message about a run, or the message of that name.
async fn about(
    site: &Site,
    settings: &Settings,
    name: &str,
) -> Result<Option<Posted>, store::Error> {
    let mut lent = site.store.lend(&settings.config).await?;
    let all = lent.desk.state.messages().await?;
    lent.back();
    let is_meant = |it: &Posted| it.message.run.as_deref() == Some(name) || it.message.id == name;
    Ok(all.into_iter().find(is_meant))
}

/// Those of a page, and one more where there is one.
async fn messages(
    site: &Site,
    settings: &Settings,
    before: u32,
) -> Result<Vec<Posted>, store::Error> {
    let mut lent = site.store.lend(&settings.config).await?;
    let messages = lent.desk.state.newest(before, ON_A_PAGE + 1).await?;
    lent.back();
    Ok(messages)
}

fn shown(posted: &Posted, origin: Option<&str>, may: May) -> Shown {
    let Posted { message, delivery } = posted;
    let to = fates(posted).into_iter();
    Shown {
        id: message.id.clone(),
        subject: message.subject.clone(),
        at: minute(message.at),
        job: message.job.clone(),
        path: job_path(&message.job),
        run: message.run.clone(),
        to: to.map(|(address, fate)| Recipient { address: address.into(), fate }).collect(),
        refused: message.refused.clone(),
        is_lost: !delivery.lost.is_empty(),
        blocks: blocks(&message.text, origin, may),
    }
}

/// The text as it was written: parts are divided by empty lines. An address of ours is a link; one that
/// cancels is for those who may.
fn blocks(text: &str, origin: Option<&str>, may: May) -> Vec<Block> {
    let parts = text.split("\n\n").map(str::trim_end).filter(|part| !part.is_empty());
    parts.flat_map(|part| block(part, origin, may)).collect()
}

fn block(part: &str, origin: Option<&str>, may: May) -> Vec<Block> {
    let all = |before: &str| part.lines().all(|line| line.starts_with(before));
    if all("* ") {
        let items = part.lines().map(|line| line[2..].to_owned()).collect();
        return vec![Block::List { items }];
    }
    if all("    ") {
        let lines = part.lines().map(|line| line[4..].to_owned()).collect();
        return vec![Block::Commands { lines }];
    }
    let of_link = part.split_once(":\n").and_then(|(what, url)| Some((what, own(url, origin)?)));
    match of_link {
        Some((_, path)) if path.starts_with(CANCEL) && may < May::Schedule => {
            let text = "Those who may schedule find a link here by which it is cancelled.".into();
            vec![Block::Paragraph { text }]
        }
        Some((_, path)) if path.starts_with(CANCEL) => vec![Block::Cancel { href: path.into() }],
        Some((what, path)) => vec![Block::Link { what: what.into(), href: path.into() }],
        None => part.lines().map(|line| Block::Paragraph { text: line.into() }).collect(),
    }
}

/// The path of an address of ours.
fn own<'u>(url: &'u str, origin: Option<&str>) -> Option<&'u str> {
    let path = url.strip_prefix(origin?)?;
    (path.starts_with('/') && !path.contains(char::is_whitespace)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_as_it_was_written() {
        let text = "It runs.\n\n* a\n* b\n\n    reconcile x  # y\n    git z  # w\n";
        let paragraph = |text: &str| Block::Paragraph { text: text.into() };
        let wanted = vec![
            paragraph("It runs."),
            Block::List { items: vec!["a".into(), "b".into()] },
            Block::Commands { lines: vec!["reconcile x  # y".into(), "git z  # w".into()] },
        ];
        assert_eq!(blocks(text, None, May::View), wanted);
        assert_eq!(blocks("", None, May::View), []);
    }

    #[test]
    fn own_links_lead_there_and_cancelling_is_not_for_viewers() {
        let origin = "https://shop.example";
        let ticket = "https://shop.example/cancel/spring.1.2.3";
        let told = |url: &str, may| {
            let mut told = blocks(&format!("Look:\n{url}\n"), Some(origin), may);
            told.swap_remove(0)
        };
        let link = Block::Link { what: "Look".into(), href: "/jobs/a".into() };
        assert_eq!(told("https://shop.example/jobs/a", May::View), link);
        let cancel = Block::Cancel { href: "/cancel/spring.1.2.3".into() };
        assert_eq!(told(ticket, May::Schedule), cancel);
        assert!(matches!(told(ticket, May::View), Block::Paragraph { .. }));
        for other in [
            "https://shop.example.evil/x",
            "https://shop.example/a b",
            "https://evil.example/",
            "javascript:alert(1)",
        ] {
            assert!(matches!(told(other, May::Schedule), Block::Paragraph { .. }), "{other}");
        }
        let text = format!("Look:\n{ticket}\n");
        let unknown = blocks(&text, None, May::Schedule);
        assert!(matches!(unknown[0], Block::Paragraph { .. }));
    }
}
