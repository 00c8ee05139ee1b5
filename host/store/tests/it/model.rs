//! Random histories against the obvious model: a map of blobs and a map of names.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use palisade_store::{Blob, Digest, GcOptions, Name};
use proptest::prelude::*;

use crate::{Fixture, LIMIT};

#[derive(Debug, Clone)]
enum Step {
    Put(Vec<u8>),
    SetName(u8, prop::sample::Index),
    RemoveName(u8),
    Collect { dry_run: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(0..4u8, 0..6).prop_map(Step::Put),
        3 => (0..4u8, any::<prop::sample::Index>()).prop_map(|(n, i)| Step::SetName(n, i)),
        1 => (0..4u8).prop_map(Step::RemoveName),
        1 => any::<bool>().prop_map(|dry_run| Step::Collect { dry_run }),
    ]
}

/// A blob refers to the blob of its own content without the first byte.
fn referred(content: &[u8]) -> Option<Digest> {
    content.split_first().map(|(_, rest)| Digest::of(rest))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_store_does_what_two_maps_do(steps in prop::collection::vec(step(), 1..30)) {
        let fixture = Fixture::in_memory();
        let store = &fixture.store;
        let mut blobs: BTreeMap<Digest, Vec<u8>> = BTreeMap::new();
        let mut names: BTreeMap<Name, Digest> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Put(content) => {
                    // With all it refers to, so that nothing reachable is missing.
                    for start in 0..=content.len() {
                        let digest = fixture.put(&content[start..]);
                        blobs.insert(digest, content[start..].to_vec());
                    }
                }
                Step::SetName(n, index) if !blobs.is_empty() => {
                    let digest = *index.get(&blobs.keys().copied().collect::<Vec<_>>());
                    let name: Name = format!("n{n}").parse().unwrap();
                    store.set_name(&name, &digest).unwrap();
                    names.insert(name, digest);
                }
                Step::SetName(..) => {}
                Step::RemoveName(n) => {
                    let name: Name = format!("n{n}").parse().unwrap();
                    prop_assert_eq!(
                        store.remove_name(&name).unwrap(),
                        names.remove(&name).is_some()
                    );
                }
                Step::Collect { dry_run } => {
                    let mut kept = BTreeSet::new();
                    for start in names.values() {
                        let mut next = Some(*start);
                        while let Some(digest) = next {
                            kept.insert(digest);
                            next = referred(&blobs[&digest]);
                        }
                    }
                    let options = GcOptions {
                        dry_run,
                        grace: Duration::ZERO,
                        now: SystemTime::now() + Duration::from_secs(1),
                    };
                    let report = store.gc(options, |digest| {
                        Ok(referred(&store.get(digest, LIMIT)?).into_iter().collect())
                    }).unwrap();
                    let removed: Vec<_> = report.removed.iter().map(|blob| blob.digest).collect();
                    let expected: Vec<_> =
                        blobs.keys().copied().filter(|digest| !kept.contains(digest)).collect();
                    prop_assert_eq!(removed, expected);
                    if !dry_run {
                        blobs.retain(|digest, _| kept.contains(digest));
                    }
                }
            }
            let expected: Vec<_> = blobs
                .iter()
                .map(|(digest, content)| Blob { digest: *digest, size: content.len() as u64 })
                .collect();
            prop_assert_eq!(store.list().unwrap(), expected);
            prop_assert_eq!(
                store.names().unwrap(),
                names.clone().into_iter().collect::<Vec<_>>()
            );
        }
        let problems = store.verify(|_| {}).problems;
        prop_assert!(problems.is_empty());
    }
}
