//! A search server: whether it can be written to, and what of its indexes would keep documents from it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Finding;
use crate::config::{Config, Environment, Secret};
use crate::plan::render::words::count;
use crate::store::elastic::{Facts, Index};
use crate::store::{self, Elastic, Field};

/// A clock that is off by more seconds has messages believed that shouldn't be.
const CLOCK_SECONDS: i64 = 60;

/// Fields by the type of documents, as resources have them.
pub type Fields = BTreeMap<String, Vec<Field>>;

pub async fn examine(
    config: &Config,
    (environment, about): (Environment, &str),
    url: &Secret,
    fields: &Fields,
) -> Vec<Finding> {
    match facts(config, environment, url).await {
        Ok(facts) => findings(&facts, about, fields),
        Err(error) => {
            let advice = "see `publish.search` in the operator's file: the address, `ca`, and whether the \
                          user or `apiKey` may use the server";
            vec![Finding::broken(about, error.to_string()).advice(advice)]
        }
    }
}

async fn facts(config: &Config, environment: Environment, url: &Secret) -> store::Result<Facts> {
    Elastic::of(config, environment, url).await?.facts().await
}

fn findings(facts: &Facts, about: &str, fields: &Fields) -> Vec<Finding> {
    let version = match facts.versions.as_slice() {
        [] => "of a version that this account may not ask for".to_owned(),
        versions => format!("version {}", versions.join(" and ")),
    };
    let told = count(facts.indexes.len() as u64, "index", "indexes");
    let mut findings = vec![Finding::ok(about, format!("a server {version}, {told}"))];
    if facts.health.as_deref() == Some("red") {
        findings.push(
            Finding::broken(about, "its health is red: parts of some indexes are away")
                .advice("`GET /_cluster/allocation/explain` of the server says why"),
        );
    }
    let here = Timestamp::now().as_second();
    if let Some(apart) = facts.clock.map(|clock| (clock - here).abs())
        && apart > CLOCK_SECONDS
    {
        let message = format!("its clock and this host's are {apart} seconds apart");
        findings.push(Finding::warning(about, message).advice("have both ask one time server"));
    }
    for index in &facts.indexes {
        findings.extend(of_index(index, about));
        findings.extend(of_fields(index, about, fields));
    }
    findings
}

fn of_index(index: &Index, about: &str) -> Vec<Finding> {
    let name = &index.name;
    let broken = |what: String, advice: &str| Finding::broken(about, what).advice(advice);
    let mut findings = Vec::new();
    if index.is_closed {
        let advice = format!("open it (`POST /{name}/_open`), or remove it");
        return vec![broken(format!("index {name} is closed"), &advice)];
    }
    if index.is_left() {
        let message = format!("index {name} was left by a rebuild that didn't end");
        findings.push(Finding::warning(about, message).advice(
            "unless one is under way, `reconcile sync:data --rebuild` removes it and makes another",
        ));
    }
    if index.health == "red" {
        findings.push(broken(
            format!("index {name} is red: not all of it is there"),
            "workers hold its messages until it is back",
        ));
    }
    if !index.blocks.is_empty() {
        findings.push(broken(
            format!("index {name} can't be written: {}", index.blocks.join(", ")),
            "free space on the server's disks, or take the block away; workers hold its messages until then",
        ));
    }
    if !index.may_be_written {
        findings.push(broken(
            format!("this account may not write to index {name}"),
            "give it the right to write to indexes of the prefix",
        ));
    }
    if !remembers(index.gc_deletes.as_deref()) {
        let kept = index.gc_deletes.as_deref().unwrap_or("60s");
        let message = format!("index {name} forgets deletions after {kept} (`index.gc_deletes`)");
        findings.push(Finding::warning(about, message).advice(
            "a write that is delayed for longer could bring back what was deleted: set it to 1h",
        ));
    }
    findings
}

/// Whether deletions are remembered for an hour.
fn remembers(gc_deletes: Option<&str>) -> bool {
    let Some(text) = gc_deletes else { return false };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().unwrap_or_default();
    match &text[digits.len()..] {
        "d" | "h" => number >= 1,
        "m" => number >= 60,
        "s" => number >= 3600,
        "ms" => number >= 3_600_000,
        _ => false,
    }
}

fn of_fields(index: &Index, about: &str, fields: &Fields) -> Vec<Finding> {
    let names: Vec<&str> = match index.aliases.as_slice() {
        [] => vec![&index.name],
        aliases => aliases.iter().map(String::as_str).collect(),
    };
    let is_of = |kind: &str| {
        let kind = kind.to_lowercase();
        names.iter().any(|name| **name == kind || name.ends_with(&format!("_{kind}")))
    };
    let kinds = fields.iter().filter(|(kind, _)| is_of(kind)).max_by_key(|(kind, _)| kind.len());
    let Some((_, fields)) = kinds else { return Vec::new() };
    let name = names[0];
    let mut findings = Vec::new();
    let conflicts = index.conflicts(fields);
    if !conflicts.is_empty() {
        findings.push(
            Finding::broken(about, format!("index {name}: {}", conflicts.join("; "))).advice(
                "documents are refused or found wrongly; `reconcile sync:data --rebuild` makes the index anew",
            ),
        );
    }
    let missing = index.missing(fields);
    if !missing.is_empty() && !index.takes_anything() {
        let message = format!("index {name} doesn't know {} yet", missing.join(", "));
        findings.push(Finding::warning(about, message).advice("the next worker tells it"));
    }
    if index.takes_anything() {
        let message = format!("index {name} makes a field of whatever it is sent (`dynamic`)");
        findings.push(Finding::warning(about, message).advice(
            "its mapping may grow without an end; `reconcile sync:data` makes strict ones where there is none",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::remembers;

    #[test]
    fn an_hour_is_enough() {
        for fine in ["1h", "60m", "3600s", "2d", "3600000ms"] {
            assert!(remembers(Some(fine)), "{fine}");
        }
        for short in [None, Some("60s"), Some("0"), Some("59m"), Some("x")] {
            assert!(!remembers(short), "{short:?}");
        }
    }
}
