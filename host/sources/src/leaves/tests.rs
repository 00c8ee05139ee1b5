use serde::de::DeserializeSeed as _;

use super::*;

fn flatten(json: &str) -> Leaves {
    let mut leaves = Leaves::default();
    let mut from = serde_json::Deserializer::from_str(json);
    Flatten(&mut leaves).deserialize(&mut from).unwrap();
    assert!(leaves.path.is_empty() && leaves.depth == 0);
    leaves
}

fn shown(leaves: &Leaves) -> String {
    let values = leaves.iter().map(|(name, value)| match value {
        Value::Number(number) => format!("{name}={number}"),
        Value::Text(at) => format!("{name}={:?}", &leaves.arena[at.clone()]),
    });
    values.collect::<Vec<_>>().join(" ")
}

#[test]
fn values_are_named_by_their_path() {
    let json = r#"{"_path":"x","HTTP Host":"a","id.orig_h":1,"a":{"b":{"c":true}},
        "big":9007199254740993,"neg":-5,"none":null,"f":1.5}"#;
    assert_eq!(
        shown(&flatten(json)),
        r#"path="x" http_host="a" id.orig_h=1 a.b.c="true" big="9007199254740993" neg=-5 f=1.5"#
    );
}

#[test]
fn lists() {
    let json = r#"{"one":[7],"many":[1,"b",true],"none":[],
        "of":[{"k":"v"},{"k":2},[3,4]],"mixed":[{"k":0},"z"]}"#;
    assert_eq!(
        shown(&flatten(json)),
        r#"one=7 many="1,b,true" of.0.k="v" of.1.k=2 of.2="3,4" mixed.0.k=0 mixed="z""#
    );
}

#[test]
fn everything_is_bounded_and_what_is_left_out_is_counted() {
    let many = (0..100)
        .map(|n| format!(r#""k{n}":{n}"#))
        .collect::<Vec<_>>()
        .join(",");
    let leaves = flatten(&format!("{{{many}}}"));
    assert_eq!((leaves.items.len(), leaves.total_left_out()), (64, 36));
    let deep = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
    let leaves = flatten(&deep);
    assert_eq!((leaves.items.len(), leaves.total_left_out()), (0, 1));
    let leaves = flatten(&format!(
        r#"{{"a":"{}","{}":1}}"#,
        "é".repeat(5000),
        "n".repeat(65)
    ));
    assert_eq!(leaves.text("a").map(str::len), Some(1024));
    assert_eq!((leaves.items.len(), leaves.total_left_out()), (2, 1));
    let leaves = flatten(&format!(
        r#"{{"a":[{}]}}"#,
        vec![r#"{"b":1}"#; 100].join(",")
    ));
    assert_eq!((leaves.items.len(), leaves.total_left_out()), (8, 1));
    let leaves = flatten(&format!(r#"{{"a":[{}]}}"#, vec!["123456"; 1000].join(",")));
    assert_eq!((leaves.items.len(), leaves.total_left_out()), (1, 2));
}
