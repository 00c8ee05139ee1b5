//! Rust, by cargo.
//!
//! Every plugin is built by itself, because cargo joins the features of what is built
//! together, and a component must not depend on which other plugins were named. All share
//! one target directory, so what several depend on is compiled once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use palisade_private::Below;
use serde::Deserialize;

use super::crates::Crates;
use super::project::files_with;
use super::stamp::{Inputs, Place, Stamp};
use super::toolchain::{ADVICE, Toolchain};
use super::{
    Checkout, Compiled, Places, Project, beside, compiler, componentize, unlinked, within,
};
use crate::host::MAX_TEXT;

/// The link by which the workspace of the first-party plugins has the SDK.
const LINKED: &str = "plugins/sdk";

/// Compiles the library beside `plugin.toml`.
///
/// # Errors
/// When cargo fails, or the package is no `cdylib`, or its module does not fit the world
/// that the SDK's macro says.
pub(super) fn compile(
    project: &Project,
    places: &Places,
    checkout: &Checkout,
    toolchain: &Toolchain,
) -> Result<Compiled> {
    let manifest_path = project.dir.join("Cargo.toml");
    let mut module = None;
    let mut crates = Crates::default();
    let _taken = places.cargo.take()?;
    forget_changed(project, places, toolchain).map_err(|error| explain(error, toolchain))?;
    let mut cargo = cargo_build(&project.dir, project, places, checkout, toolchain);
    cargo.args([
        "--lib",
        "--quiet",
        "--message-format=json-render-diagnostics",
    ]);
    let said = compiler::run_with_lines(&mut cargo, ADVICE, |line| {
        if let Ok(artifact) = serde_json::from_str(line) {
            crates.note(artifact, places, &toolchain.rust);
        }
        if let Ok(Message {
            reason,
            manifest_path: path,
            filenames,
        }) = serde_json::from_str(line)
            && reason == "compiler-artifact"
            && path == manifest_path
        {
            module = filenames
                .into_iter()
                .find(|file| {
                    file.extension()
                        .is_some_and(|extension| extension == "wasm")
                })
                .or(module.take());
        }
    })
    .map_err(|error| explain(error, toolchain))?;
    let module = module.with_context(|| {
        format!(
            "{} makes no WebAssembly module; it needs `[lib]` with `crate-type = [\"cdylib\"]`",
            manifest_path.display()
        )
    })?;
    let bytes = std::fs::read(&module).with_context(|| format!("read {}", module.display()))?;
    Ok(Compiled {
        component: componentize(&bytes).map_err(|error| exporting(error, project))?,
        debug: Some(bytes),
        files: sources(&module.with_extension("d"), places)?,
        crates: Some(crates.list(project, &toolchain.rust)?),
        said: said + &unheard(&project.dir)?,
    })
}

/// A line for each macro of the standard library that prints, of which nothing arrives anywhere.
/// Tests, which run on the author's machine, are told apart by what stands above them: `cfg(test)`.
fn unheard(dir: &Path) -> Result<String> {
    let mut said = String::new();
    for file in files_with(&dir.join("src"), "rs").unwrap_or_default() {
        let text = palisade_private::read(&file, MAX_TEXT)?;
        for (line, name) in printing(&String::from_utf8_lossy(&text)) {
            // Writing to a `String` does not fail.
            let _ = writeln!(
                said,
                "{}:{line}: `{name}!` prints to nowhere, since a plugin has no output; write \
                 `palisade_sdk::log::info(&format!(…))`, with the capability `log`",
                file.strip_prefix(dir).unwrap_or(&file).display()
            );
        }
    }
    Ok(said)
}

/// Lines, from 1, that print, and by which macro, up to where tests begin.
fn printing(text: &str) -> Vec<(usize, &'static str)> {
    const MACROS: [&str; 5] = ["println", "eprintln", "print", "eprint", "dbg"];
    let code = text
        .lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter_map(|(at, line)| {
        let calls = |name: &&&str| {
            let call = format!("{name}!(");
            line.match_indices(&call).any(|(at, _)| {
                // `eprint!` ends in `print!`.
                !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"')
            })
        };
        Some((at + 1, *MACROS.iter().find(calls)?))
    })
    .collect()
}

/// Says what to write where the project's code has not the macro that exports a plugin of its kind.
pub(super) fn exporting(error: anyhow::Error, project: &Project) -> anyhow::Error {
    let world = project.manifest.world.name();
    let macros = ["detector", "policy", "parser"];
    let mut others: Vec<&&str> = Vec::new();
    for file in files_with(&project.dir.join("src"), "rs").unwrap_or_default() {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let has = |kind: &&&str| line.contains(&format!("export_{kind}!"));
            others.extend(macros.iter().filter(has));
        }
    }
    match others.first() {
        Some(other) if **other == world => error,
        Some(other) => error.context(format!(
            "plugin.toml says that this is a {world}, and its code says `export_{other}!`; write \
             `export_{world}!`, or change `kind`"
        )),
        None => error.context(format!(
            "the code exports no plugin; write `palisade_sdk::export_{world}!(Plugin);` below its \
             type in src/lib.rs, with the name of that type"
        )),
    }
}

