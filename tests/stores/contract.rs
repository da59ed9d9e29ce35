//! What holds for every read store, whoever keeps it: a list of cases, each run for each kind.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as Runs, TestRunner};
use reconcile::config::target::Part;
use reconcile::config::{Config, Environment};
use reconcile::store::{self, Fate, Operation, Page, Store, Stored};

/// A store of one test's own, or a part of one.
pub struct Own {
    pub config: Config,
    pub part: Part,
    /// Of a search store.
    pub index: String,
    /// What every key of the test begins with.
    pub prefix: String,
    /// Whatever has to live as long.
    pub _held: Box<dyn std::any::Any>,
}

impl Own {
    pub async fn open(&self) -> Box<dyn Store> {
        store::open(&self.config, Environment::Prod, self.part, None).await.unwrap()
    }

    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn keys(&self, names: &[&str]) -> Vec<String> {
        names.iter().map(|name| self.key(name)).collect()
    }

    fn operation(&self, name: &str, version: i64, value: Option<&str>) -> Operation {
        let (index, key) = (self.index.clone(), self.key(name));
        Operation { index, key, version, value: value.map(str::to_owned) }
    }

    pub fn write(&self, name: &str, version: i64, value: &str) -> Operation {
        self.operation(name, version, Some(value))
    }

    pub fn deletion(&self, name: &str, version: i64) -> Operation {
        self.operation(name, version, None)
    }

    pub async fn values(&self, store: &mut Box<dyn Store>, names: &[&str]) -> Vec<Option<String>> {
        let found = store.get(&self.index, &self.keys(names)).await.unwrap();
        found.into_iter().map(|stored| stored.map(|stored| stored.value)).collect()
    }

    /// All keys that begin so, without the test's prefix, from pages of this size.
    pub async fn listed(
        &self,
        store: &mut Box<dyn Store>,
        prefix: &str,
        most: usize,
    ) -> Vec<String> {
        let (mut keys, mut from) = (BTreeSet::new(), None::<String>);
        loop {
            let prefix = self.key(prefix);
            let page = store.keys(&self.index, &prefix, from.as_deref(), most).await.unwrap();
            let Page { keys: some, next } = page;
            keys.extend(some.into_iter().map(|key| key[self.prefix.len()..].to_owned()));
            from = next;
            if from.is_none() {
                return keys.into_iter().collect();
            }
        }
    }
}

pub async fn the_last_write_wins_and_deletions_are_remembered(own: &Own) {
    let (mut one, mut two) = (own.open().await, own.open().await);
    let first = [own.write("a", 5, "{\"n\":5}"), own.deletion("b", 7)];
    assert_eq!(one.apply(&first).await.unwrap(), [Fate::Done, Fate::Done]);
    let late = [own.write("a", 4, "{\"n\":4}"), own.write("b", 6, "{}"), own.deletion("a", 4)];
    assert_eq!(two.apply(&late).await.unwrap(), [Fate::Outdated, Fate::Outdated, Fate::Outdated]);
    let stand = two.get(&own.index, &own.keys(&["b", "a", "a", "no"])).await.unwrap();
    let a = Some(Stored { value: "{\"n\":5}".into(), version: Some(5) });
    assert_eq!(stand, [None, a.clone(), a, None]);
    // An equal version wins: a message that comes again says the same.
    let again = [own.write("a", 5, "{\"n\":6}"), own.write("b", 7, "{\"n\":7}")];
    assert_eq!(two.apply(&again).await.unwrap(), [Fate::Done, Fate::Done]);
    let values = own.values(&mut one, &["a", "b"]).await;
    assert_eq!(values, [Some("{\"n\":6}".into()), Some("{\"n\":7}".into())]);
    let fates = one.apply(&[own.deletion("a", 5), own.deletion("b", 6)]).await.unwrap();
    assert_eq!(fates, [Fate::Done, Fate::Outdated]);
    assert_eq!(own.values(&mut two, &["a", "b"]).await, [None, Some("{\"n\":7}".into())]);
    assert_eq!(one.apply(&[]).await.unwrap(), []);
    assert_eq!(one.get(&own.index, &[]).await.unwrap(), []);
    one.close().await.unwrap();
}

