//! Reading and writing of the union types, until the manifest tree brings its own.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::sync_job::{Approval, Selection, Suspend};

macro_rules! any_schema {
    ($($name:ident),*) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({})
            }
        }
    )*};
}
any_schema!(Approval, Selection, Suspend);

impl fmt::Display for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::AllOfPlan(digest) => write!(f, "all@{digest}"),
            Self::Id(id) => f.write_str(id),
            Self::Pinned { id, pin } => write!(f, "{id}@{pin}"),
        }
    }
}

impl std::str::FromStr for Approval {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pin = text.rsplit_once('@').filter(|(_, pin)| {
            pin.len() == 16 && pin.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
        Ok(match pin {
            Some(("all", digest)) => Self::AllOfPlan(digest.into()),
            Some((id, pin)) => Self::Pinned { id: id.into(), pin: pin.into() },
            None if text == "all" => Self::All,
            None => Self::Id(text.into()),
        })
    }
}

impl Serialize for Approval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Approval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Approval;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an ID")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Approval, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E>(self, number: u64) -> Result<Approval, E> {
                Ok(Approval::Id(number.to_string()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Approval, E> {
                Ok(Approval::Id(number.to_string()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for Selection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Names(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Selection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(_) => Ok(Self::All),
            value => serde_json::from_value(value).map(Self::Names).map_err(de::Error::custom),
        }
    }
}

impl Serialize for Suspend {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::No => serializer.serialize_bool(false),
            Self::Yes => serializer.serialize_bool(true),
            Self::Because { reason, until } => {
                serde_json::json!({"reason": reason, "until": until}).serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Suspend {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(if bool::deserialize(deserializer)? { Self::Yes } else { Self::No })
    }
}
