//! What authors in JavaScript are told of their mistakes, and that a build is reproducible.

use std::fs;
use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;

use crate::faults::{EVENT, manifest};
use crate::palisade;

const HEAD: &str = "import { Addresses, Text, f64s, u8s, u16s, u64s, valid } from \"palisade-sdk/batch.js\";\n\
import { field } from \"palisade-sdk/field.js\";\n\
import { emit } from \"palisade-sdk/findings.js\";\n\
import { settings } from \"palisade-sdk/settings.js\";\n\
import findings from \"palisade:plugin/findings@0.1.0\";\n\
let set;\n\
export const plugin = { configure(list) { set = settings(list); } };\n";
/// The line after `HEAD`.
const LINE: usize = 8;

fn project(dir: &Path, capabilities: &str, code: &str) {
    fs::create_dir_all(dir.join("vectors/a")).unwrap();
    let manifest = manifest("probe", capabilities);
    fs::write(dir.join("plugin.toml"), manifest).unwrap();
    fs::write(dir.join("plugin.js"), code).unwrap();
    // An empty line first, so that the line of the event is not its number.
    fs::write(dir.join("vectors/a/events.ndjson"), format!("\n{EVENT}")).unwrap();
    fs::write(dir.join("vectors/a/expected.ndjson"), "").unwrap();
}

/// What `plugin test` prints of a detector whose `evaluate` does this.
fn evaluated(dir: &Path, capabilities: &str, body: &str) -> String {
    let code = format!(
        "{HEAD}export const evaluate = {{ evaluate(subscription, rows) {{\n{body}\n}} }};\n"
    );
    tested(dir, capabilities, &code, 1)
}

fn tested(dir: &Path, capabilities: &str, code: &str, exit: i32) -> String {
    project(dir, capabilities, code);
    run(dir, exit)
}

