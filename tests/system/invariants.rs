//! What the README promises of the code base itself, and that its commands work.

use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_tests::{root, skip};

/// Crates of the host that are libraries.
const LIBRARIES: [&str; 11] = [
    "wit-model",
    "events",
    "store",
    "registry",
    "private",
    "runtime",
    "pack",
    "capture",
    "sources",
    "state",
    "pipeline",
];

/// Files below a folder whose names end so, without what is built.
fn files(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !["target", "node_modules", ".git"].contains(&&*name) {
            files(&path, end, found);
        } else if name.ends_with(end) {
            found.push(path);
        }
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Lines of code (no comments) of files below a folder that contain one of these words.
fn lines_with(folder: &str, words: &[&str]) -> Vec<String> {
    let mut sources = Vec::new();
    files(&root().join(folder), ".rs", &mut sources);
    assert!(!sources.is_empty(), "no source in {folder}");
    let mut found = Vec::new();
    for path in sources {
        for (number, line) in text(&path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!(
                    "{}:{}: {}",
                    path.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    found
}

#[test]
fn only_the_runtime_names_wasmtime() {
    // `wit-model` writes code for the runtime, as text.
    for folder in [
        "host/events",
        "host/store",
        "host/registry",
        "host/pack",
        "host/capture",
        "host/sources",
        "host/state",
        "host/pipeline",
        "host/cli",
        "benches",
        "sdk",
        "plugins",
    ] {
        let lines = lines_with(folder, &["wasmtime::", "use wasmtime"]);
        assert!(lines.is_empty(), "{lines:#?}");
    }
    let mut manifests = Vec::new();
    files(&root(), "Cargo.toml", &mut manifests);
    for path in manifests {
        let relative = path.strip_prefix(root()).unwrap_or(&path);
        let names = text(&path).lines().any(|line| line.starts_with("wasmtime"));
        let may = relative == Path::new("Cargo.toml") || relative.starts_with("host/runtime");
        assert!(!names || may, "{} depends on wasmtime", relative.display());
    }
}

#[test]
fn libraries_do_not_print_read_the_environment_or_exit() {
    let words = [
        "println!",
        "print!(",
        "env::var",
        "env::args",
        "process::exit",
    ];
    for library in LIBRARIES {
        let mut lines = lines_with(&format!("host/{library}/src"), &words);
        // Tests inside of a library say why they skip.
        lines.retain(|line| !line.contains("tests"));
        assert!(lines.is_empty(), "{lines:#?}");
    }
}

/// What reads hostile input, and what keeps state, is built and tested without wasmtime.
#[test]
fn input_and_state_stand_below_the_runtime() {
    let walls: [(&str, &[&str]); 3] = [
        ("capture", &["events"]),
        ("sources", &["capture", "events", "private"]),
        ("state", &["events"]),
    ];
    for (library, may) in walls {
        let manifest = text(&root().join(format!("host/{library}/Cargo.toml")));
        let depends = manifest
            .split("[dev-dependencies]")
            .next()
            .unwrap_or_default();
        let names = depends
            .lines()
            .filter_map(|line| line.strip_prefix("palisade-"));
        for name in names {
            let name = name.split('.').next().unwrap_or_default();
            assert!(may.contains(&name), "host/{library} depends on {name}");
        }
    }
}

#[test]
fn what_authors_use_depends_on_no_crate_of_the_host() {
    for folder in ["sdk", "plugins"] {
        let mut manifests = Vec::new();
        files(&root().join(folder), "Cargo.toml", &mut manifests);
        for path in manifests {
            for line in text(&path).lines() {
                let depends = LIBRARIES
                    .iter()
                    .any(|name| line.starts_with(&format!("palisade-{name}")));
                assert!(!depends, "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents = Vec::new();
    files(&root(), ".md", &mut documents);
    for document in documents {
        let folder = document.parent().expect("a file is in a folder");
        for link in text(&document).split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.contains(' ') {
                continue;
            }
            let leads = folder.join(target).exists();
            assert!(leads, "{} links to {target}", document.display());
        }
    }
}

/// The commands of a document: lines of its `sh` blocks that call what `make` has built.
fn commands(document: &str) -> Vec<String> {
    let text = text(&root().join(document)).replace("\\\n", " ");
    let mut commands = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && line.starts_with("target/release/palisade ") {
            commands.push(line.to_owned());
        }
    }
    commands
}

#[test]
fn the_commands_of_the_readme_do_what_they_say() {
    let program = root().join("target/release/palisade");
    if !program.is_file() || !root().join("target/plugins/iot-protocols").is_dir() {
        skip("`make plugins` has not built the program and the plugins in `target`");
        return;
    }
    let commands = commands("README.md");
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        let output = Command::new("bash")
            .args(["-euc", &command])
            .current_dir(root())
            .env(
                "PALISADE_WASM_TOOLCHAIN_FILE",
                root().join("target/wasm-toolchain.json"),
            )
            .output()
            .expect("bash runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        // 1 says that something was found or denied.
        let done = matches!(output.status.code(), Some(0 | 1));
        assert!(done && !output.stdout.is_empty(), "{command}: {stderr}");
        assert!(!stderr.contains("panicked"), "{command}: {stderr}");
    }
}

#[test]
fn help_and_readmes_say_the_same_of_what_workers_may_change() {
    let Some((program, _)) = crate::run::palisade() else {
        return;
    };
    let help = Command::new(program).args(["run", "--help"]).output();
    let help = String::from_utf8(help.expect("palisade runs").stdout).expect("help is text");
    let said = |text: &str| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        text.contains("save where limits are reached that are counted and told")
    };
    assert!(said(&help), "{help}");
    for page in ["README.md", "host/README.md"] {
        assert!(said(&text(&root().join(page))), "{page}");
    }
    // What the list of exceptions leaves out would be promised.
    let page = text(&root().join("host/README.md"));
    let (_, list) = page
        .split_once("### What the number of workers may change")
        .expect("the list");
    let list = list.split("###").next().unwrap_or_default();
    for exception in [
        "epoch",
        "memory of a plugin",
        "sessions of a parser",
        "timers",
        "quarantine",
    ] {
        assert!(list.contains(exception), "{exception}");
    }
}
