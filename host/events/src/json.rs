//! Events as JSON: one object holds envelope and body together.
//!
//! Names have `_` for `-`, values of enums keep `-`. Times are RFC 3339, bytes are
//! hexadecimal, attributes are an object. Optional fields that are absent are left out;
//! all others are written. Reading, lists, attributes and records that consist of
//! optional fields may be left out as well.

mod event;
mod value;
mod visible;

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};

pub use visible::{write_visible, write_visible_pretty};

pub use event::{
    EventJson, JsonError, canonical_body, json_problem, parse_event, parse_event_of, parse_events,
    parse_kind, write_event, write_events,
};

use crate::mask::{closest, suggest};
use crate::sha256::{NoDigest, is_digest, normalise_sha256};

/// What becomes of mandatory fields that are not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// An error.
    #[default]
    Strict,
    /// They are neutral. For test vectors, which hold only what a rule reads.
    Vector,
}

/// In which order a record's fields are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As WIT declares them.
    Declared,
    /// By name, as RFC 8785 has it.
    Sorted,
}

/// What is said of a mandatory field that is not there.
pub const MISSING: &str = "the field is missing, and it is mandatory";
/// How many missing fields of an event are noted.
const TOLD_MISSING: usize = 32;

/// Where in the document an error is, noted from the inside out while it travels; or, when
/// missing fields are listed, where the reader is.
#[derive(Debug, Default)]
pub struct Trail {
    steps: RefCell<Vec<Cow<'static, str>>>,
    /// The missing fields, where they are to be listed.
    missing: Option<RefCell<Vec<String>>>,
}

impl Trail {
    /// A trail that notes the mandatory fields that are not there, and lets the reader go on.
    fn listing() -> Self {
        Self {
            steps: RefCell::default(),
            missing: Some(RefCell::default()),
        }
    }

    #[cold]
    fn push(&self, step: impl Into<Cow<'static, str>>) {
        // While missing fields are listed the steps are the reader's.
        if self.missing.is_none() {
            self.enter(step);
        }
    }

    #[cold]
    fn enter(&self, step: impl Into<Cow<'static, str>>) {
        self.steps.borrow_mut().push(step.into());
    }

    #[cold]
    fn leave(&self) {
        self.steps.borrow_mut().pop();
    }

    /// Reads what lies one step further in, and notes that step where it is needed. There is one
    /// call of `read`, since what it calls becomes part of each caller.
    fn within<T, E, S: Into<Cow<'static, str>>>(
        &self,
        step: impl Fn() -> S,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let lists = self.missing.is_some();
        if lists {
            self.enter(step());
        }
        let read = read();
        if lists {
            self.leave();
        } else if read.is_err() {
            self.push(step());
        }
        read
    }

    /// Notes a missing field; whether missing fields are listed.
    fn lists(&self, name: &'static str) -> bool {
        let Some(missing) = &self.missing else {
            return false;
        };
        let mut missing = missing.borrow_mut();
        if missing.len() <= TOLD_MISSING {
            let steps = self.steps.borrow();
            missing.push(path(steps.iter().map(|step| &**step).chain([name])));
        }
        true
    }

    /// What was noted as missing, in the order in which it was missed.
    fn into_missing(self) -> Vec<String> {
        self.missing.map(RefCell::into_inner).unwrap_or_default()
    }

    /// The dotted path, such as `answers[2].ttl`.
    fn path(&self) -> String {
        path(self.steps.borrow().iter().rev().map(|step| &**step))
    }
}

fn path<'a>(steps: impl Iterator<Item = &'a str>) -> String {
    let mut path = String::new();
    for step in steps {
        if !path.is_empty() && !step.starts_with('[') {
            path.push('.');
        }
        path.push_str(step);
    }
    path
}

/// How a document is read.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'c> {
    /// What becomes of missing fields.
    pub mode: Mode,
    /// Where errors are noted.
    pub trail: &'c Trail,
}

