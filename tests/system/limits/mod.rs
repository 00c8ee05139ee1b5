//! `host/LIMITS.md` is written from the code and is current, and every limit is in it.
//!
//! `UPDATE=1 cargo test --release --workspace --test system -- limits` writes it again.

mod constants;
mod debug_file;
mod memory;
mod peaks;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use palisade_tests::root;

use crate::sources::Tests;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::limits) enum Unit {
    Bytes,
    Count,
    /// Milliseconds.
    Time,
}

/// A line of the table.
struct Row {
    of: &'static str,
    /// As the code has it.
    name: String,
    unit: Unit,
    amount: i128,
    what: &'static str,
    beyond: &'static str,
    /// Tests that drive it to its end, as `file::function`.
    shown_by: &'static [&'static str],
}

/// All limits.
pub(in crate::limits) struct Table {
    constants: BTreeMap<(String, String), i128>,
    of: &'static str,
    rows: Vec<Row>,
    /// Constants that have a line.
    listed: BTreeSet<(String, String)>,
}

impl Table {
    fn new() -> Table {
        let mut table = Table {
            constants: constants::constants(),
            of: "",
            rows: Vec::new(),
            listed: BTreeSet::new(),
        };
        rows::fill(&mut table);
        table
    }

    /// Whom the limits that follow hold against.
    pub(in crate::limits) fn of(&mut self, of: &'static str) {
        self.of = of;
    }

    /// A limit that has its default in a structure.
    pub(in crate::limits) fn value<N>(
        &mut self,
        name: &str,
        unit: Unit,
        amount: N,
        what: &'static str,
        beyond: &'static str,
        shown_by: &'static [&'static str],
    ) where
        N: TryInto<i128, Error: std::fmt::Debug>,
    {
        self.rows.push(Row {
            of: self.of,
            name: name.to_owned(),
            unit,
            amount: amount.try_into().expect("a limit is a number"),
            what,
            beyond,
            shown_by,
        });
    }

    /// A limit that is a constant of a file below `host`.
    pub(in crate::limits) fn constant(
        &mut self,
        file: &str,
        name: &str,
        unit: Unit,
        what: &'static str,
        beyond: &'static str,
        shown_by: &'static [&'static str],
    ) {
        let key = (file.to_owned(), name.to_owned());
        let Some(amount) = self.constants.get(&key).copied() else {
            panic!("host/{file} has no constant {name} that is a number");
        };
        self.listed.insert(key);
        let path = file.trim_end_matches("/mod.rs").trim_end_matches(".rs");
        let module = path.rsplit('/').next().unwrap_or(path);
        let name = format!("{module}::{name}");
        self.value(&name, unit, amount, what, beyond, shown_by);
    }
}

impl Row {
    fn amount(&self) -> String {
        match self.unit {
            Unit::Bytes => memory::size(self.amount.unsigned_abs()),
            Unit::Count => count(self.amount.unsigned_abs()),
            Unit::Time if self.amount % 86_400_000 == 0 => {
                format!("{} d", self.amount / 86_400_000)
            }
            Unit::Time if self.amount % 1000 == 0 => format!("{} s", self.amount / 1000),
            Unit::Time => format!("{} ms", self.amount),
        }
    }
}

/// With commas between thousands.
fn count(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn page(table: &Table) -> String {
    let mut text = String::from(
        "# Limits\n\n\
         Every limit of the host with its default, written by `tests/system/limits` from the code; a test fails when\n\
         the page is not current (`UPDATE=1 cargo test --release --workspace --test system -- limits` writes it again)\n\
         or a limit is missing. Names in lower case are fields of structures, which the operator's options and tests\n\
         set; names in upper case are constants. A manifest can lower `limits.*` for its plugin and raise none. The\n\
         last column names tests that drive the limit to its end; where there is none, no test does.\n",
    );
    for (of, title) in rows::SCOPES {
        let _ = write!(
            text,
            "\n## {title}\n\n| what | default | beyond it | name | shown by |\n| --- | --- | --- | --- | --- |\n"
        );
        for row in table.rows.iter().filter(|row| row.of == of) {
            let shown: Vec<String> = row
                .shown_by
                .iter()
                .map(|test| format!("`{test}`"))
                .collect();
            let _ = writeln!(
                text,
                "| {} | {} | {} | `{}` | {} |",
                row.what,
                row.amount(),
                row.beyond,
                row.name,
                shown.join(", ")
            );
        }
    }
    text.push_str(&memory::section());
    text
}

#[test]
fn the_page_of_limits_is_current() {
    let path = root().join("host/LIMITS.md");
    let page = page(&Table::new());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, page).expect("host/LIMITS.md can be written");
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == page,
        "host/LIMITS.md is not what follows from the code; run `UPDATE=1 cargo test --release \
         --workspace --test system -- limits` and look at what changed"
    );
}

#[test]
fn every_constant_that_is_called_a_limit_has_a_line() {
    let table = Table::new();
    let mut known = table.listed;
    let mut missing = Vec::new();
    for (file, name, why) in rows::NO_LIMITS {
        let key = ((*file).to_owned(), (*name).to_owned());
        assert!(
            table.constants.contains_key(&key),
            "{file} has no {name} any more"
        );
        assert!(known.insert(key), "{file} {name} is listed twice");
        assert!(!why.is_empty());
    }
    for ((file, name), _) in table.constants {
        let limit = name.starts_with("MAX_") || name.ends_with("_MAX") || name.contains("LIMIT");
        if limit && !known.contains(&(file.clone(), name.clone())) {
            missing.push(format!("{file} {name}"));
        }
    }
    assert!(
        missing.is_empty(),
        "give each a line in tests/system/limits/rows: {missing:#?}"
    );
}

/// A field that is not named where its structure is taken apart would not compile; this sees to it
/// that every structure is, and that no field is left out with `..`.
#[test]
fn every_field_of_a_structure_of_limits_has_a_line() {
    let folder = root().join("tests/system/limits/rows");
    let rows: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("the folder can be read").path())
        .map(|path| std::fs::read_to_string(path).expect("a source can be read"))
        .collect();
    let structures = constants::structures();
    assert!(structures.contains("EngineConfig") && structures.contains("Limits"));
    for name in &structures {
        let apart = |row: &String| row.contains(&format!("{name} {{\n"));
        let none = rows::NO_LIMIT_STRUCTURES.iter().any(|(of, _)| of == name);
        assert!(
            none != rows.iter().any(apart),
            "take {name} apart in tests/system/limits/rows, with a line for each limit"
        );
    }
    for row in rows {
        let open = row.lines().any(|line| line.trim() == "..");
        assert!(!open, "name every field: {row}");
    }
    for (name, why) in rows::NO_LIMIT_STRUCTURES {
        assert!(structures.contains(*name) && !why.is_empty(), "{name}");
    }
}

#[test]
fn what_shows_a_limit_is_a_test() {
    let tests = Tests::read();
    let mut shown = 0;
    let table = Table::new();
    for row in &table.rows {
        assert!(rows::SCOPES.iter().any(|(of, _)| *of == row.of));
        for test in row.shown_by {
            assert!(tests.has(test), "{}: there is no test {test}", row.name);
        }
        shown += usize::from(!row.shown_by.is_empty());
    }
    assert!(
        shown * 5 >= table.rows.len() * 3,
        "{shown} of {}",
        table.rows.len()
    );
}
