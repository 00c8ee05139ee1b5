//! Rows as a plugin was lent them, in a form that can be kept and read again.
//!
//! A plugin is lent the columns that its subscription names, of the rows that passed its
//! predicates. [`KeptRows`] holds just these, and the envelope; made a [`Batch`] again, what was not
//! lent is neutral. Columns lie as Arrow has them, one node after another in the order of the
//! kind's fields, so that their types need not be kept and nesting has the depth of the kind. What
//! is read back may come from anybody: it is checked as a whole batch of foreign columns is.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array, UInt64Array, make_array};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema};
use arrow_select::take::take;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::attributes::{assemble, name_of_column};
use crate::batch::{Batch, BatchError, MAX_ROWS, attributes_position};
use crate::builder::{BatchBuilder, Stamp};
use crate::event::Source;
use crate::field::FieldInfo;
use crate::mask::Mask;
use crate::scalar::Timestamp;
use crate::types::{Body, Kind};

/// Why kept rows are no batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeptError {
    /// There is no such kind.
    #[error("there is no kind `{0}`")]
    Kind(String),
    /// The columns are not as Arrow has those of the kind.
    #[error("the kept columns are none: {0}")]
    Columns(String),
    /// They are no batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

/// Rows of one kind and source with the columns that a plugin was lent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptRows {
    kind: String,
    source: String,
    tenant: String,
    slot: u16,
    times: Vec<u64>,
    ingest_times: Vec<u64>,
    seqs: Vec<u64>,
    /// Marking, labels and references, where there are any.
    handling: Vec<Node>,
    /// Positions of the fields that are kept, ascending.
    fields: Vec<u32>,
    /// Their columns, each before those below it.
    nodes: Vec<Node>,
    /// Names of the attributes that are kept, with whether they are text, and their columns.
    attributes: Vec<(String, bool, Node)>,
}

/// An array without those below it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    rows: u32,
    nulls: Option<ByteBuf>,
    buffers: Vec<ByteBuf>,
}

fn arrow(error: ArrowError) -> KeptError {
    KeptError::Columns(error.to_string())
}

impl Batch {
    /// These rows of the batch, with the columns that `mask` shows and no others.
    ///
    /// # Errors
    /// When a row is not there.
    pub fn kept(&self, rows: &[u32], mask: &Mask) -> Result<KeptRows, KeptError> {
        let parts = self.parts();
        let picked = UInt32Array::from(rows.to_vec());
        let pick = |array: &ArrayRef| take(array.as_ref(), &picked, None).map_err(arrow);
        let u64s = |of: &[u64]| -> Result<Vec<u64>, KeptError> {
            let value = |row: &u32| of.get(*row as usize).copied();
            let values: Option<Vec<u64>> = rows.iter().map(value).collect();
            values.ok_or_else(|| KeptError::Columns("a row is not there".to_owned()))
        };
        let times = u64s(&parts.times)?;
        let (mut fields, mut nodes, mut attributes) = (Vec::new(), Vec::new(), Vec::new());
        let at_attributes = attributes_position(self.kind());
        for (at, array) in parts.body.iter().enumerate() {
            if Some(at) == at_attributes {
                let columns = array.as_struct_opt();
                for (field, column) in columns
                    .iter()
                    .flat_map(|c| c.fields().iter().zip(c.columns()))
                {
                    let name = name_of_column(field.name());
                    if mask.attribute(name) {
                        let text = *field.data_type() == DataType::Utf8;
                        let mut one = Vec::with_capacity(1);
                        write(&pick(column)?.to_data(), &mut one);
                        attributes.extend(one.pop().map(|node| (name.to_owned(), text, node)));
                    }
                }
            } else if self.lends(at, mask) {
                fields.push(at as u32);
                write(&pick(array)?.to_data(), &mut nodes);
            }
        }
        let mut handling = Vec::new();
        for array in parts
            .handling
            .iter()
            .flat_map(|h| [&h.tlp, &h.labels, &h.refs])
        {
            write(&pick(array)?.to_data(), &mut handling);
        }
        let source = self.source();
        Ok(KeptRows {
            kind: self.kind().name().to_owned(),
            source: source.name.clone(),
            tenant: source.tenant.clone(),
            slot: source.slot,
            times,
            ingest_times: u64s(&parts.ingest_times)?,
            seqs: u64s(&parts.seqs)?,
            handling,
            fields,
            nodes,
            attributes,
        })
    }

    /// Whether anything of the body's field at a position is shown.
    fn lends(&self, at: usize, mask: &Mask) -> bool {
        let shows = |(position, info): (usize, &FieldInfo)| {
            info.path.first() == Some(&at) && mask.any(position, 0)
        };
        self.kind().fields().iter().enumerate().any(shows)
    }
}

/// Writes an array and those below it.
fn write(data: &ArrayData, to: &mut Vec<Node>) {
    let nulls = data.nulls().filter(|nulls| nulls.null_count() > 0);
    to.push(Node {
        rows: data.len() as u32,
        nulls: nulls.map(|nulls| ByteBuf::from(nulls.inner().sliced().to_vec())),
        buffers: data
            .buffers()
            .iter()
            .map(|buffer| ByteBuf::from(buffer.to_vec()))
            .collect(),
    });
    data.child_data().iter().for_each(|child| write(child, to));
}

