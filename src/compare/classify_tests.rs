//! Every combination of Ti, Tk, NULL identities, filters, `created` and pairs, each case named.

use super::*;

fn holder() -> IdHolder {
    IdHolder { in_filter: true, ..IdHolder::default() }
}

fn whole(by_id: Option<IdHolder>, there: usize) -> Facts {
    Facts { identity: Identity::Whole, here: 1, there, by_id, ..Facts::default() }
}

fn made_together() -> IdHolder {
    IdHolder { created_equal: Some(true), created_unique: true, ..holder() }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn each_named_case() {
    let same = IdHolder { same_identity: true, ..holder() };
    let null = |holder| Facts { identity: Identity::NullPart, by_id: holder, ..Facts::default() };
    let none = |holder| Facts { by_id: holder, ..Facts::default() };
    let cases = [
        ("neither Ti nor Tk: new", whole(None, 0), Verdict::New),
        ("Ti has k", whole(Some(same.clone()), 1), Verdict::SameById),
        (
            "Ti has k and stands outside the filter",
            whole(Some(IdHolder { in_filter: false, ..same.clone() }), 1),
            Verdict::SameById,
        ),
        ("Ti has k, and k stands twice there", whole(Some(same.clone()), 2), Verdict::SameById),
        (
            "Ti has k, and k stands twice here",
            Facts { here: 2, ..whole(Some(same.clone()), 1) },
            Verdict::SameById,
        ),
        ("Tk only, once", whole(None, 1), Verdict::IdDiffers),
        ("Tk only, twice", whole(None, 2), Verdict::IdentityAmbiguous),
        (
            "k twice here, none there",
            Facts { here: 2, ..whole(None, 0) },
            Verdict::IdentityAmbiguous,
        ),
        ("Ti is something else, Tk has another ID", whole(Some(holder()), 1), Verdict::IdDiffers),
        ("Ti is something else, no Tk", whole(Some(holder()), 0), Verdict::IdReused),
        ("renamed: made together", whole(Some(made_together()), 0), Verdict::Renamed),
        (
            "made together, outside the filter",
            whole(Some(IdHolder { in_filter: false, ..made_together() }), 0),
            Verdict::IdReused,
        ),
        (
            "made together with others",
            whole(Some(IdHolder { created_unique: false, ..made_together() }), 0),
            Verdict::IdReused,
        ),
        (
            "made together, but the old identity lives on",
            whole(Some(IdHolder { identity_lives_on: true, ..made_together() }), 0),
            Verdict::IdReused,
        ),
        (
            "made at another moment",
            whole(Some(IdHolder { created_equal: Some(false), ..made_together() }), 0),
            Verdict::IdReused,
        ),
        (
            "made together, but Tk exists elsewhere",
            whole(Some(made_together()), 1),
            Verdict::IdDiffers,
        ),
        (
            "made together, but Ti is another's partner",
            whole(Some(IdHolder { claimed: true, ..made_together() }), 0),
            Verdict::IdReused,
        ),
        ("no identity declared, Ti", none(Some(holder())), Verdict::SameById),
        ("no identity declared, no Ti", none(None), Verdict::New),
        (
            "no identity declared, Ti outside the filter",
            none(Some(IdHolder::default())),
            Verdict::IdReused,
        ),
        (
            "no identity declared, Ti is another's partner",
            none(Some(IdHolder { claimed: true, ..holder() })),
            Verdict::IdReused,
        ),
        (
            "NULL part on both sides",
            null(Some(IdHolder { null_part: true, ..holder() })),
            Verdict::SameById,
        ),
        (
            "NULL part on both sides, made at another moment",
            null(Some(IdHolder { null_part: true, created_equal: Some(false), ..holder() })),
            Verdict::IdReused,
        ),
        (
            "NULL part on both sides, made together",
            null(Some(IdHolder { null_part: true, ..made_together() })),
            Verdict::SameById,
        ),
        (
            "NULL part on both sides, outside the filter",
            null(Some(IdHolder { null_part: true, ..IdHolder::default() })),
            Verdict::IdReused,
        ),
        ("NULL part here only", null(Some(holder())), Verdict::IdReused),
        ("NULL part here only, made together", null(Some(made_together())), Verdict::Renamed),
        (
            "NULL part there only, made together",
            whole(Some(IdHolder { null_part: true, ..made_together() }), 0),
            Verdict::Renamed,
        ),
        ("NULL part, no Ti", null(None), Verdict::New),
        ("a remembered pair", Facts { paired: true, ..whole(None, 0) }, Verdict::SameByPair),
        (
            "a remembered pair goes before the ID",
            Facts { paired: true, ..whole(Some(holder()), 0) },
            Verdict::SameByPair,
        ),
        (
            "a remembered pair goes before an ambiguous identity",
            Facts { paired: true, here: 2, ..whole(None, 2) },
            Verdict::SameByPair,
        ),
    ];
    for (name, facts, expected) in cases {
        assert_eq!(classify(&facts), expected, "{name}");
    }
}
