//! Events from the columns that a parser returns: everything is checked here, since a
//! parser may be wrong or hostile.

mod assemble;
mod check;

use arrow_array::ArrayRef;
use arrow_schema::ArrowError;

use crate::attributes::AttributeError;
use crate::codes::CodeBuilder;
use crate::columnar::{ColumnBuilder, OptionBuilder};
use crate::field::{ColumnType, FieldId};
use crate::mask::field;
use crate::scalar::Timestamp;
use crate::segment::Segment;
use crate::types::{
    Direction, Endpoint, EndpointBuilder, FlowId, FlowIdBuilder, Kind, Owner, OwnerBuilder,
    Transport,
};

/// Most rows of a table.
pub const MAX_TABLE_ROWS: usize = 16_384;

/// The values of a column, as `values` of `wit/v0.1/parse.wit` has them.
#[derive(Clone, Debug, PartialEq)]
pub enum TableValues {
    /// u8, booleans (0 or 1), enums by code.
    U8(Vec<u8>),
    /// u16.
    U16(Vec<u16>),
    /// u32.
    U32(Vec<u32>),
    /// u64 and times.
    U64(Vec<u64>),
    /// f32, f64, attributes that hold numbers.
    F64(Vec<f64>),
    /// Text, bytes, attributes that hold text.
    Text {
        /// One more entry than values; the first is 0.
        offsets: Vec<u32>,
        /// The bytes of all values.
        bytes: Vec<u8>,
    },
}

impl TableValues {
    fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::U16(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::Text { offsets, .. } => offsets.len().saturating_sub(1),
        }
    }

    fn column_type(&self) -> ColumnType {
        match self {
            Self::U8(_) => ColumnType::U8,
            Self::U16(_) => ColumnType::U16,
            Self::U32(_) => ColumnType::U32,
            Self::U64(_) => ColumnType::U64,
            Self::F64(_) => ColumnType::F64,
            Self::Text { .. } => ColumnType::Text,
        }
    }
}

/// A column of a table, as `column` of `wit/v0.1/parse.wit` has it.
#[derive(Clone, Debug, PartialEq)]
pub struct TableColumn {
    /// Which field; for an attribute the id of `attributes.` and its name.
    pub field: FieldId,
    /// The attribute's name; empty for a field of the kind.
    pub attribute: String,
    /// For each value 0 when it is absent; empty when none is.
    pub valid: Vec<u8>,
    /// For a field that repeats: one more entry than rows; else empty.
    pub offsets: Vec<u32>,
    /// The values.
    pub values: TableValues,
}

/// What the host knows of the flow that an event belongs to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowContext {
    /// Whose traffic it is.
    pub owner: Owner,
    /// Who opened the flow.
    pub src: Endpoint,
    /// The other side.
    pub dst: Endpoint,
    /// The flow.
    pub flow: Option<FlowId>,
    /// What carries it.
    pub transport: Transport,
    /// Which way it goes.
    pub direction: Direction,
}

/// The columns that the host adds to a table, one value for each row of it.
#[derive(Debug, Default)]
pub struct HostColumns {
    times: Vec<u64>,
    ingest_times: Vec<u64>,
    owner: OwnerBuilder,
    src: EndpointBuilder,
    dst: EndpointBuilder,
    flow: OptionBuilder<FlowIdBuilder>,
    transport: CodeBuilder<Transport>,
    direction: CodeBuilder<Direction>,
}

/// Fields that the host fills wherever a kind has them at its top.
const STAMPED: [&str; 6] = ["owner", "src", "dst", "flow", "transport", "direction"];

/// Whether the host, not the parser, fills this top-level field of the kind. A kind's
/// own `direction`, of request or response, is the parser's.
pub fn is_stamped(kind: Kind, top: &str) -> bool {
    STAMPED.contains(&top)
        && (top != "direction"
            || field(kind, FieldId::of(top))
                .is_some_and(|info| info.enum_names == Some(Direction::NAMES)))
}

impl HostColumns {
    /// Adds a row.
    pub fn push(&mut self, time: Timestamp, ingest_time: Timestamp, context: &FlowContext) {
        self.times.push(time.0);
        self.ingest_times.push(ingest_time.0);
        self.owner.push(&context.owner);
        self.src.push(&context.src);
        self.dst.push(&context.dst);
        self.flow.push(&context.flow);
        self.transport.add(context.transport);
        self.direction.add(context.direction);
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    fn finish(&mut self, top: &str) -> Result<ArrayRef, ArrowError> {
        match top {
            "owner" => self.owner.finish(None),
            "src" => self.src.finish(None),
            "dst" => self.dst.finish(None),
            "flow" => ColumnBuilder::<Option<FlowId>>::finish(&mut self.flow, None),
            "transport" => self.transport.finish(None),
            _ => self.direction.finish(None),
        }
    }
}

/// A column that breaks the contract, or a table that does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("table of {kind}{}: {problem}", .field.as_ref().map_or_else(
    String::new, |field| format!(", column `{field}`")))]
