//! Names of changes as people type them: `all`, `table/ID`, `table/*`.
//!
//! Answers for what a pattern selects. A `*` stands for any characters, `/` included. A name that
//! is there as typed is taken as it is, even if it holds a `*` or a comma; else a comma separates
//! patterns only before one that is `all` or has a `/`, so that composite IDs (`price/7,EUR`,
//! `price/*,EUR`) need no quoting.

/// One pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern<'a> {
    All,
    Exact(&'a str),
    Glob(&'a str),
}

impl Pattern<'_> {
    pub fn selects(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Exact(wanted) => wanted == name,
            Self::Glob(glob) => matches(glob, name),
        }
    }
}

/// The patterns in an argument, given what names there are.
pub fn patterns(argument: &str, is_name: impl Fn(&str) -> bool) -> Vec<Pattern<'_>> {
    let mut found = Vec::new();
    // A name may begin or end with a blank.
    let mut rest = if is_name(argument) { argument } else { argument.trim_start() };
    while !rest.trim().is_empty() {
        let end = end_of_name(rest, &is_name).unwrap_or_else(|| end_of_pattern(rest));
        let text = &rest[..end];
        let text = if is_name(text) { text } else { text.trim() };
        match text {
            "" => {}
            "all" => found.push(Pattern::All),
            _ if is_name(text) || !text.contains('*') => found.push(Pattern::Exact(text)),
            _ => found.push(Pattern::Glob(text)),
        }
        rest = rest[end..].trim_start_matches(',').trim_start();
    }
    found
}

/// Where the longest name ends with which a text begins.
fn end_of_name(text: &str, is_name: impl Fn(&str) -> bool) -> Option<usize> {
    let commas = text.rmatch_indices(',').map(|(at, _)| at);
    let mut ends = std::iter::once(text.len()).chain(commas);
    ends.find(|end| is_name(&text[..*end]) || is_name(text[..*end].trim()))
}

/// Where the next pattern begins, which is `all` or has a `/`; what hasn't is part of an ID.
fn end_of_pattern(text: &str) -> usize {
    let begins_pattern = |at: usize| {
        let next = text[at + 1..].split(',').next().unwrap_or_default();
        matches!(next.trim(), "" | "all") || next.contains('/')
    };
    let commas = text.match_indices(',').map(|(at, _)| at);
    commas.filter(|at| begins_pattern(*at)).min().unwrap_or(text.len())
}

fn matches(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (glob, name, is_match) in [
            ("page/*", "page/41", true),
            ("page/4*", "page/41", true),
            ("page/4*", "page/14", false),
            ("*/41", "page/41", true),
            ("gallery/*.png", "gallery/spring/b.png", true),
            ("*a*a", "a", false),
            ("*a*a", "aa", true),
            ("p*g*/4*1", "page/401", true),
            ("page*", "other_page/1", false),
        ] {
            assert_eq!(Pattern::Glob(glob).selects(name), is_match, "{glob} {name}");
        }
    }

    #[test]
    fn commas_separate_only_what_is_no_name() {
        let names = ["price/7,EUR", "page/1", "page/2"];
        let read = |argument| patterns(argument, |name| names.contains(&name));
        assert_eq!(read("price/7,EUR"), [Pattern::Exact("price/7,EUR")]);
        assert_eq!(read("page/1, page/2"), [Pattern::Exact("page/1"), Pattern::Exact("page/2")]);
        assert_eq!(read("all,page/*"), [Pattern::All, Pattern::Glob("page/*")]);
        assert_eq!(
            read("page/*,price/7,EUR, price/8,*,all,"),
            [
                Pattern::Glob("page/*"),
                Pattern::Exact("price/7,EUR"),
                Pattern::Glob("price/8,*"),
                Pattern::All
            ]
        );
        assert_eq!(read(",,"), []);
        let read = |argument| patterns(argument, |name| matches!(name, "f/x " | " f/y" | "f/z"));
        assert_eq!(read("f/x "), [Pattern::Exact("f/x ")]);
        assert_eq!(read(" f/y"), [Pattern::Exact(" f/y")]);
        assert_eq!(read("f/z ,f/x "), [Pattern::Exact("f/z"), Pattern::Exact("f/x ")]);
    }
}
