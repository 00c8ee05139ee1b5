//! An instance of a plugin: one guest memory, used by one thread at a time.

use std::sync::Arc;

use palisade_events::table::{TableColumn, TableValues};
use palisade_events::{FieldId, Kind, Transport};
use wasmtime::component::{ComponentExportIndex, Func, InstancePre, TypedFunc};
use wasmtime::{AsContextMut, Store};

use crate::bindings::types;
use crate::call::{Effects, HostState};
use crate::capability::Capabilities;
use crate::engine::epochs;
use crate::limits::Limits;
use crate::manifest::Manifest;
use crate::plugin::{Exports, InstantiateError};
use crate::{Fault, FaultCause, Mode, View};

/// Which way a chunk travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChunkDirection {
    /// From the side that opened the flow.
    ToServer,
    /// To it.
    ToClient,
}

/// A run of bytes of one direction of one session; see the WIT record `chunk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Unique for the life of the instance.
    pub session: u32,
    /// Which way it travelled.
    pub direction: ChunkDirection,
    /// What it came by.
    pub transport: Transport,
    /// The server's port.
    pub port: u16,
    /// Position of its first byte in the stream.
    pub offset: u64,
    /// Bytes missing right before it.
    pub gap: u32,
    /// Nothing more comes in this direction.
    pub end: bool,
    /// Where its bytes begin in the arena.
    pub start: u32,
    /// How many there are.
    pub length: u32,
}

/// What a parser says to the first bytes of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognition {
    /// Not its protocol.
    No,
    /// Its protocol.
    Yes,
    /// It needs more bytes to tell.
    More,
}

/// What a parser made of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every byte is done with.
    Done,
    /// The last `kept` bytes of the direction must come again, with `needed` more.
    Incomplete {
        /// Bytes that come again; not yet compared with what the direction has had.
        kept: u32,
        /// How many more are needed at least; 0: unknown.
        needed: u32,
    },
    /// The stream makes no sense from here on.
    Error {
        /// Offset in the chunk.
        offset: u32,
        /// What was expected, escaped.
        message: String,
    },
    /// Another protocol begins here.
    Handover {
        /// Offset in the chunk.
        offset: u32,
    },
}

/// Events of one kind as a parser returned them.
#[derive(Clone, Debug)]
pub struct ParsedTable {
    /// The kind; one that the manifest declares.
    pub kind: Kind,
    /// For each event the position of its chunk in the call; ascending and in range.
    pub chunks: Vec<u32>,
    /// Its columns, unchecked; see [`palisade_events::segment`].
    pub columns: Vec<TableColumn>,
}

/// What `parse` returned.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// One for each chunk.
    pub outcomes: Vec<Outcome>,
    /// The events.
    pub tables: Vec<ParsedTable>,
}

/// A timer that fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// As the plugin set it.
    pub name: String,
    /// As the plugin set it.
    pub key: String,
    /// In nanoseconds since the epoch.
    pub due: u64,
}

/// WIT's limits on what `parse` returns in one call.
const MAX_TABLES: usize = 16;
const MAX_PARSED_EVENTS: usize = 16_384;

/// The functions of a world, typed once for each instance.
#[derive(Default)]
struct Functions {
    configure: Option<Func>,
    evaluate: Option<TypedFunc<(u32, u32), ()>>,
    observe: Option<TypedFunc<(u32, u32), ()>>,
    decide: Option<TypedFunc<(u32,), (Vec<types::Judgement>,)>>,
    on_timer: Option<Func>,
    probe: Option<Func>,
    parse: Option<Func>,
    close: Option<Func>,
}

/// One instance. After a [`Fault`] it is spent: every further call faults too, and it must be
/// replaced by [`Plugin::instantiate`](crate::Plugin::instantiate).
pub struct Instance {
    store: Store<HostState>,
    functions: Functions,
    manifest: Arc<Manifest>,
    limits: Arc<Limits>,
    mode: Mode,
    calls: u64,
}

impl Instance {
    pub(crate) fn new(
        store: Store<HostState>,
        manifest: Arc<Manifest>,
        limits: Arc<Limits>,
        mode: Mode,
    ) -> Instance {
        Instance {
            store,
            functions: Functions::default(),
            manifest,
            limits,
            mode,
            calls: 0,
        }
    }

