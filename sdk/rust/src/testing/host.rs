//! What the in-memory host knows. It panics where the host traps, with the same reason, so that a test shows what is
//! wrong with the plugin.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;

use super::manifest::Manifest;
use super::schema::{self, FieldInfo, Ty};
use super::{datasets as sets, tables, value};
use crate::bindings::host::palisade::plugin::findings::Finding;

/// Everything that the host knows of the plugin under test.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) manifest: Manifest,
    pub(crate) batch: Option<Current>,
    pub(crate) tables: tables::Tables,
    pub(crate) datasets: BTreeMap<String, Vec<sets::Stored>>,
    pub(crate) timers: BTreeMap<(String, String), u64>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) retracted: Vec<(String, String)>,
    pub(crate) log: Vec<String>,
    pub(crate) next_seq: u64,
}

/// The batch of the call that runs.
pub(crate) struct Current {
    pub(crate) subscription: usize,
    pub(crate) kind: String,
    pub(crate) events: Vec<Value>,
}

thread_local! {
    static HOST: Rc<RefCell<Host>> = Rc::default();
}

/// The host of this thread.
pub(super) fn shared() -> Rc<RefCell<Host>> {
    HOST.with(Rc::clone)
}

/// Runs a body on the host of this thread: `with!(|host| body)`. No closure, so that a panic in
/// what is called there has the place of whoever called the function around it.
macro_rules! with {
    (|$host:ident| $body:expr) => {{
        let shared = $crate::testing::host::shared();
        let mut guard = shared.borrow_mut();
        #[allow(unused_variables, reason = "not every body needs it")]
        let $host = &mut *guard;
        $body
    }};
}

pub(crate) use with;

impl Host {
    #[track_caller]
    pub(super) fn current(&self) -> &Current {
        match &self.batch {
            Some(batch) => batch,
            None => panic!("there is no batch outside `evaluate`, `decide` and `observe`"),
        }
    }

    #[track_caller]
    fn fields(&self) -> &[String] {
        &self.manifest.subscription[self.current().subscription].fields
    }

    /// Whether the manifest lists the field or a record that it is in.
    #[track_caller]
    pub(super) fn lists(&self, dotted: &str) -> bool {
        // `time` and `event-ref` come with every envelope.
        matches!(dotted, "time" | "event-ref")
            || self
                .fields()
                .iter()
                .any(|field| field == dotted || below(dotted, field))
    }

    /// The field with this id, which the subscription lists.
    #[track_caller]
    pub(super) fn field(&self, id: u32) -> FieldInfo {
        let batch = self.current();
        let named = &self.manifest.subscription[batch.subscription].fields;
        let attributes = named
            .iter()
            .filter_map(|field| field.strip_prefix("attributes."));
        let Some(info) = schema::field(&batch.kind, id, attributes) else {
            panic!(
                "{} has no field with id {id:#010x}; is the name right, and the attribute listed?",
                batch.kind
            )
        };
        assert!(
            // A record is asked for `valid` and `offsets` when something in it is listed.
            self.lists(&info.name) || self.fields().iter().any(|field| below(field, &info.name)),
            "plugin.toml does not list the field `{}` of {} for subscription {}",
            info.name,
            batch.kind,
            batch.subscription
        );
        info
    }

    #[track_caller]
    pub(super) fn row(&self, row: u32) -> &Value {
        match self.current().events.get(row as usize) {
            Some(event) => event,
            None => panic!(
                "row {row} is not in the batch of {}",
                self.current().events.len()
            ),
        }
    }

    /// Sees to it that the batch has these rows.
    #[track_caller]
    pub(super) fn have(&self, rows: &[u32]) {
        for row in rows {
            self.row(*row);
        }
    }

    /// The column's values, the fill where a row lacks the field.
    #[track_caller]
    pub(super) fn column<T: Clone>(
        &self,
        id: u32,
        method: &str,
        fits: fn(&Ty) -> bool,
        fill: T,
        convert: impl Fn(&Value, &Ty) -> Result<T, String>,
    ) -> Vec<T> {
        let info = self.field(id);
        assert!(
            fits(&info.leaf),
            "`{}` is {}, not with {method}",
            info.name,
            info.leaf.name()
        );
        let mut out = Vec::new();
        for event in &self.current().events {
            let values = value::at(event, &info.name);
            if values.is_empty() && !info.repeats {
                out.push(fill.clone());
            }
            for found in values {
                match convert(found, &info.leaf) {
                    Ok(value) => out.push(value),
                    Err(error) => panic!("{} of {event}: {error}", info.name),
                }
            }
        }
        out
    }

    #[track_caller]
    pub(super) fn table(&self, at: u32, kinds: &[&str]) -> super::manifest::Table {
        assert!(
            self.manifest
                .plugin
                .capabilities
                .iter()
                .any(|capability| capability == "state"),
            "plugin.toml does not list the capability `state`"
        );
        let Some(table) = self.manifest.table.get(at as usize) else {
            panic!("plugin.toml has no table {at}")
        };
        assert!(
            kinds.contains(&table.kind.as_str()),
            "table `{}` is of kind {}, not {}",
            table.name,
            table.kind,
            kinds.join(" or ")
        );
        table.clone()
    }

    #[track_caller]
    pub(super) fn keyed(&self, table: &super::manifest::Table, row: u32) -> tables::RowOf {
        let event = self.row(row);
        let tenant = event
            .get("tenant")
            .map_or(Vec::new(), |tenant| tenant.to_string().into_bytes());
        let mut key = vec![tenant];
        let mut whole = true;
        for field in &table.key {
            let values = value::at(event, field);
            whole &= !values.is_empty();
            key.extend(
                values
                    .into_iter()
                    .map(|value| value.to_string().into_bytes()),
            );
        }
        tables::RowOf {
            key: whole.then_some(key),
            time: time_of(event),
            event: reference_of(event),
        }
    }

    #[track_caller]
    pub(super) fn need(&self, capability: &str) {
        assert!(
            self.manifest
                .plugin
                .capabilities
                .iter()
                .any(|other| other == capability),
            "plugin.toml does not list the capability `{capability}`"
        );
    }
}

/// Whether `dotted` is a field of the record `parent`.
fn below(dotted: &str, parent: &str) -> bool {
    dotted
        .strip_prefix(parent)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// When an event happened.
#[track_caller]
pub(crate) fn time_of(event: &Value) -> u64 {
    match event
        .get("time")
        .map(|time| value::integer(time, &Ty::Timestamp))
    {
        Some(Ok(time)) => time,
        Some(Err(error)) => panic!("time: {error}"),
        None => 0,
    }
}

pub(super) fn reference_of(event: &Value) -> u64 {
    event.get("seq").and_then(Value::as_u64).unwrap_or(0)
}
