//! What `wit/v0.1` promises to its readers.

use std::path::{Path, PathBuf};

use palisade_wit_model::{FROZEN, load, nodes, package_digest};
use wit_parser::{Docs, Resolve, TypeDefKind};

fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.1")
}

/// Items without a doc comment, or with one that says nothing.
struct Missing(Vec<String>);

impl Missing {
    fn check(&mut self, what: impl FnOnce() -> String, docs: &Docs) {
        let text = docs.contents.as_deref().unwrap_or_default().trim();
        if text.is_empty() || text.contains("TODO") {
            self.0.push(what());
        }
    }
}

#[test]
fn every_item_is_documented() {
    let mut resolve = Resolve::default();
    let (id, _) = resolve.push_dir(package()).expect("valid WIT");
    let package = &resolve.packages[id];
    let mut missing = Missing(Vec::new());
    for (name, id) in &package.worlds {
        missing.check(|| format!("world {name}"), &resolve.worlds[*id].docs);
    }
    for (interface, id) in &package.interfaces {
        let of = &resolve.interfaces[*id];
        missing.check(|| format!("interface {interface}"), &of.docs);
        for (name, function) in &of.functions {
            missing.check(|| format!("{interface}.{name}"), &function.docs);
        }
        for (name, id) in &of.types {
            let def = &resolve.types[*id];
            let path = |member: &str| format!("{interface}.{name}.{member}");
            match &def.kind {
                // Taken over by `use` from another interface.
                TypeDefKind::Type(wit_parser::Type::Id(_)) => continue,
                TypeDefKind::Record(record) => {
                    for field in &record.fields {
                        missing.check(|| path(&field.name), &field.docs);
                    }
                }
                TypeDefKind::Enum(cases) => {
                    for case in &cases.cases {
                        missing.check(|| path(&case.name), &case.docs);
                    }
                }
                TypeDefKind::Variant(cases) => {
                    for case in &cases.cases {
                        missing.check(|| path(&case.name), &case.docs);
                    }
                }
                _ => {}
            }
            missing.check(|| format!("{interface}.{name}"), &def.docs);
        }
    }
    assert!(
        missing.0.is_empty(),
        "without documentation: {:#?}",
        missing.0
    );
}

#[test]
fn it_is_what_was_frozen() {
    let digest = package_digest(&package()).expect("readable");
    if let Some(frozen) = FROZEN {
        assert_eq!(
            digest, frozen,
            "wit/v0.1 is frozen; put changes into a new directory"
        );
    }
}

#[test]
fn kinds_have_fields_in_pre_order() {
    let model = load(&package()).expect("a package for the host");
    assert_eq!(model.kinds.len(), 29);
    for kind in &model.kinds {
        let all = nodes::of_kind(&model, kind).expect("known types");
        assert_eq!(all.len(), nodes::fields(&model, &kind.body));
        for pair in all.windows(2) {
            assert!(
                pair[0].path < pair[1].path,
                "{} and {}",
                pair[0].dotted,
                pair[1].dotted
            );
        }
    }
}

#[test]
fn a_package_that_does_not_fit_is_refused() {
    let change = |file: &str, from: &str, to: &str| -> String {
        let dir = tempfile::tempdir().expect("a directory");
        for entry in std::fs::read_dir(package()).expect("readable") {
            let path = entry.expect("readable").path();
            let name = path.file_name().expect("a name");
            let mut text = std::fs::read_to_string(&path).expect("text");
            if name == file {
                assert!(text.contains(from), "{file} has {from}");
                text = text.replace(from, to);
            }
            std::fs::write(dir.path().join(name), text).expect("written");
        }
        load(dir.path()).expect_err("refused").to_string()
    };
    let taken = change("control-timer.wit", "timer: string", "time: string");
    assert!(taken.contains("`time` is taken"), "{taken}");
    let signed = change("control-timer.wit", "timer: string", "timer: s32");
    assert!(
        signed.contains("`control-timer.timer` is of a type"),
        "{signed}"
    );
    let rows = change("control-timer.wit", "rows: func", "lines: func");
    assert!(rows.contains("no function `control-timer.rows`"), "{rows}");
    let syntax = change("control-timer.wit", "record event", "recrod event");
    assert!(syntax.contains("cannot read the WIT package"), "{syntax}");
}
