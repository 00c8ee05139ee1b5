use std::sync::Arc;

use palisade_events::{AttributeValue, IpAddress, Values};
use proptest::prelude::*;

use super::*;

fn parse(lines: &str) -> Result<Dataset, DatasetError> {
    Dataset::parse("indicators", lines.as_bytes(), &DatasetLimits::default())
}

fn entry(kind: &str, value: &str) -> String {
    format!("{{\"kind\":\"{kind}\",\"value\":\"{value}\"}}\n")
}

fn dataset(entries: &[(&str, &str)]) -> Dataset {
    let lines: String = entries
        .iter()
        .map(|(kind, value)| entry(kind, value))
        .collect();
    parse(&lines).unwrap()
}

fn column(values: Values) -> Column {
    Column {
        values,
        offsets: None,
        valid: None,
    }
}

fn texts(values: &[&str]) -> Column {
    let mut offsets = vec![0];
    offsets.extend(values.iter().scan(0u32, |end, value| {
        *end += value.len() as u32;
        Some(*end)
    }));
    column(Values::Text {
        offsets: offsets.into(),
        bytes: values.concat().into_bytes().into(),
    })
}

fn addresses(values: &[&str]) -> Column {
    let bytes = values
        .iter()
        .flat_map(|v| v.parse::<IpAddress>().unwrap().0);
    column(Values::Address(bytes.collect()))
}

fn hits(dataset: &Dataset, column: &Column, time: u64) -> Vec<(u32, u32)> {
    let rows = (0..column.rows() as u32).map(|row| (row, time));
    let hits = dataset.matches(column, rows).unwrap();
    let mut scratch = Scratch::default();
    for row in 0..column.rows() {
        let contains = column
            .range(row)
            .any(|at| column.is_valid(at) && dataset.contains(column, at, time, &mut scratch));
        assert_eq!(contains, hits.iter().any(|hit| hit.row as usize == row));
    }
    hits.into_iter().map(|hit| (hit.row, hit.entry)).collect()
}

#[test]
fn addresses_match_addresses_and_all_networks_that_hold_them() {
    let dataset = dataset(&[
        ("cidr", "203.0.113.0/24"),
        ("ipv4", "203.0.113.9"),
        ("cidr", "203.0.0.0/16"),
        ("ipv6", "2001:DB8::1"),
        ("cidr", "2001:db8::/32"),
        ("cidr", "203.0.113.9/32"),
    ]);
    let seen = addresses(&[
        "203.0.113.9",
        "203.0.113.10",
        "10.0.0.1",
        "2001:db8::1",
        "::1",
    ]);
    assert_eq!(
        hits(&dataset, &seen, 0),
        [
            (0, 0),
            (0, 1),
            (0, 2),
            (0, 5),
            (1, 0),
            (1, 2),
            (3, 3),
            (3, 4)
        ]
    );
    // Text that is an address matches as one: DNS answers, hosts of requests.
    let seen = texts(&[
        "203.0.113.10",
        "203.0.113.010",
        "2001:DB8:0::1",
        "203.0.113.9:80",
    ]);
    assert_eq!(hits(&dataset, &seen, 0), [(0, 0), (0, 2), (2, 3), (2, 4)]);
}

#[test]
fn domains_match_by_whole_labels_from_the_right() {
    let dataset = dataset(&[("domain", "Evil.Example."), ("domain", "b.evil.example")]);
    let seen = texts(&[
        "evil.example",
        "a.evil.example",
        "notevil.example",
        "A.B.EVIL.example.",
        "example",
        "evil.example.org",
        "http://evil.example/",
        "someone@mail.evil.example",
        "",
        ".",
    ]);
    assert_eq!(hits(&dataset, &seen, 0), [(0, 0), (1, 0), (3, 0), (3, 1)]);
    assert_eq!(&*dataset.entry(0).unwrap().value, "evil.example");
}

