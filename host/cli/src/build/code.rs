//! Of which kind of plugin the code of a project is, as far as its text shows it, for who wrote another
//! kind into plugin.toml: what compilers and the host say of that leads astray.

use std::path::Path;

use palisade_runtime::manifest::{World, line_of};

use super::project::files_with;
use super::within;

/// What the code of each kind has in each language: the ending of its files, and by kind what it
/// exports.
const MARKS: [(&str, &str, [&str; 3]); 3] = [
    (
        "rs",
        "src",
        ["export_detector!", "export_policy!", "export_parser!"],
    ),
    (
        "c",
        "",
        [
            "exports_palisade_plugin_evaluate_evaluate",
            "exports_palisade_plugin_decide_decide",
            "exports_palisade_plugin_parse_parse",
        ],
    ),
    (
        "js",
        "",
        [
            "export const evaluate ",
            "export const decide ",
            "export const parse ",
        ],
    ),
];
/// The kinds in the order of the marks.
const WORLDS: [World; 3] = [World::Detector, World::Policy, World::Parser];

/// What is wrong with `kind` of the text of a plugin.toml, where the code in the folder is of one
/// other kind and has nothing of that one.
pub(super) fn of_another_kind(dir: &Path, text: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(text).ok()?;
    let said = table.get("plugin")?.get("kind")?.as_str()?;
    let said = WORLDS.iter().position(|world| world.name() == said)?;
    for (ending, folder, marks) in MARKS {
        let files = files_with(&dir.join(folder), ending).unwrap_or_default();
        let texts = files.iter().filter_map(|file| within::text(file).ok()?);
        let code: Vec<String> = texts.flat_map(|text| lines_of_code(&text)).collect();
        let has = marks.map(|mark| code.iter().any(|line| line.contains(mark)));
        let others: Vec<usize> = (0..marks.len()).filter(|at| has[*at]).collect();
        let [other] = others.as_slice() else {
            continue;
        };
        if *other == said {
            return None;
        }
        let line = line_of(text, "plugin.kind").unwrap_or(1);
        let (is, says) = (WORLDS[*other].name(), WORLDS[said].name());
        return Some(format!(
            "line {line}: `kind = {says:?}`, and the code is that of a {is}, since it has `{}` and no \
             `{}`; write `kind = {is:?}`, or the code of a {says}",
            marks[*other].trim_end(),
            marks[said].trim_end()
        ));
    }
    None
}

/// The lines without those that are comments.
fn lines_of_code(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim_start);
    let code = lines.filter(|line| !["//", "/*", "*"].iter().any(|mark| line.starts_with(mark)));
    code.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_one_other_kind_is_told_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        let text = "[plugin]\nname = \"a\"\nkind = \"policy\"\n";
        let told = |file: &str, code: &str| {
            let file = path.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, code).unwrap();
            let told = of_another_kind(path, text);
            std::fs::remove_file(&file).unwrap();
            told
        };
        for (file, code, part) in [
            (
                "src/lib.rs",
                "export_detector!(A);",
                "`export_detector!` and no `export_policy!`",
            ),
            (
                "plugin.c",
                "void exports_palisade_plugin_evaluate_evaluate(uint32_t s, uint32_t r) {}",
                "`exports_palisade_plugin_evaluate_evaluate` and no",
            ),
            (
                "plugin.js",
                "export const parse = parser({});",
                "that of a parser",
            ),
        ] {
            let told = told(file, code).unwrap();
            assert!(told.starts_with("line 3: `kind = \"policy\"`"), "{told}");
            assert!(told.contains(part), "{told}");
        }
        for (file, code) in [
            ("plugin.js", "export const decide = {};"),
            ("plugin.js", "// export const evaluate = {};"),
            (
                "plugin.js",
                "export const decide = {}; export const evaluate = {};",
            ),
            ("plugin.js", "export const evaluated = {};"),
            ("src/lib.rs", ""),
        ] {
            assert_eq!(told(file, code), None, "{code}");
        }
    }
}
