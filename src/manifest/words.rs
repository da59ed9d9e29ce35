//! Names as words: their parts, near names, and globs.
//!
//! Answers for how a name is split at `_`, `-` and changes of case, which of the valid names a
//! mistyped one was meant to be, and what `cms_*` covers. It knows nothing of what names mean.

/// Names of all commands, those of later releases included: none of them can be a job's.
pub const COMMANDS: [&str; 24] = [
    "approve",
    "cancel",
    "completions",
    "demo",
    "doctor",
    "get",
    "help",
    "init",
    "messages",
    "plan",
    "publish:trigger-events",
    "queue",
    "reconcile",
    "resume",
    "schema",
    "search",
    "status",
    "suspend",
    "sync:data",
    "undo",
    "validate",
    "verify",
    "watch",
    "worker",
];

/// The lower-case parts of a name: `sproutUser_Log2` is `sprout`, `user`, `log2`.
pub fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let characters: Vec<char> = name.chars().collect();
    for (at, &character) in characters.iter().enumerate() {
        let previous = at.checked_sub(1).map(|before| characters[before]);
        let next = characters.get(at + 1).copied();
        // `userLog` and `HTTPLog` both end a part before `Log`.
        let hump = character.is_uppercase()
            && previous.is_some_and(|previous| {
                previous.is_lowercase()
                    || previous.is_numeric()
                    || previous.is_uppercase() && next.is_some_and(char::is_lowercase)
            });
        if hump || !character.is_alphanumeric() {
            parts.push(String::new());
        }
        if character.is_alphanumeric() {
            let part = parts.last_mut().expect("there is always a last part");
            part.extend(character.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The valid name that was most likely meant, if any is near enough.
pub fn nearest<'a>(name: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    valid
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, candidate)| *distance <= allowed_distance(&wanted, candidate))
        .min()
        .map(|(_, candidate)| candidate)
}

/// A third of the longer name, at least one: `slg` may be `slug`, `cat` isn't `page`.
fn allowed_distance(wanted: &str, candidate: &str) -> usize {
    (wanted.chars().count().max(candidate.chars().count()) / 3).max(1)
}

/// "did you mean `slug`?" where a near name is valid.
pub fn did_you_mean<'a>(name: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, valid).map(|found| format!("did you mean `{found}`?"))
}

/// The near name, or else all of them: "one of `a`, `b`".
pub fn suggestion<'a, I>(name: &str, valid: I) -> Option<String>
where
    I: IntoIterator<Item = &'a str> + Clone,
{
    did_you_mean(name, valid.clone()).or_else(|| {
        let all: Vec<String> = valid.into_iter().map(|name| format!("`{name}`")).collect();
        (!all.is_empty()).then(|| format!("valid here: {}", all.join(", ")))
    })
}

/// Whether a glob covers a name. `*` stands for any run of characters, `?` for one.
pub fn glob_matches(glob: &str, name: &str) -> bool {
    let (glob, name): (Vec<char>, Vec<char>) = (glob.chars().collect(), name.chars().collect());
    let (mut at, mut in_name) = (0, 0);
    // Where the last `*` stood and how much it has swallowed: enough to go back to, so that no
    // glob takes more than length times length steps.
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match glob.get(at) {
            Some('*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(expected) if *expected == '?' || *expected == name[in_name] => {
                at += 1;
                in_name += 1;
            }
            _ => {
                let Some((star_at, swallowed)) = star else { return false };
                star = Some((star_at, swallowed + 1));
                at = star_at + 1;
                in_name = swallowed + 1;
            }
        }
    }
    glob[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_separators_and_case() {
        assert_eq!(parts("cms_page-Block"), ["cms", "page", "block"]);
        assert_eq!(parts("customerGroupID"), ["customer", "group", "id"]);
        assert_eq!(parts("HTTPLog"), ["http", "log"]);
        assert_eq!(parts("__a__"), ["a"]);
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        assert_eq!(nearest("identiy", ["identity", "key"]), Some("identity"));
        assert_eq!(nearest("delte", ["deleted", "new"]), Some("deleted"));
        assert_eq!(nearest("zebra", ["identity", "key"]), None);
    }

    #[test]
    fn globs_cover_whole_names() {
        assert!(glob_matches("cms_*", "cms_page"));
        assert!(glob_matches("*.email", "customer.email"));
        assert!(glob_matches("*.password*", "user.password_hash"));
        assert!(glob_matches("product*", "product"));
        assert!(!glob_matches("media", "media_file"));
        assert!(!glob_matches("*a*a*a*a*b", &"a".repeat(2_000)));
    }
}
