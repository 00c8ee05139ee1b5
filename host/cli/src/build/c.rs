//! C, freestanding, with the bindings of `wit-bindgen c`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use palisade_runtime::manifest::{Capability, Manifest, World};
use wit_bindgen_core::Files;

use super::project::files_with;
use super::rust::listed;
use super::toolchain::{ADVICE, Toolchain};
use super::{
    Checkout, Compiled, Places, Project, beside, c_library, compiler, componentize, world,
};

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

/// The bindings' header.
const HEADER: &str = "guest.h";

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
    let bindings = places.work.join("bindings");
    std::fs::create_dir_all(&bindings).with_context(|| format!("make {}", bindings.display()))?;
    let generated = generate(&project.manifest, checkout)?;
    for (name, bytes) in generated.iter() {
        let path = bindings.join(name);
        palisade_private::output::write(&path, 0o644, bytes)?;
    }
    if let Some(kept) = beside::kept_bindings(&project.dir) {
        keep_header(&generated, project, &kept)?;
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
    let listed =
        headers(&command, project, places).map_err(|error| explain(error, project, &generated))?;
    command
        .args(files_with(&project.dir, "c")?)
        .args(files_with(&checkout.sdk.join("c/src"), "c")?)
        .arg(bindings.join(format!("{}.c", world::WORLD)))
        .arg(bindings.join(format!("{}_component_type.o", world::WORLD)))
        .arg("-o")
        .arg(&out);
    let said =
        compiler::run(&mut command, ADVICE).map_err(|error| explain(error, project, &generated))?;
    let module = std::fs::read(&out).with_context(|| format!("read {}", out.display()))?;
    Ok(Compiled {
        component: componentize(&module)?,
        debug: Some(module),
        files: listed,
        crates: None,
        said,
    })
}

/// The bindings of just those interfaces that the manifest asks for.
fn generate(manifest: &Manifest, checkout: &Checkout) -> Result<Files> {
    let layout = tempfile::tempdir().context("make a folder for bindings")?;
    world::lay_out(manifest, &checkout.wit, layout.path())?;
    let (mut resolve, world) = world::resolve(layout.path())?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default()
        .build()
        .generate(&mut resolve, world, &mut files)
        .context("generate bindings for C")?;
    Ok(files)
}

/// Writes `guest.h` into a folder where editors find it.
///
/// # Errors
/// When it cannot be generated or written.
pub(super) fn declare(project: &Project, checkout: &Checkout, to: &Path) -> Result<()> {
    keep_header(&generate(&project.manifest, checkout)?, project, to)
}

fn keep_header(generated: &Files, project: &Project, to: &Path) -> Result<()> {
    super::write(&project.dir, &to.join(HEADER), header(generated).as_bytes())
}

fn header(generated: &Files) -> String {
    let header = generated.iter().find(|(name, _)| *name == HEADER);
    let bytes = header.map(|(_, bytes)| bytes).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

/// Says what the author has to write, of what clang and the linker only miss.
fn explain(error: anyhow::Error, project: &Project, generated: &Files) -> anyhow::Error {
    let said = format!("{error:#}");
    let header = header(generated);
    let missing = missing_exports(&said, &header);
    if !missing.is_empty() {
        let world = project.manifest.world.name();
        let code: Vec<String> = missing
            .iter()
            .map(|(_, code)| format!("    {code}"))
            .collect();
        let names: Vec<String> = missing
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        return anyhow::anyhow!(
            "the code does not define {}, which plugin.toml promises of this {world}; write in \
             plugin.c\n{}",
            names.join(" and "),
            code.join("\n")
        );
    }
    match Capability::ALL.iter().find(|asked| {
        let called = format!("'palisade_plugin_{}_", asked.name());
        said.contains("undeclared function") && said.contains(&called)
    }) {
        Some(asked) => error.context(project.how_to_ask_for(*asked)),
        None => match c_library::explain(&said, &project.dir) {
            Some(told) => error.context(told),
            None => error,
        },
    }
}

/// The exports that the linker did not find, each with the beginning of its definition.
fn missing_exports(said: &str, header: &str) -> Vec<(String, String)> {
    let mut missing: Vec<(String, String)> = Vec::new();
    for line in said.lines() {
        let Some((_, name)) = line.split_once("undefined symbol: ") else {
            continue;
        };
        let name = name.trim();
        let declared = header.lines().find_map(|line| {
            let declared = line.trim().strip_suffix(';')?;
            let (before, _) = declared.split_once('(')?;
            let own = before.ends_with(name) && name.starts_with("exports_");
            own.then(|| declared.trim_start_matches("extern ").to_owned())
        });
        if let Some(declared) = declared
            && missing.iter().all(|(known, _)| known != name)
        {
            missing.push((name.to_owned(), format!("{declared} {{ … }}")));
        }
    }
    missing
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_that_are_missing_are_told_as_they_are_declared() {
        let header = "extern bool palisade_plugin_state_get(uint32_t table);\n\
                      void exports_palisade_plugin_evaluate_evaluate(uint32_t subscription, uint32_t rows);\n";
        let said = "wasm-ld: error: lto.tmp: undefined symbol: \
                    exports_palisade_plugin_evaluate_evaluate\n\
                    wasm-ld: error: lto.tmp: undefined symbol: printf\n";
        let missing = missing_exports(&said.repeat(2), header);
        let name = "exports_palisade_plugin_evaluate_evaluate";
        let code = format!("void {name}(uint32_t subscription, uint32_t rows) {{ … }}");
        assert_eq!(missing, [(name.to_owned(), code)]);
        assert!(missing_exports("undefined symbol: printf", header).is_empty());
    }
}
