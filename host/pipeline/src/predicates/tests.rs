//! Predicates that several subscriptions share, and those that none does.

use std::sync::atomic::{AtomicUsize, Ordering};

use palisade_events::{BatchBuilder, Body, Endpoint, NetworkFlow, Source, Stamp, Timestamp};
use palisade_runtime::manifest::{Manifest, Value};

use super::*;

/// A dataset that holds every value, and counts how often it was asked.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Membership for Counting {
    fn contains(&self, _: &Column, _: usize, _: u64) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn identity(&self) -> usize {
        1
    }
}

/// Flows to ports 0 to 99.
fn flows() -> Batch {
    let source = Arc::new(Source {
        slot: 1,
        name: "tap".into(),
        tenant: "acme".into(),
    });
    let mut builder = BatchBuilder::new(Kind::NetworkFlow, source);
    for seq in 0..100 {
        let stamp = Stamp {
            time: Timestamp(seq),
            ingest_time: Timestamp(seq),
            seq,
        };
        let flow = NetworkFlow {
            dst: Endpoint {
                ip: std::net::IpAddr::from([10, 0, 0, 1]).into(),
                port: (seq % 10 != 9).then_some(seq as u16),
                ..Endpoint::default()
            },
            bytes_out: seq % 7,
            ..NetworkFlow::default()
        };
        builder.push(stamp, &Body::NetworkFlow(flow)).unwrap();
    }
    builder.finish().unwrap()
}

fn predicate(name: &str, not: bool, test: Test) -> Predicate {
    Predicate {
        name: name.into(),
        field: FieldId::of(name),
        not,
        test,
    }
}

fn filter(predicates: Vec<Predicate>, dataset: &Arc<Counting>) -> Filter {
    let manifest = r#"
        [plugin]
        name = "test"
        version = "0.1.0"
        kind = "detector"
        wit = "0.1"
        pack = "tests"
        [[subscription]]
        kind = "network.flow"
        fields = ["dst.port"]
        [[rule]]
        id = "test-1"
        title = "Test"
        severity = "low"
    "#;
    let mut subscription = Manifest::parse(manifest).unwrap().subscriptions.remove(0);
    subscription.predicates = predicates;
    let listed = |_| Some(Arc::clone(dataset) as Arc<dyn Membership>);
    Filter::new(&subscription, &listed).unwrap()
}

#[test]
fn equal_predicates_of_several_plugins_are_evaluated_once_a_batch() {
    let dataset = Arc::new(Counting::default());
    let listed = |not| predicate("dst.ip", not, Test::InDataset(0));
    let few = || {
        let range = Test::Range {
            min: None,
            max: Some(Value::Integer(2)),
        };
        predicate("bytes-out", false, range)
    };
    let filters = Filters::new(vec![
        vec![filter(vec![listed(false)], &dataset)],
        vec![
            filter(vec![few(), listed(false)], &dataset),
            filter(vec![listed(true)], &dataset),
        ],
    ]);
    let batch = flows();
    let answers = filters.answers();
    assert_eq!(filters[0][0].select(&batch, &answers), None);
    let small = filters[1][0].select(&batch, &answers).unwrap();
    assert_eq!(small, (0..100).filter(|n| n % 7 <= 2).collect::<Vec<u32>>());
    assert_eq!(filters[1][1].select(&batch, &answers), Some(Vec::new()));
    assert_eq!(dataset.0.load(Ordering::Relaxed), 100);
}

#[test]
fn shared_predicates_select_what_they_select_alone() {
    let dataset = Arc::new(Counting::default());
    let ports = |not| {
        let ports = [22, 23, 80].map(Value::Integer).to_vec();
        predicate("dst.port", not, Test::OneOf(ports))
    };
    let exists = |not| predicate("dst.port", not, Test::Exists);
    let network = predicate("dst.ip", false, Test::Cidr(vec![([0; 16], 0)]));
    let all = [
        vec![ports(false)],
        vec![ports(true), exists(false)],
        vec![exists(true), network.clone()],
        vec![network, ports(false)],
    ];
    let batch = flows();
    let alone: Vec<_> = all
        .iter()
        .map(|predicates| {
            let filters = Filters::new(vec![vec![filter(predicates.clone(), &dataset)]]);
            assert_eq!(filters.shared, 0);
            filters[0][0].select(&batch, &filters.answers())
        })
        .collect();
    assert_eq!(alone[0].as_deref(), Some(&[22, 23, 80][..]));
    assert_eq!(alone[1].as_ref().map(Vec::len), Some(87));
    let together = all.iter().map(|p| filter(p.clone(), &dataset)).collect();
    let filters = Filters::new(vec![together]);
    assert_eq!(filters.shared, 3);
    let answers = filters.answers();
    let selected = filters[0].iter().map(|f| f.select(&batch, &answers));
    assert_eq!(selected.collect::<Vec<_>>(), alone);
}
