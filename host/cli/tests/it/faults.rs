//! What authors in Rust and C are told when their plugin ends: what, where, on which event; in
//! `plugin test`, and in the dead letters of `run`.

use std::fs;
use std::path::{Path, PathBuf};

use predicates::str::contains;

use crate::new::folder;
use crate::{checkout, palisade};

/// The manifest of a detector whose settings say what it does wrong.
pub(crate) fn manifest(name: &str, capabilities: &str) -> String {
    format!(
        r#"[plugin]
name = "{name}"
version = "0.1.0"
kind = "detector"
wit = "0.1"
pack = "tests"
description = "For a test"
{capabilities}

[[subscription]]
kind = "network.flow"
fields = ["src.ip", "dst.port"]

[[rule]]
id = "found"
title = "Found"
severity = "low"

[[setting]]
name = "act"
type = "integer"
default = 0

[[setting]]
name = "port"
type = "integer"
default = 23
"#
    )
}

/// Each act is on a line of its own, the line after the one that says `ACTS`.
const RUST: &str = r#"use palisade_sdk::{Batch, Detector, Settings, SettingsError, export_detector, field};

pub struct Plugin(i64);

impl Detector for Plugin {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        settings.integer("act").map(Plugin)
    }

    fn evaluate(&mut self, batch: &Batch) {
        palisade_sdk::log::info("looking");
        let ports = batch.u16s(field!("dst.port"));
        let none: Option<u16> = ports.get(7).copied();
        match self.0 {
            // ACTS
            0 => drop(none.unwrap()),
            1 => drop(ports[7]),
            2 => drop(ports[0].checked_add(u16::MAX).expect("no overflow\nof a sum")),
            3 => unreachable!("never {}", 3),
            4 => assert_eq!(ports[0], 1),
            5 => drop("a".parse::<u8>().unwrap()),
            6 => std::process::abort(),
            7 => drop(std::hint::black_box(Vec::<u64>::with_capacity(ports.len() << 25))),
            8 => drop(deep(u64::from(ports[0]) << 20)),
            9 => drop(Vec::<u64>::with_capacity(usize::MAX)),
            10 => std::panic::panic_any(7),
            11 => drop(batch.u8s(field!("dst.port"))),
            12 => drop(batch.u16s(field!("src.port"))),
            _ => {}
        }
    }
}

fn deep(left: u64) -> u64 {
    let here = std::hint::black_box([left; 64]);
    if left == 0 { 0 } else { deep(left - 1) + here[3] }
}

export_detector!(Plugin);
"#;

const C: &str = r#"#include "palisade.h"
#include <assert.h>

static int64_t act;
static void (*volatile nothing)(void);

bool exports_palisade_plugin_plugin_configure(exports_palisade_plugin_plugin_list_setting_t *settings,
                                              exports_palisade_plugin_plugin_settings_error_t *error) {
    return palisade_integer(settings, "act", 0, 99, &act, error);
}

static uint32_t deep(volatile uint32_t *left) {
    volatile uint32_t here[64] = {*left};
    *left -= 1;
    return *left == 0 ? 0 : deep(left) + here[0];
}

void exports_palisade_plugin_evaluate_evaluate(uint32_t subscription, uint32_t rows) {
    volatile uint32_t zero = subscription, many = 1u << 30;
    switch (act) {
    /* ACTS */
    case 0: abort();
    case 1: assert(rows == 7); break;
    case 2: PALISADE_CHECK(rows == 8); break;
    case 3: nothing(); break;
    case 4: many = rows / zero; break;
    case 5: many = *(volatile uint32_t *)(uintptr_t)0xfffffff0u; break;
    case 6: many = deep(&many); break;
    case 7: __builtin_trap();
    case 8: palisade_abort("in my own words", "mine.c", 5);
    default: break;
    }
}
"#;

/// For each act the start of what happened, and the end of its place; a place of a line is that
/// of the act.
type Told<'a> = &'a [(&'a str, &'a str)];

const TOLD_IN_RUST: Told<'_> = &[
    (
        "aborted at src/lib.rs:LINE:",
        "called `Option::unwrap()` on a `None` value",
    ),
    (
        "aborted at src/lib.rs:LINE:",
        "index out of bounds: the len is 1 but the index is 7",
    ),
    ("aborted at src/lib.rs:LINE:", "no overflow; of a sum"),
    (
        "aborted at src/lib.rs:LINE:",
        "internal error: entered unreachable code: never 3",
    ),
    (
        "aborted at src/lib.rs:LINE:",
        "assertion `left == right` failed; left: 2323; right: 1",
    ),
    (
        "aborted at src/lib.rs:LINE:",
        "ParseIntError { kind: InvalidDigit }",
    ),
    ("trapped: ", "it gave up without a word"),
    ("asked for ", "`limits.memory`"),
    (
        "trapped: ",
        "a recursion has used up the plugin's own stack",
    ),
    ("aborted at ", "capacity overflow"),
    (
        "aborted at src/lib.rs:LINE:",
        "a panic whose payload is no text",
    ),
    ("asked for field `dst.port` by `u8s`", "u16"),
    (
        "asked for field `src.port`",
        "`fields` of this subscription",
    ),
];

