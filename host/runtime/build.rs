//! Generates from WIT the records that `rows` functions lower, one for every kind of event.
//!
//! The records are lists of names; how they are linked stands in `src/bindings/rows.rs`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use palisade_wit_model::names::{body_type, pascal, rust_field};
use palisade_wit_model::{Model, Record, Ty, load};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../../wit/v0.1");
    let model = load(Path::new("../../wit/v0.1"))?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("rows.rs");
    std::fs::write(out, rows(&model))?;
    Ok(())
}

fn rows(model: &Model) -> String {
    let mut out = String::from("// Generated from wit/v0.1; change the WIT instead.\n");
    for item in &model.enums {
        let name = pascal(&item.name);
        let cases: Vec<&str> = item.cases.iter().map(|case| case.name.as_str()).collect();
        enumeration(&mut out, &name, &cases, &format!("palisade_events::{name}"));
    }
    let kinds: Vec<&str> = model.kinds.iter().map(|kind| kind.name.as_str()).collect();
    enumeration(&mut out, "KindCode", &kinds, "palisade_events::Kind");
    for record in &model.records {
        structure(&mut out, record, &pascal(&record.name));
    }
    for kind in &model.kinds {
        structure(&mut out, &kind.body, &body_type(&kind.name));
    }
    let _ = writeln!(out, "rows_of! {{");
    for kind in &model.kinds {
        let _ = writeln!(
            out,
            "    {:?} => {} as {},",
            kind.name,
            pascal(&kind.name),
            body_type(&kind.name)
        );
    }
    out.push_str("}\n");
    out
}

fn enumeration(out: &mut String, name: &str, cases: &[&str], plain: &str) {
    let lift = if name == "KindCode" { ", Lift" } else { "" };
    let _ = writeln!(
        out,
        "#[derive(ComponentType, Lower{lift}, Clone, Copy, Debug)]\n#[component(enum)]\n#[repr(u8)]\n\
         pub(crate) enum {name} {{"
    );
    for case in cases {
        let _ = writeln!(
            out,
            "    #[component(name = {case:?})]\n    {},",
            pascal(case)
        );
    }
    let _ = writeln!(
        out,
        "}}\nimpl From<{plain}> for {name} {{\n    fn from(plain: {plain}) -> Self {{\n        match plain {{"
    );
    for case in cases {
        let case = pascal(case);
        let _ = writeln!(out, "            {plain}::{case} => {name}::{case},");
    }
    out.push_str("        }\n    }\n}\n");
    if name == "KindCode" {
        let _ = writeln!(
            out,
            "impl From<{name}> for {plain} {{\n    fn from(code: {name}) -> Self {{\n        match code {{"
        );
        for case in cases {
            let case = pascal(case);
            let _ = writeln!(out, "            {name}::{case} => {plain}::{case},");
        }
        out.push_str("        }\n    }\n}\n");
    }
}

fn structure(out: &mut String, record: &Record, name: &str) {
    let _ = writeln!(
        out,
        "#[derive(ComponentType, Lower, Clone, Debug)]\n#[component(record)]\npub(crate) struct {name} {{"
    );
    for field in &record.fields {
        let _ = writeln!(
            out,
            "    #[component(name = {:?})]\n    {}: {},",
            field.name,
            rust_field(&field.name),
            ty(&field.ty)
        );
    }
    let _ = writeln!(
        out,
        "}}\nimpl From<palisade_events::{name}> for {name} {{\n    \
         fn from(plain: palisade_events::{name}) -> Self {{\n        {name} {{"
    );
    for field in &record.fields {
        let member = rust_field(&field.name);
        let _ = writeln!(
            out,
            "            {member}: {},",
            convert(&field.ty, &format!("plain.{member}"))
        );
    }
    out.push_str("        }\n    }\n}\n");
}

fn ty(ty: &Ty) -> String {
    match ty {
        Ty::Bool => "bool".into(),
        Ty::U8 => "u8".into(),
        Ty::U16 => "u16".into(),
        Ty::U32 => "u32".into(),
        Ty::U64 | Ty::Timestamp => "u64".into(),
        Ty::F32 => "f32".into(),
        Ty::F64 => "f64".into(),
        Ty::Text | Ty::Address => "String".into(),
        Ty::Bytes => "Vec<u8>".into(),
        Ty::Attributes => "Vec<crate::bindings::types::Attribute>".into(),
        Ty::Enum(name) | Ty::Record(name) | Ty::Variant(name) => pascal(name),
        Ty::Option(inner) => format!("Option<{}>", self::ty(inner)),
        Ty::List(inner) => format!("Vec<{}>", self::ty(inner)),
    }
}

fn convert(ty: &Ty, value: &str) -> String {
    match ty {
        Ty::Bool | Ty::U8 | Ty::U16 | Ty::U32 | Ty::U64 | Ty::F32 | Ty::F64 | Ty::Text => {
            value.to_owned()
        }
        Ty::Timestamp | Ty::Bytes => format!("{value}.0"),
        Ty::Address => format!("{value}.to_string()"),
        Ty::Attributes => format!("attributes({value})"),
        Ty::Enum(_) | Ty::Record(_) | Ty::Variant(_) => format!("{value}.into()"),
        Ty::Option(inner) | Ty::List(inner) if convert(inner, "v") == "v" => value.to_owned(),
        Ty::Option(inner) => format!("{value}.map(|v| {})", convert(inner, "v")),
        Ty::List(inner) => {
            let inner = convert(inner, "v");
            format!("{value}.into_iter().map(|v| {inner}).collect()")
        }
    }
}
