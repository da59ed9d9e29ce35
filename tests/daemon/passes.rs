//! Single passes over a git repository: what the daemon knows of a job, a pass knows, too.

use std::collections::BTreeMap;
use std::fs;

use regex::Regex;

use super::{MODULE, World};
use crate::shop;

/// Mails go into a folder, to the author alone.
const OPERATOR: &str = "git: {url: remote.git}\nmail: {transport: \"file:outbox\", from: \
                        reconcile@shop.example, recipients: [\"*@shop.example\"]}\npeople: \
                        {\"jo@users.example\": jo@shop.example}\n";

#[tokio::test]
async fn a_pass_refuses_what_a_force_push_dropped_and_tells_the_author() {
    let world = World::sqlite(OPERATOR).await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    world.repository();
    world.approve();
    let text = fs::read_to_string(world.path("manifests/spring.yaml")).unwrap();
    world.manifest("spring.yaml", &format!("{text}  suspend: true\n"));
    world.commit("Approve, but wait");
    world.reconcile(&[]).ends_with(0);
    // The same content in another history, and let go.
    world.manifest("spring.yaml", &text);
    world.git(&["add", "--all"]);
    world.git(&["commit", "-q", "--amend", "-m", "Approve"]);
    world.git(&["push", "-q", "--force", "origin", "main"]);
    let said = world.reconcile(&["spring"]).ends_with(3);
    assert!(said.out.contains("the history was rewritten"), "{}", said.out);
    assert_eq!(world.titles().await, ["Home"]);
    // Asked for anew, it is a commit of the branch; and the branch is fetched once.
    world.manifest("spring.yaml", &text.replace("mode: all", "mode: all\n  request: 2"));
    world.commit("Ask again");
    let (binary, log) = (env!("CARGO_BIN_EXE_reconcile"), world.path("git.log"));
    let traced = [("GIT_TRACE", log.to_str().unwrap())];
    shop::run(world.folder.path(), binary, &["spring"], &traced).ends_with(0);
    assert_eq!(world.titles().await, ["Home", "Spring"]);
    let calls = fs::read_to_string(log).unwrap();
    let fetches = calls
        .lines()
        .filter(|call| call.contains("built-in: git fetch") && call.contains("+refs/heads/main:"));
    assert_eq!(fetches.count(), 1, "{calls}");
    let said = world.reconcile(&["messages", "--format", "json"]).ends_with(0);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let success = &told["messages"][0];
    assert_eq!(success["subject"], "Success: Synchronization process (spring)", "{told}");
    assert_eq!(success["to"], serde_json::json!(["jo@shop.example"]), "{told}");
}

/// The result files of one story, without what names a run or a moment.
async fn results_of_a_story() -> BTreeMap<String, String> {
    let world = World::sqlite("manifests: manifests\n").await;
    world.manifest("pages.yaml", MODULE);
    world.job("  notify: [eva@shop.example, jo@shop.example]\n");
    world.reconcile(&[]).ends_with(0);
    world.approve();
    world.reconcile(&[]).ends_with(0);
    let run = Regex::new(r"\d{8}-\d{6}-[0-9a-f]{6}").unwrap();
    let time = Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap();
    let without = |text: &str| {
        let text = run.replace_all(text, "RUN");
        time.replace_all(&text, "TIME").into_owned()
    };
    let folder = world.path("results/spring");
    let runs = fs::read_dir(folder.join("runs")).unwrap();
    let runs = runs.map(|it| format!("runs/{}", it.unwrap().file_name().to_str().unwrap()));
    let names = ["status.yaml", "plan.md"].map(str::to_owned).into_iter().chain(runs);
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    names.map(|name| (without(&name), without(&text(&name)))).collect()
}

#[tokio::test]
async fn the_same_story_leaves_the_same_files() {
    let first = results_of_a_story().await;
    assert_eq!(first.keys().collect::<Vec<_>>(), ["plan.md", "runs/RUN.yaml", "status.yaml"]);
    assert!(first["status.yaml"].contains("lastApplied: \"RUN\""), "{}", first["status.yaml"]);
    assert_eq!(first, results_of_a_story().await);
}