pub struct TableError {
    /// The kind of the table.
    pub kind: Kind,
    /// The column, by field or attribute; by id where there is no such field.
    pub field: Option<String>,
    /// What is wrong.
    pub problem: TableProblem,
}

/// What is wrong with a column or a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableProblem {
    /// No row, or too many.
    #[error("it has {0} rows; it must have 1 to {MAX_TABLE_ROWS}")]
    Rows(usize),
    /// The kind has no such field.
    #[error("the kind has no such field")]
    Unknown,
    /// No kind has a field of this id.
    #[error(
        "no kind has a field of this id, the hash of a dotted name; an attribute is set with its name \
         (in C by palisade_set_attribute)"
    )]
    Nowhere,
    /// The column came before.
    #[error("the column is given twice")]
    Twice,
    /// The host fills it.
    #[error("the host fills this field; leave the column out")]
    Stamped,
    /// The field has no column: it is a record, or lies in a list within a list.
    #[error("the field has no column; give those of the fields below it")]
    NoColumn,
    /// The id is not that of the attribute's name.
    #[error("the field id is not the hash of `attributes.` and the name")]
    Id,
    /// Another type than the field's.
    #[error("it holds {got}, and the field is {wanted}")]
    Type {
        /// The type of the field's column.
        wanted: ColumnType,
        /// The type of the values.
        got: ColumnType,
    },
    /// Not as many values as rows or items.
    #[error("it has {got} values where there must be {wanted}")]
    Length {
        /// How many there must be.
        wanted: usize,
        /// How many there are.
        got: usize,
    },
    /// Not as many marks as values.
    #[error("it has {got} marks of validity for {wanted} values")]
    Valid {
        /// How many values there are.
        wanted: usize,
        /// How many marks there are.
        got: usize,
    },
    /// The offsets of a field that repeats are wrong, or given for one that does not.
    #[error("its offsets are wrong: {0}")]
    Offsets(&'static str),
    /// The offsets of text are wrong.
    #[error("its text offsets are wrong: {0}")]
    TextOffsets(&'static str),
    /// Fields of one list differ in their offsets.
    #[error("its offsets differ from those of the other columns of the same list")]
    OtherOffsets,
    /// The text is no UTF-8.
    #[error("value {0} is not UTF-8")]
    Utf8(usize),
    /// No case of the enum has this code; of a boolean, neither 0 nor 1.
    #[error("value {at} is {code}, and there are {cases} cases")]
    Code {
        /// Which value.
        at: usize,
        /// What it is.
        code: u8,
        /// How many cases there are.
        cases: usize,
    },
    /// A number is infinite or none.
    #[error("value {0} is not a finite number")]
    NotFinite(usize),
    /// The attribute's name cannot be used.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// An event has too many attributes, or one both as number and as text.
    #[error("row {0} has more than 64 attributes, or one of them twice")]
    RowAttributes(usize),
    /// More columns of attributes than a batch can hold.
    #[error("it has more than 256 columns of attributes")]
    Attributes,
    /// What Arrow says of the columns; the checks before leave nothing for it.
    #[error("{0}")]
    Arrow(String),
}

/// Turns a parser's table into rows that lack nothing but their sequence numbers.
///
/// `host` has one row for each event. A column that is left out is absent where the kind
/// has an option, an empty list where it has a list, and neutral elsewhere. An optional
/// record is there in the rows in which a column below it has a value. What `valid`
/// excludes is absent, or neutral where the kind knows no absence.
///
/// # Errors
/// With the column and what is wrong with it. Nothing of the table is used then.
pub fn segment(
    kind: Kind,
    columns: Vec<TableColumn>,
    host: HostColumns,
) -> Result<Segment, TableError> {
    let rows = host.len();
    if rows == 0 || rows > MAX_TABLE_ROWS {
        return Err(TableError {
            kind,
            field: None,
            problem: TableProblem::Rows(rows),
        });
    }
    let checked = check::check(kind, columns, rows)?;
    assemble::assemble(kind, checked, host, rows)
}