/// What `plugin test` prints.
pub(crate) fn run(dir: &Path, exit: i32) -> String {
    let assert = palisade(dir).args(["plugin", "test"]).assert().code(exit);
    let output = assert.get_output();
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

/// Each mistake on the one line of `evaluate`, and parts of what is said of it.
const MISTAKES: &[(&str, &[&str])] = &[
    ("throw new TypeError('as told');", &["TypeError: as told"]),
    (
        "throw 'a text';",
        &[
            "the text \"a text\" was thrown, which is no Error;",
            "throw an Error",
        ],
    ),
    ("throw null;", &["null was thrown"]),
    ("throw undefined;", &["undefined was thrown"]),
    (
        "throw { code: 5, toString() { return 'five'; } };",
        &["an object, {\"code\":5}, was thrown"],
    ),
    (
        "throw { name: 'port', message: 'is odd' };",
        &["a refusal of the setting `port`", "only `configure`"],
    ),
    (
        "try { throw 'inner'; } catch (e) { throw `${e}, again`; }",
        &["the text \"inner, again\" was thrown"],
    ),
    (
        "new Addresses(field('src.ip')).text(1);",
        &["`Addresses.text`: the column of `src.ip` has no row 1; it has 1 row, counted from 0"],
    ),
    (
        "new Addresses(field('src.ip')).octets(-1);",
        &["RangeError: `Addresses.octets`", "no row -1"],
    ),
    (
        "new Addresses(field('src.ip')).text(NaN);",
        &["`src.ip` has no row NaN"],
    ),
    (
        "new Addresses(field('src.ip')).text(0.5);",
        &["`src.ip` has no row 0.5"],
    ),
    (
        "new Addresses(field('src.ip')).text('0');",
        &["TypeError: ", "`src.ip` has no row the text \"0\""],
    ),
    (
        "new Addresses(field('src.ip')).text();",
        &["`src.ip` has no row missing"],
    ),
    (
        "new Addresses(field('src.ip')).text(0n);",
        &["`src.ip` has no row 0n"],
    ),
    (
        "valid(field('src.ip'))(1);",
        &["`valid`: the column of `src.ip` has no row 1; it has 1 row"],
    ),
    (
        "valid(field('dst.port'))('0');",
        &["`valid`: the column of `dst.port` has no row"],
    ),
    (
        "emit({ rule: 'found', rows: [-1] });",
        &[
            "finding.rows[0] is -1",
            "the batch has 1, and the first is 0",
        ],
    ),
    (
        "undefined();",
        &["TypeError: `undefined` is not a function"],
    ),
    ("nothing();", &["ReferenceError: nothing is not defined"]),
    (
        "set.prot;",
        &["there is no setting `prot`", "declares `act`, `port`"],
    ),
    (
        "u8s(field('dst.port'));",
        &["`u8s(…)`", "`dst.port` is of another type", "`u16s(…)`"],
    ),
    (
        "new Text(field('src.ip'));",
        &["`new Text(…)`", "`src.ip`", "`new Addresses(…)`"],
    ),
    (
        "new Addresses(field('dst.port'));",
        &["`new Addresses(…)`", "`u16s(…)`"],
    ),
    (
        "u16s(field('dst.prot'));",
        &["no event has such a field; did you mean `dst.port`?"],
    ),
    ("u16s(undefined);", &["undefined, which is no field"]),
    (
        "valid(field('src.port'));",
        &["lists `src.port` in its `fields`"],
    ),
    (
        "emit({ rule: 'found', sumary: 'x', rows: [0] });",
        &["no property `sumary`", "summary"],
    ),
    (
        "emit({ rule: 'found', summary: 5, rows: [0] });",
        &["summary is 5; it must be a text"],
    ),
    (
        "emit({ summary: 'x', rows: [0] });",
        &["`findings.emit`: finding.rule is missing"],
    ),
    (
        "emit({ rule: 'found', rows: ['0'] });",
        &["finding.rows[0] is the text \"0\""],
    ),
    (
        "emit({ rule: 'found', rows: 0 });",
        &["finding.rows is 0; it must be a list"],
    ),
    (
        "emit({ rule: 'found', severity: 'huge', rows: [0] });",
        &["finding.severity", "critical"],
    ),
    (
        "emit({ rule: 'found', details: { a: undefined }, rows: [0] });",
        &["details.a is missing"],
    ),
    (
        "emit({ rule: 'found', get rows() { throw new RangeError('got'); } });",
        &["RangeError: got"],
    ),
    (
        "emit({ rule: 'found', rows: [0], actions: [{ tag: 'blok' }] });",
        &["actions[0].tag", "block"],
    ),
    (
        "findings.emit();",
        &["`findings.emit` is given 0 arguments; it takes (finding)"],
    ),
    (
        "findings.retract('found', Symbol('x'));",
        &["subject is a symbol; it must be a text"],
    ),
    (
        "findings.emti({});",
        &["`findings` has no `emti`; did you mean `emit`?"],
    ),
    (
        "console.log('x');",
        &["`console.log` needs the capability `log`", "plugin.toml"],
    ),
    (
        "Date.now();",
        &["`Date.now()`: a plugin has no clock", "`time`"],
    ),
    ("new Date();", &["`new Date()`: a plugin has no clock"]),
    ("performance.now();", &["no clock"]),
    (
        "return Promise.reject(new Error('late'));",
        &["`evaluate.evaluate` returned a promise"],
    ),
    (
        "throw { get message() { throw 1; } };",
        &["an object was thrown"],
    ),
    (
        "throw Object.defineProperty(new Error(), 'message', { get() { throw 1; } });",
        &["cannot be read"],
    ),
];

#[test]
fn every_mistake_is_told_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let acts: Vec<String> = MISTAKES
        .iter()
        .map(|(body, _)| format!("() => {{ {body} }},\n"))
        .collect();
    let code = format!(
        "{HEAD}const acts = [\n{}];\n\
         export const evaluate = {{ evaluate() {{ return acts[set.act](); }} }};\n",
        acts.concat()
    );
    project(dir.path(), "", &code);
    let vectors = dir.path().join("vectors");
    for act in 0..MISTAKES.len() {
        let vector = vectors.join(format!("act-{act:02}"));
        fs::create_dir(&vector).unwrap();
        for file in ["events.ndjson", "expected.ndjson"] {
            fs::copy(vectors.join("a").join(file), vector.join(file)).unwrap();
        }
        fs::write(vector.join("settings.toml"), format!("act = {act}\n")).unwrap();
    }
    fs::remove_dir_all(vectors.join("a")).unwrap();
    let text = run(dir.path(), 1);
    let told: Vec<&str> = text.split("FAILED  ").skip(1).collect();
    assert_eq!(told.len(), MISTAKES.len(), "{text}");
    for (at, ((body, parts), told)) in MISTAKES.iter().zip(told).enumerate() {
        for part in *parts {
            assert!(told.contains(part), "{body}\nlacks {part}\n{told}");
        }
        assert!(!told.contains("unreachable"), "{body}\n{told}");
        let once = told
            .matches("plugin `probe`, export `evaluate`: aborted")
            .count();
        assert_eq!(once, 1, "{body}\n{told}");
        // A promise has no place.
        if !body.starts_with("return Promise") {
            let place = format!("aborted at plugin.js:{}:", LINE + 1 + at);
            assert!(told.contains(&place), "{body}\n{told}");
            assert!(
                told.contains("    in evaluate (plugin.js:"),
                "{body}\n{told}"
            );
        }
        assert!(
            told.contains("on events.ndjson, line 2: {\"kind\":"),
            "{body}\n{told}"
        );
    }
}

