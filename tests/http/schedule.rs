//! The review's button: what was ticked becomes a branch in the person's name, and nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::world::{Answer, Client, FAR_AWAY, HTTP, JO, KIM, MANIFESTS, World, eventually};
use crate::git::world::git;
use crate::process::Daemon;
use crate::signing::{self, SshKey, ssh_key};

const GIT: &str = "git: {url: remote.git, pollSeconds: 1}\n";
const AT: &str = "2999-12-01T02:00";
/// As people leave a manifest.
const NOTES: &str = "  # Jo looks after it\n  notify: [jo@shop.example]   # and Kim\n\n  # reviewed with \
                     marketing\n  approved: {}\n# the end\n";

/// Tokens are named as people are in git.
fn http() -> String {
    HTTP.replace("tokens: {jo: ", "tokens: {\"jo@users.example\": ")
}

struct Shop {
    world: World,
}

impl Shop {
    /// A shop whose manifests are in a repository.
    async fn new(job: &str, more: &str) -> Self {
        let world = World::new(&format!("{GIT}{more}{}", http())).await;
        world.job(job);
        let shop = Self { world };
        git(shop.folder(), &["init", "-q", "--bare", "-b", "main", "remote.git"], b"");
        shop.git(&["init", "-q", "-b", "main"]);
        for (key, value) in [("user.name", "Kim"), ("user.email", "kim@users.example")] {
            shop.git(&["config", key, value]);
        }
        shop.git(&["remote", "add", "origin", shop.remote().to_str().unwrap()]);
        shop.commit();
        shop
    }

    fn folder(&self) -> &Path {
        self.world.folder.path()
    }

    fn remote(&self) -> std::path::PathBuf {
        self.world.path("remote.git")
    }

    fn git(&self, arguments: &[&str]) -> String {
        git(&self.world.path("manifests"), arguments, b"")
    }

    fn in_remote(&self, arguments: &[&str]) -> String {
        git(&self.remote(), arguments, b"")
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "-q", "-m", "What goes where"]);
        self.git(&["push", "-q", "origin", "main"]);
    }

    /// Branches beside those of manifests and results.
    fn branches(&self) -> Vec<String> {
        let all = self.in_remote(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        let own = ["main", "reconcile-results"];
        all.lines().filter(|name| !own.contains(name)).map(str::to_owned).collect()
    }

    /// Merges as the pull request would.
    fn merge(&self, branch: &str) {
        self.git(&["fetch", "-q", "origin"]);
        self.git(&["merge", "-q", "--no-ff", "-m", "Merge", &format!("origin/{branch}")]);
        self.git(&["push", "-q", "origin", "main"]);
    }

    fn digest(&self) -> String {
        let plan = fs::read_to_string(self.world.path("state/plans/spring/plan.json")).unwrap();
        let plan: Value = serde_json::from_str(&plan).unwrap();
        plan["digest"].as_str().unwrap().to_owned()
    }

    /// A daemon that has compared, and somebody who may schedule.
    async fn compared(&self) -> (Daemon, Client) {
        let daemon = self.world.start();
        daemon.says("spring: AwaitingApproval").await;
        let client = daemon.client().await.sign_in(JO);
        (daemon, client)
    }

    fn wish(&self, approved: Value, schedule: Value) -> Value {
        json!({"digest": self.digest(), "approved": approved, "schedule": schedule, "dryRun": false})
    }
}

fn form(change: &Value) -> String {
    format!("change={}", reconcile::escape::url(&change.to_string()))
}

fn press(client: &Client, change: &Value) -> Answer {
    client.post("/jobs/spring/schedule", &form(change))
}

fn spring() -> Value {
    json!({"page": {"new": ["2"]}})
}

fn at(at: &str) -> Value {
    json!({"at": at, "timeZone": "Europe/Warsaw"})
}

