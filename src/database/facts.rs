//! What a connection says of itself: version, account, rights, clock.
//!
//! Answers for `doctor` and for refusals that should name the reason.

use jiff::Timestamp;

use super::Session;
use super::connection::Statement;
use super::error::Result;
use crate::catalog::Engine;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub engine: Engine,
    /// As the server writes it: `15.9`, `3.51.0`.
    pub version: String,
    /// The database's name; of SQLite the file.
    pub database: String,
    /// The schema whose tables are seen; empty for SQLite.
    pub schema: String,
    /// Who is connected; empty for SQLite.
    pub account: String,
    /// Nothing can be written: a standby, a read-only default, or a file without write permission.
    pub read_only: bool,
    /// PostgreSQL: a server in recovery.
    pub standby: bool,
    /// The account may create tables.
    pub may_create: bool,
}

impl Session {
    pub async fn facts(&mut self) -> Result<Facts> {
        match self.engine() {
            Engine::Sqlite => self.sqlite_facts().await,
            Engine::Postgres => self.postgres_facts().await,
            Engine::Mariadb => self.mariadb_facts().await,
        }
    }

    async fn sqlite_facts(&mut self) -> Result<Facts> {
        let version =
            self.cell("read facts", None, Statement::new("SELECT sqlite_version()")).await?;
        let path = self.path.clone().unwrap_or_default();
        let writable = std::fs::OpenOptions::new().append(true).open(&path).is_ok();
        Ok(Facts {
            engine: Engine::Sqlite,
            version: version.text().unwrap_or_default(),
            database: path.display().to_string(),
            schema: String::new(),
            account: String::new(),
            read_only: !writable,
            standby: false,
            may_create: writable,
        })
    }

    async fn postgres_facts(&mut self) -> Result<Facts> {
        let sql = "SELECT current_setting('server_version'), current_database()::text, \
                   current_schema()::text, current_user::text, pg_is_in_recovery()::text, \
                   has_schema_privilege(current_schema(), 'CREATE')::text, \
                   (SELECT reset_val FROM pg_settings WHERE name = 'default_transaction_read_only')";
        let rows = self.rows("read facts", None, Statement::new(sql)).await?;
        let row =
            rows.first().ok_or_else(|| self.unsupported("the server said nothing of itself"))?;
        let text = |at: usize| row[at].text().unwrap_or_default();
        Ok(Facts {
            engine: Engine::Postgres,
            version: text(0),
            database: text(1),
            schema: text(2),
            account: text(3),
            standby: row[4].is_true(),
            read_only: row[4].is_true() || text(6) == "on",
            may_create: row[5].is_true(),
        })
    }

    async fn mariadb_facts(&mut self) -> Result<Facts> {
        let sql = "SELECT CAST(version() AS CHAR), CAST(database() AS CHAR), \
                   CAST(current_user() AS CHAR), CAST(@@global.read_only AS CHAR), \
                   CAST((SELECT count(*) FROM information_schema.SCHEMA_PRIVILEGES \
                    WHERE PRIVILEGE_TYPE = 'CREATE' AND database() LIKE TABLE_SCHEMA) \
                    + (SELECT count(*) FROM information_schema.USER_PRIVILEGES \
                    WHERE PRIVILEGE_TYPE = 'CREATE') AS CHAR)";
        let rows = self.rows("read facts", None, Statement::once(sql)).await?;
        let row =
            rows.first().ok_or_else(|| self.unsupported("the server said nothing of itself"))?;
        let text = |at: usize| row[at].text().unwrap_or_default();
        let read_only = !["0", "OFF"].contains(&text(3).as_str());
        Ok(Facts {
            engine: Engine::Mariadb,
            version: text(0),
            database: text(1),
            schema: String::new(),
            account: text(2),
            standby: false,
            read_only,
            may_create: text(4) != "0" && !read_only,
        })
    }

    /// The database's clock; SQLite has none but this host's.
    pub async fn now(&mut self) -> Result<Timestamp> {
        if self.engine() == Engine::Sqlite {
            return Ok(Timestamp::now());
        }
        let sql = match self.engine() {
            Engine::Mariadb => {
                "SELECT CAST(CAST(unix_timestamp(sysdate(6)) * 1000000 AS SIGNED) AS CHAR)"
            }
            _ => "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text",
        };
        let cell = self.cell("read the clock", None, Statement::new(sql)).await?;
        let instant = cell.integer().and_then(|micros| Timestamp::from_microsecond(micros).ok());
        instant.ok_or_else(|| self.unsupported("the server's clock can't be read"))
    }
}