/// A type with a form in JSON.
pub trait Json: Default {
    /// Reads into `self`, which is neutral.
    ///
    /// # Errors
    /// When the value is of another type, out of range, or breaks a limit.
    fn fill<'de, D: Deserializer<'de>>(&mut self, from: D, cx: Cx<'_>) -> Result<(), D::Error>;

    /// Writes.
    ///
    /// # Errors
    /// Those of `to`.
    fn write<S: Serializer>(&self, to: S, order: Order) -> Result<S::Ok, S::Error>;

    /// Whether the field is left out.
    fn is_absent(&self) -> bool {
        false
    }

    /// The text that this is, if it is one.
    fn text_mut(&mut self) -> Option<&mut String> {
        None
    }
}

/// A record, with the names of its fields in JSON.
pub trait Record: Json {
    /// Names by position.
    const NAMES: &'static [&'static str];
    /// Bit `n` is set when field `n` is mandatory.
    const REQUIRED: u64;
    /// Positions by name.
    const SORTED: &'static [usize];

    /// The position of a name.
    fn index(name: &str) -> Option<usize>;

    /// Reads the value of the field at `at`.
    ///
    /// # Errors
    /// As [`Json::fill`].
    fn fill_field<'de, A: MapAccess<'de>>(
        &mut self,
        at: usize,
        map: &mut A,
        cx: Cx<'_>,
    ) -> Result<(), A::Error>;

    /// Writes the field at `at`, unless it is absent.
    ///
    /// # Errors
    /// Those of `map`.
    fn write_field<M: SerializeMap>(
        &self,
        at: usize,
        map: &mut M,
        order: Order,
    ) -> Result<(), M::Error>;

    /// Writes all fields.
    ///
    /// # Errors
    /// Those of `map`.
    fn write_fields<M: SerializeMap>(&self, map: &mut M, order: Order) -> Result<(), M::Error> {
        match order {
            Order::Declared => {
                (0..Self::NAMES.len()).try_for_each(|at| self.write_field(at, map, order))
            }
            Order::Sorted => Self::SORTED
                .iter()
                .try_for_each(|at| self.write_field(*at, map, order)),
        }
    }

    /// Complains about mandatory fields that are not in `seen`.
    ///
    /// # Errors
    /// When there is one and `cx` is strict.
    fn check_seen<E: serde::de::Error>(seen: u64, cx: Cx<'_>) -> Result<(), E> {
        let missing = Self::REQUIRED & !seen;
        if missing == 0 || cx.mode == Mode::Vector {
            return Ok(());
        }
        let names = Self::NAMES.iter().enumerate();
        for (_, name) in names.filter(|(at, _)| missing & (1 << at) != 0) {
            absent(name, cx)?;
        }
        Ok(())
    }
}

/// A mandatory field is not there.
///
/// # Errors
/// Unless missing fields are listed.
pub(crate) fn absent<E: serde::de::Error>(name: &'static str, cx: Cx<'_>) -> Result<(), E> {
    if cx.trail.lists(name) {
        return Ok(());
    }
    cx.trail.push(name);
    Err(E::custom(MISSING))
}

/// Reads a value into place.
pub(crate) struct Fill<'a, 'c, T>(pub(crate) &'a mut T, pub(crate) Cx<'c>);

impl<'de, T: Json> DeserializeSeed<'de> for Fill<'_, '_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.0.fill(from, self.1)
    }
}

/// Writes a value in an order.
pub(crate) struct Ordered<'a, T>(pub(crate) &'a T, pub(crate) Order);

impl<T: Json> serde::Serialize for Ordered<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.write(to, self.1)
    }
}

/// Reads the value of a field whose key was just read, and notes its name on errors.
pub(crate) fn fill_value<'de, A: MapAccess<'de>, T: Json>(
    value: &mut T,
    name: &'static str,
    map: &mut A,
    cx: Cx<'_>,
) -> Result<(), A::Error> {
    let read = || {
        map.next_value_seed(Fill(&mut *value, cx))?;
        match value.text_mut() {
            Some(text) if is_digest(name) => {
                normalise_sha256(text, cx.mode).map_err(|_| not_a_digest(text))
            }
            _ => Ok(()),
        }
    };
    cx.trail.within(|| name, read)
}

/// The error for a digest that is none; it shows what was written.
#[cold]
fn not_a_digest<E: serde::de::Error>(text: &str) -> E {
    E::custom(format_args!("`{}`: {NoDigest}", shorten(text)))
}

