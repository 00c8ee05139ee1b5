//! How values are read on their way into attributes.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{EXACT, Leaves, MAX_OBJECTS, MAX_TEXT};
use crate::text::Text;

/// Reads a value into attributes below the present path.
pub(super) struct Flatten<'s>(pub(super) &'s mut Leaves);

impl<'de> DeserializeSeed<'de> for Flatten<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

/// The visits of plain values, which end in `self.number(f64)` and `self.text(&str)`.
macro_rules! scalars {
    () => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value")
        }

        fn visit_str<E>(self, text: &str) -> Result<(), E> {
            self.text(text);
            Ok(())
        }

        fn visit_bool<E>(self, value: bool) -> Result<(), E> {
            self.text(if value { "true" } else { "false" });
            Ok(())
        }

        #[expect(clippy::cast_precision_loss, reason = "at most 2^53")]
        fn visit_u64<E>(self, value: u64) -> Result<(), E> {
            if value > EXACT {
                self.text(&value.to_string());
            } else {
                self.number(value as f64);
            }
            Ok(())
        }

        #[expect(clippy::cast_precision_loss, reason = "at most 2^53")]
        fn visit_i64<E>(self, value: i64) -> Result<(), E> {
            if value.unsigned_abs() > EXACT {
                self.text(&value.to_string());
            } else {
                self.number(value as f64);
            }
            Ok(())
        }

        fn visit_f64<E>(self, value: f64) -> Result<(), E> {
            self.number(value);
            Ok(())
        }

        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
    };
}

impl Flatten<'_> {
    fn text(self, text: &str) {
        self.0.add(None, text);
    }

    fn number(self, number: f64) {
        self.0.add(Some(number), "");
    }
}

impl<'de> Visitor<'de> for Flatten<'_> {
    type Value = ();

    scalars!();

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.0.too_deep() {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        while let Some(key) = map.next_key::<Text<'de>>()? {
            self.0.read_entry(key.or_empty(), &mut map)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut list = Joined::default();
        if !self.0.too_deep() {
            while seq
                .next_element_seed(Element {
                    leaves: self.0,
                    list: &mut list,
                })?
                .is_some()
            {
                if list.objects >= MAX_OBJECTS || list.text.len() > MAX_TEXT {
                    self.0.left_out += 1;
                    break;
                }
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        match list {
            Joined { count: 0, .. } => {}
            Joined {
                count: 1,
                number: Some(number),
                ..
            } => self.number(number),
            Joined { text, .. } => self.text(&text),
        }
        Ok(())
    }
}

/// What a list holds so far.
#[derive(Default)]
struct Joined {
    text: String,
    count: usize,
    number: Option<f64>,
    objects: usize,
}

/// Reads an element of a list.
struct Element<'s, 'l> {
    leaves: &'s mut Leaves,
    list: &'l mut Joined,
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl Element<'_, '_> {
    fn text(self, text: &str) {
        if self.list.count > 0 {
            self.list.text.push(',');
        }
        self.list.count += 1;
        self.list.number = None;
        self.list.text.push_str(text);
    }

    fn number(self, number: f64) {
        let list = &mut *self.list;
        let shown = number.to_string();
        Element {
            leaves: self.leaves,
            list,
        }
        .text(&shown);
        list.number = Some(number);
    }

    /// Reads something that is no plain value, under its position.
    fn nested<E>(self, read: impl FnOnce(Flatten<'_>) -> Result<(), E>) -> Result<(), E> {
        let before = self.leaves.enter(&self.list.objects.to_string());
        self.list.objects += 1;
        let result = read(Flatten(self.leaves));
        self.leaves.leave(before);
        result
    }
}

impl<'de> Visitor<'de> for Element<'_, '_> {
    type Value = ();

    scalars!();

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.nested(|flatten| flatten.visit_map(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        self.nested(|flatten| flatten.visit_seq(seq))
    }
}