#[test]
fn everything_else_matches_in_full() {
    let hash = "AB".repeat(32);
    let dataset = dataset(&[
        ("url", "http://x.example/A?b"),
        ("sha256", &hash),
        ("email", "Some.One@x.example"),
        ("text", "Mixed Case"),
        ("text", "64512"),
    ]);
    let lower = hash.to_lowercase();
    let seen = texts(&[
        "http://x.example/A?b",
        "http://x.example/a?b",
        &hash,
        &lower,
        "some.one@X.example",
        "Mixed Case",
        "mixed case",
        "Mixed Case ",
    ]);
    assert_eq!(
        hits(&dataset, &seen, 0),
        [(0, 0), (2, 1), (3, 1), (4, 2), (5, 3)]
    );
    let seen = column(Values::U32(Arc::from([64511, 64512])));
    assert_eq!(hits(&dataset, &seen, 0), [(1, 4)]);
    let seen = column(Values::F64(Arc::from([64512.0, 64512.5, f64::NAN, 1e300])));
    assert_eq!(hits(&dataset, &seen, 0), [(0, 4)]);
}

#[test]
fn both_ends_of_a_window_are_in_it() {
    let dataset = parse(
        r#"{"kind":"text","value":"x","valid_from":"1970-01-01T00:00:01Z","valid_until":"1970-01-01T08:00:02+08:00"}
           {"kind":"text","value":"x","valid_until":"1970-01-01T00:00:00Z"}
           {"kind":"text","value":"x","valid_from":"1970-01-01T00:00:03Z"}"#,
    )
    .unwrap();
    let seen = texts(&["x"]);
    let at = |time| hits(&dataset, &seen, time);
    assert_eq!(at(0), [(0, 1)]);
    assert_eq!(at(1), []);
    assert_eq!(at(999_999_999), []);
    assert_eq!(at(1_000_000_000), [(0, 0)]);
    assert_eq!(at(2_000_000_000), [(0, 0)]);
    assert_eq!(at(2_000_000_001), []);
    assert_eq!(at(u64::MAX), [(0, 2)]);
    assert_eq!(dataset.lookup("x"), [0, 1, 2], "whatever the time");
}

#[test]
fn a_field_that_repeats_matches_once_per_entry() {
    let dataset = dataset(&[("domain", "x.example"), ("domain", "y.example")]);
    let mut seen = texts(&["a.x.example", "y.example", "b.x.example", "x.example", "no"]);
    seen.offsets = Some(Arc::from([0, 3, 3, 5]));
    assert_eq!(hits(&dataset, &seen, 0), [(0, 0), (0, 1), (2, 0)]);
    seen.valid = Some(Arc::from([0, 1, 0, 1, 1]));
    assert_eq!(hits(&dataset, &seen, 0), [(0, 1), (2, 0)]);
}

#[test]
fn look_ups_are_by_canonical_value() {
    let dataset = dataset(&[
        ("ipv4", "203.0.113.9"),
        ("cidr", "203.0.113.9/32"),
        ("domain", "EVIL.example"),
        ("text", "evil.example"),
        ("cidr", "2001:db8::/32"),
    ]);
    assert_eq!(dataset.lookup("203.0.113.9"), [0]);
    assert_eq!(dataset.lookup("203.0.113.9/32"), [1]);
    assert_eq!(dataset.lookup("evil.example"), [2, 3]);
    assert!(dataset.lookup("EVIL.example").is_empty());
    assert!(dataset.lookup("a.evil.example").is_empty());
    assert_eq!(dataset.lookup("2001:db8::/32"), [4]);
    assert!(dataset.lookup("203.0.113.0/24").is_empty());
    assert!(dataset.lookup("").is_empty());
}

#[test]
fn what_else_a_line_says_becomes_attributes() {
    let text = "\n{\"kind\":\"ipv4\",\"value\":\"203.0.113.9\",\"confidence\":90,\"notice\":\"N-1\"}\r\n\n";
    let dataset = parse(text).unwrap();
    let attributes = dataset.entry(0).unwrap().attributes;
    assert_eq!(
        attributes.get("confidence"),
        Some(&AttributeValue::Number(90.0))
    );
    assert_eq!(
        attributes.get("notice"),
        Some(&AttributeValue::Text("N-1".into()))
    );
    assert_eq!(dataset.digest(), Digest::of(text.as_bytes()));
    assert_eq!(dataset.name(), "indicators");
    assert!(parse("").unwrap().entry(0).is_none());
}

