//! The modules between an author's code and the host, which follow from the plugin's world.
//!
//! In QuickJS a value of another type than its WIT ends the plugin without a word, and so does
//! an exception that leaves an export. So the author's modules import checked functions, and
//! what the component exports is a module that guards the author's.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use palisade_events::ColumnType;
use palisade_runtime::manifest::{Capability, Manifest};
use serde_json::{Value, json};
use wit_parser::{Function, Interface, Resolve, Type, TypeDefKind, WorldId, WorldItem};

use super::declared;

/// The package of the generated modules; its entry is what the component is made of.
pub(super) const PACKAGE: &str = "node_modules/palisade-host";
/// What modules import the host's interfaces by, and what that becomes.
pub(super) const IMPORT: &str = "palisade:plugin/";
pub(super) const CHECKED: &str = "palisade-host/";

/// Writes the modules.
///
/// # Errors
/// When they cannot be written, or the WIT has a type that no plugin in JavaScript can use.
pub(super) fn write(
    manifest: &Manifest,
    resolve: &Resolve,
    world: WorldId,
    package: &Path,
    calls: &Value,
) -> Result<()> {
    std::fs::create_dir_all(package).with_context(|| format!("make {}", package.display()))?;
    let put = |name: &str, text: String| {
        let path = package.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    };
    let world = &resolve.worlds[world];
    for interface in interfaces(resolve, world.imports.values()) {
        let name = interface.name.as_deref().unwrap_or_default();
        if interface.functions.is_empty() {
            continue;
        }
        put(&format!("{name}.js"), imported(resolve, name, interface)?)?;
    }
    // What the checks themselves end a call by.
    let fault = format!(
        "export {{ abort }} from \"{IMPORT}fault@{}\";\n",
        super::world::VERSION
    );
    put("native-fault.js", fault)?;
    put("manifest.js", declared::module(manifest))?;
    put("globals.js", globals(manifest, calls))?;
    let exports = interfaces(resolve, world.exports.values());
    put("entry.js", entry(resolve, exports)?)
}

/// An author's module, with the host's interfaces by their checked functions. Lines and, but
/// for those that import, columns stay as they are.
pub(super) fn checked_imports(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(IMPORT) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let name = &after[IMPORT.len()..];
        let length = name
            .find(|c: char| !(c.is_ascii_lowercase() || c == '-'))
            .unwrap_or(name.len());
        let (interface, end) = name.split_at(length);
        let version = format!("@{}", super::world::VERSION);
        match (before.ends_with(['"', '\'']), end.strip_prefix(&version)) {
            (true, Some(end)) if end.starts_with(['"', '\'']) => {
                let _ = write!(out, "{CHECKED}{interface}.js");
                rest = end;
            }
            _ => {
                out.push_str(IMPORT);
                rest = name;
            }
        }
    }
    out + rest
}

pub(super) fn interfaces<'a>(
    resolve: &'a Resolve,
    items: impl Iterator<Item = &'a WorldItem>,
) -> impl Iterator<Item = &'a Interface> {
    items.filter_map(|item| match item {
        WorldItem::Interface { id, .. } => Some(&resolve.interfaces[*id]),
        _ => None,
    })
}

fn imported(resolve: &Resolve, name: &str, interface: &Interface) -> Result<String> {
    let mut out = format!(
        "import * as native from \"{IMPORT}{name}@{}\";\n\
         import {{ hosted, hostInterface }} from \"palisade-sdk/boundary.js\";\n",
        super::world::VERSION
    );
    let mut names = Vec::new();
    for (function, definition) in &interface.functions {
        let mut params = Vec::new();
        for param in &definition.params {
            params.push(json!([param.name, ty(resolve, &param.ty)?]));
        }
        let camel = camel(function);
        // Writing to a `String` does not fail.
        let _ = writeln!(
            out,
            "export const {camel} = hosted(\"{name}.{function}\", native.{camel}, {});",
            Value::from(params)
        );
        names.push(camel);
    }
    let _ = writeln!(
        out,
        "export default hostInterface(\"{name}\", {{ {} }});",
        names.join(", ")
    );
    Ok(out)
}

fn entry<'a>(resolve: &Resolve, interfaces: impl Iterator<Item = &'a Interface>) -> Result<String> {
    let mut out = String::from(
        "import \"./globals.js\";\n\
         import * as author from \"../../plugin.js\";\n\
         import { exported } from \"palisade-sdk/boundary.js\";\n",
    );
    for interface in interfaces {
        let name = camel(interface.name.as_deref().unwrap_or_default());
        let mut functions = serde_json::Map::new();
        for (function, definition) in &interface.functions {
            let (result, refuses) = answer(resolve, definition)?;
            let kind = json!({ "result": result, "refuses": refuses });
            functions.insert(camel(function), kind);
        }
        let functions = Value::from(functions);
        let _ = writeln!(
            out,
            "export const {name} = exported(author, \"{name}\", {functions});"
        );
    }
    Ok(out)
}

