//! Signatures, made by real `ssh-keygen` and `gpg`.

use std::fs;
use std::process::Command;

use reconcile::config::SigningKey;
use reconcile::git::{Commit, Error, Mirror, Published, Results, Which};

use super::JOB;
use super::world::{World, git};
use crate::signing::{self, SshKey, ssh_key};

/// How somebody signs, as settings of git.
struct Signer(Vec<String>);

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn ssh_signer(world: &World, name: &str) -> (Signer, SigningKey) {
    let SshKey { path, public } = ssh_key(world.folder.path(), name);
    let settings = ["gpg.format=ssh".to_owned(), format!("user.signingKey={path}")];
    (Signer(settings.into()), SigningKey::Ssh(public))
}

/// A commit of a file on top of some others; `None` signs nothing.
fn commit(world: &World, signer: Option<&Signer>, parents: &[&Commit], text: &str) -> Commit {
    let tree = world.tree(&[("100644", b"a.yaml", world.blob(text.as_bytes()))]);
    let settings = signer.map(|signer| signer.0.as_slice()).unwrap_or_default();
    let mut arguments: Vec<&str> = settings.iter().flat_map(|it| ["-c", it.as_str()]).collect();
    arguments.extend(["commit-tree", &tree, "-m", "A change"]);
    arguments.extend(parents.iter().flat_map(|parent| ["-p", parent.as_str()]));
    arguments.extend(signer.map(|_| "-S"));
    let made = Commit::parse(&git(&world.remote(), &arguments, b"")).unwrap();
    world.git(&["update-ref", "refs/heads/main", made.as_str()]);
    made
}

fn mirror(world: &World, keys: &[SigningKey]) -> Mirror {
    let mut source = world.source();
    source.require_signed = Some(keys.to_vec());
    Mirror::new(&source, &world.state())
}

/// The commit found and why, in short.
async fn found(
    mirror: &Mirror,
    trusted: Option<&Commit>,
    head: &Commit,
) -> Option<(Commit, String)> {
    let unsigned = mirror.first_unsigned(trusted, head).await.unwrap()?;
    assert_eq!(unsigned.author_email, "jo@shop.example");
    Some((unsigned.commit, unsigned.why))
}

#[tokio::test]
async fn an_unsigned_commit_below_a_signed_head_is_found() {
    if !signing::is_there() {
        return;
    }
    let world = World::new();
    let (jo, key) = ssh_signer(&world, "jo");
    let (mallory, _) = ssh_signer(&world, "mallory");
    let start = commit(&world, None, &[], JOB);
    let trusted = commit(&world, Some(&jo), &[&start], "1");
    let unsigned = commit(&world, None, &[&trusted], "2");
    let head = commit(&world, Some(&jo), &[&unsigned], "3");
    let mut mirror = mirror(&world, &[key]);
    assert_eq!(mirror.fetch().await.unwrap(), head);
    // The first time the head alone, afterwards everything that came.
    assert_eq!(found(&mirror, None, &head).await, None);
    let isnt_signed = |commit: &Commit| Some((commit.clone(), "isn't signed".to_owned()));
    assert_eq!(found(&mirror, None, &unsigned).await, isnt_signed(&unsigned));
    assert_eq!(found(&mirror, Some(&trusted), &head).await, isnt_signed(&unsigned));
    assert_eq!(found(&mirror, Some(&unsigned), &head).await, None);
    assert_eq!(found(&mirror, Some(&head), &head).await, None);
    // A signed merge brings what wasn't signed; a merge by itself has to be signed, too.
    let side = commit(&world, None, &[&head], "side");
    let ours = commit(&world, Some(&jo), &[&head], "ours");
    let merge = commit(&world, Some(&jo), &[&ours, &side], "both");
    mirror.fetch().await.unwrap();
    assert_eq!(found(&mirror, Some(&head), &merge).await, isnt_signed(&side));
    let bare = commit(&world, None, &[&ours, &head], "both");
    mirror.fetch().await.unwrap();
    assert_eq!(found(&mirror, Some(&head), &bare).await, isnt_signed(&bare));
    // Somebody else's key, however good the signature.
    let other = commit(&world, Some(&mallory), &[&head], "4");
    mirror.fetch().await.unwrap();
    let (name, why) = found(&mirror, Some(&head), &other).await.unwrap();
    assert_eq!(name, other);
    assert!(why.contains("which isn't among git.requireSigned.keys"), "{why}");
    assert!(found(&mirror, None, &other).await.is_some());
}

