//! What the generated lists of names become.

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

/// A record of the WIT package: a plain struct, the builder of its columns, its JSON.
///
/// After the number of fields below it at any depth come the mandatory fields as bits,
/// and the positions by name; before each field its position, and its position when
/// the fields of records count as well.
macro_rules! wit_record {
    (
        $(#[$meta:meta])* $name:ident, $builder:ident, $nodes:literal, $required:literal,
        [$($sorted:literal),*],
        { $(
            $(#[$field_meta:meta])*
            $at:literal $node:literal $field:ident: $ty:ty = $wit:literal $json:literal,
        )* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty,)*
        }

        #[doc = concat!("Builds columns of [`", stringify!($name), "`]. Whoever pushes into the")]
        #[doc = "fields pushes one value into each for every row."]
        #[derive(Debug, Default)]
        pub struct $builder {
            $($(#[$field_meta])* pub $field: <$ty as Columnar>::Builder,)*
        }

        impl $name {
            /// The Arrow fields, one for each field of the record.
            pub fn arrow_fields() -> &'static arrow_schema::Fields {
                static FIELDS: std::sync::OnceLock<arrow_schema::Fields> =
                    std::sync::OnceLock::new();
                FIELDS.get_or_init(|| {
                    [$($crate::columnar::arrow_field::<$ty>($wit),)*].into_iter().collect()
                })
            }

            /// The value at `row` of columns as [`arrow_fields`](Self::arrow_fields) has
            /// them, `first` being the position of the first field in its kind.
            pub(crate) fn read_fields(
                columns: &[arrow_array::ArrayRef],
                row: usize,
                mask: &Mask,
                first: usize,
            ) -> Self {
                let mut value = Self::default();
                $(
                    if let Some(column) = columns.get($at)
                        && mask.any(first + $node, <$ty as Columnar>::NODES)
                    {
                        value.$field = Columnar::read(column, row, mask, first + $node);
                    }
                )*
                value
            }

            /// Makes fields neutral that `mask` hides.
            pub(crate) fn hide_fields(&mut self, mask: &Mask, first: usize) {
                $(
                    if mask.any(first + $node, <$ty as Columnar>::NODES) {
                        self.$field.hide(mask, first + $node);
                    } else {
                        self.$field = Default::default();
                    }
                )*
            }
        }

        impl $builder {
            /// The columns in the order of the fields; the builder is empty again.
            ///
            /// # Errors
            /// As [`ColumnBuilder::finish`].
            pub(crate) fn finish_fields(
                &mut self,
            ) -> Result<Vec<arrow_array::ArrayRef>, arrow_schema::ArrowError> {
                Ok(vec![$(ColumnBuilder::<$ty>::finish(&mut self.$field, None)?,)*])
            }
        }

        impl ColumnBuilder<$name> for $builder {
            fn push(&mut self, value: &$name) {
                $(self.$field.push(&value.$field);)*
            }

            fn push_neutral(&mut self) {
                $(ColumnBuilder::<$ty>::push_neutral(&mut self.$field);)*
            }

            fn attribute_columns(&self) -> usize {
                0 $(+ ColumnBuilder::<$ty>::attribute_columns(&self.$field))*
            }

            #[inline]
            fn text_size(&self) -> usize {
                0 $(+ ColumnBuilder::<$ty>::text_size(&self.$field))*
            }

            fn len(&self) -> usize {
                let lens = [$(ColumnBuilder::<$ty>::len(&self.$field),)*];
                lens.first().copied().unwrap_or(0)
            }

            fn finish(
                &mut self,
                nulls: Option<arrow_buffer::NullBuffer>,
            ) -> Result<arrow_array::ArrayRef, arrow_schema::ArrowError> {
                let columns = self.finish_fields()?;
                Ok(std::sync::Arc::new(arrow_array::StructArray::try_new(
                    $name::arrow_fields().clone(),
                    columns,
                    nulls,
                )?))
            }
        }

        impl Columnar for $name {
            type Builder = $builder;
            const NODES: usize = $nodes;

            fn data_type() -> arrow_schema::DataType {
                arrow_schema::DataType::Struct(Self::arrow_fields().clone())
            }

            fn read(
                array: &dyn arrow_array::Array,
                row: usize,
                mask: &Mask,
                position: usize,
            ) -> Self {
                $crate::columnar::as_struct(array).map_or_else(Self::default, |array| {
                    Self::read_fields(array.columns(), row, mask, position + 1)
                })
            }

            fn hide(&mut self, mask: &Mask, position: usize) {
                self.hide_fields(mask, position + 1);
            }

            fn attributes(&self) -> Option<&Attributes> {
                None $(.or_else(|| self.$field.attributes()))*
            }
        }

        impl Record for $name {
            const NAMES: &'static [&'static str] = &[$($json,)*];
            const REQUIRED: u64 = $required;
            const SORTED: &'static [usize] = &[$($sorted),*];

            fn index(name: &str) -> Option<usize> {
                match name {
                    $($json => Some($at),)*
                    _ => None,
                }
            }

            fn fill_field<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                at: usize,
                map: &mut A,
                cx: Cx<'_>,
            ) -> Result<(), A::Error> {
                match at {
                    $($at => $crate::json::fill_value(&mut self.$field, $json, map, cx),)*
                    _ => Ok(()),
                }
            }

            fn write_field<M: serde::ser::SerializeMap>(
                &self,
                at: usize,
                map: &mut M,
                order: Order,
            ) -> Result<(), M::Error> {
                match at {
                    $($at => $crate::json::write_value(&self.$field, $json, map, order),)*
                    _ => Ok(()),
                }
            }
        }

        impl Json for $name {
            fn fill<'de, D: serde::Deserializer<'de>>(
                &mut self,
                from: D,
                cx: Cx<'_>,
            ) -> Result<(), D::Error> {
                $crate::json::fill_record(self, from, cx)
            }

            fn write<S: serde::Serializer>(&self, to: S, order: Order) -> Result<S::Ok, S::Error> {
                $crate::json::write_record(self, to, order)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.write(to, Order::Declared)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::json::from_serde(from)
            }
        }
    };
}

