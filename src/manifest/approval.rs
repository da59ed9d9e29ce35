//! The entries of `approved`: IDs with pins, by table and class.
//!
//! Answers for how an entry is written and read. Whether a pin still holds is decided where plans
//! are compared.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Approved records of one table by class. Each entry is an [`Approval`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Approvals {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub new: Vec<Approval>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modified: Vec<Approval>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<Approval>,
    /// Conflicts whose target record the source's content replaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overwrite: Vec<Approval>,
    /// Conflicts whose content goes into the target's own record, which keeps its ID.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adopt: Vec<Approval>,
    /// Conflicts whose record is inserted under a new ID.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renumber: Vec<Approval>,
}

/// One approved entry, written as a string or an integer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub enum Approval {
    /// `all`: everything in the class.
    All,
    /// `all@` and 16 hex digits: what that stored plan showed in the class.
    AllOfPlan(String),
    /// An ID without a pin.
    Id(String),
    /// `ID@` and 16 hex digits.
    Pinned { id: String, pin: String },
}

/// Why an entry of `approved` is no approval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    #[error("an approved ID can't be empty")]
    EmptyId,
    /// What follows the last `@` isn't a pin.
    #[error("what follows the last `@` must be a pin: 16 lower-case hexadecimal digits")]
    BadPin,
}

impl Approvals {
    /// Every class by its key in the manifest, with its entries.
    pub fn classes(&self) -> [(&'static str, &[Approval]); 6] {
        let Self { new, modified, deleted, overwrite, adopt, renumber } = self;
        [
            ("new", new),
            ("modified", modified),
            ("deleted", deleted),
            ("overwrite", overwrite),
            ("adopt", adopt),
            ("renumber", renumber),
        ]
    }

    /// Which answer to a conflict is approved of a record: one that names it comes before `all`.
    pub fn answer(&self, id: &str) -> Option<&'static str> {
        let [_, _, _, answers @ ..] = self.classes();
        let with = |wanted: Option<&str>| {
            let found = answers.iter().find(|(_, all)| all.iter().any(|it| it.id() == wanted));
            found.map(|(answer, _)| *answer)
        };
        with(Some(id)).or_else(|| with(None))
    }
}

impl Approval {
    /// Which record it names, if it names one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::All | Self::AllOfPlan(_) => None,
            Self::Id(id) | Self::Pinned { id, .. } => Some(id),
        }
    }
}

/// A pin is the last `@` and what follows; all before it is the ID.
impl FromStr for Approval {
    type Err = ApprovalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((id, pin)) = text.rsplit_once('@') else {
            return match text {
                "" => Err(ApprovalError::EmptyId),
                "all" => Ok(Self::All),
                id => Ok(Self::Id(id.to_owned())),
            };
        };
        if !is_pin(pin) {
            return Err(ApprovalError::BadPin);
        }
        match id {
            "" => Err(ApprovalError::EmptyId),
            "all" => Ok(Self::AllOfPlan(pin.to_owned())),
            id => Ok(Self::Pinned { id: id.to_owned(), pin: pin.to_owned() }),
        }
    }
}

fn is_pin(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// As it stands in a manifest.
impl fmt::Display for Approval {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => out.write_str("all"),
            Self::AllOfPlan(digest) => write!(out, "all@{digest}"),
            Self::Id(id) => out.write_str(id),
            Self::Pinned { id, pin } => write!(out, "{id}@{pin}"),
        }
    }
}

impl From<Approval> for Json {
    fn from(approval: Approval) -> Self {
        Json::String(approval.to_string())
    }
}

impl TryFrom<Json> for Approval {
    type Error = String;

    fn try_from(json: Json) -> Result<Self, Self::Error> {
        let text = match json {
            Json::String(text) => text,
            Json::Number(number) => number.to_string(),
            _ => return Err("an approved ID is text or an integer".into()),
        };
        text.parse().map_err(|error: ApprovalError| error.to_string())
    }
}

impl JsonSchema for Approval {
    fn schema_name() -> Cow<'static, str> {
        "Approval".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "ID@PIN as a plan shows it, all@PLANDIGEST, or for PROD -> TEST a bare ID or all",
            "oneOf": [
                { "type": "integer" },
                { "type": "string", "pattern": "^([^@]+|.+@[0-9a-f]{16})$" },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Approval, ApprovalError> {
        text.parse()
    }

    #[test]
    fn a_pin_is_the_last_at_sign_and_what_follows() {
        let pin = "9f2ac1d05b7e3a10".to_owned();
        let id = "jo@shop.example".to_owned();
        assert_eq!(read("jo@shop.example@9f2ac1d05b7e3a10"), Ok(Approval::Pinned { id, pin }));
        assert_eq!(read("jo@shop.example"), Err(ApprovalError::BadPin));
    }

    #[test]
    fn only_sixteen_lower_case_digits_are_a_pin() {
        for text in ["41@", "41@9F2AC1D05B7E3A10", "41@9f2ac1d05b7e3a1", "41@9f2ac1d05b7e3a100"] {
            assert_eq!(read(text), Err(ApprovalError::BadPin), "{text}");
        }
        assert_eq!(read("@9f2ac1d05b7e3a10"), Err(ApprovalError::EmptyId));
    }

    #[test]
    fn all_and_bare_ids_are_told_apart() {
        assert_eq!(read("all"), Ok(Approval::All));
        assert_eq!(
            read("all@9f2ac1d05b7e3a10"),
            Ok(Approval::AllOfPlan("9f2ac1d05b7e3a10".into()))
        );
        assert_eq!(read("041"), Ok(Approval::Id("041".into())));
    }
}