pub async fn of_several_on_one_key_each_is_told_its_own_fate(own: &Own) {
    let mut store = own.open().await;
    store.apply(&[own.write("a", 5, "{\"n\":0}")]).await.unwrap();
    let fates = store
        .apply(&[
            own.write("a", 4, "{\"n\":1}"),
            own.write("a", 6, "{\"n\":2}"),
            own.write("b", 2, "{\"n\":3}"),
            own.deletion("a", 5),
            own.write("a", 6, "{\"n\":4}"),
            own.deletion("b", 2),
            own.deletion("c", 3),
            own.write("c", 3, "{\"n\":5}"),
        ])
        .await
        .unwrap();
    let (done, outdated) = (Fate::Done, Fate::Outdated);
    let wanted = [&outdated, &done, &done, &outdated, &done, &done, &done, &done];
    assert_eq!(fates.iter().collect::<Vec<_>>(), wanted);
    let values = own.values(&mut store, &["a", "b", "c"]).await;
    assert_eq!(values, [Some("{\"n\":4}".into()), None, Some("{\"n\":5}".into())]);
}

pub async fn versions_are_compared_exactly(own: &Own) {
    let mut store = own.open().await;
    let most = 1_i64 << 53;
    for (number, version) in
        [0, 1, 1_526_033_491_215_958, most - 2, most - 1].into_iter().enumerate()
    {
        let name = format!("v{number}");
        let both = [own.write(&name, version + 1, "{\"n\":2}"), own.write("x", 1, "{}")];
        assert_eq!(store.apply(&both).await.unwrap()[0], Fate::Done);
        let late = [own.write(&name, version, "{\"n\":1}")];
        assert_eq!(store.apply(&late).await.unwrap(), [Fate::Outdated], "{version}");
        let stand = store.get(&own.index, &own.keys(&[&name])).await.unwrap();
        assert_eq!(stand[0].as_ref().unwrap().version, Some(version + 1));
        assert_eq!(store.apply(&both[..1]).await.unwrap(), [Fate::Done], "{version}");
    }
}

pub async fn keys_come_in_pages_by_their_prefix(own: &Own) {
    let mut store = own.open().await;
    let all = ["a", "a:1", "a:10", "a:2", "a\u{10ffff}", "b", "é"];
    let operations: Vec<_> = all.iter().map(|key| own.write(key, 1, "{}")).collect();
    store.apply(&operations).await.unwrap();
    store.apply(&[own.deletion("a:10", 2), own.deletion("gone", 2)]).await.unwrap();
    for most in [1, 3, 99] {
        assert_eq!(own.listed(&mut store, "a:", most).await, ["a:1", "a:2"]);
        let rest = own.listed(&mut store, "", most).await;
        assert_eq!(rest, ["a", "a:1", "a:2", "a\u{10ffff}", "b", "é"]);
    }
    assert_eq!(own.listed(&mut store, "none", 9).await, [] as [&str; 0]);
    if own.part == Part::Storage {
        assert_eq!(store.indexes().await.unwrap(), [""]);
        assert_eq!(store.search("", "1", 9).await.unwrap(), []);
    }
}

