//! What SQLite's declarations mean: kinds of columns, and what its pragmas leave unsaid.
//!
//! Answers for reading declared types and `CREATE TABLE` texts. The pragmas themselves are asked
//! in `database`.

use std::collections::{BTreeMap, BTreeSet};

use super::Kind;

/// The kind a declared type stands for. SQLite itself looks for the same parts of words; where it
/// sees only a number (dates, JSON, UUIDs), people mean more.
pub fn kind(declared: &str) -> Kind {
    const PARTS: [(&str, Kind); 21] = [
        ("FLOA", Kind::Float),
        ("DOUB", Kind::Float),
        ("REAL", Kind::Float),
        ("INT", Kind::Integer),
        ("BOOL", Kind::Boolean),
        ("CHAR", Kind::Text),
        ("CLOB", Kind::Text),
        ("TEXT", Kind::Text),
        ("BLOB", Kind::Bytes),
        ("TIMESTAMPTZ", Kind::TimestampTz),
        ("TIMESTAMP WITH TIME ZONE", Kind::TimestampTz),
        ("TIMESTAMP", Kind::Timestamp),
        ("DATETIME", Kind::Timestamp),
        ("DATE", Kind::Date),
        ("TIME", Kind::Time),
        ("JSON", Kind::Json),
        ("UUID", Kind::Uuid),
        ("UNIQUEIDENTIFIER", Kind::Uuid),
        ("GUID", Kind::Uuid),
        ("DEC", Kind::Decimal),
        ("NUM", Kind::Decimal),
    ];
    let declared = declared.to_ascii_uppercase();
    PARTS.iter().find(|(part, _)| declared.contains(part)).map_or(Kind::Any, |(_, kind)| *kind)
}

/// What only the text of `CREATE TABLE` tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Declaration {
    /// Collations other than BINARY in upper case, by column name in lower case.
    pub collations: BTreeMap<String, String>,
    pub autoincrement: bool,
    /// What CHECK constraints name, columns among it, in lower case.
    pub checked: BTreeSet<String>,
}

impl Declaration {
    pub fn read(sql: &str) -> Self {
        let tokens = tokens(sql);
        let is_autoincrement = |token: &Token| token.is_word("AUTOINCREMENT");
        let mut declaration = Self {
            autoincrement: tokens.iter().any(is_autoincrement),
            checked: checked(&tokens),
            ..Self::default()
        };
        for item in items(&tokens) {
            if let Some((column, collation)) = collation_of(&item) {
                declaration.collations.insert(column, collation);
            }
        }
        declaration
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(char),
}

impl Token {
    fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text.eq_ignore_ascii_case(word))
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Word(text) | Self::Quoted(text) => Some(text),
            Self::Sign(_) => None,
        }
    }
}

fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            '-' if rest.peek() == Some(&'-') => {
                rest.by_ref().find(|c| *c == '\n');
            }
            '/' if rest.peek() == Some(&'*') => skip_comment(&mut rest),
            '"' | '`' | '\'' => tokens.push(Token::Quoted(quoted(&mut rest, first))),
            '[' => tokens.push(Token::Quoted(rest.by_ref().take_while(|c| *c != ']').collect())),
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
                {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
            c if c.is_whitespace() => {}
            c => tokens.push(Token::Sign(c)),
        }
    }
    tokens
}

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_comment(rest: &mut Characters<'_>) {
    let mut last = ' ';
    rest.next();
    for c in rest.by_ref() {
        if last == '*' && c == '/' {
            return;
        }
        last = c;
    }
}

fn quoted(rest: &mut Characters<'_>, quote: char) -> String {
    let mut text = String::new();
    while let Some(c) = rest.next() {
        if c == quote && rest.next_if_eq(&quote).is_none() {
            break;
        }
        text.push(c);
    }
    text
}

/// The items of the table's outermost parentheses, without what stands in inner ones.
fn items(tokens: &[Token]) -> Vec<Vec<&Token>> {
    let mut items = vec![Vec::new()];
    let mut depth = 0;
    for token in tokens {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            Token::Sign(',') if depth == 1 => items.push(Vec::new()),
            token if depth == 1 => {
                if let Some(item) = items.last_mut() {
                    item.push(token);
                }
            }
            _ => {}
        }
    }
    items
}

/// The names within the parentheses of every CHECK.
fn checked(tokens: &[Token]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in tokens.iter().enumerate().filter(|(_, token)| token.is_word("CHECK")) {
        let mut depth = 0;
        for token in &tokens[at + 1..] {
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth -= 1,
                token => names.extend(token.name().map(str::to_lowercase)),
            }
            if depth == 0 {
                break;
            }
        }
    }
    names
}

fn collation_of(item: &[&Token]) -> Option<(String, String)> {
    const CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];
    let column = item.first()?;
    if CONSTRAINTS.iter().any(|word| column.is_word(word)) {
        return None;
    }
    let at = item.iter().position(|token| token.is_word("COLLATE"))?;
    let collation = item.get(at + 1)?.name()?.to_ascii_uppercase();
    (collation != "BINARY").then_some((column.name()?.to_lowercase(), collation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_have_kinds() {
        let cases = [
            ("INTEGER", Kind::Integer),
            ("bigint unsigned", Kind::Integer),
            ("VARCHAR(40)", Kind::Text),
            ("DOUBLE PRECISION", Kind::Float),
            ("FLOATING POINT", Kind::Float),
            ("DECIMAL(10,2)", Kind::Decimal),
            ("number", Kind::Decimal),
            ("datetime", Kind::Timestamp),
            ("TIMESTAMP WITH TIME ZONE", Kind::TimestampTz),
            ("date", Kind::Date),
            ("JSONB", Kind::Json),
            ("bool", Kind::Boolean),
            ("", Kind::Any),
            ("STRING", Kind::Any),
        ];
        for (declared, expected) in cases {
            assert_eq!(kind(declared), expected, "{declared}");
        }
    }

    #[test]
    fn collations_are_found_in_the_declaration() {
        let declaration = Declaration::read(
            "CREATE TABLE \"odd (name\" ( -- a comment, COLLATE NOCASE\n\
             id INTEGER PRIMARY KEY AUTOINCREMENT, Slug TEXT NOT NULL COLLATE nocase,\n\
             note TEXT CHECK (note <> 'x' COLLATE NOCASE) /* , a TEXT COLLATE RTRIM */,\n\
             [b c] TEXT DEFAULT 'a,b)' COLLATE \"RTRIM\", plain TEXT COLLATE BINARY,\n\
             UNIQUE (slug COLLATE RTRIM))",
        );
        assert!(declaration.autoincrement);
        let expected = [("b c", "RTRIM"), ("slug", "NOCASE")];
        assert_eq!(declaration.collations, expected.map(|(a, b)| (a.into(), b.into())).into());
    }

    #[test]
    fn columns_that_checks_name_are_found_in_the_declaration() {
        let declaration = Declaration::read(
            "CREATE TABLE page (id INTEGER PRIMARY KEY, Rank INTEGER CHECK (rank >= 0), slug TEXT, \
             \"from\" DATE, [to] DATE, CONSTRAINT span CHECK ((\"from\" < [to]) OR (1 = 1)))",
        );
        let columns = ["id", "rank", "slug", "from", "to"];
        let checked = columns.map(|name| declaration.checked.contains(name));
        assert_eq!(checked, [false, true, false, true, true]);
    }
}
