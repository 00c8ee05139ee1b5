//! C, freestanding, with the bindings of `wit-bindgen c`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use palisade_runtime::manifest::{Manifest, World};
use wit_bindgen_core::Files;

use super::compiler;
use super::project::files_with;
use super::rust::listed;
use super::toolchain::{ADVICE, Toolchain};
use super::{Checkout, Compiled, Places, Project, componentize, world};

/// One unit of link-time optimised C17 without an operating system; dead code is left out.
const FLAGS: [&str; 12] = [
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
    // For the debug file. The component does not carry it, and its code is the same.
    "-gline-tables-only",
];

/// Compiles and links all C files beside `plugin.toml`.
///
/// # Errors
/// When clang fails or the module does not fit the world.
pub(super) fn compile(
    project: &Project,
    places: &Places,
    checkout: &Checkout,
    toolchain: &Toolchain,
) -> Result<Compiled> {
    let layout = places.work.join("wit");
    world::lay_out(&project.manifest, &checkout.wit, &layout)?;
    let (mut resolve, world) = world::resolve(&layout)?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default()
        .build()
        .generate(&mut resolve, world, &mut files)
        .context("generate bindings for C")?;
    let bindings = places.work.join("bindings");
    std::fs::create_dir_all(&bindings).with_context(|| format!("make {}", bindings.display()))?;
    for (name, bytes) in files.iter() {
        let path = bindings.join(name);
        palisade_private::output::write(&path, 0o644, bytes)?;
    }
    let listed = bindings.join("palisade-manifest.h");
    palisade_private::output::write(&listed, 0o644, attributes(&project.manifest).as_bytes())?;
    let out = places.work.join("core.wasm");
    let mut command = Command::new(&toolchain.c.clang);
    command.args(FLAGS);
    if let Some(linker) = &toolchain.c.linker {
        command.arg(format!("-fuse-ld={}", linker.display()));
    }
    for include in [&bindings, &checkout.sdk.join("c/include"), &project.dir] {
        command.arg("-I").arg(include);
    }
    // `__FILE__` and the debug file name no directory of the machine that they come from.
    for (from, to) in [
        (&project.dir, ""),
        (&checkout.sdk.join("c"), "palisade/"),
        (&places.work, ""),
    ] {
        if let Some(from) = from.to_str() {
            command.arg(format!("-ffile-prefix-map={from}/={to}"));
        }
    }
    let listed = headers(&command, project, places)?;
    command
        .args(files_with(&project.dir, "c")?)
        .args(files_with(&checkout.sdk.join("c/src"), "c")?)
        .arg(bindings.join(format!("{}.c", world::WORLD)))
        .arg(bindings.join(format!("{}_component_type.o", world::WORLD)))
        .arg("-o")
        .arg(&out);
    compiler::run(&mut command, ADVICE)?;
    let module = std::fs::read(&out).with_context(|| format!("read {}", out.display()))?;
    Ok(Compiled {
        component: componentize(&module)?,
        debug: Some(module),
        files: listed,
        crates: None,
    })
}

/// What `palisade_field` knows of the manifest: the ids of the attributes that its subscriptions
/// list. The first stands for none, so that the list is never empty.
fn attributes(manifest: &Manifest) -> String {
    let mut text = String::from("/* Written by `palisade plugin build`. */\n");
    if manifest.world == World::Parser {
        return text;
    }
    text.push_str("#define PALISADE_LISTED 0");
    let fields = manifest.subscriptions.iter().flat_map(|s| &s.fields);
    for (_, id) in fields.filter(|(name, _)| name.starts_with("attributes.")) {
        text.push_str(&format!(", {:#010x}u", id.0));
    }
    text.push('\n');
    text
}

/// The files that the project's own include, wherever they are, but for those of the system and
/// the bindings: the compiler answers with a rule of make for each.
fn headers(compiler: &Command, project: &Project, places: &Places) -> Result<Vec<PathBuf>> {
    let mut command = Command::new(compiler.get_program());
    command
        .args(compiler.get_args())
        .args(["-w", "-MM"])
        .args(files_with(&project.dir, "c")?);
    let mut text = String::new();
    compiler::run_with_lines(&mut command, ADVICE, |line| {
        text.push_str(line.trim_end_matches('\\'));
        text.push(if line.ends_with('\\') { ' ' } else { '\n' });
    })?;
    let mut files: Vec<PathBuf> = text
        .lines()
        .flat_map(listed)
        .filter(|file| !file.starts_with(&places.work))
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}
