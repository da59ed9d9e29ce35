//! Images of a plan: those that it names, from the side that is asked for, and nothing else.

use std::fs;

use super::world::{FAR_AWAY, HTTP, JO, KIM, MANIFESTS, World};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nof TEST";
const OLD: &[u8] = b"\x89PNG\r\n\x1a\nof PROD";

async fn with_galleries() -> World {
    let world = World::new(&format!("{MANIFESTS}{HTTP}")).await;
    let file = fs::read_to_string(world.path("reconcile.yaml")).unwrap();
    let with = |text: String, url: &str, name: &str| {
        let old = format!("{{database: \"{url}\"}}");
        assert!(text.contains(&old), "{text}");
        text.replace(&old, &format!("{{database: \"{url}\", gallery: \"file:{name}\"}}"))
    };
    let file = with(with(file, &world.prod.url, "prod"), &world.test.url, "test");
    fs::write(world.path("reconcile.yaml"), file).unwrap();
    world
}

fn write(world: &World, path: &str, bytes: &[u8]) {
    let path = world.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Its source is in no gallery.
#[tokio::test]
async fn an_undo_shows_what_its_run_moved_away() {
    let world = with_galleries().await;
    write(&world, "test/spring/hero.png", PNG);
    write(&world, "prod/spring/hero.png", OLD);
    world.job("  galleryFolders: [spring]\n");
    let approved = ["approve", "spring", "--modified", "gallery/spring/hero.png"];
    world.reconcile(&approved).ends_with(0);
    world.reconcile(&["spring"]).ends_with(0);
    let status = fs::read_to_string(world.path("results/spring/status.yaml")).unwrap();
    let run = status.split("lastApplied: \"").nth(1).unwrap().split('"').next().unwrap();
    world.reconcile(&["undo", run]).ends_with(0);
    let job = format!("undo-{run}");
    let path = world.path(&format!("manifests/{job}.yaml"));
    let time = "  schedule: {at: \"2999-12-01T02:00\", timeZone: Europe/Warsaw}\n";
    fs::write(&path, fs::read_to_string(&path).unwrap() + time).unwrap();
    let daemon = world.start();
    daemon.says(&format!("{job}: Scheduled")).await;
    let client = daemon.client().await;
    for (side, end) in [("source", "of PROD"), ("target", "of TEST")] {
        let image = format!("/jobs/{job}/image?side={side}&path=spring%2Fhero.png");
        let answer = client.get_as(&image, KIM).is(200);
        assert!(answer.body.ends_with(end), "{side}: {}", answer.body);
    }
    daemon.ends().await;
}

#[tokio::test]
async fn an_image_is_shown_where_the_plan_names_it() {
    let world = with_galleries().await;
    let write = |path: &str, bytes: &[u8]| write(&world, path, bytes);
    let mut large = PNG.to_vec();
    large.resize(10_000_001, 0);
    let svg: &[u8] = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    write("test/spring/a b/changed.png", PNG);
    write("prod/spring/a b/changed.png", OLD);
    write("test/spring/new.png", PNG);
    write("test/spring/drawing.svg", svg);
    write("test/spring/drawing.png", svg);
    write("test/spring/large.png", &large);
    write("test/spring/same.png", PNG);
    write("prod/spring/same.png", PNG);
    write("test/other/new.png", PNG);
    write("secret.png", PNG);
    world.job(&format!("  galleryFolders: [spring]\n{FAR_AWAY}"));
    let daemon = world.start();
    daemon.says("spring: AwaitingApproval").await;
    let client = daemon.client().await;
    let image = |side: &str, path: &str| {
        let path = reconcile::escape::url(path);
        client.get_as(&format!("/jobs/spring/image?side={side}&path={path}"), KIM)
    };
    let answer = image("source", "spring/a b/changed.png").is(200);
    assert!(answer.body.ends_with("of TEST"), "{}", answer.body);
    for (name, value) in [
        ("Content-Type", "image/png"),
        ("Content-Security-Policy", "default-src 'none'; sandbox"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "private, max-age=60"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert!(image("target", "spring/a b/changed.png").is(200).body.ends_with("of PROD"));
    image("source", "spring/new.png").is(200);
    image("target", "spring/new.png").is(404);
    // Whatever they are called.
    image("source", "spring/drawing.svg").is(415);
    image("source", "spring/drawing.png").is(415).says("no image of a kind that is shown");
    image("source", "spring/large.png").is(413);
    for not_named in [
        "spring/same.png",
        "other/new.png",
        "spring/../secret.png",
        "../secret.png",
        "spring/../spring/new.png",
        "/etc/passwd",
        "spring//new.png",
        "spring",
        "",
    ] {
        image("source", not_named).is(404);
    }
    client.get_as("/jobs/summer/image?side=source&path=spring/new.png", JO).is(404);
    client.get_as("/jobs/..%2Fspring/image?side=source&path=spring/new.png", JO).is(404);
    client.get_as("/jobs/spring/image?side=both&path=spring/new.png", JO).is(400);
    client.get("/jobs/spring/image?side=source&path=spring/new.png").is(401);
    // A link isn't followed, also one that came since.
    fs::remove_file(world.path("test/spring/new.png")).unwrap();
    std::os::unix::fs::symlink(world.path("secret.png"), world.path("test/spring/new.png"))
        .unwrap();
    image("source", "spring/new.png").is(404);
    daemon.ends().await;
}
