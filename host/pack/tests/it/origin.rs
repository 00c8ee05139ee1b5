//! What components say they are made of: read within limits, and never invented.

use std::io::Write as _;

use palisade_pack::{Content, Pack, Refusal};
use serde_json::{Value, json};
use wasm_encoder::{CustomSection, ProducersField, ProducersSection, Section as _};

use crate::site::*;

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    to.write_all(bytes).unwrap();
    to.finish().unwrap()
}

/// A pack whose plugin has these lists of crates, as they are.
fn listing(lists: &[Vec<u8>]) -> Result<Pack, Refusal> {
    let mut bytes = component("telnet", "0.1.0", &["a"], &[]);
    for list in lists {
        let section = CustomSection {
            name: ".dep-v0".into(),
            data: list.into(),
        };
        section.append_to(&mut bytes);
    }
    build(bytes)
}

fn build(component: Vec<u8>) -> Result<Pack, Refusal> {
    let mut content = Content::default();
    content.add("plugins/telnet.wasm", component)?;
    Pack::build(&source("1.0.0"), content)
}

fn bom(pack: &Pack) -> Value {
    serde_json::from_slice(pack.content().file("sbom.cdx.json").unwrap()).unwrap()
}

fn crates() -> Vec<u8> {
    let list = json!({ "packages": [
        { "name": "made", "version": "0.1.0", "source": "local", "dependencies": [1, 2], "root": true },
        { "name": "part", "version": "1.0.0+x", "source": "crates.io", "dependencies": [2] },
        { "name": "helper", "version": "2.0.0", "source": "registry", "kind": "build" },
    ]});
    zlib(list.to_string().as_bytes())
}

#[test]
fn crates_become_libraries_with_who_depends_on_whom() {
    let pack = listing(&[crates()]).unwrap();
    let bom = bom(&pack);
    let of = |reference: &str| {
        let components = bom["components"].as_array().unwrap();
        let found = components.iter().find(|c| c["bom-ref"] == reference);
        found
            .unwrap_or_else(|| panic!("no {reference}: {bom:#}"))
            .clone()
    };
    let part = of("crate:crates.io:part@1.0.0+x");
    assert_eq!(part["purl"], "pkg:cargo/part@1.0.0%2Bx");
    assert_eq!(part["scope"], "required");
    let helper = of("crate:registry:helper@2.0.0");
    assert_eq!(
        (helper.get("purl"), &helper["scope"]),
        (None, &json!("excluded"))
    );
    let depends = |reference: &str| {
        let all = bom["dependencies"].as_array().unwrap();
        let found = all.iter().find(|d| d["ref"] == reference).unwrap();
        found["dependsOn"].clone()
    };
    let plugin = format!("plugins/telnet.wasm#{}", pack.plugins()[0].digest);
    assert_eq!(depends(&plugin), json!(["crate:local:made@0.1.0"]));
    assert_eq!(
        depends("crate:local:made@0.1.0"),
        json!([
            "crate:crates.io:part@1.0.0+x",
            "crate:registry:helper@2.0.0"
        ])
    );
    assert!(bom.get("compositions").is_none());
    // The same again, and a pack without lists says so.
    assert_eq!(bom, self::bom(&listing(&[crates()]).unwrap()));
    let unknown = self::bom(&listing(&[]).unwrap());
    assert_eq!(unknown["compositions"][0]["aggregate"], "unknown");
}

#[test]
fn a_changed_list_makes_another_component() {
    let pack = listing(&[crates()]).unwrap();
    let mut files = files(&pack);
    let text = String::from_utf8(files["sbom.cdx.json"].clone()).unwrap();
    let other = text.replace("\"helper\"", "\"harmless\"");
    assert_ne!(text, other);
    files.insert("sbom.cdx.json".into(), other.into_bytes());
    let refusal = Pack::open(content(&files, &Default::default())).unwrap_err();
    assert_eq!(refusal.code(), "overstated");
}

#[test]
fn lists_that_are_damaged_or_too_much_are_refused() {
    let package = |name: &str| json!({ "name": name, "version": "1.0.0", "source": "local" });
    let of = |packages: Vec<Value>| zlib(json!({ "packages": packages }).to_string().as_bytes());
    let many: Vec<Value> = (0..5000).map(|n| package(&format!("c{n}"))).collect();
    for (list, why) in [
        (b"no zlib".to_vec(), "list of crates"),
        (zlib(b"no json"), "list of crates"),
        (zlib(&vec![b' '; 64 << 20]), "more than 1048576 bytes"),
        (crates()[..20].to_vec(), "list of crates"),
        (of(vec![package("../../etc")]), "no name of a crate"),
        (of(vec![package("")]), "no name of a crate"),
        (of(vec![package("a\u{202e}b")]), "no name of a crate"),
        (of(many), "at most 4096"),
        // Crates that depend on each other, or on what is not there.
        (
            zlib(br#"{"packages":[{"name":"a","version":"1.0.0","source":"local","dependencies":[0]}]}"#),
            "list of crates",
        ),
        (
            zlib(br#"{"packages":[{"name":"a","version":"1.0.0","source":"local","dependencies":[7]}]}"#),
            "list of crates",
        ),
        (
            zlib(br#"{"packages":[{"name":"a","version":"one","source":"local"}]}"#),
            "list of crates",
        ),
    ] {
        let refusal = listing(&[list]).unwrap_err();
        assert_eq!(refusal.code(), "plugin");
        assert!(refusal.to_string().contains(why), "{why}: {refusal}");
    }
    let refusal = listing(&vec![crates(); 17]).unwrap_err();
    assert!(
        refusal.to_string().contains("more than 16 lists"),
        "{refusal}"
    );
    listing(&vec![crates(); 16]).unwrap();
}

#[test]
fn tools_are_named_within_limits() {
    let with = |names: &[String]| {
        let mut tools = ProducersField::new();
        for name in names {
            tools.value(name, "1.0");
        }
        let mut section = ProducersSection::new();
        section.field("processed-by", &tools);
        let mut bytes = component("telnet", "0.1.0", &["a"], &[]);
        section.append_to(&mut bytes);
        build(bytes)
    };
    let bom = bom(&with(&["mycc".into()]).unwrap());
    let tools = &bom["components"][0]["properties"];
    assert_eq!(
        *tools,
        json!([{ "name": "palisade:producers:processed-by", "value": "mycc 1.0" }])
    );
    let many: Vec<String> = (0..300).map(|n| format!("t{n}")).collect();
    for names in [many, vec!["x".repeat(300)]] {
        let refusal = with(&names).unwrap_err();
        assert!(refusal.to_string().contains("`producers`"), "{refusal}");
    }
    let mut damaged = component("telnet", "0.1.0", &["a"], &[]);
    CustomSection {
        name: "producers".into(),
        data: (&[9, 200, 1][..]).into(),
    }
    .append_to(&mut damaged);
    assert_eq!(build(damaged).unwrap_err().code(), "plugin");
}
