//! What is said of plugins that do not run, of names that there are not, and of inputs that lie in
//! the wrong place.

use std::path::Path;

use predicates::str::contains;

use crate::made;
use crate::messages::{refused, site_pack};
use crate::site::{TRUST, ok, project, run, site};

/// A plugin of this name that wants the dataset `list`.
fn wanting(name: &str) -> Vec<u8> {
    let component = made(name, "tests");
    let manifest = palisade_runtime::manifest::extract(&component).unwrap();
    let manifest = format!(
        "{}\n[[dataset]]\nname = \"list\"\n",
        manifest.replace(
            "kind = \"detector\"",
            "kind = \"detector\"\ncapabilities = [\"datasets\"]"
        )
    );
    palisade_runtime::manifest::embed(&wasm_encoder::Component::new().finish(), &manifest).unwrap()
}

#[test]
fn plugins_that_do_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::create_dir_all(dir.join("a/b")).unwrap();
    for file in ["a/one.wasm", "a/b/two.wasm"] {
        std::fs::write(dir.join(file), made("telnet", "tests")).unwrap();
    }
    std::fs::write(dir.join("wanting.wasm"), wanting("wanting")).unwrap();
    std::fs::create_dir_all(dir.join("target/plugins/examples")).unwrap();
    std::fs::create_dir_all(dir.join("target/plugins/mine")).unwrap();
    let example = "target/plugins/examples/shown.wasm";
    std::fs::write(dir.join(example), made("shown", "examples")).unwrap();
    std::fs::write(
        dir.join("target/plugins/mine/own.wasm"),
        made("own", "mine"),
    )
    .unwrap();
    std::fs::write(dir.join("in.ndjson"), "").unwrap();
    std::fs::write(dir.join("wanting.toml"), "[wanting]\nx = 1\n").unwrap();
    std::fs::write(dir.join("shown.toml"), "[shown]\nx = 1\n").unwrap();
    for (command, told) in [
        (
            "run in.ndjson -p a",
            &[
                "`telnet` of pack `tests`",
                "a/b/two.wasm and a/one.wasm",
                "only one of these",
            ][..],
        ),
        (
            "run in.ndjson -p a/one.wasm -p wanting.wasm --settings wanting.toml",
            &[
                "wanting.toml: ",
                "not loaded",
                "needs the dataset `list`",
                "--dataset list=FILE",
            ],
        ),
        (
            "run in.ndjson --settings shown.toml",
            &[
                "shown.toml: ",
                "not loaded",
                "examples are not",
                "--plugins target/plugins/examples",
            ],
        ),
        (
            "policy check --request in.ndjson -p wanting.wasm",
            &[
                "plugin `wanting` is left out",
                "--dataset list=FILE",
                "no plugin is loaded",
            ],
        ),
        (
            "policy check --request in.ndjson -p a/one.wasm",
            &["none of the plugins (telnet) is a policy"],
        ),
    ] {
        refused(dir, command, told);
    }
}

