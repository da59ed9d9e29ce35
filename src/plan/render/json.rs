//! The plan as `plan.json`: the value itself, serialised.
//!
//! Answers for escaping what JSON leaves raw but a reader's screen would obey or hide.

use std::io;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{Formatter, PrettyFormatter};

use crate::escape::is_invisible;
use crate::plan::change::Plan;

/// The plan in pretty JSON with a line break at its end. It reads back as an equal plan.
pub fn json(plan: &Plan) -> String {
    pretty(plan)
}

/// Any of our own values in the same way.
pub fn pretty(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    write_pretty(value, &mut out).expect("our values have only text keys");
    String::from_utf8(out).expect("JSON is text")
}

/// The same, piece by piece: the plan of many changes is large.
pub fn write_pretty(value: &impl Serialize, out: &mut impl io::Write) -> io::Result<()> {
    let formatter = Visible(PrettyFormatter::new());
    value.serialize(&mut Serializer::with_formatter(&mut *out, formatter))?;
    out.write_all(b"\n")
}

/// Pretty, with everything invisible inside of strings written out. JSON has escaped all controls below
/// U+0020 already, and outside of strings stands nothing invisible but line breaks.
struct Visible<'a>(PrettyFormatter<'a>);

impl Formatter for Visible<'_> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, hidden)) = rest.char_indices().find(|(_, c)| is_invisible(*c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in hidden.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + hidden.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_would_see_is_written_out() {
        let value = serde_json::json!({"a\u{202e}b": ["\u{e0041}", "ä \n\"", 1.50, []]});
        let shown = "{\n  \"a\\u202eb\": [\n    \"\\udb40\\udc41\",\n    \"ä \\n\\\"\",\n    1.5,\n    []\n  ]\n}\n";
        assert_eq!(pretty(&value), shown);
        assert_eq!(serde_json::from_str::<serde_json::Value>(shown).unwrap(), value);
    }
}
