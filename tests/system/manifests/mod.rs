//! `plugin.toml` and `pack.toml`: the page that tells authors of them, their JSON Schemas, and what
//! reads them say the same.
//!
//! `UPDATE=1 cargo test --release --workspace --test system -- manifests` writes the tables of
//! `sdk/MANIFEST.md` again.

mod keys;
mod page;

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use palisade_pack::PackSource;
use palisade_runtime::manifest::{Manifest, ManifestError, schema};
use palisade_tests::root;
use serde_json::{Value, json};

/// One of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manifests) enum File {
    Plugin,
    Pack,
}

impl File {
    pub(in crate::manifests) const BOTH: [File; 2] = [File::Plugin, File::Pack];

    pub(in crate::manifests) fn schema(self) -> Value {
        match self {
            File::Plugin => schema(),
            File::Pack => PackSource::schema(),
        }
    }

    fn validator(self) -> Validator {
        jsonschema::draft7::new(&self.schema()).expect("the schema is one of draft 7")
    }

    /// What the host's own parser says.
    pub(in crate::manifests) fn parse(self, text: &str) -> Result<(), String> {
        match self {
            File::Plugin => Manifest::parse(text).map(drop).map_err(|e| e.to_string()),
            File::Pack => PackSource::parse(text).map(drop).map_err(|e| e.to_string()),
        }
    }
}

/// Whether the schema takes a text, and why not.
fn valid(validator: &Validator, text: &str) -> Result<(), String> {
    let table: toml::Table = text.parse().expect("TOML");
    let value = serde_json::to_value(table).expect("TOML as JSON");
    let problems: Vec<String> = validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\n"))
    }
}