#[test]
fn cases_that_there_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir, "1.0.0");
    let manifest = dir.join("guard/telnet/plugin.toml");
    let plain = std::fs::read_to_string(&manifest).unwrap();
    for (from, to, told) in [
        (
            "kind = \"detector\"",
            "kind = \"detektor\"",
            &["line 5, plugin.kind", "`detector`, `policy`, `parser`"][..],
        ),
        (
            "kind = \"network.flow\"",
            "kind = \"zzz\"",
            &[
                "line 11, subscription[0].kind",
                "`network.flow`",
                "`report.disclosure`",
            ],
        ),
        (
            "\"dst.port\"",
            "\"zzz\"",
            &[
                "line 12, subscription[0].fields",
                "has no field `zzz`",
                "`dst.port`",
            ],
        ),
        (
            "severity = \"low\"",
            "severity = \"huge\"",
            &[
                "line 17, rule[0].severity",
                "`info`, `low`, `medium`, `high`, `critical`",
            ],
        ),
        (
            "version = \"0.1.0\"",
            "version = \"1\"",
            &["plugin.version", "MAJOR.MINOR.PATCH"],
        ),
        (
            "pack = \"guard\"",
            "pack = \"guard\"\ncapabilities = [\"zzz\"]",
            &[
                "line 8, plugin.capabilities",
                "`state`, `timers`, `datasets`, `log`",
            ],
        ),
    ] {
        let text = plain.replace(from, to);
        assert_ne!(text, plain, "{from}");
        std::fs::write(&manifest, text).unwrap();
        let told = [&["plugin.toml"][..], told].concat();
        refused(dir, "pack build guard", &told);
    }
    std::fs::write(&manifest, &plain).unwrap();
    let trust =
        |from: &str, to: &str| std::fs::write(dir.join("trust.toml"), TRUST.replace(from, to));
    trust("version = 1", "version = 1\nloose-components = \"zzz\"").unwrap();
    refused(
        dir,
        "trust policy trust.toml --out p.json",
        &["trust.toml", "line 3", "`zzz`", "`refuse`"],
    );
    trust(
        "[[pack.signed-by]]",
        "tlp-max = \"zzz\"\n[[pack.signed-by]]",
    )
    .unwrap();
    refused(
        dir,
        "trust policy trust.toml --out p.json",
        &[
            "trust.toml",
            "line 8",
            "clear, green, amber, amber-strict or red",
        ],
    );
    let pack = dir.join("guard/pack.toml");
    let text = std::fs::read_to_string(&pack).unwrap();
    std::fs::write(&pack, format!("{text}[labels]\ntlp = \"zzz\"\n")).unwrap();
    refused(
        dir,
        "pack build guard",
        &[
            "guard/pack.toml",
            "line 8",
            "clear, green, amber, amber-strict or red",
        ],
    );
    for (from, to, told) in [
        (
            "\"acme\"",
            "\"Acme\"",
            &["line 1, vendor", "a-z, 0-9 and -"][..],
        ),
        (
            "\"1.0.0\"",
            "\"1\"",
            &["line 3, version", "MAJOR.MINOR.PATCH", "1.0.0"],
        ),
        (
            "\"Apache-2.0\"",
            "\"Apache 2\"",
            &["line 5, licence", "SPDX", "did you mean `Apache-2.0`?"],
        ),
        ("IOT-2.3c", "IOT-9", &["line 6", "requirements are IOT-9"]),
        (
            "requirements",
            "settings.telnet.none = 1\nrequirements",
            &["line 6, settings.telnet.none", "no such setting"],
        ),
        (
            "requirements",
            "docs = [\"none.md\"]\nrequirements",
            &["line 6", "`none.md`"],
        ),
    ] {
        let wrong = text.replace(from, to);
        assert_ne!(wrong, text, "{from}");
        std::fs::write(&pack, wrong).unwrap();
        let told = [&["pack.toml"][..], told].concat();
        refused(dir, "pack build guard", &told);
    }
    let event = "{\"kind\":\"zzz\",\"time\":\"2025-06-01T10:00:00Z\"}\n";
    std::fs::write(dir.join("in.ndjson"), event).unwrap();
    std::fs::write(dir.join("a.wasm"), made("telnet", "tests")).unwrap();
    refused(
        dir,
        "run in.ndjson -p a.wasm",
        &[
            "in.ndjson, line 1",
            "`zzz` is no kind of event",
            "`network.flow`",
        ],
    );
    for (command, told) in [
        (
            "plugin new x --kind zzz",
            "[possible values: detector, policy, parser]",
        ),
        (
            "plugin new x --kind policy --lang zzz",
            "[possible values: rust, c, javascript]",
        ),
        (
            "run x --on-fault zzz",
            "write skip, stop, quarantine or quarantine:16/60s",
        ),
        ("run x --memory zzz", "write `64MiB`, `4KiB`"),
        ("completions zzz", "[possible values: bash"),
    ] {
        refused(dir, command, &[told]);
    }
}

