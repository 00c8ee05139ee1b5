//! The books of one call into a guest: what it is shown, what it files, what it has used up.

use std::collections::HashSet;
use std::sync::Arc;

use palisade_events::{
    Action, Attributes, Attribution, Column, ColumnError, ColumnType, Digest, FieldId, Judgement,
    Mask, Severity, Values,
};

use crate::bindings::types;
use crate::capability::Capabilities;
use crate::limits::{Limits, Usage};
use crate::manifest::{Manifest, TableKind};
use crate::{FaultCause, View};

/// What a detector filed in a call, in the order in which it did.
#[derive(Clone, Debug, PartialEq)]
pub enum Filed {
    /// A finding.
    Finding(FiledFinding),
    /// The withdrawal of its findings of a rule about a subject.
    Retraction {
        /// The rule.
        rule: String,
        /// The subject.
        subject: String,
    },
}

/// A finding as the guest filed it, within the limits of the interface.
#[derive(Clone, Debug, PartialEq)]
pub struct FiledFinding {
    /// A rule of the manifest.
    pub rule: String,
    /// `None`: the rule's own.
    pub severity: Option<Severity>,
    /// What it is about.
    pub subject: String,
    /// One line, as the guest wrote it: to be escaped before it is shown.
    pub summary: String,
    /// Rows of the view that it cites.
    pub rows: Vec<u32>,
    /// Event-refs of all that it cites, those of the rows first.
    pub events: Vec<u64>,
    /// Values.
    pub details: Attributes,
    /// Intents.
    pub actions: Vec<Action>,
}

/// What a call that returned leaves behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Findings and retractions.
    pub filed: Vec<Filed>,
    /// Judgements, of `decide` alone.
    pub judgements: Vec<Judgement>,
    /// Host calls that it took.
    pub host_calls: u64,
    /// Log messages beyond the limits.
    pub log_dropped: u32,
}

/// What every plugin may read of every event, listed or not.
const ALWAYS: [FieldId; 2] = [FieldId::of("time"), FieldId::of("event-ref")];

/// What host functions see: the plugin, its limits and the running call.
pub(crate) struct HostState {
    pub(crate) usage: Usage,
    digest: Digest,
    manifest: Arc<Manifest>,
    limits: Arc<Limits>,
    capabilities: Box<dyn Capabilities>,
    /// One for each subscription.
    masks: Arc<[Mask]>,
    call: Option<Call>,
}

struct Call {
    view: Option<View>,
    subscription: usize,
    timer: bool,
    /// `configure` runs, which may use nothing but `log`.
    configuring: bool,
    /// Columns that were gathered for this call already, so that a second pull of the same
    /// field (its values, then its validity) does not gather again.
    columns: Vec<(FieldId, Column)>,
    effects: Effects,
    findings: u32,
    finding_bytes: usize,
    logged: u32,
    /// Earlier events that host calls of this call have returned.
    shown: HashSet<u64>,
}

impl HostState {
    pub(crate) fn new(
        digest: Digest,
        manifest: Arc<Manifest>,
        limits: Arc<Limits>,
        masks: Arc<[Mask]>,
        capabilities: Box<dyn Capabilities>,
    ) -> HostState {
        HostState {
            usage: Usage::new(&limits),
            digest,
            manifest,
            limits,
            capabilities,
            masks,
            call: None,
        }
    }

    /// Opens the books. `view` is absent for `configure`, timers and parsers.
    pub(crate) fn begin(
        &mut self,
        export: &'static str,
        subscription: usize,
        view: Option<View>,
        tenant: &str,
    ) {
        self.capabilities.begin(tenant);
        self.call = Some(Call {
            timer: view.is_none(),
            configuring: export == "configure",
            view,
            subscription,
            columns: Vec::new(),
            effects: Effects::default(),
            findings: 0,
            finding_bytes: 0,
            logged: 0,
            shown: HashSet::new(),
        });
    }

    /// Closes the books; what the call did takes effect.
    pub(crate) fn commit(&mut self) -> Effects {
        self.capabilities.commit();
        self.call
            .take()
            .map(|call| call.effects)
            .unwrap_or_default()
    }

    /// What the call has done so far.
    pub(crate) fn effects(&self) -> Option<&Effects> {
        self.call.as_ref().map(|call| &call.effects)
    }

    /// Closes the books; nothing of the call remains.
    pub(crate) fn rollback(&mut self) {
        self.capabilities.rollback();
        self.call = None;
    }

    pub(crate) fn into_capabilities(self) -> Box<dyn Capabilities> {
        self.capabilities
    }

    pub(crate) fn capabilities(&mut self) -> &mut dyn Capabilities {
        &mut *self.capabilities
    }

    fn call(&mut self, function: &'static str) -> Result<&mut Call, FaultCause> {
        let call = self.call.as_mut().filter(|call| !call.configuring);
        call.ok_or(FaultCause::NoBatch(function))
    }

    pub(crate) fn in_call(&mut self, function: &'static str) -> Result<(), FaultCause> {
        self.call(function).map(|_| ())
    }

