//! JavaScript, in QuickJS, by componentize-qjs.

mod boundary;
mod calls;
mod declare;
mod declared;
mod thrown;
mod unresolved;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::project::files_with;
use super::toolchain::{ADVICE, Toolchain};
use super::{Checkout, Compiled, Places, Project, beside, compiler, world};
use crate::host::MAX_COMPONENT;

/// Synchronous exports and no WASI.
const FLAGS: [&str; 3] = ["--sync", "--stub-wasi", "--world"];

/// What plugins import the SDK's modules by: `palisade-sdk/batch.js`.
const PACKAGE: &str = "node_modules/palisade-sdk";

/// What of the SDK becomes part of a plugin, or decides about what makes it.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn sdk_files(checkout: &Checkout) -> Result<Vec<PathBuf>> {
    let dir = checkout.sdk.join("js");
    let mut files = files_with(&dir, "js")?;
    files.extend(files_with(&dir, "json")?);
    Ok(files)
}

/// Makes a component of `plugin.js` and the modules beside it.
///
/// # Errors
/// When componentize-qjs fails.
pub(super) fn compile(
    project: &Project,
    places: &Places,
    checkout: &Checkout,
    toolchain: &Toolchain,
) -> Result<Compiled> {
    let layout = places.work.join("wit");
    world::lay_out(&project.manifest, &checkout.wit, &layout)?;
    let (resolve, guest) = world::resolve(&layout)?;
    if let Some(kept) = beside::kept_bindings(&project.dir) {
        declare::write(&resolve, guest, project, &kept)?;
    }
    // Modules are found below one root only.
    let modules = places.work.join("js");
    let package = modules.join(PACKAGE);
    std::fs::create_dir_all(&package).with_context(|| format!("make {}", package.display()))?;
    let own_files = files_with(&project.dir, "js")?;
    copy(&own_files, &modules, thrown::remembering)?;
    copy(&sdk_files(checkout)?, &package, str::to_owned)?;
    let own = modules.join(boundary::PACKAGE);
    let calls = calls::by_line(&own_files)?;
    boundary::write(&project.manifest, &resolve, guest, &own, &calls)?;
    let out = places.work.join("component.wasm");
    let (program, first) = toolchain
        .javascript
        .componentize_qjs
        .split_first()
        .context("the toolchain file names no componentize-qjs; run `make setup`")?;
    let mut command = Command::new(program);
    command
        .envs(&toolchain.javascript.env)
        .args(first)
        .args(FLAGS)
        .arg(world::WORLD)
        .arg("--wit")
        .arg(&layout)
        .arg("--js")
        .arg(own.join("entry.js"))
        .arg("--module-root")
        .arg(&modules)
        .arg("--output")
        .arg(&out);
    compiler::run(&mut command, ADVICE).map_err(|error| explain(error, project, checkout))?;
    Ok(Compiled {
        component: std::fs::read(&out).with_context(|| format!("read {}", out.display()))?,
        debug: None,
        files: Vec::new(),
        crates: None,
        // It speaks of its own work alone.
        said: unawaited(&own_files)?,
    })
}

/// Writes the types of what the manifest asks for into a folder where editors find them.
///
/// # Errors
/// When they cannot be written.
pub(super) fn declare(project: &Project, checkout: &Checkout, to: &Path) -> Result<()> {
    let layout = tempfile::tempdir().context("make a folder for types")?;
    world::lay_out(&project.manifest, &checkout.wit, layout.path())?;
    let (resolve, guest) = world::resolve(layout.path())?;
    declare::write(&resolve, guest, project, to)
}

/// Says what the author has to mend, of what the engine says around it.
fn explain(error: anyhow::Error, project: &Project, checkout: &Checkout) -> anyhow::Error {
    let text = format!("{:#}", error);
    if let Some(problem) = unresolved::explain(&text, project, &checkout.sdk.join("js")) {
        return anyhow::anyhow!(problem);
    }
    let lead = [
        "Failed to finish JavaScript module evaluation: ",
        "Failed to declare JavaScript module: ",
    ];
    let said = lead.iter().find_map(|lead| text.split_once(lead));
    let Some((_, said)) = said else {
        return error;
    };
    let lines: Vec<String> = said
        .lines()
        .filter(|line| !line.contains("/palisade-host/") && !line.contains("/palisade-sdk/"))
        // Modules lie below one root for the engine.
        .map(|line| line.replace("(/", "(").replace("at /", "at "))
        .collect();
    anyhow::anyhow!("{}", lines.join("\n").trim_end().to_owned())
        .context("the modules cannot be loaded")
}

/// A line for each function of the author's that returns a promise.
fn unawaited(files: &[PathBuf]) -> Result<String> {
    let mut said = String::new();
    for file in files {
        let text = palisade_private::read(file, MAX_COMPONENT)?;
        for line in thrown::async_lines(&String::from_utf8_lossy(&text)) {
            // Writing to a `String` does not fail.
            let _ = writeln!(
                said,
                "{}:{line}: `async`: nobody waits for a promise, so what comes after an `await` runs \
                 too late or never, and what is thrown is lost; write a plain function",
                file.file_name().unwrap_or_default().display()
            );
        }
    }
    Ok(said)
}

/// Copies modules, which then import the host's interfaces by their checked functions, and changes
/// scripts as told.
fn copy(files: &[PathBuf], to: &Path, change: impl Fn(&str) -> String) -> Result<()> {
    for file in files {
        let to = to.join(file.file_name().unwrap_or_default());
        let bytes = palisade_private::read(file, MAX_COMPONENT)?;
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => change(&boundary::checked_imports(&text)).into_bytes(),
            Err(_) if file.extension().is_some_and(|e| e == "js") => {
                bail!("{} is not UTF-8 text", file.display())
            }
            Err(other) => other.into_bytes(),
        };
        std::fs::write(&to, bytes).with_context(|| format!("write {}", to.display()))?;
    }
    Ok(())
}
