//! An instance of a plugin: one guest memory, used by one thread at a time.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use wasmtime::component::{ComponentExportIndex, Func, InstancePre, TypedFunc};
use wasmtime::{AsContextMut, Store};

use crate::bindings::types;
use crate::call::work::Work;
use crate::call::{Effects, HostState};
use crate::capability::Capabilities;
use crate::engine::epochs;
use crate::limits::Limits;
use crate::manifest::Manifest;
use crate::parsing::{self, Chunk, Parsed, Recognition};
use crate::patience::Patience;
use crate::plugin::{Exports, InstantiateError};
use crate::symbols::Symbols;
use crate::worked::Began;
use palisade_events::contain;
use palisade_events::plain;

use crate::{Fault, FaultCause, Mode, Trace, View};

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
    patience: Arc<Patience>,
    symbols: Option<Arc<Symbols>>,
    calls: u64,
    /// Fuel that all calls so far used.
    fuel: u64,
    peaks: Peaks,
    /// A call has faulted.
    spent: bool,
}

/// The most that calls needed of what is limited for each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peaks {
    /// Units of fuel of one call, start and `configure` included; 0 outside deterministic mode.
    pub fuel: u64,
    /// Bytes of all linear memories of an instance together.
    pub memory: u64,
}

impl Peaks {
    /// Takes over what is higher in the other.
    pub fn raise(&mut self, other: Peaks) {
        self.fuel = self.fuel.max(other.fuel);
        self.memory = self.memory.max(other.memory);
    }
}

impl Instance {
    pub(crate) fn new(
        store: Store<HostState>,
        manifest: Arc<Manifest>,
        limits: Arc<Limits>,
        (mode, patience): (Mode, Arc<Patience>),
        symbols: Option<Arc<Symbols>>,
    ) -> Instance {
        Instance {
            store,
            functions: Functions::default(),
            manifest,
            limits,
            mode,
            patience,
            symbols,
            calls: 0,
            fuel: 0,
            peaks: Peaks::default(),
            spent: false,
        }
    }

    pub(crate) fn start(
        &mut self,
        pre: &InstancePre<HostState>,
        exports: &Exports,
        overhead: u64,
    ) -> wasmtime::Result<()> {
        self.arm()?;
        self.store.data_mut().usage.draw(overhead)?;
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
        self.note_peaks();
        Ok(())
    }

    /// The instance with what its calls may use, until the result is dropped. State and timers
    /// are their owner's: they outlive an instance, also one that has faulted, unless the fault
    /// says that [they are lost](Fault::is_state_lost).
    pub fn with<'a>(&'a mut self, lent: &'a mut Box<dyn Capabilities>) -> Lent<'a> {
        self.store.data_mut().exchange(lent);
        Lent {
            instance: self,
            lent,
        }
    }

    /// Whether the effects of calls from now on tell what the guest [asked](Effects::asked).
    pub fn keep_asked(&mut self, keep: bool) {
        self.store.data_mut().keeps_asked = keep;
    }

    /// Gives the next call its time and its fuel.
    fn arm(&mut self) -> wasmtime::Result<()> {
        let time = self.patience.of(self.limits.call_time);
        self.store.data_mut().work = Work::of(time, self.mode);
        self.store.set_epoch_deadline(epochs(time));
        if self.mode.has_fuel() {
            self.store.set_fuel(self.limits.fuel)?;
        }
        Ok(())
    }

    /// Looks at what the call that has just ended needed.
    fn note_peaks(&mut self) {
        let fuel = match self.mode {
            // A call that used up its fuel has none left.
            Mode::Deterministic | Mode::Fueled => self
                .limits
                .fuel
                .saturating_sub(self.store.get_fuel().unwrap_or_default()),
            Mode::Live | Mode::Unbounded => 0,
        };
        let memory = self.memory();
        self.fuel = self.fuel.saturating_add(fuel);
        self.peaks.raise(Peaks { fuel, memory });
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
        let (value, effects) = self.call_if(export, subscription, view, tenant, body, |_| true)?;
        Ok((value, effects.unwrap_or_default()))
    }