#[test]
fn logs_and_requests_that_are_not_what_they_should() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("a.wasm"), made("telnet", "tests")).unwrap();
    let head = "#separator \\x09\n#path\tconn\n";
    let columns = "\tuid\tid.origh\tid.orig_p\tid.resp_h\tid.resp_p\tproto";
    let types = "\tstring\taddr\tport\taddr\tport\tenum";
    let row = "\tC1\t10.0.0.1\t1234\t10.0.0.2\t80\ttcp\n";
    let tsv = format!(
        "{head}#fields\tts{columns}\n#types\ttime{types}\n1700000000.1{row}1700000001.1{row}"
    );
    std::fs::write(dir.join("conn.log"), tsv).unwrap();
    let json = r#"{"_path":"conn","ts":1.5,"uid":"C1","id.origh":"10.0.0.1","id.resp_h":"10.0.0.2","proto":"tcp"}"#;
    std::fs::write(dir.join("conn.json"), json).unwrap();
    let eve = r#"{"timestamp":"2025-06-01T10:00:00Z","event_type":"tls","source":"10.0.0.1","dest_ip":"10.0.0.2","proto":"TCP","tls":{"version":"TLS 1.2"}}"#;
    std::fs::write(dir.join("eve.json"), eve).unwrap();
    let request =
        r#"{"kind":"report.disclosure","time":"2025-06-01T10:00:00Z","action":"publish"}"#;
    std::fs::write(dir.join("requests.ndjson"), request).unwrap();
    for (input, told) in [
        (
            "conn.log",
            &[
                "without an address of an end: 2 events",
                "no column `id.orig_h` (is it `id.origh`?)",
                "`ts`, `uid`",
            ][..],
        ),
        (
            "conn.json",
            &[
                "without an address of an end: 1 event;",
                "no field `id.orig_h` (is it `id.origh`?)",
                "`_path`, `ts`",
            ],
        ),
        (
            "eve.json",
            &["no field `src_ip`", "`timestamp`, `event_type`, `source`"],
        ),
        (
            "requests.ndjson",
            &["is missing", "palisade policy check --request"],
        ),
    ] {
        let output = run(dir, &["run", input, "-p", "a.wasm"]);
        let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        for words in told {
            assert!(said.contains(words), "{input}: no {words:?} in {said}");
        }
    }
}

#[test]
fn a_role_that_nobody_has() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir, "1.0.0");
    site(dir);
    std::fs::write(
        dir.join("trust.toml"),
        TRUST
            .replace("version = 1", "version = 2")
            .replace("\"vendor\"", "\"review\""),
    )
    .unwrap();
    ok(dir, &["trust", "policy", "trust.toml", "--out", "p.json"]);
    ok(dir, &["trust", "sign", "p.json", "--key", "root"]);
    ok(dir, &["trust", "install", "p.json"]);
    site_pack(dir, "1.0.0");
    run(
        dir,
        &["pack", "verify", "target/packs/acme-guard-1.0.0.tar"],
    )
    .code(1)
    .stdout(contains(
        "of role `review`; the root document gives nobody this role",
    ))
    .stdout(contains("--role review=1:NAME"));
}

#[test]
fn a_file_that_is_no_component_is_told_what_to_do_once() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for (name, bytes) in [
        ("junk.wasm", &b"junk"[..]),
        ("core.wasm", b"\0asm\x01\0\0\0"),
        ("empty.wasm", b""),
        ("cut.wasm", &made("telnet", "tests")[..99]),
    ] {
        std::fs::write(dir.join(name), bytes).unwrap();
        let inspected = run(dir, &["plugin", "inspect", name]).code(2);
        let said = String::from_utf8_lossy(&inspected.get_output().stderr).into_owned();
        assert_eq!(said.matches("palisade plugin build").count(), 1, "{said}");
    }
}

