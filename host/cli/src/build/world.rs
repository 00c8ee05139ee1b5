//! The WIT world of one plugin: the imports that its manifest asks for, and no others.
//!
//! Some toolchains import the whole world whether it is used or not, and a capability that
//! is not granted is not there to be linked.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use palisade_runtime::manifest::{Manifest, World};
use wit_parser::{Resolve, WorldId};

use super::project::files_with;

/// Name of the generated world.
pub(super) const WORLD: &str = "guest";

/// Version of the package in `wit/v0.1`.
pub(super) const VERSION: &str = "0.1.0";

/// WIT text of a package with the world [`WORLD`] for this plugin.
fn text(manifest: &Manifest) -> String {
    let (imports, export): (&[&str], &str) = match manifest.world {
        World::Detector => (&["fault", "batch", "envelope", "findings"], "evaluate"),
        World::Policy => (&["fault", "batch", "envelope"], "decide"),
        World::Parser => (&["fault"], "parse"),
    };
    let mut imports: Vec<String> = imports.iter().map(ToString::to_string).collect();
    for subscription in &manifest.subscriptions {
        let interface = subscription.kind.name().replace('.', "-");
        if !imports.contains(&interface) {
            imports.push(interface);
        }
    }
    imports.extend(manifest.capabilities.iter().map(|c| c.name().to_owned()));
    let optional = manifest.exports.iter().map(|export| export.name());
    let mut out = format!("package palisade:build;\n\nworld {WORLD} {{\n");
    // Writing to a `String` does not fail.
    for import in imports {
        let _ = writeln!(out, "    import palisade:plugin/{import}@{VERSION};");
    }
    for export in ["plugin", export].into_iter().chain(optional) {
        let _ = writeln!(out, "    export palisade:plugin/{export}@{VERSION};");
    }
    out.push_str("}\n");
    out
}

/// Lays out a WIT directory with the world of `manifest` and the plugin package beside it.
///
/// # Errors
/// When the files cannot be written or `wit` is not the directory of the package.
pub(super) fn lay_out(manifest: &Manifest, wit: &Path, directory: &Path) -> Result<()> {
    let package = directory.join("deps").join("palisade-plugin");
    std::fs::create_dir_all(&package).with_context(|| format!("make {}", package.display()))?;
    for file in files_with(wit, "wit")? {
        let to = package.join(file.file_name().unwrap_or_default());
        std::fs::copy(&file, &to).with_context(|| format!("copy {}", file.display()))?;
    }
    let world = directory.join("world.wit");
    Ok(palisade_private::output::write(
        &world,
        0o644,
        text(manifest).as_bytes(),
    )?)
}

/// Resolves a directory that [`lay_out`] wrote.
///
/// # Errors
/// When the WIT in it does not parse.
pub(super) fn resolve(directory: &Path) -> Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(directory)?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    Ok((resolve, world))
}
