//! The input of the declarative macros of `palisade-events`: enums, records, kinds and
//! field tables. The macros hold the logic; what is generated is a list of names.

use std::fmt::Write as _;

use crate::model::{Enum, Kind, Model, Record, Ty};
use crate::nodes::{self, Node};
use crate::{ModelError, names};

/// Generates the modules' text. The macros `wit_enum!`, `wit_record!` and `wit_kinds!`
/// must be in scope where it is included.
///
/// # Errors
/// As [`crate::nodes::of_kind`].
pub fn event_types(model: &Model) -> Result<String, ModelError> {
    let mut out = String::from("// Generated from wit/v0.1; change the WIT instead.\n");
    for item in &model.enums {
        enumeration(&mut out, item);
    }
    for item in &model.records {
        record(
            &mut out,
            model,
            item,
            &names::pascal(&item.name),
            &item.docs,
        );
    }
    for kind in &model.kinds {
        let docs = format!("{}\n\n{}", kind.docs, kind.body.docs);
        record(
            &mut out,
            model,
            &kind.body,
            &names::body_type(&kind.name),
            &docs,
        );
        fields(&mut out, kind, &nodes::of_kind(model, kind)?);
    }
    envelope(&mut out, &model.envelope);
    kinds(&mut out, model);
    Ok(out)
}

fn doc(docs: &str) -> String {
    docs.lines()
        .map(|line| format!("#[doc = {:?}] ", format!(" {line}")))
        .collect()
}

fn enumeration(out: &mut String, item: &Enum) {
    let name = names::pascal(&item.name);
    let neutral = names::pascal(&item.cases[item.neutral].name);
    let _ = writeln!(
        out,
        "wit_enum! {{ {}{name}, {:?}, {neutral}, {{",
        doc(&item.docs),
        item.name
    );
    for (code, case) in item.cases.iter().enumerate() {
        let _ = writeln!(
            out,
            "    {}{} = {code} => {:?},",
            doc(&case.docs),
            names::pascal(&case.name),
            case.name
        );
    }
    out.push_str("} }\n");
}

fn rust_type(ty: &Ty) -> String {
    match ty {
        Ty::Bool => "bool".to_owned(),
        Ty::U8 => "u8".to_owned(),
        Ty::U16 => "u16".to_owned(),
        Ty::U32 => "u32".to_owned(),
        Ty::U64 => "u64".to_owned(),
        Ty::F32 => "f32".to_owned(),
        Ty::F64 => "f64".to_owned(),
        Ty::Text => "String".to_owned(),
        Ty::Bytes => "Bytes".to_owned(),
        Ty::Address => "IpAddress".to_owned(),
        Ty::Timestamp => "Timestamp".to_owned(),
        Ty::Attributes => "Attributes".to_owned(),
        Ty::Enum(name) | Ty::Record(name) | Ty::Variant(name) => names::pascal(name),
        Ty::Option(inner) => format!("Option<{}>", rust_type(inner)),
        Ty::List(inner) => format!("Vec<{}>", rust_type(inner)),
    }
}

fn record(out: &mut String, model: &Model, item: &Record, name: &str, docs: &str) {
    let required: u64 = item
        .fields
        .iter()
        .enumerate()
        .filter(|(_, field)| nodes::mandatory(model, &field.ty))
        .map(|(at, _)| 1 << at)
        .sum();
    let _ = writeln!(
        out,
        "wit_record! {{ {}{name}, {name}Builder, {}, {required:#b}, {:?}, {{",
        doc(docs),
        nodes::fields(model, item),
        nodes::sorted(item),
    );
    let mut node = 0;
    for (at, field) in item.fields.iter().enumerate() {
        let _ = writeln!(
            out,
            "    {}{at} {node} {}: {} = {:?} {:?},",
            doc(&field.docs),
            names::rust_field(&field.name),
            rust_type(&field.ty),
            field.name,
            names::snake(&field.name),
        );
        node += 1 + nodes::below(model, &field.ty);
    }
    out.push_str("} }\n");
}