    pub(crate) fn start(
        &mut self,
        pre: &InstancePre<HostState>,
        exports: &Exports,
    ) -> wasmtime::Result<()> {
        self.arm()?;
        let instance = pre.instantiate(&mut self.store)?;
        let store = &mut self.store;
        let mut get = |index: &ComponentExportIndex| {
            instance
                .get_func(&mut *store, index)
                .ok_or_else(|| wasmtime::Error::msg("an export is not a function"))
        };
        let configure = get(&exports.configure)?;
        let evaluate = exports.evaluate.as_ref().map(&mut get).transpose()?;
        let observe = exports.observe.as_ref().map(&mut get).transpose()?;
        let decide = exports.decide.as_ref().map(&mut get).transpose()?;
        let on_timer = exports.on_timer.as_ref().map(&mut get).transpose()?;
        let [probe, parse, close] = match &exports.parser {
            None => [None; 3],
            Some([probe, parse, close]) => {
                [Some(get(probe)?), Some(get(parse)?), Some(get(close)?)]
            }
        };
        self.functions = Functions {
            configure: Some(configure),
            evaluate: evaluate.map(|f| f.typed(&self.store)).transpose()?,
            observe: observe.map(|f| f.typed(&self.store)).transpose()?,
            decide: decide.map(|f| f.typed(&self.store)).transpose()?,
            on_timer,
            probe,
            parse,
            close,
        };
        Ok(())
    }

    /// Ends the instance and gives back what it was instantiated with; state and timers
    /// outlive an instance, also one that has faulted.
    pub fn into_capabilities(self) -> Box<dyn Capabilities> {
        self.store.into_data().into_capabilities()
    }

    /// Gives the next call its time and its fuel.
    fn arm(&mut self) -> wasmtime::Result<()> {
        self.store.set_epoch_deadline(epochs(self.limits.call_time));
        if self.mode == Mode::Deterministic {
            self.store.set_fuel(self.limits.fuel)?;
        }
        Ok(())
    }

    /// Runs one call: opens the books, calls, and commits or rolls back.
    fn call<R>(
        &mut self,
        export: &'static str,
        subscription: u32,
        view: Option<View>,
        tenant: &str,
        body: impl FnOnce(&mut Functions, &mut Store<HostState>) -> wasmtime::Result<R>,
    ) -> Result<(R, Effects), Fault> {
        self.calls += 1;
        let store = &mut self.store;
        store.data_mut().begin(subscription as usize, view, tenant);
        let result = match self.arm() {
            Ok(()) => body(&mut self.functions, &mut self.store),
            Err(error) => Err(error),
        };
        match result {
            Ok(value) => Ok((value, self.store.data_mut().commit())),
            Err(error) => {
                self.store.data_mut().rollback();
                Err(Fault::from_error(
                    &self.manifest.name,
                    export,
                    &self.limits,
                    &error,
                ))
            }
        }
    }

    pub(crate) fn configure(
        &mut self,
        settings: &[types::Setting],
    ) -> Result<(), InstantiateError> {
        let (answer, _) = self.call("configure", 0, None, "", |functions, store| {
            let f = present(functions.configure)?
                .typed::<(&[types::Setting],), (Result<(), types::SettingsRefusal>,)>(&*store)?;
            Ok(f.call(store.as_context_mut(), (settings,))?.0)
        })?;
        answer.map_err(|refusal| InstantiateError::Refused {
            plugin: self.manifest.name.clone(),
            name: crate::bindings::printable(&refusal.name),
            message: escape(&refusal.message, 1024),
        })
    }

    /// Shows a detector what passed one of its subscriptions.
    ///
    /// # Errors
    /// When the call does not return; its effects are discarded.
    ///
    /// # Panics
    /// When the subscription is not in the manifest.
    pub fn evaluate(&mut self, subscription: u32, view: View) -> Result<Effects, Fault> {
        self.on_batch("evaluate", subscription, view, |functions| {
            &functions.evaluate
        })
    }

    /// Lets a policy take note of events.
    ///
    /// # Errors
    /// As [`evaluate`](Instance::evaluate).
    ///
    /// # Panics
    /// As [`evaluate`](Instance::evaluate).
    pub fn observe(&mut self, subscription: u32, view: View) -> Result<Effects, Fault> {
        self.on_batch("observe", subscription, view, |functions| {
            &functions.observe
        })
    }

    fn on_batch(
        &mut self,
        export: &'static str,
        subscription: u32,
        view: View,
        function: impl Fn(&Functions) -> &Option<TypedFunc<(u32, u32), ()>>,
    ) -> Result<Effects, Fault> {
        assert!((subscription as usize) < self.manifest.subscriptions.len());
        let rows = view.len() as u32;
        let source = Arc::clone(view.batch().source());
        let (_, effects) = self.call(
            export,
            subscription,
            Some(view),
            &source.tenant,
            |functions, store| {
                let f = function(functions).as_ref();
                f.ok_or_else(absent)?
                    .call(store.as_context_mut(), (subscription, rows))
            },
        )?;
        Ok(effects)
    }

