//! Files as editors of Windows save them: with a byte-order mark, with line ends of two
//! characters. They are read as if they had neither.

use std::fs;
use std::path::{Path, PathBuf};

use predicates::prelude::*;
use predicates::str::contains;

use crate::site::{ok, project, run, site};
use crate::vectors::{app, plugin, vector, whole};
use crate::{made, palisade};

/// Saves a text.
type Form = fn(&str) -> Vec<u8>;

const FORMS: [(&str, Form); 3] = [
    ("mark", |text| [b"\xef\xbb\xbf", text.as_bytes()].concat()),
    ("line ends", |text| text.replace('\n', "\r\n").into_bytes()),
    ("both", |text| {
        [b"\xef\xbb\xbf", text.replace('\n', "\r\n").as_bytes()].concat()
    }),
];

/// Reports every event whose operation is in the setting.
const CODE: &str = r#"
import { Text } from "palisade-sdk/batch.js";
import { field } from "palisade-sdk/field.js";
import { emit } from "palisade-sdk/findings.js";
import { settings } from "palisade-sdk/settings.js";

const OPERATION = field("operation");
let wanted;

export const plugin = {
  configure(list) {
    wanted = settings(list)["wanted"];
  },
};

export const evaluate = {
  evaluate(_subscription, rows) {
    const operations = new Text(OPERATION);
    for (let row = 0; row < rows; row++) {
      if (operations.text(row) === wanted) {
        emit({ rule: "late", subject: "k", summary: "a minute later", rows: [row] });
      }
    }
  },
};
"#;

fn save(path: &Path, form: Form) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, form(&text)).unwrap();
}

fn texts(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let text = path
            .extension()
            .is_some_and(|e| e == "ndjson" || e == "toml" || e == "js");
        if path.is_dir() {
            texts(&path, found);
        } else if text {
            found.push(path);
        }
    }
}

#[test]
fn vectors_and_manifests() {
    let rest = "[[subscription]]\nkind = \"network.app\"\nfields = [\"operation\"]\n\
                [[dataset]]\nname = \"list\"\n\
                [[setting]]\nname = \"wanted\"\ntype = \"text\"\ndefault = \"none\"\n";
    let rest = format!("capabilities = [\"datasets\"]\n{rest}");
    for (form, save_as) in FORMS {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        plugin(dir, "early", "detector", &rest, CODE);
        let early = dir.join("early");
        vector(
            &early,
            "one",
            &[
                ("given.ndjson", &app("09:00:00", "go")),
                (
                    "events.ndjson",
                    &[app("10:00:00", "go"), app("10:00:01", "x")].concat(),
                ),
                (
                    "settings.toml",
                    "# as the operator likes\nwanted = \"go\"\n",
                ),
                ("networks.toml", "[[network]]\ncidr = \"10.0.0.0/8\"\n"),
                (
                    "expected.ndjson",
                    "{\"rule\":\"late\",\"severity\":\"low\",\"subject\":\"k\",\
                     \"summary\":\"a minute later\",\"cites\":[\"input:1\"]}\n",
                ),
            ],
        );
        fs::create_dir(early.join("vectors/one/datasets")).unwrap();
        let entry = "{\"kind\":\"domain\",\"value\":\"bad.example\"}\n";
        fs::write(
            early.join("vectors/one/datasets/list.ndjson"),
            entry.repeat(2),
        )
        .unwrap();
        let mut files = Vec::new();
        texts(&early, &mut files);
        assert_eq!(files.len(), 8, "{files:?}");
        files.iter().for_each(|file| save(file, save_as));
        palisade(dir)
            .args(["plugin", "test", "early"])
            .assert()
            .stdout(contains("1 passed, 0 failed"))
            .code(0);
        // What is wrong is told with its own line and column.
        fs::write(
            early.join("vectors/one/events.ndjson"),
            save_as("{}\n{x}\n"),
        )
        .unwrap();
        palisade(dir)
            .args(["plugin", "test", "early"])
            .assert()
            .code(1)
            .stdout(contains("events.ndjson").and(contains("line 1")))
            .stdout(contains("field `kind`"));
        println!("{form} is read");
    }
}

#[test]
fn files_of_an_operator() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::write(dir.join("telnet.wasm"), made("telnet", "tests")).unwrap();
    fs::write(dir.join("settings.toml"), "[telnet]\n").unwrap();
    fs::write(
        dir.join("networks.toml"),
        "[[network]]\ncidr = \"10.0.0.0/8\"\n",
    )
    .unwrap();
    let entry = "{\"kind\":\"domain\",\"value\":\"bad.example\"}\n";
    fs::write(dir.join("list.ndjson"), entry).unwrap();
    fs::write(dir.join("key"), "0123456789abcdef0123456789abcdef\n").unwrap();
    fs::write(dir.join("in.ndjson"), whole("go")).unwrap();
    let files = [
        "settings.toml",
        "networks.toml",
        "list.ndjson",
        "key",
        "in.ndjson",
    ];
    let plain: Vec<String> = files
        .iter()
        .map(|file| fs::read_to_string(dir.join(file)).unwrap())
        .collect();
    for (form, save_as) in FORMS {
        for (file, text) in files.iter().zip(&plain) {
            fs::write(dir.join(file), save_as(text)).unwrap();
        }
        palisade(dir)
            .args(["run", "in.ndjson", "--plugins", "telnet.wasm", "--settings"])
            .args(["settings.toml", "--networks", "networks.toml", "--dataset"])
            .args(["list=list.ndjson", "--partition-key", "key", "--strict"])
            .assert()
            // All of it is read, and none of it is for that plugin.
            .code(2)
            .stderr(contains("1 network.app").and(contains("nothing was evaluated: no event")))
            .stderr(contains("could not be read").not());
        println!("{form} is read");
    }
    // UTF-16, which inputs may be in, is told where it is not read.
    let wide: Vec<u8> = "\u{feff}[telnet]\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    fs::write(dir.join("settings.toml"), wide).unwrap();
    palisade(dir)
        .args([
            "run",
            "in.ndjson",
            "--plugins",
            "telnet.wasm",
            "--settings",
            "settings.toml",
        ])
        .assert()
        .code(2)
        .stderr(contains(
            "settings.toml is not text in UTF-8; save it as such",
        ));
}

#[test]
fn files_of_a_vendor_and_of_trust() {
    for (_, save_as) in FORMS {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        project(dir, "1.0.0");
        save(&dir.join("guard/pack.toml"), save_as);
        save(&dir.join("guard/telnet/plugin.toml"), save_as);
        site(dir);
        save(&dir.join("trust.toml"), save_as);
        ok(
            dir,
            &["trust", "policy", "trust.toml", "--out", "again.json"],
        );
        fs::write(dir.join("word"), save_as("correct horse battery\n")).unwrap();
        ok(dir, &["pack", "build", "guard"]);
        let pack = "target/packs/acme-guard-1.0.0.tar";
        ok(
            dir,
            &[
                "pack",
                "sign",
                pack,
                "--key",
                "vendor",
                "--passphrase-file",
                "word",
            ],
        );
        save(&dir.join("vendor.pub"), save_as);
        ok(dir, &["key", "show", "vendor.pub"]);
        fs::write(dir.join("request.json"), save_as("{\n\"audience\": 1 }\n")).unwrap();
        run(
            dir,
            &[
                "pack",
                "push",
                pack,
                "127.0.0.1:1/a/b:1",
                "--request",
                "request.json",
            ],
        )
        .code(2)
        .stderr(contains("is not one JSON object").not());
    }
}
