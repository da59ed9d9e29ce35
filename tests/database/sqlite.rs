//! SQLite: its loose types, its collations, its files.

use reconcile::catalog::{AutoNumber, Engine, Kind, OnDelete};
use reconcile::database::{
    Access, ConstraintKind, Error, Session, Value, create_table_sql, same_database,
};
use reconcile::manifest::filter::Filter;

use super::{
    all, column_names, filters_mean_the_same_in_sql, order_is_values_order, round_trip, strings,
    table, text,
};
use crate::places::Place;

const KINDS: &str = "CREATE TABLE kinds (
    id INTEGER PRIMARY KEY, t VARCHAR(40), n DECIMAL(10,2), f DOUBLE, b BOOLEAN, d DATE,
    s DATETIME, j JSON, u UUID, x BLOB, a, g INTEGER GENERATED ALWAYS AS (id / 2) STORED)";

#[tokio::test]
async fn every_kind_comes_back_as_it_was() {
    let other = Place::sqlite(KINDS).await;
    let one = Place::sqlite(&format!(
        "{KINDS}; INSERT INTO kinds VALUES
        (1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (-9223372036854775808, '', 0, -0.0, 0, '2024-02-29', '2024-02-29 23:59:59.999999', '{{}}',
            '123e4567-e89b-12d3-a456-426614174000', x'', ''),
        (9223372036854775807, 'żółć 🎁' || char(0) || 'x', 12.50, 1e300, 1, 1700000000, 1.5,
            '{{\"a\": 1.10}}', x'00ff', x'00ff', 7),
        (4, '007', 99999999.99, 9e999, 1, '', '0000-00-00', 5, 'not one', x'', 0.1),
        (5, 'x', 3, 5, 1, NULL, NULL, '\"text\"', NULL, NULL, x'0a')"
    ))
    .await;
    let rows = round_trip(&one, &other, "kinds").await;
    assert_eq!(rows[0][1], text(""));
    let last = &rows[4];
    assert_eq!(last[1], text("żółć 🎁\0x"));
    assert_eq!(last[2], Value::Decimal("12.5".into()));
    assert_eq!(last[3], Value::Float("1e300".into()));
    assert_eq!(last[4], Value::Boolean(true));
    assert_eq!(last[5], Value::Integer(1_700_000_000));
    assert_eq!(last[8], Value::Bytes("00ff".into()));
    assert_eq!(rows[3][7], Value::Json("\"text\"".into()));
    assert_eq!(rows[2][3], Value::Float("Infinity".into()));
}

#[tokio::test]
async fn a_value_that_isnt_of_its_columns_type_is_refused_by_name() {
    let cases = [
        ("i INTEGER", "'abc'", "holds text, which isn't an integer"),
        ("i INTEGER", "1.5", "holds a fractional number, which isn't an integer"),
        ("i INTEGER", "x'00'", "holds bytes, which isn't an integer"),
        ("i TEXT", "x'00'", "holds bytes, which isn't text"),
        ("i TEXT", "CAST(x'ff' AS TEXT)", "holds text that isn't UTF-8"),
        ("i DECIMAL(10,2)", "'12,50'", "holds text, which isn't a decimal"),
        ("i BOOLEAN", "2", "holds an integer other than 0 and 1, which isn't a boolean"),
        ("i DOUBLE", "'secret'", "holds text, which isn't a float"),
        (
            "i TEXT",
            "printf('%.*c', 16777217, 'x')",
            "holds 16777217 bytes, more than the 16 MiB a value may have",
        ),
    ];
    for (column, value, expected) in cases {
        let place = Place::sqlite(&format!(
            "CREATE TABLE loose (id INTEGER PRIMARY KEY, {column}); INSERT INTO loose VALUES (7, {value})"
        ))
        .await;
        let mut session = place.read().await;
        let catalog = session.catalog().await.unwrap();
        let loose = table(&catalog, "loose");
        // The key is named even where it wasn't asked for.
        let columns = strings(&["i"]);
        let mut scan =
            session.scan(loose, &columns, &loose.primary_key, &Filter::new()).await.unwrap();
        let error = scan.next().await.unwrap_err().to_string();
        assert_eq!(error, format!("TEST: table loose, row 7, column i: {expected}"));
    }
}

#[tokio::test]
async fn rows_come_in_the_order_of_values() {
    let words = "('B'), ('a'), ('A '), ('ä'), ('Z'), ('aa'), (''), ('🎁'), ('￿'), ('10'), ('9')";
    let place = Place::sqlite(&format!(
        "CREATE TABLE plain (k TEXT PRIMARY KEY); INSERT INTO plain VALUES {words};
         CREATE TABLE nocase (k TEXT COLLATE NOCASE, n INTEGER, PRIMARY KEY (k)) WITHOUT ROWID;
         INSERT INTO nocase(k) VALUES {words};
         CREATE TABLE trimmed (k TEXT COLLATE RTRIM PRIMARY KEY); INSERT INTO trimmed VALUES {words};
         CREATE TABLE decimals (k DECIMAL PRIMARY KEY);
         INSERT INTO decimals VALUES (1), (1.5), (-1), (-1.5), (0), (10), (9), (1e20), (-1e20), (0.1), (100);
         CREATE TABLE loose (k PRIMARY KEY);
         INSERT INTO loose VALUES (1), ('1'), (x'31'), (1.5), ('a'), ('B'), (x''), (-3), (''), (1e300), (x'ff');
         CREATE TABLE floats (k REAL PRIMARY KEY);
         INSERT INTO floats VALUES (1), (1.5), (-1), (9e999), (-9e999), (10), (9), (1e20), (-1e20), (0.1), (100)"
    ))
    .await;
    order_is_values_order(&place, 11).await;
}

#[tokio::test]
async fn random_keys_keep_their_order() {
    let place = Place::sqlite(
        "CREATE TABLE words (k TEXT PRIMARY KEY); CREATE TABLE numbers (k DECIMAL PRIMARY KEY)",
    )
    .await;
    super::random_keys_keep_their_order(&place).await;
}

#[tokio::test]
async fn a_key_that_comes_twice_is_an_error() {
    let place = Place::sqlite(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT); INSERT INTO t(k) VALUES ('a'), ('a');
         CREATE TABLE n (k TEXT PRIMARY KEY); INSERT INTO n VALUES (NULL)",
    )
    .await;
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    for name in ["t", "n"] {
        let columns = strings(&["k"]);
        let mut scan =
            session.scan(table(&catalog, name), &columns, &columns, &Filter::new()).await.unwrap();
        let error = loop {
            match scan.next().await {
                Ok(row) => assert!(row.is_some(), "{name} was read to its end"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Order { .. }), "{error}");
    }
}

#[tokio::test]
async fn lookups_obey_the_columns_collation_and_affinity() {
    let place = Place::sqlite(
        "CREATE TABLE page (id INTEGER PRIMARY KEY, slug TEXT COLLATE NOCASE, code TEXT, n NUMERIC);
         INSERT INTO page VALUES (1, 'Spring', 'A', 1.5), (2, 'summer', 'a', 2), (3, NULL, '5', NULL)",
    )
    .await;
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    let ids = strings(&["id"]);
    let mut find = async |by: &str, wanted: Vec<Value>| {
        let wanted: Vec<_> = wanted.into_iter().map(|value| vec![value]).collect();
        let found = session.find(page, &ids, &strings(&[by]), &wanted).await.unwrap();
        found.into_iter().map(|(at, row)| (at, row[0].display().into_owned())).collect::<Vec<_>>()
    };
    let spring = vec![text("SPRING"), Value::Null, text("spring"), text("none")];
    assert_eq!(find("slug", spring).await, [(0, "1".into()), (2, "1".into())]);
    assert_eq!(
        find("code", vec![text("a"), Value::Integer(5)]).await,
        [(0, "2".into()), (1, "3".into())]
    );
    assert_eq!(find("n", vec![Value::Decimal("1.50".into())]).await, [(0, "1".into())]);
    let ids = (0..1_200).map(Value::Integer).collect();
    assert_eq!(find("id", ids).await, [(1, "1".into()), (2, "2".into()), (3, "3".into())]);
}

#[tokio::test]
async fn lookups_use_the_index() {
    let place = Place::sqlite(
        "CREATE TABLE page (id INTEGER PRIMARY KEY, slug TEXT COLLATE NOCASE UNIQUE, site INTEGER,
            path TEXT, UNIQUE (site, path))",
    )
    .await;
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    let mut plan = async |by: &[&str], wanted: Vec<Value>| {
        session.explain_find(page, &strings(by), &[wanted.clone(), wanted]).await.unwrap()
    };
    let by_id = plan(&["id"], vec![Value::Integer(1)]).await;
    assert!(by_id.contains("SEARCH t USING INTEGER PRIMARY KEY"), "{by_id}");
    let by_slug = plan(&["slug"], vec![text("a")]).await;
    assert!(by_slug.contains("INDEX sqlite_autoindex_page_1 (slug=?)"), "{by_slug}");
    let by_path = plan(&["site", "path"], vec![Value::Integer(1), text("a")]).await;
    assert!(by_path.contains("(site=? AND path=?)"), "{by_path}");
}

