//! `sdk/MANIFEST.md` against schemas and parsers.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use palisade_tests::root;
use toml::{Table, Value};

use super::File;
use super::keys::{Key, Section, sections};

fn path() -> PathBuf {
    root().join("sdk/MANIFEST.md")
}

fn text() -> String {
    std::fs::read_to_string(path()).expect("sdk/MANIFEST.md can be read")
}

/// What stands before and behind the tables of a file, which are written from the schema.
fn marks(file: File) -> (String, String) {
    let name = match file {
        File::Plugin => "plugin.toml",
        File::Pack => "pack.toml",
    };
    (
        format!("<!-- keys of {name}, written by tests/system/manifests -->\n"),
        format!("<!-- end of the keys of {name} -->\n"),
    )
}

/// The tables of a file as the page has them.
fn tables(file: File) -> String {
    let mut text = String::new();
    for Section { header, keys, .. } in sections(file) {
        let header = if header.is_empty() {
            "top level".to_owned()
        } else {
            format!("`{header}`")
        };
        let _ = write!(
            text,
            "\n### {header}\n\n| key | holds | mandatory | without it | meaning |\n| --- | --- | --- | --- | --- |\n"
        );
        for key in keys {
            let Key {
                name,
                mandatory,
                ty,
                cases,
                default,
                meaning,
                ..
            } = key;
            // Kinds and fields are listed where the events are described.
            let cases: Vec<String> = cases.iter().map(|case| format!("`{case}`")).collect();
            let holds = match cases.len() {
                0 => ty,
                1..=8 => format!("{ty}: {}", cases.join(", ")),
                _ => format!("{ty}: a [kind](../wit/v0.1)"),
            };
            let _ = writeln!(
                text,
                "| `{name}` | {holds} | {} | {} | {meaning} |",
                if mandatory { "yes" } else { "" },
                default.unwrap_or_default(),
            );
        }
    }
    text.push('\n');
    text
}

#[test]
fn the_tables_of_the_page_are_those_of_the_structures() {
    let mut page = text();
    for file in File::BOTH {
        let (begin, end) = marks(file);
        let from = page.find(&begin).expect("where the tables begin") + begin.len();
        let to = page.find(&end).expect("where the tables end");
        page.replace_range(from..to, &tables(file));
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path(), page).expect("sdk/MANIFEST.md can be written");
        return;
    }
    assert!(
        page == text(),
        "sdk/MANIFEST.md is not what follows from the code; run `UPDATE=1 cargo test --release \
         --workspace --test system -- manifests` and look at what changed"
    );
}

/// The examples of the page, each a whole file.
pub(super) fn examples() -> Vec<(File, String)> {
    let page = text();
    let blocks = page.split("```toml\n").skip(1);
    blocks
        .filter_map(|block| block.split("```").next())
        .map(|text| {
            let file = if text.contains("[plugin]") {
                File::Plugin
            } else {
                File::Pack
            };
            (file, text.to_owned())
        })
        .collect()
}

