//! `POST /hooks/git`: a git server says that something was pushed.
//!
//! Answers for only those being heard who know the secret, and for nothing they say being believed:
//! all that follows is that the daemon looks now. What a hook says is read for its signature alone and
//! kept nowhere.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::page::{nothing_here, plain};
use super::site::Site;
use crate::config::Secret;

/// What GitHub sends at most.
const LARGEST: usize = 25 * 1024 * 1024;

/// How a git server shows that it knows the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Proof {
    /// HMAC-SHA-256 of the body: GitHub, Gitea, Forgejo.
    Signature([u8; 32]),
    /// The secret itself: GitLab.
    Token(String),
}

pub async fn git(State(site): State<Arc<Site>>, request: Request) -> Response {
    let settings = site.settings();
    let Some(secret) = &settings.http.hook else { return nothing_here().await };
    let unsigned = || plain(StatusCode::UNAUTHORIZED, "this isn't signed with the hook's secret");
    let Some(proof) = proof(request.headers()) else { return unsigned() };
    if announced(request.headers()).is_some_and(|size| size > LARGEST) {
        return too_large();
    }
    let is_known = match proof {
        Proof::Token(token) => is_secret(secret, &token),
        Proof::Signature(signature) => {
            match is_signed(secret, &signature, request.into_body()).await {
                Ok(is_signed) => is_signed,
                Err(refused) => return refused,
            }
        }
    };
    if !is_known {
        return unsigned();
    }
    site.asked.notify_one();
    plain(StatusCode::ACCEPTED, "looking now")
}

/// The first proof there is; one that can't be read is none.
fn proof(headers: &HeaderMap) -> Option<Proof> {
    let text = |name: &str| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    if let Some(written) = text("x-hub-signature-256") {
        return written.strip_prefix("sha256=").and_then(bytes).map(Proof::Signature);
    }
    let hex = text("x-forgejo-signature").or_else(|| text("x-gitea-signature"));
    if let Some(written) = hex {
        return bytes(written).map(Proof::Signature);
    }
    text("x-gitlab-token").map(|token| Proof::Token(token.to_owned()))
}

/// Of exactly 64 hex digits.
fn bytes(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Hashes of this type are compared in constant time.
fn is_secret(secret: &Secret, token: &str) -> bool {
    blake3::hash(secret.expose().as_bytes()) == blake3::hash(token.as_bytes())
}

/// Reads the body through once, piece by piece.
async fn is_signed(secret: &Secret, signature: &[u8; 32], body: Body) -> Result<bool, Response> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("keys may have any length");
    let (mut size, mut pieces) = (0, body.into_data_stream());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| plain(StatusCode::BAD_REQUEST, "the body breaks off"))?;
        size += piece.len();
        if size > LARGEST {
            return Err(too_large());
        }
        mac.update(&piece);
    }
    // In constant time.
    Ok(mac.verify_slice(signature).is_ok())
}

fn too_large() -> Response {
    plain(StatusCode::PAYLOAD_TOO_LARGE, "no hook is that large")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    /// GitHub's own example: this secret and this body have this signature.
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &str = "Hello, World!";
    const SIGNATURE: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    async fn is_known(name: &'static str, value: &str, body: &'static str) -> Option<bool> {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), value.parse().unwrap());
        let secret = Secret::new(SECRET);
        match proof(&headers)? {
            Proof::Token(token) => Some(is_secret(&secret, &token)),
            Proof::Signature(it) => Some(is_signed(&secret, &it, Body::from(body)).await.unwrap()),
        }
    }

    #[tokio::test]
    async fn kinds_of_signatures() {
        let github = format!("sha256={SIGNATURE}");
        let other = format!("0{}", &SIGNATURE[1..]);
        for (name, value, body, known) in [
            ("x-hub-signature-256", github.as_str(), BODY, Some(true)),
            ("x-hub-signature-256", &github.to_uppercase().replace("SHA", "sha"), BODY, Some(true)),
            ("x-hub-signature-256", &github, "Hello, World?", Some(false)),
            ("x-hub-signature-256", &github, "", Some(false)),
            ("x-hub-signature-256", &format!("sha256={other}"), BODY, Some(false)),
            ("x-hub-signature-256", SIGNATURE, BODY, None),
            ("x-hub-signature-256", "sha256=", BODY, None),
            ("x-hub-signature-256", &github[..70], BODY, None),
            ("x-hub-signature-256", &format!("{github}0"), BODY, None),
            ("x-hub-signature-256", "sha256=zz", BODY, None),
            // SHA-1, which GitHub sends as well.
            ("x-hub-signature", "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59", BODY, None),
            ("x-gitea-signature", SIGNATURE, BODY, Some(true)),
            ("x-forgejo-signature", SIGNATURE, BODY, Some(true)),
            ("x-gitea-signature", &other, BODY, Some(false)),
            ("x-gitea-signature", &github, BODY, None),
            ("x-gitlab-token", SECRET, BODY, Some(true)),
            ("x-gitlab-token", "It's a Secret to Everybod", BODY, Some(false)),
            ("x-gitlab-token", "", BODY, Some(false)),
            ("x-gitlab-event", "Push Hook", BODY, None),
        ] {
            assert_eq!(is_known(name, value, body).await, known, "{name}: {value} {body}");
        }
    }
}
