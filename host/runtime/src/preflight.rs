//! What a component imports and exports, compared with what this host offers and grants.
//!
//! Done before linking, so that the answer names the interface, the version on offer and the
//! line of the manifest, rather than a type mismatch inside wasmtime.

mod edge;

use crate::Limits;
use crate::bindings::{FAULT, PACKAGE, VERSION, interface};
use crate::compile::Compiler;
use crate::manifest::{Capability, Manifest, OptionalExport, World, extract};
use crate::plugin::LoadError;

pub(crate) use edge::Edge;

/// Why a component cannot be linked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreflightError {
    /// It imports something that this host does not have at all.
    #[error(
        "imports `{name}`, which this host does not offer; it offers `{PACKAGE}/…@{VERSION}` only{advice}"
    )]
    Unknown {
        /// The import.
        name: String,
        /// What to do, beginning with `; `, or nothing.
        advice: &'static str,
    },
    /// It imports an interface in another version.
    #[error("imports `{name}`; this host offers version {VERSION}, rebuild the plugin for it")]
    Version {
        /// The import.
        name: String,
    },
    /// It imports what its manifest does not ask for.
    #[error("imports `{name}`, but plugin.toml does not ask for it: {remedy}")]
    Undeclared {
        /// The import.
        name: String,
        /// Which line would.
        remedy: String,
    },
    /// It imports what the operator does not grant.
    #[error("needs the capability `{0}`, which is not granted to it")]
    NotGranted(&'static str),
    /// It imports a function that the interface does not have.
    #[error("imports `{function}` of `{name}`, which that version does not have")]
    Function {
        /// The interface.
        name: String,
        /// The function.
        function: String,
    },
    /// It lacks an export that its world or its manifest demands.
    #[error("does not export `{name}`, which {demanded} demands")]
    Export {
        /// The interface.
        name: String,
        /// Who demands it.
        demanded: String,
    },
}

/// What a component is, without compiling it.
#[derive(Debug)]
pub struct Inspected {
    /// Its manifest.
    pub manifest: Manifest,
    /// Names of what it imports.
    pub imports: Vec<String>,
    /// Names of what it exports.
    pub exports: Vec<String>,
    /// Why no host of this version would link it, if everything that it asks for were granted.
    pub refusal: Option<PreflightError>,
}

/// Reads the manifest of a component and what it imports and exports, which is validated where
/// the compiler works, within its limits. Nothing is compiled and nothing of the component runs.
///
/// # Errors
/// What [`Runtime::load`](crate::Runtime::load) would say of the manifest, and when the bytes
/// are no valid component or made of too much.
pub fn inspect(
    compiler: &Compiler,
    limits: &Limits,
    component: &[u8],
) -> Result<Inspected, LoadError> {
    let manifest = Manifest::parse(extract(component)?)?;
    let edge = compiler.edge(limits, component);
    let edge = edge.map_err(|source| LoadError::Compile {
        plugin: manifest.name.clone(),
        source,
    })?;
    Ok(Inspected {
        refusal: check(&edge, &manifest, &manifest.capabilities).err(),
        imports: edge.imports.into_iter().map(|(name, _)| name).collect(),
        exports: edge.exports,
        manifest,
    })
}

/// Checks a component against its manifest and what is granted.
pub(crate) fn check(
    edge: &Edge,
    manifest: &Manifest,
    granted: &[Capability],
) -> Result<(), PreflightError> {
    for (name, functions) in &edge.imports {
        check_import(name, functions, manifest, granted)?;
    }
    let world = manifest.world;
    let by_world = match world {
        World::Detector => "evaluate",
        World::Policy => "decide",
        World::Parser => "parse",
    };
    let mut demanded = vec![
        ("plugin", format!("every `{}`", world.name())),
        (by_world, format!("every `{}`", world.name())),
    ];
    for export in [OptionalExport::OnTimer, OptionalExport::Observe] {
        if manifest.exports(export) {
            demanded.push((export.name(), "`exports` in plugin.toml".to_owned()));
        }
    }
    for (name, demanded) in demanded {
        let name = interface(name);
        if !edge.exports.contains(&name) {
            return Err(PreflightError::Export { name, demanded });
        }
    }
    Ok(())
}

fn check_import(
    name: &str,
    functions: &[String],
    manifest: &Manifest,
    granted: &[Capability],
) -> Result<(), PreflightError> {
    let owned = || name.to_owned();
    let Some((package, rest)) = name.split_once('/') else {
        return Err(PreflightError::Unknown {
            name: owned(),
            advice: "; put imports into interfaces",
        });
    };
    if package != PACKAGE {
        return Err(PreflightError::Unknown {
            name: owned(),
            advice: if package.starts_with("wasi:") {
                "; build the plugin without WASI, or with its WASI imports stubbed"
            } else {
                ""
            },
        });
    }
    let (short, version) = rest.split_once('@').unwrap_or((rest, ""));
    if version != VERSION {
        return Err(PreflightError::Version { name: owned() });
    }
    // Types are not power: an interface of which only types are used needs no grant.
    if functions.is_empty() {
        return Ok(());
    }
    if short == FAULT {
        return Ok(());
    }
    let undeclared = |remedy: String| PreflightError::Undeclared {
        name: owned(),
        remedy,
    };
    if let Some(capability) = Capability::ALL.into_iter().find(|c| c.name() == short) {
        if !manifest.asks_for(capability) {
            return Err(undeclared(format!(
                "add `{short}` to `plugin.capabilities`"
            )));
        }
        if !granted.contains(&capability) {
            return Err(PreflightError::NotGranted(capability.name()));
        }
        return Ok(());
    }
    let reads = manifest.world != World::Parser;
    let kind = palisade_events::Kind::ALL
        .iter()
        .find(|kind| kind.name().replace('.', "-") == short);
    match (short, kind) {
        ("batch" | "envelope", _) if reads => Ok(()),
        ("findings", _) if manifest.world == World::Detector => Ok(()),
        ("batch" | "envelope" | "findings", _) => Err(undeclared(format!(
            "a {} has no use for it",
            manifest.world.name()
        ))),
        (_, Some(kind)) if functions == ["rows"] => {
            if manifest.subscriptions.iter().any(|s| s.kind == *kind) {
                Ok(())
            } else {
                Err(undeclared(format!(
                    "add a `[[subscription]]` with `kind = \"{}\"`",
                    kind.name()
                )))
            }
        }
        (_, Some(_)) => Err(PreflightError::Function {
            name: owned(),
            function: functions
                .iter()
                .find(|f| *f != "rows")
                .cloned()
                .unwrap_or_default(),
        }),
        (_, None) => Err(PreflightError::Unknown {
            name: owned(),
            advice: "",
        }),
    }
}
