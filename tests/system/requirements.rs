//! The examples of the requirements (`tests/requirements`): each is a vector, and where it has
//! bytes, the parsers say of them what the vector takes for granted.
//!
//! The vectors themselves run with `palisade plugin test`.

use std::path::{Path, PathBuf};

use palisade_tests::root;
use serde_json::{Map, Value};

use crate::recording::{Ends, Recording, Side};
use crate::run::run;

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

/// An example of bytes as a capture: the flow of its event with its first bytes.
fn recorded(event: &Value, path: &Path) {
    let end = |side: &str| {
        format!(
            "{}:{}",
            event[side]["ip"].as_str().expect("an address"),
            event[side]["port"]
        )
        .parse()
        .expect("an address and a port")
    };
    let bytes: Vec<u8> = event["first_bytes"]
        .as_str()
        .expect("bytes")
        .split(' ')
        .map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal"))
        .collect();
    let time: jiff::Timestamp = event["time"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("RFC 3339");
    let mut recording = Recording::new(u32::try_from(time.as_second()).expect("before 2106"));
    let (ends, said) = (Ends(end("src"), end("dst")), [(Side::Client, bytes)]);
    match event["transport"].as_str() {
        Some("udp") => recording.udp(ends, &said),
        _ => recording.tcp(ends, &said),
    }
    recording.write(path);
}

#[test]
fn parsers_say_of_the_bytes_of_examples_what_their_vectors_take_for_granted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [capture, networks, settings, file] = [
        "flow.pcap",
        "networks.toml",
        "settings.toml",
        "events.ndjson",
    ]
    .map(|name| folder.path().join(name));
    let mut tried = 0;
    for example in examples() {
        let Some(given) = example
            .events
            .iter()
            .find(|event| event["first_bytes"].is_string())
        else {
            continue;
        };
        let name = example.name();
        recorded(given, &capture);
        let own = example.vector.join("settings.toml");
        let own = std::fs::read_to_string(own).unwrap_or_default();
        std::fs::write(&settings, format!("[cleartext]\n{own}")).expect("a file can be written");
        // Who the device is, the operator says; the devices' side is the local one.
        let device = given["owner"]["device"].as_str().expect("a device");
        let source = given["src"]["ip"].as_str().expect("an address");
        let lateral = given["direction"] == "lateral";
        let mut text = format!("[[network]]\ncidr = \"{source}/32\"\ndevice = \"{device}\"\n");
        if lateral {
            text += "[[network]]\ncidr = \"10.50.4.0/24\"\n";
        }
        std::fs::write(&networks, text).expect("a file can be written");
        let paths = [&networks, &settings, &file].map(|path| path.to_str().expect("UTF-8"));
        let options = [
            "--networks",
            paths[0],
            "--settings",
            paths[1],
            "--events",
            paths[2],
        ];
        let Some((findings, summary)) = run(&[&capture], &options) else {
            return;
        };
        assert_eq!(
            summary["unparsed"].as_u64().unwrap_or(0),
            0,
            "{name}: {summary}"
        );
        let events = lines(&std::fs::read_to_string(&file).expect("events are there"));
        let flow = events.iter().find(|e| e["phase"] == "recognised");
        let flow = flow.unwrap_or_else(|| panic!("{name}: nobody recognised it: {events:?}"));
        let vector = example.input();
        for field in ["app_proto", "encrypted", "owner", "src", "dst", "transport"] {
            assert_eq!(flow[field], vector[0][field], "{name}: {field}");
        }
        let direction = if lateral { "lateral" } else { "outbound" };
        assert_eq!(flow["direction"], direction, "{name}");
        if let Some((_, client)) = example.expect.split_once("client ") {
            let client = client.split(' ').next().unwrap_or_default();
            let connect = events.iter().find(|event| event["operation"] == "connect");
            let connect = connect.unwrap_or_else(|| panic!("{name}: {events:?}"));
            assert_eq!(connect["attributes"]["mqtt.client-id"], client, "{name}");
        }
        if example.expect.starts_with("parsed and logged") {
            let read = events
                .iter()
                .find(|event| event["kind"] == "device.message");
            let read = read.unwrap_or_else(|| panic!("{name}: {events:?}"));
            assert_eq!(read["attributes"]["modbus.function"], 3, "{name}");
            assert_eq!(read["attributes"]["modbus.access"], "read", "{name}");
        }
        // What is found is what the vector expects.
        let found: Vec<_> = lines(&findings)
            .iter()
            .filter(|finding| {
                finding["rule"]
                    .as_str()
                    .is_some_and(|rule| rule.starts_with("IOT-2.3"))
            })
            .map(|finding| {
                (
                    finding["rule"].clone(),
                    finding["subject"].clone(),
                    finding["severity"].clone(),
                )
            })
            .collect();
        let wanted: Vec<_> = example
            .expected()
            .iter()
            .map(|finding| {
                (
                    finding["rule"].clone(),
                    finding["subject"].clone(),
                    finding["severity"].clone(),
                )
            })
            .collect();
        assert_eq!(found, wanted, "{name}: {findings}");
        tried += 1;
    }
    assert_eq!(tried, 4);
}

#[test]
fn a_device_that_stays_in_clear_is_quarantined_and_one_that_does_not_is_not() {
    let flow = |time: &str, device: u8, port: u16, protocol: &str| {
        format!(
            "{{\"kind\":\"network.flow\",\"time\":\"{time}\",\"phase\":\"recognised\",\
             \"owner\":{{\"device\":\"d-{device}\"}},\"src\":{{\"ip\":\"10.3.0.{device}\",\"port\":{port}}},\
             \"dst\":{{\"ip\":\"10.9.0.1\",\"port\":443}},\"transport\":\"tcp\",\"direction\":\"inbound\",\
             \"started\":\"{time}\",\"ended\":\"{time}\",\"pkts_in\":1,\"pkts_out\":1,\
             \"bytes_in\":1,\"bytes_out\":1,\"syn_only_pkts\":0,\"first_bytes\":\"\",\
             \"app_proto\":\"{protocol}\",\"encrypted\":{}}}\n",
            protocol == "tls"
        )
    };
    let input = [
        flow("2025-06-01T10:00:00+08:00", 1, 1, "http"),
        flow("2025-06-01T10:00:00+08:00", 2, 1, "http"),
        flow("2025-06-05T10:00:00+08:00", 2, 2, "http"),
        flow("2025-06-06T10:00:00+08:00", 1, 2, "tls"),
        flow("2025-06-08T10:00:01+08:00", 9, 1, "tls"),
    ]
    .concat();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("flows.ndjson");
    std::fs::write(&path, input).expect("a file can be written");
    let Some((findings, summary)) = run(&[&path], &[]) else {
        return;
    };
    assert_eq!(summary["bad_records"], 0, "{summary}");
    let findings = lines(&findings);
    let due: Vec<_> = findings
        .iter()
        .filter(|finding| finding["rule"] == "IOT-2.3b-duty")
        .map(|finding| {
            (
                finding["subject"].as_str(),
                finding["actions"][0]["action"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        due,
        [
            (Some("device:d-1"), Some("discharge-obligation")),
            (Some("device:d-2"), Some("quarantine")),
        ],
        "{findings:?}"
    );
}
