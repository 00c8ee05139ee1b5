//! The kinds of event.

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
