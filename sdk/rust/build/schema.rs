//! The bodies of all kinds as constants, for the in-memory host of tests, and the names of all
//! fields.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use wit_parser::{Resolve, Type, TypeDefKind};

/// Rust text of `ENVELOPE` and `KINDS`.
pub(crate) fn text(resolve: &Resolve, kinds: &[&str]) -> crate::Result<String> {
    let mut out = String::from("use super::schema::Ty;\n");
    let envelope = find(resolve, "types", "envelope")?;
    writeln!(
        out,
        "pub(crate) const ENVELOPE: Ty = {};",
        ty(resolve, &envelope)?
    )?;
    writeln!(out, "pub(crate) const KINDS: &[(&str, Ty)] = &[")?;
    for kind in kinds {
        let event = find(resolve, kind, "event")?;
        writeln!(
            out,
            "    ({:?}, {}),",
            kind.replacen('-', ".", 1),
            ty(resolve, &event)?
        )?;
    }
    out.push_str("];\n");
    Ok(out)
}

/// Rust text of `NAMES`: the dotted names of the fields of all kinds, sorted.
pub(crate) fn names(resolve: &Resolve, kinds: &[&str]) -> crate::Result<String> {
    let mut names = BTreeSet::new();
    fields(
        resolve,
        "",
        &find(resolve, "types", "envelope")?,
        &mut names,
    );
    for kind in kinds {
        fields(resolve, "", &find(resolve, kind, "event")?, &mut names);
    }
    let names: Vec<String> = names.into_iter().collect();
    Ok(format!("const NAMES: &[&str] = &{names:?};\n"))
}

/// The fields of a record at any depth, below options and lists.
fn fields(resolve: &Resolve, prefix: &str, of: &Type, names: &mut BTreeSet<String>) {
    let Type::Id(id) = of else { return };
    let def = &resolve.types[*id];
    if matches!(def.name.as_deref(), Some("ip-address" | "attributes")) {
        return;
    }
    match &def.kind {
        TypeDefKind::Type(inner) | TypeDefKind::Option(inner) | TypeDefKind::List(inner) => {
            fields(resolve, prefix, inner, names);
        }
        TypeDefKind::Record(record) => {
            for field in &record.fields {
                let name = format!("{prefix}{}", field.name);
                fields(resolve, &format!("{name}."), &field.ty, names);
                names.insert(name);
            }
        }
        _ => {}
    }
}

fn find(resolve: &Resolve, interface: &str, name: &str) -> crate::Result<Type> {
    let interface = resolve
        .interfaces
        .iter()
        .find(|(_, other)| other.name.as_deref() == Some(interface));
    let id = interface.and_then(|(_, interface)| interface.types.get(name));
    id.map(|id| Type::Id(*id))
        .ok_or_else(|| format!("no type `{name}`").into())
}

/// An expression of type `Ty`.
fn ty(resolve: &Resolve, of: &Type) -> crate::Result<String> {
    let Type::Id(id) = of else {
        return Ok(match of {
            Type::Bool => "Ty::Bool",
            Type::U8 => "Ty::U8",
            Type::U16 => "Ty::U16",
            Type::U32 => "Ty::U32",
            Type::U64 => "Ty::U64",
            Type::F32 | Type::F64 => "Ty::Float",
            Type::String => "Ty::Text",
            other => return Err(format!("events cannot hold {other:?}").into()),
        }
        .to_owned());
    };
    let def = &resolve.types[*id];
    match def.name.as_deref() {
        Some("timestamp") => return Ok("Ty::Timestamp".to_owned()),
        Some("ip-address") => return Ok("Ty::Address".to_owned()),
        Some("attributes") => return Ok("Ty::Attributes".to_owned()),
        _ => {}
    }
    Ok(match &def.kind {
        TypeDefKind::Type(inner) => ty(resolve, inner)?,
        TypeDefKind::Option(inner) => format!("Ty::Option(&{})", ty(resolve, inner)?),
        TypeDefKind::List(Type::U8) => "Ty::Bytes".to_owned(),
        TypeDefKind::List(inner) => format!("Ty::List(&{})", ty(resolve, inner)?),
        TypeDefKind::Enum(cases) => {
            let names: Vec<&str> = cases.cases.iter().map(|case| case.name.as_str()).collect();
            format!("Ty::Enum(&{names:?})")
        }
        TypeDefKind::Record(record) => {
            let mut out = "Ty::Record(&[".to_owned();
            for field in &record.fields {
                write!(out, "({:?}, {}), ", field.name, ty(resolve, &field.ty)?)?;
            }
            out + "])"
        }
        other => return Err(format!("events cannot hold {}", other.as_str()).into()),
    })
}
