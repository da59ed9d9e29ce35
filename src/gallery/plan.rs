//! Files that differ, as changes of the plan.

use serde_json::{Value as Json, json};

use super::compare::{Difference, Facts, table};
use crate::compare::fingerprint::PinKey;
use crate::manifest::sync_job::Direction;
use crate::plan::change::{Change, Class, Field, Form, RowChange};

/// The module that files belong to.
pub const MODULE: &str = "gallery";

/// The changes, in the order of the differences.
pub fn changes(differences: &[Difference], direction: Direction, key: &PinKey) -> Vec<Change> {
    differences.iter().map(|difference| change(difference, direction, key)).collect()
}

fn change(difference: &Difference, direction: Direction, key: &PinKey) -> Change {
    let Difference { folder, id, path, class, from, to, target_newer } = difference;
    Change {
        module: MODULE.to_owned(),
        table: table(folder),
        id: id.clone(),
        class: *class,
        conflict: None,
        identity: [("path".to_owned(), json!(path))].into(),
        label: None,
        renamed_from: None,
        pin: format!("{id}@{}", pin(difference, direction, key)),
        depends_on: Vec::new(),
        files: Vec::new(),
        target_newer: *target_newer,
        fields: fields(difference, from.as_ref(), to.as_ref()),
        approved: false,
    }
}

/// 16 hex digits over all that an approval of a file covers.
fn pin(difference: &Difference, direction: Direction, key: &PinKey) -> String {
    let Difference { folder, id, class, from, to, path: _, target_newer: _ } = difference;
    let content = |facts: &Option<Facts>| facts.map(|facts| facts.content);
    let covered = json!([direction, table(folder), id, class, content(from), content(to)]);
    key.pin(&covered.to_string())
}

fn fields(difference: &Difference, from: Option<&Facts>, to: Option<&Facts>) -> Vec<Field> {
    let row = match difference.class {
        Class::New => RowChange::Inserted,
        Class::Deleted => RowChange::Deleted,
        Class::Modified | Class::Conflict => RowChange::Updated,
    };
    let size = |facts: &Facts| json!(facts.content.size);
    let dimensions = |facts: &Facts| match facts.dimensions {
        Some([width, height]) => json!(format!("{width} x {height}")),
        None => Json::Null,
    };
    let hash = |facts: &Facts| json!(facts.content.blake3);
    let both =
        |value: &dyn Fn(&Facts) -> Json| [from, to].map(|facts| facts.map_or(Json::Null, value));
    [("size", both(&size)), ("dimensions", both(&dimensions)), ("blake3", both(&hash))]
        .into_iter()
        .map(|(column, [from, to])| Field {
            table: table(&difference.folder),
            key: difference.id.clone(),
            column: column.to_owned(),
            row,
            form: Form::Plain,
            from,
            to,
        })
        .filter(|field| field.from != field.to)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::file::{Content, FilePath};

    fn facts(text: &str, dimensions: Option<[u32; 2]>) -> Facts {
        let content =
            Content { size: text.len() as u64, blake3: blake3::hash(text.as_bytes()).into() };
        Facts { content, dimensions, modified: 7 }
    }

    fn modified() -> Difference {
        Difference {
            folder: "spring".into(),
            id: "a/b.png".into(),
            path: FilePath::try_from("spring/a/b.png".to_owned()).unwrap(),
            class: Class::Modified,
            from: Some(facts("old", Some([3, 2]))),
            to: Some(facts("new", None)),
            target_newer: false,
        }
    }

    fn only(difference: &Difference) -> Change {
        let key = PinKey::new(None);
        changes(std::slice::from_ref(difference), Direction::TestToProd, &key).remove(0)
    }

    #[test]
    fn a_file_is_a_change_with_its_size_its_pixels_and_its_hash() {
        let change = only(&modified());
        assert_eq!((change.module.as_str(), change.table.as_str()), ("gallery", "gallery/spring"));
        assert!(change.pin.starts_with("a/b.png@") && change.bare_pin().len() == 16);
        let told: Vec<_> = change.fields.iter().map(|it| (it.column.as_str(), &it.from)).collect();
        let hash = json!(blake3::hash(b"old").to_hex().as_str());
        // The sizes are the same.
        assert_eq!(told, [("dimensions", &json!("3 x 2")), ("blake3", &hash)]);
    }

    #[test]
    fn the_pin_covers_both_contents_and_nothing_that_only_looks_different() {
        let pin = |change: &dyn Fn(&mut Difference)| {
            let mut difference = modified();
            change(&mut difference);
            only(&difference).pin
        };
        let same = pin(&|_| {});
        assert_eq!(pin(&|it| it.target_newer = true), same);
        assert_eq!(pin(&|it| it.to.as_mut().unwrap().modified = 8), same);
        assert_ne!(pin(&|it| it.to = Some(facts("now", None))), same);
        assert_ne!(pin(&|it| it.from = Some(facts("was", None))), same);
        assert_ne!(pin(&|it| it.from = None), same);
        assert_ne!(pin(&|it| it.class = Class::New), same);
        assert_ne!(pin(&|it| it.folder = "summer".into()), same);
    }
}