/// Compiles all projects of each workspace in one run of cargo. Only speed is won by it:
/// each is compiled by itself afterwards, from what is there then.
pub(super) fn compile_together<'a>(
    projects: impl Iterator<Item = (&'a Project, &'a Places)>,
    checkout: &Checkout,
    toolchain: &Toolchain,
) {
    let mut workspaces: BTreeMap<PathBuf, Vec<(&Project, &Places, String)>> = BTreeMap::new();
    for (project, places) in projects {
        if let (Some(workspace), Some(name)) =
            (workspace(project, toolchain), package_name(&project.dir))
        {
            workspaces
                .entry(workspace)
                .or_default()
                .push((project, places, name));
        }
    }
    for (workspace, members) in workspaces {
        let [(project, places, _), _, ..] = members.as_slice() else {
            continue;
        };
        // What fails here fails again where it can be reported with its plugin.
        let Ok(_taken) = places.cargo.take() else {
            continue;
        };
        for (project, places, _) in &members {
            let _ = forget_changed(project, places, toolchain);
        }
        let mut cargo = cargo_build(&workspace, project, places, checkout, toolchain);
        cargo.args(["--lib", "--keep-going"]);
        for (_, _, name) in &members {
            cargo.arg("--package").arg(name);
        }
        let _ = compiler::run(&mut cargo, ADVICE);
    }
}

/// Cargo in a folder of the workspace of a project, as what it builds needs it.
fn cargo_build(
    dir: &Path,
    project: &Project,
    places: &Places,
    checkout: &Checkout,
    toolchain: &Toolchain,
) -> Command {
    let rust = &toolchain.rust;
    let mut command = rust.cargo(dir);
    command
        .args([
            "build",
            "--release",
            "--target",
            &rust.target,
            "--target-dir",
        ])
        .arg(&places.cargo.dir);
    // A component names no directory of the machine that it was built on. The flags are the
    // same for all plugins of one target directory, or everything would be compiled again.
    let mut flags = Vec::new();
    let (sdk, built) = match beside::named_by_cargo(&project.dir).is_empty() {
        // Of two that fit, the last counts.
        true => (
            (checkout.root.clone(), "palisade"),
            Some((checkout.root.join(LINKED), "palisade/sdk")),
        ),
        // The checkout is then not among the flags, and several can use one target directory.
        false => (
            (beside::FOLDER.into(), "palisade/sdk"),
            Some((places.cargo.dir.clone(), "palisade/target")),
        ),
    };
    let home = cargo_home().map(|home| (home, "cargo"));
    for (from, to) in [Some(sdk), built, home].into_iter().flatten() {
        if let Some(from) = from.to_str() {
            flags.push(toml::Value::from(format!(
                "--remap-path-prefix={from}={to}"
            )));
        }
    }
    let flags = toml::Value::Array(flags);
    // For the debug file. The component does not carry it, and its code is the same.
    command.args(["--config", "profile.release.debug=\"line-tables-only\""]);
    command.args(["--config", "profile.release.strip=\"none\""]);
    command
        .arg("--config")
        .arg(format!("target.{}.rustflags={flags}", rust.target));
    command
}

fn cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
}

/// A line of cargo's output, as far as it matters.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// The root of the workspace that a project belongs to.
fn workspace(project: &Project, toolchain: &Toolchain) -> Option<PathBuf> {
    let mut cargo = toolchain.rust.cargo(&project.dir);
    cargo.args(["locate-project", "--workspace", "--message-format=plain"]);
    let mut root = None;
    compiler::run_with_lines(&mut cargo, ADVICE, |line| {
        root = Path::new(line).parent().map(Path::to_path_buf);
    })
    .ok()?;
    root
}

fn package_name(dir: &Path) -> Option<String> {
    let text = within::text(&dir.join("Cargo.toml")).ok()??;
    let table: toml::Table = toml::from_str(&text).ok()?;
    let name = table.get("package")?.get("name")?.as_str()?;
    Some(name.to_owned())
}

/// Says what to do where rustc only says what is missing.
fn explain(error: anyhow::Error, toolchain: &Toolchain) -> anyhow::Error {
    let missing = error
        .chain()
        .any(|cause| cause.to_string().contains("can't find crate for `core`"));
    if missing {
        return error.context(format!(
            "the Rust toolchain has no standard library for {}; {ADVICE}",
            toolchain.rust.target
        ));
    }
    error
}

/// The files that the module was made from, as cargo lists them, and the whole folders of
/// their packages: a build script or a manifest may appear there that no list has yet.
fn sources(list: &Path, places: &Places) -> Result<Vec<PathBuf>> {
    let text = std::fs::read_to_string(list).with_context(|| format!("read {}", list.display()))?;
    let mut files: BTreeSet<PathBuf> = listed(text.lines().next().unwrap_or_default())
        // What build scripts made follows from the rest.
        .filter(|path| !path.starts_with(&places.cargo.dir))
        .collect();
    let packages: BTreeSet<PathBuf> = files
        .iter()
        // The manifest of a workspace alone makes no package of all that lies below it.
        .filter_map(|file| file.ancestors().find(|d| package_name(d).is_some()))
        .map(Path::to_path_buf)
        .collect();
    files.extend(packages);
    Ok(files.into_iter().collect())
}

