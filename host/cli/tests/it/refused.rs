//! What the host would refuse of a plugin in JavaScript is told with the line that asked for it.

use std::fs;
use std::path::Path;

use crate::faults::{EVENT, manifest};
use crate::javascript::run;

const HEAD: &str = "import { field } from \"palisade-sdk/field.js\";\n\
import { emit } from \"palisade-sdk/findings.js\";\n\
import { settings } from \"palisade-sdk/settings.js\";\n\
import batch from \"palisade:plugin/batch@0.1.0\";\n\
import datasets from \"palisade:plugin/datasets@0.1.0\";\n\
import envelope from \"palisade:plugin/envelope@0.1.0\";\n\
import findings from \"palisade:plugin/findings@0.1.0\";\n\
import flows from \"palisade:plugin/network-flow@0.1.0\";\n\
import state from \"palisade:plugin/state@0.1.0\";\n\
import timers from \"palisade:plugin/timers@0.1.0\";\n\
let set;\n\
export const plugin = { configure(list) { set = settings(list); } };\n\
export const onTimer = { onTimer() { batch.currentKind(); } };\n\
const acts = [\n";
/// The line after `HEAD`.
const LINE: usize = 15;

const TABLES: &str = "\n[[table]]\nname = \"seen\"\nkind = \"count\"\nkey = [\"src.ip\"]\nwindow = \"1m\"\n\
                      [[table]]\nname = \"notes\"\nkind = \"value\"\nttl = \"1h\"\n\
                      [[dataset]]\nname = \"listed\"\n";

/// Each mistake, and parts of what is said of it.
const MISTAKES: &[(&str, &[&str])] = &[
    (
        "batch.u8s(field('dst.port'));",
        &["`batch.u8s`", "`dst.port`", "`batch.u16s`"],
    ),
    (
        "batch.u16s(field('src.port'));",
        &[
            "`network.flow`",
            "does not list `src.port`",
            "it lists `src.ip`, `dst.port`",
        ],
    ),
    (
        "batch.valid(field('app-proto'));",
        &["does not list `app-proto`", "it lists `src.ip`"],
    ),
    (
        "batch.enumNames(field('dst.port'));",
        &["`dst.port` is no enum"],
    ),
    (
        "emit({ rule: 'fuond', rows: [0] });",
        &[
            "UndeclaredRule: ",
            "no rule `fuond`",
            "did you mean `found`?",
        ],
    ),
    (
        "emit({ rule: 'found' });",
        &["cites neither a row nor an event"],
    ),
    (
        "emit({ rule: 'found', rows: [7] });",
        &["there is no row 7; the batch has 1"],
    ),
    (
        "emit({ rule: 'found', rows: [0], details: { a: 1 / 0 } });",
        &["details.a is Infinity"],
    ),
    (
        "findings.retract('fuond', 'x');",
        &["did you mean `found`?"],
    ),
    (
        "findings.retract('found', 'x'.repeat(300));",
        &["subject has a length of 300; at most 256"],
    ),
    (
        "flows.rows([9]);",
        &["`network-flow.rows`: there is no row 9"],
    ),
    (
        "envelope.rows(new Uint32Array(1025));",
        &["`envelope.rows`: list has a length of 1025"],
    ),
    (
        "state.count(7, [0]);",
        &[
            "there is no table 7",
            "0 is `seen` (count), 1 is `notes` (value)",
        ],
    ),
    (
        "state.count(1, [0]);",
        &["`notes` is a `value` table, not a `count` table"],
    ),
    (
        "state.count(0, [3]);",
        &["`state.count`: there is no row 3"],
    ),
    (
        "state.sum(0, field('dst.port'), [0]);",
        &["`seen` is a `count` table, not a `sum` table"],
    ),
    (
        "state.put(1, 'k'.repeat(300), new Uint8Array());",
        &["key has a length of 300"],
    ),
    (
        "timers.set('n'.repeat(600), '', 0);",
        &["name and key has a length of 600"],
    ),
    (
        "datasets.lookup(3, 'x');",
        &["there is no dataset 3", "0 is `listed`"],
    ),
    (
        "datasets.matches(0, field('src.port'), [0]);",
        &["does not list `src.port`"],
    ),
];

fn project(dir: &Path, code: &str, acts: usize) {
    let capabilities =
        "capabilities = [\"state\", \"timers\", \"datasets\"]\nexports = [\"on-timer\"]";
    let manifest = manifest("probe", capabilities) + TABLES;
    fs::write(dir.join("plugin.toml"), manifest).unwrap();
    fs::write(dir.join("plugin.js"), code).unwrap();
    for act in 0..acts {
        let vector = dir.join(format!("vectors/act-{act:02}"));
        fs::create_dir_all(vector.join("datasets")).unwrap();
        fs::write(vector.join("events.ndjson"), EVENT).unwrap();
        fs::write(vector.join("expected.ndjson"), "").unwrap();
        fs::write(vector.join("datasets/listed.ndjson"), "").unwrap();
        // Of the plugin by its name, as `--settings` has it.
        fs::write(
            vector.join("settings.toml"),
            format!("[probe]\nact = {act}\n"),
        )
        .unwrap();
    }
}

#[test]
fn what_the_host_refuses_of_javascript_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let acts: Vec<String> = MISTAKES
        .iter()
        .map(|(body, _)| format!("() => {{ {body} }},\n"))
        .collect();
    let code = format!(
        "{HEAD}{}];\nexport const evaluate = {{ evaluate() {{ return acts[set.act](); }} }};\n",
        acts.concat()
    );
    project(folder.path(), &code, MISTAKES.len());
    let text = run(folder.path(), 1);
    let told: Vec<&str> = text.split("FAILED  ").skip(1).collect();
    assert_eq!(told.len(), MISTAKES.len(), "{text}");
    for (at, ((body, parts), told)) in MISTAKES.iter().zip(told).enumerate() {
        assert!(told.starts_with(&format!("probe/act-{at:02}\n")), "{told}");
        let place = format!("aborted at plugin.js:{}:", LINE + at);
        for part in parts.iter().chain([&place.as_str()]) {
            assert!(told.contains(part), "{body}\nlacks {part}\n{told}");
        }
    }
}

#[test]
fn what_is_called_where_there_is_nothing_to_call_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let code = format!(
        "{HEAD}];\nexport const evaluate = {{ evaluate() {{ timers.set('a', '', 0); }} }};\n"
    );
    project(folder.path(), &code, 1);
    let later = EVENT.replace("10:00:00", "10:30:00");
    fs::write(
        folder.path().join("vectors/act-00/events.ndjson"),
        format!("{EVENT}{later}"),
    )
    .unwrap();
    let told = run(folder.path(), 1);
    let place = format!("export `on-timer`: aborted at plugin.js:{}:", LINE - 2);
    assert!(told.contains(&place), "{told}");
    assert!(
        told.contains("`batch.current-kind` is called from `onTimer.onTimer`"),
        "{told}"
    );
    let early = code.replace("set = settings(list);", "timers.set('a', '', 0);");
    project(folder.path(), &early, 1);
    let told = run(folder.path(), 1);
    let place = format!("export `configure`: aborted at plugin.js:{}:", LINE - 3);
    assert!(told.contains(&place), "{told}");
    assert!(
        told.contains("`timers.set` is called from `configure`"),
        "{told}"
    );
}
