//! Building a batch row by row.

use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray, StringArray, UInt8Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, Field};

use crate::attributes::{MAX_ATTRIBUTES, MAX_BATCH_ATTRIBUTES};
use crate::batch::{Batch, BatchError, Handling, MAX_BATCH_TEXT, MAX_ROWS, Parts};
use crate::codes::CodeBuilder;
use crate::columnar::{ColumnBuilder, ListBuilder, OptionBuilder, arrow_field};
use crate::event::{Event, MAX_SEQ, Source};
use crate::scalar::Timestamp;
use crate::types::{Body, BodyBuilder, Kind, Tlp};

/// What every event is stamped with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// When it happened.
    pub time: Timestamp,
    /// When the host took it in.
    pub ingest_time: Timestamp,
    /// Number among the events of its source; below 2^40.
    pub seq: u64,
}

/// Why an event does not fit a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The batch has as many rows, attribute names or texts as it may have.
    #[error("the batch of {0} is full; finish it and push into the next")]
    Full(Kind),
    /// The event is of another kind.
    #[error("an event of kind {1} does not go into a batch of {0}")]
    Kind(Kind, Kind),
    /// The sequence number is too large for event references.
    #[error("sequence number {0} is not below 2^40")]
    Seq(u64),
}

#[derive(Debug, Default)]
struct HandlingBuilder {
    tlp: OptionBuilder<CodeBuilder<Tlp>>,
    labels: ListBuilder<String>,
    refs: ListBuilder<String>,
}

impl HandlingBuilder {
    fn pad(&mut self, rows: usize) {
        while self.labels.len() < rows {
            self.tlp.none::<Tlp>();
            self.labels.push_neutral();
            self.refs.push_neutral();
        }
    }
}

/// Builds batches of one kind from one source, one after another.
#[derive(Debug)]
pub struct BatchBuilder {
    kind: Kind,
    source: Arc<Source>,
    times: Vec<u64>,
    ingest_times: Vec<u64>,
    seqs: Vec<u64>,
    // Most events have no marking, no label and no reference.
    handling: Option<HandlingBuilder>,
    /// Bytes of its labels and references.
    handling_text: usize,
    body: BodyBuilder,
}

impl BatchBuilder {
    /// An empty batch.
    pub fn new(kind: Kind, source: Arc<Source>) -> Self {
        Self {
            kind,
            source,
            times: Vec::new(),
            ingest_times: Vec::new(),
            seqs: Vec::new(),
            handling: None,
            handling_text: 0,
            body: BodyBuilder::new(kind),
        }
    }

    /// The kind of its events.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where its events come from.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// How many events it has.
    pub fn len(&self) -> usize {
        self.seqs.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.seqs.is_empty()
    }

    /// Whether it must be finished before another event is pushed: it has 1,024 events,
    /// [`MAX_BATCH_TEXT`] bytes of text, or so many names of attributes that the next
    /// event's might not fit.
    pub fn is_full(&self) -> bool {
        let names = self.body.attribute_columns();
        self.len() >= MAX_ROWS
            || names + MAX_ATTRIBUTES > MAX_BATCH_ATTRIBUTES
            || self.body.text_size() + self.handling_text >= MAX_BATCH_TEXT
    }

    /// Appends an event without marking, labels and references.
    ///
    /// # Errors
    /// When it is of another kind, or the batch is full.
    pub fn push(&mut self, stamp: Stamp, body: &Body) -> Result<(), PushError> {
        if body.kind() != self.kind {
            return Err(PushError::Kind(self.kind, body.kind()));
        }
        let pushed = self.row(stamp)?.push(body);
        debug_assert!(pushed, "the kind was compared");
        Ok(())
    }

    /// Appends an event with all of its envelope but the source, which is the batch's.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_event(&mut self, event: &Event) -> Result<(), PushError> {
        let envelope = &event.envelope;
        let stamp = Stamp {
            time: envelope.time,
            ingest_time: envelope.ingest_time,
            seq: envelope.seq,
        };
        self.push(stamp, &event.body)?;
        self.handle(envelope.tlp, &envelope.labels, &envelope.refs);
        Ok(())
    }

    /// Stamps a row and returns the columns, into each of which the caller pushes one
    /// value. A row that is not filled makes [`finish`](Self::finish) fail.
    ///
    /// # Errors
    /// When the batch is full.
    pub fn row(&mut self, stamp: Stamp) -> Result<&mut BodyBuilder, PushError> {
        if self.is_full() {
            return Err(PushError::Full(self.kind));
        }
        if stamp.seq > MAX_SEQ {
            return Err(PushError::Seq(stamp.seq));
        }
        self.times.push(stamp.time.0);
        self.ingest_times.push(stamp.ingest_time.0);
        self.seqs.push(stamp.seq);
        Ok(&mut self.body)
    }

    /// Gives the last row its marking, labels and references.
    pub fn handle(&mut self, tlp: Option<Tlp>, labels: &[String], refs: &[String]) {
        let rows = self.len();
        if rows == 0 || (tlp.is_none() && labels.is_empty() && refs.is_empty()) {
            return;
        }
        let handling = self.handling.get_or_insert_default();
        handling.pad(rows - 1);
        if handling.labels.len() < rows {
            handling.tlp.push(&tlp);
            for (list, values) in [(&mut handling.labels, labels), (&mut handling.refs, refs)] {
                for value in values {
                    list.items.push_str(value);
                    self.handling_text += value.len();
                }
                list.end_row();
            }
        }
    }

    /// The batch; the builder is empty again and keeps its kind and source.
    ///
    /// # Errors
    /// When there is no row, when columns differ in length, and when a text column
    /// exceeds 2 GiB. The rows are lost then.
    pub fn finish(&mut self) -> Result<Batch, BatchError> {
        let rows = self.len();
        let take = |values: &mut Vec<u64>| {
            ScalarBuffer::from(std::mem::replace(values, Vec::with_capacity(rows)))
        };
        let (times, ingest_times) = (take(&mut self.times), take(&mut self.ingest_times));
        let seqs = take(&mut self.seqs);
        let handling = self.handling.take();
        self.handling_text = 0;
        let body = self
            .body
            .finish()
            .map_err(|e| BatchError::columns(self.kind, &e));
        let handling = handling
            .map(|mut handling| -> Result<Handling, ArrowError> {
                handling.pad(rows);
                Ok(Handling {
                    tlp: ColumnBuilder::<Option<Tlp>>::finish(&mut handling.tlp, None)?,
                    labels: handling.labels.finish(None)?,
                    refs: handling.refs.finish(None)?,
                })
            })
            .transpose()
            .map_err(|e| BatchError::columns(self.kind, &e))?;
        let source = Arc::clone(&self.source);
        Batch::new(
            self.kind,
            source,
            Parts {
                times,
                ingest_times,
                seqs,
                handling,
                body: body?,
            },
        )
    }
}

/// Columns of events that have neither marking nor labels nor references.
pub(crate) fn no_handling(rows: usize) -> Handling {
    let list: ArrayRef = {
        let field = Arc::new(arrow_field::<String>(Field::LIST_FIELD_DEFAULT_NAME));
        let offsets = OffsetBuffer::new_zeroed(rows);
        let items: ArrayRef = Arc::new(StringArray::new_null(0));
        Arc::new(ListArray::new(field, offsets, items, None))
    };
    let tlp: ArrayRef = Arc::new(UInt8Array::new_null(rows));
    Handling {
        tlp,
        labels: Arc::clone(&list),
        refs: list,
    }
}
