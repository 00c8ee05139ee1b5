//! What is misspelt in `expected.ndjson`: of a line that nothing can equal it is told why.

use palisade_events::json::{Mode, parse_event};
use palisade_runtime::manifest::World;
use serde_json::Value;

use super::read::Expected;

const FINDING: [&str; 8] = [
    "rule",
    "severity",
    "subject",
    "summary",
    "cites",
    "details",
    "actions",
    "retracted",
];
const DECISION: [&str; 6] = [
    "request",
    "verdict",
    "of",
    "redactions",
    "obligations",
    "judgements",
];
const JUDGEMENT: [&str; 5] = ["rule", "verdict", "of", "reason", "cites"];
const ERROR: [&str; 2] = ["error", "of"];
/// The most lines of which something is told.
const HINTS: usize = 8;

/// A line for each value that has a key which nothing in the results of such a plugin has, or an
/// event that is none, with the number of its line.
pub(crate) fn hints(expected: &Expected, world: World) -> Vec<String> {
    let values = expected.values.iter().flatten().enumerate();
    let wrong = values.filter_map(|(at, value)| {
        let problem = wrong(value, world)?;
        let line = expected.line(at);
        Some(format!(
            "{}, line {line}: {problem}",
            expected.path.display()
        ))
    });
    wrong.take(HINTS).collect()
}

fn wrong(value: &Value, world: World) -> Option<String> {
    match world {
        World::Detector => unknown(value, "finding", &FINDING),
        World::Policy => {
            let judgements = value.get("judgements").and_then(Value::as_array);
            let mut judgements = judgements.into_iter().flatten();
            unknown(value, "decision", &DECISION)
                .or_else(|| judgements.find_map(|one| unknown(one, "judgement", &JUDGEMENT)))
        }
        World::Parser if value.get("kind").is_some() => {
            let line = value.to_string();
            let error = parse_event(line.as_bytes(), Mode::Vector).err()?;
            let field = match error.field.as_str() {
                "" => String::new(),
                field => format!("field `{field}`: "),
            };
            Some(format!("{field}{}", error.problem))
        }
        World::Parser if value.get("error").is_some() => unknown(value, "refusal", &ERROR),
        World::Parser => Some(
            "there is neither `kind`, which every event has, nor `error`, which a refusal has"
                .to_owned(),
        ),
    }
}

/// The first key that a result does not have.
fn unknown(value: &Value, what: &str, known: &[&str]) -> Option<String> {
    let keys = value.as_object()?.keys();
    let key = keys
        .into_iter()
        .find(|key| !known.contains(&key.as_str()))?;
    let near = known
        .iter()
        .filter(|_| key.len() <= 64)
        .map(|name| (strsim::damerau_levenshtein(key, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min();
    let meant = match near {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!("it has `{}`", known.join("`, `")),
    };
    let shown: String = key.chars().take(64).collect();
    Some(format!("a {what} has no `{shown}`; {meant}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_that_no_result_has_is_told_with_the_near_one() {
        for (world, value, told) in [
            (
                World::Detector,
                json!({"rule": "a", "sumary": "x"}),
                "a finding has no `sumary`; did you mean `summary`?",
            ),
            (
                World::Policy,
                json!({"request": 1, "judgements": [{"rule": "a", "raeson": ""}]}),
                "a judgement has no `raeson`; did you mean `reason`?",
            ),
            (
                World::Policy,
                json!({"zzzzzzzz": 1}),
                "a decision has no `zzzzzzzz`; it has `request`",
            ),
            (
                World::Parser,
                json!({"kind": "network.ap", "time": "2025-06-01T10:00:00Z"}),
                "did you mean `network.app`?",
            ),
            (
                World::Parser,
                json!({"kind": "network.app", "time": "2025-06-01T10:00:00Z", "protocl": "x"}),
                "did you mean `protocol`?",
            ),
            (World::Parser, json!({"eror": "x"}), "neither `kind`"),
        ] {
            let said = wrong(&value, world).unwrap();
            assert!(said.contains(told), "{said}");
        }
        assert_eq!(
            wrong(&json!({"rule": "a", "cites": []}), World::Detector),
            None
        );
        let event = json!({"kind": "network.app", "time": "2025-06-01T10:00:00Z"});
        assert_eq!(wrong(&event, World::Parser), None);
    }
}