#[test]
fn a_recursion_without_end_and_a_bomb_are_told_as_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let told = evaluated(dir.path(), "", "const f = () => 1 + f(); f();");
    assert!(
        told.contains("used more than 524288 bytes of stack")
            && told.contains("a recursion without an end"),
        "{told}"
    );
    // Frames of the interpreter say nothing of a script.
    assert!(
        told.contains("in a line of the script that is not known") && !told.contains("function "),
        "{told}"
    );
    let told = evaluated(dir.path(), "", "for (;;);");
    assert!(
        told.contains("used up its fuel of 1000000000 units")
            && told.contains("`limits.fuel` of plugin.toml cannot raise it"),
        "{told}"
    );
    // More than there is at once, so that it is never the time that ends.
    let told = evaluated(dir.path(), "", "new Uint8Array(1e8);");
    assert!(told.contains("`limits.memory`"), "{told}");
}

#[test]
fn console_writes_to_the_log_where_there_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let body = "console.debug('d', 1n, [2], { a: null }); console.log('l'); console.info('i');\
                console.warn('w'); console.error(new TypeError('e')); console.log('y'.repeat(9000));\
                console.log(Symbol('s')); const a = {}; a.a = a; console.log(a);\
                throw new Error('end');";
    let told = evaluated(dir.path(), "capabilities = [\"log\"]", body);
    for line in [
        "log of `probe`: debug: d 1n [2] {\"a\":null}",
        "log of `probe`: info: l",
        "log of `probe`: info: i",
        "log of `probe`: warn: w",
        "log of `probe`: error: TypeError: e",
        "log of `probe`: info: yyyy",
        "log of `probe`: info: Symbol(s)",
        "an object that cannot be shown",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    // The log stands below what is wrong, whether that is a fault or a difference.
    assert!(told.find("Error: end") < told.find("info: l"), "{told}");
    let told = evaluated(
        dir.path(),
        "capabilities = [\"log\"]",
        "console.log('seen'); emit({ rule: 'found', summary: 's', rows: [0] });",
    );
    assert!(told.contains("+ ") && told.contains("info: seen"), "{told}");
}

#[test]
fn configure_refuses_by_refuse_alone() {
    let dir = tempfile::tempdir().unwrap();
    let rest = "export const evaluate = { evaluate() {} };\n";
    let refusing = "import { refuse } from \"palisade-sdk/settings.js\";\n\
                    export const plugin = { configure() { throw refuse('port', 'is odd'); } };\n";
    let told = tested(dir.path(), "", &format!("{refusing}{rest}"), 1);
    assert!(told.contains("settings refused: `port`: is odd"), "{told}");
    let mistaken = "export const plugin = {\n configure() { none.such(); } };\n";
    let told = tested(dir.path(), "", &format!("{mistaken}{rest}"), 1);
    assert!(
        told.contains("export `configure`: aborted at plugin.js:2:")
            && told.contains("ReferenceError: none is not defined"),
        "{told}"
    );
}

