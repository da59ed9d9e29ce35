//! PostgreSQL: types of every kind, collations, sequences, settings. Skipped without a server.

use reconcile::catalog::{Kind, Table};
use reconcile::database::{
    Access, ConstraintKind, Error, Lock, Row, Session, Value, same_database,
};
use reconcile::manifest::filter::Filter;

use super::{
    all, column_names, filters_mean_the_same_in_sql, order_is_values_order, round_trip, strings,
    table, text,
};
use crate::places::Place;

fn other(text: &str) -> Value {
    Value::Other(text.into())
}

const KINDS: &str = "
    CREATE SCHEMA extensions; CREATE EXTENSION citext SCHEMA extensions;
    CREATE TYPE \"Mood\" AS ENUM ('sad', 'very ''happy''');
    CREATE DOMAIN short AS varchar(5) CHECK (VALUE <> 'bad');
    CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
    CREATE TYPE pair AS (a integer, b text);
    CREATE TABLE kinds (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, s smallint, n numeric(1000,500), n2 numeric,
        f real, d double precision, t text, v varchar(5), c char(5), b boolean, da date,
        ti time(3), tz timetz, ts timestamp, tsz timestamptz(3), iv interval day to second(3), j json,
        jb jsonb, u uuid, x bytea, ia integer[], va varchar(5)[], m \"Mood\", ma \"Mood\"[], dm short,
        dp positive, r int4range, inet inet, mo money, bi bit(3), bv bit varying, ci extensions.citext,
        pa pair, pt point, xm xml, tv tsvector, oi oid, nm name, ch \"char\",
        g bigint GENERATED ALWAYS AS (s * 2) STORED)";