/// More than fit into one call, with documents of very different sizes.
pub async fn any_number_is_carried_out(own: &Own) {
    let mut store = own.open().await;
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(700_000));
    let value = |number: usize| match number % 1000 {
        7 => large.clone(),
        _ => format!("{{\"n\":{number}}}"),
    };
    let names: Vec<String> = (0..5000).map(|number| format!("k{number}")).collect();
    let writes = names.iter().enumerate().map(|(at, name)| own.write(name, 1, &value(at)));
    let fates = store.apply(&writes.collect::<Vec<_>>()).await.unwrap();
    assert_eq!(fates, vec![Fate::Done; names.len()]);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let found = own.values(&mut store, &names).await;
    for (at, found) in found.into_iter().enumerate() {
        assert_eq!(found.as_deref(), Some(value(at).as_str()), "{at}");
    }
    let mut listed = own.listed(&mut store, "k", 700).await;
    listed.sort_unstable_by_key(|name| name[1..].parse::<usize>().unwrap());
    assert_eq!(listed, names);
    let gone: Vec<_> = names.iter().map(|name| own.deletion(name, 2)).collect();
    assert_eq!(store.apply(&gone).await.unwrap(), vec![Fate::Done; names.len()]);
    assert_eq!(own.listed(&mut store, "k", 700).await, [] as [&str; 0]);
}

/// Two sessions get the same operations three times each, in orders of their own.
pub async fn shuffled_and_tripled_operations_end_right(own: &Own) {
    let mut all = Vec::new();
    for version in 1..=6_i64 {
        for number in 0..40_usize {
            let name = format!("k{number}");
            // Some end deleted, some come back.
            all.push(match (name.len() as i64 + version) % 3 {
                0 => own.deletion(&name, version),
                _ => own.write(&name, version, &format!("{{\"v\":{version}}}")),
            });
        }
    }
    let sessions = [7_u64, 11].map(|seed| {
        let thrice = shuffled(&[&all[..], &all[..], &all[..]].concat(), seed);
        async move {
            let mut store = own.open().await;
            for batch in thrice.chunks(50) {
                store.apply(batch).await.unwrap();
            }
        }
    });
    futures_util::future::join_all(sessions).await;
    let mut store = own.open().await;
    let names: Vec<String> = (0..40).map(|number| format!("k{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (name, value) in names.iter().zip(own.values(&mut store, &names).await) {
        let last = all.iter().rfind(|it| it.key == own.key(name)).unwrap();
        assert_eq!(value, last.value, "{name}");
    }
}

pub fn shuffled(list: &[Operation], seed: u64) -> Vec<Operation> {
    let mut list = list.to_vec();
    let mut state = seed;
    for at in (1..list.len()).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).unwrap() % (at + 1);
        list.swap(at, other);
    }
    list
}

/// Each is one key and no pattern; a store may refuse one that is too long for it.
pub async fn keys_may_hold_anything(own: &Own) {
    let long = "long".repeat(20_000);
    let names = [
        "*",
        "?",
        "[a]",
        "a*",
        "#",
        "{",
        "}",
        "{}",
        "{a}",
        "}{",
        "{}a{b}",
        "{{a}}",
        "a}b",
        "a\\",
        "\\*",
        "new\nline",
        "nul\0",
        "\u{1f600}",
        "%41",
        "a b",
        "\"'",
        "..",
        "kv:",
        &long,
    ];
    let mut store = own.open().await;
    let value = |at: usize| format!("{{\"at\":{at}}}");
    let writes: Vec<_> =
        names.iter().enumerate().map(|(at, name)| own.write(name, 1, &value(at))).collect();
    let fates = store.apply(&writes).await.unwrap();
    let refused = |at: usize| matches!(fates[at], Fate::Refused(_));
    assert!(
        (0..names.len()).all(|at| fates[at] == Fate::Done || names[at].len() > 500 && refused(at))
    );
    for (at, found) in own.values(&mut store, &names).await.into_iter().enumerate() {
        let wanted = (!refused(at)).then(|| value(at));
        assert_eq!(found, wanted, "{:.40}", names[at]);
    }
    let there = |prefix: &str| {
        let all =
            names.iter().enumerate().filter(|(at, name)| !refused(*at) && name.starts_with(prefix));
        all.map(|(_, name)| (*name).to_owned()).collect::<BTreeSet<String>>()
    };
    for prefix in ["", "*", "[", "a", "a\\", "{", "\\", "?"] {
        let listed = own.listed(&mut store, prefix, 5).await;
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), there(prefix), "{prefix:?}");
    }
    let late: Vec<_> = names.iter().map(|name| own.deletion(name, 0)).collect();
    let fates = store.apply(&late).await.unwrap();
    assert!(fates.iter().all(|fate| *fate != Fate::Done));
    let gone: Vec<_> = names.iter().map(|name| own.deletion(name, 1)).collect();
    store.apply(&gone).await.unwrap();
    assert_eq!(own.listed(&mut store, "", 5).await, [] as [&str; 0]);
}

