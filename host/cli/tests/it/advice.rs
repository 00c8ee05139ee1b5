//! What authors are told with the name and the place that they need to mend it.

use std::fs;
use std::path::Path;

use crate::mishaps::{all, tested};
use crate::new::new;
use crate::palisade;
use crate::site::{COMPONENT, ok, project, run};

fn replaced(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    let new = text.replacen(from, to, 1);
    assert_ne!(new, text, "{from}");
    fs::write(file, new).unwrap();
}

#[test]
fn a_dataset_that_cannot_be_loaded_is_neither_packed_nor_certified() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir, "1.0.0");
    let toml = dir.join("guard/pack.toml");
    let text = fs::read_to_string(&toml).unwrap();
    let more = "\n[datasets.bad]\nfile = \"list.ndjson\"\n";
    fs::write(&toml, format!("{text}{more}")).unwrap();
    let list = dir.join("guard/list.ndjson");
    let good = "{\"kind\":\"ipv4\",\"value\":\"192.0.2.1\"}\n";
    let said = |args: &[&str], code: i32| {
        let assert = run(dir, args).code(code);
        let output = assert.get_output();
        String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
    };
    let build = ["pack", "build", "guard", "--folder-form", "--out"];

    // No plugin of the pack reads it.
    fs::write(&list, good).unwrap();
    let told = said(&[&build[..], &["good"]].concat(), 0);
    all(
        &told,
        &[
            "no plugin of the pack declares the dataset `bad`",
            "they declare none",
        ],
    );
    fs::write(
        &list,
        format!("{good}{}", good.replace("192.0.2.1", "999.1.1.1")),
    )
    .unwrap();
    let wrong = "dataset `bad`, line 2, field `value`";
    all(&said(&[&build[..], &["packed"]].concat(), 0), &[wrong]);
    ok(dir, &["key", "new", "lab"]);
    for args in [
        &["pack", "test", "packed"][..],
        &["pack", "certify", "packed", "--key", "lab"],
    ] {
        all(
            &said(args, 1),
            &["it cannot run with what it brings", wrong],
        );
    }

    // One does.
    let file = dir.join("guard/telnet/plugin.toml");
    let manifest = fs::read_to_string(&file).unwrap().replace(
        "pack = \"guard\"\n",
        "pack = \"guard\"\ncapabilities = [\"datasets\"]\n",
    ) + "\n[[dataset]]\nname = \"bad\"\n";
    fs::write(&file, &manifest).unwrap();
    let empty = wasm_encoder::Component::new().finish();
    let component = palisade_runtime::manifest::embed(&empty, &manifest).unwrap();
    fs::write(dir.join(COMPONENT), component).unwrap();
    let told = said(&[&build[..], &["declared"]].concat(), 2);
    all(&told, &["mend guard/list.ndjson", wrong, "999.1.1.1"]);
    assert!(!dir.join("declared").exists());
}

#[test]
fn a_function_that_is_not_there_is_named_in_javascript() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "detector", "javascript", "calls");
    let file = dir.join("calls/plugin.js");
    let text = fs::read_to_string(&file).unwrap();
    let before = "    for (let row = 0;";
    assert!(text.contains(before), "{text}");
    let log = "import log from \"palisade:plugin/log@0.1.0\";\n";
    let toml = dir.join("calls/plugin.toml");
    replaced(&toml, "[plugin]\n", "[plugin]\ncapabilities = [\"log\"]\n");
    for (code, problem) in [
        (
            "log.wrote(\"info\", \"x\");",
            "`log` has no `wrote`; did you mean `write`?",
        ),
        (
            "sources.txt(0);",
            "`Addresses` has no `txt`; did you mean `text`?",
        ),
        (
            "[1].foreach(field);",
            "TypeError: `….foreach` is not a function",
        ),
        (
            "const a = { b: [] }; a.b.psh(1);",
            "TypeError: `a.b.psh` is not a function",
        ),
        (
            "const a = 1; String(a()).c();",
            "not a function: one of `String`, `a`, `….c`, which line ",
        ),
    ] {
        let wrong = text.replacen(before, &format!("    {code}\n{before}"), 1);
        fs::write(&file, format!("{log}{wrong}")).unwrap();
        let told = tested(dir, &["calls"], 1);
        all(&told, &[problem, "aborted at plugin.js:"]);
    }
}

#[test]
fn a_rule_that_a_policy_answers_and_does_not_declare_has_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "policy", "javascript", "answers");
    let file = dir.join("answers/plugin.js");
    let text = fs::read_to_string(&file).unwrap();
    let rule = text
        .split("RULE = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    replaced(&file, &format!("\"{rule}\""), &format!("\"{rule}x\""));
    let told = tested(dir, &["answers"], 1);
    all(
        &told,
        &[
            "aborted at plugin.js:",
            &format!("`decide`: plugin.toml declares no rule `{rule}x`; did you mean `{rule}`?"),
        ],
    );
    assert!(!told.contains("filed a finding"), "{told}");
}

#[test]
fn an_event_that_a_policy_was_not_shown_and_cites_has_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "policy", "javascript", "cites");
    let file = dir.join("cites/plugin.js");
    let text = fs::read_to_string(&file).unwrap();
    let import = "import envelope from \"palisade:plugin/envelope@0.1.0\";\n";
    let cites = |events: &str| {
        let text = text.replace("events: []", &format!("events: [{events}]"));
        fs::write(&file, format!("{import}{text}")).unwrap();
        let mut command = palisade(dir);
        command.args(["plugin", "test", "cites"]).output().unwrap()
    };
    let told = cites("7n");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    all(
        &told,
        &[
            "aborted at plugin.js:",
            "cites event-ref 0x7, which this call was not shown",
            "`state.citations`",
        ],
    );
    let told = cites("envelope.rows([0])[0].eventRef");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(!told.contains("event-ref"), "{told}");
}

