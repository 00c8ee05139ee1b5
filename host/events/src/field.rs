//! Fields: ids, types, and the table of each kind, which the WIT package generates.

use std::fmt;

/// FNV-1a, 32 bits, of a field's dotted kebab name (`src.ip`, `answers.rdata`,
/// `attributes.modbus.function`): the same in every kind and version.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u32);

impl FieldId {
    const START: u32 = 0x811c_9dc5;

    /// The id of a dotted name.
    pub const fn of(name: &str) -> Self {
        Self(Self::extend(Self::START, name.as_bytes()))
    }

    /// The id of the attribute `name`, which is that of `attributes.` and the name.
    pub const fn of_attribute(name: &str) -> Self {
        Self(Self::extend(Self::of("attributes.").0, name.as_bytes()))
    }

    const fn extend(mut hash: u32, bytes: &[u8]) -> u32 {
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
            at += 1;
        }
        hash
    }
}

impl fmt::Debug for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

/// What a field holds, below options and lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// A truth value.
    Bool,
    /// A case of an enum, by code.
    Enum,
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
    /// An address.
    Address,
    /// Nanoseconds since the Unix epoch.
    Timestamp,
    /// UTF-8 text.
    Text,
    /// Bytes that need not be UTF-8.
    Bytes,
    /// A record. Its column holds a 1 for each record that is there.
    Record,
    /// Named values; each name is a field of its own, `attributes.` and the name.
    Attributes,
}

/// How a column's values lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// u8, booleans (0 or 1), enums by code.
    U8,
    /// u16.
    U16,
    /// u32.
    U32,
    /// u64 and timestamps.
    U64,
    /// f64, widened f32, attributes that hold numbers.
    F64,
    /// 16 bytes each.
    Address,
    /// Text or bytes of any length.
    Text,
}

impl FieldType {
    /// The type of the field's column; none for [`FieldType::Attributes`].
    pub const fn column(self) -> Option<ColumnType> {
        Some(match self {
            Self::Bool | Self::Enum | Self::U8 | Self::Record => ColumnType::U8,
            Self::U16 => ColumnType::U16,
            Self::U32 => ColumnType::U32,
            Self::U64 | Self::Timestamp => ColumnType::U64,
            Self::F32 | Self::F64 => ColumnType::F64,
            Self::Address => ColumnType::Address,
            Self::Text | Self::Bytes => ColumnType::Text,
            Self::Attributes => return None,
        })
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::F64 => "f64",
            Self::Address => "address",
            Self::Text => "text",
        })
    }
}

/// What is known of a field of a kind or of the envelope.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// Its id.
    pub id: FieldId,
    /// Dotted kebab name.
    pub name: &'static str,
    /// What it holds.
    pub ty: FieldType,
    /// Whether an event can have several values: the column has offsets.
    pub repeated: bool,
    /// Whether it lies in a list within a list: there is no column, only rows have it.
    pub nested: bool,
    /// Whether an event may lack it.
    pub optional: bool,
    /// For an enum the names by code, as JSON writes them.
    pub enum_names: Option<&'static [&'static str]>,
    /// For an enum the code that stands for a value nobody gave.
    pub(crate) neutral: u8,
    /// Position in the record at each depth.
    pub(crate) path: &'static [usize],
}
