//! Events of one kind and source, in columns.

use std::sync::{Arc, OnceLock};

use arrow_array::{Array, ArrayRef};
use arrow_buffer::ScalarBuffer;
use arrow_schema::ArrowError;

use crate::arrow::{check, check_attributes};
use crate::builder::no_handling;
use crate::column::{AttributeColumns, Column, ColumnError, extract};
use crate::columnar::Columnar;
use crate::digest::Digest;
use crate::event::{Envelope, Event, MAX_SEQ, MAX_SLOT, Source, event_id};
use crate::field::{ColumnType, FieldId, FieldInfo};
use crate::mask::{Mask, field, located};
use crate::scalar::Timestamp;
use crate::segment::Segment;
use crate::table::{HostColumns, TableColumn, TableError};
use crate::types::{Body, Kind, Tlp};

/// Most events in a batch.
pub const MAX_ROWS: usize = 1024;

/// Bytes of text with which a batch is full: it ends with the event that reaches them, so
/// that it holds at most that event's text more.
pub const MAX_BATCH_TEXT: usize = 4 << 20;

/// Bytes that a batch takes beside its columns, and the column of an attribute beside its
/// values: what finds them, and what is made of them.
const SIZE_OF_BATCH: usize = 8 << 10;
const SIZE_OF_ATTRIBUTE: usize = 512;

/// Why columns are no batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// There is no row, or more than 1,024.
    #[error("a batch of {kind} has {rows} rows; it must have 1 to {MAX_ROWS}")]
    Rows {
        /// The kind.
        kind: Kind,
        /// How many rows there are.
        rows: usize,
    },
    /// The source has a place for which event references have no room.
    #[error("source `{source_name}` has slot {slot}; the highest is {MAX_SLOT}")]
    Slot {
        /// The source.
        source_name: String,
        /// Its slot.
        slot: u16,
    },
    /// A column is of another length or type than the kind demands.
    #[error("the columns of {kind} do not fit: {problem}")]
    Columns {
        /// The kind.
        kind: Kind,
        /// What Arrow says.
        problem: String,
    },
}

/// Why a parser's columns are no batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FromColumnsError {
    /// The columns break the contract.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The rows are no batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

impl BatchError {
    pub(crate) fn columns(kind: Kind, error: &ArrowError) -> Self {
        Self::Columns {
            kind,
            problem: error.to_string(),
        }
    }
}

/// Marking, labels and references.
#[derive(Clone, Debug)]
pub(crate) struct Handling {
    pub(crate) tlp: ArrayRef,
    pub(crate) labels: ArrayRef,
    pub(crate) refs: ArrayRef,
}

/// What a batch is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) times: ScalarBuffer<u64>,
    pub(crate) ingest_times: ScalarBuffer<u64>,
    pub(crate) seqs: ScalarBuffer<u64>,
    pub(crate) handling: Option<Handling>,
    pub(crate) body: Vec<ArrayRef>,
}

#[derive(Debug)]
struct Inner {
    kind: Kind,
    source: Arc<Source>,
    parts: Parts,
    attributes: Vec<AttributeColumns>,
    columns: Box<[OnceLock<Result<Column, ColumnError>>]>,
    ids: OnceLock<Box<[OnceLock<Digest>]>>,
}

/// 1 to 1,024 events of one kind from one source, in columns. Cloning is cheap; clones
/// share the columns that were made of it.
#[derive(Clone, Debug)]
pub struct Batch(Arc<Inner>);

impl Batch {
    pub(crate) fn new(kind: Kind, source: Arc<Source>, parts: Parts) -> Result<Self, BatchError> {
        let rows = parts.seqs.len();
        if rows == 0 || rows > MAX_ROWS {
            return Err(BatchError::Rows { kind, rows });
        }
        if source.slot > MAX_SLOT {
            return Err(BatchError::Slot {
                source_name: source.name.clone(),
                slot: source.slot,
            });
        }
        for (column, field) in parts.body.iter().zip(kind.arrow_fields()) {
            if column.len() != rows {
                let problem = format!("`{}` has {} rows of {rows}", field.name(), column.len());
                return Err(BatchError::Columns { kind, problem });
            }
        }
        let attributes = attributes_position(kind).and_then(|at| parts.body.get(at));
        let attributes = attributes.map(AttributeColumns::of).unwrap_or_default();
        let columns = kind.all_fields().map(|_| OnceLock::new()).collect();
        let ids = OnceLock::new();
        Ok(Self(Arc::new(Inner {
            kind,
            source,
            parts,
            attributes,
            columns,
            ids,
        })))
    }

