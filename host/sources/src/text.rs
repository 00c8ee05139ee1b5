//! Values of other sensors' JSON: borrowed from the line where they can be, and lenient
//! where a type is not what it should be, for detail that is odd must not cost an event.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Most entries that are taken of a list.
pub(super) const MAX_LIST: usize = 256;

/// Text, or a number or truth value as text; anything else counts as absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Text<'a>(Option<Cow<'a, str>>);

impl<'a> Text<'a> {
    /// The text; an empty one counts as absent, since sensors write it for `unknown`.
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }

    /// The text, or an empty one.
    pub(super) fn or_empty(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

/// The name under which [`Raw`] is asked for, so that columns can give their text.
pub(super) const RAW: &str = "palisade::Raw";

/// A value as it stands: of JSON with its quotation marks, of a column its text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Raw<'a>(Option<&'a str>);

impl<'a> Raw<'a> {
    pub(super) fn get(self) -> Option<&'a str> {
        self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;

        impl<'de> Visitor<'de> for V {
            type Value = Raw<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                from: D,
            ) -> Result<Raw<'de>, D::Error> {
                let raw: Option<&RawValue> = Deserialize::deserialize(from)?;
                Ok(Raw(raw.map(RawValue::get)))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Raw<'de>, E> {
                Ok(Raw(Some(text)))
            }
        }

        from.deserialize_newtype_struct(RAW, V)
    }
}

/// What a visitor does with values of a type that it has no use for.
macro_rules! ignore_others {
    ($de:lifetime, $value:ty) => {
        fn visit_unit<E>(self) -> Result<$value, E> {
            Ok(Default::default())
        }

        fn visit_map<A: MapAccess<$de>>(self, mut map: A) -> Result<$value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Default::default())
        }
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;

        impl<'de> Visitor<'de> for V {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Borrowed(if value {
                    "true"
                } else {
                    "false"
                }))))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(value.to_string()))))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(value.to_string()))))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(value.to_string()))))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text<'de>, A::Error> {
                // One value, written as a list of one, is that value.
                let first: Option<Text<'de>> = seq.next_element()?;
                let mut more = false;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    more = true;
                }
                Ok(first.filter(|_| !more).unwrap_or_default())
            }

            ignore_others!('de, Text<'de>);
        }

        from.deserialize_any(V)
    }
}

/// A whole number from 0, also as text or with a fraction that is cut off; anything else
/// counts as absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Num(pub(super) Option<u64>);

impl Num {
    /// As a port or another number of 16 bits.
    pub(super) fn u16(self) -> Option<u16> {
        self.0.and_then(|value| value.try_into().ok())
    }

    /// As a number of 32 bits.
    pub(super) fn u32(self) -> Option<u32> {
        self.0.and_then(|value| value.try_into().ok())
    }

    /// The number, or 0.
    pub(super) fn or_zero(self) -> u64 {
        self.0.unwrap_or(0)
    }
}

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;

        impl<'de> Visitor<'de> for V {
            type Value = Num;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E>(self, value: u64) -> Result<Num, E> {
                Ok(Num(Some(value)))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Num, E> {
                Ok(Num(value.try_into().ok()))
            }

            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range is checked, and the fraction is to go"
            )]
            fn visit_f64<E>(self, value: f64) -> Result<Num, E> {
                Ok(Num((0.0..1.8e19).contains(&value).then_some(value as u64)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Num, E> {
                Ok(Num(text.parse().ok()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Num, E> {
                Ok(Num(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Num, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Num(None))
            }

            ignore_others!('de, Num);
        }

        from.deserialize_any(V)
    }
}

/// A truth value, also as text; anything else counts as absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flag(pub(super) Option<bool>);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(from)?;
        Ok(Self(match text.or_empty() {
            "true" | "T" => Some(true),
            "false" | "F" => Some(false),
            _ => None,
        }))
    }
}

/// A list; one value that is not in brackets is a list of one. What comes after the
/// first [`MAX_LIST`] entries is left out.
#[derive(Clone, Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> std::ops::Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> V<T> {
            fn one<E: serde::de::Error, D: Deserializer<'de, Error = E>>(
                from: D,
            ) -> Result<List<T>, E> {
                Ok(List(vec![T::deserialize(from)?]))
            }
        }

        impl<'de, T: Deserialize<'de>> Visitor<'de> for V<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while list.len() < MAX_LIST {
                    match seq.next_element()? {
                        Some(item) => list.push(item),
                        None => return Ok(List(list)),
                    }
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(List(list))
            }

            fn visit_unit<E>(self) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<List<T>, A::Error> {
                Self::one(serde::de::value::MapAccessDeserializer::new(map))
            }

            fn visit_borrowed_str<E: serde::de::Error>(self, v: &'de str) -> Result<List<T>, E> {
                Self::one(serde::de::value::BorrowedStrDeserializer::new(v))
            }

            fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<List<T>, E> {
                Self::one(serde::de::IntoDeserializer::into_deserializer(v))
            }

            fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<List<T>, E> {
                Self::one(serde::de::IntoDeserializer::into_deserializer(v))
            }

            fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<List<T>, E> {
                Self::one(serde::de::IntoDeserializer::into_deserializer(v))
            }

            fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<List<T>, E> {
                Self::one(serde::de::IntoDeserializer::into_deserializer(v))
            }

            fn visit_bool<E: serde::de::Error>(self, v: bool) -> Result<List<T>, E> {
                Self::one(serde::de::IntoDeserializer::into_deserializer(v))
            }
        }

        from.deserialize_any(V(std::marker::PhantomData))
    }
}