    /// Runs one call that counts only if `keep` accepts its effects; else it is rolled back.
    fn call_if<R>(
        &mut self,
        export: &'static str,
        subscription: u32,
        view: Option<View>,
        tenant: &str,
        body: impl FnOnce(&mut Functions, &mut Store<HostState>) -> wasmtime::Result<R>,
        keep: impl FnOnce(&Effects) -> bool,
    ) -> Result<(R, Option<Effects>), Fault> {
        if self.spent {
            return Err(self.fault(export, FaultCause::Trap("its instance is spent".into())));
        }
        self.calls += 1;
        let mut committing = false;
        let began = Began::now();
        let ran = contain(|| {
            let state = self.store.data_mut();
            state.begin(export, subscription as usize, view, tenant);
            self.arm()?;
            let value = body(&mut self.functions, &mut self.store)?;
            let state = self.store.data_mut();
            if !state.effects().is_none_or(keep) {
                return Ok((value, None));
            }
            committing = true;
            Ok((value, Some(state.commit())))
        });
        self.note_peaks();
        let fault = match ran {
            Ok(Ok((value, Some(effects)))) => return Ok((value, Some(effects))),
            Ok(Ok((value, None))) => {
                if self.roll_back() {
                    return Ok((value, None));
                }
                let problem = "a call that was to be undone was not".into();
                self.fault(export, FaultCause::Trap(problem))
                    .with_state_lost()
            }
            Ok(Err(error)) => {
                let name = &self.manifest.name;
                let symbols = self.symbols.as_deref();
                let mut fault = Fault::from_error(name, export, &self.limits, symbols, &error);
                if matches!(fault.cause, FaultCause::Time(_)) {
                    fault.backtrace.ran = began.told();
                }
                match self.roll_back() {
                    true => fault,
                    false => fault.with_state_lost(),
                }
            }
            Err(panicked) => {
                let fault = Fault::of_panic(&self.manifest.name, export, &panicked);
                match self.roll_back() && !committing {
                    true => fault,
                    false => fault.with_state_lost(),
                }
            }
        };
        self.spent = true;
        Err(fault)
    }

    /// Undoes the call; whether it is certain that nothing of it remains.
    fn roll_back(&mut self) -> bool {
        contain(|| self.store.data_mut().rollback()).unwrap_or(false)
    }

