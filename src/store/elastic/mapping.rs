//! Mappings: what an index knows of its documents' fields. Pure.
//!
//! Answers for a strict mapping, so that what isn't a field of a resource never becomes one of an index.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::super::{Field, FieldKind};

/// Says in a mapping who made it.
const MARK: &str = "reconcile";
/// Times as databases write them, and as JSON has them. What isn't one of these is kept and not indexed.
const MOMENTS: &str = "strict_date_optional_time\
    ||uuuu-MM-dd HH:mm:ss[.SSSSSS][.SSSSS][.SSSS][.SSS][.SS][.S][X]\
    ||uuuu-MM-dd HH:mm[X]";
/// Longer texts aren't sorted or filtered by as a whole.
const WHOLE: u32 = 256;

/// The mapping of an index of ours.
pub fn of(fields: &[Field]) -> Json {
    json!({
        "dynamic": "strict",
        "_meta": { "made_by": MARK },
        "properties": properties(fields),
    })
}

pub fn properties<'f>(fields: impl IntoIterator<Item = &'f Field>) -> Json {
    let properties = fields.into_iter().map(|field| (field.name.clone(), property(field.kind)));
    Json::Object(properties.collect())
}

fn property(kind: FieldKind) -> Json {
    match kind {
        FieldKind::Text => json!({
            "type": "text",
            "fields": { "keyword": { "type": "keyword", "ignore_above": WHOLE } },
        }),
        FieldKind::Integer => json!({ "type": "long" }),
        FieldKind::Number => json!({ "type": "double" }),
        FieldKind::Boolean => json!({ "type": "boolean" }),
        FieldKind::Moment => json!({ "type": "date", "format": MOMENTS, "ignore_malformed": true }),
        // Names in it are data: were they fields, an index would end at a thousand of them.
        FieldKind::Anything => json!({ "type": "object", "enabled": false }),
    }
}

/// What an index that is there knows.
#[derive(Debug, Default)]
pub struct Known {
    /// Types by the path of their field.
    types: BTreeMap<String, String>,
    pub is_ours: bool,
    /// Fields that nobody named become ones of the index.
    pub takes_anything: bool,
}

impl Known {
    pub fn read(mapping: &Json) -> Self {
        let mut types = BTreeMap::new();
        if let Some(properties) = mapping["properties"].as_object() {
            collect("", properties, &mut types);
        }
        let is_ours = mapping["_meta"]["made_by"] == MARK;
        let dynamic = mapping.get("dynamic").map(|it| it.as_str().unwrap_or_default().to_owned());
        let takes_anything = !matches!(dynamic.as_deref(), Some("strict" | "false"));
        Self { types, is_ours, takes_anything }
    }

    /// Fields that it knows as something else, in words.
    pub fn conflicts(&self, fields: &[Field]) -> Vec<String> {
        let conflict = |field: &Field| {
            let known = self.types.get(&field.name)?;
            let wanted = type_of(field.kind);
            (known != wanted).then(|| {
                format!("field {} is {known} there and {wanted} by the resource", field.name)
            })
        };
        fields.iter().filter_map(conflict).collect()
    }

    pub fn missing<'f>(&self, fields: &'f [Field]) -> Vec<&'f Field> {
        fields.iter().filter(|field| !self.types.contains_key(&field.name)).collect()
    }
}

fn type_of(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Text => "text",
        FieldKind::Integer => "long",
        FieldKind::Number => "double",
        FieldKind::Boolean => "boolean",
        FieldKind::Moment => "date",
        FieldKind::Anything => "object",
    }
}

fn collect(before: &str, properties: &Map<String, Json>, types: &mut BTreeMap<String, String>) {
    for (name, property) in properties {
        let path = format!("{before}{name}");
        if let Some(inner) = property["properties"].as_object() {
            collect(&format!("{path}."), inner, types);
        }
        let kind = property["type"].as_str().unwrap_or("object");
        types.insert(path, kind.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: FieldKind) -> Field {
        Field { name: name.into(), kind }
    }

    #[test]
    fn what_was_made_is_read_as_it_was_meant() {
        let kinds = [
            FieldKind::Text,
            FieldKind::Integer,
            FieldKind::Number,
            FieldKind::Boolean,
            FieldKind::Moment,
            FieldKind::Anything,
        ];
        let fields: Vec<_> = kinds.iter().map(|kind| field(&format!("{kind:?}"), *kind)).collect();
        let known = Known::read(&of(&fields));
        assert!(known.is_ours && !known.takes_anything);
        assert!(known.conflicts(&fields).is_empty() && known.missing(&fields).is_empty());
        let more = [field("Text", FieldKind::Integer), field("new", FieldKind::Text)];
        assert_eq!(known.conflicts(&more), ["field Text is text there and long by the resource"]);
        assert_eq!(known.missing(&more), [&more[1]]);
    }

    #[test]
    fn indexes_of_others_are_read_too() {
        let known =
            Known::read(&json!({"properties": {"a": {"properties": {"b": {"type": "long"}}}}}));
        assert!(!known.is_ours && known.takes_anything);
        assert!(known.missing(&[field("a.b", FieldKind::Integer)]).is_empty());
        assert!(Known::read(&json!({})).takes_anything);
        assert!(!Known::read(&json!({"dynamic": "false"})).takes_anything);
    }
}
