//! Any JSON object as attributes: one for each value, named by the path to it.

mod read;
#[cfg(test)]
mod tests;

use std::ops::Range;

use palisade_events::{AttributesBuilder, MAX_ATTRIBUTE_NAME, MAX_ATTRIBUTES};
use read::Flatten;
use serde::de::MapAccess;

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
