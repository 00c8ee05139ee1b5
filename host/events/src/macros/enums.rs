//! Enums of the WIT package.

/// An enum of the WIT package: named cases, one byte in columns.
macro_rules! wit_enum {
    (
        $(#[$meta:meta])* $name:ident, $wit:literal, $neutral:ident,
        { $($(#[$case_meta:meta])* $case:ident = $code:literal => $text:literal,)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$case_meta])* $case = $code,)*
        }

        impl $name {
            /// All cases by code.
            pub const ALL: &'static [Self] = &[$(Self::$case,)*];
            /// Their names by code, as JSON writes them.
            pub const NAMES: &'static [&'static str] = &[$($text,)*];
            /// The case that stands for a value nobody gave.
            pub const NEUTRAL: Self = Self::$neutral;

            /// The name, as JSON writes it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$case => $text,)* }
            }

            /// The case of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$case),)*
                    _ => None,
                }
            }

            /// The position in the WIT declaration, which is what columns hold.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The case with that position.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$case),)*
                    _ => None,
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::NEUTRAL
            }
        }

        wit_enum! { @traits $name, $wit }
    };
    (@traits $name:ident, $wit:literal) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl Json for $name {
            fn fill<'de, D: serde::Deserializer<'de>>(
                &mut self,
                from: D,
                _: Cx<'_>,
            ) -> Result<(), D::Error> {
                *self = $crate::codes::fill_name(from, $wit, Self::NAMES, Self::from_name)?;
                Ok(())
            }

            fn write<S: serde::Serializer>(&self, to: S, _: Order) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.name())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::json::from_serde(from)
            }
        }

        impl $crate::codes::Coded for $name {
            const CODES: &'static [&'static str] = Self::NAMES;

            fn to_code(self) -> u8 {
                self.code()
            }

            fn of_code(code: u8) -> Option<Self> {
                Self::from_code(code)
            }
        }

        impl Columnar for $name {
            type Builder = $crate::codes::CodeBuilder<Self>;
            const NODES: usize = 0;

            fn data_type() -> arrow_schema::DataType {
                arrow_schema::DataType::UInt8
            }

            fn metadata() -> Option<(&'static str, String)> {
                Some(("names", Self::NAMES.join(",")))
            }

            fn read(
                array: &dyn arrow_array::Array,
                row: usize,
                mask: &Mask,
                position: usize,
            ) -> Self {
                Self::from_code(u8::read(array, row, mask, position)).unwrap_or_default()
            }
        }
    };
}
