//! Who may do what, under which name, from which page.

use super::world::{Client, HOOK, HTTP, JO, KIM, MANIFESTS, ORIGIN, World};

const PAGES: [&str; 4] = ["/", "/jobs/spring", "/messages", "/metrics"];

#[tokio::test]
async fn every_path_asks_for_what_it_needs() {
    let world = World::new(&format!("{MANIFESTS}{HTTP}")).await;
    world.job("");
    let daemon = world.start();
    daemon.says("spring: AwaitingApproval").await;
    let client = daemon.client().await;
    for path in PAGES {
        let answer = client.get(path).is(401);
        assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer realm=\"reconcile\""));
        assert!(!answer.body.contains("spring"), "{}", answer.body);
        client.ask("HEAD", path, &[], "").is(401);
        client.get_as(path, KIM).is(200);
        client.sign_in(JO).get(path).is(200);
        client.ask("GET", path, &[("Authorization", "Basic am86eA==")], "").is(401);
        client.ask("GET", path, &[("Cookie", "reconcile=0123")], "").is(401);
        client.ask("POST", path, &[], "").is(405);
    }
    // With a browser the form comes at once, and leads back.
    let browser = [("Accept", "text/html,*/*")];
    client.ask("GET", "/messages?page=2", &browser, "").is(401).says("value=\"/messages?page=2\"");
    client.get("/nothing").is(404);
    client.get_as("/jobs/another", JO).is(404);
    client.ask("POST", "/hooks/git", &[], "{}").is(401);
    names(&client);
    headers(&client);
    forms(&client);
    wrong_tokens(&client);
    let said = daemon.ends().await;
    for secret in [JO, KIM, HOOK] {
        assert!(!said.contains(secret), "{said}");
    }
}

/// Another web site whose name leads here learns and does nothing.
fn names(client: &Client) {
    for path in PAGES.iter().chain(&["/sign-in", "/style.css", "/cancel/x", "/nothing"]) {
        let bearer = format!("Bearer {JO}");
        for host in ["evil.example", "evil.example:80", "", "localhost"] {
            let headers = [("Host", host), ("Authorization", &bearer)];
            client.ask("GET", path, &headers, "").is(421);
        }
    }
    client.ask("GET", "/", &[("Host", "a"), ("Host", "b")], "").is(421);
    client.raw(b"GET / HTTP/1.0\r\n\r\n").is(421);
    let hook = [("Host", "evil.example"), ("X-Gitlab-Token", HOOK)];
    client.ask("POST", "/hooks/git", &hook, "{}").is(421);
    let local = format!("localhost:{}", client.address.port());
    for host in ["reconcile.shop.example", "Reconcile.Shop.Example", &local] {
        client.ask("GET", "/sign-in", &[("Host", host)], "").is(200);
    }
}

fn headers(client: &Client) {
    let answers = [
        client.get("/healthz"),
        client.get("/nothing"),
        client.get("/sign-in"),
        client.get("/cancel/x"),
        client.get_as("/messages", JO),
        client.ask("GET", "/", &[("Host", "evil.example")], ""),
    ];
    for answer in answers {
        let policy = answer.header("Content-Security-Policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        for (name, value) in [
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{}", answer.head);
        }
    }
}

/// Forms of other sites do nothing, whatever cookies and tokens go with them.
fn forms(client: &Client) {
    let session = client.sign_in(JO);
    let foreign = ["https://evil.example", "null", "http://localhost:1", "", "http://127.0.0.1"];
    for origin in foreign {
        let headers = [("Origin", origin)];
        client.ask("POST", "/sign-in", &headers, &format!("token={JO}")).is(403);
        session.ask("POST", "/sign-out", &headers, "").is(403);
        session.ask("POST", "/jobs/spring/cancel", &headers, "request=x").is(403);
    }
    client.ask("POST", "/sign-in", &[], &format!("token={JO}")).is(403);
    session.ask("POST", "/jobs/spring/cancel", &[], "request=x").is(403);
    // A token alone sends no forms.
    let (own, bearer) = (format!("http://{}", client.host()), format!("Bearer {JO}"));
    let headers = [("Origin", own.as_str()), ("Authorization", &bearer)];
    client.ask("POST", "/jobs/spring/cancel", &headers, "request=x").is(401);
    // From the public address, as browsers see it, the cookie is one for encrypted pages only.
    let answer = client.ask("POST", "/sign-in", &[("Origin", ORIGIN)], &format!("token={JO}"));
    let cookie = answer.is(303).header("Set-Cookie").unwrap().to_owned();
    assert!(cookie.starts_with("__Host-reconcile=") && cookie.ends_with("; Secure"), "{cookie}");
    let secret = cookie.split(['=', ';']).nth(1).unwrap();
    for (name, status) in [("__Host-reconcile", 200), ("reconcile", 401)] {
        let cookie = format!("{name}={secret}");
        let headers = [("Host", "reconcile.shop.example"), ("Cookie", &cookie)];
        client.ask("GET", "/", &headers, "").is(status);
    }
    session.get("/").is(200);
    session.post("/sign-out", "").is(303);
    session.get("/").is(401);
}

fn wrong_tokens(client: &Client) {
    client.post("/sign-in", "token=wrong").is(401).says("This token isn&#39;t one.");
    let mut statuses: Vec<u16> =
        (0..12).map(|_| client.get_as("/metrics", "wrong").status).collect();
    statuses.dedup();
    assert_eq!(statuses, [401, 429]);
    assert_eq!(client.get_as("/metrics", "wrong").header("Retry-After"), Some("60"));
    // Behind a proxy all come from one address: nobody locks the others out.
    client.get_as("/metrics", JO).is(200);
    client.post("/sign-in", &format!("token={JO}")).is(303);
}
