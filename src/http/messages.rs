//! `/messages`: what people were told, newest first, each opening into its details.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::context;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};

use super::guard::Viewer;
use super::jobs::path;
use super::page::{plain, reader};
use super::site::{Settings, Site};
use super::store;
use crate::config::http::{May, PublicUrl};
use crate::report::messages::CANCEL;
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
    lines: Vec<TextLine>,
}

#[derive(Serialize)]
struct Recipient {
    address: String,
    fate: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct TextLine {
    text: String,
    href: Option<String>,
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
        at: message.at.to_string(),
        job: message.job.clone(),
        path: path(&message.job),
        run: message.run.clone(),
        to: to.map(|(address, fate)| Recipient { address: address.into(), fate }).collect(),
        refused: message.refused.clone(),
        is_lost: !delivery.lost.is_empty(),
        lines: message.text.lines().map(|text| line(text, origin, may)).collect(),
    }
}

/// A line that is a link of ours leads there. One that cancels is for those who may.
fn line(text: &str, origin: Option<&str>, may: May) -> TextLine {
    let path = origin.and_then(|origin| text.strip_prefix(origin));
    match path.filter(|path| path.starts_with('/') && !path.contains(char::is_whitespace)) {
        Some(path) if path.starts_with(CANCEL) && may < May::Schedule => {
            TextLine { text: "(a link for those who may cancel)".into(), href: None }
        }
        href => TextLine { text: text.to_owned(), href: href.map(str::to_owned) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_links_lead_there_and_cancelling_is_not_for_viewers() {
        let origin = "https://shop.example";
        let ticket = "https://shop.example/cancel/spring.1.2.3";
        for (text, may, shown, href) in [
            ("Look at it:", May::View, "Look at it:", None),
            (
                "https://shop.example/jobs/a",
                May::View,
                "https://shop.example/jobs/a",
                Some("/jobs/a"),
            ),
            (ticket, May::Schedule, ticket, Some("/cancel/spring.1.2.3")),
            (ticket, May::View, "(a link for those who may cancel)", None),
            ("https://shop.example.evil/x", May::View, "https://shop.example.evil/x", None),
            ("https://shop.example/a b", May::View, "https://shop.example/a b", None),
            ("https://evil.example/", May::View, "https://evil.example/", None),
        ] {
            let wanted = TextLine { text: shown.into(), href: href.map(str::to_owned) };
            assert_eq!(line(text, Some(origin), may), wanted, "{text}");
        }
        assert_eq!(line(ticket, None, May::Schedule).href, None);
    }
}