#[tokio::test]
async fn every_kind_comes_back_as_it_was() {
    let Some(other_place) = Place::postgres(KINDS).await else { return };
    let one = Place::postgres(KINDS).await.unwrap();
    one.run(
        "INSERT INTO kinds (id, n2) OVERRIDING SYSTEM VALUE VALUES (-9223372036854775808, NULL);
         INSERT INTO kinds VALUES (DEFAULT, 32767, 1.5, 'NaN', 0.1, '-0', '', '', '', true, '-infinity', '24:00', '12:00+05:30',
            'infinity', '2024-02-29 23:59:59.999+02', '1 day 02:03:04.567', '{\"b\" : 1.0,  \"a\":1}',
            '{\"b\": 1.0, \"a\": [1e400]}', '123E4567-e89b-12d3-a456-426614174000', '\\x00ff', '{1,NULL,-3}',
            '{\"a,b\",\"\\\"\"}', 'very ''happy''', '{sad,\"very ''happy''\"}', 'short', 7, '[1,5)', '192.168.1.1/24',
            '$1,234.50', '101', '0001', 'CaSe', '(1,\"x,y\")', '(1.5,2)', '<a>&amp;</a>', 'fat cat', 4294967295, 'nm', 'c');
         INSERT INTO kinds (n, n2, d, f, t, v, c, da, ts, ti, x, iv, tsz) VALUES
            (-0.0000000001, 123456789012345678901234567890.12345678901234567890, 'Infinity', 'NaN', E'żółć 🎁\\n\\t\\\\', 'ab ', 'ab',
            '4713-01-01 BC', '0001-01-01 00:00:00.000001 BC', '00:00:00.001', '', '-1 day +00:00:01', '-infinity'),
            (0, '-Infinity', 5e-324, 1e38, '''; DROP TABLE kinds; --', '🎁🎁', NULL, '2024-02-29', '2024-02-29 12:00', NULL, NULL, NULL, NULL)",
    )
    .await;
    let rows = round_trip(&one, &other_place, "kinds").await;
    assert_eq!(rows.len(), 4);
    let full = &rows[1];
    assert_eq!(full[3], Value::Decimal("NaN".into()));
    assert_eq!(full[4], Value::Float("0.1".into()));
    assert_eq!(full[10], other("-infinity"));
    assert_eq!(full[14], other("2024-02-29 21:59:59.999+00"));
    assert_eq!(
        full[17],
        Value::Json(format!("{{\"a\": [1{}], \"b\": 1.0}}", "0".repeat(400)).into())
    );
    assert_eq!(full[19], Value::Bytes("00ff".into()));
    assert_eq!(full[20], other("{1,NULL,-3}"));
    assert_eq!(full[22], other("very 'happy'"));
    assert_eq!(full[31], text("CaSe"));
    assert_eq!(rows[2][7], text("ab "));
    one.remove().await;
    other_place.remove().await;
}

#[tokio::test]
async fn rows_come_in_the_order_of_values() {
    let words = "('B'), ('a'), ('A '), ('ä'), ('Z'), ('aa'), (''), ('🎁'), ('￿'), ('10'), ('9')";
    let numbers =
        "(1), (1.5), (-1), (-1.5), (0), (10), (9), ('NaN'), ('Infinity'), ('-Infinity'), (100)";
    let Some(place) = Place::postgres(&format!(
        "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE COLLATION german (provider = icu, locale = 'de-DE');
         CREATE TABLE german (k text COLLATE german PRIMARY KEY); INSERT INTO german VALUES {words};
         CREATE TABLE nocase (k text COLLATE nocase PRIMARY KEY); INSERT INTO nocase VALUES {words};
         CREATE TABLE numerics (k numeric PRIMARY KEY); INSERT INTO numerics VALUES {numbers};
         CREATE TABLE floats (k float8 PRIMARY KEY); INSERT INTO floats VALUES {numbers};
         CREATE TABLE reals (k real PRIMARY KEY); INSERT INTO reals VALUES {numbers};
         CREATE TABLE uuids (k uuid PRIMARY KEY);
         INSERT INTO uuids SELECT md5(i::text)::uuid FROM generate_series(1, 11) AS i;
         CREATE TABLE blobs (k bytea PRIMARY KEY);
         INSERT INTO blobs SELECT decode(left(md5(i::text), 2 + 2 * (i % 5)), 'hex') || '\\xff'::bytea FROM generate_series(1, 11) AS i;
         CREATE TABLE dates (k date PRIMARY KEY);
         INSERT INTO dates SELECT date '0001-06-01 BC' + i * 700 FROM generate_series(1, 11) AS i;
         CREATE TYPE size AS ENUM ('s', 'm', 'l', 'xl', '10', '9', 'A', 'b', 'C', 'd', 'E');
         CREATE TABLE sizes (k size PRIMARY KEY); INSERT INTO sizes SELECT unnest(enum_range(NULL::size));
         CREATE TABLE arrays (k integer[] PRIMARY KEY);
         INSERT INTO arrays SELECT ARRAY[i, 1] FROM generate_series(1, 11) AS i"
    ))
    .await
    else {
        return;
    };
    order_is_values_order(&place, 11).await;
    place.remove().await;
}

#[tokio::test]
async fn random_keys_keep_their_order() {
    let Some(place) = Place::postgres(
        "CREATE TABLE words (k text COLLATE \"en-x-icu\" PRIMARY KEY);
         CREATE TABLE numbers (k numeric PRIMARY KEY)",
    )
    .await
    else {
        return;
    };
    super::random_keys_keep_their_order(&place).await;
    place.remove().await;
}

#[tokio::test]
async fn a_table_larger_than_a_fetch_is_read_whole() {
    let Some(place) = Place::postgres(
        "CREATE TABLE n (id integer PRIMARY KEY, t text);
         INSERT INTO n SELECT i, repeat('x', i % 300) FROM generate_series(1, 30000) AS i;
         CREATE TABLE wide (id integer PRIMARY KEY, t text);
         INSERT INTO wide SELECT i, repeat('x', 1000000) FROM generate_series(1, 12) AS i",
    )
    .await
    else {
        return;
    };
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    let (n, wide) = (table(&catalog, "n"), table(&catalog, "wide"));
    // Given up early, twice, before it is read whole.
    for _ in 0..2 {
        let mut scan =
            session.scan(n, &column_names(n), &n.primary_key, &Filter::new()).await.unwrap();
        assert!(scan.next().await.unwrap().is_some());
    }
    let rows = all(&mut session, n).await;
    assert_eq!(rows.len(), 30_000);
    assert_eq!(rows[29_999][0], Value::Integer(30_000));
    assert_eq!(all(&mut session, wide).await.len(), 12);
    session.rollback().await.unwrap();
    assert!(session.scan(n, &column_names(n), &n.primary_key, &Filter::new()).await.is_err());
    place.remove().await;
}

#[tokio::test]
async fn lookups_obey_the_columns_collation() {
    let Some(place) = Place::postgres(
        "CREATE SCHEMA extensions; CREATE EXTENSION citext SCHEMA extensions;
         ALTER DATABASE CURRENT_DB SET search_path = public, extensions;
         CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE page (id smallint PRIMARY KEY, slug text COLLATE nocase UNIQUE, code varchar(3),
            mail extensions.citext, fixed char(5), at timestamptz, n numeric, raw bytea);
         INSERT INTO page VALUES (1, 'Spring', 'A', 'Jo@x', 'ab', '2024-01-01 12:00+02', 1.5, 'x'),
            (2, 'summer', 'a', 'me@x', 'cd', NULL, 2, NULL), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    )
    .await
    else {
        return;
    };
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    assert_eq!(page.column("slug").unwrap().collation.as_deref(), Some("nocase"));
    assert_eq!(page.column("mail").unwrap().collation.as_deref(), Some("citext"));
    assert_eq!(page.column("mail").unwrap().kind, Kind::Text);
    let ids = strings(&["id"]);
    let mut find = async |by: &str, wanted: Vec<Value>| {
        let wanted: Vec<_> = wanted.into_iter().map(|value| vec![value]).collect();
        let found = session.find(page, &ids, &strings(&[by]), &wanted).await.unwrap();
        found.into_iter().map(|(at, row)| (at, row[0].clone())).collect::<Vec<_>>()
    };
    let one = || Value::Integer(1);
    let spring = vec![text("SPRING"), Value::Null, text("spring"), text("none")];
    assert_eq!(find("slug", spring).await, [(0, one()), (2, one())]);
    assert_eq!(find("code", vec![text("A"), text("longer than three")]).await, [(0, one())]);
    assert_eq!(find("mail", vec![text("jO@X")]).await, [(0, one())]);
    assert_eq!(find("fixed", vec![text("ab")]).await, [(0, one())]);
    assert_eq!(find("at", vec![other("2024-01-01 10:00:00+00")]).await, [(0, one())]);
    assert_eq!(find("n", vec![Value::Decimal("1.50".into())]).await, [(0, one())]);
    assert_eq!(find("raw", vec![Value::Bytes("78".into())]).await, [(0, one())]);
    // An ID that doesn't fit the column's type is merely not found.
    assert_eq!(find("id", vec![Value::Integer(i64::MAX), one()]).await, [(1, one())]);
    place.remove().await;
}

#[tokio::test]
async fn lookups_use_the_index() {
    let Some(place) = Place::postgres(
        "CREATE TABLE page (id integer PRIMARY KEY, site integer, slug varchar(80), UNIQUE (site, slug));
         INSERT INTO page SELECT i, i % 7, 'page-' || i FROM generate_series(1, 100000) AS i;
         ANALYZE page",
    )
    .await
    else {
        return;
    };
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    let ids: Vec<_> = (0..500).map(|i| vec![Value::Integer(i * 190)]).collect();
    let plan = session.explain_find(page, &strings(&["id"]), &ids).await.unwrap();
    assert!(plan.contains("using page_pkey"), "{plan}");
    let slugs: Vec<_> =
        (0..500).map(|i| vec![Value::Integer(i % 7), text(&format!("page-{i}"))]).collect();
    let plan = session.explain_find(page, &strings(&["site", "slug"]), &slugs).await.unwrap();
    assert!(plan.contains("using page_site_slug_key"), "{plan}");
    let found = session.find(page, &ids_only(page), &ids_only(page), &ids).await.unwrap();
    assert_eq!(found.len(), 499);
    place.remove().await;
}

fn ids_only(table: &Table) -> Vec<String> {
    table.primary_key.clone()
}

#[tokio::test]
async fn filters_mean_the_same() {
    let Some(place) = Place::postgres(
        "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE item (id integer PRIMARY KEY, name text COLLATE nocase, amount integer,
            price numeric(10,2), active boolean, born date, body jsonb, raw bytea);
         INSERT INTO item VALUES
            (1, 'a', 5, 5, true, '2024-02-29', '{}', 'a'),
            (2, 'A', -1, 5.5, false, '2024-03-01', '{}', NULL),
            (3, 'A%', 1, 6, true, NULL, NULL, ''),
            (4, NULL, NULL, NULL, NULL, '2023-01-01', '[]', NULL),
            (5, 'ä', 0, 'NaN', false, 'infinity', '5', NULL),
            (6, '5', 50, 5, true, '2024-02-29', 'null', NULL),
            (7, '', 1, 1, false, '2024-01-01', '\"{}\"', NULL)",
    )
    .await
    else {
        return;
    };
    filters_mean_the_same_in_sql(&place).await;
    place.remove().await;
}

#[tokio::test]
async fn values_that_dont_fit_are_refused_and_errors_hold_none() {
    let Some(place) = Place::postgres(
        "CREATE TABLE page (id integer PRIMARY KEY, email text UNIQUE CHECK (email <> 'bad secret'),
            short varchar(3), fixed char(3), bits bit(3), parent integer REFERENCES page, body jsonb, required text NOT NULL DEFAULT '');
         INSERT INTO page(id, email) VALUES (1, 'secret@example');
         CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN RAISE EXCEPTION 'secret: %', NEW.email; END$$;
         CREATE TRIGGER shout BEFORE INSERT ON page FOR EACH ROW WHEN (NEW.id = 13) EXECUTE FUNCTION shout()",
    )
    .await
    else {
        return;
    };
    let cases: [(&str, Value, &str); 11] = [
        (
            "email",
            text("secret@example"),
            "unique constraint page_email_key of table page is violated",
        ),
        (
            "email",
            text("bad secret"),
            "check constraint page_email_check of table page is violated",
        ),
        ("required", Value::Null, "not-null constraint (required) of table page is violated"),
        (
            "parent",
            Value::Integer(77),
            "foreign key constraint page_parent_fkey of table page is violated",
        ),
        ("short", text("secret"), "column short: is longer than character varying(3) holds"),
        ("fixed", text("secret"), "column fixed: is longer than character(3) holds"),
        ("bits", other("10101"), "bit string length 5 does not match type bit(3)"),
        ("parent", text("secret"), "invalid input syntax for type integer: … (SQLSTATE 22P02)"),
        ("body", Value::Json("{secret".into()), "invalid input syntax for type json"),
        ("email", text("sec\0ret"), "column email: holds a NUL character"),
        ("body", Value::Json("\"\\u0000 secret\"".into()), "column body: holds \\u0000"),
    ];
    for (column, value, expected) in cases {
        let error = insert_one(&place, 2, column, &value).await.unwrap_err();
        let message = error.to_string();
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("secret") && !message.contains("77"), "{message}");
    }
    let error = insert_one(&place, 13, "email", &text("x")).await.unwrap_err().to_string();
    assert!(error.contains("a trigger or function raised an error"), "{error}");
    place.remove().await;
}

async fn insert_one(place: &Place, id: i64, column: &str, value: &Value) -> Result<(), Error> {
    let mut session = place.write().await;
    let catalog = session.catalog().await?;
    let page = table(&catalog, "page");
    session.insert(page, &[("id", &Value::Integer(id)), (column, value)]).await
}

#[tokio::test]
async fn writing_touches_exactly_one_row() {
    let Some(place) = Place::postgres(
        "CREATE TABLE page (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, slug text UNIQUE, site integer DEFAULT 1);
         INSERT INTO page(slug) VALUES ('a'), ('b');
         CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER swallow BEFORE INSERT ON page FOR EACH ROW WHEN (NEW.slug = 'gone') EXECUTE FUNCTION swallow()",
    )
    .await
    else {
        return;
    };
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    assert_eq!(page.triggers, ["swallow"]);
    let (one, slug) = (Value::Integer(1), text("c"));
    let missing = session.update(page, &[("id", &Value::Integer(9))], &[("slug", &slug)]).await;
    assert!(matches!(missing, Err(Error::RowCount { found: 0, .. })), "{missing:?}");
    let swallowed = session.insert(page, &[("slug", &text("gone"))]).await;
    assert!(matches!(swallowed, Err(Error::RowCount { found: 0, .. })), "{swallowed:?}");
    let several = session.delete(page, &[("site", &one)]).await;
    assert!(matches!(several, Err(Error::RowCount { found: 2, .. })), "{several:?}");
    session.rollback().await.unwrap();
    session.begin().await.unwrap();
    let keys = [vec![Value::Integer(2)], vec![one.clone()], vec![Value::Integer(99)]];
    session.lock(Lock::ToWrite, page, &page.primary_key, &keys).await.unwrap();
    session
        .update(page, &[("id", &one)], &[("slug", &slug), ("site", &Value::Null)])
        .await
        .unwrap();
    session.insert(page, &[("id", &Value::Integer(70)), ("slug", &text("d"))]).await.unwrap();
    session.delete(page, &[("id", &Value::Integer(2))]).await.unwrap();
    session.commit().await.unwrap();
    let mut session = place.read().await;
    let expected: [Row; 2] =
        [vec![one, text("c"), Value::Null], vec![Value::Integer(70), text("d"), Value::Integer(1)]];
    assert_eq!(all(&mut session, page).await, expected);
    place.remove().await;
}

#[tokio::test]
async fn a_failed_transaction_is_never_committed() {
    let Some(place) = Place::postgres("CREATE TABLE page (id integer PRIMARY KEY)").await else {
        return;
    };
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    session.insert(page, &[("id", &Value::Integer(1))]).await.unwrap();
    assert!(session.insert(page, &[("id", &Value::Integer(1))]).await.is_err());
    assert!(session.commit().await.is_err());
    session.rollback().await.unwrap();
    session.begin().await.unwrap();
    assert!(session.is_empty(page, &Filter::new()).await.unwrap());
    place.remove().await;
}

#[tokio::test]
async fn of_two_writers_the_later_one_may_try_again() {
    let Some(place) = Place::postgres(
        "CREATE TABLE page (id integer PRIMARY KEY, n integer); INSERT INTO page VALUES (1, 0)",
    )
    .await
    else {
        return;
    };
    let (mut first, mut second) = (place.write().await, place.write().await);
    let catalog = first.catalog().await.unwrap();
    let page = table(&catalog, "page");
    let key = [("id", &Value::Integer(1))];
    assert_eq!(all(&mut second, page).await.len(), 1);
    first.update(page, &key, &[("n", &Value::Integer(1))]).await.unwrap();
    first.commit().await.unwrap();
    let error = second.update(page, &key, &[("n", &Value::Integer(2))]).await.unwrap_err();
    assert!(matches!(error, Error::Serialization { .. }) && error.is_retryable(), "{error:?}");
    place.remove().await;
}

#[tokio::test]
async fn waiting_for_a_lock_ends_in_an_error_of_its_own() {
    let Some(place) =
        Place::postgres("CREATE TABLE page (id integer PRIMARY KEY); INSERT INTO page VALUES (1)")
            .await
    else {
        return;
    };
    let (mut first, mut second) = (place.write().await, place.write().await);
    let catalog = first.catalog().await.unwrap();
    let page = table(&catalog, "page");
    let keys = [vec![Value::Integer(1)]];
    first.lock(Lock::ToWrite, page, &page.primary_key, &keys).await.unwrap();
    second.execute_operator_statement("SET LOCAL lock_timeout = '20ms'").await.unwrap();
    let error = second.lock(Lock::ToWrite, page, &page.primary_key, &keys).await.unwrap_err();
    assert!(matches!(error, Error::LockTimeout { .. }) && error.is_retryable(), "{error:?}");
    place.remove().await;
}

#[tokio::test]
async fn a_value_too_large_is_refused_by_name() {
    let Some(place) = Place::postgres(
        "CREATE TABLE page (id integer PRIMARY KEY, body text);
         INSERT INTO page VALUES (1, repeat('x', 16777216)), (2, repeat('x', 16777217))",
    )
    .await
    else {
        return;
    };
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    let mut scan =
        session.scan(page, &column_names(page), &page.primary_key, &Filter::new()).await.unwrap();
    assert!(scan.next().await.unwrap().is_some());
    let error = scan.next().await.unwrap_err().to_string();
    assert!(
        error.starts_with("TEST: table page, row 2, column body: holds 16777217 bytes"),
        "{error}"
    );
    place.remove().await;
}

#[tokio::test]
async fn deferrable_constraints_wait_until_they_are_checked() {
    let Some(place) = Place::postgres(
        "CREATE TABLE page (id integer PRIMARY KEY, parent integer REFERENCES page DEFERRABLE)",
    )
    .await
    else {
        return;
    };
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    session.defer_constraints().await.unwrap();
    let (two, three) = (Value::Integer(2), Value::Integer(3));
    session.insert(page, &[("id", &two), ("parent", &three)]).await.unwrap();
    session.insert(page, &[("id", &three), ("parent", &two)]).await.unwrap();
    session.check_constraints().await.unwrap();
    session.commit().await.unwrap();
    session.begin().await.unwrap();
    session.defer_constraints().await.unwrap();
    session
        .insert(page, &[("id", &Value::Integer(4)), ("parent", &Value::Integer(9))])
        .await
        .unwrap();
    let broken = session.check_constraints().await;
    assert!(
        matches!(broken, Err(Error::Constraint { kind: ConstraintKind::ForeignKey, .. })),
        "{broken:?}"
    );
    place.remove().await;
}

#[tokio::test]
async fn a_dropped_session_rolls_back_and_a_cancelled_statement_stops() {
    let Some(place) = Place::postgres("CREATE TABLE page (id integer PRIMARY KEY)").await else {
        return;
    };
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    session.insert(page, &[("id", &Value::Integer(1))]).await.unwrap();
    drop(session);
    // The same key: this waits until the server has rolled the other one back.
    let mut session = place.write().await;
    session.insert(page, &[("id", &Value::Integer(1))]).await.unwrap();
    let cancel = session.cancel_handle().unwrap();
    let (slept, cancelled) =
        tokio::join!(session.execute_operator_statement("SELECT pg_sleep(60)"), async {
            // The statement may not have begun: cancelling too early does nothing.
            while !place_is_sleeping(&place).await {}
            cancel.cancel().await
        });
    cancelled.unwrap();
    let error = slept.unwrap_err();
    assert!(
        matches!(&error, Error::Statement { code: Some(code), .. } if code == "57014"),
        "{error:?}"
    );
    session.rollback().await.unwrap();
    session.close().await.unwrap();
    place.remove().await;
}

#[tokio::test]
async fn work_given_up_in_the_middle_can_be_rolled_back() {
    let Some(place) = Place::postgres("CREATE TABLE page (id integer PRIMARY KEY)").await else {
        return;
    };
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let page = table(&catalog, "page");
    session.insert(page, &[("id", &Value::Integer(1))]).await.unwrap();
    let cancel = session.cancel_handle().unwrap();
    tokio::select! {
        slept = session.execute_operator_statement("SELECT pg_sleep(60)") => panic!("{slept:?}"),
        () = async { while !place_is_sleeping(&place).await {} } => {}
    }
    cancel.cancel().await.unwrap();
    session.rollback().await.unwrap();
    session.begin().await.unwrap();
    assert!(session.is_empty(page, &Filter::new()).await.unwrap());
    session.insert(page, &[("id", &Value::Integer(1))]).await.unwrap();
    session.commit().await.unwrap();
    place.remove().await;
}

async fn place_is_sleeping(place: &Place) -> bool {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(&place.url).await.unwrap();
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database())")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_reading_session_cant_write_and_sees_one_moment() {
    let Some(place) = Place::postgres("CREATE TABLE page (id integer PRIMARY KEY)").await else {
        return;
    };
    let mut reader = place.read().await;
    let catalog = reader.catalog().await.unwrap();
    let page = table(&catalog, "page");
    place.run("INSERT INTO page VALUES (1)").await;
    assert!(reader.is_empty(page, &Filter::new()).await.unwrap());
    let refused = reader.insert(page, &[("id", &Value::Integer(2))]).await;
    assert!(matches!(refused, Err(Error::ReadOnlyTarget { .. })), "{refused:?}");
    place.run("ALTER DATABASE CURRENT_DB SET default_transaction_read_only = on").await;
    let refused = Session::open(&place.url, "PROD", Access::Write).await.unwrap_err();
    assert!(matches!(refused, Error::ReadOnlyTarget { .. }), "{refused:?}");
    place.remove().await;
}

#[tokio::test]
async fn sequences_only_go_up() {
    let Some(place) = Place::postgres(
        "CREATE TABLE a (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);
         CREATE TABLE b (id serial PRIMARY KEY);
         CREATE SEQUENCE \"Own\" INCREMENT 10 CACHE 5;
         CREATE TABLE c (id bigint PRIMARY KEY DEFAULT nextval('\"Own\"'));
         CREATE TABLE d (id bigint PRIMARY KEY);
         INSERT INTO d VALUES (41)",
    )
    .await
    else {
        return;
    };
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| table(&catalog, name));
    assert_eq!(session.last_number(a, "id").await.unwrap(), None);
    session.raise_sequence(a, "id", 70).await.unwrap();
    session.raise_sequence(a, "id", 7).await.unwrap();
    assert_eq!(session.last_number(a, "id").await.unwrap(), Some(70));
    session.raise_sequence(b, "id", 1_000_000).await.unwrap();
    session.raise_sequence(b, "id", 1_000_000).await.unwrap();
    assert_eq!(session.last_number(b, "id").await.unwrap(), Some(1_000_000));
    session.raise_sequence(c, "id", 95).await.unwrap();
    let last = session.last_number(c, "id").await.unwrap().unwrap();
    assert!(last > 95 && last % 10 == 1, "{last}");
    session.raise_sequence(d, "id", 70).await.unwrap();
    assert_eq!(session.last_number(d, "id").await.unwrap(), None);
    session.rollback().await.unwrap();
    session.begin().await.unwrap();
    assert_eq!(session.last_number(a, "id").await.unwrap(), Some(70));
    place.remove().await;
}

#[tokio::test]
async fn the_same_database_is_recognised_whatever_its_url() {
    let Some(place) = Place::postgres("").await else { return };
    let other = Place::postgres("").await.unwrap();
    let mut one = place.read().await;
    let spelled = place.url.replace("127.0.0.1", "localhost");
    let mut again = Session::open(&spelled, "PROD", Access::ReadOnly).await.unwrap();
    again.begin().await.unwrap();
    assert!(same_database(&mut one, &mut again).await.unwrap());
    assert!(same_database(&mut one, &mut again).await.unwrap());
    assert!(!same_database(&mut one, &mut other.read().await).await.unwrap());
    place.remove().await;
    other.remove().await;
}
