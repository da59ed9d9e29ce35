//! MariaDB: types of every kind, collations, what a session insists on. Skipped without a server.

use reconcile::catalog::Kind;
use reconcile::database::{Access, Error, Session, Value};

use super::{
    filters_mean_the_same_in_sql, order_is_values_order, round_trip, strings, table, text,
};
use crate::places::Place;

fn other(text: &str) -> Value {
    Value::Other(text.into())
}

const KINDS: &str = "
    SET sql_mode = CONCAT(@@sql_mode, ',ALLOW_INVALID_DATES');
    CREATE TABLE kinds (
        id bigint unsigned AUTO_INCREMENT PRIMARY KEY, ti tinyint(1), tu tinyint unsigned, si smallint,
        mi mediumint, i int, bu bigint unsigned, n decimal(65,30), n2 decimal(10,2), f float, d double,
        b bit(9), y year, v varchar(20), c char(5), t longtext, t3 varchar(20) CHARACTER SET utf8mb3,
        l1 varchar(20) CHARACTER SET latin1, vb varbinary(10), bb binary(4), bl blob, da date, tm time(6),
        dt datetime(6), ts timestamp(3) NULL, j json, u uuid, e enum('', 'a', 'b'), s set('a', 'b', 'c'),
        p point, g int GENERATED ALWAYS AS (si * 2) STORED, w int INVISIBLE DEFAULT 5);
";

