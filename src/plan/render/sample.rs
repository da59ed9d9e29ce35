//! A rich plan with hostile values, for the tests of every renderer.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::manifest::sync_job::{Direction, Mode};
use crate::plan::change::*;

pub fn plan(changes: Vec<Change>) -> Plan {
    let count = |class| changes.iter().filter(|change| change.class == class).count() as u64;
    Plan {
        format_version: "1.0".into(),
        job: "spring-campaign".into(),
        direction: Direction::TestToProd,
        mode: Mode::All,
        digest: "0123456789abcdef0123456789abcdef".into(),
        noop: changes.is_empty(),
        counts: Counts {
            conflict: count(Class::Conflict),
            new: count(Class::New),
            modified: count(Class::Modified),
            deleted: count(Class::Deleted),
            unchanged: 812,
        },
        notes: Vec::new(),
        failed_modules: BTreeMap::new(),
        counts_only: false,
        changes,
        done: Vec::new(),
    }
}

pub fn change(class: Class, table: &str, id: &str) -> Change {
    Change {
        module: "cms-pages".into(),
        table: table.into(),
        id: id.into(),
        class,
        conflict: None,
        identity: BTreeMap::from([("slug".to_owned(), json!(format!("slug-{id}")))]),
        label: None,
        renamed_from: None,
        pin: format!("{id}@{:016x}", 0x9f2a_c1d0_5b7e_3a10_u64),
        depends_on: Vec::new(),
        files: Vec::new(),
        target_newer: false,
        fields: Vec::new(),
        approved: false,
    }
}

pub fn conflict(kind: ConflictKind, answers: &[Answer]) -> Conflict {
    Conflict {
        kind,
        target_id: None,
        target_identity: None,
        also: Vec::new(),
        details: Vec::new(),
        answers: answers.to_vec(),
        needs: BTreeMap::new(),
    }
}

pub fn field(of: (&str, &str), column: &str, form: Form, from: Json, to: Json) -> Field {
    let row = match (&from, &to) {
        (Json::Null, _) => RowChange::Inserted,
        (_, Json::Null) => RowChange::Deleted,
        _ => RowChange::Updated,
    };
    Field { table: of.0.into(), key: of.1.into(), column: column.into(), row, form, from, to }
}

/// Every class, several kinds of conflict, long text, JSON, redaction, and values that try to act.
pub fn rich() -> Plan {
    let mut plan =
        plan(vec![reused(), referenced(), hostile(), banner(), edited(), renamed(), gone()]);
    plan.notes.push("trigger audit_page fires on writes to cms_page".into());
    plan.failed_modules
        .insert("landing-pages".into(), "table landing_page is missing on PROD".into());
    plan.done.push("cms_page/12".into());
    plan
}

fn reused() -> Change {
    let mut it = change(Class::Conflict, "cms_page", "9");
    it.label = Some("Summer".into());
    it.conflict = Some(Conflict {
        target_id: Some("9".into()),
        target_identity: Some(BTreeMap::from([("slug".to_owned(), json!("winter"))])),
        details: vec!["ID 9 is taken on PROD by the page winter.".into()],
        ..conflict(ConflictKind::IdReused, &[Answer::Overwrite, Answer::Renumber])
    });
    it.fields =
        vec![field(("cms_page", "9"), "title", Form::Plain, json!("Winter"), json!("Summer"))];
    it
}

fn referenced() -> Change {
    let mut it = change(Class::Conflict, "cms_page", "10");
    it.conflict = Some(Conflict {
        also: vec![ConflictKind::UniqueTaken],
        details: vec!["2 rows of menu_item refer to it.".into()],
        ..conflict(ConflictKind::StillReferenced, &[])
    });
    it
}

fn hostile() -> Change {
    let page = ("cms_page", "41");
    let mut it = change(Class::New, "cms_page", "41");
    it.label = Some("<img src=x onerror=alert(1)> @everyone #1 \u{1b}[2J".into());
    it.identity = BTreeMap::from([("slug".to_owned(), json!("spring\u{202e}gnp"))]);
    it.depends_on = vec!["media/17".into()];
    it.approved = true;
    it.fields = vec![
        field(page, "title", Form::Plain, Json::Null, json!("[x](javascript:alert(1)) | a")),
        field(
            page,
            "body",
            Form::Text,
            Json::Null,
            json!(
                "```\n````` fence\n</details><script>alert(1)</script>\n@everyone see #123\n-->\u{7}"
            ),
        ),
        field(page, "api_token", Form::Redacted, Json::Null, json!("(redacted)")),
        field(("cms_page_block", "7"), "kind", Form::Plain, Json::Null, json!("text\u{200b}")),
    ];
    it
}

fn banner() -> Change {
    let mut it = change(Class::New, "media", "17");
    it.module = "media".into();
    it.fields =
        vec![field(("media", "17"), "path", Form::Plain, Json::Null, json!("spring/b.png"))];
    it
}

fn edited() -> Change {
    let page = ("cms_page", "5");
    let mut it = change(Class::Modified, "cms_page", "5");
    it.label = Some("About us".into());
    it.target_newer = true;
    let old: Vec<String> = (1..=20).map(|n| format!("<p>Paragraph {n}</p>")).collect();
    let mut new = old.clone();
    new[9] = "<p>Written again \u{1b}]0;owned\u{7}</p>".into();
    it.fields = vec![
        field(page, "title", Form::Plain, json!("About"), json!("About us")),
        field(page, "price", Form::Plain, json!(10), json!(12.5)),
        field(page, "body", Form::Text, json!(old.join("\n")), json!(new.join("\n"))),
        field(
            page,
            "settings",
            Form::Json,
            json!({"a": {"b": [1, 2]}, "old": true}),
            json!({"a": {"b": [1, 3]}, "new key": "x"}),
        ),
        field(page, "secret", Form::Redacted, json!("(redacted)"), json!("(redacted)")),
        field(("cms_page_block", "3"), "kind", Form::Plain, json!("text"), Json::Null),
        field(
            ("cms_page_block", "4"),
            "teaser",
            Form::Text,
            json!(
                "A teaser long enough not to fit on one line behind its column's name, in autumn"
            ),
            json!(
                "A teaser long enough not to fit on one line behind its column's name, in spring"
            ),
        ),
    ];
    it
}

fn renamed() -> Change {
    let mut it = change(Class::Modified, "cms_page", "6");
    it.renamed_from = Some(BTreeMap::from([("slug".to_owned(), json!("contact-old"))]));
    it.fields =
        vec![field(("cms_page", "6"), "slug", Form::Plain, json!("contact-old"), json!("slug-6"))];
    it
}

fn gone() -> Change {
    let mut it = change(Class::Deleted, "cms_page", "a,b\\'c");
    it.fields =
        vec![field(("cms_page", "a,b\\'c"), "title", Form::Plain, json!("Gone"), Json::Null)];
    it
}
