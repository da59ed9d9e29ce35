//! `POST /hooks/git`: a hint that is worth nothing but a look.

use std::fs;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::world::{HOOK, HTTP, World};
use crate::git::world::git;

/// As GitHub, Gitea and Forgejo sign.
fn signature(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(HOOK.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_hook_makes_the_daemon_look_now() {
    // Nobody would look for an hour.
    let world = World::new(&format!("git: {{url: remote.git, pollSeconds: 3600}}\n{HTTP}")).await;
    let manifests = world.path("manifests");
    git(world.folder.path(), &["init", "-q", "--bare", "-b", "main", "remote.git"], b"");
    git(&manifests, &["init", "-q", "-b", "main"], b"");
    for (key, value) in [("user.name", "Jo"), ("user.email", "jo@users.example")] {
        git(&manifests, &["config", key, value], b"");
    }
    git(&manifests, &["remote", "add", "origin", world.path("remote.git").to_str().unwrap()], b"");
    let commit = |request: u32| {
        world.job(&format!("  request: {request}\n  suspend: {{reason: \"stop {request}\"}}\n"));
        git(&manifests, &["add", "--all"], b"");
        git(&manifests, &["commit", "-q", "-m", "What goes where"], b"");
        git(&manifests, &["push", "-q", "origin", "main"], b"");
    };
    commit(1);
    let daemon = world.start();
    daemon.says("stop 1").await;
    let client = daemon.client().await;
    let body = "{\"ref\": \"refs/heads/main\"}";
    let github = format!("sha256={}", signature(body));
    let gitea = signature(body);
    for (request, header) in [
        (2, ("X-Hub-Signature-256", github.as_str())),
        (3, ("X-Gitea-Signature", gitea.as_str())),
        (4, ("X-Gitlab-Token", HOOK)),
    ] {
        commit(request);
        client.ask("POST", "/hooks/git", &[header], body).is(202);
        daemon.says(&format!("stop {request}")).await;
    }
    client.ask("POST", "/hooks/git", &[("X-Hub-Signature-256", &github)], "{}").is(401);
    client.ask("POST", "/hooks/git", &[("X-Gitlab-Token", "another-secret-000")], body).is(401);
    client.ask("POST", "/hooks/git", &[], body).is(401);
    client.get("/hooks/git").is(405);
    // Without a secret there is no such path.
    let file = fs::read_to_string(world.path("reconcile.yaml")).unwrap();
    let without = file.replace(&format!(", hooks: {{secret: {HOOK}}}"), "");
    assert_ne!(file, without);
    fs::write(world.path("reconcile.yaml"), without).unwrap();
    daemon.signal("-HUP");
    daemon.says("the operator's file was read again").await;
    client.ask("POST", "/hooks/git", &[("X-Gitlab-Token", HOOK)], body).is(404);
    daemon.ends().await;
}
