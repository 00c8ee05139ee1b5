//! Labels go from datasets to packs and are not lost (H-10, TI-7.2, RMSV-9.7).

use palisade_pack::{Pack, PackSource, Tlp};

use crate::site::*;

const LABELLED: &[u8] = br#"{"kind":"ipv4","value":"192.0.2.1","tlp":"TLP:RED","labels":"intel-derived-data","derived_from":"N-12"}
"#;

fn labelled(extra: &str) -> Pack {
    let text = format!(
        "vendor = \"acme\"\nname = \"guard\"\nversion = \"1.0.0\"\ndescription = \"Test\"\n\
         licence = \"Apache-2.0\"\nrequirements = [\"IOT-2.3c\"]\n{extra}"
    );
    let mut content = inputs();
    content
        .add("datasets/bad.ndjson", LABELLED.to_vec())
        .unwrap();
    Pack::build(&PackSource::parse(&text).unwrap(), content).unwrap()
}

#[test]
fn a_pack_carries_the_labels_of_what_it_was_built_from() {
    let pack = labelled("[labels]\ntlp = \"green\"\nmarks = [\"own\"]\n");
    let labels = &pack.manifest().labels;
    assert_eq!(labels.tlp, Some(Tlp::Red));
    assert_eq!(labels.marks, set(&["intel-derived-data", "own"]));
    assert_eq!(labels.derived_from, set(&["N-12"]));
    // The rule takes packs up to AMBER.
    refused(&Site::new().verify(&attested(pack)), "label-denied");
}

#[test]
fn a_label_cannot_be_taken_off() {
    let pack = labelled("");
    let mut files = files(&pack);
    let text = String::from_utf8(files["pack.toml"].clone()).unwrap();
    let without = text.replace("tlp = \"red\"", "tlp = \"clear\"");
    assert_ne!(text, without);
    files.insert("pack.toml".into(), without.into_bytes());
    let refusal = Pack::open(content(&files, &Default::default())).unwrap_err();
    assert_eq!(refusal.code(), "label-dropped");
}