/// All files of this name in the repository, without what is built.
fn all(name: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, name: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            let own = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && !["target", "node_modules", ".git"].contains(&&*own) {
                walk(&path, name, found);
            } else if own == name {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["plugins", "sdk", "tests"] {
        walk(&root().join(folder), name, &mut found);
    }
    found
}

fn read(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("it can be read");
    // Templates are filled in by `plugin new`.
    text.replace("{{name}}", "a-plugin")
        .replace("{{pack}}", "local")
}

#[test]
fn every_manifest_of_the_repository_is_valid() {
    for (file, name, least) in [
        (File::Plugin, "plugin.toml", 30),
        (File::Pack, "pack.toml", 5),
    ] {
        let validator = file.validator();
        let found = all(name);
        assert!(found.len() >= least, "{} of {name}", found.len());
        for path in found {
            let text = read(&path);
            file.parse(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            valid(&validator, &text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

/// What is changed in an example of the page, and what both the parser and the schema then name.
const WRONG: [(&str, &str, &str); 24] = [
    ("kind = \"detector\"", "kind = \"detektor\"", "detektor"),
    ("wit = \"0.1\"", "wit = \"9.9\"", "9.9"),
    ("name = \"beacons\"", "name = \"Beacons\"", "Beacons"),
    ("version = \"0.1.0\"", "version = \"new\"", "new"),
    ("\"state\", ", "\"stat\", ", "stat"),
    ("\"on-timer\"", "\"on-timers\"", "on-timers"),
    ("ordering = \"exact\"", "ordering = \"any\"", "any"),
    (
        "kind = \"network.flow\"",
        "kind = \"network.flows\"",
        "network.flows",
    ),
    ("\"dst.port\"", "\"dst.prot\"", "dst.prot"),
    ("partition-by", "partition_by", "partition_by"),
    ("cidr =", "network =", "network"),
    ("exists = true", "exists = \"yes\"", ""),
    ("exists = true", "exists = true, equals = \"x\"", ""),
    ("severity = \"medium\"", "severity = \"bad\"", "bad"),
    ("kind = \"count\"", "kind = \"counts\"", "counts"),
    ("window = \"10m\"\n", "", "window"),
    ("max-keys = 50000", "max-keys = 0", ""),
    ("type = \"integer\"", "type = \"int\"", "int"),
    ("title = \"Beacon\"\n", "", "title"),
    ("findings = 100", "findings = -1", ""),
    (
        "[[subscription]]\nkind = \"network.dns\"",
        "[[subscriptions]]\nkind = \"network.dns\"",
        "subscriptions",
    ),
    ("transports = [\"tcp\"]", "transports = [\"sctp\"]", "sctp"),
    ("offset = 0", "offset = 2000", "2000"),
    ("hex = \"47 52\"", "hex = \"4\"", ""),
];

#[test]
fn what_is_wrong_is_refused_by_the_parser_and_by_the_schema() {
    let validator = File::Plugin.validator();
    for (right, wrong, named) in WRONG {
        let examples = page::examples();
        let (_, text) = examples
            .iter()
            .find(|(file, text)| *file == File::Plugin && text.contains(right))
            .unwrap_or_else(|| panic!("no example has {right}"));
        let text = text.replacen(right, wrong, 1);
        let said = File::Plugin.parse(&text).expect_err(wrong);
        assert!(said.contains(named), "{wrong}: {said}");
        let said = valid(&validator, &text).expect_err(wrong);
        assert!(said.contains(named), "{wrong}: {said}");
    }
    let validator = File::Pack.validator();
    for (right, wrong) in [
        ("vendor = \"example\"", "vendor = \"Example\""),
        ("version = \"1.2.0\"", "version = \"1.2\""),
        ("licence = \"Apache-2.0\"", "license = \"Apache-2.0\""),
        ("requirements = [", "requirements = 7 # ["),
        ("file = ", "path = "),
        ("embargo = \"", "embargo = \"on "),
        ("[changelog]\n", "[changelog]\nnew = 1\n"),
    ] {
        let examples = page::examples();
        let (_, text) = examples
            .iter()
            .find(|(file, text)| *file == File::Pack && text.contains(right))
            .unwrap_or_else(|| panic!("no example has {right}"));
        valid(&validator, &text.replacen(right, wrong, 1)).expect_err(wrong);
    }
}

#[test]
fn the_worlds_need_and_refuse_what_the_page_says() {
    let validator = File::Plugin.validator();
    let plugin = |kind: &str, rest: &str| {
        format!(
            "[plugin]\nname = \"a\"\nversion = \"0.1.0\"\nkind = \"{kind}\"\nwit = \"0.1\"\n\
             pack = \"b\"\n{rest}"
        )
    };
    let subscription = "[[subscription]]\nkind = \"report.disclosure\"\n";
    let rule = "[[rule]]\nid = \"r\"\ntitle = \"R\"\nseverity = \"low\"\n";
    let parser = "[parser]\nprotocol = \"p\"\nemits = [\"network.app\"]\ntransports = [\"tcp\"]\n";
    for (kind, rest, right) in [
        ("detector", [subscription, rule].concat(), true),
        ("policy", [subscription, rule].concat(), true),
        ("parser", parser.to_owned(), true),
        ("parser", [parser, rule].concat(), true),
        ("detector", rule.to_owned(), false),
        ("policy", subscription.to_owned(), false),
        ("parser", String::new(), false),
        ("detector", [subscription, rule, parser].concat(), false),
        ("parser", [parser, subscription].concat(), false),
    ] {
        let text = plugin(kind, &rest);
        assert_eq!(File::Plugin.parse(&text).is_ok(), right, "{text}");
        assert_eq!(valid(&validator, &text).is_ok(), right, "{text}");
    }
}

/// A key that is missing is told by the structure that reads it, whatever else is wrong.
#[test]
fn the_parser_tells_syntax_from_sense() {
    let error = Manifest::parse("[plugin]\nname = \"a\"\n").expect_err("it lacks keys");
    assert!(matches!(error, ManifestError::Syntax(_)), "{error}");
    assert!(
        valid(&File::Plugin.validator(), "[plugin]\nname = \"a\"\n").is_err(),
        "the schema refuses it as well"
    );
    assert_eq!(File::Plugin.schema()["additionalProperties"], json!(false));
}
