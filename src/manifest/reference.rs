//! Declared references and ownership: what a column refers to where no foreign key says so.
//!
//! Answers for the written forms, which are a name or a map (or a list of maps), and for reading
//! them back from JSON. Resolving them against a catalogue is `compare::model`'s part.

use std::borrow::Cow;
use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use serde_json_path::JsonPath;

use super::filter::{Condition, Scalar};

/// What a column refers to: the first choice whose `when` fits. Written as a table's name, one map
/// or a list of maps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub struct ReferenceRule {
    pub choices: Vec<ReferenceChoice>,
}

/// One table a column may refer to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReferenceChoice {
    /// The table that is referred to.
    pub table: String,
    /// The columns by which rows of a table without a module are recognised in the other
    /// environment.
    #[serde(default, rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub matching: Vec<String>,
    /// The value that means no reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub none: Option<Scalar>,
    /// Only in rows that pass this filter.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: BTreeMap<String, Condition>,
}

impl ReferenceRule {
    /// A reference to a table and nothing else.
    pub fn to_table(table: impl Into<String>) -> Self {
        Self { choices: vec![ReferenceChoice { table: table.into(), ..Default::default() }] }
    }
}

impl From<ReferenceRule> for Json {
    fn from(rule: ReferenceRule) -> Self {
        let mut choices: Vec<Json> = rule.choices.iter().map(choice_json).collect();
        if choices.len() == 1 { choices.remove(0) } else { Json::Array(choices) }
    }
}

fn choice_json(choice: &ReferenceChoice) -> Json {
    let ReferenceChoice { table, matching, none, when } = choice;
    if matching.is_empty() && none.is_none() && when.is_empty() {
        return Json::String(table.clone());
    }
    serde_json::to_value(choice).expect("names and constants are JSON")
}

impl TryFrom<Json> for ReferenceRule {
    type Error = serde_json::Error;

    fn try_from(json: Json) -> Result<Self, Self::Error> {
        let choices = match json {
            Json::String(table) => return Ok(Self::to_table(table)),
            Json::Array(items) => {
                items.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?
            }
            other => vec![serde_json::from_value(other)?],
        };
        Ok(Self { choices })
    }
}

impl JsonSchema for ReferenceRule {
    fn schema_name() -> Cow<'static, str> {
        "ReferenceRule".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let choice = generator.subschema_for::<ReferenceChoice>();
        json_schema!({
            "description": "The table that is referred to, by name or with how its rows are recognised",
            "oneOf": [
                { "type": "string" },
                choice,
                { "type": "array", "items": choice, "minItems": 1 },
            ],
        })
    }
}

/// Where a reference stands: the key of `references`, taken apart.
#[derive(Debug, Clone)]
pub struct ReferencePlace<'k> {
    pub column: &'k str,
    pub inside: Inside,
}

/// Where in a column's value IDs stand.
#[derive(Debug, Clone)]
pub enum Inside {
    /// The value is one.
    Whole,
    /// `column:PATH`: the nodes of a JSON value that an RFC 9535 path selects.
    Path(JsonPath),
    /// `column~PATTERN`: what the one group of a regular expression matches, in a text or in every
    /// string of a JSON value.
    Pattern(Regex),
}

impl<'k> ReferencePlace<'k> {
    /// Takes a key apart at its first `:` or `~`; `Err` says what is wrong with the rest.
    pub fn parse(key: &'k str) -> Result<Self, String> {
        let Some((at, mark)) = key.char_indices().find(|(_, c)| matches!(c, ':' | '~')) else {
            return Ok(Self { column: key, inside: Inside::Whole });
        };
        let (column, rest) = (&key[..at], &key[at + 1..]);
        let inside = match mark {
            ':' => Inside::Path(json_path(rest)?),
            _ => Inside::Pattern(one_group(rest)?),
        };
        Ok(Self { column, inside })
    }
}

/// A pattern or path of more characters is a mistake or an attack.
const LONGEST: usize = 1_000;
/// Bytes that a compiled pattern may take.
const MOST_BYTES: usize = 1 << 20;
/// Brackets that may stand within each other in a path: it is read recursively.
const DEEPEST: usize = 32;

fn json_path(path: &str) -> Result<JsonPath, String> {
    if path.len() > LONGEST {
        return Err(format!("has a path of more than {LONGEST} characters"));
    }
    let mut depth = 0_usize;
    for character in path.chars() {
        match character {
            '(' | '[' | '!' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(format!("has a path with more than {DEEPEST} brackets within each other"));
        }
    }
    JsonPath::parse(path)
        .map_err(|error| format!("isn't a column and a JSON path as in `column:$.path`: {error}"))
}

/// The column of a key of `references`.
pub fn column_of(key: &str) -> &str {
    key.split([':', '~']).next().unwrap_or(key)
}