    /// The kind of its events.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// How many events it has; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.0.parts.seqs.len()
    }

    /// Where its events come from.
    pub fn source(&self) -> &Arc<Source> {
        &self.0.source
    }

    /// When the events happened, in nanoseconds.
    pub fn times(&self) -> &[u64] {
        &self.0.parts.times
    }

    /// When the host took them in, in nanoseconds.
    pub fn ingest_times(&self) -> &[u64] {
        &self.0.parts.ingest_times
    }

    /// Their numbers among the events of the source.
    pub fn seqs(&self) -> &[u64] {
        &self.0.parts.seqs
    }

    /// Bytes that it takes in memory, about; memory that it shares with other batches counts
    /// in full.
    pub fn size(&self) -> usize {
        let parts = &self.0.parts;
        let stamps = 3 * 8 * self.len();
        let handling = parts.handling.iter();
        let handling = handling.flat_map(|h| [&h.tlp, &h.labels, &h.refs]);
        let arrays = handling.chain(&parts.body);
        let arrays: usize = arrays.map(|array| array.get_array_memory_size()).sum();
        let names = self.0.attributes.len() * SIZE_OF_ATTRIBUTE;
        SIZE_OF_BATCH + stamps + arrays + names
    }

    /// The reference of the event at `row`, if there is one.
    pub fn event_ref(&self, row: usize) -> Option<u64> {
        self.seqs()
            .get(row)
            .map(|seq| self.0.source.event_ref(*seq))
    }

    /// The id of the event at `row`, if there is one; see [`event_id`].
    pub fn event_id(&self, row: usize) -> Option<Digest> {
        let body = self.body(row)?;
        let ids = self
            .0
            .ids
            .get_or_init(|| (0..self.len()).map(|_| OnceLock::new()).collect());
        let time = Timestamp(*self.times().get(row)?);
        Some(
            *ids.get(row)?
                .get_or_init(|| event_id(&self.0.source.name, time, &body)),
        )
    }

    /// The body of the event at `row`, if there is one.
    pub fn body(&self, row: usize) -> Option<Body> {
        self.body_masked(row, &Mask::ALL)
    }

    /// As [`body`](Self::body); what `mask` hides is neutral.
    pub fn body_masked(&self, row: usize, mask: &Mask) -> Option<Body> {
        (row < self.len()).then(|| Body::read(self.kind(), &self.0.parts.body, row, mask))
    }

    /// Bytes that the body of the event at `row` takes, about, as [`body`](Self::body) gives it.
    pub fn body_size(&self, row: usize) -> usize {
        let columns = self.0.parts.body.iter();
        let values = columns.map(|c| crate::text_size::as_values(c.as_ref(), row, row + 1));
        size_of::<Body>() + values.sum::<usize>()
    }

    /// The envelope of the event at `row`, if there is one.
    pub fn envelope(&self, row: usize) -> Option<Envelope> {
        let parts = &self.0.parts;
        let handling = parts.handling.as_ref();
        Some(Envelope {
            time: Timestamp(*parts.times.get(row)?),
            ingest_time: Timestamp(*parts.ingest_times.get(row)?),
            source: Arc::clone(&self.0.source),
            seq: *parts.seqs.get(row)?,
            tlp: handling.and_then(|h| Option::<Tlp>::read(&h.tlp, row, &Mask::ALL, 0)),
            labels: handling.map_or_else(Vec::new, |h| Vec::read(&h.labels, row, &Mask::ALL, 0)),
            refs: handling.map_or_else(Vec::new, |h| Vec::read(&h.refs, row, &Mask::ALL, 0)),
        })
    }

    /// Whether any of its events has a marking, labels or references.
    pub fn has_handling(&self) -> bool {
        self.0.parts.handling.is_some()
    }

    /// The event at `row`, if there is one.
    pub fn event(&self, row: usize) -> Option<Event> {
        Some(Event {
            envelope: self.envelope(row)?,
            body: self.body(row)?,
        })
    }

    /// The column of a field of the body, of the envelope, or of an attribute that the
    /// batch has. Made at the first call and shared from then on.
    ///
    /// # Errors
    /// See [`ColumnError`].
    pub fn column(&self, id: FieldId) -> Result<Column, ColumnError> {
        let kind = self.kind();
        if let Some((at, info)) = located(kind, id) {
            return self.made(at, info);
        }
        match self.0.attributes.iter().find(|columns| columns.id == id) {
            Some(columns) => columns.column(None),
            None if kind.has_attributes() => Err(ColumnError::AbsentAttribute { kind, id }),
            None => Err(ColumnError::UnknownField { kind, id }),
        }
    }

    /// As [`column`](Self::column), for a reader that wants this type. An attribute that
    /// no event of the batch has comes as zeros or empty texts, none of them valid; where
    /// an attribute holds text in some events and numbers in others, those of the other
    /// type are zero or empty.
    ///
    /// # Errors
    /// See [`ColumnError`].
    pub fn column_as(&self, id: FieldId, ty: ColumnType) -> Result<Column, ColumnError> {
        let kind = self.kind();
        if let Some((at, info)) = located(kind, id) {
            return match info.ty.column() {
                Some(actual) if actual == ty => self.made(at, info),
                actual => Err(ColumnError::Type {
                    field: info.name,
                    wanted: ty,
                    actual,
                }),
            };
        }
        if !kind.has_attributes() {
            return Err(ColumnError::UnknownField { kind, id });
        }
        match self.0.attributes.iter().find(|columns| columns.id == id) {
            Some(columns) => columns.column(Some(ty)),
            None if matches!(ty, ColumnType::F64 | ColumnType::Text) => {
                Ok(Column::absent(ty, self.len()))
            }
            None => Err(ColumnError::AttributeType { wanted: ty }),
        }
    }

    /// The column at a position, made at the first call.
    fn made(&self, at: usize, info: &'static FieldInfo) -> Result<Column, ColumnError> {
        let kind = self.kind();
        let Some(cell) = self.0.columns.get(at) else {
            return Err(ColumnError::UnknownField { kind, id: info.id });
        };
        let made = cell.get_or_init(|| match info.path {
            _ if at >= kind.fields().len() => self.envelope_column(info.name),
            path => extract(&self.0.parts.body, path, info),
        });
        made.clone()
    }

    /// The names of the attributes that its events have, bytewise.
    pub fn attribute_names(&self) -> impl Iterator<Item = &str> {
        self.0
            .attributes
            .iter()
            .map(|columns| columns.name.as_str())
    }

    /// The same events with another column of a field of the body's own, not of a record
    /// within it, such as `owner` or `direction`: what enrichment fills in.
    ///
    /// # Errors
    /// When the kind has no such field, or the array is of another type or length.
    pub fn with_field(&self, name: &str, array: ArrayRef) -> Result<Self, BatchError> {
        let kind = self.kind();
        let parts = &self.0.parts;
        let mut fields = kind.arrow_fields().iter().enumerate();
        let Some((at, field)) = fields.find(|(_, field)| field.name() == name) else {
            let problem = format!("there is no field `{name}`");
            return Err(BatchError::Columns { kind, problem });
        };
        let checked = match Some(at) == attributes_position(kind) {
            true => check_attributes(&array),
            false => check(field, &array),
        };
        checked.map_err(|problem| BatchError::Columns {
            kind,
            problem: format!("`{name}`: {problem}"),
        })?;
        let mut body = parts.body.clone();
        if let Some(column) = body.get_mut(at) {
            *column = array;
        }
        let parts = Parts {
            times: parts.times.clone(),
            ingest_times: parts.ingest_times.clone(),
            seqs: parts.seqs.clone(),
            handling: parts.handling.clone(),
            body,
        };
        Self::new(kind, Arc::clone(&self.0.source), parts)
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0.parts
    }

    /// Its rows, to be cut anew; shares their memory.
    pub(crate) fn segment(&self) -> Segment {
        let parts = &self.0.parts;
        Segment {
            kind: self.kind(),
            times: parts.times.clone(),
            ingest_times: parts.ingest_times.clone(),
            handling: parts.handling.clone(),
            body: parts.body.clone(),
        }
    }

    /// A batch of the columns that a parser returned, one row for each of `host` and of
    /// `seqs`; see [`table::segment`](crate::table::segment).
    ///
    /// # Errors
    /// When the columns break the contract, or there are more than 1,024 rows.
    pub fn from_columns(
        kind: Kind,
        source: Arc<Source>,
        columns: Vec<TableColumn>,
        host: HostColumns,
        seqs: Vec<u64>,
    ) -> Result<Self, FromColumnsError> {
        let segment = crate::table::segment(kind, columns, host)?;
        let rows = segment.len();
        if seqs.len() != rows || seqs.iter().any(|seq| *seq > MAX_SEQ) {
            let problem = "there must be as many sequence numbers below 2^40 as rows".to_owned();
            return Err(BatchError::Columns { kind, problem }.into());
        }
        let Segment {
            times,
            ingest_times,
            handling,
            body,
            ..
        } = segment;
        let parts = Parts {
            times,
            ingest_times,
            seqs: seqs.into(),
            handling,
            body,
        };
        Ok(Self::new(kind, source, parts)?)
    }

    fn envelope_column(&self, name: &'static str) -> Result<Column, ColumnError> {
        let parts = &self.0.parts;
        let rows = self.len();
        Ok(match name {
            "event-ref" => {
                let refs = parts.seqs.iter().map(|seq| self.0.source.event_ref(*seq));
                Column::of_u64(refs.collect())
            }
            "time" => Column::of_u64(parts.times.as_ref().into()),
            "ingest-time" => Column::of_u64(parts.ingest_times.as_ref().into()),
            "seq" => Column::of_u64(parts.seqs.as_ref().into()),
            "tenant" => Column::repeated_text(&self.0.source.tenant, rows),
            "source" => Column::repeated_text(&self.0.source.name, rows),
            _ => {
                let info =
                    field(self.kind(), FieldId::of(name)).ok_or(ColumnError::UnknownField {
                        kind: self.kind(),
                        id: FieldId::of(name),
                    })?;
                let handling = parts.handling.clone().unwrap_or_else(|| no_handling(rows));
                let array = match name {
                    "tlp" => handling.tlp,
                    "labels" => handling.labels,
                    _ => handling.refs,
                };
                extract(&[array], &[0], info)?
            }
        })
    }
}

/// Which field of the kind's body holds attributes.
pub(crate) fn attributes_position(kind: Kind) -> Option<usize> {
    field(kind, FieldId::of("attributes")).and_then(|info| info.path.first().copied())
}
