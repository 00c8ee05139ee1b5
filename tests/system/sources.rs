//! The tests that there are, by name, for documents that name tests.

use std::collections::BTreeSet;
use std::path::Path;

use palisade_tests::root;

/// Tests of host, tests, sdk and plugins as `file::function`, where the file is the name of the
/// source, or of its folder where that is called `mod.rs` or `main.rs`.
pub(crate) struct Tests(BTreeSet<String>);

impl Tests {
    pub(crate) fn read() -> Tests {
        let mut tests = BTreeSet::new();
        for folder in ["host", "tests", "sdk", "plugins"] {
            collect(&root().join(folder), &mut tests);
        }
        assert!(tests.len() > 300, "{} tests", tests.len());
        Tests(tests)
    }

    pub(crate) fn has(&self, test: &str) -> bool {
        self.0.contains(test)
    }
}

fn collect(folder: &Path, tests: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !["target", "node_modules"].contains(&&*name) {
                collect(&path, tests);
            }
        } else if let Some(file) = name.strip_suffix(".rs") {
            let file = match file {
                "mod" | "main" => folder.file_name().unwrap_or_default().to_string_lossy(),
                file => file.into(),
            };
            let text = std::fs::read_to_string(&path).expect("a source can be read");
            tests.extend(functions(&text).map(|function| format!("{file}::{function}")));
        }
    }
}

/// The functions of a source that are tests: those with `#[test]` among their attributes.
fn functions(source: &str) -> impl Iterator<Item = &str> {
    source.split("#[test]").skip(1).filter_map(|rest| {
        let (before, rest) = rest.split_once("fn ")?;
        let only_attributes = before.lines().all(|line| {
            line.trim().is_empty() || line.trim().starts_with(['#', '/', ')', '"', 'r'])
        });
        let name = rest.split(['(', '<']).next()?;
        only_attributes.then_some(name)
    })
}

#[test]
fn tests_are_told_from_other_functions() {
    let source = "fn no() {}\n#[test]\nfn yes() {}\n#[test]\n#[ignore = \"x\"]\nfn yes_too() {}\n\
                  /// Of `#[test]` it speaks.\nfn neither() {}\n";
    let found: Vec<&str> = functions(source).collect();
    assert_eq!(found, ["yes", "yes_too"]);
    assert!(Tests::read().has("sources::tests_are_told_from_other_functions"));
}
