//! The events that a parser hands back, built column by column.
//!
//! Parsers write the fields of each event in much the same order, so a column is looked
//! for right behind the one that was written last; that hits nearly always, and then an
//! append costs a comparison and a push. Columns that an event skips are caught up with
//! at their next value.

use crate::bindings::host::palisade::plugin::types::TextColumn;
use crate::bindings::parse::exports::palisade::plugin::parse as wit;
use crate::{AttributeName, Field, Kind};

use wit::Values;

/// All events of one call, a table for each kind; at most 16 tables, 16,384 events and
/// 4 MiB together.
#[derive(Debug, Default)]
pub struct Tables {
    tables: Vec<TableBuilder>,
    chunk: u32,
}

#[derive(Debug)]
struct TableBuilder {
    kind: Kind,
    chunks: Vec<u32>,
    columns: Vec<Column>,
    next: usize,
}

#[derive(Debug)]
struct Column {
    field: Field,
    attribute: &'static str,
    values: Values,
    valid: Vec<u8>,
    /// Empty for a field that does not repeat.
    offsets: Vec<u32>,
    /// Rows that have an entry, be it an absent one.
    rows: usize,
}

impl Tables {
    /// Starts an event that the current chunk completes. The host adds its envelope, flow,
    /// endpoints, transport and time; the kind must be among the manifest's `emits`.
    pub fn event(&mut self, kind: Kind) -> EventRow<'_> {
        let at = match self.tables.iter().position(|table| table.kind == kind) {
            Some(at) => at,
            None => {
                self.tables.push(TableBuilder {
                    kind,
                    chunks: Vec::new(),
                    columns: Vec::new(),
                    next: 0,
                });
                self.tables.len() - 1
            }
        };
        let table = &mut self.tables[at];
        table.chunks.push(self.chunk);
        table.next = 0;
        EventRow { table }
    }

    /// How many events the call has so far.
    pub fn len(&self) -> usize {
        self.tables.iter().map(|table| table.chunks.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn begin_chunk(&mut self, chunk: usize) {
        self.chunk = u32::try_from(chunk).unwrap_or(u32::MAX);
    }

    pub(crate) fn into_wit(self) -> Vec<wit::Table> {
        self.tables
            .into_iter()
            .map(TableBuilder::into_wit)
            .collect()
    }
}

impl TableBuilder {
    /// The column of `field`, brought up to the current row; `None` when the row has its
    /// value already.
    #[inline]
    fn column(
        &mut self,
        field: Field,
        attribute: &'static str,
        empty: fn() -> Values,
        repeats: bool,
    ) -> Option<&mut Column> {
        let row = self.chunks.len() - 1;
        let at = match self.columns.get(self.next) {
            Some(column) if column.field == field => self.next,
            _ => self.find(field, attribute, empty, repeats),
        };
        self.next = at + 1;
        let column = &mut self.columns[at];
        column.catch_up(row);
        (repeats || column.rows == row).then_some(column)
    }

    #[cold]
    fn find(
        &mut self,
        field: Field,
        attribute: &'static str,
        empty: fn() -> Values,
        repeats: bool,
    ) -> usize {
        if let Some(at) = self.columns.iter().position(|column| column.field == field) {
            return at;
        }
        let offsets = if repeats { vec![0] } else { Vec::new() };
        self.columns.push(Column {
            field,
            attribute,
            values: empty(),
            valid: Vec::new(),
            offsets,
            rows: 0,
        });
        self.columns.len() - 1
    }

    fn into_wit(self) -> wit::Table {
        let rows = self.chunks.len();
        let columns = self.columns.into_iter().map(|mut column| {
            column.catch_up(rows);
            wit::Column {
                field: column.field.0,
                attribute: column.attribute.to_owned(),
                valid: column.valid,
                offsets: column.offsets,
                values: column.values,
            }
        });
        wit::Table {
            kind: self.kind,
            columns: columns.collect(),
            chunks: self.chunks,
        }
    }
}

impl Column {
    /// Gives every row before `row` an entry.
    #[inline]
    fn catch_up(&mut self, row: usize) {
        if self.rows < row {
            self.skip_to(row);
        }
    }

    #[cold]
    fn skip_to(&mut self, row: usize) {
        if self.repeats() {
            self.offsets.resize(row + 1, length(&self.values));
        } else {
            self.valid.resize(self.rows, 1);
            self.valid.resize(row, 0);
            match &mut self.values {
                Values::U8s(values) => values.resize(row, 0),
                Values::U16s(values) => values.resize(row, 0),
                Values::U32s(values) => values.resize(row, 0),
                Values::U64s(values) => values.resize(row, 0),
                Values::F64s(values) => values.resize(row, 0.0),
                Values::Text(text) => {
                    let end = text.offsets.last().copied().unwrap_or(0);
                    text.offsets.resize(row + 1, end);
                }
            }
        }
        self.rows = row;
    }

    fn repeats(&self) -> bool {
        !self.offsets.is_empty()
    }

    /// Counts the value that was just pushed for the row after `rows`.
    #[inline]
    fn pushed(&mut self) {
        if self.repeats() {
            let end = length(&self.values);
            // The row's end moves with each of its values; `rows` stays until the next row
            // catches up, which then begins where this one ended.
            self.offsets.truncate(self.rows + 1);
            self.offsets.push(end);
        } else {
            if !self.valid.is_empty() {
                self.valid.push(1);
            }
            self.rows += 1;
        }
    }
}

fn length(values: &Values) -> u32 {
    let length = match values {
        Values::U8s(values) => values.len(),
        Values::U16s(values) => values.len(),
        Values::U32s(values) => values.len(),
        Values::U64s(values) => values.len(),
        Values::F64s(values) => values.len(),
        Values::Text(text) => text.offsets.len() - 1,
    };
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// One event in the making. A field that is not set is absent or, where the kind demands
/// it, empty; of a field that is set twice the first value stays.
#[derive(Debug)]
pub struct EventRow<'a> {
    table: &'a mut TableBuilder,
}

#[cold]
fn mixed(field: Field) -> ! {
    panic!(
        "the field with id {:#010x} was set with values of two types; see its type in WIT",
        field.0
    )
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident, $repeated:ident, $case:ident, $type:ty;)*) => {
        $(
            $(#[$doc])*
            #[inline]
            pub fn $name(&mut self, field: Field, value: $type) -> &mut Self {
                if let Some(column) = self.table.column(field, "", || Values::$case(Vec::new()), false) {
                    let Values::$case(values) = &mut column.values else { mixed(field) };
                    values.push(value);
                    column.pushed();
                }
                self
            }

            /// Adds a value to a field that repeats; as often as it has values.
            pub fn $repeated(&mut self, field: Field, value: $type) -> &mut Self {
                if let Some(column) = self.table.column(field, "", || Values::$case(Vec::new()), true) {
                    let Values::$case(values) = &mut column.values else { mixed(field) };
                    values.push(value);
                    column.pushed();
                }
                self
            }
        )*
    };
}

