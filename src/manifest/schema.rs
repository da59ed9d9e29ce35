//! The JSON Schema of manifests, from the types they are read into.
//!
//! Answers for the envelope around each kind's `spec`. Editors use it through the first line of each
//! file; what takes more than one document is `validate`'s part.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value as Json, json};

use super::module::ModuleSpec;
use super::republish_job::RepublishJobSpec;
use super::resource::ResourceSpec;
use super::sync_job::SyncJobSpec;

/// The schema as it is committed under `schemas/`, with a line break at its end.
pub fn manifest_schema() -> String {
    let mut generator = SchemaSettings::draft07().into_generator();
    let kinds = [
        kind::<ModuleSpec>("Module", &mut generator),
        kind::<SyncJobSpec>("SyncJob", &mut generator),
        kind::<ResourceSpec>("Resource", &mut generator),
        kind::<RepublishJobSpec>("RepublishJob", &mut generator),
    ];
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A manifest of reconcile",
        "oneOf": kinds,
        "definitions": generator.take_definitions(true),
    });
    as_users_write(&mut schema);
    format!("{schema:#}\n")
}

/// The types say how documents are kept; users leave keys out instead of writing `null`, and read
/// descriptions in one line.
fn as_users_write(schema: &mut Json) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(as_users_write),
        Json::Object(map) => {
            map.retain(|key, value| key != "default" || !(value.is_null() || is_empty(value)));
            if let Some(Json::String(text)) = map.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            if let Some(Json::Array(types)) = map.get_mut("type")
                && types.len() == 2
            {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".into(), only);
                }
            }
            if let Some(Json::Array(choices)) = map.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type") != Some(&json!("null")));
            }
            map.values_mut().for_each(as_users_write);
        }
        _ => {}
    }
}

fn is_empty(value: &Json) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
        || value.as_object().is_some_and(serde_json::Map::is_empty)
}

fn kind<T: JsonSchema>(kind: &str, generator: &mut SchemaGenerator) -> Json {
    let spec = generator.subschema_for::<T>();
    envelope(kind, &spec.to_value())
}

fn envelope(kind: &str, spec: &Json) -> Json {
    json!({
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": { "const": "reconcile/v1" },
            "kind": { "const": kind },
            "metadata": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": false,
                "properties": {
                    "name": { "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$" },
                },
            },
            "spec": spec,
        },
    })
}
