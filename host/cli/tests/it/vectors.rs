//! What `plugin test` and `policy check` make of plugins that stand beside one another, and
//! of timers.

use std::fs;
use std::path::Path;

use palisade_events::json::write_event;
use palisade_events::{Body, Envelope, Event, Kind};
use predicates::boolean::PredicateBooleanExt as _;
use predicates::str::contains;

use crate::palisade;

/// Writes a plugin of one rule, `late`, in JavaScript.
pub(crate) fn plugin(dir: &Path, name: &str, kind: &str, rest: &str, code: &str) {
    fs::create_dir_all(dir.join(name)).unwrap();
    let manifest = format!(
        "[plugin]\nname = \"{name}\"\nversion = \"0.1.0\"\nkind = \"{kind}\"\nwit = \"0.1\"\n\
         pack = \"tests\"\ndescription = \"For a test\"\n{rest}\n\
         [[rule]]\nid = \"late\"\ntitle = \"Late\"\nseverity = \"low\"\n"
    );
    fs::write(dir.join(name).join("plugin.toml"), manifest).unwrap();
    fs::write(dir.join(name).join("plugin.js"), code).unwrap();
}

pub(crate) fn vector(dir: &Path, name: &str, files: &[(&str, &str)]) {
    let vector = dir.join("vectors").join(name);
    fs::create_dir_all(&vector).unwrap();
    for (file, text) in files {
        let path = vector.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// An event of `network.app` at a time of day.
pub(crate) fn app(time: &str, operation: &str) -> String {
    format!(
        "{{\"kind\":\"network.app\",\"time\":\"2025-06-01T{time}Z\",\
         \"src\":{{\"ip\":\"10.0.0.1\"}},\"dst\":{{\"ip\":\"10.0.0.2\"}},\
         \"protocol\":\"x\",\"operation\":\"{operation}\"}}\n"
    )
}

/// The same with all fields, as a run wants them.
pub(crate) fn whole(operation: &str) -> String {
    let Body::NetworkApp(mut body) = Body::neutral(Kind::NetworkApp) else {
        panic!("another kind");
    };
    body.operation = operation.to_owned();
    let event = Event {
        envelope: Envelope::default(),
        body: Body::NetworkApp(body),
    };
    let mut line = Vec::new();
    write_event(&mut line, &event).unwrap();
    String::from_utf8(line).unwrap().trim_end().to_owned() + "\n"
}

const LATE: &str =
    "{\"rule\":\"late\",\"severity\":\"low\",\"subject\":\"k\",\"summary\":\"a minute later\"}\n";

/// Sets a timer a minute after each event `arm`, and reports when it fires.
const ALARM: &str = r#"
import { Text, u64s } from "palisade-sdk/batch.js";
import { field } from "palisade-sdk/field.js";
import { emit } from "palisade-sdk/findings.js";
import timers from "palisade:plugin/timers@0.1.0";

const TIME = field("time");
const OPERATION = field("operation");

export const plugin = {
  configure(_list) {},
};

export const evaluate = {
  evaluate(_subscription, _rows) {
    const times = u64s(TIME);
    const operations = new Text(OPERATION);
    times.forEach((time, row) => {
      if (operations.text(row) === "arm") timers.set("alarm", "k", Number(time) + 60e9);
    });
  },
};

export const onTimer = {
  onTimer(fired) {
    for (const { key } of fired) emit({ rule: "late", subject: key, summary: "a minute later" });
  },
};
"#;

#[test]
fn what_a_timer_finds_counts_where_it_is_due_after_what_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let rest = "capabilities = [\"timers\"]\nexports = [\"on-timer\"]\n\
                [[subscription]]\nkind = \"network.app\"\nfields = [\"time\", \"operation\"]\n";
    plugin(dir, "alarm", "detector", rest, ALARM);
    let alarm = dir.join("alarm");
    let arm = app("10:00:00", "arm");
    for (name, given, events, expected) in [
        // It fires while the given events are settled, which is before the input.
        (
            "given-long-before",
            [&arm[..], &app("10:02:00", "go")].concat(),
            app("10:03:00", "go"),
            "",
        ),
        // Due at the very time of the last given event.
        (
            "given-just-before",
            [&arm[..], &app("10:01:00", "go")].concat(),
            app("10:03:00", "go"),
            "",
        ),
        // Set by what was given, due during the input.
        (
            "given-and-due-later",
            [&arm[..], &app("10:00:59", "go")].concat(),
            app("10:03:00", "go"),
            LATE,
        ),
        (
            "of-the-input",
            String::new(),
            [&arm[..], &app("10:03:00", "go")].concat(),
            LATE,
        ),
        // The input ends before it is due.
        ("never-due", String::new(), arm.clone(), ""),
    ] {
        vector(
            &alarm,
            name,
            &[
                ("given.ndjson", &given),
                ("events.ndjson", &events),
                ("expected.ndjson", expected),
            ],
        );
    }
    palisade(dir)
        .args(["plugin", "test", "alarm"])
        .assert()
        .stdout(contains("5 passed, 0 failed"))
        .code(0);
}

/// Reports every event that a parser made.
pub(crate) const LISTENER: &str = r#"
import { field } from "palisade-sdk/field.js";
import { Text } from "palisade-sdk/batch.js";
import { emit } from "palisade-sdk/findings.js";

export const plugin = {
  configure(_list) {},
};

export const evaluate = {
  evaluate(_subscription, rows) {
    const operations = new Text(field("operation"));
    for (let row = 0; row < rows; row++) {
      emit({ rule: "late", subject: operations.text(row), summary: "heard", rows: [row] });
    }
  },
};
"#;

#[test]
fn a_detector_is_tested_on_packets_with_the_parser_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    palisade(dir)
        .args([
            "plugin", "new", "--kind", "parser", "--lang", "c", "greeting",
        ])
        .assert()
        .code(0);
    let rest = "[[subscription]]\nkind = \"network.app\"\nfields = [\"operation\"]\n";
    plugin(dir, "listener", "detector", rest, LISTENER);
    plugin(dir, "talker", "detector", rest, LISTENER);
    let listener = dir.join("listener");
    let finding = |at: usize, operation: &str| {
        format!(
            "{{\"rule\":\"late\",\"severity\":\"low\",\"subject\":\"{operation}\",\
             \"summary\":\"heard\",\"cites\":[\"input:{at}\"]}}\n"
        )
    };
    vector(&listener, "greeted", &[]);
    let packets = dir.join("greeting/vectors/greeting/input.pcap");
    fs::copy(packets, listener.join("vectors/greeted/input.pcap")).unwrap();
    let write =
        |text: &str| fs::write(listener.join("vectors/greeted/expected.ndjson"), text).unwrap();
    let test = |with: &[&str], said: &str, code: i32| {
        palisade(dir)
            .args(["plugin", "test", "listener"])
            .args(with)
            .assert()
            .stdout(contains(said))
            .code(code);
    };
    // Alone it hears nothing, since nobody parses, and that proves nothing.
    write("");
    let nothing = "of a kind that `listener` subscribes to (network.app), but";
    test(&[], nothing, 1);
    // What another plugin beside it reports does not count.
    write(
        &[
            finding(3, "greet"),
            finding(4, "hello"),
            finding(5, "greet"),
            finding(6, "hello"),
        ]
        .concat(),
    );
    test(&["--with", "greeting"], "1 passed, 0 failed", 0);
    test(
        &["--with", "greeting", "--with", "talker"],
        "1 passed, 0 failed",
        0,
    );
    test(&[], "0 passed, 1 failed", 1);
    palisade(dir)
        .args(["plugin", "test", "listener", "--with", "nobody"])
        .assert()
        .code(2)
        .stderr(contains("nobody"));
}