/// What a store does with operations, told by a map.
#[derive(Default)]
struct Model(BTreeMap<String, (i64, Option<String>)>);

impl Model {
    fn apply(&mut self, operation: &Operation) -> Fate {
        let Operation { key, version, value, .. } = operation;
        if self.0.get(key).is_some_and(|(known, _)| version < known) {
            return Fate::Outdated;
        }
        self.0.insert(key.clone(), (*version, value.clone()));
        Fate::Done
    }
}

/// Any batches of writes and deletions end as a map would have them.
pub async fn a_store_does_what_a_map_does(own: &Own) {
    let name = prop::sample::select(vec!["a", "b", "{c}", "{c}1", "d}", "e:1"]);
    let version = prop_oneof![0..6_i64, ((1_i64 << 53) - 3)..=(1_i64 << 53)];
    let one = (name, version, prop::option::of(0..3_u8));
    let batches = prop::collection::vec(prop::collection::vec(one, 0..12), 1..6);
    let mut runner =
        TestRunner::new(Runs { cases: 40, failure_persistence: None, ..Runs::default() });
    let mut store = own.open().await;
    for case in 0..runner.config().cases {
        let batches = batches.new_tree(&mut runner).unwrap().current();
        let mut model = Model::default();
        let names: Vec<String> = ["a", "b", "{c}", "{c}1", "d}", "e:1"]
            .iter()
            .map(|name| format!("{case}:{name}"))
            .collect();
        for batch in batches {
            let operation = |(name, version, value): (&str, i64, Option<u8>)| {
                let value = value.map(|value| format!("{{\"v\":{value}}}"));
                own.operation(&format!("{case}:{name}"), version, value.as_deref())
            };
            let operations: Vec<Operation> = batch.into_iter().map(operation).collect();
            let wanted: Vec<Fate> = operations.iter().map(|it| model.apply(it)).collect();
            assert_eq!(store.apply(&operations).await.unwrap(), wanted, "{operations:?}");
        }
        let keys: Vec<String> = names.iter().map(|name| own.key(name)).collect();
        let found = store.get(&own.index, &keys).await.unwrap();
        for (key, found) in keys.iter().zip(found) {
            let known = model.0.get(key);
            let wanted = known.and_then(|(version, value)| {
                Some(Stored { value: value.clone()?, version: Some(*version) })
            });
            assert_eq!(found, wanted, "{key}");
        }
    }
}

/// A test of each case, for the kind of store that `$own` makes; it makes none where there is no server.
macro_rules! contract {
    ($kind:ident, $own:expr) => {
        mod $kind {
            use super::*;

            contract!(@ $own,
                the_last_write_wins_and_deletions_are_remembered,
                of_several_on_one_key_each_is_told_its_own_fate,
                versions_are_compared_exactly,
                keys_come_in_pages_by_their_prefix,
                any_number_is_carried_out,
                shuffled_and_tripled_operations_end_right,
                keys_may_hold_anything,
                a_store_does_what_a_map_does,
            );
        }
    };
    (@ $own:expr, $($case:ident,)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let Some(own) = $own else { return };
                $crate::stores::contract::$case(&own).await;
            }
        )*
    };
}
pub(crate) use contract;
