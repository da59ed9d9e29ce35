//! The plan as a page on which people tick what they approve.
//!
//! Answers for one file that needs no network: data, style and script stand in it, and its policy
//! lets nothing else run. What the page does with the data is `web/`'s, of which the two files beside
//! this one are made by `scripts/page`.

mod details;
mod index;

use std::collections::{BTreeMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::escape::{harmless, html as escaped, is_invisible, visible};
use crate::manifest::sync_job::{Approval, SyncJobSpec};
use crate::plan::approval::{Missing, Selected, name, selected};
use crate::plan::change::{Change, Class, Plan};
use crate::put::put;

pub use details::images;

/// The style of all pages.
pub const STYLE: &str = include_str!("html/style.css");
/// What the review has besides.
const REVIEW_STYLE: &str = include_str!("html/review.css");
const SCRIPT: &str = include_str!("html/review.js");
/// Changes whose details stand in one block, which is read when one of them is opened.
const CHUNK: usize = 100;

/// What a page says beside the plan.
pub struct About<'a> {
    /// What the manifest asks for: the page begins with it.
    pub asked: Option<&'a SyncJobSpec>,
    /// When it was compared, for people.
    pub as_of: Option<String>,
    /// A daemon keeps the plan, so `all@DIGEST` can stand for what it showed.
    pub is_stored: bool,
    pub served: Option<Served>,
    pub images: &'a dyn Images,
}

/// What a page that the daemon serves can do.
pub struct Served {
    /// Where the form goes that schedules, or why there is none.
    pub schedule: Result<String, String>,
}

/// The side of a comparison on which a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Source,
    Target,
}

/// Where pages have their images from.
pub trait Images: Sync {
    /// The address of an image below a side's gallery, or all of it as a `data:` address.
    fn address(&self, side: Side, path: &str) -> Option<String>;
}

/// A page without images.
pub struct NoImages;

impl Images for NoImages {
    fn address(&self, _: Side, _: &str) -> Option<String> {
        None
    }
}

/// `2026-11-23 14:02 UTC`
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// What a page is put together from.
pub struct Parts {
    /// Elements for the head.
    pub head: String,
    /// Elements for the body, below the heading.
    pub body: String,
}