/// Permits until a minute after the first notice.
const TERM: &str = r#"
import { u64s } from "palisade-sdk/batch.js";
import { field } from "palisade-sdk/field.js";
import state from "palisade:plugin/state@0.1.0";
import timers from "palisade:plugin/timers@0.1.0";

const TIME = field("time");

export const plugin = {
  configure(_list) {},
};

export const observe = {
  observe(_subscription, _rows) {
    timers.set("term", "k", Number(u64s(TIME)[0]) + 60e9);
  },
};

export const onTimer = {
  onTimer(_fired) {
    state.put(0, "over", new Uint8Array([1]));
  },
};

export const decide = {
  decide(_subscription) {
    const over = state.get(0, "over");
    const verdict = { tag: over ? "deny" : "permit" };
    const reason = over ? "the term is over" : "the term runs";
    return [{ rule: "late", verdict, reason, obligations: [], events: [] }];
  },
};
"#;

#[test]
fn a_request_is_judged_after_the_timers_of_what_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let rest = "capabilities = [\"state\", \"timers\"]\nexports = [\"observe\", \"on-timer\"]\n\
                [[subscription]]\nkind = \"report.disclosure\"\nrole = \"decide\"\nfields = [\"time\"]\n\
                [[subscription]]\nkind = \"report.intel\"\nrole = \"observe\"\nfields = [\"time\"]\n\
                where = [{ field = \"notice\", equals = \"N-1\" }]\n\
                [[table]]\nname = \"terms\"\nkind = \"value\"\nttl = \"1h\"\n";
    plugin(dir, "term", "policy", rest, TERM);
    palisade(dir)
        .args(["plugin", "build", "term"])
        .assert()
        .code(0);
    let notice = |time: &str, notice: &str| {
        format!(
            "{{\"kind\":\"report.intel\",\"time\":\"2025-06-01T{time}Z\",\"notice\":\"{notice}\"}}\n"
        )
    };
    let request = "{\"kind\":\"report.disclosure\",\"time\":\"2025-06-01T10:01:01Z\",\"request\":\"r\",\"subjects\":[\"V-1\"]}\n";
    fs::write(dir.join("request.ndjson"), request).unwrap();
    let check = |more: &[&str]| {
        let mut command = palisade(dir);
        command
            .args(["policy", "check", "--given", "given.ndjson", "--request"])
            .arg("request.ndjson")
            .args(more)
            .arg("--plugins")
            .arg(dir.join("term/target/plugins/tests/term.wasm"));
        command
    };
    // Whoever asks does not choose when that is.
    let runs = [notice("10:00:00", "N-1"), notice("10:00:59", "N-2")].concat();
    fs::write(dir.join("given.ndjson"), &runs).unwrap();
    let dated = "the request is dated 2025-06-01T10:01:01";
    for (now, said, code) in [
        (&[][..], dated, 1),
        (&["--now", "2025-06-01T10:06:02Z"], dated, 1),
        (&["--now", "2025-06-01T09:56:00Z"], dated, 1),
        (&["--now", "2025-06-01T10:06:01Z"], "the term runs", 0),
        (&["--now", "2025-06-01T09:56:01Z"], "the term runs", 0),
    ] {
        check(now).assert().stdout(contains(said)).code(code);
    }
    // What cannot be read may forbid it, be it a record, the end of a file or all of it.
    let whole = runs.as_bytes().to_vec();
    let bad = [
        &whole,
        &b"{\"kind\":\"report.intel\",\"time\":\"never\"}\n"[..],
    ]
    .concat();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &whole).unwrap();
    let mut cut = packed.finish().unwrap();
    cut.truncate(cut.len() - 9);
    for given in [
        bad,
        cut,
        b"\0\x01\x02 nothing that is known".to_vec(),
        Vec::new(),
    ] {
        fs::write(dir.join("given.ndjson"), given).unwrap();
        check(&["--now", "events"])
            .assert()
            .stdout(contains("permit").not().and(contains("deny")))
            .stdout(contains("could not be read").and(contains("may forbid this")))
            .stderr(contains("nothing is permitted"))
            .code(2);
    }
    for (last, said, code) in [
        ("10:01:00", "the term is over", 1),
        ("10:00:59", "the term runs", 0),
    ] {
        let given = [notice("10:00:00", "N-1"), notice(last, "N-2")].concat();
        fs::write(dir.join("given.ndjson"), given).unwrap();
        palisade(dir)
            .args([
                "policy",
                "check",
                "--given",
                "given.ndjson",
                "--request",
                "request.ndjson",
                "--now",
                "events",
            ])
            .arg("--plugins")
            .arg(dir.join("term/target/plugins/tests/term.wasm"))
            .assert()
            .stdout(contains(said))
            .code(code);
    }
}