/// The type of what an export returns, and whether it says no by throwing.
fn answer(resolve: &Resolve, function: &Function) -> Result<(Option<Value>, bool)> {
    let Some(result) = &function.result else {
        return Ok((None, false));
    };
    if let Type::Id(id) = result
        && let TypeDefKind::Result(result) = &resolve.types[*id].kind
    {
        let fine = result.ok.as_ref().map(|fine| ty(resolve, fine));
        return Ok((fine.transpose()?, true));
    }
    Ok((Some(ty(resolve, result)?), false))
}

/// The function of `batch` that reads columns of a type.
pub(super) fn read_by(column: ColumnType) -> &'static str {
    match column {
        ColumnType::U8 => "u8s",
        ColumnType::U16 => "u16s",
        ColumnType::U32 => "u32s",
        ColumnType::U64 => "u64s",
        ColumnType::F64 => "f64s",
        ColumnType::Address => "addresses",
        ColumnType::Text => "text",
    }
}

fn globals(manifest: &Manifest, calls: &Value) -> String {
    let write = if manifest.asks_for(Capability::Log) {
        "import { write } from \"./log.js\";\n"
    } else {
        "const write = null;\n"
    };
    format!(
        "import {{ learnCalls }} from \"palisade-sdk/boundary.js\";\n\
         import {{ globals }} from \"palisade-sdk/globals.js\";\n\
         import {{ learn }} from \"palisade-sdk/known.js\";\n\
         import {{ names }} from \"./manifest.js\";\n\
         {write}globals(write);\nlearn(names);\nlearnCalls({calls});\n"
    )
}

/// A type, as `types.js` of the SDK takes it.
fn ty(resolve: &Resolve, of: &Type) -> Result<Value> {
    let id = match of {
        Type::Bool => return Ok("bool".into()),
        Type::U8 => return Ok("u8".into()),
        Type::U16 => return Ok("u16".into()),
        Type::U32 => return Ok("u32".into()),
        Type::U64 => return Ok("u64".into()),
        Type::S8 => return Ok("s8".into()),
        Type::S16 => return Ok("s16".into()),
        Type::S32 => return Ok("s32".into()),
        Type::S64 => return Ok("s64".into()),
        Type::F32 => return Ok("f32".into()),
        Type::F64 => return Ok("f64".into()),
        Type::String => return Ok("string".into()),
        Type::Id(id) => *id,
        other => bail!("no plugin in JavaScript can use the type {other:?}"),
    };
    let definition = &resolve.types[id];
    if definition.name.as_deref() == Some("field-id") {
        return Ok("field-id".into());
    }
    Ok(match &definition.kind {
        TypeDefKind::Type(inner) => ty(resolve, inner)?,
        TypeDefKind::List(inner) => json!({ "list": ty(resolve, inner)? }),
        TypeDefKind::Option(inner) => json!({ "option": ty(resolve, inner)? }),
        TypeDefKind::Enum(of) => {
            let cases: Vec<&str> = of.cases.iter().map(|case| case.name.as_str()).collect();
            json!({ "enum": cases })
        }
        TypeDefKind::Record(record) => {
            let mut fields = serde_json::Map::new();
            for field in &record.fields {
                fields.insert(camel(&field.name), ty(resolve, &field.ty)?);
            }
            json!({ "record": fields })
        }
        TypeDefKind::Variant(variant) => {
            let mut cases = serde_json::Map::new();
            for case in &variant.cases {
                let inner = case.ty.as_ref().map(|inner| ty(resolve, inner));
                cases.insert(case.name.clone(), inner.transpose()?.unwrap_or(Value::Null));
            }
            json!({ "variant": cases })
        }
        other => bail!("no plugin in JavaScript can use a {}", other.as_str()),
    })
}

/// A name of the WIT as JavaScript has it.
pub(super) fn camel(name: &str) -> String {
    let mut words = name.split('-');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_the_host_are_checked_ones() {
        let text = "import s from \"palisade:plugin/state@0.1.0\";\n\
                    import { set } from 'palisade:plugin/on-timer@0.1.0'; // palisade:plugin/x\n\
                    import old from \"palisade:plugin/state@0.0.1\";";
        assert_eq!(
            checked_imports(text),
            "import s from \"palisade-host/state.js\";\n\
             import { set } from 'palisade-host/on-timer.js'; // palisade:plugin/x\n\
             import old from \"palisade:plugin/state@0.0.1\";"
        );
        assert_eq!(checked_imports("palisade:plugin/"), "palisade:plugin/");
    }

    #[test]
    fn names_are_as_in_javascript() {
        assert_eq!(camel("on-timer"), "onTimer");
        assert_eq!(camel("f64s"), "f64s");
    }
}
