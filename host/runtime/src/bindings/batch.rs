//! `batch`: the current batch, column by column.

use std::sync::Arc;

use palisade_events::{Column, ColumnType, FieldId, Values};
use wasmtime::component::LinkerInstance;

use super::types::{Part, TextColumn};
use super::{function, rows};
use crate::call::HostState;

/// One function per type of column: its name, and what of `Values` it hands over.
macro_rules! columns {
    ($instance:ident: $($name:literal => $variant:ident of $ty:ty;)*) => {
        $(function($instance, $name, |state, (field,): (u32,)| {
            let column = state.column_as(FieldId(field), ColumnType::$variant, $name)?;
            Ok::<Arc<[$ty]>, _>(match column.values {
                Values::$variant(values) => values,
                // `column_as` has seen to the type.
                _ => Arc::default(),
            })
        })?;)*
    };
}

pub(super) fn link(instance: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    function(instance, "current-kind", |state, (): ()| {
        let kind = state.view("batch.current-kind")?.batch().kind();
        Ok(rows::KindCode::from(kind))
    })?;
    columns! { instance:
        "u8s" => U8 of u8;
        "u16s" => U16 of u16;
        "u32s" => U32 of u32;
        "u64s" => U64 of u64;
        "f64s" => F64 of f64;
        "addresses" => Address of u8;
    }
    function(instance, "text", |state, (field,): (u32,)| {
        let column = state.column_as(FieldId(field), ColumnType::Text, "text")?;
        Ok(match column.values {
            Values::Text { offsets, bytes } => TextColumn { offsets, bytes },
            _ => TextColumn {
                offsets: Arc::default(),
                bytes: Arc::default(),
            },
        })
    })?;
    function(instance, "valid", |state, (field,): (u32,)| {
        let column = state.column(FieldId(field), "valid")?;
        Ok(column.valid.unwrap_or_default())
    })?;
    function(instance, "offsets", |state, (field,): (u32,)| {
        let column = state.column(FieldId(field), "offsets")?;
        Ok(column.offsets.unwrap_or_default())
    })?;
    function(instance, "raw", |state, (field, part): (u32, Part)| {
        Ok(raw(state.column(FieldId(field), "raw")?, part))
    })?;
    function(instance, "enum-names", |state, (field,): (u32,)| {
        let names = state.enum_names(FieldId(field))?;
        let owned = names.iter().map(|name| (*name).to_owned());
        Ok(owned.collect::<Vec<String>>())
    })
}

/// A part of a column as little-endian bytes.
fn raw(column: Column, part: Part) -> Arc<[u8]> {
    fn bytes<const N: usize, T: Copy>(values: &[T], encode: fn(T) -> [u8; N]) -> Arc<[u8]> {
        let mut out = Vec::with_capacity(values.len() * N);
        for value in values {
            out.extend_from_slice(&encode(*value));
        }
        out.into()
    }
    match part {
        Part::Values => match column.values {
            Values::U8(v) | Values::Address(v) => v,
            Values::U16(v) => bytes(&v, u16::to_le_bytes),
            Values::U32(v) => bytes(&v, u32::to_le_bytes),
            Values::U64(v) => bytes(&v, u64::to_le_bytes),
            Values::F64(v) => bytes(&v, f64::to_le_bytes),
            Values::Text { bytes, .. } => bytes,
        },
        Part::TextOffsets => match column.values {
            Values::Text { offsets, .. } => bytes(&offsets, u32::to_le_bytes),
            _ => Arc::default(),
        },
        Part::Offsets => column
            .offsets
            .map(|offsets| bytes(&offsets, u32::to_le_bytes))
            .unwrap_or_default(),
        Part::Valid => column.valid.unwrap_or_default(),
    }
}