#[tokio::test]
async fn filters_mean_the_same() {
    let place = Place::sqlite(
        "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE, amount INTEGER,
            price DECIMAL(10,2), active BOOLEAN, born DATE, body JSON, raw BLOB);
         INSERT INTO item VALUES
            (1, 'a', 5, 5, 1, '2024-02-29', '{}', x'61'),
            (2, 'A', -1, 5.5, 0, '2024-03-01', '{}', NULL),
            (3, 'A%', 1, 6, 1, NULL, NULL, x''),
            (4, NULL, NULL, NULL, NULL, '2023-01-01', '[]', NULL),
            (5, 'ä', 0, 0, 0, 5, '5', NULL),
            (6, '5', 50, 5, 1, '2024-02-29', 'null', NULL),
            (7, '', 1, 1, 0, '', '\"{}\"', NULL),
            (8, 'x' || char(0) || 'y', 1, 1, 0, '', NULL, NULL)",
    )
    .await;
    filters_mean_the_same_in_sql(&place).await;
}

#[tokio::test]
async fn writing_touches_exactly_one_row() {
    let place = Place::sqlite(
        "CREATE TABLE page (id INTEGER PRIMARY KEY, slug TEXT UNIQUE, site INTEGER NOT NULL DEFAULT 1);
         INSERT INTO page(slug) VALUES ('a'), ('b')",
    )
    .await;
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    let (one, slug) = (Value::Integer(1), text("c"));
    let missing = session.update(page, &[("id", &Value::Integer(9))], &[("slug", &slug)]).await;
    assert!(matches!(missing, Err(Error::RowCount { found: 0, .. })), "{missing:?}");
    let several = session.delete(page, &[("site", &one)]).await;
    assert!(matches!(several, Err(Error::RowCount { found: 2, .. })), "{several:?}");
    session.rollback().await.unwrap();
    session.begin().await.unwrap();
    session.update(page, &[("id", &one)], &[("slug", &slug)]).await.unwrap();
    session.insert(page, &[("slug", &text("d"))]).await.unwrap();
    session.delete(page, &[("id", &Value::Integer(2))]).await.unwrap();
    let slugs: Vec<_> =
        all(&mut session, page).await.into_iter().map(|mut row| row.remove(1)).collect();
    assert_eq!(slugs, [text("c"), text("d")]);
    assert_eq!(session.greatest_integer(page, "id").await.unwrap(), Some(3));
    assert!(session.delete(page, &[]).await.is_err());
}

