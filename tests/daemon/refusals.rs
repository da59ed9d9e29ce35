//! What holds a run back before anything is written: clocks, the ledger of a later release, a full disk.

use super::{Looks, MODULE, Onlooker, World};
use crate::places::Place;

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
