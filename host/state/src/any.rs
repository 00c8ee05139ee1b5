//! Tables of any kind.

use super::cell::{Cell, Sighting, Stored};
use super::distinct::Distinct;
use super::series::{One, Series};
use super::spec::{Holds, TableSpec};
use super::table::Table;

/// A table of any kind.
#[derive(Debug)]
pub(super) enum AnyTable {
    Count(Table<Series<One>>),
    Sum(Table<Series<u64>>),
    Distinct(Table<Distinct>),
    First(Table<Sighting>),
    Value(Table<Stored>),
}

/// Does the same with a table of any kind.
macro_rules! each {
    ($any:expr, $table:ident => $body:expr) => {
        match $any {
            AnyTable::Count($table) => $body,
            AnyTable::Sum($table) => $body,
            AnyTable::Distinct($table) => $body,
            AnyTable::First($table) => $body,
            AnyTable::Value($table) => $body,
        }
    };
}

impl AnyTable {
    /// An empty table, the one with this number.
    pub(super) fn new(spec: TableSpec, parts: u32, number: u32) -> AnyTable {
        match spec.holds {
            Holds::Count => AnyTable::Count(Table::new(spec, parts, number)),
            Holds::Sum => AnyTable::Sum(Table::new(spec, parts, number)),
            Holds::Distinct => AnyTable::Distinct(Table::new(spec, parts, number)),
            Holds::First => AnyTable::First(Table::new(spec, parts, number)),
            Holds::Value => AnyTable::Value(Table::new(spec, parts, number)),
        }
    }

    /// As it was declared.
    pub(super) fn spec(&self) -> &TableSpec {
        each!(self, table => &table.spec)
    }
}

/// What some table holds.
pub(super) trait Held: Cell {
    /// The table, if it holds this.
    fn of(any: &mut AnyTable) -> Option<&mut Table<Self>>;
}

macro_rules! held {
    ($($variant:ident($cell:ty)),*) => { $(
        impl Held for $cell {
            #[inline]
            fn of(any: &mut AnyTable) -> Option<&mut Table<Self>> {
                match any {
                    AnyTable::$variant(table) => Some(table),
                    _ => None,
                }
            }
        }
    )* };
}

pub(super) use each;

held! { Count(Series<One>), Sum(Series<u64>), Distinct(Distinct), First(Sighting) }