fn field_type(ty: &Ty) -> &'static str {
    match ty {
        Ty::Bool => "Bool",
        Ty::U8 => "U8",
        Ty::U16 => "U16",
        Ty::U32 => "U32",
        Ty::U64 => "U64",
        Ty::F32 => "F32",
        Ty::F64 => "F64",
        Ty::Text => "Text",
        Ty::Bytes => "Bytes",
        Ty::Address => "Address",
        Ty::Timestamp => "Timestamp",
        Ty::Attributes => "Attributes",
        Ty::Enum(_) => "Enum",
        // The walk over nodes takes options and lists away.
        Ty::Record(_) | Ty::Variant(_) | Ty::Option(_) | Ty::List(_) => "Record",
    }
}

fn info(out: &mut String, node: &Node) {
    let cases = match &node.leaf {
        Ty::Enum(name) => {
            let name = names::pascal(name);
            format!("Some({name}::NAMES), neutral: {name}::NEUTRAL.code()")
        }
        _ => "None, neutral: 0".to_owned(),
    };
    let _ = writeln!(
        out,
        "    FieldInfo {{ id: FieldId::of({:?}), name: {:?}, ty: FieldType::{}, repeated: {}, \
         nested: {}, optional: {}, enum_names: {cases}, path: &{:?} }},",
        node.dotted,
        node.dotted,
        field_type(&node.leaf),
        node.lists > 0,
        node.lists > 1,
        node.optional,
        node.path,
    );
}

fn fields(out: &mut String, kind: &Kind, nodes: &[Node]) {
    let name = names::screaming(&kind.name);
    let _ = writeln!(
        out,
        "static {name}_FIELDS: [FieldInfo; {}] = [",
        nodes.len()
    );
    for node in nodes {
        info(out, node);
    }
    out.push_str("];\n");
    index(out, &name, nodes);
}

/// Ids in order with their positions, for a binary search.
fn index(out: &mut String, name: &str, nodes: &[Node]) {
    let mut ids: Vec<_> = nodes
        .iter()
        .enumerate()
        .map(|(at, node)| (names::field_id(&node.dotted), at))
        .collect();
    ids.sort_unstable();
    let _ = writeln!(
        out,
        "static {name}_INDEX: [(u32, u8); {}] = {ids:?};",
        ids.len()
    );
}

fn envelope(out: &mut String, record: &Record) {
    let nodes: Vec<Node> = record
        .fields
        .iter()
        .enumerate()
        .map(|(at, field)| {
            let (leaf, lists, optional) = match &field.ty {
                Ty::Option(inner) => ((**inner).clone(), 0, true),
                Ty::List(inner) => ((**inner).clone(), 1, false),
                ty => (ty.clone(), 0, false),
            };
            Node {
                dotted: field.name.clone(),
                leaf,
                lists,
                optional,
                path: vec![at],
                docs: field.docs.clone(),
            }
        })
        .collect();
    let _ = writeln!(
        out,
        "static ENVELOPE_FIELDS: [FieldInfo; {}] = [",
        nodes.len()
    );
    for node in &nodes {
        info(out, node);
    }
    out.push_str("];\n");
    index(out, "ENVELOPE", &nodes);
}

fn kinds(out: &mut String, model: &Model) {
    let _ = writeln!(out, "wit_kinds! {{ {}{{", doc(&model.kind_docs));
    for (code, kind) in model.kinds.iter().enumerate() {
        let body = names::body_type(&kind.name);
        let table = names::screaming(&kind.name);
        let _ = writeln!(
            out,
            "    {}{} = {code} => {:?} {:?} {body} {body}Builder {table}_FIELDS {table}_INDEX,",
            doc(&kind.docs),
            names::pascal(&kind.name),
            kind.name,
            kind.dotted,
        );
    }
    out.push_str("} }\n");
}
