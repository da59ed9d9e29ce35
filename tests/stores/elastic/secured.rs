//! Credentials and TLS, looked at from the other side: the servers of tests have no security of their own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reconcile::config::{Environment, Secret};
use reconcile::store::elastic::{Address, Elastic, Limits};
use reconcile::store::{Fate, Store};

use super::between::{Asked, Between, Then};
use super::{Server, fields, write};

fn checked(wanted: &'static str) -> impl FnMut(&Asked) -> Then + Send + 'static {
    move |asked| {
        match asked.head.lines().any(|line| line.eq_ignore_ascii_case(wanted)) {
        true => Then::Pass,
        false => Then::Answer(401, r#"{"error":{"type":"security_exception","reason":"missing authentication credentials"},"status":401}"#.into()),
    }
    }
}

async fn works(store: &mut Elastic) {
    store.declare("i", &fields()).await.unwrap();
    assert_eq!(store.apply(&[write("i", "a", 1, "{}")]).await.unwrap(), [Fate::Done]);
    assert!(store.get("i", &["a".to_owned()]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn a_user_or_a_key_is_told_to_the_server_and_nobody_else() {
    for server in Server::all() {
        let between =
            Between::start(&server.url, checked("authorization: ApiKey a2V5OnNlY3JldA==")).await;
        let (url, key) = (Secret::new(&between.url), Secret::new("a2V5OnNlY3JldA=="));
        let address =
            Address { environment: Environment::Prod, url: &url, api_key: Some(&key), ca: None };
        let open = Elastic::open(&address, Some(&server.prefix), Limits::default()).await;
        works(&mut open.unwrap()).await;

        let text = between.url.replace("http://", "http://shop:p%2Fw%401@");
        between.decide(checked("authorization: Basic c2hvcDpwL3dAMQ=="));
        let url = Secret::new(&text);
        let address = Address { url: &url, api_key: None, ..address };
        let open = Elastic::open(&address, Some(&server.prefix), Limits::default()).await;
        let mut store = open.unwrap();
        works(&mut store).await;

        between.decide(checked("authorization: somebody else"));
        let error = store.apply(&[write("i", "b", 1, "{}")]).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains("401 security_exception: missing") && !error.passes(), "{said}");
        assert!(
            !said.contains("p/w") && !said.contains("p%2Fw") && !said.contains("c2hv"),
            "{said}"
        );
        server.remove();
    }
}

/// Ends TLS and passes everything on.
const ENDS_TLS: &str = r#"
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
host, port = sys.argv[1].rsplit(":", 1)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def copy(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    for end in (one, other):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
def serve(client):
    try:
        client = context.wrap_socket(client, server_side=True)
    except OSError:
        return
    server = socket.create_connection((host, int(port)))
    threading.Thread(target=copy, args=(server, client), daemon=True).start()
    copy(client, server)
while True:
    client, _ = listener.accept()
    threading.Thread(target=serve, args=(client,), daemon=True).start()
"#;

struct Tls(Child, String);

impl Tls {
    fn start(folder: &Path, server: &str) -> Self {
        let server = server.strip_prefix("http://").unwrap();
        let mut command = Command::new("python3");
        command.args(["-c", ENDS_TLS, server]).current_dir(folder).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut port = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut port).unwrap();
        Self(child, format!("https://127.0.0.1:{}", port.trim()))
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn tls_wants_a_certificate_by_somebody_who_is_trusted() {
    for server in Server::all() {
        let folder = tempfile::tempdir().unwrap();
        crate::certificates::make(folder.path());
        let tls = Tls::start(folder.path(), &server.url);
        let url = Secret::new(&tls.1);
        let address =
            Address { environment: Environment::Prod, url: &url, api_key: None, ca: None };
        let mut store =
            Elastic::open(&address, Some(&server.prefix), Limits::default()).await.unwrap();
        // Nobody vouches for this server, and it isn't asked twice.
        let begun = std::time::Instant::now();
        let error = store.declare("i", &fields()).await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10));
        let ca = folder.path().join("ca.pem");
        let address = Address { ca: Some(&ca), ..address };
        let mut store =
            Elastic::open(&address, Some(&server.prefix), Limits::default()).await.unwrap();
        works(&mut store).await;
        let none = folder.path().join("none.pem");
        let address = Address { ca: Some(&none), ..address };
        let error = Elastic::open(&address, None, Limits::default()).await.unwrap_err();
        assert!(error.to_string().contains("none.pem"), "{error}");
        server.remove();
    }
}
