//! What a guest is shown in a call: columns and rows of the current batch, and what it may cite.

use palisade_events::{Column, ColumnError, ColumnType, FieldId, Kind, Mask, Values};

use super::{Call, HostState};
use crate::capability::Capabilities;
use crate::manifest::Subscription;
use crate::{FaultCause, View};

/// How many attributes of a manifest are named in a message.
const TOLD_ATTRIBUTES: usize = 8;

/// What every plugin may read of every event, listed or not.
const ALWAYS: [FieldId; 2] = [FieldId::of("time"), FieldId::of("event-ref")];

impl HostState {
    pub(crate) fn view(&mut self, function: &'static str) -> Result<&View, FaultCause> {
        self.call(function)?
            .view
            .as_ref()
            .ok_or(FaultCause::NoBatch(function))
    }

    /// A column of the current batch, in whatever type it has. An attribute that no event of
    /// the batch has comes as numbers that are not there.
    pub(crate) fn column(
        &mut self,
        field: FieldId,
        function: &'static str,
    ) -> Result<Column, FaultCause> {
        self.column_with(field, function, None)
    }

    /// A column of the current batch, in this type.
    pub(crate) fn column_as(
        &mut self,
        field: FieldId,
        ty: ColumnType,
        function: &'static str,
    ) -> Result<Column, FaultCause> {
        self.column_with(field, function, Some(ty))
    }

    fn column_with(
        &mut self,
        field: FieldId,
        function: &'static str,
        ty: Option<ColumnType>,
    ) -> Result<Column, FaultCause> {
        let call = self.call.as_mut().ok_or(FaultCause::NoBatch(function))?;
        let view = call.view.as_ref().ok_or(FaultCause::NoBatch(function))?;
        let known = call.columns.iter().find(|(id, column)| {
            *id == field && ty.is_none_or(|ty| column.values.column_type() == ty)
        });
        if let Some((_, column)) = known {
            return Ok(column.clone());
        }
        let subscription = &self.manifest.subscriptions[call.subscription];
        if !ALWAYS.contains(&field) && !subscription.grants(field) {
            return Err(FaultCause::UndeclaredField(undeclared(subscription, field)));
        }
        let column = match ty {
            Some(ty) => view.column_as(field, ty),
            None => view.column(field).or_else(|error| match error {
                ColumnError::AbsentAttribute { .. } => view.column_as(field, ColumnType::F64),
                other => Err(other),
            }),
        };
        let column = column.map_err(|error| FaultCause::ColumnType {
            field: field_name(subscription.kind, field),
            asked: function,
            problem: error.to_string(),
        })?;
        // What the batch itself keeps needs no place here. Attributes, which are numbers or text,
        // stay what they were asked for as.
        let gathered = view.selection().is_some();
        if gathered || matches!(column.values, Values::F64(_) | Values::Text { .. }) {
            call.columns.push((field, column.clone()));
        }
        Ok(column)
    }

    pub(crate) fn enum_names(
        &mut self,
        field: FieldId,
    ) -> Result<&'static [&'static str], FaultCause> {
        let kind = self.view("batch.enum-names")?.batch().kind();
        palisade_events::field(kind, field)
            .and_then(|info| info.enum_names)
            .ok_or_else(|| FaultCause::ColumnType {
                field: field_name(kind, field),
                asked: "enum-names",
                problem: "it is no enum".into(),
            })
    }

    /// What the running subscription may see of rows.
    pub(crate) fn mask(&self) -> Mask {
        match &self.call {
            Some(call) => self.masks[call.subscription].clone(),
            None => Mask::none(),
        }
    }

    /// Checks rows of the current batch for functions that are given a list of them.
    pub(crate) fn check_rows(
        &mut self,
        rows: &[u32],
        function: &'static str,
    ) -> Result<&View, FaultCause> {
        let view = self.view(function)?;
        let len = view.len() as u32;
        match rows.iter().find(|row| **row >= len) {
            Some(row) => Err(FaultCause::Row {
                function,
                row: *row,
                rows: len,
            }),
            None => Ok(view),
        }
    }

    /// The view and the capabilities, for a call on these rows.
    pub(crate) fn on_rows(
        &mut self,
        rows: &[u32],
        function: &'static str,
    ) -> Result<(&View, &mut dyn Capabilities), FaultCause> {
        self.check_rows(rows, function)?;
        match (&self.call, &mut self.capabilities) {
            (
                Some(Call {
                    view: Some(view), ..
                }),
                capabilities,
            ) => Ok((view, &mut **capabilities)),
            _ => Err(FaultCause::NoBatch(function)),
        }
    }

    /// The kind and granted fields of the running subscription.
    pub(crate) fn grants(&self, field: FieldId) -> bool {
        self.call
            .as_ref()
            .is_some_and(|call| self.manifest.subscriptions[call.subscription].grants(field))
    }

    /// The event-ref behind a row of the current batch.
    pub(crate) fn event_ref(&mut self, row: u32) -> Result<u64, FaultCause> {
        let view = self.check_rows(&[row], "findings.emit")?;
        let found = view.batch().event_ref(view.batch_row(row));
        found.ok_or(FaultCause::NoBatch("findings.emit"))
    }

    /// Notes that the guest has been shown these earlier events.
    pub(crate) fn show(&mut self, refs: &[u64]) {
        if let Some(call) = &mut self.call {
            call.shown.extend(refs);
        }
    }

    /// Checks event-refs that a guest cites.
    pub(crate) fn cited(&mut self, refs: &[u64]) -> Result<Vec<u64>, FaultCause> {
        let call = self.call("findings.emit")?;
        for cited in refs {
            let in_view = || {
                call.view.as_ref().is_some_and(|view| {
                    (0..view.len() as u32)
                        .any(|row| view.batch().event_ref(view.batch_row(row)) == Some(*cited))
                })
            };
            if !call.shown.contains(cited) && !in_view() {
                return Err(FaultCause::ForgedReference(*cited));
            }
        }
        Ok(refs.to_vec())
    }
}

/// The name of a field if any kind has it, else its id.
fn field_name(kind: Kind, field: FieldId) -> String {
    if let Some(info) = palisade_events::field(kind, field) {
        return format!("`{}`", info.name);
    }
    let other = Kind::ALL
        .iter()
        .find_map(|other| palisade_events::field(*other, field));
    match other {
        Some(info) => format!("`{}` (not a field of `{}`)", info.name, kind.name()),
        None => format!("{:#010x} (not a field of any kind)", field.0),
    }
}

/// A field that a plugin asks for without listing it. Of a name that no kind has there is only the
/// id: it is that of an attribute, and those that are listed are the ones it could have meant.
fn undeclared(subscription: &Subscription, field: FieldId) -> String {
    let mut name = field_name(subscription.kind, field);
    let known = Kind::ALL
        .iter()
        .any(|kind| palisade_events::field(*kind, field).is_some());
    let listed = subscription.fields.iter().map(|(name, _)| name.as_str());
    let listed: Vec<&str> = listed
        .filter(|name| name.starts_with("attributes."))
        .take(TOLD_ATTRIBUTES)
        .collect();
    if !known && !listed.is_empty() {
        name = format!(
            "{:#010x} (an attribute, and none of `{}`)",
            field.0,
            listed.join("`, `")
        );
    }
    name
}
