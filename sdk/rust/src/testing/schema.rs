//! What the kinds' fields are, as the WIT says.

use super::generated;
use crate::Field;

/// A type of the event model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ty {
    Bool,
    U8,
    U16,
    U32,
    U64,
    Float,
    Text,
    Bytes,
    Address,
    Timestamp,
    Attributes,
    Enum(&'static [&'static str]),
    Record(&'static [(&'static str, Ty)]),
    Option(&'static Ty),
    List(&'static Ty),
}

impl Ty {
    /// What a person calls it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Ty::Bool => "a truth value, read with u8s",
            Ty::U8 => "a u8, read with u8s",
            Ty::U16 => "a u16, read with u16s",
            Ty::U32 => "a u32, read with u32s",
            Ty::U64 => "a u64, read with u64s",
            Ty::Float => "a float, read with f64s",
            Ty::Text => "text, read with text",
            Ty::Bytes => "bytes, read with text",
            Ty::Address => "an address, read with addresses",
            Ty::Timestamp => "a time, read with u64s",
            Ty::Attributes => "attributes, read one by one as attributes.NAME",
            Ty::Enum(_) => "an enum, read with u8s",
            Ty::Record(_) => "a record, read field by field",
            Ty::Option(inner) | Ty::List(inner) => inner.name(),
        }
    }
}

/// A field at any depth.
#[derive(Debug, Clone)]
pub(crate) struct FieldInfo {
    /// Dotted kebab name.
    pub(crate) name: String,
    /// Type without options and lists around it.
    pub(crate) leaf: Ty,
    /// Whether a list is around it.
    pub(crate) repeats: bool,
    /// Whether it is a field of the envelope.
    pub(crate) envelope: bool,
}

/// The body of a kind by its dotted name.
pub(crate) fn body(kind: &str) -> Option<Ty> {
    generated::KINDS
        .iter()
        .find(|(name, _)| *name == kind)
        .map(|(_, ty)| *ty)
}

/// The dotted name of the kind with this code.
pub(crate) fn kind_name(kind: crate::Kind) -> &'static str {
    generated::KINDS
        .get(kind as usize)
        .map_or("", |(name, _)| name)
}

/// The kind with this dotted name.
pub(crate) fn kind_code(name: &str) -> Option<crate::Kind> {
    let at = generated::KINDS
        .iter()
        .position(|(other, _)| *other == name)?;
    u8::try_from(at).ok().and_then(crate::kinds::from_code)
}

/// The field with this id in a kind or in the envelope; attributes by the names given.
pub(crate) fn field<'a>(
    kind: &str,
    id: u32,
    attributes: impl Iterator<Item = &'a str>,
) -> Option<FieldInfo> {
    let mut found = None;
    let mut look = |info: FieldInfo| {
        if Field::of(&info.name).0 == id {
            found = Some(info);
        }
    };
    walk(&generated::ENVELOPE, "", false, true, &mut look);
    if let Some(body) = body(kind) {
        walk(&body, "", false, false, &mut look);
    }
    for attribute in attributes {
        let name = format!("attributes.{attribute}");
        look(FieldInfo {
            name,
            leaf: Ty::Attributes,
            repeats: false,
            envelope: false,
        });
    }
    found
}

fn walk(ty: &Ty, name: &str, repeats: bool, envelope: bool, look: &mut impl FnMut(FieldInfo)) {
    match ty {
        Ty::Option(inner) => walk(inner, name, repeats, envelope, look),
        Ty::List(inner) => walk(inner, name, true, envelope, look),
        leaf => {
            if !name.is_empty() {
                look(FieldInfo {
                    name: name.to_owned(),
                    leaf: *leaf,
                    repeats,
                    envelope,
                });
            }
            if let Ty::Record(fields) = leaf {
                for (field, ty) in *fields {
                    let name = if name.is_empty() {
                        (*field).to_owned()
                    } else {
                        format!("{name}.{field}")
                    };
                    walk(ty, &name, repeats, envelope, look);
                }
            }
        }
    }
}
