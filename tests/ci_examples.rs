//! What `examples/ci` shows: the steps of both forges run here as they stand there, on a shop in a git
//! repository; the comment goes to a `gh` and a `curl` that write down what they were asked.

#[path = "ci_examples/accounts.rs"]
mod accounts;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::shop::{Said, Shop, change, run};

const MARKER: &str = "<!-- reconcile -->";
const NOTHING_APPROVED: &[&str] = &[];

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci").join(name)
}

fn yaml(name: &str) -> Json {
    serde_saphyr::from_str(&fs::read_to_string(example(name)).unwrap()).unwrap()
}

/// A repository with the demo's manifests and the examples, as a runner has it checked out.
struct Checkout {
    shop: Shop,
}

impl Checkout {
    /// A branch that approves records, cut from the main branch.
    fn with_approved(options: &[&str]) -> Self {
        let it = Self { shop: Shop::before_the_demo() };
        for folder in ["repo/ci", "temp", "bin"] {
            fs::create_dir_all(it.path(folder)).unwrap();
        }
        for name in ["reconcile.yaml", "comment-github.sh", "comment-gitlab.sh"] {
            fs::copy(example(name), it.path("repo/ci").join(name)).unwrap();
        }
        it.shell("mkdir repo/manifests && cp -R manifests/modules manifests/resources manifests/jobs repo/manifests");
        it.git("init --quiet -b main && git add . && git commit --quiet -m Manifests");
        it.git("clone --quiet --bare . ../origin && git remote add origin ../origin");
        it.git("fetch --quiet origin && git switch --quiet -c spring");
        if !options.is_empty() {
            let config = it.path("repo/ci/reconcile.yaml").display().to_string();
            let mut arguments = vec!["--config", &config, "approve", "spring-campaign"];
            arguments.extend(options);
            it.reconcile(&arguments).ends_with(0);
            it.git("add manifests && git commit --quiet -m Approve");
        }
        it
    }

