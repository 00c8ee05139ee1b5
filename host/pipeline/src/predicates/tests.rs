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
    assert_eq!(
        filters[0][0].select(&batch, &answers, &mut Effort::unlimited()),
        None
    );
    let small = filters[1][0]
        .select(&batch, &answers, &mut Effort::unlimited())
        .unwrap();
    assert_eq!(small, (0..100).filter(|n| n % 7 <= 2).collect::<Vec<u32>>());
    assert_eq!(
        filters[1][1].select(&batch, &answers, &mut Effort::unlimited()),
        Some(Vec::new())
    );
    assert_eq!(dataset.0.load(Ordering::Relaxed), 100);
}

#[test]
fn many_values_are_compared_as_each_by_itself() {
    let source = Arc::new(Source {
        slot: 1,
        name: "tap".into(),
        tenant: "acme".into(),
    });
    let texts = [
        "",
        "a",
        "ab",
        "abc",
        "b",
        "ba",
        "cab",
        "éa",
        "aé",
        "needle 17 here",
        "n17",
        "zzz",
        "ab ab",
    ];
    let mut builder = BatchBuilder::new(Kind::NetworkFlow, source);
    for (seq, text) in (0..).zip(texts) {
        let stamp = Stamp {
            time: Timestamp(seq),
            ingest_time: Timestamp(seq),
            seq,
        };
        let flow = NetworkFlow {
            dst: Endpoint {
                ip: std::net::IpAddr::from([10, 0, seq as u8, 1]).into(),
                ..Endpoint::default()
            },
            app_proto: Some(text.to_owned()),
            bytes_out: seq,
            ..NetworkFlow::default()
        };
        builder.push(stamp, &Body::NetworkFlow(flow)).unwrap();
    }
    let batch = builder.finish().unwrap();
    let dataset = Arc::new(Counting::default());
    let selected = |name: &str, test: Test| {
        let filters = Filters::new(vec![vec![filter(
            vec![predicate(name, false, test)],
            &dataset,
        )]]);
        let rows = filters[0][0].select(&batch, &filters.answers(), &mut Effort::unlimited());
        rows.unwrap_or_else(|| (0..batch.len() as u32).collect())
    };
    let expected = |passes: &dyn Fn(&str) -> bool| -> Vec<u32> {
        let rows = (0..).zip(texts).filter(|(_, text)| passes(text));
        rows.map(|(row, _)| row).collect()
    };
    let many = || {
        (0..40)
            .map(|n| format!("needle {n}"))
            .chain(["ab".into(), "abc".into()])
    };
    for needles in [
        vec!["ab".to_owned()],
        vec![String::new()],
        vec![
            "b".into(),
            "ab".into(),
            "abz".into(),
            "é".into(),
            "n17".into(),
            "a".into(),
        ],
        many().collect(),
        many().map(|text| text.chars().rev().collect()).collect(),
    ] {
        let any = |fits: fn(&str, &str) -> bool| {
            let needles = needles.clone();
            move |text: &str| needles.iter().any(|needle| fits(text, needle))
        };
        let all = || needles.clone();
        let found = selected("app-proto", Test::ContainsAny(all()));
        assert_eq!(found, expected(&any(|t, n| t.contains(n))), "{needles:?}");
        let found = selected("app-proto", Test::Prefix(all()));
        assert_eq!(
            found,
            expected(&any(|t, n| t.starts_with(n))),
            "{needles:?}"
        );
        let found = selected("app-proto", Test::Suffix(all()));
        assert_eq!(found, expected(&any(|t, n| t.ends_with(n))), "{needles:?}");
    }
    let v4 = |third: u8, length: u8| {
        let address = std::net::Ipv4Addr::new(10, 0, third, 0).to_ipv6_mapped();
        (address.octets(), 96 + length)
    };
    assert_eq!(
        selected("dst.ip", Test::Cidr(vec![v4(4, 23), v4(9, 24)])),
        [4, 5, 9]
    );
    assert_eq!(
        selected("dst.ip", Test::Cidr(vec![([0; 16], 0)])).len(),
        texts.len()
    );
    let numbers = [
        Value::Number(1.5),
        Value::Integer(2),
        Value::Number(3.0),
        Value::Number(-0.0),
    ];
    assert_eq!(
        selected("bytes-out", Test::OneOf(numbers.to_vec())),
        [0, 2, 3]
    );
}

#[test]
fn choosing_rows_ends_with_its_time_or_its_bytes() {
    let dataset = Arc::new(Counting::default());
    let ports = |not| predicate("dst.port", not, Test::Exists);
    let batch = flows();
    let filters = Filters::new(vec![
        vec![filter(vec![ports(false)], &dataset)],
        vec![filter(vec![ports(true)], &dataset)],
    ]);
    let answers = filters.answers();
    let past = std::time::Instant::now();
    for mut effort in [
        Effort::within(Some(past), u64::MAX),
        Effort::within(None, 50),
    ] {
        assert_eq!(filters[0][0].select(&batch, &answers, &mut effort), None);
        assert!(effort.is_over());
    }
    // What one had no time for is there for another, who pays for it, as does whoever asks later.
    for filter in [&filters[0][0], &filters[1][0]] {
        let mut effort = Effort::within(None, 1_000);
        assert!(filter.select(&batch, &answers, &mut effort).is_some());
        assert!(!effort.is_over() && effort.spent() >= 200, "{effort:?}");
    }
}

#[test]
fn what_predicates_take_is_counted() {
    let dataset = Arc::new(Counting::default());
    let held = |count: usize| {
        let needles = (0..count).map(|n| format!("needle {n}")).collect();
        let test = predicate("app-proto", false, Test::ContainsAny(needles));
        Filters::new(vec![vec![filter(vec![test], &dataset)]]).held()
    };
    let (few, many) = (held(3), held(10_000));
    assert!(few < 4_096, "{few}");
    // The texts twice over, at least, and no more than the manifest's size explains.
    assert!((200_000..8_000_000).contains(&many), "{many}");
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
            filters[0][0].select(&batch, &filters.answers(), &mut Effort::unlimited())
        })
        .collect();
    assert_eq!(alone[0].as_deref(), Some(&[22, 23, 80][..]));
    assert_eq!(alone[1].as_ref().map(Vec::len), Some(87));
    let together = all.iter().map(|p| filter(p.clone(), &dataset)).collect();
    let filters = Filters::new(vec![together]);
    assert_eq!(filters.shared, 3);
    let answers = filters.answers();
    let selected = filters[0]
        .iter()
        .map(|f| f.select(&batch, &answers, &mut Effort::unlimited()));
    assert_eq!(selected.collect::<Vec<_>>(), alone);
}
