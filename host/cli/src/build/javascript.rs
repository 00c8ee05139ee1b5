//! JavaScript, in QuickJS, by componentize-qjs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::compiler;
use super::project::files_with;
use super::toolchain::{ADVICE, Toolchain};
use super::{Checkout, Compiled, Places, Project, world};

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
    // Modules are found below one root only.
    let modules = places.work.join("js");
    let package = modules.join(PACKAGE);
    std::fs::create_dir_all(&package).with_context(|| format!("make {}", package.display()))?;
    copy(&files_with(&project.dir, "js")?, &modules)?;
    copy(&sdk_files(checkout)?, &package)?;
    let out = places.work.join("component.wasm");
    let (program, first) = toolchain
        .javascript
        .componentize_qjs
        .split_first()
        .context("the toolchain file names no componentize-qjs; run `make setup`")?;
    let mut command = Command::new(program);
    command
        .args(first)
        .args(FLAGS)
        .arg(world::WORLD)
        .arg("--wit")
        .arg(&layout)
        .arg("--js")
        .arg(modules.join("plugin.js"))
        .arg("--module-root")
        .arg(&modules)
        .arg("--output")
        .arg(&out);
    compiler::run(&mut command, ADVICE)?;
    Ok(Compiled {
        component: std::fs::read(&out).with_context(|| format!("read {}", out.display()))?,
        files: Vec::new(),
        crates: None,
    })
}

fn copy(files: &[PathBuf], to: &Path) -> Result<()> {
    for file in files {
        let to = to.join(file.file_name().unwrap_or_default());
        std::fs::copy(file, &to).with_context(|| format!("copy {}", file.display()))?;
    }
    Ok(())
}
