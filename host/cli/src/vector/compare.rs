//! What differs between what must come out and what does.

use palisade_events::counted;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::golden::normalise;

/// How many equal lines are shown around a difference.
const CONTEXT: usize = 3;
/// How many lines are shown at most.
const MAX_LINES: usize = 200;

/// Lines for a person, `-` before what is expected and does not come, `+` before what
/// comes and is not expected; nothing if there is no difference. The order of fields and
/// how a number is written do not matter.
pub(crate) fn difference(expected: &[Value], actual: &[String]) -> Option<String> {
    let (expected, actual) = comparable(expected, actual);
    if expected == actual {
        return None;
    }
    let (expected, actual) = (shown(&expected), shown(&actual));
    let diff = TextDiff::from_lines(&expected, &actual);
    let mut lines = Vec::new();
    for (i, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if i > 0 {
            lines.push("  ⋯".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!("{sign} {}", change.value().trim_end_matches('\n')));
        }
    }
    if lines.len() > MAX_LINES {
        let more = lines.len() - MAX_LINES;
        lines.truncate(MAX_LINES);
        lines.push(format!("  … and {} more", counted(more, "line")));
    }
    Some(lines.join("\n"))
}

/// The position of the first value that is expected and does not come so, or comes after all that
/// is expected; nothing if there is none.
pub(crate) fn first_difference(expected: &[Value], actual: &[String]) -> Option<usize> {
    let (expected, actual) = comparable(expected, actual);
    let most = expected.len().max(actual.len());
    (0..most).find(|at| expected.get(*at) != actual.get(*at))
}

/// How many lines of `after` are not in `before`, and how many of `before` are gone.
pub(crate) fn changed_lines(before: &str, after: &str) -> (usize, usize) {
    let diff = TextDiff::from_lines(before, after);
    let count = |tag| diff.iter_all_changes().filter(|c| c.tag() == tag).count();
    (count(ChangeTag::Insert), count(ChangeTag::Delete))
}

/// Both as values that are equal where the order of fields and how a number is written differ.
fn comparable(expected: &[Value], actual: &[String]) -> (Vec<Value>, Vec<Value>) {
    let mut expected = expected.to_vec();
    let mut actual: Vec<Value> = actual
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.as_str().into()))
        .collect();
    expected.iter_mut().chain(&mut actual).for_each(normalise);
    (expected, actual)
}

/// One value a line per field, so that a difference shows the field and not the whole.
fn shown(values: &[Value]) -> String {
    let mut out = String::new();
    for value in values {
        // A `Value` has text keys and finite numbers, so this does not fail.
        let mut text = Vec::new();
        if palisade_events::json::write_visible_pretty(&mut text, value).is_ok() {
            out.push_str(&String::from_utf8_lossy(&text));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_fields_and_the_type_of_numbers_do_not_matter() {
        let expected = [json!({"rule": "a", "details": {"n": 6.0}})];
        let actual = [r#"{"details": {"n": 6}, "rule": "a"}"#.to_owned()];
        assert_eq!(difference(&expected, &actual), None);
    }

    #[test]
    fn the_field_that_differs_is_shown() {
        let expected = [json!({"rule": "a", "severity": "high"})];
        let actual = [r#"{"rule":"a","severity":"low"}"#, r#"{"rule":"b"}"#].map(String::from);
        assert_eq!(
            difference(&expected, &actual).unwrap(),
            "  {\n    \"rule\": \"a\",\n-   \"severity\": \"high\"\n+   \"severity\": \"low\"\n+ }\n+ {\n+   \"rule\": \"b\"\n  }"
        );
    }

    #[test]
    fn a_long_difference_is_cut() {
        let actual: Vec<_> = (0..1000).map(|n| json!({"rule": n}).to_string()).collect();
        let difference = difference(&[], &actual).unwrap();
        assert_eq!(difference.lines().count(), MAX_LINES + 1);
        assert!(difference.ends_with(" lines more"));
    }
}
