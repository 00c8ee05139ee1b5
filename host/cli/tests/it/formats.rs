//! What `--help` offers as `--format` is what a command takes.

use std::path::Path;

use crate::palisade;

const ALL: [&str; 4] = ["table", "ndjson", "json", "ocsf"];

/// What a command writes on both streams.
fn said(dir: &Path, args: &[&str]) -> String {
    let output = palisade(dir).args(args).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// The commands below this one, by what its `--help` lists.
fn below(dir: &Path, names: &[&str]) -> Vec<String> {
    let help = said(dir, &[names, &["--help"]].concat());
    let Some((_, list)) = help.split_once("\nCommands:\n") else {
        return Vec::new();
    };
    let lines = list.lines().take_while(|line| !line.trim().is_empty());
    // What goes on to the next line is indented further.
    let first = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = first.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Every command without commands of its own.
fn leaves(dir: &Path, names: &[&str], found: &mut Vec<Vec<String>>) {
    let commands = below(dir, names);
    if commands.is_empty() {
        found.push(names.iter().map(|name| (*name).to_owned()).collect());
    }
    if !commands.is_empty() && !names.is_empty() {
        let help = said(dir, &[names, &["--help"]].concat());
        assert!(
            !help.contains("--format"),
            "{names:?} writes nothing: {help}"
        );
    }
    for command in &commands {
        leaves(dir, &[names, &[command.as_str()]].concat(), found);
    }
}

#[test]
fn every_command_offers_the_formats_that_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let mut commands = Vec::new();
    leaves(dir, &[], &mut commands);
    assert!(commands.len() >= 28, "{commands:?}");
    let mut more_than_tables = 0;
    for command in &commands {
        let names: Vec<&str> = command.iter().map(String::as_str).collect();
        let help = said(dir, &[&names[..], &["--help"]].concat());
        let option = help.split("--format <FORMAT>").nth(1);
        let offered: Vec<&str> = match option {
            // It writes text alone, and there is nothing to choose.
            None => vec!["table"],
            Some(rest) => ALL
                .into_iter()
                .filter(|format| {
                    let rest = rest.split("--").next().unwrap_or_default();
                    rest.split(|c: char| !c.is_ascii_alphanumeric())
                        .any(|word| word == *format)
                })
                .collect(),
        };
        more_than_tables += usize::from(offered.len() > 1);
        for format in ALL {
            let behind = said(dir, &[&names[..], &["--format", format]].concat());
            let before = said(dir, &[&["--format", format][..], &names].concat());
            let refused = [
                behind.contains(&format!("invalid value '{format}' for '--format")),
                before.contains(&format!("cannot write {format}; choose --format ")),
            ];
            let wrong = !offered.contains(&format);
            // Where something else is missing, clap says that first of a format that stands before.
            assert_eq!(refused[0], wrong, "{names:?} --format {format}: {behind}");
            assert!(
                refused[1] == wrong || wrong && before.contains("error: "),
                "--format {format} {names:?}: {before}"
            );
        }
    }
    assert!(more_than_tables >= 18, "{more_than_tables}");
}

#[test]
fn formats_that_are_offered_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::create_dir(dir.join(".palisade")).unwrap();
    std::fs::write(dir.join("a"), "a").unwrap();
    for command in [
        &["store", "add", "a", "--name", "a"][..],
        &["store", "list"],
        &["store", "verify"],
        &["store", "gc"],
        &["trust", "show"],
    ] {
        for args in [
            [command, &["--format", "json"]].concat(),
            [&["--format", "json"][..], command].concat(),
        ] {
            let output = palisade(dir).args(&args).assert().code(0);
            let text = &output.get_output().stdout;
            let json: Result<serde_json::Value, _> = serde_json::from_slice(text);
            assert!(json.is_ok(), "{args:?}: {}", String::from_utf8_lossy(text));
        }
    }
}
