//! The operator's own statements (`afterWrite`), the only SQL that isn't built here.
//!
//! Answers for running them inside the run's transaction and for refusing those that would end it.

use super::connection::Statement;
use super::error::Result;
use super::{Session, mariadb};
use crate::catalog::Engine;

impl Session {
    /// Runs one statement of the operator's and returns how many rows it touched.
    ///
    /// # Assumptions
    ///
    /// The text comes from the operator's file, never from a manifest.
    pub async fn execute_operator_statement(&mut self, sql: &str) -> Result<u64> {
        let statements = first_words(sql);
        if statements.len() != 1 {
            let what =
                format!("an afterWrite entry must hold one statement, not {}", statements.len());
            return Err(self.unsupported(what));
        }
        if let Some(word) = statements.iter().find(|word| ends_transaction(word)) {
            return Err(self.unsupported(format!(
                "an afterWrite statement can't be {word}: it would end the run's transaction"
            )));
        }
        if self.engine() == Engine::Mariadb {
            return self.execute_on_mariadb(sql, &statements[0]).await;
        }
        self.execute("run an afterWrite statement", None, Statement::once(sql)).await
    }

    /// Most statements of MariaDB end the transaction without being asked; only those that can't are
    /// let through. They are read under the server's own mode, in which `"x"` is a text.
    async fn execute_on_mariadb(&mut self, sql: &str, word: &str) -> Result<u64> {
        const HARMLESS: [&str; 6] = ["DELETE", "INSERT", "REPLACE", "SELECT", "UPDATE", "WITH"];
        if !HARMLESS.contains(&word) || sql.contains("/*!") || sql.contains("/*M!") {
            return Err(self.unsupported(format!(
                "an afterWrite statement can't be {word} on MariaDB: it could end the run's \
                 transaction; use {}",
                HARMLESS.join(", ")
            )));
        }
        self.script("run an afterWrite statement", mariadb::OPERATOR_MODE).await?;
        let done = self.execute("run an afterWrite statement", None, Statement::once(sql)).await;
        self.script("run an afterWrite statement", mariadb::OUR_MODE).await?;
        done
    }
}

fn ends_transaction(word: &str) -> bool {
    const WORDS: [&str; 11] = [
        "ABORT",
        "ATTACH",
        "BEGIN",
        "COMMIT",
        "DETACH",
        "END",
        "PREPARE",
        "RELEASE",
        "ROLLBACK",
        "SAVEPOINT",
        "START",
    ];
    WORDS.contains(&word)
}

/// The first word of each statement, in upper case; comments, strings and quoted names aren't
/// looked into.
fn first_words(sql: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut statement = String::new();
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' | '"' | '`' => {
                statement.push(c);
                rest.by_ref().find(|other| *other == c);
            }
            '-' if rest.peek() == Some(&'-') => {
                rest.by_ref().find(|other| *other == '\n');
                statement.push(' ');
            }
            '/' if rest.peek() == Some(&'*') => {
                let mut last = ' ';
                rest.next();
                rest.by_ref()
                    .find(|other| std::mem::replace(&mut last, *other) == '*' && *other == '/');
                statement.push(' ');
            }
            '$' => skip_dollar_quoted(&mut rest),
            ';' => words.extend(first_word(&std::mem::take(&mut statement))),
            c => statement.push(c),
        }
    }
    words.extend(first_word(&statement));
    words
}

/// PostgreSQL's `$tag$ … $tag$`, as bodies of DO have it. A `$` that opens nothing is passed over.
fn skip_dollar_quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let mut ahead = rest.clone();
    let tag: String = ahead.by_ref().take_while(|c| *c != '$').collect();
    if !tag.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return;
    }
    let body: String = ahead.collect();
    let closing = format!("${tag}$");
    if let Some((quoted, _)) = body.split_once(&closing) {
        let skipped = tag.chars().count() + 1 + quoted.chars().count() + closing.chars().count();
        rest.by_ref().take(skipped).for_each(drop);
    }
}

fn first_word(statement: &str) -> Option<String> {
    let statement = statement.trim();
    let word = statement.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (!statement.is_empty()).then(|| word.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_apart() {
        assert_eq!(first_words("update a set b = ';commit'; -- ; x\n"), ["UPDATE"]);
        assert_eq!(first_words("/* ; */ commit"), ["COMMIT"]);
        assert_eq!(first_words("UPDATE a SET b = 1; COMMIT"), ["UPDATE", "COMMIT"]);
        assert_eq!(first_words("DO $x$ BEGIN COMMIT; END $x$ ; "), ["DO"]);
        assert_eq!(first_words("SELECT '$'; COMMIT; SELECT '$'"), ["SELECT", "COMMIT", "SELECT"]);
        assert_eq!(first_words("SELECT a$b; COMMIT; SELECT c$d"), ["SELECT", "COMMIT", "SELECT"]);
        assert_eq!(first_words(" ; "), Vec::<String>::new());
    }
}
