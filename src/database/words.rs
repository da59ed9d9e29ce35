//! Documents found by their words: FTS5 beside the entries of a read store.
//!
//! Answers for words being bound and quoted, so that nothing somebody types is taken for the syntax of
//! a search, and for one table of words an index, so that what is rare there counts there. Which text
//! belongs to a document is `store::words`'s.

use super::Session;
use super::connection::{Parameter, Statement};
use super::entries::{Entry, entry};
use super::error::Result;
use super::own::{numbers, rows_of, text};

/// Documents in one statement.
const ROWS: usize = 250;
/// More words than anybody types; SQLite takes no deeper expression than 256.
const MOST_WORDS: usize = 64;
/// Longer than any word. Cut, since each part of it is looked up by itself.
const LONGEST_WORD: usize = 200;

/// The words only: the text itself stands in the entry.
const COLUMNS: &str =
    "text, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2'";

impl Session {
    /// Makes the table of an index's words, unless it is there.
    pub async fn make_words(&mut self, place: i64) -> Result<()> {
        let sql = format!("CREATE VIRTUAL TABLE IF NOT EXISTS words_{place} USING fts5({COLUMNS})");
        self.script("make an index of", &sql).await
    }

    /// Has entries be found by these texts and no others.
    pub async fn put_words(&mut self, place: i64, texts: &[(i64, String)]) -> Result<()> {
        for texts in texts.chunks(ROWS) {
            let sql = format!(
                "INSERT OR REPLACE INTO words_{place} (rowid, text) VALUES {}",
                rows_of(texts.len(), 2)
            );
            let often = texts.len() == ROWS || texts.len() == 1;
            let mut statement = if often { Statement::new(sql) } else { Statement::once(sql) };
            for (id, words) in texts {
                statement.bind(Parameter::Integer(*id));
                statement.bind(text(words));
            }
            self.execute("index documents of", None, statement).await?;
        }
        Ok(())
    }

    /// Has entries be found no more.
    pub async fn drop_words(&mut self, place: i64, ids: &[i64]) -> Result<()> {
        let sql =
            format!("DELETE FROM words_{place} WHERE rowid IN (SELECT value FROM json_each(?))");
        let statement = Statement::new(sql).with(numbers(ids));
        self.execute("index documents of", None, statement).await.map(|_| ())
    }

    /// Entries that hold all words, the last of which may be a beginning; the best first.
    pub async fn find_words(&mut self, place: i64, words: &str, most: usize) -> Result<Vec<Entry>> {
        let Some(expression) = expression(words) else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT e.key, e.version, e.value FROM (SELECT rowid AS id, rank FROM words_{place} \
             WHERE words_{place} MATCH ? ORDER BY rank LIMIT ?) AS found \
             JOIN entry AS e ON e.id = found.id ORDER BY found.rank, e.key"
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let statement = Statement::new(sql).with(text(&expression));
        let statement = statement.with(Parameter::Integer(most));
        let rows = self.rows("search", None, statement).await?;
        Ok(rows.into_iter().map(entry).collect())
    }
}

/// Each word in quotes, in which a quote is written twice: `"red" "shoe" *`. Nothing where there is no
/// word at all.
fn expression(words: &str) -> Option<String> {
    let words = words.split(|c: char| c.is_whitespace() || c == '\0');
    let words = words.filter(|word| word.chars().any(char::is_alphanumeric));
    let quoted = words.take(MOST_WORDS).map(|word| {
        let word: String = word.chars().take(LONGEST_WORD).collect();
        format!("\"{}\"", word.replace('"', "\"\""))
    });
    let quoted: Vec<_> = quoted.collect();
    (!quoted.is_empty()).then(|| format!("{} *", quoted.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::expression;

    #[test]
    fn words_are_quoted_whatever_they_are() {
        let written = |words| expression(words).unwrap_or_default();
        assert_eq!(written("red  Shoe"), "\"red\" \"Shoe\" *");
        assert_eq!(written("a\"b OR NOT x*"), "\"a\"\"b\" \"OR\" \"NOT\" \"x*\" *");
        assert_eq!(written("a\0b"), "\"a\" \"b\" *");
        assert_eq!(written(" \u{1f600} -- \" \0"), "");
        assert_eq!(written(&"x ".repeat(999)).matches("\"x\"").count(), 64);
    }
}