#[test]
fn a_setting_that_code_refuses_is_told_with_the_line_that_does() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for (lang, file, refuses) in [
        (
            "javascript",
            "plugin.js",
            "throw refuse(\"names\", \"are wrong\");",
        ),
        (
            "rust",
            "src/lib.rs",
            "if true { return Err(SettingsError::new(\"names\", \"are wrong\")); }",
        ),
    ] {
        let name = format!("refuses-{}", &lang[..2]);
        new(dir, "detector", lang, &name);
        let path = dir.join(&name).join(file);
        let text = fs::read_to_string(&path).unwrap();
        let is_configure = |line: &&str| {
            line.trim_start().starts_with("configure(") || line.contains("fn configure(")
        };
        let configure = text.lines().find(is_configure).unwrap();
        let line = 2 + text.lines().position(|line| line == configure).unwrap();
        let mut text = text.replacen(configure, &format!("{configure}\n{refuses}"), 1);
        if lang == "javascript" {
            text = text.replace("{ settings }", "{ refuse, settings }");
        }
        fs::write(&path, text).unwrap();
        let told = tested(dir, &[&name], 1);
        all(&told, &[&format!("`names`: are wrong ({file}:{line})")]);
    }
}

#[test]
fn a_trait_that_is_exported_and_not_there_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "detector", "rust", "timed");
    let file = dir.join("timed/src/lib.rs");
    let text = fs::read_to_string(&file).unwrap();
    let export = text
        .lines()
        .find(|line| line.starts_with("export_detector!("))
        .unwrap();
    let plugin = export
        .trim_start_matches("export_detector!(")
        .trim_end_matches(");");
    replaced(
        &file,
        export,
        &format!("export_detector!({plugin}, on_timer);"),
    );
    let assert = palisade(dir)
        .args(["plugin", "build", "timed"])
        .assert()
        .code(2);
    let told = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    all(
        &told,
        &[
            &format!("`on_timer` is exported, and `{plugin}` does not implement `OnTimer`"),
            &format!("write `impl OnTimer for {plugin}`"),
            "src/lib.rs:",
        ],
    );
    assert!(!told.contains("E0599"), "{told}");
}

#[test]
fn two_projects_of_one_name_are_named_by_their_folders() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let text = "vendor = \"acme\"\nname = \"local\"\nversion = \"1.0.0\"\ndescription = \"Test\"\n\
                licence = \"MIT\"\nrequirements = []\n";
    fs::write(dir.join("pack.toml"), text).unwrap();
    new(dir, "detector", "c", "same");
    palisade(dir)
        .args(["plugin", "build", "same"])
        .assert()
        .code(0);
    let mut copy = std::process::Command::new("cp");
    assert!(
        copy.args(["-r", "same", "copy"])
            .current_dir(dir)
            .status()
            .unwrap()
            .success()
    );
    for args in [
        &["plugin", "test", "--all", "."][..],
        &["plugin", "build", "--all"],
        &["pack", "build", "."],
    ] {
        let assert = palisade(dir).args(args).assert().code(2);
        let told = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        all(&told, &["copy and ", "same are both ", "change `name`"]);
    }
    // The sources are no pack.
    let assert = palisade(dir)
        .args(["pack", "inspect", "."])
        .assert()
        .code(2);
    let told = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    all(
        &told,
        &["has the sources of a pack", "palisade pack build ."],
    );
}

#[test]
fn code_that_prints_or_asks_the_time_or_for_no_setting_is_told_so_in_rust() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "detector", "rust", "clock");
    let file = dir.join("clock/src/lib.rs");
    let text = fs::read_to_string(&file).unwrap();
    let evaluate = text
        .lines()
        .find(|line| line.contains("fn evaluate("))
        .unwrap();
    let with = |code: &str| {
        fs::write(
            &file,
            text.replacen(evaluate, &format!("{evaluate}\n{code}"), 1),
        )
        .unwrap();
        tested(dir, &["clock"], i32::from(!code.contains("println")))
    };
    let line = text.lines().position(|line| line == evaluate).unwrap() + 2;
    all(
        &with("println!(\"x\");"),
        &[&format!("src/lib.rs:{line}: `println!` prints to nowhere")],
    );
    all(
        &with("let _ = std::time::SystemTime::now();"),
        &[
            "aborted: `SystemTime::now()`",
            "the column `time`",
            &format!("src/lib.rs:{line}"),
        ],
    );
    let configure = text
        .lines()
        .find(|line| line.contains("fn configure("))
        .unwrap();
    let asked = format!("{configure}\nsettings.integer(\"nmes\")?;");
    fs::write(&file, text.replacen(configure, &asked, 1)).unwrap();
    let line = text.lines().position(|line| line == configure).unwrap() + 2;
    all(
        &tested(dir, &["clock"], 1),
        &[
            &format!("`nmes`: is asked for by the code (src/lib.rs:{line})"),
            "declares no such setting",
        ],
    );
}

#[test]
fn what_is_asked_for_is_told_as_the_help_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let args = [
        "trust",
        "revocations",
        "--out",
        "x",
        "--expires",
        "1d",
        "--pack",
        "nope",
    ];
    let assert = palisade(dir).args(args).assert().code(2);
    let told = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    all(&told, &["`--pack nope`: write --pack DIGEST=REASON"]);
    new(dir, "detector", "c", "table");
    replaced(&dir.join("table/plugin.toml"), "[[rule]]", "[rule]");
    let assert = palisade(dir)
        .args(["plugin", "build", "table"])
        .assert()
        .code(2);
    let told = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    all(&told, &["`[rule]` is one table", "write `[[rule]]`"]);
}
