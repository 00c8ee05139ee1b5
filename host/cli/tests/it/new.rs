use std::fs;
use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;

use crate::{checkout, palisade};

const KINDS: [&str; 3] = ["detector", "policy", "parser"];
const LANGUAGES: [&str; 3] = ["rust", "c", "javascript"];

/// A new folder for projects in the checkout, so that they share one target directory.
pub(crate) fn folder(name: &str) -> std::path::PathBuf {
    let folder = checkout().join("target/test-projects").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

pub(crate) fn new(dir: &Path, kind: &str, lang: &str, name: &str) {
    palisade(dir)
        .args(["plugin", "new", "--kind", kind, "--lang", lang, name])
        .assert()
        .code(0)
        .stdout(contains(format!("palisade plugin build {name}")));
}

#[test]
fn every_template_builds_and_passes_its_test_at_once() {
    let dir = folder("templates");
    let mut names = Vec::new();
    for kind in KINDS {
        for lang in LANGUAGES {
            let name = format!("{kind}-{lang}");
            new(&dir, kind, lang, &name);
            // One that must trigger, and one that must not.
            let vectors = fs::read_dir(dir.join(&name).join("vectors")).unwrap();
            let quiet = vectors.filter(|vector| {
                let expected = vector.as_ref().unwrap().path().join("expected.ndjson");
                fs::read_to_string(expected).unwrap().is_empty()
            });
            // A policy says of every request why.
            let must_not = if kind == "policy" { 0 } else { 1 };
            assert_eq!(quiet.count(), must_not, "{name}");
            names.push(name);
        }
    }
    let junit = dir.join("junit.xml");
    palisade(&dir)
        .args(["plugin", "test", "--all", ".", "--junit"])
        .arg(&junit)
        .assert()
        .code(0)
        .stdout(contains("18 passed, 0 failed"));
    let xml = fs::read_to_string(&junit).unwrap();
    assert_eq!(xml.matches("<testcase ").count(), 18, "{xml}");
    assert!(
        xml.contains("tests=\"18\" skipped=\"0\" failures=\"0\""),
        "{xml}"
    );
    for name in &names {
        assert!(xml.contains(&format!("name=\"local/{name}\"")), "{xml}");
        let component = dir.join(name).join("target/plugins/local").join(name);
        let inside = checkout().join("target/plugins/local").join(name);
        let component = [component, inside]
            .map(|path| path.with_extension("wasm"))
            .into_iter()
            .find(|path| path.exists())
            .unwrap();
        palisade(&dir)
            .args(["plugin", "inspect"])
            .arg(&component)
            .assert()
            .code(0)
            .stdout(contains(format!("local/{name} 0.1.0")));
    }
    a_vector_that_comes_out_otherwise_is_shown(&dir);
    what_a_plugin_costs_is_measured(&dir);
    measuring_ends_in_time(&dir);
    a_wrong_import_is_told_when_it_is_built(&dir);
    datagrams_stand_alone_in_every_language(&dir);
    // A run without --plugins must not find them.
    for name in &names {
        let inside = checkout().join("target/plugins/local").join(name);
        let _ = fs::remove_file(inside.with_extension("wasm"));
        let _ = fs::remove_file(inside.with_extension("debug.wasm"));
    }
}

fn a_vector_that_comes_out_otherwise_is_shown(dir: &Path) {
    let vector = dir.join("detector-c/vectors/forbidden-port/expected.ndjson");
    let text = fs::read_to_string(&vector).unwrap();
    fs::write(&vector, text.replace("medium", "low")).unwrap();
    let junit = dir.join("failed.xml");
    palisade(dir)
        .args(["plugin", "test", "detector-c", "--junit"])
        .arg(&junit)
        .assert()
        .code(1)
        .stdout(
            contains("FAILED  detector-c/forbidden-port")
                .and(contains("-   \"severity\": \"low\""))
                .and(contains("+   \"severity\": \"medium\""))
                .and(contains("1 passed, 1 failed")),
        );
    let xml = fs::read_to_string(&junit).unwrap();
    assert!(
        xml.contains("failures=\"1\"") && xml.contains("<failure"),
        "{xml}"
    );
    for (pattern, said) in [
        ("other", "1 passed, 0 failed"),
        ("detector-c/*-ports", "1 passed, 0 failed"),
    ] {
        palisade(dir)
            .args(["plugin", "test", "detector-c", "--only", pattern])
            .assert()
            .code(0)
            .stdout(contains(said));
    }
    palisade(dir)
        .args(["plugin", "test", "detector-c", "--only", "nothing"])
        .assert()
        .code(2)
        .stderr(contains("no vector matches `nothing`"));
    fs::write(&vector, text).unwrap();
}

/// However many events are asked for, and however slow it is.
fn measuring_ends_in_time(dir: &Path) {
    let began = std::time::Instant::now();
    for name in ["detector-c", "parser-c"] {
        let assert = palisade(dir)
            .args(["plugin", "bench", name, "--events", "1000000000"])
            .args(["--time", "400ms", "--format", "json"])
            .assert()
            .code(0)
            .stderr(contains(
                "its part of the time (400ms, --time) before 1000000000 events",
            ));
        let costs: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
        for cost in costs.as_array().unwrap() {
            assert_eq!(cost["time_up"], true, "{cost}");
            let rounds = cost["rounds"].as_u64().unwrap();
            assert!(rounds > 1 && cost["shown"].as_u64().unwrap() > 1, "{cost}");
        }
    }
    // Blocks are small as long as nobody knows how long they take; the rest is for building.
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

fn what_a_plugin_costs_is_measured(dir: &Path) {
    for (name, calls) in [
        ("detector-c", true),
        ("policy-c", true),
        ("parser-c", false),
    ] {
        let assert = palisade(dir)
            .args([
                "plugin", "bench", name, "--events", "2000", "--format", "json",
            ])
            .assert()
            // With faults nothing is measured.
            .code(0);
        let costs: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
        let costs = costs.as_array().unwrap();
        let batches: Vec<_> = costs
            .iter()
            .map(|cost| cost["batch"].as_u64().unwrap())
            .collect();
        assert_eq!(batches, [1, 16, 256, 1024]);
        for cost in costs {
            assert!(
                cost["events"].as_u64().unwrap() >= 2000 || name == "parser-c",
                "{cost}"
            );
            assert!(cost["guest_ns"].as_f64().unwrap() > 0.0, "{cost}");
            assert_eq!(
                cost["host_calls_per_call"].as_f64().unwrap() > 0.0,
                calls,
                "{cost}"
            );
        }
    }
    palisade(dir)
        .args(["plugin", "bench", "detector-c", "--events", "100"])
        .assert()
        .code(0)
        .stdout(contains("guest ns each").and(contains("host calls a call")));
    let given = "detector-c/vectors/other-ports/events.ndjson";
    palisade(dir)
        .args(["plugin", "bench", "detector-c", given, "--events", "100"])
        .assert()
        .code(0);
    palisade(dir)
        .args(["plugin", "bench", "policy-c", given, "--events", "10"])
        .assert()
        .code(2)
        .stderr(contains("was shown nothing"));
}

/// The SDK of each language puts chunks before the parser: what is bad or cut off in one datagram
/// hides no other, and is not joined with it.
fn datagrams_stand_alone_in_every_language(dir: &Path) {
    let said = [
        (true, "GREET ada\n"),
        (true, "junk\n"),
        (false, "HELLO ada\n"),
        (true, "GREET cut"),
        (true, " off\n"),
        (false, "junk\n"),
        (true, "GREET grace\n"),
        (false, "HELLO gr"),
        (false, "HELLO grace\n"),
    ];
    let expected = ["greet ada", "hello ada", "greet grace", "hello grace"];
    for lang in LANGUAGES {
        let project = dir.join(format!("parser-{lang}"));
        let manifest = project.join("plugin.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        let changed = text.replace("transports = [\"tcp\"]", "transports = [\"udp\"]");
        assert_ne!(changed, text);
        fs::write(&manifest, changed).unwrap();
        let vector = project.join("vectors/datagrams");
        fs::create_dir(&vector).unwrap();
        fs::write(vector.join("input.pcap"), datagrams(7777, &said)).unwrap();
        // It is written only if it is the same for every size of epochs and batches.
        palisade(dir)
            .args(["plugin", "test", "--only", "/datagrams"])
            .arg(&project)
            .env("PALISADE_BLESS", "1")
            .assert()
            .code(0)
            .stdout(
                contains("wrote ")
                    .and(contains("expected.ndjson, new: "))
                    .and(contains(" added, 0 removed"))
                    .and(contains("1 file written")),
            );
        let text = fs::read_to_string(vector.join("expected.ndjson")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let (errors, events): (Vec<serde_json::Value>, Vec<serde_json::Value>) =
            lines.partition(|line: &serde_json::Value| line.get("error").is_some());
        // Of the datagrams of a flow the first bad one is told, behind the events.
        assert_eq!(errors.len(), 1, "{lang}: {text}");
        assert_eq!(errors[0]["of"], "datagram");
        assert!(
            text.lines().last().unwrap().contains("GREET or HELLO"),
            "{text}"
        );
        let parsed: Vec<String> = events
            .iter()
            .map(|event| {
                let name = &event["attributes"][format!("parser-{lang}.name")];
                let [operation, name] = [&event["operation"], name].map(|v| v.as_str().unwrap());
                format!("{operation} {name}")
            })
            .collect();
        assert_eq!(parsed, expected, "{lang}");
    }
}

/// A capture of datagrams from a client (`true`) and a server, without checksums.
fn datagrams(port: u16, said: &[(bool, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    // pcap 2.4 in microseconds, raw IP.
    for field in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        out.extend(field.to_le_bytes());
    }
    for (at, (client, text)) in said.iter().enumerate() {
        let length = text.len() as u16;
        let mut packet = vec![0x45, 0];
        packet.extend((28 + length).to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
        let ends = [([10, 0, 0, 1], 40_000), ([10, 0, 0, 2], port)];
        let [from, to] = if *client { ends } else { [ends[1], ends[0]] };
        packet.extend([from.0, to.0].concat());
        packet.extend([from.1, to.1, 8 + length, 0].map(u16::to_be_bytes).concat());
        packet.extend(text.bytes());
        let size = packet.len() as u32;
        for field in [1_750_000_000, at as u32 * 1_000, size, size] {
            out.extend(field.to_le_bytes());
        }
        out.extend(packet);
    }
    out
}

fn a_wrong_import_is_told_when_it_is_built(dir: &Path) {
    new(dir, "detector", "rust", "undeclared");
    let code = dir.join("undeclared/src/lib.rs");
    let text = fs::read_to_string(&code).unwrap();
    let changed = text.replace(
        "let ports =",
        "palisade_sdk::log::info(\"here\");\n        let ports =",
    );
    assert_ne!(changed, text);
    fs::write(&code, changed).unwrap();
    palisade(dir)
        .args(["plugin", "build", "undeclared"])
        .assert()
        .code(2)
        .stderr(
            contains("cannot build local/undeclared")
                .and(contains("imports `palisade:plugin/log@0.1.0`"))
                .and(contains("add `log` to `plugin.capabilities`")),
        );
    let file = "target/plugins/local/undeclared.wasm";
    assert!(!checkout().join(file).exists());
}

/// The schema lies beside the manifest, which names it, and is what the command prints.
#[test]
fn a_new_project_has_the_schema_of_its_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let schema = palisade(dir.path())
        .args(["plugin", "schema"])
        .assert()
        .code(0);
    let schema: serde_json::Value = serde_json::from_slice(&schema.get_output().stdout).unwrap();
    assert_eq!(schema, palisade_runtime::manifest::schema());
    for kind in KINDS {
        new(dir.path(), kind, "c", kind);
        let manifest = fs::read_to_string(dir.path().join(kind).join("plugin.toml")).unwrap();
        let named = manifest.lines().next().unwrap().strip_prefix("#:schema ");
        let there = fs::read(dir.path().join(kind).join(named.unwrap())).unwrap();
        let there: serde_json::Value = serde_json::from_slice(&there).unwrap();
        assert_eq!(there, schema);
    }
    let pack = palisade(dir.path())
        .args(["pack", "schema"])
        .assert()
        .code(0);
    let pack: serde_json::Value = serde_json::from_slice(&pack.get_output().stdout).unwrap();
    assert_eq!(pack, palisade_pack::PackSource::schema());
}

#[test]
fn a_detector_fits_in_25_lines() {
    let code =
        fs::read_to_string(checkout().join("sdk/rust/template/detector/src/lib.rs")).unwrap();
    let rule = code.split("#[cfg(test)]").next().unwrap();
    let lines = rule
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count();
    assert!(lines <= 25, "{lines} lines of code");
}

#[test]
fn a_project_outside_of_the_checkout_names_the_sdk_by_a_folder_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    new(dir.path(), "detector", "rust", "some/where/my-rule");
    let cargo = fs::read_to_string(dir.path().join("some/where/my-rule/Cargo.toml")).unwrap();
    let table: toml::Table = toml::from_str(&cargo).unwrap();
    let sdk = table["dependencies"]["palisade-sdk"]["path"]
        .as_str()
        .unwrap();
    assert_eq!(sdk, ".palisade-sdk/rust");
    let manifest = dir
        .path()
        .join("some/where/my-rule")
        .join(sdk)
        .join("Cargo.toml");
    assert!(manifest.is_file(), "{manifest:?}");
    assert!(table.contains_key("workspace"));
}

#[test]
fn a_member_of_a_workspace_is_not_one_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("Cargo.toml"),
        "[workspace]\nmembers = [\"plugins/*\"]\n",
    )
    .unwrap();
    for (name, own) in [
        ("plugins/a", false),
        ("plugins/deeper/a", true),
        ("other", true),
    ] {
        new(dir.path(), "detector", "rust", name);
        let cargo = fs::read_to_string(dir.path().join(name).join("Cargo.toml")).unwrap();
        assert_eq!(cargo.contains("[workspace]"), own, "{name}");
    }
}

#[test]
fn wrong_names_and_full_folders_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("full")).unwrap();
    fs::write(dir.path().join("full/notes.txt"), "").unwrap();
    for (arguments, message) in [
        (
            &["--kind", "detector", "My_Rule"][..],
            "must be 1 to 64 of a-z",
        ),
        (
            &["--kind", "detector", "a", "--pack", "../b"],
            "must be 1 to 64 of a-z",
        ),
        (
            &["--kind", "detector", "full"],
            "full is there already and not empty",
        ),
        (&["--kind", "detector", ".."], "has no name at its end"),
        (
            &["--kind", "parser", "--lang", "perl", "a"],
            "[possible values: rust, c, javascript]",
        ),
        (
            &["--kind", "detekt", "a"],
            "[possible values: detector, policy, parser]",
        ),
        (&["a"], "--kind"),
        (
            &["--kind", "detector", "--sdk", "full", "a"],
            "full is not the `sdk` folder",
        ),
    ] {
        palisade(dir.path())
            .args(["plugin", "new"])
            .args(arguments)
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(message));
    }
    let left = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 1);
}
