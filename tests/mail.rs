//! Mail from the outbox to a server: a real conversation, in all the ways it can go wrong.

mod daemon;
pub mod others;
pub mod server;

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use reconcile::config::{self, Config};
use reconcile::mail::{Round, Sending, round};
use reconcile::state::{Change, Message, Posted, State};

use crate::shop;
use server::{Behaviour, Server};

const JO: &str = "jo@shop.example";
const EVA: &str = "eva@shop.example";

/// An outbox in a folder, with messages to Jo and Eva.
struct Office {
    folder: tempfile::TempDir,
    config: Config,
    state: State,
    now: Timestamp,
    one_message: Duration,
}

impl Office {
    async fn open(transport: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = configured(folder.path(), transport);
        let state = State::open(&config).await.unwrap();
        let now = "2026-12-01T01:00:00Z".parse().unwrap();
        Self { folder, config, state, now, one_message: Duration::from_mins(1) }
    }

    async fn post(&mut self, id: &str) {
        let mut remembered = self.state.memory("spring").await.unwrap();
        let messages = [message(id, self.now)];
        let change = Change { ended: None, messages: &messages };
        self.state.save("spring", &mut remembered, &change).await.unwrap();
    }

    async fn round(&mut self) -> Round {
        let mail = self.config.mail.as_ref().unwrap();
        let sending = Sending { mail, one_message: self.one_message, until: None };
        let now = self.now;
        round(&mut self.state, &sending, &move || now).await.unwrap()
    }

    async fn later(&mut self) {
        self.now += SignedDuration::from_mins(61);
    }

    /// Newest first.
    async fn listed(&mut self) -> Vec<String> {
        let all = self.state.messages().await.unwrap();
        let pages =
            [self.state.newest(0, 2).await.unwrap(), self.state.newest(2, 9).await.unwrap()];
        assert_eq!(pages.concat(), all);
        all.into_iter().map(|posted| posted.message.id).collect()
    }

    async fn only(&mut self) -> Posted {
        let mut all = self.state.messages().await.unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
}

fn configured(folder: &Path, transport: &str) -> Config {
    let text = format!(
        "instance: PROD\nmanifests: m\nenvironments:\n  PROD: {{database: \"sqlite://p\"}}\n  \
         TEST: {{database: \"sqlite://t\"}}\nmail:\n  transport: \"{transport}\"\n  from: Shop \
         <reconcile@shop.example>\n  recipients: [\"*@shop.example\"]\n"
    );
    config::parse(&folder.join("reconcile.yaml"), text.as_bytes(), &|_| None).unwrap()
}

fn message(id: &str, at: Timestamp) -> Message {
    Message {
        id: id.to_owned(),
        job: "spring".to_owned(),
        number: 0,
        run: None,
        at,
        subject: "Success: Synchronization process (spring) – ąć".to_owned(),
        text: "3 records\n.\n..\nFrom here on: zażółć\n".to_owned(),
        html: "<p>3 records</p>\n".to_owned(),
        to: vec![JO.to_owned(), EVA.to_owned()],
        refused: Vec::new(),
    }
}

#[tokio::test]
async fn messages_keep_the_order_of_what_they_tell_of() {
    let server = Server::start(Behaviour::Fine).await;
    let mut office = Office::open(&server.url()).await;
    for id in ["z", "a", "m"] {
        office.post(id).await;
    }
    // Clocks are set back, too.
    office.now -= SignedDuration::from_hours(1);
    office.post("b").await;
    assert_eq!(office.listed().await, ["b", "m", "a", "z"]);
    // What an earlier release wrote has no number: it is older, and in the order of its times.
    let store = office.config.state_directory.join("reconcile.db");
    shop::change(
        &store,
        "UPDATE reconcile_outbox SET message = json_remove(message, '$.number');
         DELETE FROM reconcile_state WHERE name IN ('messages', 'messages by number');
         DELETE FROM reconcile_message",
    )
    .await;
    office.state = State::open(&office.config).await.unwrap();
    office.post("c").await;
    assert_eq!(office.listed().await, ["c", "z", "m", "a", "b"]);
    office.now += SignedDuration::from_hours(2);
    assert_eq!(office.round().await, Round { out: 5, ..Round::default() });
    let mails = server.mails();
    let sent = mails.iter().map(|mail| parsed(&mail.bytes)["Message-ID"].clone());
    let wanted = ["b", "a", "m", "z", "c"].map(|id| format!("<{id}@shop.example>"));
    assert_eq!(sent.collect::<Vec<_>>(), wanted);
}

#[tokio::test]
async fn a_mail_reaches_its_server_once_and_reads_as_it_was_written() {
    let server = Server::start(Behaviour::Fine).await;
    let mut office = Office::open(&server.url()).await;
    office.post("m1").await;
    assert_eq!(office.round().await, Round { out: 1, ..Round::default() });
    assert_eq!(office.round().await, Round::default());
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (mails[0].from.as_str(), &mails[0].to[..]),
        ("reconcile@shop.example", &[JO.into(), EVA.into()][..])
    );
    let read = parsed(&mails[0].bytes);
    assert_eq!(read["Message-ID"], "<m1@shop.example>");
    assert_eq!(read["Subject"], "Success: Synchronization process (spring) – ąć");
    assert_eq!(read["From"], "Shop <reconcile@shop.example>");
    assert_eq!(read["To"], format!("{JO}, {EVA}"));
    assert_eq!(read["Date"], "Tue, 01 Dec 2026 01:00:00 +0000");
    assert_eq!(read["Auto-Submitted"], "auto-generated");
    assert_eq!(read["References"], read["In-Reply-To"]);
    assert_eq!(read["text/plain"], "3 records\n.\n..\nFrom here on: zażółć\n");
    assert_eq!(read["text/html"], "<p>3 records</p>\n");
    assert_eq!(read["defects"], "");
    let posted = office.only().await;
    assert_eq!(posted.delivery.taken.keys().collect::<Vec<_>>(), [EVA, JO]);
}