#[tokio::test]
async fn errors_hold_no_values() {
    let place = Place::sqlite(
        "CREATE TABLE page (id INTEGER PRIMARY KEY, email TEXT UNIQUE NOT NULL CHECK (email <> 'bad secret'),
            parent INTEGER REFERENCES page);
         INSERT INTO page(email) VALUES ('secret@example')",
    )
    .await;
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    let cases: [(&[(&str, &Value)], ConstraintKind); 4] = [
        (&[("email", &text("secret@example"))], ConstraintKind::Unique),
        (&[("email", &Value::Null)], ConstraintKind::NotNull),
        (&[("email", &text("bad secret"))], ConstraintKind::Check),
        (
            &[("email", &text("secret")), ("parent", &Value::Integer(77))],
            ConstraintKind::ForeignKey,
        ),
    ];
    for (values, expected) in cases {
        let error = session.insert(page, values).await.unwrap_err();
        let Error::Constraint { kind, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*kind, expected);
        let message = error.to_string().replace("bad secret", "");
        assert!(!message.contains("secret") && !message.contains("77"), "{message}");
    }
}

#[tokio::test]
async fn deferred_foreign_keys_are_checked_when_asked_and_old_orphans_are_not_ours() {
    let place = Place::sqlite(
        "CREATE TABLE page (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES page);
         PRAGMA foreign_keys = OFF; INSERT INTO page VALUES (1, 99)",
    )
    .await;
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    session.defer_constraints().await.unwrap();
    let (two, three) = (Value::Integer(2), Value::Integer(3));
    session.insert(page, &[("id", &two), ("parent", &three)]).await.unwrap();
    let early = session.check_constraints().await;
    assert!(matches!(early, Err(Error::Constraint { kind: ConstraintKind::ForeignKey, .. })));
    session.insert(page, &[("id", &three), ("parent", &two)]).await.unwrap();
    session.check_constraints().await.unwrap();
    session.commit().await.unwrap();
}

