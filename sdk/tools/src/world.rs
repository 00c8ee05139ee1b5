//! The WIT world of one plugin: the imports that its manifest asks for, and no others.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use wit_parser::{Resolve, WorldId};

use crate::manifest::Manifest;

/// Name of the generated world.
pub const WORLD: &str = "guest";

/// WIT text of a package with the world [`WORLD`] for this plugin.
///
/// # Errors
/// When the manifest names a kind of plugin or a capability that does not exist.
pub fn text(manifest: &Manifest) -> Result<String> {
    let version = format!("{}.0", manifest.plugin.wit);
    let mut imports: Vec<&str> = Vec::new();
    let exports: &[&str] = match manifest.plugin.kind.as_str() {
        "detector" => {
            imports.extend(["batch", "envelope", "findings"]);
            &["plugin", "evaluate"]
        }
        "policy" => {
            imports.extend(["batch", "envelope"]);
            &["plugin", "decide"]
        }
        "parser" => &["plugin", "parse"],
        other => bail!("unknown kind of plugin `{other}`; use detector, policy or parser"),
    };
    let kinds: Vec<String> = manifest
        .subscription
        .iter()
        .map(|subscription| subscription.kind.replace('.', "-"))
        .collect();
    for kind in &kinds {
        if !imports.contains(&kind.as_str()) {
            imports.push(kind);
        }
    }
    for capability in &manifest.plugin.capabilities {
        match capability.as_str() {
            "state" | "timers" | "datasets" | "log" => imports.push(capability),
            other => bail!("unknown capability `{other}`; use state, timers, datasets or log"),
        }
    }
    let mut out = format!("package palisade:build;\n\nworld {WORLD} {{\n");
    for import in imports {
        let _ = writeln!(out, "    import palisade:plugin/{import}@{version};");
    }
    for export in exports
        .iter()
        .copied()
        .chain(manifest.plugin.exports.iter().map(String::as_str))
    {
        let _ = writeln!(out, "    export palisade:plugin/{export}@{version};");
    }
    out.push_str("}\n");
    Ok(out)
}

/// Lays out a WIT directory with the world of `manifest` and the plugin package beside it.
///
/// # Errors
/// When the files cannot be written or `wit` is not the directory of the package.
pub fn lay_out(manifest: &Manifest, wit: &Path, directory: &Path) -> Result<()> {
    let package = directory.join("deps").join("palisade-plugin");
    std::fs::create_dir_all(&package).with_context(|| format!("create {}", package.display()))?;
    for file in std::fs::read_dir(wit).with_context(|| format!("read {}", wit.display()))? {
        let path: PathBuf = file?.path();
        let Some(name) = path.file_name() else {
            continue;
        };
        if path.extension().is_some_and(|extension| extension == "wit") {
            std::fs::copy(&path, package.join(name))?;
        }
    }
    std::fs::write(directory.join("world.wit"), text(manifest)?)?;
    Ok(())
}

/// Resolves a directory that [`lay_out`] wrote.
///
/// # Errors
/// When the WIT in it does not parse.
pub fn resolve(directory: &Path) -> Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(directory)?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    Ok((resolve, world))
}
