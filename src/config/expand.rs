//! `${VAR}` in the scalars of the operator's file.
//!
//! Answers for filling in variables after YAML was parsed, so that no value can change the file's
//! structure. A filled-in value is never shown.

use crate::manifest::fields::Problems;
use crate::manifest::problem::Problem;
use crate::manifest::tree::{Content, Node, Style};

/// Fills in every scalar below a node; keys stay as they are. `$${` stands for `${`.
pub fn expand(node: &mut Node, variable: &dyn Fn(&str) -> Option<String>, problems: &mut Problems) {
    match &mut node.content {
        Content::List(items) => {
            for item in items {
                expand(item, variable, problems);
            }
        }
        Content::Map(entries) => {
            for entry in entries {
                expand(&mut entry.value, variable, problems);
            }
        }
        Content::Scalar(scalar) => match filled_in(&scalar.text, variable) {
            Ok(None) => {}
            Ok(Some(text)) => {
                scalar.text = text;
                scalar.style = Style::FilledIn;
            }
            Err(problem) => {
                scalar.style = Style::Unfilled;
                problems.push(problem.at(node.span));
            }
        },
    }
}

fn filled_in(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, Problem> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &from[2..];
            continue;
        }
        let end = from.find('}').unwrap_or(from.len());
        let name = &from[2..end];
        if !is_variable(name) || end == from.len() {
            return Err(Problem::error("bad-variable", "`${` must be followed by a name and `}`")
                .help("write `$${` where the two characters themselves are meant"));
        }
        let value = variable(name).ok_or_else(|| {
            Problem::error("unset-variable", format!("the environment variable {name} is not set"))
        })?;
        out.push_str(before);
        out.push_str(&value);
        rest = &from[end + 1..];
    }
    out.push_str(rest);
    Ok(Some(out))
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> Result<Option<String>, &'static str> {
        let variable = |name: &str| (name == "KEY").then(|| "a${KEY}: b".to_owned());
        filled_in(text, &variable).map_err(|problem| problem.code)
    }

    #[test]
    fn a_variable_is_filled_in_once() {
        assert_eq!(fill("x${KEY}y"), Ok(Some("xa${KEY}: by".into())));
        assert_eq!(fill("plain $KEY"), Ok(None));
        assert_eq!(fill("$${KEY}"), Ok(Some("${KEY}".into())));
    }

    #[test]
    fn unset_and_malformed_variables_are_errors() {
        assert_eq!(fill("${OTHER}"), Err("unset-variable"));
        for text in ["${", "${}", "${A-b}", "${1}", "${KEY"] {
            assert_eq!(fill(text), Err("bad-variable"), "{text}");
        }
    }
}