#[test]
fn the_examples_are_parsed_and_use_every_key() {
    let mut used: BTreeSet<(usize, String, String)> = BTreeSet::new();
    for (file, text) in examples() {
        file.parse(&text)
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        super::valid(&file.validator(), &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut table: Table = text.parse().expect("TOML");
        for section in sections(file) {
            each(&mut table, &section.path, &mut |table| {
                for name in table.keys() {
                    used.insert((file as usize, section.header.clone(), name.clone()));
                }
            });
        }
    }
    for file in File::BOTH {
        for section in sections(file) {
            for key in section.keys {
                let key = (file as usize, section.header.clone(), key.name);
                assert!(used.contains(&key), "no example has {key:?}");
            }
        }
    }
}

/// Calls `act` for every table at the end of a path.
fn each(table: &mut Table, path: &[(String, bool)], act: &mut dyn FnMut(&mut Table)) {
    let Some(((name, _), rest)) = path.split_first() else {
        act(table);
        return;
    };
    let values: Vec<&mut Value> = if name == "NAME" {
        table.iter_mut().map(|(_, value)| value).collect()
    } else {
        table.get_mut(name).into_iter().collect()
    };
    for value in values {
        match value {
            Value::Table(inner) => each(inner, rest, act),
            Value::Array(items) => {
                for inner in items.iter_mut().filter_map(Value::as_table_mut) {
                    each(inner, rest, act);
                }
            }
            _ => {}
        }
    }
}

/// Every change of one table of an example, one at a time.
fn changes(
    text: &str,
    section: &Section,
    change: &mut dyn FnMut(&mut Table) -> bool,
    tried: &mut dyn FnMut(String),
) {
    for nth in 0.. {
        let mut table: Table = text.parse().expect("TOML");
        let (mut at, mut changed, mut met) = (0, false, false);
        each(&mut table, &section.path, &mut |inner| {
            if at == nth {
                met = true;
                changed = change(inner);
            }
            at += 1;
        });
        if !met {
            return;
        }
        if changed {
            tried(toml::to_string(&table).expect("TOML"));
        }
    }
}

#[test]
fn what_is_mandatory_is_refused_when_it_is_absent_and_nothing_else() {
    let (mut mandatory, mut optional) = (0, 0);
    for (file, text) in examples() {
        let validator = file.validator();
        for section in sections(file) {
            for key in &section.keys {
                let mut remove = |table: &mut Table| table.remove(&key.name).is_some();
                changes(&text, &section, &mut remove, &mut |without| {
                    let parsed = file.parse(&without);
                    let missing = format!("the key `{}` is missing; write it", key.name);
                    let told = parsed.as_ref().err().is_some_and(|e| e.contains(&missing));
                    assert_eq!(
                        told, key.mandatory,
                        "{}.{}: {parsed:?}",
                        section.header, key.name
                    );
                    if key.mandatory {
                        mandatory += 1;
                        assert!(super::valid(&validator, &without).is_err());
                    } else {
                        optional += 1;
                    }
                });
            }
        }
    }
    assert!(mandatory >= 30 && optional >= 30, "{mandatory} {optional}");
}

#[test]
fn a_key_that_the_page_does_not_have_is_refused_everywhere() {
    for (file, text) in examples() {
        let validator = file.validator();
        for section in sections(file) {
            let mut add = |table: &mut Table| {
                table.insert("no-such-key".to_owned(), true.into());
                true
            };
            changes(&text, &section, &mut add, &mut |with| {
                let said = file.parse(&with).expect_err(&section.header);
                assert!(said.contains("no-such-key"), "{said}");
                assert!(
                    super::valid(&validator, &with).is_err(),
                    "{}",
                    section.header
                );
            });
        }
    }
}

/// Where a value is one of a few names, the parser takes exactly those of the page.
#[test]
fn the_names_of_cases_are_those_of_the_parser() {
    let mut tried = 0;
    for (file, text) in examples() {
        for section in sections(file) {
            for key in section.keys.iter().filter(|key| !key.cases.is_empty()) {
                let mut said = Vec::new();
                for case in key.cases.iter().map(String::as_str).chain(["no-such-case"]) {
                    let mut set = |table: &mut Table| match table.get_mut(&key.name) {
                        Some(Value::String(name)) => {
                            *name = case.to_owned();
                            true
                        }
                        Some(Value::Array(names)) => {
                            names.push(case.into());
                            true
                        }
                        _ => false,
                    };
                    changes(&text, &section, &mut set, &mut |with| {
                        let error = file.parse(&with).err().unwrap_or_default();
                        // Another kind of plugin, event or table needs other keys, but it is known.
                        let unknown = ["is none of", "there is no", "this host offers"]
                            .iter()
                            .any(|words| error.contains(words));
                        assert_eq!(
                            unknown,
                            case == "no-such-case",
                            "{}.{} = {case}: {error}",
                            section.header,
                            key.name
                        );
                        if unknown {
                            said.push(error);
                        }
                        tried += 1;
                    });
                }
                // Where the parser lists what it knows, it lists what the page does.
                for error in said.iter().filter(|error| error.contains("is none of")) {
                    let listed = format!("`{}`", key.cases.join("`, `"));
                    assert!(error.ends_with(&listed), "{error}");
                }
            }
        }
    }
    assert!(tried > 60, "{tried}");
}

/// A list of this many of what it begins with, each with a name of its own.
fn repeated(items: &mut Vec<Value>, count: usize) {
    let Some(first) = items.first().cloned() else {
        return;
    };
    *items = (0..count)
        .map(|at| {
            let mut item = first.clone();
            for name in ["name", "id"] {
                if let Some(value) = item.as_table_mut().and_then(|table| table.get_mut(name)) {
                    *value = format!("n{at}").into();
                }
            }
            item
        })
        .collect();
}

#[test]
fn lists_and_numbers_end_where_the_page_says() {
    let mut bounded = BTreeSet::new();
    for (file, text) in examples() {
        for section in sections(file) {
            for key in &section.keys {
                let (Some(most), list) = (key.most_items.or(key.most), key.most_items.is_some())
                else {
                    continue;
                };
                for over in [0, 1] {
                    let mut set = |table: &mut Table| match table.get_mut(&key.name) {
                        Some(Value::Array(items)) if list => {
                            repeated(items, usize::try_from(most + over).expect("a length"));
                            true
                        }
                        Some(Value::Integer(number)) if !list => {
                            *number = i64::try_from(most + over).expect("a number");
                            true
                        }
                        _ => false,
                    };
                    changes(&text, &section, &mut set, &mut |changed| {
                        let error = file.parse(&changed).err().unwrap_or_default();
                        let told = ["at most", "must be 1 to"]
                            .iter()
                            .any(|words| error.contains(&format!("{words} {most}")));
                        let place = format!("{}.{}", section.header, key.name);
                        assert_eq!(told, over == 1, "{place} + {over}: {error}");
                        bounded.insert(place);
                    });
                }
            }
        }
    }
    assert!(bounded.len() >= 14, "{bounded:?}");
}
