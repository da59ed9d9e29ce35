//! What a person at a terminal sees, through util-linux's `script`, which makes one.

use std::path::Path;
use std::process::Command;

use crate::places::say_skipped;
use crate::shop::Shop;

/// What a command prints at a terminal; `None` where there is no way to make one.
pub fn at_a_terminal(folder: &Path, command: &str, variables: &[(&str, &str)]) -> Option<String> {
    let line = format!("{} {command}", env!("CARGO_BIN_EXE_reconcile"));
    let said = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(folder)
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .envs(variables.iter().copied())
        .output();
    match said {
        Ok(said) => Some(String::from_utf8(said.stdout).unwrap()),
        Err(error) => {
            say_skipped(&format!("what a terminal shows; `script` can't be run: {error}"));
            None
        }
    }
}

#[test]
fn a_plan_has_colours_unless_they_are_unwanted() {
    let shop = Shop::before_the_demo();
    let plan = "plan spring-campaign";
    let Some(coloured) = at_a_terminal(shop.path(), plan, &[]) else { return };
    assert!(coloured.contains("\u{1b}["), "{coloured}");
    let plain = at_a_terminal(shop.path(), plan, &[("NO_COLOR", "1")]).unwrap();
    assert!(!plain.contains('\u{1b}'), "{plain}");
    assert!(plain.contains("Plan: "), "{plain}");
    let empty = at_a_terminal(shop.path(), plan, &[("NO_COLOR", "")]).unwrap();
    assert_eq!(empty, coloured, "an empty NO_COLOR says nothing");
}

#[test]
fn a_run_shows_its_progress_and_takes_it_away() {
    let shop = Shop::before_the_demo();
    shop.reconcile(&["approve", "spring-campaign", "--new", "all", "--with-dependencies"])
        .ends_with(0);
    let Some(said) = at_a_terminal(shop.path(), "spring-campaign", &[]) else { return };
    assert!(said.contains("Success: run "), "{said}");
    assert!(said.contains("spring-campaign: comparing"), "no stage is shown: {said:?}");
    let (_, end) = said.rsplit_once("Success: run ").unwrap();
    assert!(!end.contains("comparing"), "progress stays on the screen: {end:?}");
}
