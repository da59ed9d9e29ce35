//! `reconcile demo --watch`: the daemon at work on the small shop, from a commit to its result.
//!
//! Answers for the story and for every wait in it having a limit. The daemon is the one of
//! `reconcile watch`; what it says of itself goes to the error output.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::prepare::block_on;
use super::teller::Teller;
use super::watch::watch;
use super::{Error, Outcome as End, output};
use crate::demo::{Error as ShopError, Shop, git};
use crate::put::put;
use crate::state::{Posted, State};

const JOB: &str = "spring-campaign";
const STEPS: usize = 5;
/// The job's line about its time, as the shop is made.
const WITHOUT_TIME: &str = "# schedule: {at: \"2027-02-14T02:00\", timeZone: Europe/Warsaw}";
/// The approved run begins at the next full minute that leaves so much time to read.
const TO_READ: SignedDuration = SignedDuration::from_secs(5);
/// Longest wait for what the daemon does within seconds,
const SOON: Duration = Duration::from_mins(1);
/// and for a run at the next full minute.
const NEXT_MINUTE: Duration = Duration::from_secs(150);

/// Tells the story. The shop must have been made for watching.
pub fn tell(shop: &Shop) -> Result<End, Error> {
    let mut teller = Teller::new(shop, STEPS)?;
    let end = Arc::new(Notify::new());
    let (config, global) = (teller.config.clone(), teller.global.clone());
    let ended = Arc::clone(&end);
    let daemon = std::thread::spawn(move || {
        block_on(async { Box::pin(watch(Arc::new(config), &global, SOON, &ended)).await })
    });
    let told = story(&mut teller, shop);
    end.notify_one();
    let stopped = daemon.join().map_err(|_| Error::failed("the daemon made a mistake"))?;
    told.and(stopped)?;
    Ok(End::Fine)
}

fn story(teller: &mut Teller<'_>, shop: &Shop) -> Result<(), Error> {
    begin(teller, shop)?;
    approve(teller, shop)?;
    teller.heading("At its time")?;
    teller.say(
        "The daemon fetches the branch once more, compares again, checks every pin inside the \
         transaction, writes, reads everything back, and commits; then it publishes what it touched.",
    )?;
    mail(teller, "Success", NEXT_MINUTE)?;
    results(teller, shop)
}

fn begin(teller: &mut Teller<'_>, shop: &Shop) -> Result<(), Error> {
    teller.heading("A repository, and a daemon that watches it")?;
    let name = shop.directory.display();
    teller.say(&format!(
        "{name}/manifests is a git repository; {name}/reconcile.yaml names it under `git`, with a \
         branch for results, and lets mail go into the folder {name}/outbox."
    ))?;
    if let Some(pages) = &shop.pages {
        teller.say(&format!(
            "While the daemon runs, {}/ shows jobs and messages. Sign in with the token {}",
            pages.url, pages.token
        ))?;
    }
    teller.command("reconcile watch &")?;
    mail(teller, "Comparison finished", SOON)?;
    Ok(())
}

fn approve(teller: &mut Teller<'_>, shop: &Shop) -> Result<(), Error> {
    teller.heading("Approve, say when, and commit")?;
    teller.say(
        "Two editors settle on TEST what only people can, as `reconcile demo` tells; then the rest \
         is approved.",
    )?;
    block_on(async { Ok(shop.mend_test().await?) })?;
    let approve = format!(
        "reconcile approve {JOB} --new all --modified all --deleted all --renumber cms_page/41 \
         --adopt cms_page/44"
    );
    teller.command(&approve)?;
    teller.run(&approve)?;
    let time = next_minute().strftime("%Y-%m-%dT%H:%M").to_string();
    let schedule = format!("schedule: {{at: \"{time}\", timeZone: UTC}}");
    let file = shop.path("manifests/jobs/spring-campaign.yaml");
    replace(&file, WITHOUT_TIME, &schedule)?;
    output::print(&format!("\nAnd in the job, by hand: {schedule}\n\n"))?;
    let message = "Approve the spring campaign";
    teller.command(&format!("git -C manifests commit --all --message '{message}'"))?;
    let said = asked(git::commit(&shop.path("manifests"), message))?;
    output::print(&format!("{said}\n"))?;
    teller.heading("What will happen, and how to stop it")?;
    mail(teller, "Synchronization process", SOON)
}

/// A run within the minute: whole minutes are what `at` knows.
fn next_minute() -> Timestamp {
    let earliest = (Timestamp::now() + TO_READ).as_second();
    let minute = earliest.div_euclid(60) + 1;
    Timestamp::from_second(minute * 60).unwrap_or_default()
}

fn replace(file: &Path, what: &str, with: &str) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        Error::from(ShopError::File { path: file.to_owned(), source: error })
    };
    let text = std::fs::read_to_string(file).map_err(failed)?;
    std::fs::write(file, text.replace(what, with)).map_err(failed)
}

/// Waits for a mail about the job and shows it.
fn mail(teller: &Teller<'_>, subject: &str, limit: Duration) -> Result<(), Error> {
    let posted = block_on(async {
        let begun = Instant::now();
        loop {
            let messages = State::open(&teller.config).await?.messages().await?;
            let found = messages.into_iter().find(|posted| is_out(posted, subject));
            if let Some(found) = found {
                return Ok(found);
            }
            if begun.elapsed() > limit {
                let seconds = limit.as_secs();
                let message = format!("no mail `{subject}` came within {seconds} s");
                return Err(Error::failed(message).hint("`reconcile status` says why"));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })?;
    let Posted { message, .. } = posted;
    let mut out = format!("\n  To: {}\n  Subject: {}\n\n", message.to.join(", "), message.subject);
    for line in message.text.lines() {
        let margin = if line.is_empty() { "" } else { "  " };
        put!(out, "{margin}{line}\n");
    }
    out.push('\n');
    output::print(&out)
}

fn is_out(posted: &Posted, subject: &str) -> bool {
    let Posted { message, delivery } = posted;
    message.job == JOB && message.subject.starts_with(subject) && !delivery.taken.is_empty()
}

fn asked(said: impl Future<Output = Result<String, crate::git::Error>>) -> Result<String, Error> {
    block_on(async { said.await.map_err(|error| Error::from(ShopError::from(error))) })
}

fn results(teller: &mut Teller<'_>, shop: &Shop) -> Result<(), Error> {
    teller.heading("What came of it, in the repository")?;
    let manifests = shop.path("manifests");
    let log = ["log", "-3", "--format=%h %an: %s", "reconcile-results"];
    teller.command("git -C manifests log -3 --format='%h %an: %s' reconcile-results")?;
    let begun = Instant::now();
    let said = loop {
        match asked(git::ask(&manifests, &log)) {
            Ok(said) if said.contains("Succeeded") => break said,
            other if begun.elapsed() > SOON => break other?,
            _ => std::thread::sleep(Duration::from_millis(200)),
        }
    };
    output::print(&format!("{said}\n"))?;
    let file = format!("reconcile-results:results/{JOB}/status.yaml");
    teller.command(&format!("git -C manifests show {file}"))?;
    let said = asked(git::ask(&manifests, &["show", &file]))?;
    let head: Vec<&str> = said.lines().take(5).collect();
    output::print(&format!("{}\n…\n\n", head.join("\n")))
}