/// Writes of every row, and throws at the 17th.
const SPEAKS: &str = r#"
import { Text } from "palisade-sdk/batch.js";
import { field } from "palisade-sdk/field.js";

const OPERATION = field("operation");

export const plugin = {
  configure(_list) {
    console.info("configured");
  },
};

export const evaluate = {
  evaluate(_subscription, rows) {
    const operations = new Text(OPERATION);
    for (let row = 0; row < rows; row++) {
      const operation = operations.text(row);
      console.info(`row ${operation}.`);
      if (operation === "n17") throw new Error("never 17");
    }
  },
};
"#;

#[test]
fn what_a_plugin_writes_is_told_once_and_its_faults_are_counted_alike() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let rest = "capabilities = [\"log\"]\n[[subscription]]\nkind = \"network.app\"\n\
                fields = [\"operation\"]\n";
    plugin(dir, "speaks", "detector", rest, SPEAKS);
    palisade(dir)
        .args(["plugin", "build", "speaks", "--out", "."])
        .assert()
        .code(0);
    let events: String = (1..=40).map(|n| whole(&format!("n{n}"))).collect();
    fs::write(dir.join("in.ndjson"), events).unwrap();
    let output = palisade(dir)
        .args([
            "run",
            "in.ndjson",
            "--workers",
            "1",
            "--plugins",
            "tests/speaks.wasm",
        ])
        .args(["--dead-letters", "dead", "--summary", "summary.json"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    for n in 1..=40 {
        let line = format!("plugin `speaks` says: row n{n}.\n");
        assert_eq!(said.matches(&line).count(), 1, "{n}: {said}");
    }
    assert_eq!(said.matches("says: configured").count(), 1, "{said}");
    assert!(said.contains("faults of plugins: 1\n"), "{said}");
    let row = said
        .lines()
        .find(|line| line.starts_with("speaks "))
        .unwrap();
    assert!(row.ends_with(" 1"), "{row}");
    let summary = fs::read(dir.join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary["faults"], 1);
    assert_eq!(summary["plugins"][0]["faults"], 1);
    // Events count from 1, as lines do.
    let letter = fs::read(dir.join("dead")).unwrap();
    let letter: serde_json::Value = serde_json::from_slice(&letter).unwrap();
    assert_eq!(letter["event"], 17, "{letter}");
    assert_eq!(letter.get("line"), None, "{letter}");
}

#[test]
fn a_plugin_that_cannot_be_built_keeps_no_other_from_being_tested() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let events =
        "capabilities = []\n[[subscription]]\nkind = \"network.app\"\nfields = [\"operation\"]\n";
    let sound = "export const plugin = { configure(_list) {} };\n\
                 export const evaluate = { evaluate(_subscription, _rows) {} };\n";
    plugin(
        dir,
        "a-broken",
        "detector",
        events,
        "export function configure( {",
    );
    plugin(dir, "b-sound", "detector", events, sound);
    for name in ["a-broken", "b-sound"] {
        vector(
            &dir.join(name),
            "nothing",
            &[
                ("events.ndjson", &app("10:00:00", "x")),
                ("expected.ndjson", ""),
            ],
        );
    }
    palisade(dir)
        .args(["plugin", "test", "--all", ".", "--junit", "results.xml"])
        .assert()
        .code(2)
        .stderr(contains("cannot build tests/a-broken"))
        .stdout(contains("1 passed, 0 failed, 1 not built"));
    let xml = fs::read_to_string(dir.join("results.xml")).unwrap();
    assert!(xml.contains("the plugin cannot be built"), "{xml}");
    assert!(xml.contains("tests/b-sound"), "{xml}");
}