/// A regular expression with exactly one group.
pub fn one_group(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > LONGEST {
        return Err(format!("is a pattern of more than {LONGEST} characters"));
    }
    let built = RegexBuilder::new(pattern).size_limit(MOST_BYTES).build();
    let regex = built.map_err(|error| {
        // The crate draws a picture of several lines; the last one says what is wrong.
        let error = error.to_string();
        let what = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("isn't a regular expression: {what}")
    })?;
    match regex.captures_len() {
        2 => Ok(regex),
        found => Err(format!(
            "needs one group for what is meant, as in `page/(\\d+)`, and has {}",
            found - 1
        )),
    }
}

/// How owned rows name their parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub enum OwnedBy {
    /// A foreign key's name, or the one column of it.
    Name(String),
    /// Columns of the owned table and what each must hold.
    Columns(BTreeMap<String, OwnedByPart>),
}

/// What a column of an owned row holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub enum OwnedByPart {
    /// The value of this column of the parent.
    Column(String),
    /// A constant.
    Equals(Scalar),
}

impl From<OwnedBy> for Json {
    fn from(by: OwnedBy) -> Self {
        match by {
            OwnedBy::Name(name) => Json::String(name),
            OwnedBy::Columns(columns) => {
                columns.into_iter().map(|(column, part)| (column, Json::from(part))).collect()
            }
        }
    }
}

impl TryFrom<Json> for OwnedBy {
    type Error = serde_json::Error;

    fn try_from(json: Json) -> Result<Self, Self::Error> {
        match json {
            Json::String(name) => Ok(Self::Name(name)),
            other => serde_json::from_value(other).map(Self::Columns),
        }
    }
}

impl From<OwnedByPart> for Json {
    fn from(part: OwnedByPart) -> Self {
        match part {
            OwnedByPart::Column(column) => Json::String(column),
            OwnedByPart::Equals(scalar) => serde_json::json!({ "equals": scalar }),
        }
    }
}

impl TryFrom<Json> for OwnedByPart {
    type Error = String;

    fn try_from(json: Json) -> Result<Self, Self::Error> {
        match json {
            Json::String(column) => Ok(Self::Column(column)),
            Json::Object(mut map) if map.len() == 1 && map.contains_key("equals") => {
                let constant = map.remove("equals").unwrap_or(Json::Null);
                Ok(Self::Equals(Scalar::try_from(constant)?))
            }
            _ => Err("a parent's column or {equals: CONSTANT} is needed".into()),
        }
    }
}

impl JsonSchema for OwnedBy {
    fn schema_name() -> Cow<'static, str> {
        "OwnedBy".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let scalar = generator.subschema_for::<Scalar>();
        json_schema!({
            "description": "A foreign key's name, a column, or a map of columns and constants",
            "oneOf": [
                { "type": "string" },
                { "type": "object", "minProperties": 1, "additionalProperties": { "oneOf": [
                    { "type": "string" },
                    { "type": "object", "properties": { "equals": scalar },
                      "required": ["equals"], "additionalProperties": false },
                ] } },
            ],
        })
    }
}

/// A column holding paths below the gallery root, or `column:PATH` for strings of a JSON value. Written
/// as such or as a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub struct FileRule {
    pub column: String,
    /// Only in rows that pass this filter.
    pub when: BTreeMap<String, Condition>,
    /// A regular expression with one group that finds the paths in a text.
    pub pattern: Option<String>,
}

/// [`FileRule`] where it is written as a map.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FileRuleMap {
    column: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    when: BTreeMap<String, Condition>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
}

impl FileRule {
    /// Where in a column's value paths of files stand; `Err` says what is wrong with what is written.
    pub fn place(&self) -> Result<ReferencePlace<'_>, String> {
        let ReferencePlace { column, inside } = ReferencePlace::parse(&self.column)?;
        let inside = match (inside, &self.pattern) {
            (Inside::Pattern(_), _) => {
                return Err("names a pattern; write it as `{column: …, pattern: …}`".into());
            }
            (Inside::Path(_), Some(_)) => {
                return Err("has a JSON path, and a pattern besides".into());
            }
            (Inside::Whole, Some(pattern)) => Inside::Pattern(one_group(pattern)?),
            (inside, None) => inside,
        };
        Ok(ReferencePlace { column, inside })
    }

    /// Nothing but a column.
    pub fn is_plain(&self) -> bool {
        self.when.is_empty() && self.pattern.is_none()
    }
}

impl From<FileRule> for Json {
    fn from(rule: FileRule) -> Self {
        if rule.is_plain() {
            return Json::String(rule.column);
        }
        let FileRule { column, when, pattern } = rule;
        serde_json::to_value(FileRuleMap { column, when, pattern })
            .expect("names and constants are JSON")
    }
}

impl TryFrom<Json> for FileRule {
    type Error = serde_json::Error;

    fn try_from(json: Json) -> Result<Self, Self::Error> {
        if let Json::String(column) = json {
            return Ok(Self { column, when: BTreeMap::new(), pattern: None });
        }
        let FileRuleMap { column, when, pattern } = serde_json::from_value(json)?;
        Ok(Self { column, when, pattern })
    }
}

impl JsonSchema for FileRule {
    fn schema_name() -> Cow<'static, str> {
        "FileRule".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let map = generator.subschema_for::<FileRuleMap>();
        json_schema!({ "oneOf": [{ "type": "string" }, map] })
    }
}