    fn fault(&self, export: &'static str, cause: FaultCause) -> Fault {
        Fault {
            plugin: self.manifest.name.clone(),
            export,
            cause,
            backtrace: Trace::default(),
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
            message: format!(
                "{} ({})",
                plain(&refusal.message, 700),
                plain(&self.declared(&refusal.name, settings), 300)
            ),
        })
    }

    /// What a setting is that was refused: how plugin.toml declares it, and what it is set to.
    fn declared(&self, name: &str, settings: &[types::Setting]) -> String {
        let declared = self.manifest.settings.iter();
        let Some(spec) = declared.clone().find(|spec| spec.name == name) else {
            let known = declared.map(|spec| spec.name.as_str());
            let hint = crate::manifest::hint(name, known);
            return format!("plugin.toml declares no such setting{hint}");
        };
        let given = settings.iter().find(|setting| setting.name == name);
        let given = given.map_or_else(String::new, |setting| match &setting.value {
            types::SettingValue::Text(text) => format!("{text:?}"),
            types::SettingValue::Integer(number) => number.to_string(),
            types::SettingValue::Number(number) => number.to_string(),
            types::SettingValue::Boolean(truth) => truth.to_string(),
            types::SettingValue::Texts(texts) => format!("{texts:?}"),
        });
        format!(
            "it is {}; plugin.toml declares it as {}",
            plain(&given, 100),
            spec.kind()
        )
    }

    /// Shows a detector what passed one of its subscriptions.
    ///
    /// # Errors
    /// When the call does not return; its effects are discarded.
    ///
    /// # Panics
    /// When the subscription is not in the manifest.
    pub fn evaluate(&mut self, subscription: u32, view: View) -> Result<Effects, Fault> {
        let effects = self.evaluate_if(subscription, view, |_| true)?;
        Ok(effects.unwrap_or_default())
    }

    /// As [`evaluate`](Instance::evaluate), but what the call did counts only if `keep` accepts
    /// its effects; else nothing of it remains, save what the guest's memory holds, and there
    /// are no effects. The instance can be used on.
    ///
    /// # Errors
    /// As [`evaluate`](Instance::evaluate).
    ///
    /// # Panics
    /// As [`evaluate`](Instance::evaluate).
    pub fn evaluate_if(
        &mut self,
        subscription: u32,
        view: View,
        keep: impl FnOnce(&Effects) -> bool,
    ) -> Result<Option<Effects>, Fault> {
        self.on_batch("evaluate", subscription, view, keep, |functions| {
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
        let keep = |_: &Effects| true;
        let effects = self.on_batch("observe", subscription, view, keep, |functions| {
            &functions.observe
        })?;
        Ok(effects.unwrap_or_default())
    }

    fn on_batch(
        &mut self,
        export: &'static str,
        subscription: u32,
        view: View,
        keep: impl FnOnce(&Effects) -> bool,
        function: impl Fn(&Functions) -> &Option<TypedFunc<(u32, u32), ()>>,
    ) -> Result<Option<Effects>, Fault> {
        assert!((subscription as usize) < self.manifest.subscriptions.len());
        let rows = view.len() as u32;
        let source = Arc::clone(view.batch().source());
        let (_, effects) = self.call_if(
            export,
            subscription,
            Some(view),
            &source.tenant,
            |functions, store| {
                let f = function(functions).as_ref();
                f.ok_or_else(absent)?
                    .call(store.as_context_mut(), (subscription, rows))
            },
            keep,
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
        let effects = self.decide_if(subscription, view, |_| true)?;
        Ok(effects.unwrap_or_default())
    }

    /// As [`decide`](Instance::decide), but what the call did counts only if `keep` accepts
    /// its effects; see [`evaluate_if`](Instance::evaluate_if).
    ///
    /// # Errors
    /// As [`decide`](Instance::decide).
    ///
    /// # Panics
    /// As [`evaluate`](Instance::evaluate).
    pub fn decide_if(
        &mut self,
        subscription: u32,
        view: View,
        keep: impl FnOnce(&Effects) -> bool,
    ) -> Result<Option<Effects>, Fault> {
        assert!((subscription as usize) < self.manifest.subscriptions.len());
        let source = Arc::clone(view.batch().source());
        let (_, effects) = self.call_if(
            "decide",
            subscription,
            Some(view),
            &source.tenant,
            |functions, store| {
                let f = functions.decide.as_ref().ok_or_else(absent)?;
                let (judgements,) = f.call(store.as_context_mut(), (subscription,))?;
                Ok(store.data_mut().judge(judgements)?)
            },
            keep,
        )?;
        Ok(effects)
    }

    /// Tells a plugin which of one tenant's timers the watermark has passed.
    ///
    /// # Errors
    /// As [`evaluate`](Instance::evaluate).
    pub fn on_timer(&mut self, tenant: &str, fired: &[Fired]) -> Result<Effects, Fault> {
        let effects = self.on_timer_if(tenant, fired, |_| true)?;
        Ok(effects.unwrap_or_default())
    }

    /// As [`on_timer`](Instance::on_timer), but what the call did counts only if `keep` accepts
    /// its effects; see [`evaluate_if`](Instance::evaluate_if).
    ///
    /// # Errors
    /// As [`evaluate`](Instance::evaluate).
    pub fn on_timer_if(
        &mut self,
        tenant: &str,
        fired: &[Fired],
        keep: impl FnOnce(&Effects) -> bool,
    ) -> Result<Option<Effects>, Fault> {
        let fired: Vec<types::Fired> = fired
            .iter()
            .map(|timer| types::Fired {
                name: timer.name.clone(),
                key: timer.key.clone(),
                due: timer.due,
            })
            .collect();
        let body = |functions: &mut Functions, store: &mut Store<HostState>| {
            let f = present(functions.on_timer)?.typed::<(&[types::Fired],), ()>(&*store)?;
            f.call(store.as_context_mut(), (&fired,))
        };
        let (_, effects) = self.call_if("on-timer", 0, None, tenant, body, keep)?;
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
            parsing::same_length(answers.len(), chunks.len())?;
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
            Ok(parsing::check(parsed, &chunks, &manifest)?)
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

    /// Bytes of its linear memories.
    pub fn memory(&self) -> u64 {
        self.store.data().usage.memory()
    }

    /// Fuel that its calls so far used together, start and `configure` included; 0 outside
    /// deterministic mode.
    pub fn fuel(&self) -> u64 {
        self.fuel
    }

    /// The most that its calls so far needed.
    pub fn peaks(&self) -> Peaks {
        self.peaks
    }

    /// How many calls it has taken.
    pub fn calls(&self) -> u64 {
        self.calls
    }
}

/// An instance with what its calls may use, which goes back to its owner at the end.
pub struct Lent<'a> {
    instance: &'a mut Instance,
    /// While it is lent, the nothing that the instance has of its own.
    lent: &'a mut Box<dyn Capabilities>,
}

impl Deref for Lent<'_> {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        self.instance
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Instance {
        self.instance
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.instance.store.data_mut().exchange(self.lent);
    }
}

fn absent() -> wasmtime::Error {
    FaultCause::Trap("the plugin does not export this function".into()).into()
}

fn present(function: Option<Func>) -> wasmtime::Result<Func> {
    function.ok_or_else(absent)
}