#[test]
fn errors_say_line_and_field_and_what_to_write() {
    let good = r#"{"kind":"text","value":"x"}"#;
    for (line, message) in [
        (
            r#"{"kind":"ip","value":"x"}"#,
            "line 2, field `kind`: `ip` is none of `ipv4`, `ipv6`, `cidr`, `domain`, `url`, `sha256`, `email`, `text`",
        ),
        (r#"{"value":"x"}"#, "line 2, field `kind`: is missing"),
        (r#"{"kind":"text"}"#, "line 2, field `value`: is missing"),
        (
            r#"{"kind":"text","value":7}"#,
            "line 2, field `value`: must be text, not a number",
        ),
        (
            r#"{"kind":"ipv4","value":"203.0.113.256"}"#,
            "field `value`: `203.0.113.256` is not an IPv4 address",
        ),
        (
            r#"{"kind":"ipv6","value":"203.0.113.2"}"#,
            "`203.0.113.2` is not an IPv6 address",
        ),
        (
            r#"{"kind":"ipv6","value":"::ffff:10.0.0.1"}"#,
            "give it kind `ipv4`",
        ),
        (
            r#"{"kind":"cidr","value":"10.0.0.1/8"}"#,
            "`10.0.0.1/8` has bits beyond its length; write `10.0.0.0/8`",
        ),
        (r#"{"kind":"cidr","value":"10.0.0.0"}"#, "is not a network"),
        (
            r#"{"kind":"cidr","value":"10.0.0.0/33"}"#,
            "is not a network",
        ),
        (
            r#"{"kind":"cidr","value":"::ffff:10.0.0.0/104"}"#,
            "is an IPv4 network; write `10.0.0.0/8`",
        ),
        (
            r#"{"kind":"domain","value":"*.evil.example"}"#,
            "write `evil.example`, which matches all domains below",
        ),
        (
            r#"{"kind":"domain","value":"bücher.example"}"#,
            "is not ASCII; write its labels in the form `xn--",
        ),
        (
            r#"{"kind":"domain","value":"a..example"}"#,
            "is not a domain",
        ),
        (
            r#"{"kind":"domain","value":"203.0.113.9"}"#,
            "ends in a number; addresses have kind `ipv4`",
        ),
        (
            r#"{"kind":"sha256","value":"abc"}"#,
            "64 hexadecimal digits",
        ),
        (
            r#"{"kind":"email","value":"nobody"}"#,
            "`nobody` is not an e-mail address",
        ),
        (r#"{"kind":"url","value":"x.example/a"}"#, "has no scheme"),
        (r#"{"kind":"text","value":""}"#, "1 to 8192 are allowed"),
        (r#"{"kind":"text","value":" x"}"#, "has spaces around it"),
        (
            r#"{"kind":"text","value":"x","valid_from":"yesterday"}"#,
            "line 2, field `valid_from`: ",
        ),
        (
            r#"{"kind":"text","value":"x","valid_from":"2025-01-02T00:00:00Z","valid_until":"2025-01-01T00:00:00Z"}"#,
            "field `valid_until`: is before `valid_from`",
        ),
        (
            r#"{"kind":"text","value":"x","valid-until":"2025-01-01T00:00:00Z"}"#,
            "field `valid-until`: write `valid_from` or `valid_until`",
        ),
        (
            r#"{"kind":"text","value":"x","kind":"url"}"#,
            "line 2: `kind` is there twice",
        ),
        (
            r#"{"kind":"text","value":"x","ok":true}"#,
            "field `ok`: must be text or a number, not a truth value; write it as text",
        ),
        (
            r#"{"kind":"text","value":"x","n":9007199254740993}"#,
            "beyond 2^53; write it as text",
        ),
        (
            r#"{"kind":"text","value":"x","Upper":1}"#,
            "field `Upper`: ",
        ),
        (
            r#"{"kind":"text","value":"x""#,
            "line 2: EOF while parsing an object, at byte 26",
        ),
        (r#"["text","x"]"#, "an object on one line"),
        ("kind,value", "line 2: "),
    ] {
        let error = parse(&format!("{good}\n{line}\n{good}"))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("dataset `indicators`, line 2"), "{error}");
        assert!(error.contains(message), "{error}\n{message}");
    }
    let error = Dataset::parse("x", b"\xff\xfe", &DatasetLimits::default()).unwrap_err();
    assert!(
        error.to_string().starts_with("dataset `x`, line 1: "),
        "{error}"
    );
}

#[test]
fn sizes_are_bounded() {
    let line = entry("text", "x");
    let limits = DatasetLimits {
        bytes: 2 * line.len() as u64,
        entries: 10,
        ..DatasetLimits::default()
    };
    let read = |text: &str| Dataset::read("x", text.as_bytes(), &limits);
    assert_eq!(read(&line.repeat(2)).unwrap().entries().count(), 2);
    assert!(matches!(
        read(&line.repeat(3)),
        Err(DatasetError::TooLarge { .. })
    ));
    let limits = DatasetLimits {
        bytes: 9999,
        entries: 1,
        ..DatasetLimits::default()
    };
    let refused = Dataset::read("x", line.repeat(2).as_bytes(), &limits);
    assert!(matches!(refused, Err(DatasetError::TooMany { .. })));
    let same = line.repeat(MAX_SAME_VALUE);
    assert_eq!(parse(&same).unwrap().lookup("x").len(), MAX_SAME_VALUE);
    let refused = parse(&format!("{same}{line}"));
    assert!(matches!(refused, Err(DatasetError::SameValue { .. })));
    let long = entry("text", &"x".repeat(70_000));
    assert!(
        parse(&long)
            .unwrap_err()
            .to_string()
            .contains("at most 65536")
    );
}

/// Lines of one kind that together hold much: as texts with attributes, and as networks.
fn lines_of_much() -> [String; 3] {
    let text = |at: u32| {
        let long = "x".repeat(at as usize % 900);
        format!("{{\"kind\":\"text\",\"value\":\"{at}\",\"a\":\"{long}\",\"b\":1}}\n")
    };
    let network = |at: u32| {
        entry(
            "ipv6",
            &format!("2001:db8::{:x}:{:x}", at >> 16, at & 0xffff),
        )
    };
    let tiny = |at: u32| entry("text", &at.to_string());
    [
        (0..4_000).map(text).collect(),
        (0..40_000).map(network).collect(),
        (0..40_000).map(tiny).collect(),
    ]
}

#[test]
fn memory_is_bounded_and_what_is_beyond_it_is_refused_with_what_to_do() {
    for text in lines_of_much() {
        let held = parse(&text).unwrap().held();
        let read = |held| {
            let limits = DatasetLimits {
                held,
                ..DatasetLimits::default()
            };
            Dataset::read("x", text.as_bytes(), &limits)
        };
        // While it is read, tables have room to grow, which is given back at the end.
        assert!(read(held * 3 / 2).is_ok());
        let refused = read(held - 1).unwrap_err();
        assert!(
            matches!(refused, DatasetError::TooHeavy { .. }),
            "{refused}"
        );
        let message = refused.to_string();
        for part in ["`x`, line ", &format!("{} bytes", held - 1), "`--memory`"] {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
fn entries_take_about_as_much_memory_as_their_lines() {
    for text in lines_of_much() {
        let held = parse(&text).unwrap().held();
        let lines = text.len() as u64;
        assert!(held < lines * 3 / 2, "{held} bytes of {lines}");
    }
}

#[test]
fn a_file_is_read_a_line_at_a_time() {
    let line = format!(
        "{{\"kind\":\"text\",\"value\":\"x\",\"a\":\"{}\"}}",
        "y".repeat(900)
    );
    let longest = format!("{line}{}", " ".repeat((64 << 10) - line.len()));
    for end in ["\n", "\r\n", ""] {
        let text = format!("{line}{end}");
        assert_eq!(parse(&text).unwrap().digest(), Digest::of(text.as_bytes()));
        assert_eq!(
            parse(&format!("{longest}{end}")).unwrap().entries().count(),
            1
        );
    }
    // Ends at its limit, which no line feed has to announce.
    let endless = std::io::repeat(b'x');
    let error = Dataset::read("x", endless, &DatasetLimits::default()).unwrap_err();
    assert!(error.to_string().contains("line 1: is too long"), "{error}");
    let endless = std::io::repeat(b'\n');
    let error = Dataset::read("x", endless, &DatasetLimits::default()).unwrap_err();
    assert!(matches!(error, DatasetError::TooLarge { .. }), "{error}");
}

#[test]
fn too_many_matches_in_one_call_are_refused() {
    let dataset = parse(&entry("text", "x").repeat(64)).unwrap();
    let seen = texts(&["x"; 1025]);
    let rows = |n: u32| (0..n).map(|row| (row, 0));
    assert_eq!(dataset.matches(&seen, rows(1024)).unwrap().len(), MAX_HITS);
    let refused = dataset.matches(&seen, rows(1025));
    assert_eq!(refused, Err(QueryError::TooManyHits(MAX_HITS)));
}

#[test]
fn a_network_of_one_address_is_looked_up_and_loaded() {
    let dataset = dataset(&[
        ("cidr", "::1/128"),
        ("cidr", "192.0.2.1/32"),
        ("cidr", "::/0"),
    ]);
    assert_eq!(dataset.lookup("::1/128"), [0]);
    assert_eq!(dataset.lookup("192.0.2.1/32"), [1]);
    assert_eq!(dataset.lookup("::/0"), [2]);
    for absent in [
        "::1/129",
        "::1/255",
        "192.0.2.1/33",
        "::ffff:192.0.2.1/128",
        "::2/128",
    ] {
        assert!(dataset.lookup(absent).is_empty(), "{absent}");
    }
    assert_eq!(
        hits(&dataset, &addresses(&["::1", "192.0.2.1"]), 0),
        [(0, 0), (0, 2), (1, 1)]
    );
}

/// Values near those that a dataset may have, of every kind.
fn values() -> impl Strategy<Value = (EntryKind, String)> {
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| std::net::Ipv4Addr::from(ip).to_string()),
        any::<u128>().prop_map(|ip| std::net::Ipv6Addr::from(ip).to_string()),
        any::<u32>().prop_map(|ip| {
            std::net::Ipv6Addr::from(0xffff_0000_0000 | u128::from(ip)).to_string()
        }),
        Just("::".to_owned()),
        Just("0.0.0.0".to_owned()),
    ];
    let text = "[ -~\\PC]{0,12}|[a-z0-9.*@:/-]{1,20}";
    let value = (address, any::<u8>(), text).prop_flat_map(|(address, length, text)| {
        prop_oneof![
            Just(address.clone()),
            Just(format!("{address}/{length}")),
            Just(format!("{address}/{text}")),
            Just(text),
        ]
    });
    (prop::sample::select(EntryKind::ALL.to_vec()), value)
}

proptest! {
    /// A panic while loading is an error of its own, so nothing else than this finds it.
    #[test]
    fn what_is_loaded_is_found_by_its_value_and_nothing_panics(
        entries in prop::collection::vec(values(), 1..8),
        asked in prop::collection::vec(values(), 1..8),
    ) {
        let line = |(kind, value): &(EntryKind, String)| {
            let value = serde_json::to_string(value).unwrap();
            format!("{{\"kind\":\"{}\",\"value\":{value}}}\n", kind.name())
        };
        // One by one, so that what is refused does not refuse the rest.
        let good: String = entries.iter().map(line).filter(|line| match parse(line) {
            Ok(_) => true,
            Err(DatasetError::Panicked { .. }) => panic!("{line}"),
            Err(_) => false,
        }).collect();
        let dataset = parse(&good).unwrap();
        for (position, entry) in (0u32..).zip(dataset.entries()) {
            prop_assert!(dataset.lookup(&entry.value).contains(&position));
        }
        for (_, value) in entries.iter().chain(&asked) {
            for found in dataset.lookup(value) {
                let entry = dataset.entry(found).unwrap();
                prop_assert_eq!(&*entry.value, value.as_str());
            }
            dataset.matches(&texts(&[value]), [(0, 0)].into_iter()).unwrap();
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Dataset::parse("x", &bytes, &DatasetLimits::default());
    }

    #[test]
    fn any_text_is_matched_without_panic(text in "\\PC{0,80}", host in "[a-b.]{0,12}") {
        let dataset = dataset(&[("domain", "a.b"), ("ipv4", "1.2.3.4"), ("text", "x")]);
        hits(&dataset, &texts(&[&text, &host]), 0);
        let labels: Vec<&str> = host.strip_suffix('.').unwrap_or(&host).split('.').collect();
        let expected = labels.ends_with(&["a", "b"]);
        prop_assert_eq!(!hits(&dataset, &texts(&[&host]), 0).is_empty(), expected);
    }
}
