//! The columns of attributes.

use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use super::extract::{finish, values_of};
use super::{Column, ColumnError};
use crate::attributes::name_of_column;
use crate::field::{ColumnType, FieldId};

/// The columns of one attribute: its numbers, its texts, or both.
#[derive(Debug)]
pub(crate) struct AttributeColumns {
    pub(crate) id: FieldId,
    pub(crate) name: String,
    numbers: Option<ArrayRef>,
    texts: Option<ArrayRef>,
    rows: usize,
    made: [OnceLock<Option<Column>>; 2],
}

impl AttributeColumns {
    /// Those of a batch, bytewise by name.
    pub(crate) fn of(attributes: &ArrayRef) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let Some(attributes) = attributes.as_struct_opt() else {
            return all;
        };
        for (field, column) in attributes.fields().iter().zip(attributes.columns()) {
            let name = name_of_column(field.name());
            let at = match all.iter().position(|known| known.name == name) {
                Some(at) => at,
                None => {
                    all.push(Self {
                        id: FieldId::of_attribute(name),
                        name: name.to_owned(),
                        numbers: None,
                        texts: None,
                        rows: attributes.len(),
                        made: Default::default(),
                    });
                    all.len() - 1
                }
            };
            let Some(columns) = all.get_mut(at) else {
                continue;
            };
            match field.data_type() {
                DataType::Float64 => columns.numbers = Some(Arc::clone(column)),
                _ => columns.texts = Some(Arc::clone(column)),
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The column of a type; without one that of the numbers, if there are any.
    pub(crate) fn column(&self, ty: Option<ColumnType>) -> Result<Column, ColumnError> {
        let ty = match ty {
            Some(ty) => ty,
            None if self.numbers.is_some() => ColumnType::F64,
            None => ColumnType::Text,
        };
        let (cell, array) = match ty {
            ColumnType::F64 => (&self.made[0], &self.numbers),
            ColumnType::Text => (&self.made[1], &self.texts),
            wanted => return Err(ColumnError::AttributeType { wanted }),
        };
        let made = cell.get_or_init(|| {
            let mut column = match array {
                Some(array) => finish(values_of(array.as_ref())?, None, array.nulls()),
                None => Column::absent(ty, self.rows),
            };
            // The event has the attribute, whatever its type: so batches can be cut
            // anywhere without a change of what is seen.
            column.valid = self.presence();
            Some(column)
        });
        made.clone().ok_or(ColumnError::Stored {
            field: "attributes",
        })
    }

    fn presence(&self) -> Option<Arc<[u8]>> {
        let has = |array: &Option<ArrayRef>, row| array.as_ref().is_some_and(|a| a.is_valid(row));
        let valid: Arc<[u8]> = (0..self.rows)
            .map(|row| u8::from(has(&self.numbers, row) || has(&self.texts, row)))
            .collect();
        valid.contains(&0).then_some(valid)
    }
}
