//! A mail server that others wrote, with TLS and a login.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::{EVA, JO, Office, parsed};

const VARIABLE: &str = "RECONCILE_TEST_MAIL_PYTHON";

struct Aiosmtpd {
    process: Child,
    said: BufReader<ChildStdout>,
    port: u16,
}

impl Aiosmtpd {
    fn start(folder: &Path, kind: &str) -> Option<Self> {
        let Some(python) = std::env::var_os(VARIABLE) else {
            eprintln!("skipped: {VARIABLE} isn't set, see scripts/services");
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail/aiosmtpd_server.py");
        let mut process = Command::new(python)
            .arg(script)
            .arg(kind)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut port = String::new();
        said.read_line(&mut port).unwrap();
        Some(Self { process, said, port: port.trim().parse().unwrap() })
    }

    fn mail(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Aiosmtpd {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// An authority of the shop's own, and a certificate of it for this machine.
pub fn certificates(folder: &Path) {
    std::fs::write(folder.join("san"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for arguments in [
        format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=shop"),
        format!("req -new {key} -keyout server.key -out server.csr -subj /CN=mail"),
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san \
         -out server.pem"
            .to_owned(),
    ] {
        let made = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
}

#[tokio::test]
async fn a_server_that_wants_tls_and_a_login_takes_mail_either_way() {
    for (kind, scheme, query) in [("starttls", "smtp", "?tls=required"), ("implicit", "smtps", "")]
    {
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path());
        let Some(mut server) = Aiosmtpd::start(folder.path(), kind) else { return };
        let port = server.port;
        let url = |password: &str| {
            format!("{scheme}://jo%40shop.example:{password}@127.0.0.1:{port}{query}")
        };
        let mut office = Office::open(&url("p%3Aw%2F1")).await;
        office.post("m1").await;
        // Nobody vouches for this server.
        let round = office.round().await;
        assert!(round.troubles[0].contains("certificate"), "{round:?}");
        let mail = office.config.mail.as_mut().unwrap();
        mail.ca = Some(folder.path().join("ca.pem"));
        office.later().await;
        assert_eq!(office.round().await.out, 1);
        let got = server.mail();
        assert_eq!((&got["tls"], &got["to"]), (&true.into(), &serde_json::json!([JO, EVA])));
        let bytes = got["bytes"].as_str().unwrap().as_bytes().chunks(2);
        let hex = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let read = parsed(&bytes.map(hex).collect::<Vec<_>>());
        assert_eq!(read["Message-ID"], "<m1@shop.example>");
        assert_eq!(
            (&read["text/html"], &read["defects"]),
            (&"<p>3 records</p>\n".into(), &"".into())
        );

        let mut other = Office::open(&url("CANARY")).await;
        other.config.mail.as_mut().unwrap().ca = Some(folder.path().join("ca.pem"));
        other.post("m2").await;
        let round = other.round().await;
        assert!(round.troubles[0].contains("535"), "{round:?}");
        assert!(!format!("{round:?}").contains("CANARY"));
        assert_eq!((round.waiting, round.lost), (1, 0), "the operator can mend that");
    }
}