/// The mail as Python reads it, who shares no line with what wrote it.
fn parsed(bytes: &[u8]) -> serde_json::Map<String, serde_json::Value> {
    use std::io::Write as _;
    const READ: &str = "
import email, email.policy, json, sys
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
out = {name: str(value) for name, value in mail.items()}
parts = list(mail.walk())
for part in parts[1:]:
    out[part.get_content_type()] = part.get_content().replace('\\r', '')
out['defects'] = ' '.join(str(it) for part in parts for it in part.defects)
print(json.dumps(out))
";
    let mut python = std::process::Command::new("python3")
        .args(["-c", READ])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_folder_gets_a_file_for_each_message() {
    let mut office = Office::open("file:outbox").await;
    office.post("m1").await;
    assert_eq!(office.round().await.out, 1);
    let outbox = office.folder.path().join("outbox");
    let names: Vec<_> =
        std::fs::read_dir(&outbox).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["20261201T010000Z-spring-m1.eml"]);
    let read = parsed(&std::fs::read(outbox.join(&names[0])).unwrap());
    assert_eq!((&read["To"], &read["defects"]), (&format!("{JO}, {EVA}").into(), &"".into()));
}

#[tokio::test]
async fn one_recipients_refusal_keeps_the_mail_from_nobody_else() {
    let server = Server::start(Behaviour::Refuses { one: JO, code: 550 }).await;
    let mut office = Office::open(&server.url()).await;
    office.post("m1").await;
    let round = office.round().await;
    assert_eq!((round.lost, round.waiting), (1, 0));
    assert_eq!(
        round.troubles,
        [format!(
            "{JO} didn't get the mail `Success: Synchronization process (spring) – ąć`: 550 5.7.1 not \
         here\\u{{7}}"
        )]
    );
    assert_eq!(server.mails()[0].to, [EVA]);
    office.later().await;
    assert_eq!(office.round().await, Round::default());
    assert_eq!(server.mails().len(), 1);
    let lost = office.state.not_out().await.unwrap();
    assert_eq!(lost.len(), 1);
}

