//! A storage on Redis: reachable, with the rights it takes, and keeping what is written to it.

use jiff::SignedDuration;

use super::Finding;
use super::host::CLOCKS_APART;
use crate::plan::render::words::count;
use crate::put::put;
use crate::store::redis::facts::{Facts, Node};
use crate::store::{self, Redis};

/// A server that is as full as this will soon refuse writes, in percent.
const NEARLY_FULL: u64 = 90;

pub async fn examine(about: &str, opened: store::Result<Redis>) -> Vec<Finding> {
    let facts = match opened {
        Ok(mut redis) => redis.facts().await,
        Err(error) => Err(error),
    };
    match facts {
        Ok(facts) => judged(about, &facts),
        Err(error) => {
            vec![Finding::broken(about, error.to_string()).advice(
                "see `publish.storage` in the operator's file, and whether the server runs",
            )]
        }
    }
}

fn judged(about: &str, facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![Finding::ok(about, described(facts))];
    findings.extend(rights(about, facts));
    findings.extend(cluster(about, facts));
    findings.extend(another(about, facts));
    for node in &facts.nodes {
        findings.extend(replica(about, node));
        findings.extend(eviction(about, node));
        findings.extend(memory(about, node));
        findings.extend(clock(about, node));
    }
    // Nodes of a cluster are mostly alike.
    let mut told = Vec::new();
    findings.retain(|finding| {
        !told.contains(finding) && {
            told.push(finding.clone());
            true
        }
    });
    findings
}

fn described(facts: &Facts) -> String {
    let sum = |name: &str| facts.nodes.iter().filter_map(|node| number(node, name)).sum::<u64>();
    let kind = match facts.is_cluster {
        true => format!(", {}", count(facts.nodes.len() as u64, "primary", "primaries")),
        false => String::new(),
    };
    let mut out = format!("Redis {} at {}{kind}", facts.version, facts.host);
    if facts.nodes.iter().all(|node| !node.info.is_empty()) {
        put!(out, ", {} MiB used", sum("used_memory") >> 20);
        put!(out, ", {}", count(sum("connected_slaves"), "replica", "replicas"));
    }
    if facts.nodes.iter().any(is_forgetful) {
        out += ", nothing is saved to a disk: after a restart `reconcile sync:data` fills it again";
    }
    out
}

fn number(node: &Node, name: &str) -> Option<u64> {
    node.info.get(name)?.parse().ok()
}

fn is(node: &Node, name: &str, value: &str) -> bool {
    node.info.get(name).is_some_and(|it| it == value)
}

fn is_forgetful(node: &Node) -> bool {
    is(node, "aof_enabled", "0") && node.saves.as_deref() == Some("")
}

fn rights(about: &str, facts: &Facts) -> Option<Finding> {
    if facts.nodes.iter().any(|node| node.info.is_empty()) && facts.lacking.is_empty() {
        let said =
            "the account may not use INFO, so nobody looked at its memory and what it evicts";
        return Some(Finding::warning(about, said).advice("`ACL SETUSER USER +info` lets it look"));
    }
    if facts.lacking.is_empty() {
        return None;
    }
    let said = format!("the account may not use {} on its keys", facts.lacking.join(", "));
    Some(Finding::broken(about, said).advice(
        "`ACL SETUSER USER ~kv:* ~reconcile:* +mget +exists +type +mset +set +del +eval +evalsha +scan \
         +info +time +cluster` grants all that is used",
    ))
}

fn cluster(about: &str, facts: &Facts) -> Option<Finding> {
    let said = "some of the cluster's slots are served by no node";
    facts.is_down().then(|| {
        Finding::broken(about, said).advice("`redis-cli --cluster check HOST:PORT` shows which")
    })
}

fn another(about: &str, facts: &Facts) -> Option<Finding> {
    let said = "it lost what was written to it before: it was started empty, or restored";
    facts
        .is_another
        .then(|| Finding::warning(about, said).advice("`reconcile sync:data` fills it again"))
}

fn replica(about: &str, node: &Node) -> Option<Finding> {
    let said = "it is a replica, which takes no writes";
    is(node, "role", "slave").then(|| {
        Finding::broken(about, said).advice("name the primary as `publish.storage`, also beside it")
    })
}

fn eviction(about: &str, node: &Node) -> Option<Finding> {
    let policy = node.info.get("maxmemory_policy").filter(|policy| *policy != "noeviction")?;
    let said =
        format!("`maxmemory-policy` is {policy}: once it is full, keys vanish and nobody is told");
    Some(
        Finding::warning(about, said)
            .advice("`CONFIG SET maxmemory-policy noeviction` refuses writes instead"),
    )
}

fn memory(about: &str, node: &Node) -> Option<Finding> {
    let (used, most) = (number(node, "used_memory")?, number(node, "maxmemory")?);
    (most > 0 && used.saturating_mul(100) >= most.saturating_mul(NEARLY_FULL)).then(|| {
        let said = format!("{} of {} MiB are used (`maxmemory`)", used >> 20, most >> 20);
        Finding::warning(about, said).advice("give it more: a server that is full refuses writes")
    })
}

fn clock(about: &str, node: &Node) -> Option<Finding> {
    let apart: SignedDuration = node.ahead.abs();
    (apart > CLOCKS_APART).then(|| {
        let said = format!("its clock and this machine's are {apart:#} apart");
        Finding::warning(about, said).advice("set both by NTP")
    })
}
