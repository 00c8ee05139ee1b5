//! Any JSON object as attributes: one for each value, named by the path to it.

use std::fmt;
use std::ops::Range;

use palisade_events::{AttributesBuilder, MAX_ATTRIBUTE_NAME, MAX_ATTRIBUTES};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::text::Text;

/// Deepest object whose values become attributes.
const MAX_DEPTH: u8 = 8;
/// Longest text of an attribute in bytes; the rest is cut off.
const MAX_TEXT: usize = 1024;
/// Most objects of a list whose values become attributes.
const MAX_OBJECTS: usize = 8;
/// Largest whole number that a double holds with all its neighbours.
const EXACT: u64 = 1 << 53;

/// A value.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(f64),
    Text(Range<usize>),
}

/// The values of one record, by name. Made once and filled anew for each record.
///
/// - A name is the keys on the way joined by dots, in lower case, with `_` for what a
///   name must not have: `http.hostname`, `id.orig_h`.
/// - Numbers are numbers, save whole ones beyond 2^53, which become text. Truth values
///   are `true` and `false`. Null is left out.
/// - A list of texts and numbers is one text, joined by commas; in lists of objects the
///   position is part of the name, `answers.0.rdata`, for the first 8.
/// - At most 64 values, 8 levels, 1,024 bytes a text; what is left out is counted.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    arena: String,
    items: Vec<(Range<usize>, Value)>,
    path: String,
    depth: u8,
    left_out: u64,
    total_left_out: u64,
}

impl Leaves {
    /// Forgets all values.
    pub(super) fn clear(&mut self) {
        self.arena.clear();
        self.items.clear();
        self.path.clear();
        self.depth = 0;
        self.total_left_out += std::mem::take(&mut self.left_out);
    }

    /// How many values of all records were left out or cut off.
    pub(super) fn total_left_out(&self) -> u64 {
        self.total_left_out + self.left_out
    }

    /// The value of that name as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(known, value)| match value {
            Value::Text(at) if known == name => self.arena.get(at.clone()),
            _ => None,
        })
    }

    /// The value of that name as a number.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.iter().find_map(|(known, value)| match value {
            Value::Number(number) if known == name => Some(*number),
            _ => None,
        })
    }

    /// The value of that name, a number as its text.
    pub(super) fn shown(&self, name: &str) -> Option<String> {
        self.text(name)
            .map(str::to_owned)
            .or_else(|| self.number(name).map(|number| number.to_string()))
            .filter(|text| !text.is_empty())
    }

    /// Whether there is a value whose name begins so.
    pub(super) fn has_prefix(&self, prefix: &str) -> bool {
        self.iter().any(|(name, _)| name.starts_with(prefix))
    }

    /// The key that comes first below `prefix`, which ends in a dot, and has values of
    /// its own below it or is one.
    pub(super) fn first_below(&self, prefix: &str) -> Option<&str> {
        self.iter()
            .find_map(|(name, _)| name.strip_prefix(prefix))
            .map(|rest| rest.split('.').next().unwrap_or(rest))
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.items
            .iter()
            .filter_map(|(name, value)| Some((self.arena.get(name.clone())?, value)))
    }

    /// Appends the values to a row of attributes. The row is not ended.
    pub(super) fn push(&self, to: &mut AttributesBuilder) {
        for (name, value) in self.iter() {
            // Refused are a name that came twice and one too many: what came first stays.
            let _ = match value {
                Value::Number(number) => to.number(name, *number),
                Value::Text(at) => to.text(name, self.arena.get(at.clone()).unwrap_or_default()),
            };
        }
    }

    /// Adds a value that the record does not have under this name.
    pub(super) fn add_text(&mut self, name: &str, text: &str) {
        self.path.clear();
        self.path.push_str(name);
        self.add(None, text);
    }

    /// As [`add_text`](Self::add_text).
    pub(super) fn add_number(&mut self, name: &str, number: f64) {
        self.path.clear();
        self.path.push_str(name);
        self.add(Some(number), "");
    }

    fn add(&mut self, number: Option<f64>, text: &str) {
        if self.items.len() >= MAX_ATTRIBUTES
            || self.path.len() > MAX_ATTRIBUTE_NAME
            || self.path.is_empty()
            || number.is_some_and(|number| !number.is_finite())
        {
            self.left_out += 1;
            return;
        }
        let name = self.keep(|arena, path| arena.push_str(path));
        let value = match number {
            Some(number) => Value::Number(number),
            None => {
                let end = text.floor_char_boundary(MAX_TEXT);
                self.left_out += u64::from(end < text.len());
                Value::Text(self.keep(|arena, _| arena.push_str(&text[..end])))
            }
        };
        self.items.push((name, value));
    }

    fn keep(&mut self, push: impl FnOnce(&mut String, &str)) -> Range<usize> {
        let start = self.arena.len();
        push(&mut self.arena, &self.path);
        start..self.arena.len()
    }

    /// Goes down to `key`; returns what [`leave`](Self::leave) wants.
    fn enter(&mut self, key: &str) -> usize {
        let before = self.path.len();
        if before > 0 {
            self.path.push('.');
        }
        for (at, char) in key.chars().take(MAX_ATTRIBUTE_NAME).enumerate() {
            let char = char.to_ascii_lowercase();
            match char {
                'a'..='z' | '0'..='9' => self.path.push(char),
                _ if at == 0 && before == 0 => {}
                '.' | '-' => self.path.push(char),
                _ => self.path.push('_'),
            }
        }
        self.depth += 1;
        before
    }

    fn leave(&mut self, before: usize) {
        self.path.truncate(before);
        self.depth -= 1;
    }

    /// Reads the value of `key` from `map` into attributes below the key's name.
    pub(super) fn read_entry<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let before = self.enter(key);
        let read = map.next_value_seed(Flatten(self));
        self.leave(before);
        read
    }

    /// As [`read_entry`](Self::read_entry), with `prefix` before the name.
    pub(super) fn read_entry_under<'de, A: MapAccess<'de>>(
        &mut self,
        prefix: &str,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let before = self.enter(prefix);
        let read = self.read_entry(key, map);
        self.leave(before);
        read
    }

    /// Whether values at this depth are to be left out.
    fn too_deep(&mut self) -> bool {
        let too_deep = self.depth >= MAX_DEPTH || self.items.len() >= MAX_ATTRIBUTES;
        self.left_out += u64::from(too_deep);
        too_deep
    }
}