#[tokio::test]
async fn greylisted_recipients_get_it_later_and_only_they() {
    let server = Server::start(Behaviour::Refuses { one: JO, code: 451 }).await;
    let mut office = Office::open(&server.url()).await;
    office.post("m1").await;
    let round = office.round().await;
    assert_eq!((round.waiting, round.lost), (1, 0));
    // Nothing is due before its time.
    let again = office.only().await.delivery.again.unwrap();
    assert!(again > office.now + SignedDuration::from_secs(40), "{again}");
    assert_eq!(office.round().await.out, 0);
    assert_eq!(server.mails().len(), 1);
    server.behave(Behaviour::Fine);
    office.later().await;
    assert_eq!(office.round().await.out, 1);
    let mails = server.mails();
    assert_eq!((&mails[0].to[..], &mails[1].to[..]), (&[EVA.into()][..], &[JO.into()][..]));
    assert_eq!(mails[0].bytes, mails[1].bytes);
}

#[tokio::test]
async fn a_server_that_doesnt_answer_is_tried_once_a_round_and_again_later() {
    let mut office = Office::open("smtp://127.0.0.1:1").await;
    office.post("m1").await;
    office.post("m2").await;
    let round = office.round().await;
    assert_eq!((round.waiting, round.troubles.len()), (2, 1), "{round:?}");
    assert!(round.troubles[0].contains("127.0.0.1:1: Connection refused"), "{round:?}");
    let attempts: Vec<u32> =
        office.state.waiting().await.unwrap().iter().map(|it| it.delivery.attempts).collect();
    assert_eq!(attempts, [1, 0]);
}

#[tokio::test]
async fn slow_servers_are_left_after_a_while() {
    for behaviour in [Behaviour::Stalls, Behaviour::Drips] {
        let server = Server::start(behaviour).await;
        let mut office = Office::open(&server.url()).await;
        office.post("m1").await;
        office.one_message = Duration::from_secs(2);
        let began = Instant::now();
        let round = office.round().await;
        assert!(began.elapsed() < Duration::from_secs(30), "{behaviour:?}");
        office.one_message = Duration::from_mins(1);
        assert!(round.troubles[0].contains("didn't end the conversation within 2 s"), "{round:?}");
        server.behave(Behaviour::Fine);
        office.later().await;
        assert_eq!(office.round().await.out, 1);
        assert_eq!(server.mails().len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_dies_after_the_last_dot_gets_the_same_mail_again() {
    let server = Server::start(Behaviour::DiesAfterData).await;
    let mut office = Office::open(&server.url()).await;
    office.post("m1").await;
    assert_eq!(office.round().await.waiting, 1);
    server.behave(Behaviour::Fine);
    office.later().await;
    assert_eq!(office.round().await.out, 1);
    let mails = server.mails();
    assert_eq!(mails.len(), 2, "the server had taken the first one");
    assert_eq!(mails[0].bytes, mails[1].bytes);
}

#[tokio::test]
async fn two_processes_never_send_a_message_at_once() {
    let server = Server::start(Behaviour::Fine).await;
    let mut office = Office::open(&server.url()).await;
    office.post("m1").await;
    let mut seen = office.state.waiting().await.unwrap();
    let mut other = State::open(&office.config).await.unwrap();
    let until = office.now + SignedDuration::from_secs(60);
    assert!(other.take(&mut seen[0].clone(), until).await.unwrap());
    assert!(!office.state.take(&mut seen[0], until).await.unwrap());
    assert_eq!(office.round().await.out, 0);
    // A process that died while it sent keeps nobody waiting for long.
    office.later().await;
    assert_eq!(office.round().await.out, 1);
}

#[tokio::test]
async fn nothing_is_said_before_a_connection_is_encrypted() {
    let server = Server::start(Behaviour::Fine).await;
    let url = server.url().replace("smtp://", "smtp://jo:secret@") + "?tls=required";
    let mut office = Office::open(&url).await;
    office.post("m1").await;
    let round = office.round().await;
    assert!(round.troubles[0].contains("STARTTLS is not supported"), "{round:?}");
    assert!(
        !server.heard().iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL"))
    );
}