/// Reads an array of a type, and those below it.
fn read(ty: &DataType, nodes: &mut std::slice::Iter<'_, Node>) -> Result<ArrayData, KeptError> {
    let node = nodes
        .next()
        .ok_or_else(|| KeptError::Columns("a column is missing".to_owned()))?;
    let children = match ty {
        DataType::Struct(fields) => fields
            .iter()
            .map(|field| read(field.data_type(), nodes))
            .collect::<Result<_, _>>()?,
        DataType::List(item) => vec![read(item.data_type(), nodes)?],
        _ => Vec::new(),
    };
    let buffer = |bytes: &ByteBuf| Buffer::from_slice_ref(bytes.as_slice());
    let data = ArrayData::builder(ty.clone())
        .len(node.rows as usize)
        .null_bit_buffer(node.nulls.as_ref().map(buffer))
        .buffers(node.buffers.iter().map(buffer).collect())
        .child_data(children)
        .align_buffers(true);
    data.build().map_err(arrow)
}

impl KeptRows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.seqs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.seqs.is_empty()
    }

    /// The rows as a batch; what was not kept is neutral.
    ///
    /// # Errors
    /// When they are no batch of their kind.
    pub fn batch(&self) -> Result<Batch, KeptError> {
        let kind = Kind::from_name(&self.kind).ok_or_else(|| KeptError::Kind(self.kind.clone()))?;
        let rows = self.seqs.len();
        if rows == 0
            || rows > MAX_ROWS
            || [&self.times, &self.ingest_times]
                .iter()
                .any(|of| of.len() != rows)
        {
            return Err(BatchError::Rows { kind, rows }.into());
        }
        let source = Arc::new(Source {
            slot: self.slot,
            name: self.source.clone(),
            tenant: self.tenant.clone(),
        });
        let neutral = neutral(kind, rows)?;
        let mut columns: Vec<ArrayRef> = [&self.seqs, &self.times, &self.ingest_times]
            .iter()
            .map(|values| -> ArrayRef { Arc::new(UInt64Array::from((*values).clone())) })
            .collect();
        let (names, mut body) = (neutral.schema(), neutral.columns().to_vec());
        let handling = body.get(3..6).unwrap_or_default().to_vec();
        match self.handling.is_empty() {
            true => columns.extend(handling),
            false => {
                let mut nodes = self.handling.iter();
                for array in handling {
                    columns.push(make_array(read(array.data_type(), &mut nodes)?));
                }
                ended(nodes)?;
            }
        }
        body.drain(..6);
        let mut nodes = self.nodes.iter();
        let attributes = attributes_position(kind);
        for at in &self.fields {
            let at = *at as usize;
            let field = kind
                .arrow_fields()
                .get(at)
                .filter(|_| Some(at) != attributes);
            let (Some(field), Some(column)) = (field, body.get_mut(at)) else {
                return Err(KeptError::Columns(format!("there is no column {at}")));
            };
            *column = make_array(read(field.data_type(), &mut nodes)?);
        }
        ended(nodes)?;
        if let Some(column) = attributes.and_then(|at| body.get_mut(at)) {
            *column = self.attributes(rows)?;
        } else if !self.attributes.is_empty() {
            return Err(KeptError::Columns(format!("{kind} has no attributes")));
        }
        columns.extend(body);
        let fields: Vec<FieldRef> = names
            .fields()
            .iter()
            .zip(&columns)
            .map(|(field, column)| {
                Arc::new(Field::new(field.name(), column.data_type().clone(), true))
            })
            .collect();
        let whole = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
        Ok(Batch::from_record_batch(
            kind,
            source,
            &whole.map_err(arrow)?,
        )?)
    }

    /// The column of attributes; those that no row has are left out, as in any batch.
    fn attributes(&self, rows: usize) -> Result<ArrayRef, KeptError> {
        let mut columns = Vec::with_capacity(self.attributes.len());
        for (name, text, node) in &self.attributes {
            let ty = match text {
                true => DataType::Utf8,
                false => DataType::Float64,
            };
            let data = read(&ty, &mut std::slice::from_ref(node).iter())?;
            if data.len() != rows {
                return Err(KeptError::Columns(format!(
                    "attribute `{name}` has {} rows of {rows}",
                    data.len()
                )));
            }
            columns.push((name.clone(), make_array(data)));
        }
        assemble(rows, columns).map_err(arrow)
    }
}

fn ended(mut nodes: std::slice::Iter<'_, Node>) -> Result<(), KeptError> {
    match nodes.next() {
        None => Ok(()),
        Some(_) => Err(KeptError::Columns("a column is left over".to_owned())),
    }
}