#[test]
fn what_a_build_can_know_it_tells() {
    let plugin = "export const plugin = { configure() {} };\n";
    let evaluate = "export const evaluate = { evaluate() {} };\n";
    for (code, parts) in [
        (
            plugin.to_owned(),
            &["does not export `evaluate`", "it exports `plugin`"][..],
        ),
        (
            format!("{plugin}export const evalute = {{ evaluate() {{}} }};"),
            &["does not export `evaluate`", "`evalute`"],
        ),
        (
            format!("{plugin}export const evaluate = {{ evalute() {{}} }};"),
            &[
                "`evaluate` in plugin.js has no function `evaluate`",
                "`evalute`",
            ],
        ),
        (
            format!("{plugin}export const evaluate = {{ async evaluate() {{}} }};"),
            &["`evaluate.evaluate`", "async"],
        ),
        (
            format!("{plugin}{evaluate}const f = () => none.such;\nf();"),
            &["none is not defined", "plugin.js:3:"],
        ),
        (format!("{plugin}{evaluate}let = ;"), &["plugin.js:3:"]),
        (
            format!("import state from \"palisade:plugin/state@0.1.0\";\n{plugin}{evaluate}"),
            &[
                "plugin.js:1: imports `palisade:plugin/state@0.1.0`",
                "write `capabilities = [\"state\"]` below line 1, `[plugin]`, of plugin.toml",
            ],
        ),
        (
            format!("import dns from \"palisade:plugin/network-dns@0.1.0\";\n{plugin}{evaluate}"),
            &["`[[subscription]]` with `kind = \"network.dns\"`"],
        ),
        (
            format!("import state from \"palisade:plugin/state@0.2.0\";\n{plugin}{evaluate}"),
            &[
                "plugin.js:1:",
                "this host has it as `palisade:plugin/state@0.1.0`",
            ],
        ),
        (
            format!("{plugin}{evaluate}import './missing.js';\n"),
            &["plugin.js:3: imports `./missing.js`: there is no such file"],
        ),
        (
            format!("{plugin}import {{ all }} from \"palisade-sdk/al.js\";\n{evaluate}"),
            &[
                "plugin.js:2:",
                "the SDK has no module `al.js`; there are",
                "batch.js",
            ],
        ),
        (
            format!("import state from \"palisade:plugin/stat@0.1.0\";\n{plugin}{evaluate}"),
            &["plugin.js:1:", "no such interface; did you mean `state`?"],
        ),
        (
            format!("import x from \"palisade:plugin/network-fow@0.1.0\";\n{plugin}{evaluate}"),
            &["plugin.js:1:", "did you mean `network-flow`?"],
        ),
        (
            format!(
                "{plugin}import {{\n  emti,\n}} from \"palisade-sdk/findings.js\";\n{evaluate}"
            ),
            &["plugin.js:3:", "exports no `emti`; did you mean `emit`?"],
        ),
        (
            format!(
                "import {{ field }} from \"palisade-sdk/field.js\";\n{plugin}field(\"dst.prot\");\n{evaluate}"
            ),
            &[
                "plugin.js:3:",
                "no event has such a field; did you mean `dst.port`?",
            ],
        ),
        (
            format!("{plugin}import _ from \"lodash\";\n{evaluate}"),
            &["plugin.js:2: imports `lodash`", "and no packages"],
        ),
        (
            format!(
                "import {{ u8s }} from \"palisade-sdk/batch.js\";\nu8s(1);\n{plugin}{evaluate}"
            ),
            &["no subscription in plugin.toml lists"],
        ),
        (
            format!(
                "import b from \"palisade:plugin/batch@0.1.0\";\nb.currentKind();\n{plugin}{evaluate}"
            ),
            &[
                "`batch.current-kind` is called while the module is loaded",
                "plugin.js:2:",
            ],
        ),
        (
            format!("console.log(1);\n{plugin}{evaluate}"),
            &["`console.log` needs the capability `log`", "plugin.js:1:"],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        project(dir.path(), "", &code);
        let mut assert = palisade(dir.path())
            .args(["plugin", "build"])
            .assert()
            .code(2)
            .stderr(contains("cannot build tests/probe").and(contains("wasm backtrace").not()));
        for part in parts {
            assert = assert.stderr(contains(*part));
        }
    }
}

#[test]
fn a_component_is_the_same_wherever_and_whenever_it_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let code = format!(
        "{HEAD}const seeds = [Math.random(), new Map([[{{}}, 1]]), [\"b\", \"a\"].sort()];\n\
         export const evaluate = {{ evaluate() {{ if (seeds.length > 5) emit({{}}); }} }};\n"
    );
    let build = |place: &str, variables: &[(&str, &str)]| {
        let dir = folder.path().join(place);
        project(&dir, "", &code);
        let mut command = palisade(&dir);
        command
            .args(["plugin", "build"])
            .envs(variables.iter().copied());
        command.assert().code(0);
        fs::read(dir.join("target/plugins/tests/probe.wasm")).unwrap()
    };
    let first = build("one", &[]);
    // The clock has gone on, and so have all random numbers.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let elsewhere = [
        ("TZ", "Pacific/Kiritimati"),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("SOME", "thing"),
    ];
    let second = build("another place, öde/deep/er", &elsewhere);
    assert!(first == second, "two builds of one source differ");
    assert!(build("one-more", &[]) == first);
}