    /// Asks a policy about a request, which is the one row of the view.
    ///
    /// # Errors
    /// As [`evaluate`](Instance::evaluate); a fault is a deny.
    ///
    /// # Panics
    /// As [`evaluate`](Instance::evaluate).
    pub fn decide(&mut self, subscription: u32, view: View) -> Result<Effects, Fault> {
        assert!((subscription as usize) < self.manifest.subscriptions.len());
        let source = Arc::clone(view.batch().source());
        let (_, effects) = self.call(
            "decide",
            subscription,
            Some(view),
            &source.tenant,
            |functions, store| {
                let f = functions.decide.as_ref().ok_or_else(absent)?;
                let (judgements,) = f.call(store.as_context_mut(), (subscription,))?;
                Ok(store.data_mut().judge(judgements)?)
            },
        )?;
        Ok(effects)
    }

    /// Tells a plugin which of one tenant's timers the watermark has passed.
    ///
    /// # Errors
    /// As [`evaluate`](Instance::evaluate).
    pub fn on_timer(&mut self, tenant: &str, fired: &[Fired]) -> Result<Effects, Fault> {
        let fired: Vec<types::Fired> = fired
            .iter()
            .map(|timer| types::Fired {
                name: timer.name.clone(),
                key: timer.key.clone(),
                due: timer.due,
            })
            .collect();
        let (_, effects) = self.call("on-timer", 0, None, tenant, |functions, store| {
            let f = present(functions.on_timer)?.typed::<(&[types::Fired],), ()>(&*store)?;
            f.call(store.as_context_mut(), (&fired,))
        })?;
        Ok(effects)
    }

    /// Shows a parser the first bytes of sessions, one chunk for each.
    ///
    /// # Errors
    /// As [`evaluate`](Instance::evaluate).
    pub fn probe(&mut self, chunks: &[Chunk], arena: &[u8]) -> Result<Vec<Recognition>, Fault> {
        let chunks: Vec<types::Chunk> = chunks.iter().map(Into::into).collect();
        let (answers, _) = self.call("probe", 0, None, "", |functions, store| {
            let f = present(functions.probe)?
                .typed::<(&[types::Chunk], &[u8]), (Vec<types::Recognition>,)>(&*store)?;
            let (answers,) = f.call(store.as_context_mut(), (&chunks, arena))?;
            same_length(answers.len(), chunks.len())?;
            Ok(answers)
        })?;
        Ok(answers.into_iter().map(Into::into).collect())
    }

    /// Lets a parser parse chunks, in order.
    ///
    /// # Errors
    /// As [`evaluate`](Instance::evaluate), and when what it returns does not fit the chunks or
    /// the manifest.
    pub fn parse(&mut self, chunks: &[Chunk], arena: &[u8]) -> Result<Parsed, Fault> {
        let manifest = Arc::clone(&self.manifest);
        let chunks: Vec<types::Chunk> = chunks.iter().map(Into::into).collect();
        let (parsed, _) = self.call("parse", 0, None, "", |functions, store| {
            let f = present(functions.parse)?
                .typed::<(&[types::Chunk], &[u8]), (types::Parsed,)>(&*store)?;
            let (parsed,) = f.call(store.as_context_mut(), (&chunks, arena))?;
            Ok(check_parsed(parsed, &chunks, &manifest)?)
        })?;
        Ok(parsed)
    }

    /// Tells a parser that sessions are over.
    ///
    /// # Errors
    /// As [`evaluate`](Instance::evaluate).
    pub fn close(&mut self, sessions: &[u32]) -> Result<(), Fault> {
        let (_, _) = self.call("close", 0, None, "", |functions, store| {
            let f = present(functions.close)?.typed::<(&[u32],), ()>(&*store)?;
            f.call(store.as_context_mut(), (sessions,))
        })?;
        Ok(())
    }

    /// What it was instantiated with.
    pub fn capabilities(&mut self) -> &mut dyn Capabilities {
        self.store.data_mut().capabilities()
    }

    /// Bytes of its linear memories.
    pub fn memory(&self) -> u64 {
        self.store.data().usage.memory()
    }

    /// How many calls it has taken.
    pub fn calls(&self) -> u64 {
        self.calls
    }
}

fn absent() -> wasmtime::Error {
    FaultCause::Trap("the plugin does not export this function".into()).into()
}

fn present(function: Option<Func>) -> wasmtime::Result<Func> {
    function.ok_or_else(absent)
}

