//! Derives the world of imports and the list of kinds from `wit/v0.1`, so that the SDK
//! keeps no list of its own.

mod schema;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use wit_parser::{Resolve, TypeDefKind};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let wit = Path::new("../../wit/v0.1");
    #[allow(clippy::print_stdout)] // This is how a build script speaks.
    {
        println!("cargo::rerun-if-changed=../../wit/v0.1");
    }
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_dir(wit)
        .map_err(|error| format!("{error:#}"))?;
    let package = &resolve.packages[package];
    let types = package
        .interfaces
        .get("types")
        .ok_or("no interface `types`")?;
    let kind = resolve.interfaces[*types]
        .types
        .get("kind")
        .ok_or("no enum `kind`")?;
    let TypeDefKind::Enum(kinds) = &resolve.types[*kind].kind else {
        return Err("`kind` is not an enum".into());
    };
    let kinds: Vec<&str> = kinds.cases.iter().map(|case| case.name.as_str()).collect();
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        out.join("host.rs"),
        host(
            &resolve,
            &package.interfaces.values().copied().collect::<Vec<_>>(),
        ),
    )?;
    std::fs::write(out.join("kinds.rs"), rows(&kinds))?;
    std::fs::write(out.join("fields.rs"), schema::names(&resolve, &kinds)?)?;
    std::fs::write(out.join("schema.rs"), schema::text(&resolve, &kinds)?)?;
    Ok(())
}

/// `generate!` for a world that imports every interface that the host implements: those
/// with functions that no world exports.
fn host(resolve: &Resolve, interfaces: &[wit_parser::InterfaceId]) -> String {
    let mut world = String::from("package palisade:sdk; world host {");
    for id in interfaces {
        let exported = resolve.worlds.iter().any(|(_, world)| {
            world.exports.values().any(|item| matches!(item, wit_parser::WorldItem::Interface { id: other, .. } if other == id))
        });
        let optional = matches!(
            resolve.interfaces[*id].name.as_deref(),
            Some("on-timer" | "observe")
        );
        if let Some(name) = resolve.id_of(*id)
            && !exported
            && !optional
        {
            let _ = write!(world, " import {name};");
        }
    }
    world.push_str(" }");
    let mut out = String::new();
    for (cfg, derives) in [
        ("target_arch = \"wasm32\"", "PartialEq"),
        (
            "not(target_arch = \"wasm32\")",
            "PartialEq, serde::Deserialize",
        ),
    ] {
        let _ = writeln!(
            out,
            "#[cfg({cfg})]\nwit_bindgen::generate!({{\n    path: \"../../wit/v0.1\",\n    inline: \"{world}\",\n    \
             generate_all,\n    generate_unused_types: true,\n    additional_derives: [{derives}],\n}});"
        );
    }
    out
}

/// Names and row functions of the kinds.
fn rows(kinds: &[&str]) -> String {
    let mut out = String::new();
    let mut codes =
        String::from("#[cfg(not(target_arch = \"wasm32\"))]\nconst CODES: &[Kind] = &[");
    for kind in kinds {
        let module = kind.replace('-', "_");
        let name: String = kind
            .split('-')
            .flat_map(|word| {
                let mut letters = word.chars();
                letters
                    .next()
                    .map(|first| first.to_ascii_uppercase())
                    .into_iter()
                    .chain(letters)
            })
            .collect();
        let _ = write!(codes, "Kind::{name}, ");
        let _ = writeln!(
            out,
            "#[doc = \"The body of a `{}` event.\"]\n\
             pub type {name} = crate::bindings::host::palisade::plugin::{module}::Event;\n\
             impl crate::Row for {name} {{\n    \
                 const KIND: crate::Kind = crate::Kind::{name};\n    \
                 #[track_caller]\n                 fn fetch(rows: &[u32]) -> Vec<Self> {{ crate::host::fetch!({module}, Self, rows) }}\n}}",
            kind.replacen('-', ".", 1)
        );
    }
    out + &codes + "];\n"
}