/// Writes a field, unless it is absent.
pub(crate) fn write_value<M: SerializeMap, T: Json>(
    value: &T,
    name: &'static str,
    map: &mut M,
    order: Order,
) -> Result<(), M::Error> {
    if value.is_absent() {
        return Ok(());
    }
    map.serialize_entry(name, &Ordered(value, order))
}

/// A key, by position where it is known.
pub(crate) enum Key {
    At(usize),
    Unknown(String),
}

/// Reads a key by asking `find`.
pub(crate) struct KeySeed<F>(pub(crate) F);

impl<'de, F: Fn(&str) -> Option<usize>> DeserializeSeed<'de> for KeySeed<F> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Key, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl<F: Fn(&str) -> Option<usize>> Visitor<'_> for KeySeed<F> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Key, E> {
        Ok((self.0)(name).map_or_else(|| Key::Unknown(shorten(name)), Key::At))
    }
}

/// Names of others, made fit to be shown.
fn shorten(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_debug).collect()
}

/// The error for a name that is not known.
pub(crate) fn unknown<'a, E: serde::de::Error>(
    name: String,
    known: impl Iterator<Item = &'a str>,
    cx: Cx<'_>,
) -> E {
    let known: Vec<&str> = known.collect();
    let advice = match nested(&name, &known) {
        Some(nested) => format!("; a dotted name is for plugin.toml, here it is nested: {nested}"),
        None => {
            let near = closest(&name, known.into_iter()).map(str::to_owned);
            suggest(&near)
        }
    };
    cx.trail.push(name);
    E::custom(format_args!("there is no such field{advice}"))
}

/// How a dotted name such as `src.ip` is written as JSON, where its first part is a field.
fn nested(name: &str, known: &[&str]) -> Option<String> {
    let parts: Vec<&str> = name.split('.').collect();
    // Fields lie four deep at most.
    if !(2..=4).contains(&parts.len()) || !known.contains(&parts[0]) {
        return None;
    }
    let open: String = parts.iter().map(|part| format!("{{\"{part}\": ")).collect();
    Some(format!("`{open}…{}`", "}".repeat(parts.len())))
}

/// The error for a name that came before.
pub(crate) fn twice<E: serde::de::Error>(name: &'static str, cx: Cx<'_>) -> E {
    cx.trail.push(name);
    E::custom("the field is given twice")
}

/// Reads a record from an object.
pub(crate) fn fill_record<'de, R: Record, D: Deserializer<'de>>(
    record: &mut R,
    from: D,
    cx: Cx<'_>,
) -> Result<(), D::Error> {
    struct V<'a, 'c, R>(&'a mut R, Cx<'c>);

    impl<'de, R: Record> Visitor<'de> for V<'_, '_, R> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            let Self(record, cx) = self;
            let mut seen = 0;
            while let Some(key) = map.next_key_seed(KeySeed(R::index))? {
                match key {
                    Key::At(at) => {
                        if seen & (1 << at) != 0 {
                            return Err(twice(R::NAMES[at], cx));
                        }
                        seen |= 1 << at;
                        record.fill_field(at, &mut map, cx)?;
                    }
                    Key::Unknown(name) => {
                        return Err(unknown(name, R::NAMES.iter().copied(), cx));
                    }
                }
            }
            R::check_seen(seen, cx)
        }
    }

    from.deserialize_map(V(record, cx))
}

/// Writes a record as an object.
pub(crate) fn write_record<R: Record, S: Serializer>(
    record: &R,
    to: S,
    order: Order,
) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(None)?;
    record.write_fields(&mut map, order)?;
    map.end()
}

/// Reads a value on its own, as `serde` asks for it.
pub(crate) fn from_serde<'de, T: Json, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let trail = Trail::default();
    let mut value = T::default();
    let read = value.fill(
        from,
        Cx {
            mode: Mode::Strict,
            trail: &trail,
        },
    );
    read.map_err(|error| match trail.path() {
        path if path.is_empty() => error,
        path => D::Error::custom(format_args!("{path}: {error}")),
    })?;
    Ok(value)
}