/// The whole file.
pub fn html(plan: &Plan, about: &About<'_>) -> String {
    let Parts { head, body } = parts(plan, about);
    let title = format!("Changes review: {}", escaped(&visible(&plan.job)));
    let policy = policy("data:", "'none'", "");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n{head}</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// The style, the data and the script of a review, for a page that the daemon serves.
pub fn parts(plan: &Plan, about: &About<'_>) -> Parts {
    let mut body = String::from(
        "<noscript><p>This page needs JavaScript to show the changes; it loads nothing and sends \
         nothing by itself. The same plan is in <code>plan.md</code>.</p></noscript>\n\
         <div id=\"review\"></div>\n",
    );
    let approved = approved(plan, about.asked);
    data(&mut body, "id=\"plan\"", &index::index(plan, &approved, CHUNK));
    data(&mut body, "id=\"about\"", &told(plan, about, &approved));
    let block = |(number, changes): (usize, &[Change])| {
        let details: Vec<_> =
            changes.iter().map(|change| details::details(change, about.images)).collect();
        let mut block = String::new();
        data(&mut block, &format!("class=\"details\" id=\"details-{number}\""), &details);
        block
    };
    let blocks: Vec<String> = plan.changes.par_chunks(CHUNK).enumerate().map(block).collect();
    body.extend(blocks);
    put!(body, "<script>{SCRIPT}</script>\n");
    Parts { head: format!("<style>{REVIEW_STYLE}</style>\n"), body }
}

/// What a browser lets a page with a review do. `images` and `forms` are sources; `more` is further
/// directives, each begun by `; `.
pub fn policy(images: &str, forms: &str, more: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", BASE64.encode(Sha256::digest(text)));
    let (script, style, review) = (hash(SCRIPT), hash(STYLE), hash(REVIEW_STYLE));
    format!(
        "default-src 'none'; script-src {script}; style-src 'self' {style} {review}; \
         img-src {images}; form-action {forms}; base-uri 'none'{more}"
    )
}

/// What the manifest approves of the plan, by places in it. Where there is no manifest, the plan says
/// what was approved, but not how a conflict was answered.
fn approved(plan: &Plan, asked: Option<&SyncJobSpec>) -> BTreeMap<usize, Selected> {
    let Some(spec) = asked else {
        let changes = plan.changes.iter().enumerate();
        let approved = changes.filter(|(_, it)| it.approved && it.class != Class::Conflict);
        return approved.map(|(at, _)| (at, Selected::AsIs)).collect();
    };
    selected(plan, &spec.approved, Missing::of(spec)).into_iter().collect()
}

/// What the manifest approves beside what the page can show as ticked: whether a class by `all`, and how
/// many records that the plan doesn't have as they were approved.
fn besides(plan: &Plan, spec: &SyncJobSpec, approved: &BTreeMap<usize, Selected>) -> Json {
    let shown: HashSet<String> = approved.keys().map(|at| name(&plan.changes[*at])).collect();
    let done: HashSet<&String> = plan.done.iter().collect();
    let (mut all, mut unseen) = (false, 0);
    for (table, approvals) in &spec.approved {
        for (_, entries) in approvals.classes() {
            for entry in entries {
                match entry {
                    Approval::All => all = true,
                    Approval::AllOfPlan(digest) => all |= !plan.digest.starts_with(digest.as_str()),
                    Approval::Id(id) | Approval::Pinned { id, .. } => {
                        let name = format!("{table}/{id}");
                        unseen += u64::from(!shown.contains(&name) && !done.contains(&name));
                    }
                }
            }
        }
    }
    json!({ "all": all, "unseen": unseen })
}

fn told(plan: &Plan, about: &About<'_>, approved: &BTreeMap<usize, Selected>) -> Json {
    let schedule = about.asked.and_then(|spec| spec.schedule.as_ref());
    let served = about.served.as_ref().map(|served| match &served.schedule {
        Ok(post) => json!({ "post": post, "whyNot": null }),
        Err(why) => json!({ "post": null, "whyNot": harmless(why) }),
    });
    json!({
        "schedule": schedule.map(|schedule| match &schedule.cron {
            Some(cron) => json!({ "cron": cron, "timeZone": schedule.time_zone }),
            None => json!({ "at": schedule.at, "timeZone": schedule.time_zone }),
        }),
        "dryRun": about.asked.is_some_and(|spec| spec.dry_run),
        "stored": about.is_stored,
        "served": served,
        "asOf": about.as_of,
        "undo": about.asked.and_then(|spec| spec.undo.as_ref()),
        "basis": about.asked.map(SyncJobSpec::request_hash),
        "besides": about.asked.map(|spec| besides(plan, spec, approved)),
    })
}

/// A block of data. Outside of its strings stands neither `<` nor anything invisible, so what is
/// written out there is inside of one: nothing in it ends the block, and nothing is hidden.
fn data(out: &mut String, attributes: &str, value: &impl Serialize) {
    let text = serde_json::to_string(value).expect("our values have only text keys");
    put!(out, "<script type=\"application/json\" {attributes}>");
    let mut rest = text.as_str();
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| *c == '<' || is_invisible(*c)) {
        out.push_str(&rest[..at]);
        for unit in c.encode_utf16(&mut [0; 2]) {
            put!(out, "\\u{unit:04x}");
        }
        rest = &rest[at + c.len_utf8()..];
    }
    out.push_str(rest);
    out.push_str("</script>\n");
}

#[cfg(test)]
#[path = "html/tests.rs"]
mod tests;