#[tokio::test]
async fn a_commit_with_a_broken_reference_fails_and_leaves_nothing() {
    let place =
        Place::sqlite("CREATE TABLE page (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES page)")
            .await;
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    session.defer_constraints().await.unwrap();
    session.insert(page, &[("parent", &Value::Integer(3))]).await.unwrap();
    assert!(session.commit().await.is_err());
    session.rollback().await.unwrap();
    session.begin().await.unwrap();
    assert!(session.is_empty(page, &Filter::new()).await.unwrap());
}

#[tokio::test]
async fn a_dropped_session_rolls_back() {
    let place = Place::sqlite("CREATE TABLE page (id INTEGER PRIMARY KEY)").await;
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    session.insert(table(&catalog, "page"), &[]).await.unwrap();
    drop(session);
    // The file is free again: this waits for the write lock and then gets it.
    let mut session = place.write().await;
    assert!(session.is_empty(table(&catalog, "page"), &Filter::new()).await.unwrap());
    session.insert(table(&catalog, "page"), &[]).await.unwrap();
    session.close().await.unwrap();
    let mut session = place.read().await;
    assert!(session.is_empty(table(&catalog, "page"), &Filter::new()).await.unwrap());
}

#[tokio::test]
async fn a_scan_given_up_early_disturbs_nothing() {
    let place = Place::sqlite(
        "CREATE TABLE n (id INTEGER PRIMARY KEY);
         WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 100000)
         INSERT INTO n SELECT i FROM s",
    )
    .await;
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    let n = table(&catalog, "n");
    for _ in 0..3 {
        let mut scan =
            session.scan(n, &column_names(n), &n.primary_key, &Filter::new()).await.unwrap();
        assert_eq!(scan.next().await.unwrap(), Some(vec![Value::Integer(1)]));
    }
    assert_eq!(session.count(n, &Filter::new()).await.unwrap(), 100_000);
    assert_eq!(all(&mut session, n).await.len(), 100_000);
}

#[tokio::test]
async fn a_reading_session_cant_write_and_sees_one_moment() {
    let place =
        Place::sqlite("PRAGMA journal_mode = WAL; CREATE TABLE page (id INTEGER PRIMARY KEY)")
            .await;
    let mut reader = place.read().await;
    let catalog = reader.catalog().await.unwrap();
    let page = table(&catalog, "page");
    let refused = reader.insert(page, &[]).await;
    assert!(matches!(refused, Err(Error::ReadOnlyTarget { .. })), "{refused:?}");
    let mut writer = place.write().await;
    writer.insert(page, &[]).await.unwrap();
    writer.commit().await.unwrap();
    assert!(reader.is_empty(page, &Filter::new()).await.unwrap());
}

#[tokio::test]
async fn a_file_that_another_session_writes_may_be_tried_again() {
    let place = Place::sqlite("CREATE TABLE page (id INTEGER PRIMARY KEY)").await;
    let mut second = Session::open(&place.url, "PROD", Access::Write).await.unwrap();
    second.execute_operator_statement("PRAGMA busy_timeout = 0").await.unwrap();
    let first = place.write().await;
    let error = second.begin().await.unwrap_err();
    assert!(matches!(error, Error::Serialization { .. }) && error.is_retryable(), "{error:?}");
    first.close().await.unwrap();
    second.begin().await.unwrap();
}

