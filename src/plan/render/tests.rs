//! All renderings of a rich plan, and what holds for every plan.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::sample::{change, conflict, field, plan, rich};
use super::*;
use crate::escape;
use crate::manifest::sync_job::Approvals;
use crate::plan::change::{Answer, Change, Class, ConflictKind, Form, Plan};

const PLAIN: Style = Style { colour: Colour::Never, width: 100 };

/// Long, because it is one plan's whole text: a part of it would hide what moved beside it.
#[test]
fn a_rich_plan_as_text() {
    insta::assert_snapshot!(text(&rich(), PLAIN), @r#"
    spring-campaign  TEST -> PROD, all records
    digest 0123456789abcdef0123456789abcdef

    ! landing-pages could not be compared: table landing_page is missing on PROD
    ! 1 record was edited on PROD after TEST: cms_page/5
      note: trigger audit_page fires on writes to cms_page
      1 approved entry is applied already

    cms-pages  2 conflicts, 1 new, 2 modified, 1 deleted

      ~ cms_page/5  About us (slug: slug-5)
          ! edited on PROD after TEST: that edit would be lost
          ~ title     "About" -> "About us"
          ~ price     10 -> 12.5
          ~ body
                … 7 unchanged lines
                <p>Paragraph 8</p>
                <p>Paragraph 9</p>
              - <p>Paragraph 10</p>
              + <p>Written again \u{1b}]0;owned\u{7}</p>
                <p>Paragraph 11</p>
                <p>Paragraph 12</p>
                … 8 unchanged lines
          ~ settings
              ~ $.a.b[1]: 2 -> 3
              - $.old: true
              + $["new key"]: "x"
          ~ secret    (redacted), changed
          - cms_page_block/3
              - kind  "text"
          ~ cms_page_block/4
              ~ teaser
                  - A teaser long enough not to fit on one line behind its column's name, in autumn
                  + A teaser long enough not to fit on one line behind its column's name, in spring

      ! cms_page/9  Summer (slug: slug-9)
          ! id-reused: on PROD cms_page/9 (slug: winter)
            ID 9 is taken on PROD by the page winter.
            to replace PROD's record:
                reconcile approve spring-campaign --overwrite cms_page/9
            to insert it under a new ID, keeping both:
                reconcile approve spring-campaign --renumber cms_page/9
          ~ title  "Winter" -> "Summer"

      ! cms_page/10  (slug: slug-10)
          ! still-referenced, also unique-taken
            2 rows of menu_item refer to it.
            can't be approved: mend the data, then compare again

      + cms_page/41  <img src=x onerror=alert(1)> @everyone #1 \u{1b}[2J (slug: spring\u{202e}gnp)  ✓ approved
          + title      "[x](javascript:alert(1)) | a"
          + body
              + ```
              + ````` fence
              + </details><script>alert(1)</script>
              + @everyone see #123
              + -->\u{7}
          + api_token  (redacted)
          + cms_page_block/7
              + kind  "text\u{200b}"
            needs media/17

      ~ cms_page/6  (slug: slug-6)
          ~ renamed, on PROD still slug: contact-old
          ~ slug  "contact-old" -> "slug-6"

      - cms_page/a,b\'c  (slug: slug-a,b\'c)
          - title  "Gone"

    media  1 new

      + media/17  (slug: slug-17)
          + path  "spring/b.png"

    Plan: 2 new, 2 modified, 1 deleted, 2 conflict, 812 unchanged
    "#);
}

#[test]
fn a_module_whose_record_would_lose_an_edit_comes_first() {
    let mut edited = change(Class::Modified, "slider", "1");
    edited.target_newer = true;
    edited.module = "sliders".into();
    let plan = plan(vec![change(Class::New, "media", "17"), edited]);
    let shown = text(&plan, PLAIN);
    let at = |part: &str| shown.find(part).unwrap_or_else(|| panic!("{part}: {shown}"));
    assert!(at("PROD after TEST: slider/1\n") < at("sliders  1 modified"), "{shown}");
    assert!(at("sliders  1 modified") < at("cms-pages  1 new"), "{shown}");
    let shown = markdown(&plan, None);
    let section = "### Edited on PROD after TEST\n\n```diff\n~ slider/1";
    assert!(shown.contains(section), "{shown}");
    assert_eq!(shown.matches("~ slider/1").count(), 1, "{shown}");
}

