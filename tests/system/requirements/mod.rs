//! The examples of the requirements (`tests/requirements`): each is a vector, and where it has
//! bytes, the parsers say of them what the vector takes for granted.
//!
//! The vectors themselves run with `palisade plugin test`.

mod runs;

use std::path::{Path, PathBuf};

use palisade_tests::root;
use serde_json::{Map, Value};

/// What parsers add to a flow, and so what a vector of a detector behind them has on top.
const PARSED: [&str; 3] = ["phase", "app_proto", "encrypted"];

/// An example with the vector that it is.
struct Example {
    requirement: String,
    triggers: bool,
    given: String,
    expect: String,
    events: Vec<Value>,
    vector: PathBuf,
}

impl Example {
    fn name(&self) -> String {
        let kind = if self.triggers {
            "triggers"
        } else {
            "near-miss"
        };
        let requirement = self.requirement.to_lowercase().replace('.', "-");
        format!("{requirement}-{kind}")
    }

    fn lines(&self, file: &str) -> Option<Vec<Value>> {
        let text = std::fs::read_to_string(self.vector.join(file)).ok()?;
        Some(lines(&text))
    }

    fn input(&self) -> Vec<Value> {
        let input = self.lines("events.ndjson");
        let input = input.or_else(|| self.lines("request.ndjson"));
        input.expect("a vector has events or requests")
    }

    fn expected(&self) -> Vec<Value> {
        self.lines("expected.ndjson").expect("a vector expects")
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect()
}

/// Folders of all vectors below a folder.
fn vectors(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("a folder can be read").path();
        if path.join("expected.ndjson").is_file() {
            found.push(path);
        } else if path.is_dir() && !path.ends_with("target") {
            vectors(&path, found);
        }
    }
}

fn examples() -> Vec<Example> {
    let mut folders = Vec::new();
    vectors(&root().join("plugins"), &mut folders);
    let path = root().join("tests/requirements/examples.ndjson");
    let text = std::fs::read_to_string(path).expect("the examples can be read");
    let read = |line: Value| {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let mut example = Example {
            requirement: text("requirement"),
            triggers: text("must") == "trigger",
            given: text("given"),
            expect: text("expect"),
            events: line["events"].as_array().expect("events").clone(),
            vector: PathBuf::new(),
        };
        let name = example.name();
        let mut named = folders.iter().filter(|folder| folder.ends_with(&name));
        example.vector = named
            .next()
            .unwrap_or_else(|| panic!("no plugin has a vector `{name}`"))
            .clone();
        assert!(named.next().is_none(), "two plugins have a vector `{name}`");
        example
    };
    lines(&text).into_iter().map(read).collect()
}

/// An event without what parsers add, unless the example has it.
fn as_given(event: &Value, example: &Value) -> Value {
    let mut event = event.clone();
    let fields: &mut Map<_, _> = event.as_object_mut().expect("an event is an object");
    fields.retain(|name, _| example.get(name).is_some() || !PARSED.contains(&name.as_str()));
    event
}

#[test]
fn every_example_is_a_vector_word_for_word() {
    for example in examples() {
        let name = example.name();
        let input = example.input();
        for wanted in &example.events {
            assert!(
                input.iter().any(|event| as_given(event, wanted) == *wanted),
                "{name} has no event {wanted}"
            );
        }
        let says_of_bytes =
            example.given.starts_with("given bytes") || example.given.contains("in clear");
        // A near miss for its own sake: its context changes nothing.
        let beside = example.given.contains("product launch");
        if !example.given.is_empty() && !says_of_bytes && !beside {
            let context = ["given.ndjson", "settings.toml", "datasets"];
            assert!(
                context
                    .iter()
                    .any(|file| example.vector.join(file).exists()),
                "{name} has nothing of: {}",
                example.given
            );
        }
    }
}

#[test]
fn every_vector_of_an_example_expects_what_the_requirement_does() {
    for example in examples() {
        let (name, expect) = (example.name(), example.expect.as_str());
        let expected = example.expected();
        let judged = expect.split([':', ' ']).find_map(|word| {
            ["deny", "permit", "permits"]
                .into_iter()
                .find(|v| *v == word)
        });
        if let Some(verdict) = judged {
            let verdict = verdict.trim_end_matches('s');
            let judgements = expected
                .iter()
                .flat_map(|decision| decision["judgements"].as_array().into_iter().flatten());
            let own: Vec<_> = judgements
                .filter(|judgement| judgement["rule"] == example.requirement.as_str())
                .map(|judgement| judgement["verdict"].as_str().unwrap_or_default())
                .collect();
            assert!(!own.is_empty(), "{name}: nothing judged it");
            assert!(own.iter().all(|said| *said == verdict), "{name}: {own:?}");
            continue;
        }
        if !example.triggers {
            assert!(
                expect.contains("no finding") || expect.contains("no alert"),
                "{name}: {expect}"
            );
            assert!(expected.is_empty(), "{name}: {expected:?}");
            continue;
        }
        assert!(expect.contains("alert"), "{name}: {expect}");
        let of_rule = |finding: &&Value| finding["rule"] == example.requirement.as_str();
        let finding = expected.iter().find(of_rule);
        let finding = finding.unwrap_or_else(|| panic!("{name} expects no finding"));
        if expect.contains("alert(high)") {
            assert_eq!(finding["severity"], "high", "{name}");
        }
        let actions: Vec<(String, Value)> = finding["actions"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|action| {
                let kind = action["action"].as_str().unwrap_or_default();
                (kind.to_owned(), action["of"].clone())
            })
            .collect();
        let find = |kind: &str| actions.iter().find(|(known, _)| known == kind);
        if expect.contains("block") {
            let (_, scopes) = find("block").unwrap_or_else(|| panic!("{name} blocks nothing"));
            let scope = expect
                .split_once("block(")
                .and_then(|(_, rest)| rest.split_once(')'));
            if let Some((scope, _)) = scope {
                assert_eq!(*scopes, serde_json::json!([scope]), "{name}");
            }
        }
        if expect.contains("obligation") {
            let (_, duty) = find("open-obligation").unwrap_or_else(|| panic!("{name} has no duty"));
            assert!(duty["due"].is_string(), "{name}");
        }
        if let Some((_, notice)) = expect.split_once("citing ") {
            assert!(finding.to_string().contains(notice), "{name}: {finding}");
        }
    }
}

#[test]
fn every_requirement_of_a_pack_has_its_examples() {
    let known: Vec<String> = examples().into_iter().map(|e| e.requirement).collect();
    let folder = std::fs::read_dir(root().join("plugins")).expect("the plugins can be read");
    let mut count = 0;
    for entry in folder {
        let manifest = entry.expect("a folder").path().join("pack.toml");
        let Ok(text) = std::fs::read_to_string(&manifest) else {
            continue;
        };
        let pack: toml::Table = toml::from_str(&text).expect("pack.toml is TOML");
        for requirement in pack["requirements"].as_array().expect("requirements") {
            let requirement = requirement.as_str().expect("an id");
            let examples = known.iter().filter(|known| *known == requirement).count();
            assert_eq!(examples, 2, "{requirement} of {}", manifest.display());
            count += 1;
        }
    }
    assert_eq!(count * 2, known.len());
}
