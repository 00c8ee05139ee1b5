//! Field ids, computed when the plugin is compiled.

/// A field of an event: the FNV-1a 32-bit hash of its dotted name. Made by [`field!`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Field(pub u32);

impl Field {
    /// The id of a dotted kebab name, such as `src.ip`, `app-proto`, `answers.rdata` or
    /// `attributes.modbus.function`. Whether a kind has such a field, the host says.
    pub const fn of(name: &str) -> Self {
        let bytes = name.as_bytes();
        let mut hash = 0x811c_9dc5_u32;
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
            at += 1;
        }
        Field(hash)
    }
}

/// The name of an attribute with the id of its field. Made by [`attribute!`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeName {
    /// The id of `attributes.` and the name.
    pub field: Field,
    /// Dotted lower-case name, led by the protocol, such as `modbus.function`.
    pub name: &'static str,
}

/// The [`Field`] of a name, as a constant: `field!("dst.port")`.
///
/// [`Field`]: crate::Field
#[macro_export]
macro_rules! field {
    ($name:literal) => {
        const { $crate::Field::of($name) }
    };
}

/// The [`AttributeName`] of a name, as a constant: `attribute!("modbus.function")`.
///
/// [`AttributeName`]: crate::AttributeName
#[macro_export]
macro_rules! attribute {
    ($name:literal) => {
        const {
            $crate::AttributeName {
                field: $crate::Field::of(concat!("attributes.", $name)),
                name: $name,
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_fnv_1a() {
        assert_eq!(Field::of("").0, 0x811c_9dc5);
        assert_eq!(Field::of("a").0, 0xe40c_292c);
        assert_eq!(Field::of("foobar").0, 0xbf9c_f968);
        assert_eq!(
            attribute!("modbus.function").field,
            field!("attributes.modbus.function")
        );
    }
}
