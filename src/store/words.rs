//! The text by which a document is found: all its strings, however deep.

use serde_json::Value as Json;

/// What stands between two strings, so that no phrase reaches from one into the next.
const BETWEEN: &str = " \n ";

/// The strings of a JSON document one after the other, or why it isn't one.
pub fn of_document(text: &str) -> Result<String, String> {
    let document: Json =
        serde_json::from_str(text).map_err(|error| format!("it isn't JSON: {error}"))?;
    let mut words = String::new();
    collect(&document, &mut words);
    Ok(words)
}

fn collect(value: &Json, words: &mut String) {
    match value {
        Json::String(text) => {
            words.push_str(text);
            words.push_str(BETWEEN);
        }
        Json::Array(list) => list.iter().for_each(|value| collect(value, words)),
        Json::Object(fields) => fields.values().for_each(|value| collect(value, words)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::of_document;

    #[test]
    fn strings_count_at_any_depth_and_nothing_else_does() {
        let words = of_document(r#"{"a":"one","b":[{"c":["two",3,null]}],"d":true}"#).unwrap();
        assert_eq!(words.split_whitespace().collect::<Vec<_>>(), ["one", "two"]);
        assert!(of_document("{").unwrap_err().starts_with("it isn't JSON: "));
    }
}
