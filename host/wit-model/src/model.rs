//! What the WIT package says, reduced to what generators need.

/// A field's, parameter's or case's type, with aliases resolved to their meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ty {
    /// A truth value.
    Bool,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// Floating point, 32 bits.
    F32,
    /// Floating point, 64 bits.
    F64,
    /// UTF-8 text.
    Text,
    /// `list<u8>`.
    Bytes,
    /// The alias `ip-address`.
    Address,
    /// The alias `timestamp`.
    Timestamp,
    /// The alias `attributes`.
    Attributes,
    /// An enum by its WIT name.
    Enum(String),
    /// A record by its WIT name.
    Record(String),
    /// A variant by its WIT name.
    Variant(String),
    /// `option<T>`.
    Option(Box<Ty>),
    /// `list<T>`, save `list<u8>`.
    List(Box<Ty>),
}

/// An enum or one side of a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Kebab name.
    pub name: String,
    /// Doc comment; empty when there is none.
    pub docs: String,
    /// What a variant's case carries.
    pub ty: Option<Ty>,
}

/// An `enum`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enum {
    /// Kebab name.
    pub name: String,
    /// Doc comment.
    pub docs: String,
    /// Cases in the order of their codes.
    pub cases: Vec<Case>,
    /// Position of the case that stands for a value nobody gave.
    pub neutral: usize,
}

/// A `variant`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Kebab name.
    pub name: String,
    /// Doc comment.
    pub docs: String,
    /// Cases in order.
    pub cases: Vec<Case>,
}

/// One field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Kebab name, not dotted.
    pub name: String,
    /// Doc comment.
    pub docs: String,
    /// Its type.
    pub ty: Ty,
}

/// A `record`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Kebab name.
    pub name: String,
    /// Doc comment.
    pub docs: String,
    /// Fields in order.
    pub fields: Vec<Field>,
}

/// A kind of event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Kebab name, which is also the interface's: `network-flow`.
    pub name: String,
    /// Name in JSON and in manifests: `network.flow`.
    pub dotted: String,
    /// Doc comment of the interface.
    pub docs: String,
    /// The record `event` of the interface, named as the kind.
    pub body: Record,
    /// Full name of the interface: `palisade:plugin/network-flow@0.1.0`.
    pub interface: String,
}

/// The model of one version of the package.
#[derive(Clone, Debug)]
pub struct Model {
    /// Enums that kinds or findings use, without `kind` itself.
    pub enums: Vec<Enum>,
    /// Records that kinds or findings use, without `envelope` and `attribute`.
    pub records: Vec<Record>,
    /// Variants that kinds use.
    pub variants: Vec<Variant>,
    /// The record `envelope` of `types`.
    pub envelope: Record,
    /// Doc comment of the enum `kind`.
    pub kind_docs: String,
    /// Kinds in the order of their codes.
    pub kinds: Vec<Kind>,
    /// Full name of the interface `envelope`.
    pub envelope_interface: String,
}

impl Model {
    /// The record of that WIT name.
    pub fn record(&self, name: &str) -> Option<&Record> {
        self.records.iter().find(|r| r.name == name)
    }

    /// The enum of that WIT name.
    pub fn enumeration(&self, name: &str) -> Option<&Enum> {
        self.enums.iter().find(|e| e.name == name)
    }
}