/// A column of text, one of addresses and one that repeats, each by every accessor.
#[test]
fn a_row_that_is_not_there_is_a_fault_of_every_accessor() {
    let dir = tempfile::tempdir().unwrap();
    let acts = [
        (
            "new Text(field('qname')).text(2)",
            "`Text.text`: the column of `qname` has no row 2; it has 1 row, counted from 0",
        ),
        (
            "new Text(field('qname')).bytes(-1)",
            "`Text.bytes`: the column of `qname` has no row -1",
        ),
        (
            "new Text(field('answers.rdata')).text(3)",
            "the column of `answers.rdata` has no value 3; it has 2 values",
        ),
        (
            "valid(field('answers.rdata'))(3)",
            "`valid`: the column of `answers.rdata` has no value 3; it has 2 values",
        ),
        ("valid(field('qname'))(2)", "has no row 2; it has 1 row"),
        (
            "decode(new Text(field('qname')).bytes(0), 0, 99)",
            "`decode`: there are 1 bytes, of which none go from 0 up to 99",
        ),
        (
            "addressText(new Uint8Array(15))",
            "`addressText`: there are 15 bytes",
        ),
        (
            "decode('text')",
            "`decode` takes bytes, a Uint8Array, and not the text",
        ),
    ];
    let body: Vec<String> = acts
        .iter()
        .map(|(act, _)| format!("() => {act},\n"))
        .collect();
    let code = format!(
        "{HEAD}import {{ addressText, decode }} from \"palisade-sdk/text.js\";\n\
         const acts = [\n{}];\n\
         export const evaluate = {{ evaluate() {{ acts[set.act](); }} }};\n",
        body.concat()
    );
    project(dir.path(), "", &code);
    let toml = manifest("probe", "")
        .replace("network.flow", "network.dns")
        .replace("\"dst.port\"]", "\"qname\", \"answers.rdata\"]");
    fs::write(dir.path().join("plugin.toml"), toml).unwrap();
    let event = |name: &str, answers: &str| {
        format!(
            "{{\"kind\":\"network.dns\",\"time\":\"2025-06-01T10:00:00Z\",\"qname\":\"{name}\",\
             \"answers\":[{answers}]}}\n"
        )
    };
    let answer = |data: &str| format!("{{\"name\":\"a\",\"rtype\":\"A\",\"rdata\":\"{data}\"}}");
    let both = format!("{},{}", answer("1"), answer("2"));
    let events = event("a", &both) + &event("b", &answer("3"));
    fs::write(dir.path().join("events.ndjson"), events).unwrap();
    fs::remove_dir_all(dir.path().join("vectors")).unwrap();
    palisade(dir.path())
        .args(["plugin", "build"])
        .assert()
        .code(0);
    for (at, (act, part)) in acts.iter().enumerate() {
        fs::write(
            dir.path().join("settings.toml"),
            format!("[probe]\nact = {at}\n"),
        )
        .unwrap();
        let run = [
            "run",
            "events.ndjson",
            "--vector",
            "--plugins",
            "target",
            "--settings",
            "settings.toml",
        ];
        let assert = palisade(dir.path()).args(run).assert().code(2);
        let told = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        assert!(told.contains(part), "{act}\nlacks {part}\n{told}");
        let place = format!("aborted at plugin.js:{}:", LINE + 2 + at);
        assert!(told.contains(&place), "{act}\nlacks {place}\n{told}");
    }
}

#[test]
fn functions_that_return_promises_are_told_by_the_build() {
    let dir = tempfile::tempdir().unwrap();
    let code = "export const plugin = { configure() {} };\n\
                const later = async () => { throw new Error('lost'); };\n\
                export const evaluate = { evaluate() { later(); } };\n";
    project(dir.path(), "", code);
    let build = palisade(dir.path())
        .args(["plugin", "build"])
        .assert()
        .code(0);
    build.stderr(contains("plugin.js:2: `async`: nobody waits for a promise"));
}

#[test]
fn too_many_findings_are_told_with_their_line() {
    let dir = tempfile::tempdir().unwrap();
    let code = format!(
        "{HEAD}export const evaluate = {{ evaluate() {{\nfor (;;) emit({{ rule: 'found', rows: [0] }});\n}} }};\n"
    );
    project(dir.path(), "", &code);
    let limited = manifest("probe", "") + "\n[limits]\nfindings = 3\n";
    fs::write(dir.path().join("plugin.toml"), limited).unwrap();
    let told = run(dir.path(), 1);
    for part in [
        "aborted at plugin.js:9:",
        "LimitExceeded: `findings.emit`: more than 3 findings in one call",
        "`limits.findings` of plugin.toml says so, and may say 4096; or file one finding",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
}