#[test]
fn answers_say_whose_id_a_record_will_have() {
    let mut it = change(Class::Conflict, "page", "44");
    it.conflict = Some(conflict(ConflictKind::IdDiffers, &[Answer::Adopt, Answer::Overwrite]));
    let shown = text(&plan(vec![it]), PLAIN);
    assert!(shown.contains("to update PROD's own record, which keeps its ID:"), "{shown}");
    assert!(shown.contains("to update PROD's own record, which also takes this ID:"), "{shown}");
}

#[test]
fn a_narrow_terminal_wraps() {
    let mut plan = rich();
    plan.changes.truncate(1);
    insta::assert_snapshot!(text(&plan, Style { width: 50, ..PLAIN }), @r#"
    spring-campaign  TEST -> PROD, all records
    digest 0123456789abcdef0123456789abcdef

    ! landing-pages could not be compared: table
      landing_page is missing on PROD
      note: trigger audit_page fires on writes to
      cms_page
      1 approved entry is applied already

    cms-pages  1 conflict

      ! cms_page/9  Summer (slug: slug-9)
          ! id-reused: on PROD cms_page/9 (slug:
            winter)
            ID 9 is taken on PROD by the page winter.
            to replace PROD's record:
                reconcile approve spring-campaign
                --overwrite cms_page/9
            to insert it under a new ID, keeping both:
                reconcile approve spring-campaign
                --renumber cms_page/9
          ~ title  "Winter" -> "Summer"

    Plan: 2 new, 2 modified, 1 deleted, 2 conflict, 812 unchanged
    "#);
}

#[test]
fn colours_follow_the_signs() {
    let mut plan =
        plan(vec![change(Class::New, "media", "17"), change(Class::Deleted, "media", "3")]);
    plan.changes[0].approved = true;
    let shown = text(&plan, Style { colour: Colour::Ansi, width: 100 });
    insta::assert_snapshot!(escape::visible(&shown).replace("\\n", "\n"), @r#"
    \u{1b}[1mspring-campaign\u{1b}[0m  TEST -> PROD, all records
    \u{1b}[2mdigest 0123456789abcdef0123456789abcdef\u{1b}[0m

    \u{1b}[1mcms-pages\u{1b}[0m  \u{1b}[2m1 new, 1 deleted\u{1b}[0m

      \u{1b}[32m+ media/17  (slug: slug-17)\u{1b}[0m\u{1b}[32m  ✓ approved\u{1b}[0m
      \u{1b}[31m- media/3  (slug: slug-3)\u{1b}[0m

    \u{1b}[1mPlan: 1 new, 0 modified, 1 deleted, 0 conflict, 812 unchanged\u{1b}[0m
    "#);
}

#[test]
fn nothing_to_do_as_text() {
    insta::assert_snapshot!(text(&plan(vec![]), PLAIN), @r#"
    spring-campaign  TEST -> PROD, all records
    digest 0123456789abcdef0123456789abcdef

      Nothing to do: PROD holds what TEST holds.

    Plan: 0 new, 0 modified, 0 deleted, 0 conflict, 812 unchanged
    "#);
}

/// Long for the same reason: one comment, as people see it.
#[test]
#[allow(clippy::too_many_lines, reason = "most of them are the Markdown")]
fn a_rich_plan_as_markdown() {
    insta::assert_snapshot!(markdown(&rich(), None), @r#"
    <!-- reconcile: job=spring-campaign digest=0123456789abcdef0123456789abcdef -->
    ## `spring-campaign`: 5 changes, 2 conflicts, 1 module could not be compared, 1 approved

    TEST -> PROD, all records; digest `0123456789abcdef0123456789abcdef`

    | new | modified | deleted | conflict | unchanged |
    | --: | --: | --: | --: | --: |
    | 2 | 2 | 1 | 2 | 812 |

    ```text
    could not be compared: landing-pages: table landing_page is missing on PROD
    trigger audit_page fires on writes to cms_page
    ```

    ### Edited on PROD after TEST

    ```diff
    ~ cms_page/5  About us (slug: slug-5)
    !     edited on PROD after TEST: that edit would be lost
    ~     title     "About" -> "About us"
    ~     price     10 -> 12.5
    ~     body
              … 7 unchanged lines
              <p>Paragraph 8</p>
              <p>Paragraph 9</p>
    -         <p>Paragraph 10</p>
    +         <p>Written again \u{1b}]0;owned\u{7}</p>
              <p>Paragraph 11</p>
              <p>Paragraph 12</p>
              … 8 unchanged lines
    ~     settings
    ~         $.a.b[1]: 2 -> 3
    -         $.old: true
    +         $["new key"]: "x"
    ~     secret    (redacted), changed
    -     cms_page_block/3
    -         kind  "text"
    ~     cms_page_block/4
    ~         teaser
    -             A teaser long enough not to fit on one line behind its column's name, in autumn
    +             A teaser long enough not to fit on one line behind its column's name, in spring
    ```

    ### Conflicts

    ```diff
    ! cms_page/9  Summer (slug: slug-9)
    !     id-reused: on PROD cms_page/9 (slug: winter)
          ID 9 is taken on PROD by the page winter.
          to replace PROD's record:
              reconcile approve spring-campaign --overwrite cms_page/9
          to insert it under a new ID, keeping both:
              reconcile approve spring-campaign --renumber cms_page/9
    ~     title  "Winter" -> "Summer"

    ! cms_page/10  (slug: slug-10)
    !     still-referenced, also unique-taken
          2 rows of menu_item refer to it.
          can't be approved: mend the data, then compare again
    ```

    ### Deletions

    ```diff
    - cms_page/a,b\'c  (slug: slug-a,b\'c)
    -     title  "Gone"
    ```

    ### New and modified

    <details><summary><code>cms-pages</code>: 1 new, 1 modified</summary>

    ``````diff
    + cms_page/41  <img src=x onerror=alert(1)> @everyone #1 \u{1b}[2J (slug: spring\u{202e}gnp)  ✓ approved
    +     title      "[x](javascript:alert(1)) | a"
    +     body
    +         ```
    +         ````` fence
    +         </details><script>alert(1)</script>
    +         @everyone see #123
    +         -->\u{7}
    +     api_token  (redacted)
    +     cms_page_block/7
    +         kind  "text\u{200b}"
          needs media/17

    ~ cms_page/6  (slug: slug-6)
    ~     renamed, on PROD still slug: contact-old
    ~     slug  "contact-old" -> "slug-6"
    ``````

    </details>

    <details><summary><code>media</code>: 1 new</summary>

    ```diff
    + media/17  (slug: slug-17)
    +     path  "spring/b.png"
    ```

    </details>

    ### Approve

    The pins of this plan. Paste them below the job's `spec:`, keep what you approve, and commit; or let `reconcile approve` write them.

    ```yaml
      approved:
        cms_page:
          # overwrite or renumber: - "9@9f2ac1d05b7e3a10"
          new:
            - "41@9f2ac1d05b7e3a10"
          modified:
            - "5@9f2ac1d05b7e3a10"  # the target was edited later
            - "6@9f2ac1d05b7e3a10"
          deleted:
            - "a,b\\'c@9f2ac1d05b7e3a10"
        media:
          new:
            - "17@9f2ac1d05b7e3a10"
    ```
    "#);
}

#[test]
fn nothing_to_do_as_markdown() {
    insta::assert_snapshot!(markdown(&plan(vec![]), None), @r#"`spring-campaign`: Nothing to do: PROD holds what TEST holds. <!-- reconcile: job=spring-campaign digest=0123456789abcdef0123456789abcdef -->"#);
}

#[test]
fn a_hostile_job_name_stays_inside_the_marker() {
    let mut plan = plan(vec![]);
    plan.job = "a --> <script> `@everyone`".into();
    insta::assert_snapshot!(markdown(&plan, None), @r#"`` a --> <script> `@everyone` ``: Nothing to do: PROD holds what TEST holds. <!-- reconcile: job=a--scripteveryone digest=0123456789abcdef0123456789abcdef -->"#);
}

#[test]
fn json_reads_back() {
    let rich = rich();
    let shown = json(&rich);
    assert_eq!(serde_json::from_str::<Plan>(&shown).unwrap(), rich);
    assert!(!shown.chars().any(|c| c != '\n' && escape::is_invisible(c)));
    assert!(shown.contains(r"spring\u202egnp"), "{shown}");
}

#[test]
fn what_is_redacted_never_shows() {
    let mut secret = change(Class::Modified, "cms_page", "1");
    // Even if a value came this far, only that it changed is told.
    let (old, new) = (json!("hunter2"), json!("hunter3"));
    secret.fields = vec![field(("cms_page", "1"), "password", Form::Redacted, old, new)];
    let plan = plan(vec![secret]);
    for shown in [text(&plan, PLAIN), markdown(&plan, None)] {
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(shown.contains("(redacted), changed"), "{shown}");
    }
}

#[test]
fn a_deleted_or_new_text_of_many_lines_is_cut_and_counted() {
    let mut page = change(Class::New, "cms_page", "1");
    let body = (1..=100).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
    page.fields = vec![field(("cms_page", "1"), "body", Form::Text, Json::Null, json!(body))];
    let shown = text(&plan(vec![page]), PLAIN);
    assert!(shown.contains("+ 40\n") && !shown.contains("+ 41\n"), "{shown}");
    assert!(shown.contains("… 60 more lines, see --format json"), "{shown}");
}

#[test]
fn five_thousand_changes_fit_one_comment() {
    let classes = [Class::New, Class::Modified, Class::Deleted, Class::Conflict];
    let changes = (0..5_000).map(|n| {
        let mut it = change(classes[n % 4], &format!("table_{}", n % 7), &n.to_string());
        if it.class == Class::Conflict {
            it.conflict = Some(conflict(ConflictKind::IdReused, &[Answer::Overwrite]));
        }
        it
    });
    let shown = markdown(&plan(changes.collect()), None);
    assert!(shown.chars().count() <= markdown::LIMIT);
    assert!(shown.chars().count() > markdown::LIMIT - 8_000, "room is used");
    insta::assert_snapshot!(shown.lines().find(|line| line.contains("for want of room")).unwrap(), @r#"4718 changes aren't shown here for want of room: see `reconcile plan` for `spring-campaign`."#);
    let block = shown.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(block.contains("all@0123456789abcdef"), "{block}");
    let approved = pasted(block);
    assert_eq!(approved.len(), 7);
    assert!(approved.values().all(|table| !table.new.is_empty() && !table.deleted.is_empty()));
}

#[test]
fn the_pins_paste_as_a_manifest_holds_them() {
    let approved = pasted(&pins::block(&rich(), 10_000));
    let pages = &approved["cms_page"];
    assert_eq!(pages.deleted[0].to_string(), "a,b\\'c@9f2ac1d05b7e3a10");
    assert_eq!((pages.new.len(), pages.modified.len(), pages.overwrite.len()), (1, 2, 0));
    assert_eq!(approved["media"].new.len(), 1);
}

fn pasted(block: &str) -> BTreeMap<String, Approvals> {
    #[derive(serde::Deserialize)]
    struct Pasted {
        approved: BTreeMap<String, Approvals>,
    }
    serde_saphyr::from_str::<Pasted>(block).unwrap().approved
}

/// Pieces that mean something to a terminal, a browser, a forge or YAML.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "`",
        "```",
        "~~~",
        "\n",
        "\r",
        "\t",
        " ",
        "\\",
        "\"",
        "'",
        "<",
        "</details>",
        "<!--",
        "-->",
        "@everyone",
        "#1",
        "[a](javascript:b)",
        "https://a.example",
        "\u{1b}[31m",
        "\u{9b}",
        "\0",
        "\u{202e}",
        "\u{200b}",
        "\u{feff}",
        "|",
        "- ",
        ": ",
        "#",
        "ż",
        "日",
        "word ",
        "*",
        "_",
        ",",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn any_change() -> impl Strategy<Value = Change> {
    let classes =
        prop::sample::select(vec![Class::New, Class::Modified, Class::Deleted, Class::Conflict]);
    let values = (hostile(), hostile(), 0..3000usize);
    (classes, hostile(), hostile(), values, any::<[bool; 3]>()).prop_map(
        |(class, name, id, (old, new, long), [newer, approved, is_json])| {
            // No manifest can name an empty ID.
            let id = format!("i{id}");
            let mut it = change(class, &name, &id);
            it.module = new.clone();
            it.label = Some(old.clone());
            it.pin = format!("{id}@9f2ac1d05b7e3a10");
            it.target_newer = newer;
            it.approved = approved;
            it.depends_on = vec![new.clone()];
            if class == Class::Conflict {
                let mut found = conflict(ConflictKind::IdDiffers, &[Answer::Adopt]);
                found.details = vec![old.clone()];
                it.conflict = Some(found);
            }
            let long = old.repeat(long / (old.len() + 1));
            let (from, to) = if is_json {
                (json!({ old.clone(): long }), json!({ old: [new.clone()] }))
            } else {
                (json!(old + &long), json!(new.clone()))
            };
            let form = if is_json { Form::Json } else { Form::Text };
            let mut told = field((&name, &id), &new, form, from, to);
            if class == Class::New {
                (told.row, told.from) = (crate::plan::change::RowChange::Inserted, Json::Null);
            }
            it.fields = vec![told];
            it
        },
    )
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let lots = prop::sample::select(vec![1usize, 1, 40]);
    (prop::collection::vec(any_change(), 0..8), hostile(), lots).prop_map(|(some, word, times)| {
        let mut all = Vec::new();
        for _ in 0..times {
            all.extend(some.iter().cloned());
        }
        let mut plan = plan(all);
        plan.job = word.clone();
        plan.notes = vec![word.clone(), word.clone()];
        plan.failed_modules.insert(word.clone(), word);
        plan
    })
}

/// The lines outside fences; fails when a fence stays open.
fn outside_fences(markdown: &str) -> Vec<&str> {
    let mut outside = Vec::new();
    let mut open: Option<usize> = None;
    for line in markdown.lines() {
        let marks = line.len() - line.trim_start_matches('`').len();
        match open {
            Some(length) if marks >= length && line.len() == marks => open = None,
            Some(_) => {}
            None if marks >= 3 && !line[marks..].contains('`') => open = Some(marks),
            None => outside.push(line),
        }
    }
    assert_eq!(open, None, "a fence stays open:\n{markdown}");
    outside
}

/// A line without its code spans, in Markdown or in HTML, and without comments.
fn without_code(line: &str) -> String {
    let line = line.rsplit_once("<!-- reconcile").map_or(line, |(before, comment)| {
        assert!(comment.ends_with("-->") && comment.matches("-->").count() == 1);
        before
    });
    if let Some((before, rest)) = line.split_once("<code>") {
        return format!("{before}{}", rest.split_once("</code>").unwrap().1);
    }
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        out.push_str(&rest[..start]);
        let marks: String = rest[start..].chars().take_while(|c| *c == '`').collect();
        let mut inner = &rest[start + marks.len()..];
        // The span ends at the next run of exactly as many backticks.
        loop {
            let at = inner.find('`').unwrap_or_else(|| panic!("open code span: {line}"));
            let run = inner[at..].chars().take_while(|c| *c == '`').count();
            inner = &inner[at + run..];
            if run == marks.len() {
                break;
            }
        }
        rest = inner;
    }
    out + rest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn markdown_fits_and_stays_inert(plan in any_plan()) {
        let shown = markdown(&plan, None);
        prop_assert!(shown.chars().count() <= markdown::LIMIT, "{}", shown.chars().count());
        prop_assert!(!shown.chars().any(|c| c != '\n' && escape::is_invisible(c)));
        for line in outside_fences(&shown) {
            let prose = without_code(line);
            for active in ["@everyone", "javascript", "https:", "#1", "</details><", "日"] {
                prop_assert!(!prose.contains(active), "{active} acts in: {line}");
            }
        }
        if let Some((_, block)) = shown.rsplit_once("yaml\n") {
            let end = block.find("\n```").map_or(block.len(), |end| end + 1);
            if block.starts_with("  approved:") {
                pasted(&block[..end]);
            }
        }
    }

    #[test]
    fn text_holds_no_control_characters(plan in any_plan(), width in 0..130usize) {
        let shown = text(&plan, Style { colour: Colour::Never, width });
        prop_assert!(!shown.chars().any(|c| c != '\n' && escape::is_invisible(c)));
        let coloured = text(&plan, Style { colour: Colour::Ansi, width });
        let mut bare = coloured.clone();
        for colour in ["0", "1", "2", "31", "32", "33", "35"] {
            bare = bare.replace(&format!("\u{1b}[{colour}m"), "");
        }
        prop_assert_eq!(bare, shown);
    }

    #[test]
    fn json_always_reads_back(plan in any_plan()) {
        let shown = json(&plan);
        prop_assert!(!shown.chars().any(|c| c != '\n' && escape::is_invisible(c)));
        prop_assert_eq!(serde_json::from_str::<Plan>(&shown).unwrap(), plan);
    }
}