const TOLD_IN_C: Told<'_> = &[
    ("aborted at plugin.c:LINE: ", "abort() was called"),
    ("aborted at plugin.c:LINE: ", "assertion failed: rows == 7"),
    ("aborted at plugin.c:LINE: ", "check failed: rows == 8"),
    ("trapped: ", "a function pointer is null or wrong"),
    ("trapped: ", "divide by zero"),
    ("trapped: ", "a pointer or an index is wrong"),
    (
        "trapped: ",
        "a recursion has used up the plugin's own stack",
    ),
    ("trapped: ", "it gave up without a word"),
    ("aborted at mine.c:5: ", "in my own words"),
];

/// An event that comes to such a detector.
pub(crate) const EVENT: &str = "{\"kind\":\"network.flow\",\"time\":\"2025-06-01T10:00:00Z\",\
                     \"src\":{\"ip\":\"10.0.0.1\"},\"dst\":{\"ip\":\"10.0.0.2\",\"port\":2323}}\n";

fn project(name: &str, file: &str, code: &str, acts: usize) -> PathBuf {
    let dir = folder(name);
    fs::create_dir_all(dir.join(file).parent().unwrap()).unwrap();
    let manifest = manifest(name, "capabilities = [\"log\"]");
    fs::write(dir.join("plugin.toml"), manifest).unwrap();
    fs::write(dir.join(file), code).unwrap();
    for act in 0..acts {
        let vector = dir.join(format!("vectors/act-{act:02}"));
        fs::create_dir_all(&vector).unwrap();
        fs::write(vector.join("settings.toml"), format!("act = {act}\n")).unwrap();
        fs::write(vector.join("events.ndjson"), format!("\n{EVENT}")).unwrap();
        fs::write(vector.join("expected.ndjson"), "").unwrap();
    }
    dir
}

/// What `plugin test` says of each act.
fn tested(dir: &Path) -> Vec<String> {
    tested_with(dir, "")
}

/// The same with a value of the variable that says which frames are shown.
fn tested_with(dir: &Path, frames: &str) -> Vec<String> {
    let mut command = palisade(dir);
    command.env("PALISADE_BACKTRACE", frames);
    let assert = command.args(["plugin", "test"]).assert().code(1);
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let parts = text.split("FAILED  ").skip(1);
    parts.map(str::to_owned).collect()
}

/// Every act is told once, with what and where, by names and lines where there is a debug file.
fn told(name: &str, file: &str, code: &str, expected: Told<'_>, dir: &Path) {
    let seen = tested(dir);
    assert_eq!(seen.len(), expected.len(), "{seen:#?}");
    let first = code.lines().position(|line| line.contains("ACTS")).unwrap() + 2;
    for (act, (text, (begins, says))) in seen.iter().zip(expected).enumerate() {
        let line = (first + act).to_string();
        let begins = format!(
            "plugin `{name}`, export `evaluate`: {}",
            begins.replace("LINE", &line)
        );
        assert_eq!(text.matches(&begins).count(), 1, "{act}: {begins}\n{text}");
        assert!(text.contains(says), "{act}: {says}\n{text}");
        assert!(
            text.contains("on events.ndjson, line 2: {\"kind\""),
            "{act}\n{text}"
        );
        // Where the guest was, a frame tells, by the file of the author.
        let frame =
            |line: &str| line.trim().starts_with("in ") && line.contains(&format!(" at {file}:"));
        assert!(text.lines().any(frame), "{act}\n{text}");
    }
}

