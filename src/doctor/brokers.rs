//! The queues on RabbitMQ: whether they can be used, and whether anything makes them lose messages.

use super::Finding;
use crate::config::{Config, Environment};
use crate::plan::render::words::count;
use crate::queue::{self, ERROR_SUFFIX, Seen};

/// Arguments by which a queue drops messages, each with what it does.
const DROPPING: [(&str, &str); 5] = [
    ("x-message-ttl", "drops messages that wait longer than these milliseconds"),
    ("x-expires", "is deleted when nobody uses it for these milliseconds"),
    ("x-max-length", "drops the oldest messages above this number"),
    ("x-max-length-bytes", "drops the oldest messages above this many bytes"),
    (
        "x-delivery-limit",
        "drops messages that were handed out more often, unless they go elsewhere",
    ),
];

/// `None` where the queues aren't on a broker.
pub async fn examine(
    config: &Config,
    environment: Environment,
    shop_store: Option<&str>,
    known: &[String],
) -> Option<Vec<Finding>> {
    let mut about = format!("{environment} queue");
    if let Some(store) = shop_store {
        about = format!("{about} {store}");
    }
    let examined = queue::examine(config, environment, shop_store, known).await.transpose()?;
    Some(match examined {
        Ok((broker, queues)) => {
            let mut findings = vec![Finding::ok(&about, broker)];
            findings.extend(queues.iter().flat_map(|seen| of(&about, environment, seen)));
            findings.push(summary(&about, &queues));
            findings
        }
        Err(error) => vec![Finding::broken(&about, error.to_string()).advice(format!(
            "see environments.{environment}.publish.queue in the operator's file, and whether the broker runs"
        ))],
    })
}

fn summary(about: &str, queues: &[Seen]) -> Finding {
    let there = queues.iter().filter(|seen| seen.waiting.is_some()).count();
    let missing = queues.len() - there;
    let waiting = queues.iter().filter_map(|seen| seen.waiting);
    let (wait, failed) = waiting.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    let mut said = format!(
        "{}, {} waiting, {failed} failed",
        count(there as u64, "queue", "queues"),
        count(wait, "message", "messages")
    );
    if missing > 0 {
        said = format!("{said}; {missing} are made when they are needed");
    }
    Finding::ok(about, said)
}

/// What is wrong with a queue.
fn of(about: &str, environment: Environment, seen: &Seen) -> Vec<Finding> {
    let Seen { queue, waiting, has_errors, arguments, may_use, is_bound } = seen;
    let Some((_, failed)) = waiting else { return Vec::new() };
    let mut findings = Vec::new();
    if !may_use {
        findings.push(
            Finding::broken(about, format!("this account may not write to and read from {queue}"))
                .advice("`rabbitmqctl set_permissions` gives it the right"),
        );
    }
    if *is_bound == Some(false) {
        findings.push(
            Finding::broken(
                about,
                format!("nothing is bound to the exchange {queue} by the key \"\""),
            )
            .advice(format!(
                "bind the queue {queue} to it; `sync:data` and `worker` do where they may"
            )),
        );
    }
    if !has_errors {
        let message = format!("{queue} has no error queue yet; it is made when it is needed");
        findings.push(Finding::ok(about, message));
    }
    let Some(arguments) = arguments else {
        let message = format!("this account may not declare {queue}, so its arguments are unknown");
        findings.push(Finding::ok(about, message));
        return findings;
    };
    findings.extend(losing(about, queue, arguments));
    if *failed > 0 {
        let failed = count(*failed, "message", "messages");
        findings.push(Finding::warning(about, format!("{failed} of {queue} failed")).advice(format!(
            "`reconcile queue dump {queue}{ERROR_SUFFIX} --environment {environment}` shows why; `reconcile \
             queue replay {queue} --environment {environment}` sends them again"
        )));
    }
    findings
}

fn losing(about: &str, queue: &str, arguments: &[(String, String)]) -> Vec<Finding> {
    let has = |name: &str| arguments.iter().find(|argument| argument.0 == name);
    let mut findings = Vec::new();
    if has("durable").is_some() {
        findings.push(
            Finding::warning(about, format!("{queue} doesn't outlive a restart of the broker"))
                .advice("delete it when it is empty; it is made anew as one that lasts"),
        );
    }
    let dead_letters = has("x-dead-letter-exchange").is_some();
    for (name, what) in DROPPING {
        let Some((_, value)) = has(name) else { continue };
        if dead_letters && name != "x-expires" {
            continue;
        }
        findings
            .push(Finding::warning(about, format!("{queue} {what}: {name} is {value}")).advice(
                "messages may be lost; declare it without, or with a dead-letter exchange",
            ));
    }
    findings
}
