//! Values that must not be shown when a problem is.
//!
//! Answers for which parts of a file may be secret: by the name of their key, by their own form,
//! and, where the file is no YAML at all, by the line. Hiding too much costs a reader a glance;
//! hiding too little costs a password.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::tree::{Content, Node};
use super::words;

/// Words that make a key secret wherever they stand in it.
const SECRET_WORDS: [&str; 9] = [
    "accesskey",
    "apikey",
    "credential",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "token",
];

/// Words that do so only as a whole part of it: `auth_url`, but not `author`. The operator's file
/// keeps addresses with credentials under the last of them.
const SECRET_PARTS: [&str; 15] = [
    "auth",
    "bearer",
    "jwt",
    "pass",
    "pinkey",
    "pwd",
    "salt",
    "database",
    "dsn",
    "queue",
    "search",
    "state",
    "storage",
    "transport",
    "url",
];

/// Where a Resource says by such words what holds no secret: names of tables and queues.
const NAMES_ONLY: [&str; 4] =
    ["spec.storage", "spec.storage.queue", "spec.search", "spec.search.queue"];

/// Whether the value at the end of a way, `spec.storage.key`, may be secret.
pub fn is_secret_path(path: &str) -> bool {
    let longest = NAMES_ONLY.iter().filter_map(|known| path.strip_prefix(known));
    let below = longest.filter(|rest| rest.is_empty() || rest.starts_with('.'));
    is_secret_key(below.min_by_key(|rest| rest.len()).unwrap_or(path))
}

/// Whether the value under this key may be secret.
pub fn is_secret_key(key: &str) -> bool {
    let joined: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let joined = joined.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| joined.contains(word))
        || SECRET_PARTS.contains(&joined.as_str())
        || words::parts(key).iter().any(|part| SECRET_PARTS.contains(&part.as_str()))
}

/// Whether a value looks like a credential whatever its key: a URL, a private key, a known token, a
/// long run of mixed letters and digits.
pub fn is_secret_value(value: &str) -> bool {
    static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?x) :// | -----BEGIN | ^(gh[opsu]_|github_pat_|glpat-|xox[abpr]-|AKIA|ASIA|eyJ|sk-|sk_)",
        )
        .expect("the pattern is constant")
    });
    TOKEN.is_match(value) || value.split_whitespace().any(is_random)
}

/// Twenty characters or more without a separator, letters and digits mixed; a pinned ID's hex digits
/// are too few.
fn is_random(word: &str) -> bool {
    let runs = word.split(['-', '_', '.', ':', '@', ',', '*', '{', '}', '$']);
    runs.into_iter().any(|run| {
        run.len() >= 20
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    })
}

/// The parts of a document to hide.
pub fn in_tree(root: &Node, hidden: &mut Vec<Range<usize>>) {
    below("", root, hidden);
}

fn below(path: &str, node: &Node, hidden: &mut Vec<Range<usize>>) {
    match &node.content {
        Content::Scalar(scalar) if is_secret_value(&scalar.text) => hidden.push(node.span.range()),
        Content::Scalar(_) => {}
        Content::List(items) => items.iter().for_each(|item| below(path, item, hidden)),
        Content::Map(entries) => {
            for entry in entries {
                let key = entry.key.text.as_str();
                let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                if is_secret_key(key) && !NAMES_ONLY.contains(&path.as_str()) {
                    hide_scalars(&entry.value, hidden);
                } else {
                    below(&path, &entry.value, hidden);
                }
            }
        }
    }
}

/// Every scalar below a node, but not its keys.
pub fn hide_scalars(node: &Node, hidden: &mut Vec<Range<usize>>) {
    match &node.content {
        Content::Scalar(_) => hidden.push(node.span.range()),
        Content::List(items) => items.iter().for_each(|item| hide_scalars(item, hidden)),
        Content::Map(entries) => {
            for entry in entries {
                hide_scalars(&entry.value, hidden);
            }
        }
    }
}

/// The parts of a text to hide that may be no YAML: what follows a secret key on its line, URLs,
/// and private keys over all their lines.
pub fn in_text(text: &str) -> Vec<Range<usize>> {
    static KEYED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?m)["']?([A-Za-z_][A-Za-z0-9_.-]*)["']?[ \t]*[:=][ \t]*(\S[^\n]*)"#)
            .expect("the pattern is constant")
    });
    static BLOCK: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"[A-Za-z][A-Za-z0-9+.-]*://\S+|(?s)-----BEGIN.*?(-----END[^\n]*|\z)")
            .expect("the pattern is constant")
    });
    let mut hidden: Vec<_> = BLOCK.find_iter(text).map(|found| found.range()).collect();
    let mut from = 0;
    while let Some(found) = KEYED.captures_at(text, from) {
        let (key, value) = (&found[1], found.get(2).map_or(0..0, |value| value.range()));
        from = value.start;
        if is_secret_key(key) && !may_be_a_resources(key, &text[value.clone()]) {
            from = value.end;
            hidden.push(value);
        }
    }
    hidden
}

/// Whether this may be a Resource's `storage` or `search` on one line, or the name of its `queue`.
/// What is secret within the former has a key or form of its own.
fn may_be_a_resources(key: &str, value: &str) -> bool {
    static QUEUE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^[a-z]+(\.[a-z_]+)+([ \t]*[,}#].*)?$").expect("the pattern is constant")
    });
    match key {
        "storage" | "search" => value.starts_with('{'),
        "queue" => QUEUE.is_match(value.trim_end()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_name_secrets_are_known() {
        for key in [
            "password",
            "dbPassword",
            "API_KEY",
            "api-token",
            "auth_pass",
            "pinKey",
            "database",
            "dsn",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in ["title", "identity", "author_id", "key", "approved", "table", "modified"] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn the_tables_and_queues_of_a_resource_are_no_secrets() {
        for path in ["spec.storage.key", "spec.search.queue", "spec.storage.mappings[0]"] {
            assert!(!is_secret_path(path), "{path}");
        }
        for path in ["publish.storage", "spec.storage.password", "spec.database", "spec.queue.a"] {
            assert!(is_secret_path(path), "{path}");
        }
        let text = "  storage: {table: t, queue: sync.storage.t, key: {resource: a}, pass: hunter2}\n\
                    queue: hunter2\nqueue: {url: hunter2\nstorage: hunter2\n\
                    queue: sync.storage.t, password: hunter2";
        let shown = super::super::problem::Source::new("f", text, &in_text(text));
        let shown = format!("{shown:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("{table: t, queue: sync.storage.t, key: {resource: a}"), "{shown}");
    }

    #[test]
    fn pins_and_names_are_no_secrets() {
        for value in ["41@9f2ac1d05b7e3a10", "TEST -> PROD", "cms_page_translation_2024_archive"] {
            assert!(!is_secret_value(value), "{value}");
        }
        for value in ["postgres://u:p@h/d", "ghp_abc", "dGhpcyBpcyBhIHNlY3JldCBrZXkh1"] {
            assert!(is_secret_value(value), "{value}");
        }
    }

    #[test]
    fn a_broken_line_hides_what_follows_a_secret_key() {
        let text = "title: a\n  password: [hunter2\nkey: -----BEGIN RSA\nabc\n";
        let shown = super::super::problem::Source::new("f", text, &in_text(text));
        assert!(!format!("{shown:?}").contains("hunter2"));
        assert!(!format!("{shown:?}").contains("abc"));
    }
}
