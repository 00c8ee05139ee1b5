//! Rows that await their sequence numbers, and how batches are cut from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, new_null_array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{ArrowError, DataType};
use arrow_select::interleave::interleave;

use crate::attributes::{self, MAX_BATCH_ATTRIBUTES, name_of_column};
use crate::batch::{
    Batch, BatchError, Handling, MAX_BATCH_TEXT, MAX_ROWS, Parts, attributes_position,
};
use crate::builder::no_handling;
use crate::event::{MAX_SEQ, Source};
use crate::text_size::{add_rows, total};
use crate::types::Kind;

/// Rows of one kind that lack only source and sequence number: what a parser returned,
/// or a batch that is to be cut anew.
#[derive(Clone, Debug)]
pub struct Segment {
    pub(crate) kind: Kind,
    pub(crate) times: ScalarBuffer<u64>,
    pub(crate) ingest_times: ScalarBuffer<u64>,
    pub(crate) handling: Option<Handling>,
    pub(crate) body: Vec<ArrayRef>,
}

/// A row of a segment: which segment, which row.
pub type Pick = (u32, u32);

impl Segment {
    /// The kind of its rows.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How many rows it has; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a segment is never empty")]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// When the events happened, in nanoseconds.
    pub fn times(&self) -> &[u64] {
        &self.times
    }

    /// Names of attributes, with whether the column holds text.
    fn attributes(&self) -> impl Iterator<Item = (&str, bool, &ArrayRef)> {
        let at = attributes_position(self.kind);
        let array = at
            .and_then(|at| self.body.get(at))
            .and_then(|a| a.as_struct_opt());
        array.into_iter().flat_map(|array| {
            array
                .fields()
                .iter()
                .zip(array.columns())
                .map(|(field, column)| {
                    let text = *field.data_type() != DataType::Float64;
                    (name_of_column(field.name()), text, column)
                })
        })
    }
}

impl From<&Batch> for Segment {
    fn from(batch: &Batch) -> Self {
        batch.segment()
    }
}

/// Makes batches of the rows `picks` of `segments`, in that order, and gives them the
/// sequence numbers `seqs`. A batch ends after 1,024 rows, with the row that brings its
/// text to [`MAX_BATCH_TEXT`] bytes, or before its segments would have more than 256 names
/// of attributes together.
///
/// # Errors
/// When segments differ in kind, a pick is not there, there are not as many sequence
/// numbers as picks, or one is not below 2^40.
pub fn batches(
    source: &Arc<Source>,
    segments: &[Segment],
    picks: &[Pick],
    seqs: &[u64],
) -> Result<Vec<Batch>, BatchError> {
    let Some(kind) = segments.first().map(Segment::kind) else {
        return Ok(Vec::new());
    };
    let wrong = |problem: &str| BatchError::Columns {
        kind,
        problem: problem.to_owned(),
    };
    if segments.iter().any(|segment| segment.kind != kind) {
        return Err(wrong("the segments differ in kind"));
    }
    if picks.len() != seqs.len() {
        return Err(wrong("there must be as many sequence numbers as rows"));
    }
    if seqs.iter().any(|seq| *seq > MAX_SEQ) {
        return Err(wrong("a sequence number is not below 2^40"));
    }
    let there = |(segment, row): &Pick| {
        segments
            .get(*segment as usize)
            .is_some_and(|segment| (*row as usize) < segment.len())
    };
    if !picks.iter().all(there) {
        return Err(wrong("a row is picked that is not there"));
    }
    let sizes = text_sizes(segments);
    let mut done = Vec::new();
    let mut begin = 0;
    while begin < picks.len() {
        let rest = picks.get(begin..).unwrap_or_default();
        let end = begin + cut(segments, sizes.as_deref(), rest);
        let (picks, seqs) = (picks.get(begin..end), seqs.get(begin..end));
        let parts = gather(
            kind,
            segments,
            picks.unwrap_or_default(),
            seqs.unwrap_or_default(),
        );
        let parts = parts.map_err(|error| BatchError::columns(kind, &error))?;
        done.push(Batch::new(kind, Arc::clone(source), parts)?);
        begin = end;
    }
    Ok(done)
}

/// How many bytes of text each row of each segment has; none when all of them together
/// fit a batch.
fn text_sizes(segments: &[Segment]) -> Option<Vec<Vec<usize>>> {
    let columns = |segment: &Segment| -> Vec<ArrayRef> {
        let handling = segment.handling.iter();
        let handling = handling.flat_map(|h| [Arc::clone(&h.labels), Arc::clone(&h.refs)]);
        handling.chain(segment.body.iter().cloned()).collect()
    };
    let all = segments.iter().flat_map(columns);
    if all.map(|column| total(column.as_ref())).sum::<usize>() <= MAX_BATCH_TEXT {
        return None;
    }
    let of_segment = |segment: &Segment| {
        let mut sizes = vec![0; segment.len()];
        for column in columns(segment) {
            add_rows(column.as_ref(), &mut sizes);
        }
        sizes
    };
    Some(segments.iter().map(of_segment).collect())
}

/// How many rows the next batch takes; at least 1.
fn cut(segments: &[Segment], sizes: Option<&[Vec<usize>]>, picks: &[Pick]) -> usize {
    let mut most = picks.len().min(MAX_ROWS);
    if let Some(sizes) = sizes {
        let size = |(segment, row): &Pick| sizes.get(*segment as usize)?.get(*row as usize);
        let mut text = 0;
        let full = picks.iter().take(most).position(|pick| {
            text += size(pick).copied().unwrap_or(0);
            text >= MAX_BATCH_TEXT
        });
        most = full.map_or(most, |last| last + 1);
    }
    let columns: usize = segments
        .iter()
        .map(|segment| segment.attributes().count())
        .sum();
    if columns <= MAX_BATCH_ATTRIBUTES {
        return most;
    }
    let mut names = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for (taken, (segment, _)) in picks.iter().take(most).enumerate() {
        if !seen.insert(*segment) {
            continue;
        }
        let segment = segments.get(*segment as usize).into_iter();
        names.extend(
            segment
                .flat_map(Segment::attributes)
                .map(|(name, text, _)| (name, text)),
        );
        if names.len() > MAX_BATCH_ATTRIBUTES && taken > 0 {
            return taken;
        }
    }
    most
}