fn same_length(found: usize, expected: usize) -> Result<(), FaultCause> {
    if found == expected {
        return Ok(());
    }
    Err(FaultCause::Result(format!(
        "{found} answers for {expected} chunks"
    )))
}

/// A guest's text without control characters, and not longer than `limit` characters.
fn escape(text: &str, limit: usize) -> String {
    text.chars()
        .take(limit)
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

fn check_parsed(
    parsed: types::Parsed,
    chunks: &[types::Chunk],
    manifest: &Manifest,
) -> Result<Parsed, FaultCause> {
    same_length(parsed.outcomes.len(), chunks.len())?;
    let wrong = |problem: String| Err(FaultCause::Result(problem));
    let mut outcomes = Vec::with_capacity(chunks.len());
    for (outcome, chunk) in parsed.outcomes.into_iter().zip(chunks) {
        let (offset, outcome) = match outcome {
            types::Outcome::Done => (0, Outcome::Done),
            types::Outcome::Incomplete(i) => (
                0,
                Outcome::Incomplete {
                    kept: i.kept,
                    needed: i.needed,
                },
            ),
            types::Outcome::Error(e) => (
                e.offset,
                Outcome::Error {
                    offset: e.offset,
                    message: escape(&e.message, 256),
                },
            ),
            types::Outcome::Handover(offset) => (offset, Outcome::Handover { offset }),
        };
        if offset > chunk.length {
            return wrong(format!("offset {offset} in a chunk of {}", chunk.length));
        }
        outcomes.push(outcome);
    }
    if parsed.tables.len() > MAX_TABLES {
        return wrong(format!(
            "{} tables; at most {MAX_TABLES}",
            parsed.tables.len()
        ));
    }
    let events: usize = parsed.tables.iter().map(|table| table.chunks.len()).sum();
    if events > MAX_PARSED_EVENTS {
        return wrong(format!("{events} events; at most {MAX_PARSED_EVENTS}"));
    }
    let emits = manifest.parser.as_ref().map_or(&[][..], |p| &p.emits[..]);
    let mut tables = Vec::with_capacity(parsed.tables.len());
    for table in parsed.tables {
        let kind = Kind::from(table.kind);
        if !emits.contains(&kind) {
            return wrong(format!(
                "events of kind `{}`, which `parser.emits` does not list",
                kind.name()
            ));
        }
        let in_order = table.chunks.windows(2).all(|w| w[0] <= w[1]);
        let in_range = table
            .chunks
            .last()
            .is_none_or(|c| (*c as usize) < chunks.len());
        if !in_order || !in_range {
            return wrong(format!(
                "events of `{}` whose chunks decrease or are not there",
                kind.name()
            ));
        }
        tables.push(ParsedTable {
            kind,
            chunks: table.chunks,
            columns: table.columns.into_iter().map(Into::into).collect(),
        });
    }
    Ok(Parsed { outcomes, tables })
}

impl From<types::Column> for TableColumn {
    fn from(column: types::Column) -> TableColumn {
        TableColumn {
            field: FieldId(column.field),
            attribute: column.attribute,
            valid: column.valid,
            offsets: column.offsets,
            values: match column.values {
                types::Values::U8s(v) => TableValues::U8(v),
                types::Values::U16s(v) => TableValues::U16(v),
                types::Values::U32s(v) => TableValues::U32(v),
                types::Values::U64s(v) => TableValues::U64(v),
                types::Values::F64s(v) => TableValues::F64(v),
                types::Values::Text(text) => TableValues::Text {
                    offsets: text.offsets,
                    bytes: text.bytes,
                },
            },
        }
    }
}

impl From<&Chunk> for types::Chunk {
    fn from(chunk: &Chunk) -> types::Chunk {
        types::Chunk {
            session: chunk.session,
            direction: match chunk.direction {
                ChunkDirection::ToServer => types::ChunkDirection::ToServer,
                ChunkDirection::ToClient => types::ChunkDirection::ToClient,
            },
            transport: match chunk.transport {
                Transport::Tcp => types::Transport::Tcp,
                Transport::Udp => types::Transport::Udp,
                Transport::Icmp => types::Transport::Icmp,
                Transport::Other => types::Transport::Other,
            },
            port: chunk.port,
            offset: chunk.offset,
            gap: chunk.gap,
            end: chunk.end,
            start: chunk.start,
            length: chunk.length,
        }
    }
}

impl From<types::Recognition> for Recognition {
    fn from(recognition: types::Recognition) -> Recognition {
        match recognition {
            types::Recognition::No => Recognition::No,
            types::Recognition::Yes => Recognition::Yes,
            types::Recognition::More => Recognition::More,
        }
    }
}
