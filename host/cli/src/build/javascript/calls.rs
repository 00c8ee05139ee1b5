//! What each line of a script calls. The engine says "not a function" without a name where what is
//! called is not there; the SDK's `boundary.js` says the names of the line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use super::thrown::Words;
use crate::host::MAX_COMPONENT;

/// The most calls of a line that are named, and the most bytes of a name; and the most of all scripts
/// of a plugin, since they become part of its component.
const NAMED: usize = 8;
const LONGEST: usize = 64;
const ALL: usize = 10_000;

/// Words that stand before a parenthesis and call nothing.
const KEYWORDS: [&str; 14] = [
    "if", "for", "while", "switch", "catch", "function", "return", "typeof", "await", "of", "in",
    "with", "throw", "new",
];

/// By file and line the names that are called there, such as `state.first`.
///
/// # Errors
/// When a script cannot be read.
pub(super) fn by_line(files: &[PathBuf]) -> Result<Value> {
    let mut all = serde_json::Map::new();
    let mut left = ALL;
    for file in files {
        let text = palisade_private::read(file, MAX_COMPONENT)?;
        let lines = of_script(&String::from_utf8_lossy(&text), &mut left);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        all.insert(name.into_owned(), json!(lines));
    }
    Ok(Value::from(all))
}

fn of_script(text: &str, left: &mut usize) -> BTreeMap<usize, Vec<String>> {
    let mut lines: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let (mut line, mut counted) = (1, 0);
    // The dotted name that the last word ends, and where.
    let (mut dotted, mut end) = (String::new(), 0);
    for word in Words::of(text) {
        line += text[counted..word.at].matches('\n').count();
        counted = word.at;
        let continues = word.before == Some('.');
        let between = text[end..word.at].trim();
        dotted = match (continues, between) {
            (true, "." | "?.") if !dotted.is_empty() => format!("{dotted}.{}", word.text),
            // Of something that has no name.
            (true, _) => format!("….{}", word.text),
            (false, _) => word.text.to_owned(),
        };
        end = word.at + word.text.len();
        let rest = text[end..].trim_start();
        let is_call = rest.starts_with('(') || rest.starts_with("?.(");
        let is_name = !word.text.starts_with(|c: char| c.is_ascii_digit());
        if !is_call || !is_name || (!continues && KEYWORDS.contains(&word.text)) {
            continue;
        }
        let names = lines.entry(line).or_default();
        if names.len() < NAMED && dotted.len() <= LONGEST && !names.contains(&dotted) && *left > 0 {
            *left -= 1;
            names.push(dotted.clone());
        }
    }
    lines.retain(|_, names| !names.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_named_by_their_lines() {
        let text = "import s from 's';\nconst a = s.frist(0, Array.from([1]));\n\
                    if (a) f?.(`${rows\n  .each(x)} g()`); // h()\nb()[0].c(1)(2); new D(3);";
        let mut left = ALL;
        let lines = of_script(text, &mut left);
        let of = |line: usize| lines.get(&line).map(|names| names.join(" "));
        assert_eq!(of(1), None);
        assert_eq!(of(2).unwrap(), "s.frist Array.from");
        assert_eq!(of(3).unwrap(), "f");
        assert_eq!(of(4).unwrap(), "rows.each");
        assert_eq!(of(5).unwrap(), "b ….c D");
        assert_eq!(left, ALL - 7);
        assert!(of_script(text, &mut 0).is_empty());
        let many: String = (0..9).map(|n| format!("f{n}();")).collect();
        assert_eq!(of_script(&many, &mut left)[&1].len(), NAMED);
        for (length, named) in [(LONGEST, true), (LONGEST + 1, false)] {
            let text = format!("{}()", "f".repeat(length));
            assert_eq!(!of_script(&text, &mut left).is_empty(), named);
        }
    }
}