#[tokio::test]
async fn numbers_only_go_up() {
    let place = Place::sqlite(
        "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER);
         CREATE TABLE b (id INTEGER PRIMARY KEY, n INTEGER);
         INSERT INTO b VALUES (41, 0)",
    )
    .await;
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let (a, b) = (table(&catalog, "a"), table(&catalog, "b"));
    session.raise_sequence(a, "id", 70).await.unwrap();
    session.raise_sequence(a, "id", 7).await.unwrap();
    session.raise_sequence(b, "id", 70).await.unwrap();
    assert_eq!(session.last_number(a, "id").await.unwrap(), Some(70));
    assert_eq!(session.last_number(b, "id").await.unwrap(), None);
    session.insert(a, &[("n", &Value::Null)]).await.unwrap();
    assert_eq!(session.greatest_integer(a, "id").await.unwrap(), Some(71));
    session.delete(a, &[("id", &Value::Integer(71))]).await.unwrap();
    assert_eq!(session.last_number(a, "id").await.unwrap(), Some(71));
    session.rollback().await.unwrap();
    session.begin().await.unwrap();
    assert_eq!(session.last_number(a, "id").await.unwrap(), None);
}

#[tokio::test]
async fn links_to_one_file_are_one_database() {
    let place = Place::sqlite("CREATE TABLE page (id INTEGER PRIMARY KEY)").await;
    let other = Place::sqlite("CREATE TABLE page (id INTEGER PRIMARY KEY)").await;
    let directory = place.directory.as_ref().unwrap().path();
    std::os::unix::fs::symlink(directory.join("shop.db"), directory.join("soft.db")).unwrap();
    std::fs::hard_link(directory.join("shop.db"), directory.join("hard.db")).unwrap();
    let mut one = place.read().await;
    for link in ["soft.db", "hard.db"] {
        let url = format!("sqlite://{}", directory.join(link).display());
        let mut linked = Session::open(&url, "PROD", Access::ReadOnly).await.unwrap();
        assert!(same_database(&mut one, &mut linked).await.unwrap(), "{link}");
    }
    assert!(!same_database(&mut one, &mut other.read().await).await.unwrap());
}

#[tokio::test]
async fn what_isnt_there_isnt_made() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("new.db");
    let url = format!("sqlite://{}", file.display());
    let error = Session::open(&url, "PROD", Access::Write).await.unwrap_err();
    assert!(error.to_string().contains("there is no file"), "{error}");
    assert!(!file.exists());
    std::fs::write(&file, "this is text, not a database, and long enough to be looked at").unwrap();
    let error = Session::open(&url, "PROD", Access::Write).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "can't connect to the PROD database: the file is no SQLite database"
    );
    let error =
        Session::open("mysql://jo:secret@host/db", "PROD", Access::Write).await.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn the_operators_statements_cant_end_the_run() {
    let place = Place::sqlite("CREATE TABLE page (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO page(n) VALUES (1), (2)").await;
    let mut session = place.write().await;
    assert_eq!(
        session.execute_operator_statement("UPDATE page SET n = 5 -- all;\n").await.unwrap(),
        2
    );
    for sql in ["COMMIT", "UPDATE page SET n = 6; COMMIT", "/* */ rollback", "end", ""] {
        assert!(session.execute_operator_statement(sql).await.is_err(), "{sql}");
    }
    session.close().await.unwrap();
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    assert_eq!(all(&mut session, table(&catalog, "page")).await[0][1], Value::Integer(1));
}

