//! Constants of the host's sources with their values.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use palisade_tests::root;

/// Values of `const` items by file (from `host/` on) and name. Only whole numbers and times are
/// among them, the latter in milliseconds.
pub(super) fn constants() -> BTreeMap<(String, String), i128> {
    let mut texts = BTreeMap::new();
    collect(&root().join("host"), &mut texts);
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    sources(&root().join("host"), &mut |path, text| {
        let file = path.strip_prefix(root().join("host")).expect("below host");
        imports.insert(file.display().to_string(), imported(text));
    });
    assert!(texts.len() > 100, "{} constants in host", texts.len());
    let mut known = BTreeMap::new();
    // A constant may name another: a few rounds find all.
    for _ in 0..4 {
        for (key, text) in &texts {
            let named = |token: &str| {
                let name = token.rsplit("::").next()?;
                let here = known.get(&(key.0.clone(), name.to_owned()));
                let same = || known.iter().filter(|((_, other), _)| other == name);
                // Of several, that of the module which it is taken from.
                let from = |file: &str| {
                    let path = file.trim_end_matches("/mod.rs").trim_end_matches(".rs");
                    let module = path.rsplit('/').next().unwrap_or(path);
                    let whole = format!("{module}::{name}");
                    let crates = token.strip_prefix("palisade_");
                    if let Some((of, _)) = crates.and_then(|token| token.split_once("::")) {
                        return file.starts_with(&format!("{}/", of.replace('_', "-")));
                    }
                    token.ends_with(&whole) || imports[&key.0].contains(&whole)
                };
                let values: BTreeSet<i128> = same().map(|(_, value)| *value).collect();
                let meant = same().find(|((file, _), _)| from(file));
                let only = values.first().filter(|_| values.len() == 1);
                here.or(meant.map(|(_, value)| value)).or(only).copied()
            };
            if let Some(value) = Expression::value(text, &named) {
                known.insert(key.clone(), value);
            }
        }
    }
    known
}

/// Names of the structures of `host` that are called limits or a configuration.
pub(super) fn structures() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    sources(&root().join("host"), &mut |_, text| {
        for part in text.split("pub struct ").skip(1) {
            let word = |c: char| c.is_ascii_alphanumeric();
            let name = &part[..part.find(|c| !word(c)).unwrap_or(part.len())];
            if name.ends_with("Limits") || name.ends_with("Config") {
                found.insert(name.to_owned());
            }
        }
    });
    found
}

/// Every `const` below a folder, tests left out.
fn collect(folder: &Path, texts: &mut BTreeMap<(String, String), String>) {
    sources(folder, &mut |path, text| {
        let file = path.strip_prefix(root().join("host")).expect("below host");
        for (name, value) in items(text) {
            texts.insert((file.display().to_string(), name), value);
        }
    });
}

/// Shows every source below a folder, tests left out.
fn sources(folder: &Path, show: &mut dyn FnMut(&Path, &str)) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if name != "tests" && name != "target" {
                sources(&path, show);
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = std::fs::read_to_string(&path).expect("a source can be read");
            show(&path, &text);
        }
    }
}

/// What a source imports, each as `module::NAME`.
fn imported(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in source.split("\nuse ").skip(1) {
        let path = part.split(';').next().unwrap_or_default();
        let (module, names) = match path.split_once("::{") {
            Some((module, names)) => (module, names.trim_end_matches('}')),
            None => path.rsplit_once("::").unwrap_or((path, "")),
        };
        let module = module.rsplit("::").next().unwrap_or(module);
        let names = names.split(',').map(str::trim);
        found.extend(names.map(|name| format!("{module}::{name}")));
    }
    found
}

/// Names and expressions of the `const` items of a source.
pub(super) fn items(source: &str) -> Vec<(String, String)> {
    let code: String = source
        .lines()
        .take_while(|line| *line != "#[cfg(test)]" || source.contains("\n#[cfg(test)]\nmod tests;"))
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = Vec::new();
    for part in code.split("const ").skip(1) {
        let Some((name, rest)) = part.split_once(':') else {
            continue;
        };
        let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let (Some((_, value)), true) = (
            rest.split_once('='),
            !name.is_empty() && name.chars().all(upper),
        ) else {
            continue;
        };
        let value = value.split(';').next().unwrap_or_default();
        found.push((name.to_owned(), value.trim().to_owned()));
    }
    found
}

