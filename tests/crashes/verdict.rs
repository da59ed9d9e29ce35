//! What must be true of a world after a daemon went to its end, whatever happened to those before it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::daemon::world::{World, texts};

/// Whether nothing is left to do: the job is over, and everything about it is told and written.
pub async fn is_at_rest(world: &World) -> bool {
    let state = state(world);
    let memory = texts(&state, "reconcile_job", &["memory"]).await;
    let outbox = texts(&state, "reconcile_outbox", &["state"]).await;
    let waits = outbox.iter().flatten().any(|state| state == "waiting");
    let is_done = [r#""unpublished":{}"#, r#""running":null"#];
    let is_written =
        memory.iter().flatten().all(|memory| is_done.iter().all(|it| memory.contains(it)));
    !waits && is_written && published(world).is_none_or(|text| text.contains("phase: Succeeded"))
}

/// Applied exactly once; ledger, state, result files and mails agree; nothing is stuck.
pub async fn check(world: &World) {
    assert_eq!(world.titles().await, ["Home, new", "Spring"], "rows of the target");
    let run = ledger(world).await;
    let state = state(world);
    let memory = only(texts(&state, "reconcile_job", &["memory"]).await);
    let memory: serde_json::Value = serde_json::from_str(&memory).unwrap();
    assert_eq!(memory["held"]["ended"]["phase"], "Succeeded", "{memory}");
    assert_eq!(memory["held"]["ended"]["run"], run.as_str(), "{memory}");
    for nothing in ["running", "trouble"] {
        assert!(memory[nothing].is_null(), "{memory}");
    }
    let request = only(texts(&state, "reconcile_request", &["ended"]).await);
    assert!(request.contains(&run), "{request}");
    let outbox = texts(&state, "reconcile_outbox", &["state"]).await;
    assert!(outbox.iter().flatten().all(|state| state == "over"), "{outbox:?}");
    files(world, &run);
    mails(world, &run);
    if let Some(published) = published(world) {
        let local = fs::read_to_string(world.path("results/spring/status.yaml")).unwrap();
        assert_eq!(published, local.trim_end());
    }
}

/// The name of the one run that the ledger knows.
async fn ledger(world: &World) -> String {
    let target = &world.prod.url;
    let runs = texts(target, "reconcile_run", &["run", "job"]).await;
    assert_eq!(runs.len(), 1, "{runs:?}");
    let images = texts(target, "reconcile_before_image", &["run"]).await;
    assert_eq!(images, [[runs[0][0].clone()], [runs[0][0].clone()]]);
    runs[0][0].clone()
}

fn files(world: &World, run: &str) {
    let status = fs::read_to_string(world.path("results/spring/status.yaml")).unwrap();
    assert!(status.contains("phase: Succeeded") && status.contains(run), "{status}");
    let folder = world.path("results/spring/runs");
    let drafts = |path: &PathBuf| path.extension().is_some_and(|name| name == "tmp");
    let runs: Vec<_> = below(&folder).into_iter().filter(|path| !drafts(path)).collect();
    assert_eq!(runs, [folder.join(format!("{run}.yaml"))]);
    let text = fs::read_to_string(&runs[0]).unwrap();
    for part in ["phase: Succeeded", "- record: page/1", "- record: page/2"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let whole = [world.path("results"), world.path("state/plans"), world.path("mails")];
    for file in whole.iter().flat_map(|folder| below(folder)).filter(|path| !drafts(path)) {
        assert!(fs::metadata(&file).unwrap().len() > 0, "{} is empty", file.display());
    }
}

fn mails(world: &World, run: &str) {
    let mails = mails_of(world);
    let told = |subject: &str| {
        let told = mails.iter().filter(|mail| mail.contains(&format!("Subject: {subject}")));
        told.map(|mail| line(mail, "Message-ID: ")).collect::<BTreeSet<_>>()
    };
    assert_eq!(told("Success: ").len(), 1, "{mails:#?}");
    for never in ["FAILURE", "Cancelled", "Missed"] {
        assert!(told(never).is_empty(), "{mails:#?}");
    }
    assert!(mails.iter().any(|mail| mail.contains(run)), "{mails:#?}");
}

/// What the mail server has, or the folder.
fn mails_of(world: &World) -> Vec<String> {
    if let Some(server) = &world.mail_server {
        let mails = server.mails().into_iter();
        return mails.map(|mail| String::from_utf8(mail.bytes).unwrap()).collect();
    }
    let files = below(&world.path("mails")).into_iter();
    files
        .filter(|path| path.extension().is_some_and(|name| name == "eml"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

fn line<'t>(text: &'t str, begins: &str) -> &'t str {
    text.lines().find_map(|line| line.strip_prefix(begins)).unwrap()
}

/// The status on the branch of results, where there is a repository.
fn published(world: &World) -> Option<String> {
    let remote = world.path("remote.git");
    remote.is_dir().then(|| {
        let show = ["show", "reconcile-results:results/spring/status.yaml"];
        let output =
            std::process::Command::new("git").args(show).current_dir(remote).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    })
}

fn state(world: &World) -> String {
    if let Some(state) = &world.state {
        return state.url.clone();
    }
    format!("sqlite://{}", world.path("state/reconcile.db").display())
}

fn only(rows: Vec<Vec<String>>) -> String {
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.into_iter().flatten().next().unwrap()
}

/// Files below a folder, ordered.
fn below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] })
        .collect();
    found.sort();
    found
}
