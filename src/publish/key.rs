//! Keys of documents: `RESOURCE:STORE:LOCALE:REFERENCE`, and names of indexes.
//!
//! Answers for the very spelling that the shop's front end asks for; research/datasync.md 4.6 says how
//! it was observed.

/// Stands before every key in a storage; in a search store it doesn't.
pub const STORAGE_PREFIX: &str = "kv:";

/// The key of a document.
///
/// What isn't given drops out; a key of the resource alone keeps its colon, and a reference `0` counts as
/// not given, since the original program does so.
pub fn key(
    resource: &str,
    store: Option<&str>,
    locale: Option<&str>,
    reference: Option<&str>,
) -> String {
    let reference = reference.map(escape).filter(|it| !it.is_empty() && it != "0");
    let given = |part: Option<&str>| part.map(str::to_lowercase).filter(|it| !it.is_empty());
    let parts: Vec<String> =
        [given(store), given(locale), reference].into_iter().flatten().collect();
    format!("{resource}:{}", parts.join(":"))
}

/// The key by which a document is found through another column: `…:COLUMN:VALUE`.
pub fn alias(
    resource: &str,
    store: Option<&str>,
    locale: Option<&str>,
    column: &str,
    value: &str,
) -> String {
    key(resource, store, locale, Some(&format!("{column}:{value}")))
}

/// A reference as it stands in keys: trimmed, in lower case, without quotes, spaces and line ends.
fn escape(reference: &str) -> String {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\0' | '\u{b}');
    let lower = reference.trim_matches(blank).to_lowercase();
    lower
        .chars()
        .map(|c| if matches!(c, '"' | '\'' | ' ' | '\0' | '\n' | '\r') { '-' } else { c })
        .collect()
}

/// The index of a store's documents: `PREFIX_STORE_TYPE` in lower case; what isn't given drops out.
pub fn index(prefix: Option<&str>, store: Option<&str>, kind: &str) -> String {
    let parts = [prefix, store, Some(kind)];
    let given: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    given.join("_").to_lowercase()
}
