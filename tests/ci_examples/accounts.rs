//! The read-only accounts of `examples/ci`, made by the very SQL that stands there: they are enough for
//! what a check does, and for nothing more.

use std::fs;

use sqlx::{Connection, MySqlConnection, PgConnection};

use super::example;
use crate::daemon::world::{MODULE, World};
use crate::places::Place;

/// The statements for a server, as its administrator would copy them.
fn statements(server: &str) -> String {
    let text = fs::read_to_string(example("README.md")).unwrap();
    let (_, after) = text.split_once(&format!("\n{server}")).unwrap();
    let (_, block) = after.split_once("```sql\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

/// Accounts belong to a server, on which tests have their databases side by side.
async fn account(place: &Place, server: &str) -> String {
    let database = place.name();
    let name = format!("{database}_limited");
    let sql = statements(server).replace("reconcile_ci", &name);
    let sql = sql.replace("DATABASE shop", &format!("DATABASE {database}"));
    place.run(&sql.replace("shop.*", &format!("{database}.*"))).await;
    place.as_account(&format!("{name}:choose%20one"))
}

/// A check as a runner makes it, by accounts that read and can't write.
async fn checked(prod: Place, test: Place, server: &str, writes: impl AsyncFn(String) -> String) {
    let world = World::new(prod, test, "manifests: manifests\n").await;
    world.manifest("pages.yaml", MODULE);
    world.job("");
    world.approve();
    // A run was made before, so that there is a ledger.
    world.reconcile(&["spring"]).ends_with(0);
    world.test.run("INSERT INTO page VALUES (3, 'summer', 'Summer');").await;
    let (prod, test) = (account(&world.prod, server).await, account(&world.test, server).await);
    let file = fs::read_to_string(world.path("reconcile.yaml")).unwrap();
    let file = file.replace(&world.prod.url, &prod).replace(&world.test.url, &test);
    fs::write(world.path("ci.yaml"), file.replace("instance: PROD", "instance: TEST")).unwrap();
    for arguments in [
        &["--config", "ci.yaml", "--dry-run", "spring"][..],
        &["--config", "ci.yaml", "validate", "--connect"],
    ] {
        world.reconcile(arguments).ends_with(0);
    }
    let arguments = ["--config", "ci.yaml", "plan", "spring", "--format", "markdown"];
    let said = world.reconcile(&arguments).ends_with(0);
    assert!(said.out.contains("Summer"), "{}", said.out);
    for url in [prod, test] {
        let refused = writes(url).await;
        assert!(refused.contains("denied") || refused.contains("read-only"), "{refused}");
    }
    for place in [world.prod, world.test] {
        place.remove().await;
    }
}

const WRITE: &str = "UPDATE page SET title = 'Hacked'";

#[tokio::test]
async fn on_postgres_they_are_enough_for_a_check() {
    let (Some(prod), Some(test)) = (Place::postgres("").await, Place::postgres("").await) else {
        return;
    };
    checked(prod, test, "PostgreSQL", async |url| {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let refused = sqlx::query(WRITE).execute(&mut connection).await.unwrap_err();
        // What the account sets by itself isn't what keeps it from writing.
        let sql = "SET default_transaction_read_only = off";
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        let denied = sqlx::query(WRITE).execute(&mut connection).await.unwrap_err();
        assert!(denied.to_string().contains("permission denied"), "{denied}");
        refused.to_string()
    })
    .await;
}

#[tokio::test]
async fn on_mariadb_they_are_enough_for_a_check() {
    let nothing = "SELECT 1";
    let (Some(prod), Some(test)) = (Place::mariadb(nothing).await, Place::mariadb(nothing).await)
    else {
        return;
    };
    checked(prod, test, "MariaDB", async |url| {
        let mut connection = MySqlConnection::connect(&url).await.unwrap();
        sqlx::query(WRITE).execute(&mut connection).await.unwrap_err().to_string()
    })
    .await;
}
