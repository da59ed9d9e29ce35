//! What people are told of a run to come: again where it was taken back meanwhile.

use std::fs;

use super::{Looks, Onlooker};
use crate::daemon::world::{MODULE, World};

#[tokio::test]
async fn what_was_taken_back_is_announced_anew() {
    let world = World::sqlite("manifests: manifests\n").await;
    world.manifest("pages.yaml", MODULE);
    world.job("  schedule: {at: \"2999-12-01T02:00\", timeZone: Europe/Warsaw}\n");
    world.approve();
    let mut looks = Looks::open(&world).await;
    looks.until_rest(Onlooker::Quiet).await;
    let file = world.path("manifests/spring.yaml");
    let text = fs::read_to_string(&file).unwrap();
    // Broken twice in the same way, and mended.
    for _ in 0..2 {
        for text in [text.replace("mode: all", "mode: most"), text.clone()] {
            fs::write(&file, text).unwrap();
            looks.until_rest(Onlooker::Quiet).await;
        }
    }
    let told = looks.told().await;
    let scheduled = "Synchronization process (spring)";
    let cancelled = "Cancelled: Synchronization process (spring)";
    let expected = [scheduled, cancelled, scheduled, cancelled, scheduled];
    assert_eq!(told[1..], expected, "{told:?}");
}