/// Declares a struct that is read from an object by the names of its keys. Keys that are
/// not named are skipped; of a key that comes twice (which sensors do write) the last
/// counts; a value that is no object reads as one without keys.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident<$l:lifetime> {
            $($key:literal $(| $more:literal)* => $field:ident: $ty:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        $vis struct $name<$l> {
            $(pub(crate) $field: $ty,)*
            _line: std::marker::PhantomData<&$l ()>,
        }

        impl<'de: $l, $l> serde::Deserialize<'de> for $name<$l> {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct V<$l>(std::marker::PhantomData<&$l ()>);

                impl<'de: $l, $l> serde::de::Visitor<'de> for V<$l> {
                    type Value = $name<$l>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        let mut record = $name::default();
                        while let Some(key) = map.next_key::<$crate::text::Text<'de>>()? {
                            match key.or_empty() {
                                $($key $(| $more)* => record.$field = map.next_value()?,)*
                                _ => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok(record)
                    }

                    fn visit_seq<A: serde::de::SeqAccess<'de>>(
                        self,
                        mut seq: A,
                    ) -> Result<Self::Value, A::Error> {
                        while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                        Ok($name::default())
                    }

                    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                        Ok($name::default())
                    }

                    fn visit_unit<E>(self) -> Result<Self::Value, E> {
                        Ok($name::default())
                    }

                    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                        Ok($name::default())
                    }

                    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                        Ok($name::default())
                    }

                    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                        Ok($name::default())
                    }

                    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                        Ok($name::default())
                    }
                }

                from.deserialize_any(V(std::marker::PhantomData))
            }
        }
    };
}

pub(super) use record;

#[cfg(test)]
mod tests {
    use super::*;

    record! {
        /// For the tests.
        struct Sample<'a> {
            "text" => text: Text<'a>,
            "n" | "number" => number: Num,
            "list" => list: List<Text<'a>>,
            "flag" => flag: Flag,
            "ports" => ports: List<Num>,
        }
    }

    fn read(text: &str) -> Sample<'_> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn borrows_text_without_escapes() {
        let sample = read(r#"{"text":"plain"}"#);
        assert!(matches!(sample.text.0, Some(Cow::Borrowed("plain"))));
        assert_eq!(read(r#"{"text":"a\nb"}"#).text.get(), Some("a\nb"));
    }

    #[test]
    fn odd_types_read_as_what_is_meant_or_as_absent() {
        let sample =
            read(r#"{"text":7,"n":"80","list":"one","flag":"T","ports":22,"other":{"a":[1]}}"#);
        assert_eq!(sample.text.get(), Some("7"));
        assert_eq!(sample.number.u16(), Some(80));
        assert_eq!(sample.list[0].get(), Some("one"));
        assert_eq!(sample.flag.0, Some(true));
        assert_eq!(sample.ports[0].0, Some(22));
        let sample = read(r#"{"text":{"a":1},"number":-1,"list":null,"flag":3,"ports":[[1]]}"#);
        assert_eq!(sample.text.get(), None);
        assert_eq!(sample.number.0, None);
        assert!(sample.list.is_empty());
        assert_eq!(sample.flag.0, None);
        assert_eq!(sample.ports[0].0, None);
        for other in ["[1]", "3", "-3", "null", "true", "1.5", "\"a\""] {
            assert_eq!(read(other).text.get(), None, "{other}");
        }
    }

    #[test]
    fn of_a_repeated_key_the_last_counts_and_lists_are_bounded() {
        assert_eq!(read(r#"{"n":1,"number":2}"#).number.0, Some(2));
        let long = format!(r#"{{"ports":[{}]}}"#, vec!["1"; 1000].join(","));
        assert_eq!(read(&long).ports.len(), MAX_LIST);
    }
}