/// Lets cargo compile those packages again that lie in folders (and not in a registry) and have
/// other content than when it compiled them last. Cargo itself goes by times, and with an older
/// file it would give the module of the newer one.
fn forget_changed(project: &Project, places: &Places, toolchain: &Toolchain) -> Result<()> {
    let mut cargo = toolchain.rust.cargo(&project.dir);
    cargo.args(["metadata", "--format-version=1", "--filter-platform"]);
    cargo.arg(&toolchain.rust.target);
    let mut packages = Vec::new();
    compiler::run_with_lines(&mut cargo, ADVICE, |line| {
        if let Ok(Packages { packages: found }) = serde_json::from_str(line) {
            packages = found;
        }
    })?;
    let seen = places.cargo.dir.join("seen");
    for package in packages.iter().filter(|package| package.source.is_none()) {
        let dir = package.manifest_path.parent().unwrap_or(Path::new("/"));
        let mut inputs = Inputs::default();
        inputs.tree(dir)?;
        if dir == project.dir
            && let Some(stamp) = places.key.and_then(|key| Stamp::read(&places.stamp, &key))
        {
            for file in stamp.files {
                if let Place::Elsewhere(file) | Place::Project(file) = file
                    && inputs.tree(&project.dir.join(file)).is_err()
                {
                    inputs.text("absent");
                }
            }
        }
        // Cargo keeps packages of one name and version in different workspaces in one place, so
        // what counts is which folder it was that it compiled last.
        let real = dir.canonicalize();
        inputs.text(&real.as_deref().unwrap_or(dir).to_string_lossy());
        let digest = inputs.finish().to_string();
        let note = seen.join(&package.name);
        unlinked(&places.cargo.dir, &note)?;
        if palisade_private::read(&note, MAX_TEXT).is_ok_and(|known| known == digest.as_bytes()) {
            continue;
        }
        for folder in [
            places.cargo.dir.join(&toolchain.rust.target),
            places.cargo.dir.clone(),
        ] {
            let fingerprints = folder.join("release/.fingerprint");
            unlinked(&places.cargo.dir, &fingerprints)?;
            forget(&places.cargo.dir, &fingerprints, &package.name)?;
        }
        // Until cargo has compiled it, there is nothing that it could take for it.
        super::write(&places.cargo.dir, &note, digest.as_bytes())?;
    }
    Ok(())
}

/// Removes what cargo remembers of a package: folders named `<name>-<16 digits>`. No link below
/// `base` is followed.
fn forget(base: &Path, fingerprints: &Path, name: &str) -> Result<()> {
    if !fingerprints.is_dir() {
        return Ok(());
    }
    let dir = Below::make(base, fingerprints)?.folder()?;
    let read = || format!("read {}", fingerprints.display());
    for entry in dir.entries().with_context(read)? {
        let file = entry.with_context(read)?.file_name();
        let stem = file.to_str().and_then(|file| file.rsplit_once('-'));
        if stem.is_some_and(|(stem, _)| stem == name) {
            let remove = || format!("remove {}", fingerprints.join(&file).display());
            dir.remove_dir_all(&file).with_context(remove)?;
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Packages {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    source: Option<String>,
    manifest_path: PathBuf,
}

/// The paths after the first colon of a rule in the format of make, where a space in a path
/// is `\ `.
pub(super) fn listed(line: &str) -> impl Iterator<Item = PathBuf> + '_ {
    let (_, rest) = line.split_once(": ").unwrap_or_default();
    let mut paths = vec![String::new()];
    let mut characters = rest.chars();
    while let Some(c) = characters.next() {
        match (c, paths.last_mut()) {
            (' ', _) => paths.push(String::new()),
            ('\\', Some(path)) => match characters.next() {
                Some(' ') => path.push(' '),
                Some(other) => path.extend(['\\', other]),
                None => path.push('\\'),
            },
            (c, Some(path)) => path.push(c),
            (_, None) => {}
        }
    }
    paths
        .into_iter()
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_that_print_are_found_where_a_plugin_would_run_them() {
        let text = "// println!(1)\nprintln!(\"a\");\nlet a = dbg!(1);\n my_println!(2);\n\
                    std::eprintln!();\nlog::info(\"x\");\n#[cfg(test)]\nmod tests { println!() }";
        assert_eq!(
            printing(text),
            [(2, "println"), (3, "dbg"), (5, "eprintln")]
        );
    }

    #[test]
    fn dependency_files_are_read_with_spaces_in_paths() {
        let text = "/t/a.wasm: /p/src/lib.rs /p/with\\ space/x.rs /w/wit";
        let paths: Vec<_> = listed(text).collect();
        let expected = ["/p/src/lib.rs", "/p/with space/x.rs", "/w/wit"];
        assert_eq!(paths, expected.map(PathBuf::from));
        assert_eq!(listed("").count(), 0);
        assert_eq!(listed("/t/a.wasm:").count(), 0);
    }
}