const RICH: &str = "
    CREATE TABLE Author (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL COLLATE NOCASE UNIQUE);
    CREATE TABLE page (id INTEGER PRIMARY KEY, slug VARCHAR(80) NOT NULL, site INT, price DECIMAL(10,2) DEFAULT 1.5,
        author REFERENCES AUTHOR, parent INTEGER REFERENCES page(ID) ON DELETE CASCADE,
        twice INTEGER GENERATED ALWAYS AS (id * 2) VIRTUAL, UNIQUE (site, slug));
    CREATE UNIQUE INDEX live ON page (slug) WHERE price > 0;
    CREATE UNIQUE INDEX lowered ON page (lower(slug));
    CREATE UNIQUE INDEX other_collation ON page (slug COLLATE NOCASE);
    CREATE TABLE tagging (site INT, slug TEXT, tag TEXT, PRIMARY KEY (tag, slug),
        FOREIGN KEY (site, slug) REFERENCES page (site, slug) ON DELETE SET NULL) WITHOUT ROWID;
    CREATE TABLE texts (k TEXT PRIMARY KEY, \"odd \"\"name\" TEXT);
    CREATE TRIGGER touched AFTER UPDATE ON page BEGIN SELECT 1; END;
    CREATE VIEW seen AS SELECT * FROM page";

#[tokio::test]
async fn the_catalogue_of_a_rich_schema() {
    let place = Place::sqlite(RICH).await;
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    assert_eq!(catalog.tables.keys().collect::<Vec<_>>(), ["Author", "page", "tagging", "texts"]);
    let author = table(&catalog, "Author");
    let sequence = Some("sqlite_sequence".to_owned());
    assert_eq!(author.columns[0].auto, Some(AutoNumber { sequence, always: false }));
    assert_eq!(author.columns[1].collation.as_deref(), Some("NOCASE"));
    assert!(!author.columns[0].nullable && !author.columns[1].nullable);
    let page = table(&catalog, "page");
    assert_eq!(page.primary_key, ["id"]);
    assert_eq!(page.columns[0].auto, Some(AutoNumber { sequence: None, always: false }));
    assert_eq!(page.column("price").unwrap().kind, Kind::Decimal);
    assert_eq!(page.column("price").unwrap().default.as_deref(), Some("1.5"));
    assert_eq!(page.column("author").unwrap().kind, Kind::Any);
    assert!(page.column("twice").unwrap().generated);
    let unique = page.unique_keys.iter().map(|key| (key.columns.join("+"), key.partial));
    assert_eq!(unique.collect::<Vec<_>>(), [("site+slug".into(), false), ("slug".into(), true)]);
    let keys = page.foreign_keys.iter().map(|key| {
        (key.columns.join("+"), key.to_table.as_str(), key.to_columns.join("+"), key.on_delete)
    });
    assert_eq!(
        keys.collect::<Vec<_>>(),
        [
            ("author".into(), "Author", "id".into(), OnDelete::NoAction),
            ("parent".into(), "page", "id".into(), OnDelete::Cascade)
        ]
    );
    assert_eq!(page.triggers, ["touched"]);
    let tagging = table(&catalog, "tagging");
    assert_eq!(tagging.primary_key, ["tag", "slug"]);
    assert_eq!(tagging.foreign_keys[0].columns, ["site", "slug"]);
    assert_eq!(tagging.foreign_keys[0].on_delete, OnDelete::SetNull);
    assert!(tagging.columns.iter().all(|column| column.auto.is_none()));
    assert_eq!(table(&catalog, "texts").columns[1].name, "odd \"name");
    assert_eq!(catalog.referrers("page").count(), 2);
    let json = serde_json::to_string(&catalog).unwrap();
    assert_eq!(serde_json::from_str::<reconcile::catalog::Catalog>(&json).unwrap(), catalog);
}

#[tokio::test]
async fn tables_of_our_own_are_created_once() {
    let place = Place::sqlite(RICH).await;
    let empty = Place::sqlite("").await;
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    let mut session = empty.write().await;
    for name in ["Author", "page", "tagging", "texts"] {
        let mut wanted = table(&catalog, name).clone();
        wanted.columns.retain(|column| !column.generated);
        session.create_table_if_missing(&wanted).await.unwrap();
        session.create_table_if_missing(&wanted).await.unwrap();
        let made = session.catalog().await.unwrap();
        assert_eq!(table(&made, name).primary_key, wanted.primary_key);
        assert_eq!(column_names(table(&made, name)), column_names(&wanted));
    }
    let author = create_table_sql(Engine::Sqlite, table(&catalog, "Author"));
    assert!(author.starts_with("CREATE TABLE IF NOT EXISTS \"Author\" (\n"), "{author}");
    let facts = session.facts().await.unwrap();
    assert!(facts.may_create && !facts.read_only && !facts.standby);
}
