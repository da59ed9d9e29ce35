//! What somebody at a terminal sees while something is published.

use super::{ROWS, folder, products};
use crate::places::Place;
use crate::shop::reconcile;
use crate::stores::ReadStores;
use crate::terminal::at_a_terminal;

const NUMBER: u64 = 30;

#[tokio::test]
async fn publishing_shows_how_much_there_is_and_takes_it_away() {
    let place = Place::sqlite(&products(NUMBER)).await;
    let folder = folder(&place, &ReadStores::embedded());
    let path = folder.path();
    std::fs::write(path.join("test.db"), "").unwrap();
    reconcile(path, &["publish:trigger-events", "--create-tables"]).ends_with(0);
    let Some(said) = at_a_terminal(path, "sync:data", &[]) else { return };
    let (shown, end) = said.rsplit_once("read 240, ").unwrap();
    assert_eq!(NUMBER * ROWS, 240);
    assert!(shown.contains("sync:data: 120 read, "), "{said:?}");
    assert!(shown.contains(" 120/240"), "{said:?}");
    assert!(!end.contains("sync:data"), "progress stays on the screen: {end:?}");
    let said = at_a_terminal(path, "verify", &[]).unwrap();
    assert!(said.contains("verify: at work ") && said.contains("/240"), "{said:?}");
    place.remove().await;
}
