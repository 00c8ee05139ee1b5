//! Records of the WIT package.

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
