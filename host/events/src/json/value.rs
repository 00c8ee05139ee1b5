//! JSON of everything that is no record.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::{SerializeMap as _, SerializeSeq as _, Serializer};

use super::{Cx, Fill, Json, Order, Ordered, shorten};
use crate::attributes::{AttributeValue, Attributes, check_name};
use crate::scalar::{Bytes, IpAddress, Timestamp};

macro_rules! whole_numbers {
    ($($native:ident $expected:literal $serialize:ident;)*) => { $(
        impl Json for $native {
            fn fill<'de, D: Deserializer<'de>>(
                &mut self,
                from: D,
                _: Cx<'_>,
            ) -> Result<(), D::Error> {
                struct V;

                impl Visitor<'_> for V {
                    type Value = $native;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_u64<E: Error>(self, value: u64) -> Result<$native, E> {
                        $native::try_from(value)
                            .map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
                    }
                }

                *self = from.deserialize_u64(V)?;
                Ok(())
            }

            fn write<S: Serializer>(&self, to: S, _: Order) -> Result<S::Ok, S::Error> {
                to.$serialize(*self)
            }
        }
    )* };
}

whole_numbers! {
    u8 "a whole number from 0 to 255" serialize_u8;
    u16 "a whole number from 0 to 65535" serialize_u16;
    u32 "a whole number from 0 to 4294967295" serialize_u32;
    u64 "a whole number from 0 to 2^64 - 1" serialize_u64;
}

impl Json for bool {
    fn fill<'de, D: Deserializer<'de>>(&mut self, from: D, _: Cx<'_>) -> Result<(), D::Error> {
        *self = bool::deserialize(from)?;
        Ok(())
    }

    fn write<S: Serializer>(&self, to: S, _: Order) -> Result<S::Ok, S::Error> {
        to.serialize_bool(*self)
    }
}

impl Json for f64 {
    fn fill<'de, D: Deserializer<'de>>(&mut self, from: D, _: Cx<'_>) -> Result<(), D::Error> {
        *self = f64::deserialize(from)?;
        Ok(())
    }

    fn write<S: Serializer>(&self, to: S, _: Order) -> Result<S::Ok, S::Error> {
        write_number(*self, to)
    }
}

impl Json for f32 {
    fn fill<'de, D: Deserializer<'de>>(&mut self, from: D, _: Cx<'_>) -> Result<(), D::Error> {
        let wide = f64::deserialize(from)?;
        #[expect(clippy::cast_possible_truncation, reason = "checked right below")]
        let narrow = wide as f32;
        if !narrow.is_finite() {
            return Err(D::Error::invalid_value(
                Unexpected::Float(wide),
                &"a number below 3.4e38",
            ));
        }
        *self = narrow;
        Ok(())
    }

    fn write<S: Serializer>(&self, to: S, _: Order) -> Result<S::Ok, S::Error> {
        to.serialize_f32(*self)
    }
}

/// Whole numbers that a double holds exactly are written as such: `17`, not `17.0`.
fn write_number<S: Serializer>(value: f64, to: S) -> Result<S::Ok, S::Error> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let negative_zero = value == 0.0 && value.is_sign_negative();
    if value.trunc() == value && value.abs() <= EXACT && !negative_zero {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        return to.serialize_i64(value as i64);
    }
    to.serialize_f64(value)
}

impl Json for String {
    fn fill<'de, D: Deserializer<'de>>(&mut self, from: D, _: Cx<'_>) -> Result<(), D::Error> {
        *self = String::deserialize(from)?;
        Ok(())
    }

    fn write<S: Serializer>(&self, to: S, _: Order) -> Result<S::Ok, S::Error> {
        to.serialize_str(self)
    }

    fn text_mut(&mut self) -> Option<&mut String> {
        Some(self)
    }
}

/// Reads a text that says what it is expected to be.
fn fill_text<'de, T, D>(from: D, expected: &'static str) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    struct V<T>(&'static str, std::marker::PhantomData<T>);

    impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for V<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(|error| {
                let shown = shorten(text);
                E::custom(format_args!("`{shown}` is not {}: {error}", self.0))
            })
        }
    }

    from.deserialize_str(V(expected, std::marker::PhantomData))
}

