//! Enums by code and by name.

use std::fmt::{self, Debug};
use std::marker::PhantomData;

use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use arrow_schema::ArrowError;
use serde::de::{Deserializer, Error, Visitor};

use crate::columnar::{ColumnBuilder, Numbers};
use crate::mask::{closest, suggest};

/// An enum whose cases have codes from 0.
pub trait Coded: Copy + Default {
    /// Names by code.
    const CODES: &'static [&'static str];

    /// The code.
    fn to_code(self) -> u8;

    /// The case of a code.
    fn of_code(code: u8) -> Option<Self>;
}

/// Builds a column of an enum.
#[derive(Clone, Debug)]
pub struct CodeBuilder<T>(Numbers<u8>, PhantomData<T>);

impl<T> Default for CodeBuilder<T> {
    fn default() -> Self {
        Self(Numbers::default(), PhantomData)
    }
}

impl<T: Coded> CodeBuilder<T> {
    /// Appends a case.
    #[inline]
    pub fn add(&mut self, case: T) {
        self.0.add(case.to_code());
    }
}

impl<T: Coded + Debug> ColumnBuilder<T> for CodeBuilder<T> {
    #[inline]
    fn push(&mut self, value: &T) {
        self.add(*value);
    }

    #[inline]
    fn push_neutral(&mut self) {
        // A null covers it, or nobody looks: what stands here is zero as WIT promises.
        self.add(T::default());
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        self.0.finish(nulls)
    }
}

/// Reads a case by name.
pub(crate) fn fill_name<'de, T, D: Deserializer<'de>>(
    from: D,
    wit: &'static str,
    names: &'static [&'static str],
    find: fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    struct V<T>(&'static str, &'static [&'static str], fn(&str) -> Option<T>);

    impl<T> Visitor<'_> for V<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "one of {}", self.1.join(", "))
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
            (self.2)(name).ok_or_else(|| {
                let suggestion = closest(name, self.1.iter().copied()).map(str::to_owned);
                let shown: String = name.chars().take(64).flat_map(char::escape_debug).collect();
                let (all, hint) = (self.1.join(", "), suggest(&suggestion));
                E::custom(format_args!(
                    "`{shown}` is no {}, which is one of {all}{hint}",
                    self.0
                ))
            })
        }
    }

    from.deserialize_str(V(wit, names, find))
}
