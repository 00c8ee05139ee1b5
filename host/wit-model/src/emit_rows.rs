//! Types that wasmtime lowers into a guest, for the functions `rows` of every kind.
//!
//! The crate that includes the text names `wasmtime` (with its component model) and
//! `palisade_events`; nothing else may.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::model::{Case, Enum, Kind, Model, Record, Ty, Variant};
use crate::names;

const DERIVE: &str = "#[derive(Clone, Debug, ::wasmtime::component::ComponentType, \
                      ::wasmtime::component::Lower)]";

/// Generates one type for each enum, variant and record that a kind or the envelope uses,
/// `From` the plain types of `palisade_events`, and `link_rows`, which defines the function
/// `rows` of every kind that is asked for.
pub fn row_types(model: &Model) -> String {
    let mut out = String::from("// Generated from wit/v0.1; change the WIT instead.\n");
    let used = used(model);
    for item in model.enums.iter().filter(|item| used.contains(&item.name)) {
        enumeration(&mut out, item);
    }
    for item in model
        .variants
        .iter()
        .filter(|item| used.contains(&item.name))
    {
        variant(&mut out, item);
    }
    for item in model
        .records
        .iter()
        .filter(|item| used.contains(&item.name))
    {
        record(&mut out, item, &names::pascal(&item.name));
        convert(&mut out, item, &names::pascal(&item.name));
    }
    attribute(&mut out);
    record(&mut out, &model.envelope, "Envelope");
    envelope(&mut out, &model.envelope);
    for kind in &model.kinds {
        record(&mut out, &kind.body, &names::body_type(&kind.name));
        convert(&mut out, &kind.body, &names::body_type(&kind.name));
    }
    interfaces(&mut out, model);
    link(&mut out, &model.kinds);
    out
}

/// The named types that kinds and the envelope reach.
fn used(model: &Model) -> BTreeSet<String> {
    let mut used = BTreeSet::from(["attribute-value".to_owned()]);
    let kinds = model.kinds.iter().map(|kind| &kind.body);
    let mut open: Vec<&Record> = kinds.chain([&model.envelope]).collect();
    while let Some(record) = open.pop() {
        for field in &record.fields {
            let mut ty = &field.ty;
            while let Ty::Option(inner) | Ty::List(inner) = ty {
                ty = inner;
            }
            if let Ty::Enum(name) | Ty::Record(name) | Ty::Variant(name) = ty
                && used.insert(name.clone())
            {
                open.extend(model.record(name));
            }
        }
    }
    used
}

fn lowered(ty: &Ty) -> String {
    match ty {
        Ty::Bool => "bool".to_owned(),
        Ty::U8 => "u8".to_owned(),
        Ty::U16 => "u16".to_owned(),
        Ty::U32 => "u32".to_owned(),
        Ty::U64 | Ty::Timestamp => "u64".to_owned(),
        Ty::F32 => "f32".to_owned(),
        Ty::F64 => "f64".to_owned(),
        Ty::Text | Ty::Address => "String".to_owned(),
        Ty::Bytes => "Vec<u8>".to_owned(),
        Ty::Attributes => "Vec<Attribute>".to_owned(),
        Ty::Enum(name) | Ty::Record(name) | Ty::Variant(name) => names::pascal(name),
        Ty::Option(inner) => format!("Option<{}>", lowered(inner)),
        Ty::List(inner) => format!("Vec<{}>", lowered(inner)),
    }
}

/// An expression that turns `value`, of the plain type, into the lowered one.
fn conversion(ty: &Ty, value: &str) -> String {
    match ty {
        Ty::Timestamp | Ty::Bytes => format!("{value}.0"),
        Ty::Address => format!("{value}.to_string()"),
        Ty::Attributes => format!("attributes(&{value})"),
        Ty::Enum(_) | Ty::Record(_) | Ty::Variant(_) => format!("{value}.into()"),
        Ty::Option(inner) | Ty::List(inner) if plain(inner) => value.to_owned(),
        Ty::Option(inner) => format!("{value}.map(|v| {})", conversion(inner, "v")),
        Ty::List(inner) => {
            format!(
                "{value}.into_iter().map(|v| {}).collect()",
                conversion(inner, "v")
            )
        }
        _ => value.to_owned(),
    }
}