#[tokio::test]
async fn a_changed_commit_loses_its_signature_and_a_lost_one_its_trust() {
    if !signing::is_there() {
        return;
    }
    let world = World::new();
    let (jo, key) = ssh_signer(&world, "jo");
    let good = commit(&world, Some(&jo), &[], JOB);
    let raw = world.git(&["cat-file", "commit", good.as_str()]).replace("A change", "Another");
    let write = ["hash-object", "-w", "-t", "commit", "--stdin"];
    let forged = git(&world.remote(), &write, format!("{raw}\n").as_bytes());
    world.git(&["update-ref", "refs/heads/main", &forged]);
    let mut mirror = mirror(&world, &[key]);
    let forged = mirror.fetch().await.unwrap();
    let (_, why) = found(&mirror, None, &forged).await.unwrap();
    assert_eq!(why, "has a signature that doesn't fit it");
    let gone = Commit::parse(&"0123456789".repeat(4)).unwrap();
    let error = mirror.first_unsigned(Some(&gone), &forged).await.unwrap_err();
    assert!(matches!(error, Error::TrustGone { .. }), "{error:?}");
    // Nobody asks for signatures.
    assert_eq!(world.mirror().first_unsigned(None, &forged).await.unwrap(), None);
}

#[tokio::test]
async fn results_are_signed_where_the_users_settings_say_so() {
    if !signing::is_there() {
        return;
    }
    let world = World::new();
    let (jo, key) = ssh_signer(&world, "jo");
    let head = commit(&world, Some(&jo), &[], JOB);
    let mut mirror = mirror(&world, &[key]);
    assert_eq!(mirror.fetch().await.unwrap(), head);
    for setting in jo.0.iter().map(String::as_str).chain(["commit.gpgSign=yes"]) {
        let (name, value) = setting.split_once('=').unwrap();
        git(&world.clone_folder(), &["config", name, value], b"");
    }
    let folder = world.folder.path().join("results");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("status.yaml"), "a").unwrap();
    let results = Results {
        folder,
        which: Which::All,
        message: "spring".into(),
        author_name: "reconcile".into(),
        author_email: "jo@shop.example".into(),
    };
    let published = mirror.publish(&results, &mut || true).await.unwrap();
    let Published::Pushed(made) = published else { panic!("{published:?}") };
    assert_eq!(found(&mirror, None, &made).await, None);
}

/// A keyring of one test, whose agent ends with it.
struct Keyring(String);

impl Drop for Keyring {
    fn drop(&mut self) {
        run("gpgconf", &["--homedir", &self.0, "--kill", "all"]);
    }
}

fn gpg_key(keyring: &Keyring, name: &str) -> String {
    let user = format!("{name} <{name}@shop.example>");
    let make =
        ["--batch", "--passphrase", "", "--quick-generate-key", &user, "ed25519", "sign", "never"];
    run("gpg", &[&["--homedir", &keyring.0][..], &make].concat());
    let list = ["--homedir", &keyring.0, "--with-colons", "--list-keys", name];
    let listed = run("gpg", &list);
    let print = listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap();
    print.trim_end_matches(':').to_owned()
}

fn gpg_signer(program: &str, print: &str) -> Signer {
    Signer(vec![
        "gpg.format=openpgp".into(),
        format!("gpg.program={program}"),
        format!("user.signingKey={print}"),
    ])
}

#[tokio::test]
async fn only_whole_fingerprints_of_the_operator_count() {
    if !signing::is_there() {
        return;
    }
    let world = World::new();
    let keyring = Keyring(world.folder.path().join("gnupg").display().to_string());
    fs::create_dir(&keyring.0).unwrap();
    run("chmod", &["700", &keyring.0]);
    let path = world.folder.path().join("gpg");
    let program = world.script(&path, &format!("exec gpg --homedir '{}' \"$@\"", keyring.0));
    let (jo, eve) = (gpg_key(&keyring, "jo"), gpg_key(&keyring, "eve"));
    assert_eq!(jo.len(), 40);
    let trusted = commit(&world, Some(&gpg_signer(&program, &jo)), &[], JOB);
    let eves = commit(&world, Some(&gpg_signer(&program, &eve)), &[&trusted], "2");
    let head = commit(&world, Some(&gpg_signer(&program, &jo)), &[&eves], "3");
    let mut mirror = mirror(&world, &[SigningKey::OpenPgp(jo)]);
    mirror.fetch().await.unwrap();
    // The keyring of whom reconcile runs as.
    git(&world.clone_folder(), &["config", "gpg.program", &program], b"");
    assert_eq!(found(&mirror, None, &trusted).await, None);
    let (name, why) = found(&mirror, Some(&trusted), &head).await.unwrap();
    assert_eq!((name, why.contains(&eve)), (eves, true), "{why}");
    // Without the key in the keyring nothing is taken on trust.
    let none = world.script(&path, &format!("exec gpg --homedir '{}/none' \"$@\"", keyring.0));
    assert_eq!(none, program);
    let (_, why) = found(&mirror, None, &trusted).await.unwrap();
    assert!(why.contains("can't be checked"), "{why}");
}
