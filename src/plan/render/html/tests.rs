//! What stands in the page's data, and that nothing of it is markup.

use super::*;
use crate::plan::change::RowChange;
use crate::plan::render::sample::rich;

const SERVED: &str = "/jobs/spring-campaign/schedule";

fn about(images: &dyn Images) -> About<'_> {
    let served = Some(Served { schedule: Ok(SERVED.into()) });
    About { asked: None, as_of: None, is_stored: true, served, images }
}

/// The blocks of data of a page, as a browser reads them.
fn blocks(page: &str) -> Vec<Json> {
    let blocks = page.split("<script type=\"application/json\" ").skip(1);
    let text = |block: &str| {
        block.split_once('>').unwrap().1.split_once("</script>").unwrap().0.to_owned()
    };
    blocks.map(|block| serde_json::from_str(&text(block)).unwrap()).collect()
}

#[test]
fn data_is_neither_markup_nor_invisible() {
    let page = html(&rich(), &about(&NoImages));
    let data = page.split("<script type=\"application/json\" ").skip(1);
    for block in data {
        let text = block.split_once('>').unwrap().1.split_once("</script>").unwrap().0;
        assert!(!text.contains('<') && !text.contains(is_invisible), "{text}");
    }
    let labels = blocks(&page)[0]["changes"].to_string();
    assert!(labels.contains("<img src=x onerror=alert(1)>"), "{labels}");
}

#[test]
fn the_index_is_what_lists_and_outputs_need() {
    let page = html(&rich(), &about(&NoImages));
    let index = &blocks(&page)[0];
    assert_eq!(index["changes"].as_array().unwrap().len(), rich().changes.len());
    let rows: Vec<String> =
        index["changes"].as_array().unwrap().iter().map(Json::to_string).collect();
    insta::assert_snapshot!(rows.join("\n"));
    assert_eq!(blocks(&page)[1]["served"]["post"], SERVED);
}

#[test]
fn details_show_both_sides() {
    let page = html(&rich(), &about(&NoImages));
    let details = blocks(&page).swap_remove(2);
    insta::assert_snapshot!(serde_json::to_string_pretty(&details).unwrap());
}

#[test]
fn what_came_in_the_place_of_a_line_stands_beside_it() {
    let field = |from: &str, to: &str| {
        let mut change = rich().changes.swap_remove(0);
        let field = &mut change.fields[0];
        (field.row, field.form) = (RowChange::Updated, crate::plan::change::Form::Text);
        (field.from, field.to) = (from.into(), to.into());
        change.fields.truncate(1);
        let shown = serde_json::to_value(details::details(&change, &NoImages)).unwrap();
        shown["rows"][0]["fields"][0]["lines"].to_string()
    };
    assert_eq!(field("a\nb\nc", "a\nB\nc"), r#"[[" ","a","a"],["~","b","B"],[" ","c","c"]]"#);
    assert_eq!(field("a\nb", "a\nb\nc"), r#"[[" ","a","a"],[" ","b","b"],["+",0,"c"]]"#);
    assert_eq!(
        field("a\nx\ny\nb", "a\nz\nb"),
        r#"[[" ","a","a"],["~","x","z"],["-","y",0],[" ","b","b"]]"#
    );
}

#[test]
fn only_its_own_script_runs() {
    let policy = policy("data:", "'none'", "");
    let page = html(&rich(), &about(&NoImages));
    assert!(page.contains(&policy));
    let hash = BASE64.encode(Sha256::digest(SCRIPT));
    assert!(
        policy.starts_with(&format!("default-src 'none'; script-src 'sha256-{hash}'; style-src "))
    );
    // The script is one element: nothing in it ends it.
    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(page.matches("</script>").count(), 4);
}
