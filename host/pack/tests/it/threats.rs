//! The table of attacks says what is tested, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_attack_of_the_table_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = include_str!("../README.md");
    let known = include_str!("../../src/refusal.rs");
    let mut attacks = BTreeSet::new();
    for line in table
        .lines()
        .filter(|line| line.contains("| `host/") || line.contains("| `tests/"))
    {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [attack, refused, file, test] = cells.as_slice() else {
            panic!("not four cells: {line}");
        };
        let (file, test) = (file.trim_matches('`'), test.trim_matches('`'));
        let text = std::fs::read_to_string(root.join(file)).expect(file);
        let start = format!("fn {test}() {{");
        let (before, rest) = text
            .split_once(&start)
            .unwrap_or_else(|| panic!("{file} has no {test}"));
        assert!(before.trim_end().ends_with("#[test]"), "{test} is no test");
        // To the brace in the column of the function.
        let indent = before.len() - before.trim_end_matches(' ').len();
        let end = format!("\n{}}}\n", " ".repeat(indent));
        let body = rest.split_once(&end).map_or(rest, |(body, _)| body);
        let code = refused.trim_matches('`');
        assert!(body.contains(code), "{test} does not speak of {code}");
        if refused.starts_with('`') {
            assert!(
                known.contains(&format!("= \"{code}\"")),
                "no refusal {code}"
            );
        }
        assert!(attacks.insert(*attack), "{attack} is there twice");
    }
    assert!(attacks.len() >= 60, "{} attacks", attacks.len());
}