impl EventRow<'_> {
    setters! {
        /// Sets a u8, or an enum by its case's position.
        u8, push_u8, U8s, u8;
        /// Sets a u16.
        u16, push_u16, U16s, u16;
        /// Sets a u32.
        u32, push_u32, U32s, u32;
        /// Sets a u64.
        u64, push_u64, U64s, u64;
        /// Sets an f32 or f64.
        f64, push_f64, F64s, f64;
    }

    /// Sets a truth value.
    #[inline]
    pub fn bool(&mut self, field: Field, value: bool) -> &mut Self {
        self.u8(field, u8::from(value))
    }

    /// Sets a text.
    #[inline]
    pub fn text(&mut self, field: Field, value: &str) -> &mut Self {
        self.bytes(field, value.as_bytes())
    }

    /// Adds a text to a field that repeats; as often as it has values.
    pub fn push_text(&mut self, field: Field, value: &str) -> &mut Self {
        self.write_text(field, "", value.as_bytes(), true)
    }

    /// Sets bytes, which need not be text.
    #[inline]
    pub fn bytes(&mut self, field: Field, value: &[u8]) -> &mut Self {
        self.write_text(field, "", value, false)
    }

    /// Sets an attribute that holds text.
    #[inline]
    pub fn attribute(&mut self, name: AttributeName, value: &str) -> &mut Self {
        self.write_text(name.field, name.name, value.as_bytes(), false)
    }

    /// Sets an attribute that holds a number; whole numbers are exact up to 2^53.
    #[inline]
    pub fn number(&mut self, name: AttributeName, value: f64) -> &mut Self {
        if let Some(column) =
            self.table
                .column(name.field, name.name, || Values::F64s(Vec::new()), false)
        {
            let Values::F64s(values) = &mut column.values else {
                mixed(name.field)
            };
            values.push(value);
            column.pushed();
        }
        self
    }

    #[inline]
    fn write_text(
        &mut self,
        field: Field,
        attribute: &'static str,
        value: &[u8],
        repeats: bool,
    ) -> &mut Self {
        fn empty() -> Values {
            Values::Text(TextColumn {
                offsets: vec![0],
                bytes: Vec::new(),
            })
        }
        if let Some(column) = self.table.column(field, attribute, empty, repeats) {
            let Values::Text(text) = &mut column.values else {
                mixed(field)
            };
            text.bytes.extend_from_slice(value);
            text.offsets
                .push(u32::try_from(text.bytes.len()).unwrap_or(u32::MAX));
            column.pushed();
        }
        self
    }
}