/// Rows of which nothing is known.
fn neutral(kind: Kind, rows: usize) -> Result<RecordBatch, KeptError> {
    let mut builder = BatchBuilder::new(kind, Arc::default());
    for seq in 0..rows as u64 {
        let stamp = Stamp {
            time: Timestamp(0),
            ingest_time: Timestamp(0),
            seq,
        };
        let pushed = builder.push(stamp, &Body::neutral(kind));
        pushed.map_err(|error| KeptError::Columns(error.to_string()))?;
    }
    builder.finish()?.record_batch().map_err(arrow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Mode, parse_event};

    fn batch(kind: Kind, texts: &[&str]) -> Batch {
        let source = Arc::new(Source {
            slot: 3,
            name: "log".to_owned(),
            tenant: "t".to_owned(),
        });
        let mut builder = BatchBuilder::new(kind, source);
        for (text, seq) in texts.iter().zip(0..) {
            let event = parse_event(text.as_bytes(), Mode::Vector).unwrap();
            let stamp = Stamp {
                time: event.envelope.time,
                ingest_time: event.envelope.time,
                seq,
            };
            builder.push(stamp, &event.body).unwrap();
            builder.handle(event.envelope.tlp, &event.envelope.labels, &[]);
        }
        builder.finish().unwrap()
    }

    fn dns() -> Batch {
        batch(
            Kind::NetworkDns,
            &[
                r#"{"kind":"network.dns","time":"2026-01-01T00:00:00Z","qname":"a.example","src":{"ip":"10.0.0.1","port":5},"answers":[{"name":"a.example","rtype":"A","ttl":5,"rdata":"1.2.3.4"}]}"#,
                r#"{"kind":"network.dns","time":"2026-01-01T00:00:01Z","qname":"b.example","src":{"ip":"10.0.0.2"},"labels":["embargo:x"],"tlp":"red"}"#,
                r#"{"kind":"network.dns","time":"2026-01-01T00:00:02Z","qname":"c.example"}"#,
            ],
        )
    }

    #[test]
    fn what_was_lent_comes_back_and_nothing_else() {
        let batch = dns();
        let mask = Mask::of(Kind::NetworkDns, ["qname", "src.ip"]).unwrap();
        let kept = batch.kept(&[0, 1], &mask).unwrap();
        let bytes = postcard::to_stdvec(&kept).unwrap();
        let again: KeptRows = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(kept, again);
        let again = again.batch().unwrap();
        assert_eq!(again.len(), 2);
        for row in 0..2 {
            assert_eq!(again.event_ref(row), batch.event_ref(row));
            assert_eq!(again.body_masked(row, &mask), batch.body_masked(row, &mask));
            assert_eq!(again.envelope(row), batch.envelope(row));
        }
        let Some(Body::NetworkDns(body)) = again.body(0) else {
            panic!("another kind");
        };
        assert!(body.answers.is_empty());
        // Everything, the last row first seen alone.
        let whole = batch.kept(&[2], &Mask::ALL).unwrap().batch().unwrap();
        assert_eq!(whole.event_id(0), batch.event_id(2));
        assert!(batch.kept(&[3], &Mask::ALL).is_err());
    }

    #[test]
    fn every_kind_comes_back_whole() {
        for kind in Kind::ALL {
            let mut builder = BatchBuilder::new(*kind, Arc::default());
            for seq in 0..3 {
                let stamp = Stamp {
                    time: Timestamp(seq),
                    ingest_time: Timestamp(seq),
                    seq,
                };
                builder.push(stamp, &Body::neutral(*kind)).unwrap();
            }
            let batch = builder.finish().unwrap();
            let again = batch.kept(&[0, 2], &Mask::ALL).unwrap().batch().unwrap();
            assert_eq!(again.event(1), batch.event(2), "{kind}");
        }
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let mask = Mask::of(Kind::NetworkDns, ["qname", "answers"]).unwrap();
        let kept = dns().kept(&[0, 1, 2], &mask).unwrap();
        let spoilt = |spoil: &dyn Fn(&mut KeptRows)| {
            let mut kept = kept.clone();
            spoil(&mut kept);
            kept.batch().map(|_| ()).unwrap_err().to_string()
        };
        assert!(spoilt(&|kept| kept.kind = "no.kind".into()).contains("no.kind"));
        assert!(spoilt(&|kept| kept.times.clear()).contains("rows"));
        assert!(spoilt(&|kept| kept.nodes.truncate(1)).contains("missing"));
        assert!(spoilt(&|kept| kept.nodes.push(kept.nodes[0].clone())).contains("left over"));
        assert!(spoilt(&|kept| kept.fields[0] = 900).contains("900"));
        assert!(spoilt(&|kept| kept.seqs[0] = u64::MAX).contains("2^40"));
        assert!(spoilt(&|kept| kept.slot = u16::MAX).contains("slot"));
        for at in 0..kept.nodes.len() {
            spoilt(&|kept| kept.nodes[at].rows += 1_000_000);
            if !kept.nodes[at].buffers.is_empty() {
                spoilt(&|kept| {
                    kept.nodes[at].buffers.pop();
                });
            }
        }
        // Whatever lies where offsets are expected.
        for at in 0..kept.nodes.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut kept = kept.clone();
                for buffer in &mut kept.nodes[at].buffers {
                    buffer.iter_mut().for_each(|of| *of = byte);
                }
                let _ = kept.batch().map(|batch| batch.event(0));
            }
        }
    }
}
