//! `SECURITY.md` names tests that exist, and enough of them.

use std::collections::BTreeSet;

use palisade_tests::root;

use crate::sources::Tests;

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let text = std::fs::read_to_string(root().join("SECURITY.md")).expect("SECURITY.md");
    let tests = Tests::read();
    let mut promises = 0;
    let mut attacks = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let named = named(line);
        for test in &named {
            assert!(tests.has(test), "there is no test {test}: {line}");
        }
        match cells.as_slice() {
            // Who, what is promised, tests.
            [_, promise, _] if !promise.starts_with('-') && *promise != "what is promised" => {
                assert!(!named.is_empty(), "a promise without a test: {line}");
                promises += 1;
            }
            // Kind, attack, what comes of it, tests.
            [_, attack, _, _] if !attack.starts_with('-') && *attack != "attack" => {
                assert!(!named.is_empty(), "an attack without a test: {line}");
                assert!(
                    attacks.insert((*attack).to_owned()),
                    "{attack} is there twice"
                );
            }
            _ => {}
        }
    }
    assert!(promises >= 20, "{promises} promises");
    assert!(attacks.len() >= 38, "{} attacks", attacks.len());
}

/// Tests in a line: what stands between backticks and looks like `file::function`.
fn named(line: &str) -> Vec<&str> {
    let code = line.split('`').skip(1).step_by(2);
    code.filter(|code| {
        let word = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        code.split_once("::")
            .is_some_and(|(file, function)| word(file) && word(function))
    })
    .collect()
}