    fn path(&self, name: &str) -> PathBuf {
        self.shop.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// What the forge's settings and the runner give a step.
    fn variables(&self) -> BTreeMap<String, String> {
        let here = |name: &str| self.path(name).display().to_string();
        let binary = Path::new(env!("CARGO_BIN_EXE_reconcile")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let all = [
            ("PATH", format!("{}:{}:{path}", here("bin"), binary.display())),
            ("HOME", here("temp")),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_AUTHOR_NAME", "Jo".into()),
            ("GIT_AUTHOR_EMAIL", "jo@shop.example".into()),
            ("GIT_COMMITTER_NAME", "Jo".into()),
            ("GIT_COMMITTER_EMAIL", "jo@shop.example".into()),
            ("MANIFESTS", here("repo/manifests")),
            ("PROD_DATABASE_URL", format!("sqlite://{}", here("prod.db"))),
            ("TEST_DATABASE_URL", format!("sqlite://{}", here("test.db"))),
            ("PIN_KEY", "a key that is long enough".into()),
            ("CALLS", here("calls")),
            ("COMMENTS", here("comments")),
        ];
        all.map(|(name, value)| (name.to_owned(), value)).into()
    }

    fn run_with(&self, folder: &str, more: &[(&str, &str)], program: &[&str]) -> Said {
        let mut variables = self.variables();
        variables.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        run(&self.path(folder), program[0], &program[1..], &variables)
    }

    fn reconcile(&self, arguments: &[&str]) -> Said {
        let program = [&[env!("CARGO_BIN_EXE_reconcile")], arguments].concat();
        self.run_with("repo", &[], &program)
    }

    fn shell(&self, command: &str) {
        self.run_with(".", &[], &["sh", "-c", command]).ends_with(0);
    }

    fn git(&self, command: &str) {
        self.run_with("repo", &[], &["sh", "-c", &format!("git {command}")]).ends_with(0);
    }

    /// Runs a GitHub step by its name, with what its `env` takes from the settings.
    fn github(&self, job: &str, name: &str) -> Said {
        let workflow = yaml("github.yml");
        let steps = workflow["jobs"][job]["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["name"] == name).unwrap();
        let known = self.variables();
        let mut variables: Vec<(String, String)> = Vec::new();
        for (variable, value) in step["env"].as_object().into_iter().flatten() {
            let value = match value.as_str().unwrap() {
                "${{ github.token }}" => "token-of-the-job".to_owned(),
                "${{ github.event.pull_request.number }}" => "12".to_owned(),
                secret => {
                    let name = secret.strip_prefix("${{ secrets.").unwrap();
                    known[name.strip_suffix(" }}").unwrap()].clone()
                }
            };
            variables.push((variable.clone(), value));
        }
        let (repo, temp) = (self.path("repo"), self.path("temp"));
        let (repo, temp) = (repo.display().to_string(), temp.display().to_string());
        let mut all = vec![
            ("GITHUB_WORKSPACE", repo.as_str()),
            ("RUNNER_TEMP", &temp),
            ("GITHUB_BASE_REF", "main"),
            ("GITHUB_REPOSITORY", "shop/manifests"),
            ("GITHUB_RUN_ID", "99"),
        ];
        all.extend(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        // As GitHub runs a step that names no shell.
        self.run_with("repo", &all, &["bash", "-e", "-c", step["run"].as_str().unwrap()])
    }

    /// Runs a GitLab job's script, all lines in one shell as a runner does.
    fn gitlab(&self, job: &str) -> Said {
        let lines = yaml("gitlab.yml")[job]["script"].clone();
        let lines: Vec<&str> =
            lines.as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let repo = self.path("repo").display().to_string();
        let base = self.run_with("repo", &[], &["git", "merge-base", "HEAD", "origin/main"]);
        let all = [
            ("CI_PROJECT_DIR", repo.as_str()),
            ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", base.out.trim()),
            ("CI_API_V4_URL", "https://gitlab.example/api/v4"),
            ("CI_MERGE_REQUEST_PROJECT_ID", "5"),
            ("CI_MERGE_REQUEST_IID", "12"),
            ("CI_JOB_URL", "https://gitlab.example/job/99"),
            ("COMMENT_TOKEN", "token-of-the-project"),
        ];
        self.run_with("repo", &all, &["sh", "-e", "-c", &lines.join("\n")])
    }

    /// Puts a program onto the path in place of the real one.
    fn fake(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn calls(&self) -> Vec<String> {
        let calls = self.text("calls").lines().map(str::to_owned).collect();
        fs::remove_file(self.path("calls")).unwrap();
        calls
    }
}

/// Writes its arguments down; `COMMENTS` holds what stands on the pull request, page after page.
const GH: &str = r#"#!/bin/sh
[ "$GH_TOKEN" = token-of-the-job ] || exit 4
echo "$*" >> "$CALLS"
for argument; do
    case $argument in body=@*) cp "${argument#body=@}" "$CALLS.body"; exit;; esac
done
cat "$COMMENTS"
"#;

const CURL: &str = r#"#!/bin/sh
[ "$(cat)" = 'header = "PRIVATE-TOKEN: token-of-the-project"' ] || exit 22
echo "$*" >> "$CALLS"
for argument; do
    case $argument in
    body@*) cp "${argument#body@}" "$CALLS.body"; exit;;
    */user) echo '{"id": 7}'; exit;;
    *page=*) cat "$COMMENTS.${argument##*page=}" 2>/dev/null || echo '[]'; exit;;
    esac
done
"#;

#[test]
fn github_plans_what_the_branch_approves_and_nothing_else() {
    let it = Checkout::with_approved(&["--new", "cms_page/42", "--with-dependencies"]);
    let before = fs::read(it.shop.prod()).unwrap();
    it.github("plan", "Plan").ends_with(0);
    let plan = it.text("temp/plan.md");
    assert!(plan.starts_with(&format!("{MARKER}\n* `spring-campaign`: dry run: 2 records would")));
    assert!(plan.contains("cms\\_page/42") || plan.contains("cms_page/42"), "{plan}");
    assert!(!plan.contains("new-pages"), "a job that didn't change is planned: {plan}");
    assert_eq!(fs::read(it.shop.prod()).unwrap(), before);
    let left: Vec<_> = fs::read_dir(it.path("temp")).unwrap().flatten().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_branch_that_changes_no_job_says_so() {
    let it = Checkout::with_approved(NOTHING_APPROVED);
    it.github("plan", "Plan").ends_with(0);
    assert_eq!(it.text("temp/plan.md"), format!("{MARKER}\nNo job changed.\n"));
}

/// As runners clone that were told nothing else.
#[test]
fn a_clone_without_the_base_branch_says_what_to_fetch() {
    let it = Checkout::with_approved(&["--modified", "category/14"]);
    it.shell("git clone --quiet --depth 1 --branch spring \"file://$PWD/repo\" shallow");
    let base = it.run_with("repo", &[], &["git", "rev-parse", "HEAD~1"]).out.trim().to_owned();
    let manifests = it.path("shallow/manifests").display().to_string();
    let binary = env!("CARGO_BIN_EXE_reconcile");
    let plan = [binary, "--config", "ci/reconcile.yaml", "--dry-run", "--changed-since", &base];
    let said = it.run_with("shallow", &[("MANIFESTS", &manifests)], &plan).ends_with(1);
    assert!(said.err.contains(&format!("there is no commit {base}")), "{}", said.err);
    assert!(said.err.contains("in CI fetch more history"), "{}", said.err);
    it.shell("git -C shallow fetch --quiet --unshallow");
    let said = it.run_with("shallow", &[("MANIFESTS", &manifests)], &plan).ends_with(0);
    assert!(said.out.contains("spring-campaign"), "{}", said.out);
}

#[tokio::test]
async fn a_stale_approval_fails_the_job_and_is_told_all_the_same() {
    let it = Checkout::with_approved(&["--modified", "category/14"]);
    let test = it.path("test.db");
    change(&test, "UPDATE category SET name = 'Sun' WHERE id = 14").await;
    it.github("plan", "Plan").ends_with(4);
    let plan = it.text("temp/plan.md");
    assert!(plan.starts_with(&format!("{MARKER}\n* `spring-campaign`: Stale")), "{plan}");
    let workflow = yaml("github.yml");
    let steps = workflow["jobs"]["plan"]["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["if"], "${{ !cancelled() }}");

    it.fake("curl", CURL);
    it.gitlab("reconcile-plan").ends_with(4);
    assert_eq!(it.text("calls.body"), plan);
}

/// A branch could widen the operator's file and have the plan show what it must not.
#[test]
fn the_operators_file_is_the_base_branchs() {
    let it = Checkout::with_approved(&["--new", "cms_page/42", "--with-dependencies"]);
    fs::write(it.path("repo/ci/reconcile.yaml"), "instance: PROD\n").unwrap();
    it.git("commit --quiet -a -m Widen");
    it.github("plan", "Plan").ends_with(0);
    it.fake("curl", CURL);
    it.gitlab("reconcile-plan").ends_with(0);
    assert_eq!(it.text("plan.md"), it.text("temp/plan.md"));
}

#[test]
fn github_gets_one_comment_which_is_changed_in_place() {
    let it = Checkout::with_approved(NOTHING_APPROVED);
    it.fake("gh", GH);
    it.github("plan", "Plan").ends_with(0);
    // Somebody else's comment that begins alike, and two pages.
    let foreign = format!(r#"{{"id": 1, "user": {{"login": "mallory"}}, "body": "{MARKER}\n!"}}"#);
    fs::write(it.path("comments"), format!("[{foreign}][]")).unwrap();
    it.github("plan", "Comment").ends_with(0);
    let list = "api --paginate repos/shop/manifests/issues/12/comments?per_page=100";
    let plan = it.path("temp/plan.md").display().to_string();
    let post = "api --silent --method POST repos/shop/manifests/issues/12/comments";
    assert_eq!(it.calls(), [list.to_owned(), format!("{post} --field body=@{plan}")]);
    assert_eq!(it.text("calls.body"), format!("{MARKER}\nNo job changed.\n"));

    let own = format!(
        r#"{{"id": 77, "user": {{"login": "github-actions[bot]"}}, "body": "{MARKER}\nOld"}}"#
    );
    fs::write(it.path("comments"), format!("[{foreign}][{own}]")).unwrap();
    it.github("plan", "Comment").ends_with(0);
    let patch = "api --silent --method PATCH repos/shop/manifests/issues/comments/77";
    assert_eq!(it.calls(), [list.to_owned(), format!("{patch} --field body=@{plan}")]);
}

#[test]
fn gitlab_gets_one_comment_which_is_changed_in_place() {
    let it = Checkout::with_approved(NOTHING_APPROVED);
    it.fake("curl", CURL);
    let notes = "https://gitlab.example/api/v4/projects/5/merge_requests/12/notes";
    let foreign = format!(r#"{{"id": 1, "author": {{"id": 3}}, "body": "{MARKER}\n!"}}"#);
    let own = format!(r#"{{"id": 77, "author": {{"id": 7}}, "body": "{MARKER}\nOld"}}"#);
    fs::write(it.path("comments.1"), format!("[{foreign}]")).unwrap();
    it.gitlab("reconcile-plan").ends_with(0);
    let calls = it.calls();
    assert_eq!(calls.len(), 4, "{calls:#?}");
    assert!(
        calls[3].ends_with(&format!("--request POST --data-urlencode body@../plan.md {notes}"))
    );
    assert_eq!(it.text("calls.body"), format!("{MARKER}\nNo job changed.\n"));

    fs::write(it.path("comments.2"), format!("[{own}]")).unwrap();
    it.gitlab("reconcile-plan").ends_with(0);
    let calls = it.calls();
    assert_eq!(calls.len(), 4, "{calls:#?}");
    let put = format!("--request PUT --data-urlencode body@../plan.md {notes}/77");
    assert!(calls[3].ends_with(&put), "{calls:#?}");
    assert!(calls.iter().all(|call| !call.contains("token-of")), "{calls:#?}");
}

#[test]
fn without_a_plan_the_comment_names_the_log_and_no_error() {
    let it = Checkout::with_approved(NOTHING_APPROVED);
    fs::remove_file(it.path("test.db")).unwrap();
    it.fake("gh", GH);
    it.fake("curl", CURL);
    fs::write(it.path("comments"), "[]").unwrap();
    it.github("plan", "Plan").ends_with(1);
    it.github("plan", "Comment").ends_with(0);
    let log = "https://github.com/shop/manifests/actions/runs/99";
    let told = |log: &str| format!("{MARKER}\nThere is no plan, [the log]({log}) says why.\n");
    assert_eq!(it.text("calls.body"), told(log));
    it.gitlab("reconcile-plan").ends_with(1);
    assert_eq!(it.text("calls.body"), told("https://gitlab.example/job/99"));
}

/// Whose manifests are broken, and whose forge gives no secrets.
#[test]
fn forks_are_validated_without_secrets() {
    let it = Checkout::with_approved(NOTHING_APPROVED);
    it.github("validate", "Validate").ends_with(0);
    it.gitlab("reconcile-validate").ends_with(0);
    let job = it.path("repo/manifests/jobs/spring-campaign.yaml");
    fs::write(&job, it.text("repo/manifests/jobs/spring-campaign.yaml") + "  surprise: 1\n")
        .unwrap();
    it.github("validate", "Validate").ends_with(1);
    it.gitlab("reconcile-validate").ends_with(1);

    let (workflow, pipeline) = (yaml("github.yml"), yaml("gitlab.yml"));
    let job = &workflow["jobs"]["validate"];
    assert!(!job.to_string().contains("secrets."), "{job}");
    assert_eq!(job["permissions"], serde_json::json!({"contents": "read"}));
    // Each request goes one way, never both.
    let of = |job: &str| workflow["jobs"][job]["if"].as_str().unwrap().to_owned();
    assert_eq!(of("validate").replace("!=", "=="), of("plan"));
    let of = |job: &str| pipeline[job]["rules"][0]["if"].as_str().unwrap().to_owned();
    assert_eq!(of("reconcile-validate").replace("!=", "=="), of("reconcile-plan"));
}

/// What others choose (names of branches, titles) reaches no shell as code, and nobody gets more
/// rights than needed.
#[test]
fn steps_hold_no_expression_and_jobs_few_rights() {
    let workflow = yaml("github.yml");
    assert_eq!(workflow["on"], "pull_request");
    assert_eq!(workflow["permissions"], serde_json::json!({}));
    let rights = serde_json::json!({"contents": "read", "pull-requests": "write"});
    assert_eq!(workflow["jobs"]["plan"]["permissions"], rights);
    for (name, job) in workflow["jobs"].as_object().unwrap() {
        for step in job["steps"].as_array().unwrap() {
            assert!(!step["run"].to_string().contains("${{"), "{name}: {step}");
            if let Some(uses) = step["uses"].as_str() {
                assert!(uses.starts_with("actions/checkout@"), "{uses}");
                assert_eq!(step["with"]["persist-credentials"], false);
            }
        }
    }
    for name in ["github.yml", "gitlab.yml", "comment-github.sh", "comment-gitlab.sh"] {
        let text = fs::read_to_string(example(name)).unwrap();
        for chosen in ["head_ref", "head.ref", "SOURCE_BRANCH", "_TITLE", "eval "] {
            assert!(!text.contains(chosen), "{name} holds {chosen}");
        }
    }
}