/// What constants are written with: whole numbers, `+ - * <<`, casts, brackets, other constants,
/// and `Duration::from_…`.
struct Expression<'a> {
    rest: &'a str,
    named: &'a dyn Fn(&str) -> Option<i128>,
}

impl<'a> Expression<'a> {
    fn value(text: &'a str, named: &'a dyn Fn(&str) -> Option<i128>) -> Option<i128> {
        let mut expression = Expression { rest: text, named };
        let value = expression.shifted()?;
        expression.rest.trim().is_empty().then_some(value)
    }

    fn takes(&mut self, mark: &str) -> bool {
        let rest = self.rest.trim_start();
        let taken = rest.strip_prefix(mark);
        self.rest = taken.unwrap_or(rest);
        taken.is_some()
    }

    fn shifted(&mut self) -> Option<i128> {
        let mut value = self.sum()?;
        while self.takes("<<") {
            value = value.checked_shl(u32::try_from(self.sum()?).ok()?)?;
        }
        Some(value)
    }

    fn sum(&mut self) -> Option<i128> {
        let mut value = self.product()?;
        loop {
            value = match (self.takes("+"), self.takes("-")) {
                (true, _) => value + self.product()?,
                (_, true) => value - self.product()?,
                _ => return Some(value),
            };
        }
    }

    fn product(&mut self) -> Option<i128> {
        let mut value = self.single()?;
        while self.takes("*") {
            value *= self.single()?;
        }
        Some(value)
    }

    fn single(&mut self) -> Option<i128> {
        let value = if self.takes("(") {
            let value = self.shifted()?;
            self.takes(")").then_some(value)?
        } else {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
            let rest = self.rest.trim_start();
            let (token, rest) = rest.split_at(rest.find(|c| !word(c)).unwrap_or(rest.len()));
            self.rest = rest;
            match token.strip_prefix("Duration::from_") {
                Some(unit) => {
                    let value = self.single()?;
                    match unit {
                        "secs" => value * 1000,
                        "millis" => value,
                        _ => return None,
                    }
                }
                None if token.starts_with(|c: char| c.is_ascii_digit()) => number(token)?,
                None => (self.named)(token)?,
            }
        };
        while self.takes("as ") {
            let rest = self.rest.trim_start();
            self.rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        }
        Some(value)
    }
}

fn number(token: &str) -> Option<i128> {
    let plain = token.replace('_', "");
    match plain.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok(),
        None => plain.parse().ok(),
    }
}

#[test]
fn expressions_of_constants_have_their_values() {
    let named = |token: &str| token.ends_with("OTHER").then_some(7);
    let value = |text| Expression::value(text, &named);
    for (text, expected) in [
        ("64 << 20", Some(64 << 20)),
        ("256 * 1024", Some(256 << 10)),
        ("(1 << 12) - 1", Some(4095)),
        (
            "32 + (OTHER as u64) * (crate::path::OTHER as u64 + 48)",
            Some(32 + 7 * 55),
        ),
        ("OTHER + (64 << 20)", Some(7 + (64 << 20))),
        ("Duration::from_secs(24 * 3600)", Some(86_400_000)),
        ("16_384", Some(16_384)),
        ("UNKNOWN", None),
        ("\"text\"", None),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
    let source = "//! A doc.\nuse crate::a::{B, C};\nuse super::d::E;\n";
    let expected = ["a::B", "a::C", "d::E"].map(str::to_owned);
    assert_eq!(imported(source), BTreeSet::from(expected));
    let source = "/// A doc.\npub(crate) const MAX_A: usize = 1;\nconst fn x() {}\nconst MAX_B: u64 =\n    2;\n";
    let expected = [("MAX_A", "1"), ("MAX_B", "2")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(items(source), expected);
}
