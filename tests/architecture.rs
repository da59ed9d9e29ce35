//! The map in ARCHITECTURE.md and `src/` say the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

/// What stands in the map with its reason: (folder, what it uses from above).
const EXCEPTIONS: [(&str, &str); 2] = [("manifest", "config"), ("manifest", "database")];

/// The map's lines `src/NAME …`, from top to bottom.
fn map() -> Vec<String> {
    let text = fs::read_to_string(source().join("../ARCHITECTURE.md")).unwrap();
    let name = Regex::new(r"(?m)^src/([a-z]+)(?:/|\.rs)").unwrap();
    name.captures_iter(&text).map(|found| found[1].to_owned()).collect()
}

fn source() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
}

fn files(path: &Path) -> Vec<std::path::PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|entry| files(&entry)).filter(|it| it.extension().unwrap() == "rs").collect()
}

fn files_of(name: &str) -> Vec<std::path::PathBuf> {
    let places = [source().join(name), source().join(format!("{name}.rs"))];
    places.iter().filter(|place| place.exists()).flat_map(|place| files(place)).collect()
}

#[test]
fn the_map_names_every_folder() {
    let here: BTreeSet<String> = fs::read_dir(source())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "lib")
        .collect();
    assert_eq!(map().into_iter().collect::<BTreeSet<_>>(), here);
}

#[test]
fn each_folder_uses_only_folders_below_it_in_the_map() {
    let (map, used) = (map(), Regex::new(r"crate::\{?([a-z]+)").unwrap());
    let mut uses = 0;
    for (place, name) in map.iter().enumerate() {
        for file in files_of(name) {
            let text = fs::read_to_string(&file).unwrap();
            for found in used.captures_iter(&text) {
                let is_below = map[place..].iter().any(|below| *below == found[1]);
                let is_known = EXCEPTIONS.contains(&(name, &found[1]));
                assert!(is_below || is_known, "{} uses {}", file.display(), &found[1]);
                uses += 1;
            }
        }
    }
    assert!(uses > 100, "{uses}");
}

/// Each call has its limits, and no credentials in its errors, because there is one place for them.
#[test]
fn git_is_started_in_one_place() {
    for file in files(source()).into_iter().filter(|file| !file.ends_with("git/run.rs")) {
        if file.to_str().unwrap().ends_with("_tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let product = text.split("#[cfg(test)]").next().unwrap();
        assert!(!product.contains("Command::new("), "{} starts a program", file.display());
    }
}

/// Style, as far as it can be counted: an opening comment, and a length that is read in one sitting.
#[test]
fn files_say_what_they_are_and_stay_short() {
    for file in files(source()) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} doesn't say what it is", file.display());
        assert!(text.lines().count() < 600, "{} is too long", file.display());
    }
}

#[test]
fn what_decides_about_jobs_knows_no_clock_and_does_nothing() {
    for name in ["decide", "learn", "moment"] {
        let text = fs::read_to_string(source().join(format!("daemon/{name}.rs"))).unwrap();
        for word in ["now()", ".await", "std::fs", "Instant", "Session", "State"] {
            assert!(!text.contains(word), "daemon/{name}.rs: {word}");
        }
    }
}

/// Two providers of cryptography in one program make rustls panic when it has to choose.
#[test]
fn there_is_one_provider_of_cryptography() {
    let lock = fs::read_to_string(source().join("../Cargo.lock")).unwrap();
    assert!(lock.contains("\nname = \"rustls\"\n") && lock.contains("\nname = \"ring\"\n"));
    assert!(!lock.contains("aws-lc"), "a dependency brings a second one");
}

/// What the daemon does outside of its memory can be made to fail by a test, one by one.
#[test]
fn every_effect_of_the_daemon_asks_before_it_happens() {
    let changing = ["fs::rename(", "fs::remove_file(", "fs::write(", "fs::create_dir", "::create("];
    let asked = Regex::new(r"raw_sql\(|sqlx::query|connect_with\(").unwrap();
    for room in [
        "apply", "daemon", "gallery", "git", "http", "job", "mail", "publish", "queue", "report",
        "state", "store",
    ] {
        for file in
            files_of(room).into_iter().filter(|it| !it.to_str().unwrap().ends_with("_tests.rs"))
        {
            let text = fs::read_to_string(&file).unwrap();
            let product = text.split("#[cfg(test)]").next().unwrap();
            for word in changing {
                assert!(!product.contains(word), "{} has {word}; see whole.rs", file.display());
            }
            assert!(!asked.is_match(product), "{} talks to a database", file.display());
        }
    }
    let called = Regex::new(r"(rename|unlink|mkdir|link)at|fchmod|fchown|OFlags::").unwrap();
    for file in files_of("gallery").into_iter().filter(|it| !it.ends_with("local/folder.rs")) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!called.is_match(&text), "{} goes past the folder", file.display());
    }
    for file in files_of("gallery").into_iter().filter(|it| !it.ends_with("bucket/wire.rs")) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains(".execute("), "{} goes past the wire", file.display());
    }
    let driver = ["connection.rs", "mariadb.rs", "postgres.rs", "sqlite.rs", "transaction.rs"];
    for file in files_of("database") {
        let is_known = driver.iter().any(|name| file.ends_with(format!("database/{name}")));
        let text = fs::read_to_string(&file).unwrap();
        assert!(is_known || !asked.is_match(&text), "{} goes past the driver", file.display());
    }
}
