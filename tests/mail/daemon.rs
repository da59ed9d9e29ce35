//! Mail as the binary sends it: beside runs, never before them.

use std::fs;
use std::time::{Duration, Instant};

use super::server::{Behaviour, Server};
use super::{JO, parsed};
use crate::process::{Daemon, Start};
use crate::shop::Shop;

const JOB: &str = "spring-campaign";

/// The demo shop, with Jo told by this server.
fn shop(server: &Server) -> Shop {
    let shop = Shop::before_the_demo();
    let file = shop.path().join("reconcile.yaml");
    let mail = format!(
        "mail: {{transport: \"{}\", from: reconcile@shop.example, recipients: [\"*@shop.example\"]}}\n",
        server.url()
    );
    fs::write(&file, fs::read_to_string(&file).unwrap() + &mail).unwrap();
    let job = shop.path().join("manifests/jobs/spring-campaign.yaml");
    let text = fs::read_to_string(&job).unwrap();
    fs::write(
        &job,
        text.replacen("  mode: all\n", "  mode: all\n  notify: [jo@shop.example]\n", 1),
    )
    .unwrap();
    shop
}

fn approve(shop: &Shop) {
    let which = ["--modified", "all", "--new", "all", "--renumber", "cms_page/41"];
    shop.reconcile(&[&["approve", JOB][..], &which].concat()).ends_with(0);
}

fn watch(shop: &Shop) -> Daemon {
    Daemon::start(shop.path(), &Start::default(), "daemon.log")
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_mail_server_holds_no_run_back() {
    let server = Server::start(Behaviour::Stalls).await;
    let shop = shop(&server);
    let status = shop.path().join("results").join(JOB).join("status.yaml");
    let says = |word: &str| fs::read_to_string(&status).is_ok_and(|text| text.contains(word));
    let daemon = watch(&shop);
    until("the server is spoken with", || server.connections() > 0).await;
    approve(&shop);
    until("the run is over", || says("phase: Succeeded") || says("phase: Failed")).await;
    assert!(says("phase: Succeeded"), "{}", fs::read_to_string(&status).unwrap());
    assert_eq!(server.mails().len(), 0);
    daemon.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_sends_what_it_tells_and_says_what_isnt_out() {
    let server = Server::start(Behaviour::Fine).await;
    let shop = shop(&server);
    let said = shop.reconcile(&[JOB]).ends_with(0);
    assert_eq!(said.err, "");
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(parsed(&mails[0].bytes)["Subject"], "Comparison finished: spring-campaign");

    server.behave(Behaviour::Refuses { one: JO, code: 451 });
    approve(&shop);
    let said = shop.reconcile(&[JOB]).ends_with(0);
    assert!(said.out.contains("Success: run "), "{}", said.out);
    assert!(said.err.contains("mail: 451 5.7.1 not here"), "{}", said.err);
    assert!(said.err.contains("1 message isn't out yet"), "{}", said.err);
    let status = shop.reconcile(&["status", JOB]).ends_with(0).out;
    let late = "warning: jo@shop.example doesn't have the mail `Success: Synchronization process \
                (spring-campaign)` yet, it is sent again: 451 5.7.1 not here";
    assert!(status.contains(late), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_didnt_get_the_mail_stands_in_status_and_run_file() {
    let server = Server::start(Behaviour::Refuses { one: JO, code: 550 }).await;
    let shop = shop(&server);
    approve(&shop);
    shop.reconcile(&[JOB]).ends_with(0);
    // The next pass knows what became of the mail.
    shop.reconcile(&[JOB]).ends_with(0);
    let results = shop.path().join("results").join(JOB);
    let lost = "jo@shop.example didn't get the mail `Success: Synchronization process \
                (spring-campaign)`: 550 5.7.1 not here";
    let status = fs::read_to_string(results.join("status.yaml")).unwrap();
    assert!(status.contains(lost), "{status}");
    let run = fs::read_dir(results.join("runs")).unwrap().next().unwrap().unwrap().path();
    let before = fs::read_to_string(&run).unwrap();
    let (_, list) = before.split_once("\nnotDelivered:\n").unwrap();
    assert!(list.contains(lost), "{list}");
    shop.reconcile(&[JOB]).ends_with(0);
    assert_eq!(fs::read_to_string(&run).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_operator_doesnt_allow_stands_in_status_and_run_file() {
    let server = Server::start(Behaviour::Fine).await;
    let shop = shop(&server);
    let job = shop.path().join("manifests/jobs/spring-campaign.yaml");
    let notify = |list: &str| {
        let text = fs::read_to_string(&job).unwrap();
        let (before, after) = text.split_once("  notify: [").unwrap();
        let (_, after) = after.split_once("]\n").unwrap();
        fs::write(&job, format!("{before}  notify: [{list}]\n{after}")).unwrap();
    };
    notify("jo@shop.example, eva@elsewhere.example");
    approve(&shop);
    shop.reconcile(&[JOB]).ends_with(0);
    let mails = server.mails();
    assert!(!mails.is_empty() && mails.iter().all(|mail| mail.to == [JO]), "{mails:?}");
    let refused =
        "eva@elsewhere.example gets no mail: the operator's `mail.recipients` don't allow it";
    let said = shop.reconcile(&["status", JOB]).ends_with(0).out;
    assert!(said.contains(&format!("warning: {refused}")), "{said}");
    let results = shop.path().join("results").join(JOB);
    let status = || fs::read_to_string(results.join("status.yaml")).unwrap();
    assert!(status().contains(refused), "{}", status());
    assert!(!status().contains("nobody gets mail"), "{}", status());
    let run = fs::read_dir(results.join("runs")).unwrap().next().unwrap().unwrap().path();
    let run = fs::read_to_string(run).unwrap();
    let (_, after) = run.split_once("\nnotified:\n").unwrap();
    let (notified, refused) = after.split_once("notNotified:\n").unwrap();
    assert!(notified.contains(JO) && refused.contains("eva@elsewhere.example"), "{run}");

    notify("eva@elsewhere.example");
    shop.reconcile(&[JOB]).ends_with(0);
    let nobody = "nobody gets mail about this job: no recipient is accepted";
    assert!(status().contains(nobody), "{}", status());
    let said = shop.reconcile(&["status", JOB]).ends_with(0).out;
    assert!(said.contains(&format!("warning: {nobody}")), "{said}");
}