    pub(crate) fn in_timer(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.timer)
    }

    pub(crate) fn count_host_call(&mut self) -> Result<(), FaultCause> {
        let limit = self.limits.host_calls;
        if let Some(call) = &mut self.call {
            call.effects.host_calls += 1;
            if call.effects.host_calls > limit {
                return Err(FaultCause::HostCalls(limit));
            }
        }
        Ok(())
    }

    pub(crate) fn count_finding(&mut self) -> Result<(), FaultCause> {
        let limit = self.limits.findings;
        let call = self.call("findings")?;
        call.findings += 1;
        if call.findings > limit {
            return Err(FaultCause::Findings(limit));
        }
        Ok(())
    }

    pub(crate) fn count_finding_bytes(&mut self, bytes: usize) -> Result<(), FaultCause> {
        let limit = self.limits.finding_bytes;
        let call = self.call("findings")?;
        call.finding_bytes = call.finding_bytes.saturating_add(bytes);
        if call.finding_bytes > limit {
            return Err(FaultCause::FindingBytes(limit));
        }
        Ok(())
    }

    pub(crate) fn file(&mut self, filed: Filed) {
        if let Some(call) = &mut self.call {
            call.effects.filed.push(filed);
        }
    }

    /// Whether a log message of acceptable length may be written; counts it if not.
    pub(crate) fn admits_log(&mut self, acceptable: bool) -> bool {
        let limit = self.limits.log_messages;
        match &mut self.call {
            Some(call) if acceptable && call.logged < limit => {
                call.logged += 1;
                true
            }
            Some(call) => {
                call.effects.log_dropped = call.effects.log_dropped.saturating_add(1);
                false
            }
            None => false,
        }
    }

    pub(crate) fn declared_rule(&self, rule: &str) -> Result<(), FaultCause> {
        if self.manifest.rule(rule).is_some() {
            return Ok(());
        }
        Err(FaultCause::Finding {
            rule: crate::bindings::printable(rule),
            problem: "plugin.toml declares no such rule".into(),
        })
    }

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
            return Err(FaultCause::UndeclaredField(field_name(
                subscription.kind,
                field,
            )));
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

    pub(crate) fn any_table(
        &mut self,
        table: u32,
        function: &'static str,
    ) -> Result<usize, FaultCause> {
        self.in_call(function)?;
        let tables = self.manifest.tables.len();
        if (table as usize) < tables {
            return Ok(table as usize);
        }
        Err(FaultCause::Capability {
            function,
            problem: format!("table {table} is not there; plugin.toml declares {tables}"),
        })
    }

    pub(crate) fn table(
        &mut self,
        table: u32,
        kind: TableKind,
        function: &'static str,
    ) -> Result<usize, FaultCause> {
        let index = self.any_table(table, function)?;
        let found = &self.manifest.tables[index];
        if found.kind == kind {
            return Ok(index);
        }
        Err(FaultCause::Capability {
            function,
            problem: format!(
                "table `{}` is a `{}` table, not a `{}` table",
                found.name,
                found.kind.name(),
                kind.name()
            ),
        })
    }

    pub(crate) fn dataset(
        &mut self,
        dataset: u32,
        function: &'static str,
    ) -> Result<usize, FaultCause> {
        self.in_call(function)?;
        let datasets = self.manifest.datasets.len();
        if (dataset as usize) < datasets {
            return Ok(dataset as usize);
        }
        Err(FaultCause::Capability {
            function,
            problem: format!("dataset {dataset} is not there; plugin.toml declares {datasets}"),
        })
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

    /// Takes over what `decide` returned.
    pub(crate) fn judge(&mut self, judgements: Vec<types::Judgement>) -> Result<(), FaultCause> {
        let mut accepted = Vec::with_capacity(judgements.len());
        for judgement in judgements {
            self.count_finding()?;
            self.declared_rule(&judgement.rule)?;
            crate::bindings::check_judgement(&judgement).map_err(|problem| {
                FaultCause::Finding {
                    rule: judgement.rule.clone(),
                    problem,
                }
            })?;
            let events = self.cited(&judgement.events)?;
            let rule = self.manifest.rule(&judgement.rule);
            accepted.push(Judgement {
                events,
                by: Attribution {
                    plugin: self.manifest.name.clone(),
                    digest: self.digest,
                    requirements: rule.map(|r| r.requirements.clone()).unwrap_or_default(),
                    rule: judgement.rule,
                },
                verdict: judgement.verdict.into(),
                reason: judgement.reason,
                obligations: judgement.obligations.into_iter().map(Into::into).collect(),
            });
        }
        self.call("decide")?.effects.judgements = accepted;
        Ok(())
    }
}

/// The name of a field if the kind has it, else its id.
fn field_name(kind: palisade_events::Kind, field: FieldId) -> String {
    match palisade_events::field(kind, field) {
        Some(info) => format!("`{}`", info.name),
        None => format!("{:#010x} (not a field of `{}`)", field.0, kind.name()),
    }
}
