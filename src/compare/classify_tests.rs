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

/// Long, because it is a table: one line for each case, and one loop.
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

type Rule = (&'static str, fn(&Facts) -> bool, Verdict);

/// The rules in the design's words and order; the first that fits decides.
const RULES: [Rule; 9] = [
    ("1: a remembered pair", |it| it.paired, Verdict::SameByPair),
    ("1: Ti has identity k", |it| ti(it, |ti| ti.same_identity), Verdict::SameById),
    (
        "1: Ti passes the filter and no identity is declared",
        |it| it.identity == Identity::NotDeclared && ti(it, |ti| ti.in_filter && !ti.claimed),
        Verdict::SameById,
    ),
    (
        "1: Ti passes the filter, NULL parts on both sides, `created` equal where declared",
        |it| {
            it.identity == Identity::NullPart
                && ti(it, |ti| ti.in_filter && ti.null_part && !ti.claimed)
                && ti(it, |ti| ti.created_equal != Some(false))
        },
        Verdict::SameById,
    ),
    (
        "2: k without NULL parts stands more than once on a side",
        |it| it.identity == Identity::Whole && (it.here > 1 || it.there > 1),
        Verdict::IdentityAmbiguous,
    ),
    (
        "3: Tk has another ID",
        |it| it.identity == Identity::Whole && it.there == 1,
        Verdict::IdDiffers,
    ),
    (
        "4: Ti passes the filter, was made with the record alone, and its identity is gone",
        |it| {
            ti(it, |ti| ti.in_filter && ti.created_equal == Some(true) && ti.created_unique)
                && ti(it, |ti| !ti.identity_lives_on && !ti.claimed)
        },
        Verdict::Renamed,
    ),
    ("4: Ti exists", |it| it.by_id.is_some(), Verdict::IdReused),
    ("5: neither", |_| true, Verdict::New),
];

fn ti(facts: &Facts, holds: impl Fn(&IdHolder) -> bool) -> bool {
    facts.by_id.as_ref().is_some_and(holds)
}

/// Everything that can be known of Ti.
fn holders() -> Vec<Option<IdHolder>> {
    let mut holders = vec![None];
    for bits in 0..64_u32 {
        let bit = |place: u32| bits & (1 << place) != 0;
        for created_equal in [None, Some(false), Some(true)] {
            holders.push(Some(IdHolder {
                same_identity: bit(0),
                in_filter: bit(1),
                null_part: bit(2),
                created_equal,
                created_unique: bit(3),
                identity_lives_on: bit(4),
                claimed: bit(5),
            }));
        }
    }
    holders
}

#[test]
fn every_combination_falls_under_one_rule() {
    let mut reached = [0; RULES.len()];
    for identity in [Identity::NotDeclared, Identity::NullPart, Identity::Whole] {
        for (paired, here, there) in
            [false, true].into_iter().flat_map(|paired| (0..9).map(move |n| (paired, n / 3, n % 3)))
        {
            for by_id in holders() {
                let facts = Facts { identity, paired, by_id, here, there };
                // Ti bears k only where there is a k to bear.
                let borne = identity == Identity::Whole && there > 0;
                if ti(&facts, |ti| ti.same_identity) && !borne {
                    continue;
                }
                let (at, (name, _, verdict)) =
                    RULES.iter().enumerate().find(|(_, (_, fits, _))| fits(&facts)).unwrap();
                assert_eq!(classify(&facts), *verdict, "{name}: {facts:?}");
                reached[at] += 1;
            }
        }
    }
    assert!(reached.iter().all(|count| *count > 0), "a rule that nothing falls under: {reached:?}");
    assert_eq!(reached.iter().sum::<usize>(), 6_390);
}
