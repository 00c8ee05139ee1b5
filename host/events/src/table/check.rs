//! Whether a parser's columns keep the contract, each for itself.

use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::{TableColumn, TableError, TableProblem, TableValues, is_stamped};
use crate::attributes::{MAX_ATTRIBUTES, MAX_BATCH_ATTRIBUTES, check_name};
use crate::field::{ColumnType, FieldId, FieldInfo, FieldType};
use crate::types::Kind;

/// A column that keeps the contract.
#[derive(Debug)]
pub(super) struct Checked {
    /// What is absent; none when nothing is.
    pub(super) nulls: Option<NullBuffer>,
    /// For a field that repeats.
    pub(super) offsets: Option<Vec<i32>>,
    /// What `nulls` excludes is zero or empty; codes are in range, numbers finite.
    pub(super) values: TableValues,
}

/// Checked columns: of fields by position, of attributes by name.
#[derive(Debug)]
pub(super) struct CheckedColumns {
    pub(super) fields: Vec<Option<Checked>>,
    pub(super) attributes: Vec<(String, Checked)>,
}

pub(super) fn check(
    kind: Kind,
    columns: Vec<TableColumn>,
    rows: usize,
) -> Result<CheckedColumns, TableError> {
    let infos = kind.fields();
    let mut fields: Vec<Option<Checked>> = infos.iter().map(|_| None).collect();
    let mut attributes: Vec<(String, Checked)> = Vec::new();
    for column in columns {
        if !column.attribute.is_empty() {
            let name = column.attribute.clone();
            let checked = attribute(kind, column, rows, &attributes);
            let fail = |problem| TableError {
                kind,
                field: Some(format!("attributes.{}", shown(&name))),
                problem,
            };
            let checked = checked.map_err(fail)?;
            attributes.push((name, checked));
            continue;
        }
        let id = column.field;
        let at = kind.position(id);
        let Some((info, slot)) = at.and_then(|at| infos.get(at).zip(fields.get_mut(at))) else {
            // A field that is known and not the body's is the envelope's.
            let own = crate::mask::field(kind, id).map(|info| (info, TableProblem::Stamped));
            let others = Kind::ALL
                .iter()
                .filter_map(|kind| crate::mask::field(*kind, id));
            let mut known = own
                .into_iter()
                .chain(others.map(|info| (info, TableProblem::Unknown)));
            let (field, problem) = match known.next() {
                Some((info, problem)) => (info.name.to_owned(), problem),
                None => (format!("{id:?}"), TableProblem::Nowhere),
            };
            return Err(TableError {
                kind,
                field: Some(field),
                problem,
            });
        };
        let fail = |problem| TableError {
            kind,
            field: Some(info.name.to_owned()),
            problem,
        };
        if slot.is_some() {
            return Err(fail(TableProblem::Twice));
        }
        *slot = Some(of_field(kind, info, column, rows).map_err(fail)?);
    }
    one_of_a_name(kind, &attributes, rows)?;
    Ok(CheckedColumns { fields, attributes })
}

fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_debug).collect()
}

fn of_field(
    kind: Kind,
    info: &FieldInfo,
    column: TableColumn,
    rows: usize,
) -> Result<Checked, TableProblem> {
    let top = info.name.split('.').next().unwrap_or(info.name);
    if is_stamped(kind, top) {
        return Err(TableProblem::Stamped);
    }
    let wanted = match info.ty {
        FieldType::Record | FieldType::Attributes => return Err(TableProblem::NoColumn),
        _ if info.nested => return Err(TableProblem::NoColumn),
        ty => ty.column().ok_or(TableProblem::NoColumn)?,
    };
    let got = column.values.column_type();
    if got != wanted {
        return Err(TableProblem::Type { wanted, got });
    }
    let TableColumn {
        valid,
        offsets,
        mut values,
        ..
    } = column;
    let (offsets, len) = match info.repeated {
        true => {
            let offsets = list_offsets(&offsets, rows)?;
            let len = offsets.last().copied().unwrap_or(0);
            (Some(offsets), usize::try_from(len).unwrap_or(0))
        }
        false if !offsets.is_empty() => {
            return Err(TableProblem::Offsets("the field does not repeat"));
        }
        false => (None, rows),
    };
    let nulls = shape(&valid, &mut values, len)?;
    match (&mut values, info.ty) {
        (TableValues::U8(codes), FieldType::Bool) => codes_in_range(codes, 2)?,
        (TableValues::U8(codes), FieldType::Enum) => {
            codes_in_range(codes, info.enum_names.map_or(0, <[&str]>::len))?;
            set_absent(codes, nulls.as_ref(), info.neutral);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what overflows is infinite"
        )]
        (TableValues::F64(numbers), FieldType::F32) => finite(numbers, |n| (n as f32).is_finite())?,
        (TableValues::F64(numbers), _) => finite(numbers, f64::is_finite)?,
        _ => {}
    }
    Ok(Checked {
        nulls,
        offsets,
        values,
    })
}

fn attribute(
    kind: Kind,
    column: TableColumn,
    rows: usize,
    before: &[(String, Checked)],
) -> Result<Checked, TableProblem> {
    let TableColumn {
        field,
        attribute,
        valid,
        offsets,
        mut values,
    } = column;
    if !kind.has_attributes() {
        return Err(TableProblem::Unknown);
    }
    check_name(&attribute)?;
    if field != FieldId::of_attribute(&attribute) {
        return Err(TableProblem::Id);
    }
    let got = values.column_type();
    if !matches!(got, ColumnType::F64 | ColumnType::Text) {
        return Err(TableProblem::Type {
            wanted: ColumnType::F64,
            got,
        });
    }
    if !offsets.is_empty() {
        return Err(TableProblem::Offsets("attributes do not repeat"));
    }
    if before.len() >= MAX_BATCH_ATTRIBUTES {
        return Err(TableProblem::Attributes);
    }
    let same =
        |(name, other): &(String, Checked)| *name == attribute && other.values.column_type() == got;
    if before.iter().any(same) {
        return Err(TableProblem::Twice);
    }
    let nulls = shape(&valid, &mut values, rows)?;
    if let TableValues::F64(numbers) = &values {
        finite(numbers, f64::is_finite)?;
    }
    Ok(Checked {
        nulls,
        offsets: None,
        values,
    })
}