/// The kinds of event, and what differs by kind.
macro_rules! wit_kinds {
    (
        $(#[$meta:meta])*
        { $(
            $(#[$kind_meta:meta])*
            $kind:ident = $code:literal => $wit:literal $name:literal
                $body:ident $builder:ident $fields:ident $index:ident,
        )* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$kind_meta])* $kind = $code,)*
        }

        impl Kind {
            /// All kinds by code.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];
            /// Their names by code: `network.flow`.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            /// The name in JSON and in manifests: `network.flow`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The name of the interface in WIT: `network-flow`.
            pub const fn wit_name(self) -> &'static str {
                match self { $(Self::$kind => $wit,)* }
            }

            /// The kind of that name (with a dot).
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$kind),)*
                    _ => None,
                }
            }

            /// The position in the WIT enum `kind`.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The kind with that position.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$kind),)*
                    _ => None,
                }
            }

            /// The fields of the kind's body at any depth, each record before its fields.
            pub fn fields(self) -> &'static [FieldInfo] {
                match self { $(Self::$kind => &$fields,)* }
            }

            /// The fields of the envelope.
            pub fn envelope_fields() -> &'static [FieldInfo] {
                &ENVELOPE_FIELDS
            }

            /// The position of a field; those of the envelope follow those of the body.
            pub(crate) fn position(self, id: FieldId) -> Option<usize> {
                let (body, count): (&[(u32, u8)], usize) = match self {
                    $(Self::$kind => (&$index, $fields.len()),)*
                };
                let find = |index: &[(u32, u8)]| {
                    let at = index.binary_search_by_key(&id.0, |(id, _)| *id).ok()?;
                    index.get(at).map(|(_, at)| usize::from(*at))
                };
                find(body).or_else(|| find(&ENVELOPE_INDEX).map(|at| at + count))
            }

            /// The Arrow fields of the body.
            pub fn arrow_fields(self) -> &'static arrow_schema::Fields {
                match self { $(Self::$kind => $body::arrow_fields(),)* }
            }
        }

        impl std::fmt::Display for Kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        /// What an event of a kind says, without its envelope.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Body {
            $($(#[$kind_meta])* $kind($body),)*
        }

        $(
            impl From<$body> for Body {
                fn from(body: $body) -> Self {
                    Self::$kind(body)
                }
            }
        )*

        impl Body {
            /// The body of `kind` whose fields are all neutral.
            pub fn neutral(kind: Kind) -> Self {
                match kind { $(Kind::$kind => Self::$kind($body::default()),)* }
            }

            /// Its kind.
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)* }
            }

            /// The body at `row` of columns as [`Kind::arrow_fields`] has them.
            pub(crate) fn read(
                kind: Kind,
                columns: &[arrow_array::ArrayRef],
                row: usize,
                mask: &Mask,
            ) -> Self {
                match kind {
                    $(Kind::$kind => Self::$kind($body::read_fields(columns, row, mask, 0)),)*
                }
            }

            /// Its attributes; none where the kind has none.
            pub fn attributes(&self) -> Option<&Attributes> {
                match self { $(Self::$kind(body) => Columnar::attributes(body),)* }
            }

            /// Makes every field neutral whose id `allowed` refuses. Whoever does this to many
            /// events makes a [`Mask`] once and calls [`hide`](Self::hide).
            pub fn retain(&mut self, allowed: &dyn Fn(FieldId) -> bool) {
                let names = self.attributes().into_iter().flat_map(Attributes::iter);
                let names: Vec<String> = names.map(|(name, _)| name.to_owned()).collect();
                let present = names.iter().map(String::as_str);
                self.hide(&Mask::from_predicate(self.kind(), allowed, present));
            }

            /// Makes every field neutral that `mask` hides.
            pub fn hide(&mut self, mask: &Mask) {
                match self { $(Self::$kind(body) => body.hide_fields(mask, 0),)* }
            }

            /// Calls what `visitor` does for a record.
            pub(crate) fn visit<V: BodyVisitor>(&self, visitor: V) -> V::Output {
                match self { $(Self::$kind(body) => visitor.visit(body),)* }
            }

            /// Calls what `visitor` does for a neutral record of `kind`.
            pub(crate) fn visit_new<V: NewBodyVisitor>(
                kind: Kind,
                visitor: V,
            ) -> Result<(Self, V::Output), V::Error> {
                match kind { $(
                    Kind::$kind => {
                        let mut body = $body::default();
                        let output = visitor.visit(&mut body)?;
                        Ok((Self::$kind(body), output))
                    }
                )* }
            }
        }

        /// The columns of a batch while it is built.
        #[derive(Debug)]
        #[expect(clippy::large_enum_variant, reason = "one for each batch that is open")]
        pub enum BodyBuilder {
            $($(#[$kind_meta])* $kind($builder),)*
        }

        impl BodyBuilder {
            /// Empty columns of `kind`.
            pub fn new(kind: Kind) -> Self {
                match kind { $(Kind::$kind => Self::$kind($builder::default()),)* }
            }

            /// Appends a body; false when it is of another kind.
            #[must_use]
            pub(crate) fn push(&mut self, body: &Body) -> bool {
                match (self, body) {
                    $((Self::$kind(builder), Body::$kind(body)) => {
                        builder.push(body);
                        true
                    })*
                    _ => false,
                }
            }

            /// How many columns of attributes there are so far.
            pub(crate) fn attribute_columns(&self) -> usize {
                match self {
                    $(Self::$kind(builder) => builder.attribute_columns(),)*
                }
            }

            /// How many bytes its texts have together so far.
            #[inline]
            pub(crate) fn text_size(&self) -> usize {
                match self {
                    $(Self::$kind(builder) => builder.text_size(),)*
                }
            }

            /// The columns; the builder is empty again.
            pub(crate) fn finish(
                &mut self,
            ) -> Result<Vec<arrow_array::ArrayRef>, arrow_schema::ArrowError> {
                match self { $(Self::$kind(builder) => builder.finish_fields(),)* }
            }
        }
    };
}

/// Something to do with a record, whatever its kind.
pub(crate) trait BodyVisitor {
    type Output;

    fn visit<R: crate::json::Record>(self, body: &R) -> Self::Output;
}

/// Something to do with a new record, whatever its kind.
pub(crate) trait NewBodyVisitor {
    type Output;
    type Error;

    fn visit<R: crate::json::Record>(self, body: &mut R) -> Result<Self::Output, Self::Error>;
}