#[test]
fn options_and_files_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir, "1.0.0");
    ok(dir, &["pack", "build", "guard"]);
    std::fs::write(dir.join("a.wasm"), made("telnet", "tests")).unwrap();
    let component = made("telnet", "tests");
    std::fs::write(dir.join("cut.wasm"), &component[..component.len() / 2]).unwrap();
    std::fs::write(dir.join("empty"), "").unwrap();
    std::fs::write(dir.join("text"), "hello\n").unwrap();
    std::fs::write(dir.join("junk"), [0x80, 0xff, 0, 7].repeat(512)).unwrap();
    std::fs::create_dir(dir.join("dir")).unwrap();
    crate::site::flow(&dir.join("in.ndjson"));
    let built = "`palisade plugin build`";
    let run_ = "run in.ndjson -p a.wasm";
    for (command, told) in [
        (
            "run none -p a.wasm",
            &["open none", "No such file", "check its name"][..],
        ),
        ("run no/in -p a.wasm", &["open no/in", "that it is in no"]),
        ("run in.ndjson -p cut.wasm", &["load cut.wasm", built]),
        (
            "run in.ndjson -p empty",
            &["load empty", "the file is empty", built],
        ),
        (
            "run in.ndjson -p text",
            &["load text", "does not begin as WebAssembly", built],
        ),
        ("RUN --workers 0", &["--workers", "from 1 to 256"]),
        ("RUN --workers -1", &["--workers", "from 1 to 256"]),
        ("RUN --workers 100000000", &["--workers", "from 1 to 256"]),
        (
            "RUN --settings dir",
            &["open dir", "it is a folder; name a file in it"],
        ),
        ("RUN --networks none", &["open none", "check its name"]),
        ("RUN --networks text", &["read text", "line 1"]),
        ("RUN --dataset x=none", &["open none", "check its name"]),
        ("RUN --dataset x=dir", &["open dir", "it is a folder"]),
        (
            "RUN --dataset x=text",
            &["read text", "dataset `x`, line 1"],
        ),
        ("RUN --dataset =text", &["write NAME=FILE"]),
        (
            "RUN --summary dir",
            &["`--summary dir` is a folder; name a file in it"],
        ),
        (
            "RUN --events no/x",
            &["`--events no/x`", "there is no folder no; make it"],
        ),
        (
            "RUN --dead-letters no/x",
            &["`--dead-letters no/x`", "there is no folder no"],
        ),
        (
            "plugin test text",
            &["text is a file", "folder of a plugin"],
        ),
        (
            "plugin test guard/telnet --with none",
            &["open none", "check its name"],
        ),
        (
            "plugin test guard/telnet --with cut.wasm",
            &["load cut.wasm", built],
        ),
        (
            "plugin test guard/telnet --junit no/x",
            &["`--junit no/x`", "there is no folder no"],
        ),
        (
            "plugin bench guard/telnet --events -1",
            &["invalid value '-1' for '--events"],
        ),
        (
            "plugin bench guard/telnet --time soon",
            &["`soon` is not a duration", "`10s`"],
        ),
        (
            "pack verify junk",
            &["read junk", "it is no tar archive", "get it again"],
        ),
        (
            "pack diff PACK junk",
            &["read junk", "it is no tar archive"],
        ),
        (
            "pack diff PACK PACK --capture dir",
            &["open dir", "it is a folder"],
        ),
        (
            "pack diff PACK PACK --capture none",
            &["open none", "check its name"],
        ),
        (
            "pack certify none --key k",
            &["none", "`palisade pack build`"],
        ),
        (
            "pack push PACK 127.0.0.1:1/a/b:1 --request none",
            &["open none", "check its name"],
        ),
        (
            "trust policy none --out p",
            &["open none", "check its name"],
        ),
        ("key show none", &["open none", "check its name"]),
    ] {
        let command = command.replace("RUN", run_);
        let command = command.replace("PACK", "target/packs/acme-guard-1.0.0.tar");
        refused(dir, &command, told);
    }
    // What is given for nobody is told, and no error.
    std::fs::write(dir.join("list.ndjson"), "").unwrap();
    let given = [
        "run",
        "in.ndjson",
        "-p",
        "a.wasm",
        "--dataset",
        "lst=list.ndjson",
    ];
    run(dir, &given).stderr(contains("names the dataset `lst`; they name none"));
}

/// A file of so many zero bytes, which take no room.
fn hole(path: &Path, bytes: u64) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::File::create(path).unwrap().set_len(bytes).unwrap();
}

#[test]
fn files_that_are_larger_than_any_of_their_kind_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir, "1.0.0");
    std::fs::write(dir.join("in.ndjson"), "{}\n").unwrap();
    let mib = 1 << 20;
    for (file, most, command, within, beyond) in [
        (
            "large.wasm",
            64 * mib,
            "run in.ndjson --plugins large.wasm",
            "not begin as WebAssembly does",
            "large.wasm: it has more than 67108864 bytes",
        ),
        (
            "large.wasm",
            64 * mib,
            "plugin inspect large.wasm",
            "not begin as WebAssembly does",
            "large.wasm has more than 67108864 bytes",
        ),
        (
            "guard/telnet/vectors/plain/input.pcap",
            64 * mib,
            "pack build guard --out g.tar",
            "",
            "input.pcap: it has more than 67108864 bytes",
        ),
    ] {
        let path = dir.join(file);
        for (bytes, told) in [(most, within), (most + 1, beyond)] {
            // Where it is taken, a pack of that size would be written.
            if !told.is_empty() {
                hole(&path, bytes);
                refused(dir, command, &[told]);
            }
        }
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_folder_of_plugins_has_100_000_files_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let plugins = dir.join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    std::fs::write(dir.join("in.ndjson"), "{}\n").unwrap();
    for number in 0..100_000 {
        std::fs::File::create(plugins.join(number.to_string())).unwrap();
    }
    let command = "run in.ndjson --plugins plugins";
    refused(dir, command, &["there is no component"]);
    std::fs::write(plugins.join("more"), "").unwrap();
    refused(dir, command, &["more than 100000 files and folders"]);
}
