//! What YAML's readers take an unquoted scalar for.
//!
//! Answers for the traps: text that is a boolean, a number or nothing to some readers (YAML 1.1) and
//! text to others (YAML 1.2). What is meant is for the reader of the value to know.

/// What an unquoted scalar is. Readers of YAML disagree about traps, each of which has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    Text,
    Boolean,
    Integer,
    Decimal,
    Trap(&'static str),
}

/// The trap that is set for booleans.
pub const BOOLEAN: Guess = Guess::Trap("boolean");

/// Judges an unquoted scalar.
pub fn guess(text: &str) -> Guess {
    if matches!(text, "true" | "false") {
        return Guess::Boolean;
    }
    let lower = text.to_ascii_lowercase();
    if matches!(lower.as_str(), "true" | "false" | "yes" | "no" | "on" | "off") {
        return BOOLEAN;
    }
    let unsigned = lower.strip_prefix(['-', '+']).unwrap_or(&lower);
    if are_digits(unsigned) {
        // A leading zero is octal to some, a leading plus is kept by none.
        let plain = unsigned == "0" || !unsigned.starts_with('0');
        let plain = plain && !text.starts_with('+');
        return if plain { Guess::Integer } else { Guess::Trap("octal number") };
    }
    odd_integer(unsigned).map_or_else(|| fraction(unsigned), Guess::Trap)
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn odd_integer(unsigned: &str) -> Option<&'static str> {
    let after = |prefix: &str| unsigned.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    if matches!(unsigned, ".inf" | ".nan") {
        Some("special number")
    } else if after("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
        || after("0o").or(after("0b")).is_some_and(are_digits)
    {
        Some("hexadecimal, octal or binary number")
    } else if unsigned.contains(':') && unsigned.split(':').all(are_digits) {
        Some("number to the base of 60")
    } else if unsigned.contains('_') && !unsigned.starts_with('_') {
        are_digits(&unsigned.replace('_', "")).then_some("number with underscores")
    } else {
        None
    }
}

/// A number with a point or an exponent, or else text.
fn fraction(unsigned: &str) -> Guess {
    let (mantissa, exponent) = match unsigned.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = mantissa != "."
        && (are_digits(whole) || whole.is_empty())
        && (are_digits(part) || part.is_empty())
        && !mantissa.is_empty();
    match exponent {
        Some(exponent) => {
            let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            if is_number && are_digits(digits) {
                Guess::Trap("number with an exponent")
            } else {
                Guess::Text
            }
        }
        None if !is_number => Guess::Text,
        None if are_digits(whole) && are_digits(part) => Guess::Decimal,
        None => Guess::Trap("number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps_of_yaml_are_told_from_text() {
        for text in [
            "no", "Yes", "ON", "True", "041", "0x10", "0o17", "1e3", "12:30", ".inf", "-.INF",
            ".nan", "1_000", "+1", "1.", ".5",
        ] {
            assert!(matches!(guess(text), Guess::Trap(_)), "{text}");
        }
        for text in [
            "slug",
            "nonsense",
            "2026-12-01T02:00",
            "a:b",
            "1.2.3",
            "e3",
            "TEST -> PROD",
            ".",
            "-",
            "_1",
            "0 2 * * 1",
        ] {
            assert_eq!(guess(text), Guess::Text, "{text}");
        }
        assert_eq!(guess("-41"), Guess::Integer);
        assert_eq!(guess("99999999999999999999999999999999999999"), Guess::Integer);
        assert_eq!(guess("1.10"), Guess::Decimal);
    }
}
