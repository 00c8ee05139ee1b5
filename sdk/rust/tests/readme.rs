//! The README of the SDKs shows code that exists: every block that is led by a comment
//! with a path is part of that file.

use std::path::Path;

#[test]
fn blocks_are_what_the_examples_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("sdk/README.md")).unwrap();
    let mut blocks = 0;
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        let path = line
            .strip_prefix("<!-- ")
            .and_then(|rest| rest.strip_suffix(" -->"));
        let Some(path) = path else { continue };
        assert!(lines.next().unwrap().starts_with("```"), "{path}");
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let file = std::fs::read_to_string(root.join(path)).unwrap();
        let found = file.contains(&block.join("\n"));
        assert!(found, "{path} does not contain:\n{}", block.join("\n"));
        blocks += 1;
    }
    assert!(blocks >= 6, "{blocks} blocks");
}