/// Whether the plain type is the lowered one.
fn plain(ty: &Ty) -> bool {
    match ty {
        Ty::Option(inner) | Ty::List(inner) => plain(inner),
        Ty::Bool | Ty::U8 | Ty::U16 | Ty::U32 | Ty::U64 | Ty::F32 | Ty::F64 | Ty::Text => true,
        _ => false,
    }
}

fn doc(docs: &str) -> String {
    docs.lines()
        .map(|line| format!("#[doc = {:?}]\n", format!(" {line}")))
        .collect()
}

fn cases(out: &mut String, cases: &[Case]) {
    for case in cases {
        let of = case
            .ty
            .as_ref()
            .map_or_else(String::new, |ty| format!("({})", lowered(ty)));
        let _ = writeln!(
            out,
            "{}#[component(name = {:?})] {}{of},",
            doc(&case.docs),
            case.name,
            names::pascal(&case.name)
        );
    }
}

fn enumeration(out: &mut String, item: &Enum) {
    let name = names::pascal(&item.name);
    let _ = writeln!(
        out,
        "{}{DERIVE}\n#[derive(Copy)]\n#[component(enum)]\n#[repr(u8)]\npub enum {name} {{",
        doc(&item.docs)
    );
    cases(out, &item.cases);
    let _ = writeln!(
        out,
        "}}\nimpl From<::palisade_events::{name}> for {name} {{\n\
         fn from(value: ::palisade_events::{name}) -> Self {{ match value {{"
    );
    for case in &item.cases {
        let case = names::pascal(&case.name);
        let _ = writeln!(out, "::palisade_events::{name}::{case} => Self::{case},");
    }
    out.push_str("} } }\n");
}

fn variant(out: &mut String, item: &Variant) {
    let name = names::pascal(&item.name);
    let _ = writeln!(
        out,
        "{}{DERIVE}\n#[component(variant)]\npub enum {name} {{",
        doc(&item.docs)
    );
    cases(out, &item.cases);
    let _ = writeln!(
        out,
        "}}\nimpl From<::palisade_events::{name}> for {name} {{\n\
         fn from(value: ::palisade_events::{name}) -> Self {{ match value {{"
    );
    for case in &item.cases {
        let name = format!("::palisade_events::{name}::{}", names::pascal(&case.name));
        let case_name = names::pascal(&case.name);
        let _ = match &case.ty {
            Some(ty) => {
                writeln!(
                    out,
                    "{name}(v) => Self::{case_name}({}),",
                    conversion(ty, "v")
                )
            }
            None => writeln!(out, "{name} => Self::{case_name},"),
        };
    }
    out.push_str("} } }\n");
}

fn record(out: &mut String, item: &Record, name: &str) {
    let _ = writeln!(
        out,
        "{}{DERIVE}\n#[component(record)]\npub struct {name} {{",
        doc(&item.docs)
    );
    for field in &item.fields {
        let _ = writeln!(
            out,
            "{}#[component(name = {:?})] pub {}: {},",
            doc(&field.docs),
            field.name,
            names::rust_field(&field.name),
            lowered(&field.ty)
        );
    }
    out.push_str("}\n");
}

fn convert(out: &mut String, item: &Record, name: &str) {
    let _ = writeln!(
        out,
        "impl From<::palisade_events::{name}> for {name} {{\n\
         fn from(value: ::palisade_events::{name}) -> Self {{ Self {{"
    );
    for field in &item.fields {
        let name = names::rust_field(&field.name);
        let value = conversion(&field.ty, &format!("value.{name}"));
        let _ = writeln!(out, "{name}: {value},");
    }
    out.push_str("} } }\n");
}

