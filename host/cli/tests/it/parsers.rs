//! Parsers under test: where their errors and faults are, however their input is cut.

use std::fs;
use std::path::Path;

use crate::mishaps::{all, tested};
use crate::new::new;
use crate::palisade;

/// Changes bytes of a capture in place, the same number of them.
fn changed(file: &Path, from: &[u8], to: &[u8]) {
    let mut bytes = fs::read(file).unwrap();
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    fs::write(file, bytes).unwrap();
}

fn replaced(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    let new = text.replace(from, to);
    assert_ne!(new, text, "{from}");
    fs::write(file, new).unwrap();
}

fn blessed(dir: &Path, args: &[&str]) -> String {
    let mut command = palisade(dir);
    let command = command.env("PALISADE_BLESS", "1");
    let assert = command.args(["plugin", "test"]).args(args).assert().code(0);
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

#[test]
fn an_error_in_what_an_earlier_packet_began_is_where_that_began() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for lang in ["c", "javascript", "rust"] {
        new(dir, "parser", lang, lang);
        let vector = dir.join(lang).join("vectors/greeting");
        // The line `GREET grace` comes in two packets, of which the second is `ET grace`.
        changed(&vector.join("input.pcap"), b"ET grace", b"EX grace");
        blessed(dir, &[lang]);
        let expected = fs::read_to_string(vector.join("expected.ndjson")).unwrap();
        // `GREET ada` and its end of line are ten bytes.
        all(&expected, &["byte 10: GREET or HELLO, and a name"]);
        all(&tested(dir, &[lang], 0), &["2 passed"]);
    }
}

#[test]
fn a_handover_in_what_an_earlier_packet_began_loses_nothing_of_that() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for name in ["first", "second"] {
        new(dir, "parser", "c", name);
    }
    replaced(
        &dir.join("first/plugin.c"),
        "return palisade_error(line, \"GREET or HELLO, and a name\");",
        "return palisade_handover(line);",
    );
    replaced(&dir.join("second/plugin.c"), "\"GREET \"", "\"GREEX \"");
    let toml = dir.join("second/plugin.toml");
    replaced(&toml, "4752454554 20", "4752454558 20");
    let vector = dir.join("second/vectors/greeting");
    changed(&vector.join("input.pcap"), b"ET grace", b"EX grace");
    blessed(dir, &["second", "--with", "first", "--only", "greeting"]);
    let expected = fs::read_to_string(vector.join("expected.ndjson")).unwrap();
    // The whole line, of which the first three bytes were another packet's.
    all(
        &expected,
        &["\"second.name\":\"grace\"", "\"first.name\":\"ada\""],
    );
}

#[test]
fn a_fault_of_a_parser_names_the_packets_and_the_function() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "parser", "c", "inc");
    replaced(
        &dir.join("inc/plugin.c"),
        "    size_t line = 0;\n",
        "    size_t line = 0;\n    if (chunk->to_client) abort();\n",
    );
    // Behind the three of the handshake comes the first request.
    let told = tested(dir, &["inc"], 1);
    all(
        &told,
        &["abort() was called", "on input.pcap, packets 4 to "],
    );
    new(dir, "parser", "javascript", "injs");
    let file = dir.join("injs/plugin.js");
    let text = fs::read_to_string(&file).unwrap();
    let line = text
        .lines()
        .position(|line| line.contains("parse(chunk, events)"))
        .unwrap()
        + 1;
    for (answer, problem) in [
        ("return;", "a parser answers `done()`"),
        (
            "return incomplete(5010);",
            "`incomplete(5010)`: the parser was shown",
        ),
        ("return error(0);", "`error(…, missing)`: it takes a text"),
        (
            "return done(chunk.lenght());",
            "`chunk` has no `lenght`; did you mean `length`?",
        ),
        (
            "events.evnt(1);",
            "`events` has no `evnt`; did you mean `event`?",
        ),
    ] {
        fs::write(&file, text.replace("return done();", answer)).unwrap();
        let told = tested(dir, &["injs"], 1);
        all(
            &told,
            &[problem, "aborted at plugin.js:", "on input.pcap, packet"],
        );
        if !problem.contains("has no") {
            all(&told, &[&format!("plugin.js:{line}")]);
        }
    }
}

#[test]
fn an_answer_about_bytes_that_were_not_shown_is_a_fault_in_rust_too() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "parser", "rust", "inrust");
    replaced(
        &dir.join("inrust/src/lib.rs"),
        "return Outcome::Incomplete { consumed, needed: 0 };",
        "return Outcome::Incomplete { consumed: consumed + 5010, needed: 0 };",
    );
    let told = tested(dir, &["inrust"], 1);
    all(
        &told,
        &[
            "`Outcome::Incomplete { consumed: ",
            "the parser was shown ",
            "on input.pcap, packet",
        ],
    );
}