/// The branch that an answer names.
#[track_caller]
fn branch(answer: &Answer) -> String {
    let (_, rest) = answer.body.split_once("<dt>branch</dt><dd><code>").unwrap();
    rest.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn what_was_ticked_is_a_commit_in_the_persons_name() {
    let shop = Shop::new(NOTES, "").await;
    let (daemon, jo) = shop.compared().await;
    let head = shop.in_remote(&["rev-parse", "main"]);
    let mut wish = shop.wish(spring(), at(AT));
    wish["dryRun"] = json!(true);
    let answer = press(&jo, &wish).is(200).says("Nothing happens until somebody merges it");
    let answer =
        answer.says("It runs 2999-12-01 02:00 CET (Europe/Warsaw), if it is merged before");
    let answer = answer.says("A test import: everything is tried, and nothing is saved.");
    // Nobody knows this server's pages.
    let answer = answer.says("git merge --no-ff &#39;origin/reconcile/spring-");
    let branch = branch(&answer);
    assert_eq!(shop.branches(), [branch.as_str()]);
    assert!(branch.starts_with("reconcile/spring-2") && branch.len() == 32, "{branch}");
    let said =
        |format: &str| shop.in_remote(&["log", "-1", &format!("--format={format}"), &branch]);
    assert_eq!(
        said("%an <%ae>, %cn <%ce>"),
        "jo <jo@users.example>, reconcile <reconcile@localhost>"
    );
    assert_eq!(said("%P"), head, "it stands on the newest commit");
    assert_eq!(
        said("%B"),
        format!(
            "spring: approve 1 change\n\nReviewed from TEST to PROD, as plan {} shows it:\n* page: 1 \
             new\n\nIt runs 2999-12-01 02:00 CET (Europe/Warsaw), if it is merged before; later it would \
             be missed.\nA test import: everything is tried, and nothing is saved.\nApproved by \
             jo@users.example.",
            &shop.digest()[..16]
        )
    );
    assert_eq!(shop.in_remote(&["diff", "--name-only", "main", &branch]), "spring.yaml");
    let text = shop.in_remote(&["show", &format!("{branch}:spring.yaml")]);
    let (head_of_file, rest) = text.split_once("  # Jo looks after it\n").unwrap();
    assert!(
        fs::read_to_string(shop.world.path("manifests/spring.yaml"))
            .unwrap()
            .starts_with(head_of_file)
    );
    let pin = rest.split("\"2@").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(
        rest,
        format!(
            "  notify: [jo@shop.example]   # and Kim\n  schedule:\n    at: \"{AT}\"\n    timeZone: \
             \"Europe/Warsaw\"\n  dryRun: true\n\n  # reviewed with marketing\n  approved:\n    page:\n      \
             new:\n        - \"2@{pin}\"\n# the end"
        )
    );
    // Until it is merged nothing happens, and merged it is what any commit would be.
    assert_eq!(shop.in_remote(&["rev-parse", "main"]), head);
    shop.merge(&branch);
    daemon.says("spring: Scheduled: next run 2999-12-01 02:00 CET").await;
    daemon.ends().await;
}

#[tokio::test]
async fn a_request_that_is_over_gets_another_number() {
    let shop = Shop::new("", "").await;
    shop.world.test.run("INSERT INTO page VALUES (3, 'more', 'More');").await;
    let (daemon, jo) = shop.compared().await;
    let wish = shop.wish(spring(), at(AT));
    let first = branch(&press(&jo, &wish).is(200));
    shop.merge(&first);
    daemon.says("spring: Scheduled").await;
    // What the manifest says already isn't proposed again.
    let again = shop.wish(spring(), at(AT));
    press(&jo, &again).is(409).says("the manifest says all of this already");
    let page = jo.get("/jobs/spring").is(200);
    let request = page.body.split("name=\"request\" value=\"").nth(1).unwrap();
    let request = request.split('"').next().unwrap();
    jo.post("/jobs/spring/cancel", &format!("request={request}")).is(303);
    daemon.says("spring: Cancelled").await;
    let answer = press(&jo, &again).is(200).says("so the manifest says `request: 2`");
    let second = branch(&answer);
    assert_ne!(first, second);
    let text = shop.in_remote(&["show", &format!("{second}:spring.yaml")]);
    assert!(text.contains("\n  request: 2\n  approved:\n"), "{text}");
    shop.merge(&second);
    eventually("it is scheduled again", || {
        let said = shop.world.reconcile(&["status", "spring"]);
        said.out.contains("spring: Scheduled").then_some(())
    })
    .await;
    // As soon as it is merged: the time goes, and it is carried out.
    let soon = shop.wish(spring(), Value::Null);
    let third = branch(&press(&jo, &soon).is(200).says("It runs as soon as it is merged."));
    let text = shop.in_remote(&["show", &format!("{third}:spring.yaml")]);
    assert!(!text.contains("schedule"), "{text}");
    shop.merge(&third);
    daemon.says("spring: Succeeded").await;
    // The plan is what that run left: what was shown before it is over, and what is left is asked for anew.
    press(&jo, &soon).is(409).says("were compared again since");
    let rest = shop.wish(json!({"page": {"new": ["3"]}}), Value::Null);
    press(&jo, &rest).is(200).says("so the manifest says `request: 3`");
    daemon.ends().await;
}

/// Nobody could leave them ticked: the plan doesn't show them.
#[tokio::test]
async fn approvals_that_the_plan_does_not_show_do_not_go_without_a_word() {
    let shop = Shop::new("", "").await;
    let (daemon, jo) = shop.compared().await;
    let path = shop.world.path("manifests/spring.yaml");
    let old = "  approved: {page: {new: [\"77@0000000000000000\", \"all@ffffffffffffffff\"]}}\n";
    let schedule = format!("  schedule: {{at: \"{AT}\", timeZone: Europe/Warsaw}}\n");
    let job = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{job}{schedule}{old}")).unwrap();
    shop.commit();
    daemon.says("spring: Scheduled").await;
    let told = "2 approvals of the manifest that this plan doesn't show are taken back.";
    let answer = press(&jo, &shop.wish(spring(), at(AT))).is(200);
    let branch = branch(&answer.says(&told.replace('\'', "&#39;")));
    let message = shop.in_remote(&["log", "-1", "--format=%B", &branch]);
    assert!(message.contains(&format!("* page: 1 new\n{told}\n")), "{message}");
    let text = shop.in_remote(&["show", &format!("{branch}:spring.yaml")]);
    assert!(!text.contains("77@") && !text.contains("all@"), "{text}");
    daemon.ends().await;
}

#[tokio::test]
async fn what_is_refused_pushes_nothing() {
    let windows = "windows: [{kind: deny, cron: \"0 0 24 12 *\", hours: 24, timeZone: Europe/Warsaw}]\n\
                   limits: {maxChanges: 1}\n";
    let shop = Shop::new("", windows).await;
    for place in [&shop.world.prod, &shop.world.test] {
        place.run("ALTER TABLE page ADD COLUMN parent bigint REFERENCES page (id);").await;
    }
    shop.world.test.run("INSERT INTO page VALUES (3, 'child', 'Child', 2);").await;
    let (daemon, jo) = shop.compared().await;
    let good = shop.wish(spring(), Value::Null);
    let body = form(&good);
    let path = "/jobs/spring/schedule";
    // Who may.
    let client = daemon.client().await;
    client.post(path, &body).is(401);
    client
        .ask(
            "POST",
            path,
            &[
                ("Authorization", &format!("Bearer {JO}")),
                ("Origin", &format!("http://{}", client.host())),
            ],
            &body,
        )
        .is(401);
    client.sign_in(KIM).post(path, &body).is(403).says("you may view, not schedule");
    jo.ask("POST", path, &[("Origin", "https://evil.example")], &body).is(403);
    jo.ask("POST", path, &[], &body).is(403);
    jo.get(path).is(405);
    // What.
    let change = |key: &str, value: Value| {
        let mut change = good.clone();
        change[key] = value;
        change
    };
    let approved = |approved: Value| change("approved", approved);
    for (change, status, why) in [
        (change("digest", json!("0".repeat(32))), 409, "were compared again since"),
        (change("basis", json!("0".repeat(64))), 409, "the manifest was changed since"),
        (approved(json!({"page": {"new": ["77"]}})), 422, "the plan holds no page/77"),
        (approved(json!({"page": {"modified": ["2"]}})), 422, "page/2 is new"),
        (approved(json!({"page": {"new": ["3"]}})), 422, "page/3 needs page/2"),
        (
            approved(json!({"page": {"new": ["2", "3"]}})),
            422,
            "more than the 1 of limits.maxChanges",
        ),
        (approved(json!({})), 422, "nothing is ticked"),
        (approved(json!({"page": {"newer": ["2"]}})), 400, "unknown field `newer`"),
        (change("schedule", at("2020-01-01T02:00")), 422, "2020-01-01 02:00 CET has passed"),
        (change("schedule", at("2999-12-24T02:00")), 422, "in a closed window"),
        (
            change("schedule", at("soon")),
            422,
            "`spec.schedule.at`: a local date and time is needed",
        ),
        (
            change("schedule", json!({"at": AT, "timeZone": "CET"})),
            422,
            "there is no time zone of this name",
        ),
        (change("dryRun", json!("no")), 400, "isn&#39;t what a review sends"),
    ] {
        let answer = press(&jo, &change).is(status).says(why);
        answer
            .says("spring: nothing was scheduled")
            .says("<a href=\"/jobs/spring\">Back to spring</a>");
    }
    jo.post(path, "change=%7B").is(400).says("isn&#39;t what a review sends");
    jo.post(path, "").is(400);
    jo.post("/jobs/summer/schedule", &body).is(404);
    // More than a form of another page may have, and more than anything may.
    let large = |bytes: usize| format!("change={}", "x".repeat(bytes));
    jo.post(path, &large(1024 * 1024)).is(400);
    jo.post(path, &large(8 * 1024 * 1024)).is(413).says("more was ticked than can be sent at once");
    // Manifests that are broken by now.
    shop.world.job("  modes: all\n");
    shop.commit();
    daemon.says("spring: Invalid").await;
    press(&jo, &good).is(409).says("mend this first").says("`modes`");
    assert_eq!(shop.branches(), Vec::<String>::new());
    daemon.ends().await;
}

#[tokio::test]
async fn a_server_that_refuses_and_one_that_speaks_are_heard() {
    let shop = Shop::new("", "").await;
    let (daemon, jo) = shop.compared().await;
    let hook = |name: &str, text: &str| {
        let path = shop.remote().join("hooks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        assert!(Command::new("chmod").arg("+x").arg(&path).status().unwrap().success());
        path
    };
    let wish = shop.wish(spring(), Value::Null);
    let refusing = hook(
        "pre-receive",
        "while read a b ref; do case $ref in *reconcile/*) echo no such branches; exit 1;; esac; done",
    );
    press(&jo, &wish).is(502).says("no such branches").says("nothing was scheduled");
    assert_eq!(shop.branches(), Vec::<String>::new());
    fs::remove_file(refusing).unwrap();
    // Somebody's branch stands where all of them would be: git has no room for another below it.
    shop.in_remote(&["branch", "reconcile", "main"]);
    hook("post-receive", "printf 'See https://git.shop.example/new?branch=x <b>now</b>\\n'");
    let answer = press(&jo, &wish).is(200);
    let answer = answer.says("See https://git.shop.example/new?branch=x &lt;b&gt;now&lt;/b&gt;");
    let branch = branch(&answer);
    assert!(branch.starts_with("reconcile-spring-2"), "{branch}");
    assert_eq!(shop.in_remote(&["rev-parse", "reconcile"]), shop.in_remote(&["rev-parse", "main"]));
    // A remote that is away.
    fs::rename(shop.remote(), shop.world.path("away.git")).unwrap();
    press(&jo, &wish).is(502).says("there is no git repository at");
    fs::rename(shop.world.path("away.git"), shop.remote()).unwrap();
    daemon.ends().await;
}

#[tokio::test]
async fn what_has_no_branch_or_no_pins_says_so() {
    // A directory.
    let world = World::new(&format!("{MANIFESTS}{HTTP}")).await;
    world.job(FAR_AWAY);
    let daemon = world.start();
    daemon.says("spring: AwaitingApproval").await;
    let jo = daemon.client().await.sign_in(JO);
    let nothing = json!({"digest": "", "approved": {}, "schedule": null, "dryRun": false});
    press(&jo, &nothing).is(409).says("the manifests are a directory here");
    daemon.ends().await;
    // A job that runs every night.
    let shop = Shop::new("", "").await;
    let job = fs::read_to_string(shop.world.path("manifests/spring.yaml")).unwrap();
    let job = job.replace("TEST -> PROD", "PROD -> TEST");
    let cron = format!("{job}  schedule: {{cron: \"0 3 * * *\", timeZone: Europe/Warsaw}}\n");
    fs::write(shop.world.path("manifests/spring.yaml"), cron).unwrap();
    shop.commit();
    let daemon = shop.world.start();
    daemon.says("spring: ").await;
    let jo = daemon.client().await.sign_in(JO);
    eventually("the daemon knows the manifests", || {
        (jo.get("/jobs/spring").status == 200).then_some(())
    })
    .await;
    press(&jo, &nothing).is(409).says("has a `cron` schedule");
    // Pins in the place of `all` would leave out what comes later.
    let all = format!(
        "{job}  schedule: {{at: \"{AT}\", timeZone: UTC}}\n  approved: {{page: {{new: [all]}}}}\n"
    );
    for (more, why) in [
        ("", "approves `all`, or IDs without pins"),
        ("  deleteMissing: true\n", "this job has `deleteMissing`"),
    ] {
        fs::write(shop.world.path("manifests/spring.yaml"), format!("{all}{more}")).unwrap();
        shop.commit();
        eventually(why, || press(&jo, &nothing).body.contains(why).then_some(())).await;
        press(&jo, &nothing).is(409).says("change `schedule` and `dryRun` in the manifest instead");
    }
    assert_eq!(shop.branches(), Vec::<String>::new());
    daemon.ends().await;
}

/// Merging what nobody signed would keep the daemon from following the branch.
#[tokio::test]
async fn where_commits_must_be_signed_it_says_so() {
    if !signing::is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let SshKey { path, public } = ssh_key(folder.path(), "key");
    let shop = Shop::new("", "").await;
    let settings = [("gpg.format", "ssh"), ("user.signingKey", &path), ("commit.gpgSign", "true")];
    for (name, value) in settings {
        shop.git(&["config", name, value]);
    }
    shop.git(&["commit", "-q", "--allow-empty", "-m", "Signed"]);
    shop.git(&["push", "-q", "origin", "main"]);
    let signed = format!("pollSeconds: 1, requireSigned: {{keys: [\"{public}\"]}}");
    let file = fs::read_to_string(shop.world.path("reconcile.yaml")).unwrap();
    fs::write(shop.world.path("reconcile.yaml"), file.replace("pollSeconds: 1", &signed)).unwrap();
    let (daemon, jo) = shop.compared().await;
    let wish = shop.wish(spring(), at(AT));
    let answer =
        press(&jo, &wish).is(200).says("this commit isn&#39;t signed. Merge it by squashing");
    answer.says("git commit -S");
    // The user that reconcile runs as signs, by the settings of git.
    for (name, value) in settings {
        git(&shop.world.path("state/git"), &["config", name, value], b"");
    }
    let answer =
        press(&jo, &wish).is(200).says("must be signed with one of its keys, as this commit is.");
    shop.merge(&branch(&answer));
    daemon.says("spring: Scheduled").await;
    daemon.ends().await;
}