fn gather(
    kind: Kind,
    segments: &[Segment],
    picks: &[Pick],
    seqs: &[u64],
) -> Result<Parts, ArrowError> {
    let seqs = ScalarBuffer::from(seqs.to_vec());
    if let Some((segment, from)) = run(segments, picks) {
        return Ok(slice(segment, from, picks.len(), seqs));
    }
    // Only the segments that are picked from, numbered anew.
    let mut used: BTreeMap<u32, usize> = picks.iter().map(|(segment, _)| (*segment, 0)).collect();
    for (at, position) in used.values_mut().enumerate() {
        *position = at;
    }
    let parts: Vec<&Segment> = used
        .keys()
        .filter_map(|segment| segments.get(*segment as usize))
        .collect();
    let at: Vec<(usize, usize)> = picks
        .iter()
        .filter_map(|(segment, row)| Some((*used.get(segment)?, *row as usize)))
        .collect();
    let u64s = |of: fn(&Segment) -> &ScalarBuffer<u64>| -> ScalarBuffer<u64> {
        at.iter()
            .filter_map(|(part, row)| of(parts.get(*part)?).get(*row).copied())
            .collect::<Vec<_>>()
            .into()
    };
    let attributes = attributes_position(kind);
    let mut body = Vec::with_capacity(kind.arrow_fields().len());
    for column in 0..kind.arrow_fields().len() {
        if Some(column) == attributes {
            body.push(interleave_attributes(&parts, &at)?);
            continue;
        }
        let arrays: Vec<&dyn Array> = parts
            .iter()
            .filter_map(|part| part.body.get(column))
            .map(AsRef::as_ref)
            .collect();
        body.push(interleave(&arrays, &at)?);
    }
    Ok(Parts {
        times: u64s(|segment| &segment.times),
        ingest_times: u64s(|segment| &segment.ingest_times),
        seqs,
        handling: interleave_handling(&parts, &at)?,
        body,
    })
}

/// The segment and the row where the picks begin, when they are one run of rows.
fn run<'a>(segments: &'a [Segment], picks: &[Pick]) -> Option<(&'a Segment, usize)> {
    let (segment, from) = *picks.first()?;
    let one = (from..)
        .zip(picks)
        .all(|(row, pick)| *pick == (segment, row));
    one.then(|| {
        segments
            .get(segment as usize)
            .map(|segment| (segment, from as usize))
    })?
}

fn slice(segment: &Segment, from: usize, len: usize, seqs: ScalarBuffer<u64>) -> Parts {
    let cut = |array: &ArrayRef| array.slice(from, len);
    Parts {
        times: segment.times.slice(from, len),
        ingest_times: segment.ingest_times.slice(from, len),
        seqs,
        handling: segment.handling.as_ref().map(|handling| Handling {
            tlp: cut(&handling.tlp),
            labels: cut(&handling.labels),
            refs: cut(&handling.refs),
        }),
        body: segment.body.iter().map(cut).collect(),
    }
}

fn interleave_handling(
    parts: &[&Segment],
    at: &[(usize, usize)],
) -> Result<Option<Handling>, ArrowError> {
    if parts.iter().all(|part| part.handling.is_none()) {
        return Ok(None);
    }
    let all: Vec<Handling> = parts
        .iter()
        .map(|part| {
            part.handling
                .clone()
                .unwrap_or_else(|| no_handling(part.len()))
        })
        .collect();
    let pick = |of: fn(&Handling) -> &ArrayRef| {
        interleave(
            &all.iter()
                .map(|handling| of(handling).as_ref())
                .collect::<Vec<_>>(),
            at,
        )
    };
    Ok(Some(Handling {
        tlp: pick(|handling| &handling.tlp)?,
        labels: pick(|handling| &handling.labels)?,
        refs: pick(|handling| &handling.refs)?,
    }))
}

/// The attributes of all parts side by side, absent in the rows of parts without them.
fn interleave_attributes(
    parts: &[&Segment],
    at: &[(usize, usize)],
) -> Result<ArrayRef, ArrowError> {
    let columns: Vec<BTreeMap<(&str, bool), &ArrayRef>> = parts
        .iter()
        .map(|part| {
            part.attributes()
                .map(|(name, text, array)| ((name, text), array))
                .collect()
        })
        .collect();
    let names: BTreeSet<(&str, bool)> = columns.iter().flat_map(|c| c.keys().copied()).collect();
    let mut arrays = Vec::with_capacity(names.len());
    for (name, text) in names {
        let ty = if text {
            DataType::Utf8
        } else {
            DataType::Float64
        };
        let missing: Vec<ArrayRef> = parts
            .iter()
            .zip(&columns)
            .map(|(part, columns)| match columns.get(&(name, text)) {
                Some(array) => Arc::clone(array),
                None => new_null_array(&ty, part.len()),
            })
            .collect();
        let missing: Vec<&dyn Array> = missing.iter().map(AsRef::as_ref).collect();
        let array = interleave(&missing, at)?;
        // Names that none of these rows has would make batches depend on their
        // neighbours.
        if array.null_count() < array.len() {
            arrays.push((name.to_owned(), array));
        }
    }
    attributes::assemble(at.len(), arrays)
}
