//! What holds a run back before anything is written: clocks, the ledger of a later release, a full disk.

use std::fs;

use sqlx::Connection;

use super::{Looks, MODULE, Onlooker, World};
use crate::places::{Place, say_skipped};
use crate::shop::{Shop, change};

/// The database's clock is five minutes fast.
const FAST: &str = "CREATE SCHEMA fast;
    CREATE FUNCTION fast.clock_timestamp() RETURNS timestamptz LANGUAGE sql
        AS 'SELECT pg_catalog.clock_timestamp() + interval ''5 minutes''';
    ALTER DATABASE CURRENT_DB SET search_path = public, fast, pg_catalog";

#[tokio::test]
async fn nothing_runs_while_a_databases_clock_is_wrong() {
    let (Some(prod), Some(test)) = (Place::postgres("").await, Place::postgres("").await) else {
        return;
    };
    let world = World::new(prod, test, "manifests: manifests\n").await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    world.test.run(FAST).await;
    let said = world.reconcile(&["doctor"]).ends_with(1);
    let line = said.out.lines().find(|line| line.contains("TEST's clock says")).unwrap();
    assert!(line.contains("this machine's") && line.contains("apart"), "{line}");
    let daemon = world.watch();
    daemon.says("TEST: TEST's clock says").await;
    daemon.says("spring: AwaitingApproval").await;
    daemon.ends().await;
    world.approve();
    let mut looks = Looks::open(&world).await;
    looks.until_rest(Onlooker::Quiet).await;
    let trouble = looks.memories().await["spring"].memory.trouble.clone().unwrap();
    assert!(trouble.error.contains("TEST's clock says"), "{trouble:?}");
    let said = world.reconcile(&["spring"]).ends_with(1);
    assert!(said.out.contains("nothing is written until they are set right"), "{}", said.out);
    assert_eq!(world.titles().await, ["Home"]);
    // Once it is right the same request runs.
    world.test.run("DROP SCHEMA fast CASCADE").await;
    looks.now += jiff::SignedDuration::from_mins(10);
    looks.until_rest(Onlooker::Quiet).await;
    assert_eq!(world.titles().await, ["Home", "Spring"]);
    world.prod.remove().await;
    world.test.remove().await;
}

/// Whether what a session says of the time counts for `sysdate()` as well.
async fn has_movable_clocks(place: &Place) -> bool {
    let mut connection = sqlx::MySqlConnection::connect(&place.url).await.unwrap();
    sqlx::query("SET timestamp = 86400").execute(&mut connection).await.unwrap();
    let year = sqlx::query_scalar::<_, i64>("SELECT CAST(year(sysdate()) AS SIGNED)");
    year.fetch_one(&mut connection).await.unwrap() == 1970
}

#[tokio::test]
async fn nothing_runs_while_the_clock_of_a_mariadb_is_wrong() {
    let nothing = "SELECT 1";
    let (Some(prod), Some(test)) = (Place::mariadb(nothing).await, Place::mariadb(nothing).await)
    else {
        return;
    };
    if !has_movable_clocks(&test).await {
        say_skipped("a wrong clock on MariaDB; the server wasn't started with --sysdate-is-now");
        return;
    }
    let world = World::new(prod, test, "manifests: manifests\n").await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    world.approve();
    // Every session of this account, and of no other, is five minutes ahead.
    let (name, account) = (world.test.name(), format!("{}_limited", world.test.name()));
    let fast = format!(
        "CREATE USER {account}@'%'; GRANT ALL ON {name}.* TO {account}@'%'; \
         SET GLOBAL init_connect = 'SET timestamp = IF(current_user() = \"{account}@%\", \
         unix_timestamp() + 300, 0)'"
    );
    world.test.run(&fast).await;
    let file = fs::read_to_string(world.path("reconcile.yaml")).unwrap();
    let file = file.replace(&world.test.url, &world.test.as_account(&account));
    fs::write(world.path("reconcile.yaml"), file).unwrap();
    let said = world.reconcile(&["spring"]).ends_with(1);
    assert!(said.out.contains("TEST's clock says"), "{}", said.out);
    assert!(said.out.contains("nothing is written until they are set right"), "{}", said.out);
    assert_eq!(world.titles().await, ["Home"]);
    world.test.run("SET GLOBAL init_connect = ''").await;
    world.reconcile(&["spring"]).ends_with(0);
    assert_eq!(world.titles().await, ["Home", "Spring"]);
    world.prod.remove().await;
    world.test.remove().await;
}

#[tokio::test]
async fn a_ledger_of_a_later_release_is_refused_and_left_alone() {
    let shop = Shop::after_the_demo();
    let file = shop.path().join("manifests/jobs/spring-campaign.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("  mode: all\n", "  mode: all\n  request: 2\n")).unwrap();
    change(&shop.prod(), "UPDATE reconcile_fence SET fence = 2 WHERE name = 'version'").await;
    let before = fs::read(shop.prod()).unwrap();
    for arguments in [
        &["spring-campaign"][..],
        &["undo", &shop.run],
        &["plan", "spring-campaign"],
        &["--dry-run", "spring-campaign"],
        &["doctor"],
    ] {
        let said = shop.reconcile(arguments).ends_with(1);
        let told = "the ledger of PROD is of version 2, this program knows 1";
        assert!(format!("{}{}", said.out, said.err).contains(told), "{}{}", said.out, said.err);
    }
    assert!(before == fs::read(shop.prod()).unwrap(), "something was written");
    // One of an earlier release has no version, and gets one by the next run.
    change(&shop.prod(), "DELETE FROM reconcile_fence WHERE name = 'version'").await;
    shop.reconcile(&["undo", &shop.run]).ends_with(0);
    shop.reconcile(&[&format!("undo-{}", shop.run)]).ends_with(0);
    change(&shop.prod(), "UPDATE reconcile_fence SET fence = fence + 1 WHERE name = 'version'")
        .await;
    let said = shop.reconcile(&["plan", "spring-campaign"]).ends_with(1);
    assert!(said.err.contains("is of version 2"), "{}", said.err);
}