/// Reads a value into attributes below the present path.
struct Flatten<'s>(&'s mut Leaves);

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

#[cfg(test)]
mod tests {
    use super::*;

    fn flatten(json: &str) -> Leaves {
        let mut leaves = Leaves::default();
        let mut from = serde_json::Deserializer::from_str(json);
        Flatten(&mut leaves).deserialize(&mut from).unwrap();
        assert!(leaves.path.is_empty() && leaves.depth == 0);
        leaves
    }

    fn shown(leaves: &Leaves) -> String {
        let values = leaves.iter().map(|(name, value)| match value {
            Value::Number(number) => format!("{name}={number}"),
            Value::Text(at) => format!("{name}={:?}", &leaves.arena[at.clone()]),
        });
        values.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn values_are_named_by_their_path() {
        let json = r#"{"_path":"x","HTTP Host":"a","id.orig_h":1,"a":{"b":{"c":true}},
            "big":9007199254740993,"neg":-5,"none":null,"f":1.5}"#;
        assert_eq!(
            shown(&flatten(json)),
            r#"path="x" http_host="a" id.orig_h=1 a.b.c="true" big="9007199254740993" neg=-5 f=1.5"#
        );
    }

    #[test]
    fn lists() {
        let json = r#"{"one":[7],"many":[1,"b",true],"none":[],
            "of":[{"k":"v"},{"k":2},[3,4]],"mixed":[{"k":0},"z"]}"#;
        assert_eq!(
            shown(&flatten(json)),
            r#"one=7 many="1,b,true" of.0.k="v" of.1.k=2 of.2="3,4" mixed.0.k=0 mixed="z""#
        );
    }

    #[test]
    fn everything_is_bounded_and_what_is_left_out_is_counted() {
        let many = (0..100)
            .map(|n| format!(r#""k{n}":{n}"#))
            .collect::<Vec<_>>()
            .join(",");
        let leaves = flatten(&format!("{{{many}}}"));
        assert_eq!((leaves.items.len(), leaves.total_left_out()), (64, 36));
        let deep = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
        let leaves = flatten(&deep);
        assert_eq!((leaves.items.len(), leaves.total_left_out()), (0, 1));
        let leaves = flatten(&format!(
            r#"{{"a":"{}","{}":1}}"#,
            "é".repeat(5000),
            "n".repeat(65)
        ));
        assert_eq!(leaves.text("a").map(str::len), Some(1024));
        assert_eq!((leaves.items.len(), leaves.total_left_out()), (2, 1));
        let leaves = flatten(&format!(
            r#"{{"a":[{}]}}"#,
            vec![r#"{"b":1}"#; 100].join(",")
        ));
        assert_eq!((leaves.items.len(), leaves.total_left_out()), (8, 1));
        let leaves = flatten(&format!(r#"{{"a":[{}]}}"#, vec!["123456"; 1000].join(",")));
        assert_eq!((leaves.items.len(), leaves.total_left_out()), (1, 2));
    }
}
