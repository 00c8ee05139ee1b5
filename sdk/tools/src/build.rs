//! Runs the compilers of the languages that the SDK supports.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use wit_bindgen_core::Files;

use crate::manifest::Manifest;
use crate::{component, world};

/// Where things are.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The directory of the plugin package's WIT, `wit/v0.1`.
    pub wit: PathBuf,
    /// The directory `sdk`.
    pub sdk: PathBuf,
    /// Where intermediate files go.
    pub scratch: PathBuf,
}

/// Builds the plugin in `directory`; what lies there says its language: `Cargo.toml`,
/// `plugin.c` or `plugin.js`.
///
/// # Errors
/// When a compiler fails or its output does not fit the world of the manifest.
pub fn build(directory: &Path, paths: &Paths) -> Result<Vec<u8>> {
    let file = directory.join("plugin.toml");
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let manifest = Manifest::parse(&text)?;
    let layout = paths.scratch.join("wit");
    world::lay_out(&manifest, &paths.wit, &layout)?;
    let component = if directory.join("Cargo.toml").exists() {
        rust(directory, paths)?
    } else if directory.join("plugin.c").exists() {
        c(directory, paths, &layout)?
    } else if directory.join("plugin.js").exists() {
        javascript(directory, paths, &layout)?
    } else {
        bail!(
            "{}: no Cargo.toml, plugin.c or plugin.js",
            directory.display()
        );
    };
    component::embed_manifest(&component, &text)
}

fn rust(directory: &Path, paths: &Paths) -> Result<Vec<u8>> {
    let target = paths.scratch.join("cargo");
    run(Command::new("cargo")
        .args([
            "build",
            "--release",
            "--target",
            "wasm32-unknown-unknown",
            "--target-dir",
        ])
        .arg(&target)
        .current_dir(directory))?;
    let cargo = std::fs::read_to_string(directory.join("Cargo.toml"))?;
    let package: toml::Table = toml::from_str(&cargo)?;
    let name = package
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(toml::Value::as_str)
        .context("Cargo.toml: no package name")?;
    let module = target
        .join("wasm32-unknown-unknown/release")
        .join(format!("{}.wasm", name.replace('-', "_")));
    let module = std::fs::read(&module).with_context(|| format!("read {}", module.display()))?;
    component::componentize(&module)
}

fn c(directory: &Path, paths: &Paths, layout: &Path) -> Result<Vec<u8>> {
    let (mut resolve, world) = world::resolve(layout)?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default()
        .build()
        .generate(&mut resolve, world, &mut files)?;
    let bindings = paths.scratch.join("bindings");
    std::fs::create_dir_all(&bindings)?;
    for (name, bytes) in files.iter() {
        std::fs::write(bindings.join(name), bytes)?;
    }
    let out = paths.scratch.join("core.wasm");
    let mut sources = vec![
        bindings.join(format!("{}.c", world::WORLD)),
        bindings.join(format!("{}_component_type.o", world::WORLD)),
        paths.sdk.join("c/src/runtime.c"),
        paths.sdk.join("c/src/palisade.c"),
    ];
    for file in std::fs::read_dir(directory)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            sources.push(path);
        }
    }
    sources.sort();
    run(Command::new("clang-19")
        .args([
            "--target=wasm32-unknown-unknown",
            "-std=c17",
            "-O2",
            "-flto",
            "-ffreestanding",
            "-mbulk-memory",
            "-nostdlib",
            "-Wall",
            "-Wextra",
            "-Wl,--no-entry",
            "-Wl,--gc-sections",
            "-Wl,--strip-debug",
        ])
        .arg("-I")
        .arg(&bindings)
        .arg("-I")
        .arg(paths.sdk.join("c/include"))
        .arg("-I")
        .arg(directory)
        .args(&sources)
        .arg("-o")
        .arg(&out))?;
    component::componentize(&std::fs::read(&out)?)
}

fn javascript(directory: &Path, paths: &Paths, layout: &Path) -> Result<Vec<u8>> {
    let out = paths.scratch.join("component.wasm");
    let modules = paths.scratch.join("js");
    let package = modules.join("node_modules/palisade-sdk");
    std::fs::create_dir_all(&package)?;
    copy(directory, &modules, "js")?;
    copy(&paths.sdk.join("js"), &package, "js")?;
    copy(&paths.sdk.join("js"), &package, "json")?;
    run(Command::new("node")
        .arg(paths.sdk.join("js/node_modules/componentize-qjs/cli.mjs"))
        .args(["--sync", "--stub-wasi", "--world", world::WORLD, "--wit"])
        .arg(layout)
        .arg("--js")
        .arg(modules.join("plugin.js"))
        .arg("--module-root")
        .arg(&modules)
        .arg("--output")
        .arg(&out))?;
    std::fs::read(&out).with_context(|| format!("read {}", out.display()))
}

/// Copies the files with an extension from one directory to another.
fn copy(from: &Path, to: &Path, extension: &str) -> Result<()> {
    for file in std::fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let path = file?.path();
        let Some(name) = path.file_name() else {
            continue;
        };
        if path.extension().is_some_and(|other| other == extension) {
            std::fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    let output = command
        .output()
        .with_context(|| format!("start {}", program.display()))?;
    if !output.status.success() {
        bail!(
            "{} failed ({})\n{}{}",
            program.display(),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
