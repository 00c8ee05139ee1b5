//! Batches as Arrow record batches, for recordings and other tools.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, UInt8Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, UInt64Array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema};

use crate::attributes::check_assembled;
use crate::batch::{Batch, BatchError, Handling, MAX_BATCH_TEXT, Parts, attributes_position};
use crate::builder::no_handling;
use crate::columnar::arrow_field;
use crate::event::{MAX_SEQ, Source};
use crate::field::FieldInfo;
use crate::scalar::Timestamp;
use crate::text_size::text_fits;
use crate::types::{Kind, Tlp};

/// How many columns come before those of the body.
const ENVELOPE: usize = 6;

fn envelope_fields() -> [FieldRef; ENVELOPE] {
    [
        Arc::new(arrow_field::<u64>("seq")),
        Arc::new(arrow_field::<Timestamp>("time")),
        Arc::new(arrow_field::<Timestamp>("ingest-time")),
        Arc::new(arrow_field::<Option<Tlp>>("tlp")),
        Arc::new(arrow_field::<Vec<String>>("labels")),
        Arc::new(arrow_field::<Vec<String>>("refs")),
    ]
}

impl Batch {
    /// The events as Arrow has them: `seq`, `time`, `ingest-time`, `tlp`, `labels`,
    /// `refs`, then the fields of the body by their WIT names. Kind, source and tenant
    /// are in the metadata of the schema. The columns are shared, not copied.
    ///
    /// # Errors
    /// Those of Arrow; a batch leaves nothing for it to find.
    pub fn record_batch(&self) -> Result<RecordBatch, ArrowError> {
        let parts = self.parts();
        let u64s = |values: &ScalarBuffer<u64>| -> ArrayRef {
            Arc::new(UInt64Array::new(values.clone(), None))
        };
        let handling = parts
            .handling
            .clone()
            .unwrap_or_else(|| no_handling(self.len()));
        let mut fields = envelope_fields().to_vec();
        let mut columns = vec![
            u64s(&parts.seqs),
            u64s(&parts.times),
            u64s(&parts.ingest_times),
            handling.tlp,
            handling.labels,
            handling.refs,
        ];
        let attributes = attributes_position(self.kind());
        for (at, field) in self.kind().arrow_fields().iter().enumerate() {
            let Some(column) = parts.body.get(at) else {
                continue;
            };
            if Some(at) == attributes {
                // The type depends on the names of the batch.
                let ty = column.data_type().clone();
                fields.push(Arc::new(Field::new(field.name(), ty, false)));
            } else {
                fields.push(Arc::clone(field));
            }
            columns.push(Arc::clone(column));
        }
        let source = self.source();
        let metadata: HashMap<String, String> = [
            ("kind", self.kind().name().to_owned()),
            ("source", source.name.clone()),
            ("tenant", source.tenant.clone()),
            ("slot", source.slot.to_string()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
        let schema = Schema::new(fields).with_metadata(metadata);
        RecordBatch::try_new(Arc::new(schema), columns)
    }

    /// The batch that [`record_batch`](Self::record_batch) was made of.
    ///
    /// # Errors
    /// When columns are missing, of another type, or hold what the kind forbids, such as
    /// nulls where it has no option, codes that no case has, numbers that are not finite,
    /// or attributes that are not in the order of their names; and when there is more text
    /// than [`MAX_BATCH_TEXT`]. What Arrow has under a null is never seen.
    pub fn from_record_batch(
        kind: Kind,
        source: Arc<Source>,
        arrow: &RecordBatch,
    ) -> Result<Self, BatchError> {
        let wrong = |problem: String| BatchError::Columns { kind, problem };
        let columns = arrow.columns();
        let attributes = attributes_position(kind);
        let envelope = envelope_fields();
        let wanted = envelope.iter().chain(kind.arrow_fields());
        if columns.len() != ENVELOPE + kind.arrow_fields().len() {
            return Err(wrong(format!("there are {} columns", columns.len())));
        }
        let names = arrow.schema();
        for (at, (wanted, column)) in wanted.zip(columns).enumerate() {
            let name = names.fields().get(at).map(|field| field.name().as_str());
            if name != Some(wanted.name()) {
                return Err(wrong(format!("column {at} must be `{}`", wanted.name())));
            }
            let checked = match at.checked_sub(ENVELOPE) {
                at @ Some(_) if at == attributes => check_attributes(column),
                _ => check(wanted, column),
            };
            checked.map_err(|problem| wrong(format!("`{}`: {problem}", wanted.name())))?;
        }
        let body = columns.get(ENVELOPE..).unwrap_or_default().to_vec();
        for info in kind.fields() {
            if let Some(cases) = info.enum_names
                && !codes_fit(&body, info, cases.len())
            {
                return Err(wrong(format!(
                    "`{}` has a code that no case has",
                    info.name
                )));
            }
        }
        let u64s = |at: usize| {
            let column = columns
                .get(at)
                .and_then(|c| c.as_primitive_opt::<UInt64Type>());
            column.map(|c| c.values().clone()).unwrap_or_default()
        };
        let seqs = u64s(0);
        if seqs.iter().any(|seq| *seq > MAX_SEQ) {
            return Err(wrong("a sequence number is not below 2^40".to_owned()));
        }
        let handling = match columns {
            [_, _, _, tlp, labels, refs, ..] => Some(Handling {
                tlp: Arc::clone(tlp),
                labels: Arc::clone(labels),
                refs: Arc::clone(refs),
            }),
            _ => None,
        };
        let texts = columns.get(3..).unwrap_or_default();
        if !text_fits(texts, arrow.num_rows()) {
            return Err(wrong(format!(
                "its texts have more than {MAX_BATCH_TEXT} bytes"
            )));
        }
        let parts = Parts {
            times: u64s(1),
            ingest_times: u64s(2),
            seqs,
            handling,
            body,
        };
        Self::new(kind, source, parts)
    }
}

/// Whether the array is of the field's type, whatever the metadata, has no null where the
/// field forbids it, and only finite numbers.
pub(crate) fn check(field: &Field, array: &ArrayRef) -> Result<(), String> {
    if !field.is_nullable() && array.null_count() > 0 {
        return Err("there are nulls, and the kind has no option here".to_owned());
    }
    let differs = || format!("it is {}, not {}", array.data_type(), field.data_type());
    match field.data_type() {
        DataType::Struct(fields) => {
            let array = array.as_struct_opt().ok_or_else(differs)?;
            let same = fields.len() == array.fields().len()
                && fields
                    .iter()
                    .zip(array.fields())
                    .all(|(a, b)| a.name() == b.name());
            if !same {
                return Err(differs());
            }
            for (field, child) in fields.iter().zip(array.columns()) {
                check(field, child).map_err(|e| format!("`{}`: {e}", field.name()))?;
            }
            Ok(())
        }
        DataType::List(item) => {
            let list = array.as_list_opt::<i32>().ok_or_else(differs)?;
            check(item, list.values())
        }
        ty if array.data_type() != ty => Err(differs()),
        _ => {
            let narrow = array.as_primitive_opt::<Float32Type>();
            let wide = array.as_primitive_opt::<Float64Type>();
            let finite = narrow.is_none_or(|a| a.iter().flatten().all(f32::is_finite))
                && wide.is_none_or(|a| a.iter().flatten().all(f64::is_finite));
            match finite {
                true => Ok(()),
                false => Err("it holds a number that is not finite".to_owned()),
            }
        }
    }
}

/// Whether the array holds attributes as a batch has them.
pub(crate) fn check_attributes(array: &ArrayRef) -> Result<(), String> {
    match array.as_struct_opt() {
        Some(attributes) if array.null_count() == 0 => check_assembled(attributes),
        Some(_) => Err("there are nulls, and every event has attributes or none".to_owned()),
        None => Err(format!("it is {}, not a record", array.data_type())),
    }
}

fn codes_fit(body: &[ArrayRef], info: &FieldInfo, cases: usize) -> bool {
    let mut steps = info.path.iter();
    let Some(first) = steps.next().and_then(|at| body.get(*at)) else {
        return false;
    };
    let mut array = Arc::clone(first);
    loop {
        while let Some(list) = array.as_list_opt::<i32>() {
            array = Arc::clone(list.values());
        }
        let Some(step) = steps.next() else { break };
        let child = array
            .as_struct_opt()
            .and_then(|array| array.columns().get(*step).cloned());
        let Some(child) = child else { return false };
        array = child;
    }
    array
        .as_primitive_opt::<UInt8Type>()
        .is_some_and(|codes| codes.iter().flatten().all(|code| usize::from(code) < cases))
}
