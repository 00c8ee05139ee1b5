//! Constants for guests that are not written in Rust: a C header and TypeScript types.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::{Model, Ty};
use crate::{ModelError, names, nodes};

/// The dotted names of all fields, of the envelope and of every kind, with what they hold.
fn fields(model: &Model) -> Result<BTreeMap<String, Vec<&'static str>>, ModelError> {
    let mut fields: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    let mut add = |name: String, ty: &Ty| {
        let holds = holds(ty);
        let known = fields.entry(name).or_default();
        if !known.contains(&holds) {
            known.push(holds);
        }
    };
    for field in &model.envelope.fields {
        add(field.name.clone(), &field.ty);
    }
    for kind in &model.kinds {
        for node in nodes::of_kind(model, kind)? {
            add(node.dotted, &node.leaf);
        }
    }
    Ok(fields)
}

/// Which function of `batch` reads a field of this type.
fn holds(ty: &Ty) -> &'static str {
    match ty {
        Ty::Bool | Ty::U8 | Ty::Enum(_) => "u8s",
        Ty::U16 => "u16s",
        Ty::U32 => "u32s",
        Ty::U64 | Ty::Timestamp => "u64s",
        Ty::F32 | Ty::F64 => "f64s",
        Ty::Text | Ty::Bytes => "text",
        Ty::Address => "addresses",
        Ty::Record(_) => "a record: valid, offsets",
        Ty::Attributes | Ty::Variant(_) => "attributes: one field each",
        Ty::Option(inner) | Ty::List(inner) => holds(inner),
    }
}

fn constant(dotted: &str) -> String {
    dotted.replace(['.', '-'], "_").to_ascii_uppercase()
}

/// A C header with the ids of all fields, the codes of all kinds and of all enums' cases.
///
/// # Errors
/// When two names become the same constant, or a record is not there.
pub fn c_header(model: &Model) -> Result<String, ModelError> {
    let mut out = String::from(
        "/* Generated from the WIT by the tests of host/wit-model; do not edit.\n *\n \
         * Ids of fields, each with the function of `batch` that reads its column, and the\n \
         * codes of kinds and of enums' cases. An attribute's id: palisade_field(\"attributes.NAME\").\n \
         */\n#ifndef PALISADE_FIELDS_H\n#define PALISADE_FIELDS_H\n\n",
    );
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut define = |out: &mut String, name: String, value: String, note: &str| {
        if let Some(other) = taken.insert(name.clone(), value.clone()) {
            return Err(ModelError::Collision(
                "the C header".to_owned(),
                format!("{name} ({other})"),
            ));
        }
        let note = if note.is_empty() {
            String::new()
        } else {
            format!(" /* {note} */")
        };
        let _ = writeln!(out, "#define {name} {value}{note}");
        Ok(())
    };
    for (dotted, holds) in fields(model)? {
        let value = format!("0x{:08x}u", names::field_id(&dotted));
        let name = format!("PALISADE_FIELD_{}", constant(&dotted));
        define(
            &mut out,
            name,
            value,
            &format!("{dotted}: {}", holds.join(" or ")),
        )?;
    }
    out.push('\n');
    for (code, kind) in model.kinds.iter().enumerate() {
        let name = format!("PALISADE_KIND_{}", constant(&kind.name));
        define(&mut out, name, code.to_string(), "")?;
    }
    for of in &model.enums {
        out.push('\n');
        for (code, case) in of.cases.iter().enumerate() {
            let name = format!("PALISADE_{}_{}", constant(&of.name), constant(&case.name));
            define(&mut out, name, code.to_string(), "")?;
        }
    }
    out.push_str("\n#endif\n");
    Ok(out)
}

/// TypeScript types of the names of fields, kinds and enums' cases.
///
/// # Errors
/// When a record is not there.
pub fn typescript(model: &Model) -> Result<String, ModelError> {
    let mut out = String::from(
        "// Generated from the WIT by the tests of host/wit-model; do not edit.\n\n\
         /** Dotted name of a field. */\nexport type FieldName =\n  | `attributes.${string}`",
    );
    for dotted in fields(model)?.keys() {
        let _ = write!(out, "\n  | {dotted:?}");
    }
    out.push_str(
        ";\n\n/** Name of a kind of event, in the order of their codes. */\nexport type Kind =",
    );
    for kind in &model.kinds {
        let _ = write!(out, "\n  | {:?}", kind.name);
    }
    out.push_str(";\n");
    for of in &model.enums {
        let _ = write!(out, "\nexport type {} =", names::pascal(&of.name));
        for case in &of.cases {
            let _ = write!(out, "\n  | {:?}", case.name);
        }
        out.push_str(";\n");
    }
    Ok(out)
}
