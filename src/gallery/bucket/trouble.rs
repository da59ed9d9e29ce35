//! What the server of a bucket answers, in plain words: what was tried, what was said, what to do.
//!
//! Answers for what may go away by itself being told from what won't, and for no credentials in it.

use hyper::Method;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::Deserialize;

use super::wire::Reply;
use crate::escape::visible;

/// What was asked of whom.
pub struct Asked<'a> {
    pub method: &'a Method,
    pub bucket: &'a str,
    pub key: &'a str,
    pub region: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub said: String,
    /// It may go away by itself.
    pub passes: bool,
}

/// The error that servers answer with.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Said {
    code: String,
    message: String,
    region: String,
}

/// Nobody reads more of a server's reason.
const REASON: usize = 300;

fn said(reply: &Reply) -> Option<Said> {
    let text = std::str::from_utf8(&reply.body).ok()?;
    // What begins as a success may end as an error, within an answer that says 200.
    let is_error = !reply.is_success() || text.contains("<Error>");
    is_error.then(|| quick_xml::de::from_str(text).ok())?
}

/// The word by which the server calls its error.
pub fn code(reply: &Reply) -> Option<String> {
    said(reply).map(|said| said.code).filter(|code| !code.is_empty())
}

/// Whether the same request may have another answer in a moment.
pub fn is_passing(reply: &Reply) -> bool {
    const CODES: [&str; 6] = [
        "InternalError",
        "SlowDown",
        "ServiceUnavailable",
        "RequestTimeout",
        "OperationAborted",
        "ConditionalRequestConflict",
    ];
    let is_busy = matches!(reply.status, 408 | 429 | 500 | 502 | 503 | 504);
    is_busy || code(reply).is_some_and(|code| CODES.contains(&code.as_str()))
}

/// Whether it says that there is no such object, or upload. Some say 404 of an account, too.
pub fn is_absent(reply: &Reply) -> bool {
    let code = code(reply);
    reply.status == 404
        && matches!(code.as_deref(), None | Some("NoSuchKey" | "NotFound" | "NoSuchUpload"))
}

pub fn of(asked: &Asked<'_>, reply: &Reply) -> Answered {
    let said = said(reply).unwrap_or_default();
    let passes = is_passing(reply);
    let bucket = asked.bucket;
    let meant = match (reply.status, said.code.as_str()) {
        (_, "NoSuchBucket") => {
            format!("there is no bucket {bucket}; make it, or name another in `url`")
        }
        (_, "RequestTimeTooSkewed") => format!(
            "this machine's clock is {} off the server's, which refuses that; set it right",
            apart(reply).map_or_else(|| "too far".to_owned(), |seconds| format!("{seconds} s"))
        ),
        (_, "InvalidAccessKeyId" | "XAdminUserNotFound") => {
            "the server doesn't know this access key; see `accessKeyId`".to_owned()
        }
        (_, "SignatureDoesNotMatch") => {
            "the secret access key isn't the one of this access key; see `secretAccessKey`"
                .to_owned()
        }
        (_, "ExpiredToken" | "TokenRefreshRequired") => {
            "the session token has expired; see `sessionToken`".to_owned()
        }
        (301 | 307, _) | (_, "AuthorizationHeaderMalformed" | "PermanentRedirect") => {
            elsewhere(asked, reply, &said)
        }
        (401 | 403, _) => format!(
            "this account may not {} {}{}; give it the right to, or name another account",
            right(asked),
            at(asked),
            own_words(&said)
        ),
        (404, "" | "NoSuchKey") if !asked.key.is_empty() => format!("there is no {}", at(asked)),
        (status, _) => {
            format!("{} {}: status {status}{}", asked.method, at(asked), own_words(&said))
        }
    };
    Answered { said: meant, passes }
}

fn at(asked: &Asked<'_>) -> String {
    match asked.key {
        "" => format!("in the bucket {}", asked.bucket),
        key => format!("{} in the bucket {}", visible(key), asked.bucket),
    }
}