/// Frames are the author's alone, and all others are counted, unless all are wanted.
fn frames_are_the_authors(dir: &Path, file: &str) {
    let frames = |text: &str| {
        let lines = text.lines().map(str::trim);
        let frames = lines.filter(|line| line.starts_with("in "));
        frames.map(str::to_owned).collect::<Vec<_>>()
    };
    let note = " of the SDK and of libraries (PALISADE_BACKTRACE=full shows all)";
    let mut told = 0;
    for (own, full) in tested(dir).iter().zip(tested_with(dir, "full")) {
        assert!(!full.contains(note), "{full}");
        let (shown, all) = (frames(own), frames(&full));
        for frame in &shown {
            // Code may stand for no line.
            let own = [&format!(" at {file}:"), " at 0x"];
            assert!(own.iter().any(|at| frame.contains(*at)), "{frame}\n{full}");
            assert!(all.contains(frame), "{frame}\n{full}");
        }
        let counted = own.lines().find_map(|line| {
            let count = line.trim().strip_prefix("and ")?.strip_suffix(note)?;
            Some(count.split_once(' ')?.0.to_owned())
        });
        match counted.as_deref() {
            None => assert_eq!(shown, all),
            Some("1") => told += 1,
            Some(many) => {
                assert!(many.parse::<usize>().unwrap() > 1, "{own}");
                assert!(all.len() > shown.len(), "{own}\n{full}");
                told += 1;
            }
        }
    }
    assert!(told > 3, "{told}");
}

#[test]
fn faults_in_rust_are_told_with_their_place() {
    let name = "faults-rust";
    let dir = project(name, "src/lib.rs", RUST, TOLD_IN_RUST.len());
    let cargo = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [lib]\ncrate-type = [\"cdylib\"]\n[dependencies]\n\
         palisade-sdk = {{ path = \"../../../sdk/rust\" }}\n[workspace]\n\
         [profile.release]\nopt-level = 3\nlto = true\npanic = \"abort\"\n\
         codegen-units = 1\nstrip = true\n"
    );
    fs::write(dir.join("Cargo.toml"), cargo).unwrap();
    told(name, "src/lib.rs", RUST, TOLD_IN_RUST, &dir);
    // The log stands with it.
    let all = tested(&dir).join("");
    let logged = all.matches("log of `faults-rust`: info: looking").count();
    assert!(logged >= TOLD_IN_RUST.len(), "{all}");
    frames_are_the_authors(&dir, "src/lib.rs");
    remove(name);
}

#[test]
fn faults_in_c_are_told_with_their_place() {
    let name = "faults-c";
    let dir = project(name, "plugin.c", C, TOLD_IN_C.len());
    told(name, "plugin.c", C, TOLD_IN_C, &dir);
    frames_are_the_authors(&dir, "plugin.c");
    a_debug_file_changes_words_alone(&dir, name);
    remove(name);
}

fn built(name: &str) -> PathBuf {
    checkout().join("target/plugins/tests").join(name)
}

fn remove(name: &str) {
    for extension in ["wasm", "debug.wasm"] {
        let _ = fs::remove_file(built(name).with_extension(extension));
    }
}

/// `run` and its dead letters use it where it lies beside the component, which is the same
/// without it; one of other code is not used.
fn a_debug_file_changes_words_alone(dir: &Path, name: &str) {
    let component = built(name).with_extension("wasm");
    let debug = built(name).with_extension("debug.wasm");
    let bytes = fs::read(&component).unwrap();
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
    assert!(has(&fs::read(&debug).unwrap(), ".debug_line"));
    assert!(!has(&bytes, ".debug_line"));
    fs::write(dir.join("settings.toml"), format!("[{name}]\nact = 7\n")).unwrap();
    fs::copy(
        checkout().join("tests/captures/dns.pcap"),
        dir.join("in.pcap"),
    )
    .unwrap();
    let letter = |beside: Option<&[u8]>| {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("x.wasm"), &bytes).unwrap();
        if let Some(debug) = beside {
            fs::write(place.path().join("x.debug.wasm"), debug).unwrap();
        }
        let dead = place.path().join("dead.ndjson");
        let output = palisade(dir)
            .args(["run", "in.pcap", "--settings", "settings.toml", "--plugins"])
            .arg(place.path())
            .arg("--dead-letters")
            .arg(&dead)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        fs::read_to_string(dead).unwrap_or_else(|_| panic!("no letter: {said}"))
    };
    let own = fs::read(&debug).unwrap();
    let named = letter(Some(&own));
    assert!(named.contains(" at plugin.c:"), "{named}");
    assert!(!named.contains(dir.to_str().unwrap()), "{named}");
    let bare = letter(None);
    assert!(!bare.contains("plugin.c"), "{bare}");
    let mut other = own.clone();
    let at = own.windows(2).rposition(|w| w == [0x0b, 0x0b]);
    other.truncate(own.len() / 2);
    assert!(at.is_some());
    for wrong in [&bytes[..], &other, b"junk"] {
        let said = letter(Some(wrong));
        assert!(!said.contains("plugin.c:1"), "{said}");
    }
    palisade(dir)
        .args(["run", "in.pcap", "--settings", "settings.toml", "--plugins"])
        .arg(&debug)
        .assert()
        .code(2)
        .stderr(contains("not a WebAssembly component"));
}