fn attribute(out: &mut String) {
    let _ = writeln!(
        out,
        "/// A named value that no field of the kind foresees.\n{DERIVE}\n#[component(record)]\n\
         pub struct Attribute {{\n/// Its name.\n#[component(name = \"name\")] pub name: String,\n\
         /// Its value.\n#[component(name = \"value\")] pub value: AttributeValue,\n}}\n\
         fn attributes(from: &::palisade_events::Attributes) -> Vec<Attribute> {{\n\
         from.iter().map(|(name, value)| Attribute {{ name: name.to_owned(), \
         value: value.clone().into() }}).collect()\n}}"
    );
}

/// The plain envelope keeps source and tenant together.
fn envelope(out: &mut String, item: &Record) {
    out.push_str(
        "impl From<::palisade_events::Envelope> for Envelope {\n\
         fn from(value: ::palisade_events::Envelope) -> Self { Self {\n",
    );
    for field in &item.fields {
        let name = names::rust_field(&field.name);
        let value = match field.name.as_str() {
            "event-ref" => "value.source.event_ref(value.seq)".to_owned(),
            "tenant" => "value.source.tenant.clone()".to_owned(),
            "source" => "value.source.name.clone()".to_owned(),
            _ => conversion(&field.ty, &format!("value.{name}")),
        };
        let _ = writeln!(out, "{name}: {value},");
    }
    out.push_str("} } }\n");
}

fn interfaces(out: &mut String, model: &Model) {
    out.push_str(
        "/// The interface of each kind by code, with its version.\n\
         pub const INTERFACES: &[(::palisade_events::Kind, &str)] = &[\n",
    );
    for kind in &model.kinds {
        let name = names::pascal(&kind.name);
        let _ = writeln!(
            out,
            "(::palisade_events::Kind::{name}, {:?}),",
            kind.interface
        );
    }
    let _ = writeln!(
        out,
        "];\n/// The interface of the envelope, with its version.\n\
         pub const ENVELOPE_INTERFACE: &str = {:?};",
        model.envelope_interface
    );
}

fn link(out: &mut String, kinds: &[Kind]) {
    out.push_str(
        "/// Defines `rows` of the interface of `kind`. `read` answers with the bodies at the\n\
         /// rows, all of that kind, and what it must not show neutral; its error is a trap.\n\
         pub fn link_rows<T: 'static, F>(linker: &mut ::wasmtime::component::Linker<T>, \
         kind: ::palisade_events::Kind, read: F) -> ::wasmtime::Result<()>\n\
         where F: Fn(&mut ::wasmtime::StoreContextMut<'_, T>, &[u32]) -> \
         ::wasmtime::Result<Vec<::palisade_events::Body>> + Send + Sync + 'static {\n\
         match kind {\n",
    );
    for kind in kinds {
        let (case, body) = (names::pascal(&kind.name), names::body_type(&kind.name));
        let _ = writeln!(
            out,
            "::palisade_events::Kind::{case} => linker.instance({:?})?.func_wrap(\"rows\", \
             move |mut store: ::wasmtime::StoreContextMut<'_, T>, (rows,): (Vec<u32>,)| {{\n\
             let bodies = read(&mut store, &rows)?;\n\
             let events = bodies.into_iter().map(|body| match body {{\n\
             ::palisade_events::Body::{case}(body) => Ok({body}::from(body)),\n\
             other => Err(another_kind(kind, other.kind())),\n\
             }}).collect::<::wasmtime::Result<Vec<{body}>>>()?;\n\
             Ok((events,))\n}}),",
            kind.interface
        );
    }
    out.push_str(
        "}\n}\n\
         fn another_kind(wanted: ::palisade_events::Kind, got: ::palisade_events::Kind) -> \
         ::wasmtime::Error {\n\
         ::wasmtime::format_err!(\"rows of {wanted} were answered with {got}\")\n}\n",
    );
}
