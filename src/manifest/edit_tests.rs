//! Approvals written into layouts as people leave them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::edit::{approved_block, read_approved, set_approved};
use super::heading::Heading;
use super::sync_job::Approvals;
use crate::put::put;

pub type Approved = BTreeMap<String, Approvals>;

/// `table heading entry` triples as approvals.
fn approved(entries: &[(&str, Heading, &str)]) -> Approved {
    let mut approved = Approved::new();
    for (table, heading, entry) in entries {
        let approvals = approved.entry((*table).to_owned()).or_default();
        heading.entries_mut(approvals).push(entry.parse().unwrap());
    }
    approved
}

pub fn pages(new: &[&str]) -> Approved {
    approved(&new.iter().map(|id| ("cms_page", Heading::New, *id)).collect::<Vec<_>>())
}

fn edit(text: &str, wanted: &Approved) -> String {
    let edited = set_approved(text, "spring", wanted).unwrap();
    assert_eq!(read_approved(&edited, "spring").unwrap(), *wanted);
    edited
}

pub fn job(rest: &str) -> String {
    format!("kind: SyncJob\nmetadata: {{name: spring}}\nspec:\n  mode: all   # everything\n{rest}")
}

#[test]
fn approvals_are_created_where_there_were_none() {
    let wanted = approved(&[
        ("cms_page", Heading::New, "41@9f2ac1d05b7e3a10"),
        ("cms_page", Heading::Overwrite, "9@9f2ac1d05b7e3a10"),
        ("gallery/spring", Heading::New, "a b.png@9f2ac1d05b7e3a10"),
    ]);
    insta::assert_snapshot!(edit(&job("  modules:\n    - cms\n\n# the end\n"), &wanted), @r#"
    kind: SyncJob
    metadata: {name: spring}
    spec:
      mode: all   # everything
      modules:
        - cms
      approved:
        cms_page:
          new:
            - "41@9f2ac1d05b7e3a10"
          overwrite:
            - "9@9f2ac1d05b7e3a10"
        gallery/spring:
          new:
            - "a b.png@9f2ac1d05b7e3a10"

    # the end
    "#);
    for empty in ["approved: {}", "approved:", "approved: ~", "approved: {  }   # none yet"] {
        let edited = edit(&job(&format!("  {empty}\n  dryRun: true\n")), &wanted);
        assert!(edited.contains("\n  dryRun: true\n"), "{edited}");
        assert_eq!(edited.contains("# none yet"), empty.contains("# none yet"), "{edited}");
    }
}

#[test]
fn comments_between_and_behind_entries_stay() {
    let text = job("  approved:
    # reviewed with marketing
    cms_page:   # pages
      # seen by Jo
      new:
        - '41@0000000000000000'   # Spring

        # and this one later
        - 42
        - \"43@0000000000000000\" # goes
      modified: [ 5, 6 ]  # short
    banner: {new: [\"1@0000000000000000\"]}
  # last
  dryRun: true
");
    let wanted = approved(&[
        ("cms_page", Heading::New, "41@9f2ac1d05b7e3a10"),
        ("cms_page", Heading::New, "42"),
        ("cms_page", Heading::New, "44@9f2ac1d05b7e3a10"),
        ("cms_page", Heading::Modified, "5"),
        ("cms_page", Heading::Deleted, "7"),
        ("banner", Heading::New, "1@0000000000000000"),
    ]);
    insta::assert_snapshot!(edit(&text, &wanted), @r#"
    kind: SyncJob
    metadata: {name: spring}
    spec:
      mode: all   # everything
      approved:
        # reviewed with marketing
        cms_page:   # pages
          # seen by Jo
          new:
            - "41@9f2ac1d05b7e3a10"   # Spring

            # and this one later
            - 42
            - "44@9f2ac1d05b7e3a10"
          modified: [5]  # short
          deleted:
            - "7"
        banner: {new: ["1@0000000000000000"]}
      # last
      dryRun: true
    "#);
}

#[test]
fn taking_everything_back_leaves_an_empty_map() {
    let text =
        job("  approved:\n    # why\n    cms_page:\n      new:\n      - 41 # x\n  dryRun: true\n");
    insta::assert_snapshot!(edit(&text, &Approved::new()), @r#"
    kind: SyncJob
    metadata: {name: spring}
    spec:
      mode: all   # everything
      approved: {}
        # why
      dryRun: true
    "#);
    let text = job("  approved: {cms_page: {new: [41]}} # y\n");
    assert!(edit(&text, &Approved::new()).ends_with("  approved: {} # y\n"));
}

#[test]
fn flow_lists_grow_and_break_up() {
    let text = job("  approved:\n    cms_page: {new: [\"41\"]} # pages\n");
    assert!(
        edit(&text, &pages(&["41", "42"]))
            .ends_with("    cms_page: {new: [\"41\", \"42\"]} # pages\n")
    );
    let many: Vec<String> = (0..10).map(|n| format!("{n}@9f2ac1d05b7e3a10")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    insta::assert_snapshot!(edit(&text, &pages(&many[..6])), @r#"
    kind: SyncJob
    metadata: {name: spring}
    spec:
      mode: all   # everything
      approved:
        cms_page: # pages
          new:
            - "0@9f2ac1d05b7e3a10"
            - "1@9f2ac1d05b7e3a10"
            - "2@9f2ac1d05b7e3a10"
            - "3@9f2ac1d05b7e3a10"
            - "4@9f2ac1d05b7e3a10"
            - "5@9f2ac1d05b7e3a10"
    "#);
}

#[test]
fn commented_flow_lists_keep_their_comments() {
    let text = job(
        "  approved:\n    cms_page:\n      new: [41, # a\n        42, # b\n        43 # c\n      ]\n",
    );
    insta::assert_snapshot!(edit(&text, &pages(&["40", "41@9f2ac1d05b7e3a10", "43", "44", "45"])), @r#"
    kind: SyncJob
    metadata: {name: spring}
    spec:
      mode: all   # everything
      approved:
        cms_page:
          new: ["40", "41@9f2ac1d05b7e3a10", # a
             # b
            43, "44", "45" # c
          ]
    "#);
    insta::assert_snapshot!(edit(&text, &pages(&["42", "44", "45"])), @r#"
    kind: SyncJob
    metadata: {name: spring}
    spec:
      mode: all   # everything
      approved:
        cms_page:
          new: [ # a
            42, # b
             "44", "45", # c
          ]
    "#);
    let refused = set_approved(
        &text.replace("cms_page:\n      new: [", "cms_page: {new: [").replace("]\n", "]}\n"),
        "spring",
        &Approved::new(),
    );
    insta::assert_snapshot!(refused.unwrap_or_else(|error| error.to_string()), @r#"
    kind: SyncJob
    metadata: {name: spring}
    spec:
      mode: all   # everything
      approved: {}
    "#);
}

#[test]
fn json_is_edited_too() {
    let text = r#"{"kind": "SyncJob", "metadata": {"name": "spring"}, "spec": {"mode": "all"}}"#;
    let edited = edit(text, &pages(&["41"]));
    insta::assert_snapshot!(edited, @r#"{"kind": "SyncJob", "metadata": {"name": "spring"}, "spec": {"mode": "all", "approved": {"cms_page": {"new": ["41"]}}}}"#);
    assert!(serde_json::from_str::<serde_json::Value>(&edited).is_ok());
    assert!(edit(&edited, &pages(&["41", "42"])).contains(r#"{"new": ["41", "42"]}"#));
}

#[test]
fn other_documents_are_left_alone() {
    let other = "kind: SyncJob\nmetadata: {name: summer}\nspec:\n  approved: {}\n";
    let module = "# a module\nkind: Module\nmetadata: {name: spring}\nspec: {records: []}\n";
    let text = format!("{module}---\n{other}---\n{}---\n{other}", job(""));
    let text = text.replacen("name: summer", "name: autumn", 1);
    let edited = edit(&text, &pages(&["41"]));
    assert!(edited.starts_with(&format!("{module}---\n")), "{edited}");
    assert!(edited.ends_with(&format!("---\n{other}")), "{edited}");
    assert_eq!(
        edited.len(),
        text.len() + "  approved:\n    cms_page:\n      new:\n        - \"41\"\n".len()
    );
}

#[test]
fn line_ends_and_a_missing_last_one_stay() {
    let text = job("  dryRun: true");
    let edited = edit(&text, &pages(&["41"]));
    assert!(
        edited
            .ends_with("  dryRun: true\n  approved:\n    cms_page:\n      new:\n        - \"41\"")
    );
    let edited = edit(&edited, &pages(&["42", "41"]));
    assert!(edited.ends_with("- \"42\"\n        - \"41\""), "{edited}");
    let windows = job("  dryRun: true\n").replace('\n', "\r\n");
    let edited = edit(&windows, &pages(&["41"]));
    assert_eq!(edited.matches('\n').count(), edited.matches("\r\n").count());
}

#[test]
fn indentation_follows_the_file() {
    let text = "kind: SyncJob\nmetadata:\n    name: spring\nspec:\n    modules:\n    - cms\n    dryRun: true\n";
    insta::assert_snapshot!(edit(text, &pages(&["41"])), @r#"
    kind: SyncJob
    metadata:
        name: spring
    spec:
        modules:
        - cms
        dryRun: true
        approved:
            cms_page:
                new:
                - "41"
    "#);
}

#[test]
fn what_cannot_be_edited_is_refused_with_the_text_to_write() {
    let refused =
        |text: &str| set_approved(text, "spring", &pages(&["41"])).unwrap_err().to_string();
    insta::assert_snapshot!(refused("kind: Module\nmetadata: {name: spring}\n"), @r#"the file holds no SyncJob named spring"#);
    insta::assert_snapshot!(refused(&(job("") + "---\n" + &job(""))), @r#"the file holds several SyncJobs named spring; keep one"#);
    insta::assert_snapshot!(refused(&job("  approved: &a {}\n")), @r#"line 5: anchors and aliases aren't allowed in manifests"#);
    insta::assert_snapshot!(refused(&job("  approved:\n    cms_page:\n      new:\n        -\n          40\n")), @r#"
    line 9: a list entry that doesn't follow its dash here can't be edited in place; write this instead by hand:
    approved:
      cms_page:
        new:
          - "41"
    "#);
    insta::assert_snapshot!(refused(&job("  a: b: c\n")), @r#"mapping values are not allowed in this context at char 78 line 5 column 7"#);
}

#[test]
fn a_block_text_at_the_end_is_not_swallowed() {
    let text = job("  suspend:\n    reason: |+\n      not now\n\n");
    let edited = edit(&text, &pages(&["41"]));
    assert!(edited.contains("      not now\n\n  approved:\n"), "{edited}");
    let unended = edit(&job("  suspend:\n    reason: |\n      not now"), &pages(&["41"]));
    assert!(unended.contains("      not now\n  approved:\n"), "{unended}");
}

#[test]
fn hostile_ids_come_back_as_they_were() {
    let ids = [
        "a,b\\,c",
        "x: y",
        "# no comment",
        "'",
        "\"",
        "\n",
        "\u{202e}",
        "{",
        "- 1",
        "null",
        "1e3",
        "é",
    ];
    let wanted = pages(&ids);
    edit(&job(""), &wanted);
    edit(&job("  approved: {cms_page: {new: [1]}}\n"), &wanted);
    assert!(!approved_block(&wanted).contains('\u{202e}'));
}

/// One way to lay out approvals, chosen by random numbers.
pub struct Layout {
    pub text: String,
    pub noise: Vec<u8>,
    pub comments: usize,
}

impl Layout {
    fn pick(&mut self, of: u8) -> u8 {
        let byte = self.noise.pop().unwrap_or(0);
        byte % of
    }

    /// Perhaps a comment line or an empty line.
    fn gap(&mut self, column: usize) {
        match self.pick(5) {
            0 => {
                self.comments += 1;
                put!(self.text, "{}# own {}\n", " ".repeat(column), self.comments);
            }
            1 => self.text.push('\n'),
            _ => {}
        }
    }

    fn end(&mut self) {
        if self.pick(4) == 0 {
            self.text += " # trailing";
        }
        self.text.push('\n');
    }

    fn scalar(&mut self, text: &str) -> String {
        match self.pick(3) {
            0 => format!("\"{text}\""),
            1 => format!("'{text}'"),
            _ => text.to_owned(),
        }
    }

    fn flow(&mut self, entries: &[String]) -> String {
        let items: Vec<String> = entries.iter().map(|entry| self.scalar(entry)).collect();
        let separator = if self.pick(4) == 0 { ",\n            " } else { ", " };
        format!("[{}]", items.join(separator))
    }

    fn approvals(&mut self, column: usize, approvals: &Approvals) {
        let dash = column + usize::from(self.pick(2)) * 2;
        for heading in Heading::ALL {
            let entries: Vec<String> =
                heading.entries(approvals).iter().map(ToString::to_string).collect();
            if entries.is_empty() {
                continue;
            }
            self.gap(column);
            put!(self.text, "{}{}:", " ".repeat(column), heading.word());
            if self.pick(3) == 0 {
                let flow = self.flow(&entries);
                put!(self.text, " {flow}");
                self.end();
                continue;
            }
            self.end();
            for entry in entries {
                self.gap(dash);
                let scalar = self.scalar(&entry);
                put!(self.text, "{}- {scalar}", " ".repeat(dash));
                self.end();
            }
        }
    }

    pub fn approved(&mut self, approved: &Approved) {
        if approved.is_empty() && self.pick(2) == 0 {
            return;
        }
        self.text += if approved.is_empty() { "  approved: {}" } else { "  approved:" };
        self.end();
        let column = 4 + usize::from(self.pick(2)) * 2;
        for (table, approvals) in approved {
            self.gap(column);
            let flat = self.pick(4) == 0;
            put!(self.text, "{}{table}:", " ".repeat(column));
            if flat {
                let mut classes = Vec::new();
                for heading in Heading::ALL {
                    let entries: Vec<String> =
                        heading.entries(approvals).iter().map(ToString::to_string).collect();
                    if !entries.is_empty() {
                        classes.push(format!("{}: {}", heading.word(), self.flow(&entries)));
                    }
                }
                put!(self.text, " {{{}}}", classes.join(", "));
                self.end();
            } else {
                self.end();
                self.approvals(column + 2, approvals);
            }
        }
    }
}

pub fn any_approved() -> impl Strategy<Value = Approved> {
    let entry = (0..9u8, prop::bool::ANY, prop::bool::ANY).prop_map(|(id, pinned, old)| {
        let pin = if old { "0000000000000000" } else { "9f2ac1d05b7e3a10" };
        if pinned { format!("{id}@{pin}") } else { format!("id-{id}") }
    });
    let triple = (
        prop::sample::select(vec!["cms_page", "banner", "gallery/spring"]),
        prop::sample::select(Heading::ALL.to_vec()),
        entry,
    );
    prop::collection::vec(triple, 0..14).prop_map(|triples| {
        let mut all = Approved::new();
        for (table, heading, entry) in triples {
            let entries = heading.entries_mut(all.entry(table.to_owned()).or_default());
            let entry = entry.parse().unwrap();
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn only_the_approvals_change(
        before in any_approved(),
        wanted in any_approved(),
        noise in prop::collection::vec(any::<u8>(), 0..160),
        ends in 0..3usize,
        windows in prop::bool::ANY,
    ) {
        let mut layout = Layout { text: job("  modules: [cms] # m\n"), noise, comments: 0 };
        layout.approved(&before);
        let rest = ["  dryRun: true # d\n", "---\nkind: Module # other\n", ""][ends];
        let mut text = layout.text.clone() + rest;
        if windows {
            text = text.replace('\n', "\r\n");
        }
        prop_assert_eq!(&read_approved(&text, "spring").unwrap(), &before, "{}", text);
        let edited = set_approved(&text, "spring", &wanted)
            .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(&read_approved(&edited, "spring").unwrap(), &wanted, "{}", edited);
        for number in 1..=layout.comments {
            prop_assert!(
                edited.contains(&format!("# own {number}")), "lost {}:\n{}\n->\n{}", number, text, edited
            );
        }
        for kept in ["# everything", "# m", "mode: all   #"] {
            prop_assert!(edited.contains(kept), "{}", edited);
        }
        prop_assert!(edited.replace("\r\n", "\n").contains(rest.trim_end()));
        prop_assert_eq!(edited.matches("\r\n").count() > 0, windows);
        prop_assert_eq!(set_approved(&text, "spring", &before).unwrap(), text, "no change, no edit");
        prop_assert_eq!(&set_approved(&edited, "spring", &wanted).unwrap(), &edited, "twice is once");
    }
}
