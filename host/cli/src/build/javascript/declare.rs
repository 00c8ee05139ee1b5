//! The types of the host's interfaces, for editors: what a plugin imports as
//! `palisade:plugin/state@0.1.0`, and no interface that its manifest does not ask for.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, bail};
use wit_parser::{Function, Interface, Resolve, Type, TypeDefKind, WorldId};

use super::super::Project;
use super::super::world::VERSION;
use super::boundary::{IMPORT, camel, interfaces};

/// The file.
const FILE: &str = "palisade.d.ts";

/// Writes the file into a folder of a project.
///
/// # Errors
/// When it cannot be written, or the WIT has a type that no plugin in JavaScript can use.
pub(super) fn write(
    resolve: &Resolve,
    world: WorldId,
    project: &Project,
    folder: &Path,
) -> Result<()> {
    let mut out =
        String::from("// Made by `palisade plugin build` from plugin.toml; do not edit.\n");
    for interface in interfaces(resolve, resolve.worlds[world].imports.values()) {
        if !interface.functions.is_empty() {
            module(resolve, interface, &mut out)?;
        }
    }
    super::super::write(&project.dir, &folder.join(FILE), out.as_bytes())
}

fn module(resolve: &Resolve, interface: &Interface, out: &mut String) -> Result<()> {
    let name = interface.name.as_deref().unwrap_or_default();
    let mut names = Vec::new();
    // Writing to a `String` does not fail.
    let _ = writeln!(out, "\ndeclare module \"{IMPORT}{name}@{VERSION}\" {{");
    for (function, definition) in &interface.functions {
        if let Some(docs) = &definition.docs.contents {
            let docs = docs.trim().replace("*/", "* /").replace('\n', "\n   * ");
            let docs = docs.replace("* \n", "*\n");
            let _ = writeln!(out, "  /** {docs} */");
        }
        let name = camel(function);
        let _ = writeln!(
            out,
            "  export function {name}{};",
            signature(resolve, definition)?
        );
        names.push(name);
    }
    let members = names.iter().map(|name| format!("{name}: typeof {name}"));
    let members = members.collect::<Vec<_>>().join("; ");
    let _ = writeln!(out, "  const all: {{ {members} }};");
    let _ = writeln!(out, "  export default all;\n}}");
    Ok(())
}

fn signature(resolve: &Resolve, function: &Function) -> Result<String> {
    let mut params = Vec::new();
    for param in &function.params {
        let ty = ty(resolve, &param.ty, Way::Given)?;
        params.push(format!("{}: {ty}", camel(&param.name)));
    }
    let result = match &function.result {
        None => "void".to_owned(),
        Some(result) => ty(resolve, result, Way::Returned)?,
    };
    Ok(format!("({}): {result}", params.join(", ")))
}

/// Which way a value goes.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// To the host, which checks it and takes more than it gives.
    Given,
    /// From the host.
    Returned,
}

fn ty(resolve: &Resolve, of: &Type, way: Way) -> Result<String> {
    let id = match of {
        Type::Bool => return Ok("boolean".into()),
        Type::String => return Ok("string".into()),
        Type::U64 | Type::S64 if way == Way::Given => return Ok("number | bigint".into()),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => return Ok("number".into()),
        Type::S8 | Type::S16 | Type::S32 | Type::S64 => return Ok("number".into()),
        Type::F32 | Type::F64 => return Ok("number".into()),
        Type::Id(id) => *id,
        other => bail!("no plugin in JavaScript can use the type {other:?}"),
    };
    Ok(match &resolve.types[id].kind {
        TypeDefKind::Type(inner) => ty(resolve, inner, way)?,
        TypeDefKind::List(Type::U8) => "Uint8Array".into(),
        TypeDefKind::List(inner) => {
            let element = ty(resolve, inner, way)?;
            // Columns are typed arrays, and are taken as they are.
            let of = if way == Way::Given {
                "ArrayLike"
            } else {
                "Array"
            };
            format!("{of}<{element}>")
        }
        TypeDefKind::Option(inner) => format!("{} | null", ty(resolve, inner, way)?),
        TypeDefKind::Enum(of) => {
            let cases = of.cases.iter().map(|case| format!("\"{}\"", case.name));
            cases.collect::<Vec<_>>().join(" | ")
        }
        TypeDefKind::Record(record) => {
            let mut fields = Vec::new();
            for field in &record.fields {
                fields.push(format!(
                    "{}: {}",
                    camel(&field.name),
                    ty(resolve, &field.ty, way)?
                ));
            }
            format!("{{ {} }}", fields.join("; "))
        }
        TypeDefKind::Variant(variant) => {
            let mut cases = Vec::new();
            for case in &variant.cases {
                let value = match &case.ty {
                    Some(inner) => format!("; val: {}", ty(resolve, inner, way)?),
                    None => String::new(),
                };
                cases.push(format!("{{ tag: \"{}\"{value} }}", case.name));
            }
            cases.join(" | ")
        }
        other => bail!("no plugin in JavaScript can use a {}", other.as_str()),
    })
}