macro_rules! texts {
    ($($name:ident $expected:literal;)*) => { $(
        impl Json for $name {
            fn fill<'de, D: Deserializer<'de>>(
                &mut self,
                from: D,
                _: Cx<'_>,
            ) -> Result<(), D::Error> {
                *self = fill_text(from, $expected)?;
                Ok(())
            }

            fn write<S: Serializer>(&self, to: S, _: Order) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.write(to, Order::Declared)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                super::from_serde(from)
            }
        }
    )* };
}

texts! {
    IpAddress "an IP address";
    Timestamp "a time";
    Bytes "hexadecimal bytes";
}

impl<T: Json> Json for Option<T> {
    fn fill<'de, D: Deserializer<'de>>(&mut self, from: D, cx: Cx<'_>) -> Result<(), D::Error> {
        struct V<'a, 'c, T>(&'a mut Option<T>, Cx<'c>);

        impl<'de, T: Json> Visitor<'de> for V<'_, '_, T> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or null")
            }

            fn visit_none<E: Error>(self) -> Result<(), E> {
                Ok(())
            }

            fn visit_unit<E: Error>(self) -> Result<(), E> {
                Ok(())
            }

            fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
                self.0.insert(T::default()).fill(from, self.1)
            }
        }

        from.deserialize_option(V(self, cx))
    }

    fn write<S: Serializer>(&self, to: S, order: Order) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.write(to, order),
            None => to.serialize_none(),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn text_mut(&mut self) -> Option<&mut String> {
        self.as_mut().and_then(T::text_mut)
    }
}

impl<T: Json> Json for Vec<T> {
    fn fill<'de, D: Deserializer<'de>>(&mut self, from: D, cx: Cx<'_>) -> Result<(), D::Error> {
        struct V<'a, 'c, T>(&'a mut Vec<T>, Cx<'c>);

        impl<'de, T: Json> Visitor<'de> for V<'_, '_, T> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
                let Self(list, cx) = self;
                loop {
                    let mut item = T::default();
                    let read = || seq.next_element_seed(Fill(&mut item, cx));
                    let more = cx.trail.within(|| format!("[{}]", list.len()), read)?;
                    if more.is_none() {
                        return Ok(());
                    }
                    list.push(item);
                }
            }
        }

        from.deserialize_seq(V(self, cx))
    }

    fn write<S: Serializer>(&self, to: S, order: Order) -> Result<S::Ok, S::Error> {
        let mut seq = to.serialize_seq(Some(self.len()))?;
        for item in self {
            seq.serialize_element(&Ordered(item, order))?;
        }
        seq.end()
    }
}

/// Reads the name of an attribute, whole, so that none is taken for another.
struct AttributeName;

impl<'de> DeserializeSeed<'de> for AttributeName {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<String, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl Visitor<'_> for AttributeName {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an attribute")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<String, E> {
        check_name(name).map_err(E::custom)?;
        Ok(name.to_owned())
    }
}

impl Json for Attributes {
    fn fill<'de, D: Deserializer<'de>>(&mut self, from: D, cx: Cx<'_>) -> Result<(), D::Error> {
        struct V<'a, 'c>(&'a mut Attributes, Cx<'c>);

        impl<'de> Visitor<'de> for V<'_, '_> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts and numbers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                let Self(attributes, cx) = self;
                while let Some(name) = map.next_key_seed(AttributeName)? {
                    let value: AttributeValue = map
                        .next_value()
                        .inspect_err(|_| cx.trail.push(name.clone()))?;
                    attributes.insert(name, value).map_err(A::Error::custom)?;
                }
                Ok(())
            }
        }

        from.deserialize_map(V(self, cx))
    }

    fn write<S: Serializer>(&self, to: S, _: Order) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl serde::Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => to.serialize_str(text),
            Self::Number(number) => write_number(*number, to),
        }
    }
}

impl<'de> serde::Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;

        impl Visitor<'_> for V {
            type Value = AttributeValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a number")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Text(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Text(text))
            }

            #[expect(clippy::cast_precision_loss, reason = "stated: exact up to 2^53")]
            fn visit_u64<E: Error>(self, number: u64) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Number(number as f64))
            }

            #[expect(clippy::cast_precision_loss, reason = "stated: exact up to 2^53")]
            fn visit_i64<E: Error>(self, number: i64) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Number(number as f64))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Number(number))
            }
        }

        from.deserialize_any(V)
    }
}

impl serde::Serialize for Attributes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.write(to, Order::Declared)
    }
}

impl<'de> serde::Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        super::from_serde(from)
    }
}