/// As policies call it.
fn right(asked: &Asked<'_>) -> &'static str {
    match (asked.method.as_str(), asked.key) {
        ("GET" | "HEAD", "") => "list the objects (s3:ListBucket)",
        ("GET" | "HEAD", _) => "read (s3:GetObject)",
        ("DELETE", _) => "delete (s3:DeleteObject)",
        _ => "write (s3:PutObject)",
    }
}

fn own_words(said: &Said) -> String {
    let message: String = said.message.chars().take(REASON).collect();
    match (said.code.as_str(), message.as_str()) {
        ("", _) => String::new(),
        (code, "") => format!(" ({})", visible(code)),
        (code, message) => format!(" ({}: {})", visible(code), visible(message)),
    }
}

fn elsewhere(asked: &Asked<'_>, reply: &Reply, said: &Said) -> String {
    let region = reply.header("x-amz-bucket-region").unwrap_or(&said.region);
    match region {
        "" => format!(
            "the bucket {} is somewhere else than at this endpoint; see `region` and `endpoint`{}",
            asked.bucket,
            own_words(said)
        ),
        region => format!(
            "the bucket {} lies in the region {}, not in {}; say so in `region`",
            asked.bucket,
            visible(region),
            asked.region
        ),
    }
}

/// How many seconds the clocks are apart, by the answer's own date.
pub fn apart(reply: &Reply) -> Option<i64> {
    let theirs = rfc2822::parse(reply.header("date")?).ok()?.timestamp();
    Some((Timestamp::now().as_second() - theirs.as_second()).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str, headers: &[(&'static str, &str)]) -> Answered {
        let mut map = hyper::HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let asked =
            Asked { method: &Method::PUT, bucket: "media", key: "a.png", region: "eu-central-1" };
        of(&asked, &Reply { status, headers: map, body: body.to_owned().into() })
    }

    fn error(code: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>")
    }

    #[test]
    fn only_an_object_is_taken_for_absent() {
        let absent = |status, body: String| {
            is_absent(&Reply { status, headers: hyper::HeaderMap::new(), body: body.into() })
        };
        assert!(absent(404, String::new()) && absent(404, error("NoSuchKey")));
        assert!(!absent(404, error("NoSuchBucket")) && !absent(404, error("XAdminUserNotFound")));
        assert!(!absent(403, error("NoSuchKey")));
    }

    #[test]
    fn an_answer_says_what_to_do() {
        for (status, code, words, passes) in [
            (404, "NoSuchBucket", "there is no bucket media", false),
            (404, "NoSuchKey", "there is no a.png in the bucket media", false),
            (404, "XAdminUserNotFound", "see `accessKeyId`", false),
            (403, "AccessDenied", "may not write (s3:PutObject) a.png in the bucket media", false),
            (403, "RequestTimeTooSkewed", "clock is too far off", false),
            (403, "InvalidAccessKeyId", "see `accessKeyId`", false),
            (403, "SignatureDoesNotMatch", "see `secretAccessKey`", false),
            (400, "ExpiredToken", "see `sessionToken`", false),
            (503, "SlowDown", "status 503 (SlowDown: m)", true),
            (409, "ConditionalRequestConflict", "status 409", true),
            (200, "InternalError", "status 200 (InternalError: m)", true),
        ] {
            let found = told(status, &error(code), &[]);
            assert!(found.said.contains(words), "{}", found.said);
            assert_eq!(found.passes, passes, "{code}");
        }
        let moved = told(301, "", &[("x-amz-bucket-region", "us-west-2")]);
        assert!(moved.said.contains("lies in the region us-west-2, not in eu-central-1"));
        let date = "Mon, 23 Nov 2020 09:31:24 GMT";
        let late = told(403, &error("RequestTimeTooSkewed"), &[("date", date)]);
        assert!(!late.said.contains("too far"), "{}", late.said);
    }
}