#[tokio::test]
async fn every_kind_comes_back_as_it_was() {
    let Some(copy) = Place::mariadb(KINDS).await else { return };
    let one = Place::mariadb(KINDS).await.unwrap();
    one.run(
        "SET sql_mode = CONCAT(@@sql_mode, ',ALLOW_INVALID_DATES');
         INSERT INTO kinds (id) VALUES (0), (18446744073709551614);
         INSERT INTO kinds (id, ti, tu, si, mi, i, bu, n, n2, f, d, b, y, v, c, t, t3, l1, vb, bb, bl, da, tm,
             dt, ts, j, u, e, s, p, w) VALUES
         (1, 7, 255, -32768, 8388607, -2147483648, 18446744073709551615,
          -99999999999999999999999999999999999.999999999999999999999999999999, 1.10, 0.1, -1.7976931348623157e308,
          b'100000001', 1901, 'a ', 'a', CONCAT('x', CHAR(0), '🎁'), 'żółw', 'déjà', x'00ff', x'00ff', x'',
          '0000-00-00', '-838:59:59.000001', '2026-02-31 23:59:59.999999', '2038-01-19 03:14:07.999',
          '{\"b\" : 1.0,  \"a\":1}', '123E4567-e89b-12d3-a456-426614174000', 'b', 'a,c', POINT(1.5, -2), NULL);
         INSERT INTO kinds (id, e, s, t, y, da, dt) VALUES
         (2, '', '', '''; DROP TABLE kinds; --', 0, '9999-12-31', '0000-00-00 00:00:00')",
    )
    .await;
    let rows = round_trip(&one, &copy, "kinds").await;
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0][0], Value::Integer(0), "an ID of 0 is a 0");
    assert_eq!(rows[3][0], Value::Decimal("18446744073709551614".into()));
    let full = &rows[1];
    assert_eq!(full[1], Value::Integer(7));
    assert_eq!(full[6], Value::Decimal("18446744073709551615".into()));
    assert_eq!(full[9], Value::Float("0.1".into()));
    assert_eq!(full[11], Value::Integer(257));
    assert_eq!(full[13], text("a "));
    assert_eq!(full[15], text("x\0🎁"));
    assert_eq!(full[19], Value::Bytes("00ff0000".into()));
    assert_eq!(full[21], other("0000-00-00"));
    assert_eq!(full[23], other("2026-02-31 23:59:59.999999"));
    assert_eq!(full[25], Value::Json("{\"b\" : 1.0,  \"a\":1}".into()));
    assert_eq!(full[28], other("a,c"));
    one.remove().await;
    copy.remove().await;
}

#[tokio::test]
async fn rows_come_in_the_order_of_values() {
    let words = "('B'), ('a'), ('A '), ('ä'), ('Z'), ('aa'), (''), ('🎁'), ('10'), ('9'), ('A')";
    let numbers = "(1), (1.5), (-1), (-1.5), (0), (10), (9), (99), (100), (-100), (0.25)";
    let eleven = "seq_1_to_11";
    let Some(place) = Place::mariadb(&format!(
        "CREATE TABLE bytewise (k varchar(20) COLLATE utf8mb4_nopad_bin PRIMARY KEY);
         INSERT INTO bytewise VALUES {words};
         CREATE TABLE german (k varchar(20) COLLATE utf8mb4_german2_ci PRIMARY KEY);
         INSERT INTO german SELECT CONCAT(SUBSTR('zäAüBößcÉd', seq, 1), seq) FROM {eleven};
         CREATE TABLE numerics (k decimal(10,2) PRIMARY KEY); INSERT INTO numerics VALUES {numbers};
         CREATE TABLE biggest (k bigint unsigned PRIMARY KEY);
         INSERT INTO biggest SELECT 18446744073709551615 - seq * 900000000000000000 FROM {eleven};
         CREATE TABLE uuids (k uuid PRIMARY KEY); INSERT INTO uuids SELECT CONCAT('01234567-89ab-4def-8123-', LEFT(MD5(seq), 12)) FROM {eleven};
         CREATE TABLE blobs (k varbinary(40) PRIMARY KEY);
         INSERT INTO blobs SELECT UNHEX(LEFT(MD5(seq), 2 + 2 * (seq % 5))) FROM {eleven};
         CREATE TABLE times (k time PRIMARY KEY);
         INSERT INTO times SELECT SEC_TO_TIME(seq * 7919) FROM {eleven};
         CREATE TABLE moments (k datetime(3) PRIMARY KEY);
         INSERT INTO moments SELECT '2026-01-01' + INTERVAL seq * 400 HOUR FROM {eleven}"
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
    let Some(place) = Place::mariadb(
        "CREATE TABLE words (k varchar(40) COLLATE utf8mb4_nopad_bin PRIMARY KEY);
         CREATE TABLE numbers (k decimal(40,15) PRIMARY KEY)",
    )
    .await
    else {
        return;
    };
    super::random_keys_keep_their_order(&place).await;
    place.remove().await;
}

#[tokio::test]
async fn filters_mean_the_same() {
    let Some(place) = Place::mariadb(
        "CREATE TABLE item (id int PRIMARY KEY, name varchar(20) COLLATE utf8mb4_general_ci,
             amount int, price decimal(10,2), active tinyint(1), born date, body json, raw varbinary(10));
         INSERT INTO item VALUES
             (1, 'a', 5, 5.00, 1, '2024-02-29', '{}', 'abc'), (2, 'A', -1, 5.01, 0, '2023-01-01', NULL, NULL),
             (3, 'ä', NULL, NULL, NULL, NULL, NULL, 'x'), (4, 'A%', 1, 1, 7, '2024-01-01', '[]', 'a'),
             (5, 'axb', 0, 0, 1, '2025-05-05', '{\"a\": 1}', NULL), (6, NULL, 5, -5, 1, NULL, '5', NULL),
             (7, '5', 7, 7, 0, NULL, NULL, NULL), (8, CONCAT('x', CHAR(0), 'y'), 8, 8, 1, NULL, NULL, NULL),
             (9, 'a ', 9, 9, 1, NULL, NULL, NULL)",
    )
    .await
    else {
        return;
    };
    filters_mean_the_same_in_sql(&place).await;
    place.remove().await;
}

#[tokio::test]
async fn rows_are_found_as_the_columns_collation_says() {
    let Some(place) = Place::mariadb(
        "CREATE TABLE word (id int PRIMARY KEY, ci varchar(20) COLLATE utf8mb4_general_ci,
             bin varchar(20) COLLATE utf8mb4_nopad_bin);
         INSERT INTO word VALUES (1, 'Rosé', 'Rosé'), (2, 'blue ', 'blue ')",
    )
    .await
    else {
        return;
    };
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    let word = table(&catalog, "word");
    let wanted: Vec<Vec<Value>> = ["ROSE", "blue", "Rosé", "🎁"].map(|it| vec![text(it)]).to_vec();
    for (column, expected) in [("ci", vec![0, 1, 2]), ("bin", vec![2])] {
        let found = session.find(word, &strings(&["id"]), &strings(&[column]), &wanted).await;
        let answered: Vec<usize> = found.unwrap().into_iter().map(|(at, _)| at).collect();
        assert_eq!(answered, expected, "{column}");
    }
    session.close().await.unwrap();
    place.remove().await;
}

/// Where the program tells texts apart by itself, it does so as the server would.
#[tokio::test]
async fn texts_have_one_form_where_the_server_calls_them_equal() {
    const COLLATIONS: [&str; 7] = [
        "general_ci",
        "general_nopad_ci",
        "unicode_ci",
        "unicode_520_ci",
        "uca1400_ai_ci",
        "bin",
        "nopad_bin",
    ];
    let words = [
        "a",
        "A",
        "á",
        "Ä",
        "å",
        "ą",
        "ae",
        "s",
        "ß",
        "z",
        "ż",
        "Ź",
        "e",
        "É",
        "ê ",
        "e ",
        "n",
        "ñ",
        "o",
        "Ő",
        "ö",
        "c",
        "ç",
        "Ć",
        "cafe",
        "CAFÉ",
        "cafe\u{301}",
        "привет",
        "ПРИВЕТ",
    ];
    let names = COLLATIONS.iter().map(|name| format!("{name} varchar(20) COLLATE utf8mb4_{name}"));
    let ddl =
        format!("CREATE TABLE word (id int PRIMARY KEY, {})", names.collect::<Vec<_>>().join(", "));
    let Some(place) = Place::mariadb(&ddl).await else { return };
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let table = table(&catalog, "word");
    for (id, word) in words.iter().enumerate() {
        let (id, word) = (Value::Integer(id as i64), text(word));
        let mut row = vec![("id", &id)];
        row.extend(COLLATIONS.iter().map(|name| (*name, &word)));
        session.insert(table, &row).await.unwrap();
    }
    let wanted: Vec<Vec<Value>> = words.iter().map(|word| vec![text(word)]).collect();
    let mut wrong = Vec::new();
    for name in COLLATIONS {
        let column = table.column(name).unwrap();
        let found = session.find(table, &strings(&["id"]), &strings(&[name]), &wanted).await;
        let equal: Vec<(usize, Value)> =
            found.unwrap().into_iter().map(|(at, row)| (at, row[0].clone())).collect();
        for (at, one) in words.iter().enumerate() {
            for (id, other) in words.iter().enumerate() {
                let server = equal.contains(&(at, Value::Integer(id as i64)));
                if server != (column.form(one) == column.form(other)) {
                    wrong.push(format!("{name}: {one:?} and {other:?}, the server says {server}"));
                }
            }
        }
    }
    session.close().await.unwrap();
    place.remove().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_catalogue_knows_what_a_server_tells_in_its_own_way() {
    let Some(place) = Place::mariadb(
        "CREATE TABLE old (id int PRIMARY KEY) ENGINE=MyISAM;
         CREATE TABLE doc (id int AUTO_INCREMENT PRIMARY KEY, body json, plain longtext, flag tinyint(1),
             at timestamp DEFAULT current_timestamp() ON UPDATE current_timestamp(), CHECK (flag < 2));
         CREATE VIEW seen AS SELECT id FROM doc",
    )
    .await
    else {
        return;
    };
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    assert!(!table(&catalog, "old").transactional);
    let doc = table(&catalog, "doc");
    assert!(doc.transactional && catalog.no_tables.contains_key("seen"));
    let column = |name: &str| doc.column(name).unwrap();
    assert_eq!(column("body").kind, Kind::Json);
    assert_eq!(column("plain").kind, Kind::Text);
    assert!(column("flag").checked && !column("plain").checked);
    assert!(column("at").updates_itself && column("id").auto.is_some());
    session.close().await.unwrap();
    place.remove().await;
}

#[tokio::test]
async fn what_the_server_would_not_take_at_once_is_refused() {
    let Some(place) = Place::mariadb("CREATE TABLE doc (id int PRIMARY KEY, body longtext)").await
    else {
        return;
    };
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let body = table(&catalog, "doc").column("body").unwrap();
    assert_eq!(session.refuses(body, &text(&"x".repeat(16_000_000))), None);
    let why = session.refuses(body, &text(&"x".repeat(16_770_000))).unwrap();
    assert!(why.contains("max_allowed_packet"), "{why}");
    session.close().await.unwrap();
    place.remove().await;
}

#[tokio::test]
async fn a_session_that_reads_cannot_write_and_one_that_writes_is_strict() {
    let Some(place) = Place::mariadb(
        "CREATE TABLE mood (id int PRIMARY KEY, e enum('sad', 'happy'));
         INSERT INTO mood VALUES (1, 'sad')",
    )
    .await
    else {
        return;
    };
    let one = Value::Integer(2);
    let mut reader = Session::open(&place.url, "TEST", Access::ReadOnly).await.unwrap();
    let catalog = reader.catalog().await.unwrap();
    let mood = table(&catalog, "mood");
    reader.begin().await.unwrap();
    assert!(reader.insert(mood, &[("id", &one)]).await.is_err());
    let mut writer = place.write().await;
    let odd = writer.insert(mood, &[("id", &one), ("e", &other("angry"))]).await;
    assert!(matches!(odd, Err(Error::Statement { .. })), "{odd:?}");
    reader.close().await.unwrap();
    writer.close().await.unwrap();
    place.remove().await;
}