/// Events have at most 64 attributes, and each either as number or as text.
fn one_of_a_name(
    kind: Kind,
    attributes: &[(String, Checked)],
    rows: usize,
) -> Result<(), TableError> {
    let mut names: Vec<&str> = attributes.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).any(|pair| pair[0] == pair[1]);
    if attributes.len() <= MAX_ATTRIBUTES && !twice {
        return Ok(());
    }
    let has = |column: &Checked, row| column.nulls.as_ref().is_none_or(|n| n.is_valid(row));
    let mut present = Vec::with_capacity(attributes.len());
    for row in 0..rows {
        present.clear();
        let of_row = attributes.iter().filter(|(_, column)| has(column, row));
        present.extend(of_row.map(|(name, _)| name.as_str()));
        present.sort_unstable();
        if present.len() > MAX_ATTRIBUTES || present.windows(2).any(|pair| pair[0] == pair[1]) {
            let problem = TableProblem::RowAttributes(row);
            return Err(TableError {
                kind,
                field: None,
                problem,
            });
        }
    }
    Ok(())
}

/// Checks lengths and offsets, and clears what is absent.
fn shape(
    valid: &[u8],
    values: &mut TableValues,
    len: usize,
) -> Result<Option<NullBuffer>, TableProblem> {
    let got = values.len();
    if got != len {
        return Err(TableProblem::Length { wanted: len, got });
    }
    if !valid.is_empty() && valid.len() != len {
        return Err(TableProblem::Valid {
            wanted: len,
            got: valid.len(),
        });
    }
    if let TableValues::Text { offsets, bytes } = values {
        text_offsets(offsets, bytes.len())?;
    }
    if valid.iter().all(|mark| *mark != 0) {
        return Ok(None);
    }
    let nulls = NullBuffer::new(BooleanBuffer::collect_bool(len, |at| valid[at] != 0));
    match values {
        TableValues::U8(values) => set_absent(values, Some(&nulls), 0),
        TableValues::U16(values) => set_absent(values, Some(&nulls), 0),
        TableValues::U32(values) => set_absent(values, Some(&nulls), 0),
        TableValues::U64(values) => set_absent(values, Some(&nulls), 0),
        TableValues::F64(values) => set_absent(values, Some(&nulls), 0.0),
        TableValues::Text { offsets, bytes } => drop_absent(offsets, bytes, &nulls),
    }
    Ok(Some(nulls))
}

fn set_absent<T: Copy>(values: &mut [T], nulls: Option<&NullBuffer>, to: T) {
    for (value, there) in values.iter_mut().zip(nulls.into_iter().flatten()) {
        if !there {
            *value = to;
        }
    }
}

/// Makes texts empty that are not there.
fn drop_absent(offsets: &mut [u32], bytes: &mut Vec<u8>, nulls: &NullBuffer) {
    let hidden = offsets
        .windows(2)
        .zip(nulls)
        .any(|(w, there)| !there && w[0] != w[1]);
    if !hidden {
        return;
    }
    let mut kept = Vec::with_capacity(bytes.len());
    let mut from = 0;
    let mut end = 0;
    for (offset, there) in offsets.iter_mut().skip(1).zip(nulls) {
        let to = *offset as usize;
        if there {
            let text = bytes.get(from..to).unwrap_or(&[]);
            kept.extend_from_slice(text);
            end += *offset - u32::try_from(from).unwrap_or(*offset);
        }
        from = to;
        *offset = end;
    }
    *bytes = kept;
}

fn codes_in_range(codes: &[u8], cases: usize) -> Result<(), TableProblem> {
    match codes.iter().position(|code| usize::from(*code) >= cases) {
        Some(at) => Err(TableProblem::Code {
            at,
            code: codes.get(at).copied().unwrap_or(0),
            cases,
        }),
        None => Ok(()),
    }
}

fn finite(numbers: &[f64], test: impl Fn(f64) -> bool) -> Result<(), TableProblem> {
    match numbers.iter().position(|number| !test(*number)) {
        Some(at) => Err(TableProblem::NotFinite(at)),
        None => Ok(()),
    }
}

fn list_offsets(offsets: &[u32], rows: usize) -> Result<Vec<i32>, TableProblem> {
    let wrong = TableProblem::Offsets;
    if offsets.len() != rows + 1 {
        return Err(wrong("there must be one more than rows"));
    }
    if offsets.first() != Some(&0) {
        return Err(wrong("the first must be 0"));
    }
    if offsets.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err(wrong("they must not decrease"));
    }
    let signed = offsets
        .iter()
        .map(|offset| i32::try_from(*offset))
        .collect::<Result<_, _>>();
    signed.map_err(|_| wrong("they must be below 2^31"))
}

fn text_offsets(offsets: &[u32], bytes: usize) -> Result<(), TableProblem> {
    let wrong = TableProblem::TextOffsets;
    if offsets.first() != Some(&0) {
        return Err(wrong("the first must be 0"));
    }
    if offsets.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err(wrong("they must not decrease"));
    }
    let last = offsets.last().map(|last| *last as usize);
    if last != Some(bytes) || i32::try_from(bytes).is_err() {
        return Err(wrong("the last must be the number of bytes, below 2^31"));
    }
    Ok(())
}
