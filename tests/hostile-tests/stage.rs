//! Loads a hostile guest and an innocent one, and runs both over the same events through the
//! engine of `palisade run`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use palisade_events::{Decision, Event, Finding};
use palisade_pipeline::capabilities::LogSink;
use palisade_pipeline::engine::{
    Engine, EngineConfig, EngineError, Generation, Left, Notice, Output, Poison, Summary,
};
use palisade_runtime::compile::{CacheLimits, CodeCache, Compiler};
use palisade_runtime::manifest::{Capability, Settings};
use palisade_runtime::{
    Config, Fault, FaultCause, InstantiateError, Limits, LoadError, LogLevel, Mode, Plugin, Runtime,
};
use palisade_sources::{Limits as ReadLimits, SourcePolicy, open};
use palisade_tests::{capture, root, skip};

/// Events of the usual run: flows to the ports from 1 to this.
pub(crate) const EVENTS: usize = 40;

/// A component of `tests/hostile`, or of the plugins that come with Palisade. `None`: it was
/// not built, and the test skips.
pub(crate) fn component(path: &str) -> Option<Vec<u8>> {
    let path = root().join("target").join(path);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(_) => {
            skip(&format!("`make test` builds {} first", path.display()));
            None
        }
    }
}

/// The hostile detector.
pub(crate) fn hostile() -> Option<Vec<u8>> {
    component("hostile/hostile/hostile.wasm")
}

/// Compiled code of earlier runs.
fn cache() -> Option<CodeCache> {
    let path: PathBuf = root().join("target/hostile/code");
    std::fs::create_dir_all(&path).ok()?;
    let dir = Dir::open_ambient_dir(path, ambient_authority()).ok()?;
    let state = dir.try_clone().ok()?;
    CodeCache::open(dir, &state, CacheLimits::default()).ok()
}

pub(crate) fn runtime(mode: Mode, limits: Limits) -> Runtime {
    Runtime::new(Config {
        mode,
        limits,
        compiler: Compiler::InProcess,
        cache: cache(),
        ..Config::default()
    })
    .expect("wasmtime runs here")
}

/// Limits for guests that must not be disturbed by a busy machine.
fn patient() -> Limits {
    Limits {
        call_time: Duration::from_secs(60),
        epoch_time: Duration::from_secs(600),
        epoch_bytes: 1 << 30,
        ..Limits::default()
    }
}

/// Limits for hostile guests: the usual ones with patience, so that only what a test lowers
/// is ever reached.
pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = patient();
    change(&mut limits);
    limits
}

/// What to set for a guest that does `act`.
pub(crate) fn settings(act: &str, amount: u64, when: &str, trigger: i64) -> Settings {
    let amount = i64::try_from(amount).expect("an amount that TOML can say");
    let mut settings = act_settings(act, amount);
    settings.insert("when".into(), toml::Value::from(when));
    settings.insert("trigger".into(), toml::Value::from(trigger));
    settings
}

/// The same for guests that have no `when`.
pub(crate) fn act_settings(act: &str, amount: i64) -> Settings {
    let mut settings = BTreeMap::new();
    settings.insert("act".into(), toml::Value::from(act));
    settings.insert("amount".into(), toml::Value::from(amount));
    settings
}

/// Loads a component with everything granted.
pub(crate) fn load(
    bytes: &[u8],
    mode: Mode,
    limits: Limits,
    settings: &Settings,
) -> Result<Arc<Plugin>, LoadError> {
    let loaded = runtime(mode, limits).load(bytes, &Capability::ALL, settings);
    loaded.map(|(plugin, _)| Arc::new(plugin))
}

/// The innocent detector.
pub(crate) fn innocent() -> Option<Arc<Plugin>> {
    let bytes = component("hostile/hostile/innocent.wasm")?;
    let loaded = load(&bytes, Mode::Live, patient(), &Settings::new());
    Some(loaded.expect("the innocent guest loads"))
}

/// Any other guest, within patient limits.
pub(crate) fn friendly(path: &str) -> Option<Arc<Plugin>> {
    let loaded = load(&component(path)?, Mode::Live, patient(), &Settings::new());
    Some(loaded.expect("a plugin of Palisade loads"))
}

/// What came out of a run.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) findings: Vec<Finding>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) poison: Vec<(String, Fault)>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) log: Vec<String>,
    /// Events that a plugin was not shown any more, with the reason.
    pub(crate) left: Vec<(String, u64)>,
    pub(crate) summary: Summary,
}

impl Output for Seen {
    fn finding(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
    fn decision(&mut self, _: &Event, decision: Decision) {
        self.decisions.push(decision);
    }
    fn poison(&mut self, plugin: &str, poison: &Poison) {
        self.poison
            .push((plugin.to_owned(), Fault::clone(&poison.fault)));
    }
    fn left_out(&mut self, _: &str, left: &Left) {
        for row in 0..left.view.len() as u32 {
            let seq = left.view.batch().seqs()[left.view.batch_row(row)];
            self.left.push((left.fault.to_string(), seq));
        }
    }
    fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }
    fn progress(&mut self, _: u64, _: u64) {}
}

impl Seen {
    pub(crate) fn findings_of(&self, plugin: &str) -> Vec<&Finding> {
        let mine = |finding: &&Finding| finding.by.plugin == plugin;
        self.findings.iter().filter(mine).collect()
    }

    /// What the plugin said of whom, and the ids of what it cites: all of a finding that does
    /// not depend on how many other events there are.
    pub(crate) fn essence(&self, plugin: &str) -> Vec<String> {
        let line = |f: &&Finding| {
            let cited: Vec<_> = f.cited.iter().map(|c| c.id).collect();
            format!(
                "{} {} {} {:?} {:?} {:?}",
                f.by.rule, f.subject, f.summary, f.details, f.time, cited
            )
        };
        self.findings_of(plugin).iter().map(line).collect()
    }

    /// Faults that no single event is to blame for: plugin and message.
    pub(crate) fn faults<'a>(&'a self) -> Vec<(&'a str, &'a str)> {
        let fault = |notice: &'a Notice| match notice {
            Notice::Fault {
                plugin, problem, ..
            } => Some((plugin.as_str(), problem.as_str())),
            _ => None,
        };
        self.notices.iter().filter_map(fault).collect()
    }

    /// Flows that are parsed no further: parser and reason.
    pub(crate) fn unparsed<'a>(&'a self) -> Vec<(&'a str, &'a str)> {
        let failure = |notice: &'a Notice| match notice {
            Notice::Unparsed {
                parser, problem, ..
            } => Some((parser.as_str(), problem.as_str())),
            _ => None,
        };
        self.notices.iter().filter_map(failure).collect()
    }

    pub(crate) fn cost(&self, plugin: &str) -> &palisade_pipeline::engine::PluginSummary {
        let found = self.summary.plugins.iter().find(|p| p.name == plugin);
        found.expect("every plugin is in the summary")
    }
}

/// What is read.
#[derive(Clone, Copy)]
pub(crate) enum Events {
    /// This many flows, to the ports from 1 on.
    Flows(usize),
    /// One request for disclosure.
    Request,
    /// A capture of this repository.
    Capture(&'static str),
}

impl Events {
    fn bytes(self) -> Vec<u8> {
        match self {
            Events::Flows(count) => {
                let flow = |port| {
                    format!(
                        "{{\"kind\":\"network.flow\",\"time\":\"2025-06-01T10:00:00Z\",\"src\":{{\"ip\":\
                         \"10.0.0.{}\"}},\"dst\":{{\"ip\":\"192.0.2.1\",\"port\":{port}}}}}\n",
                        port % 7
                    )
                };
                (1..=count).map(flow).collect::<String>().into_bytes()
            }
            Events::Request => {
                b"{\"kind\":\"report.disclosure\",\"time\":\"2025-06-01T10:00:00Z\",\"request\":\"D-1\",\
                  \"action\":\"share\",\"subject_kind\":\"vulnerability\",\"subjects\":[\"V-1\"],\
                  \"audience\":\"named\"}\n"
                    .to_vec()
            }
            Events::Capture(name) => std::fs::read(capture(name)).expect("the capture can be read"),
        }
    }
}

/// Runs plugins over events, on one worker.
pub(crate) fn run(plugins: &[&Arc<Plugin>], events: Events) -> Seen {
    let (seen, ended) = run_with(plugins, events, EngineConfig::default());
    ended.expect("the run goes on to its end");
    seen
}

/// The same, set up otherwise; what came out, also of a run that ended early.
pub(crate) fn run_with(
    plugins: &[&Arc<Plugin>],
    events: Events,
    config: EngineConfig,
) -> (Seen, Result<(), EngineError>) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&log);
    let sink: LogSink = Arc::new(move |plugin: &str, _: LogLevel, text: &str| {
        let mut lines = lines.lock().expect("nobody panics with the lock");
        lines.push(format!("{plugin}: {text}"));
    });
    let config = EngineConfig {
        workers: 1,
        ..config
    };
    let (mut seen, ended) = run_logging(plugins, events, config, &sink);
    seen.log = std::mem::take(&mut *log.lock().expect("nobody panics with the lock"));
    (seen, ended)
}

/// The same with as many workers as it says, and a log of the test's own.
pub(crate) fn run_logging(
    plugins: &[&Arc<Plugin>],
    events: Events,
    config: EngineConfig,
    sink: &LogSink,
) -> (Seen, Result<(), EngineError>) {
    let plugins = plugins.iter().map(|p| (*p).clone()).collect();
    let generation = Generation::new(plugins, Vec::new(), None).expect("the plugins fit together");
    let mut engine = Engine::new(config, generation, sink).expect("the engine starts");
    let mut seen = Seen::default();
    let bytes = events.bytes();
    let input = open("input", std::io::Cursor::new(bytes), &ReadLimits::default())
        .expect("the input is recognised");
    let source = engine.source("input", "tenant").expect("the first input");
    let read = engine.read(input, SourcePolicy::vectors(source), &mut seen);
    let ended = read.and_then(|()| engine.finish(&mut seen));
    let ended = ended.map(|summary| seen.summary = summary);
    (seen, ended)
}

/// Runs a hostile plugin beside the innocent one, whose findings must be those that it has
/// alone. `None`: the guests are not built.
pub(crate) fn beside_innocent(hostile: &Arc<Plugin>, events: Events) -> Option<Seen> {
    let innocent = innocent()?;
    let alone = run(&[&innocent], events);
    let seen = run(&[hostile, &innocent], events);
    // The references of findings count those of all plugins.
    let found = |seen: &Seen| -> Vec<Finding> {
        let mut findings: Vec<_> = seen.findings_of("innocent").into_iter().cloned().collect();
        findings
            .iter_mut()
            .for_each(|finding| finding.event_ref = 0);
        findings
    };
    assert_eq!(
        found(&seen),
        found(&alone),
        "the innocent guest finds what it finds alone"
    );
    let expected = match events {
        Events::Flows(count) => count / 10,
        Events::Request | Events::Capture(_) => 0,
    };
    assert!(alone.findings_of("innocent").len() >= expected);
    assert!(seen.poison.iter().all(|(plugin, _)| plugin != "innocent"));
    Some(seen)
}

/// A detector's act within a limit and over it.
pub(crate) struct Pair {
    pub(crate) act: &'static str,
    pub(crate) when: &'static str,
    pub(crate) within: u64,
    pub(crate) over: u64,
    pub(crate) mode: Mode,
    pub(crate) limits: Limits,
}

impl Pair {
    pub(crate) fn of(act: &'static str, within: u64, over: u64) -> Pair {
        Pair {
            act,
            when: "evaluate",
            within,
            over,
            mode: Mode::Live,
            limits: patient(),
        }
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Pair {
        change(&mut self.limits);
        self
    }

    pub(crate) fn when(mut self, when: &'static str) -> Pair {
        self.when = when;
        self
    }

    fn run(&self, amount: u64) -> Option<Seen> {
        let settings = settings(self.act, amount, self.when, -1);
        let plugin = load(&hostile()?, self.mode, self.limits.clone(), &settings)
            .expect("the hostile guest loads");
        beside_innocent(&plugin, Events::Flows(EVENTS))
    }

    /// Within the limit the guest does its work.
    pub(crate) fn is_let(&self) -> Option<Seen> {
        let seen = self.run(self.within)?;
        none(&seen.poison);
        none(&seen.faults());
        let found = seen.findings_of("hostile");
        let rows = found.iter().filter(|f| f.by.rule == "hostile-1").count();
        assert!(rows >= EVENTS, "{}: {rows} findings", self.act);
        Some(seen)
    }

    /// Over the limit every call is a fault of this cause, and nothing of it remains.
    pub(crate) fn is_stopped(&self, export: &str, cause: &FaultCause) -> Option<Seen> {
        let seen = self.run(self.over)?;
        assert_eq!(seen.findings_of("hostile").len(), 0, "{}", self.act);
        assert_eq!(seen.poison.len(), EVENTS, "{}: every event", self.act);
        for (plugin, fault) in &seen.poison {
            assert_eq!(plugin, "hostile");
            assert_eq!(
                (fault.export, &fault.cause),
                (export, cause),
                "{}",
                self.act
            );
            let text = fault.to_string();
            let named = format!("plugin `hostile`, export `{export}`: ");
            assert!(text.starts_with(&named), "{text}");
        }
        Some(seen)
    }

    /// Over the limit, whatever happens.
    pub(crate) fn run_over(&self) -> Option<Seen> {
        self.run(self.over)
    }

    /// Both. The fault names the export of the act.
    pub(crate) fn holds(&self, cause: &FaultCause) {
        if self.is_let().is_some() {
            self.is_stopped(self.when, cause);
        }
    }
}

/// Why a plugin gives no instance.
pub(crate) fn refused(plugin: &Plugin) -> InstantiateError {
    match plugin.instantiate(&mut palisade_runtime::nothing()) {
        Ok(_) => panic!("the guest is instantiated"),
        Err(error) => error,
    }
}

/// That there is none.
#[track_caller]
pub(crate) fn none<T: std::fmt::Debug>(list: &[T]) {
    assert!(list.is_empty(), "{list:?}");
}

/// That a text can do nothing to a terminal and deceives no reader.
pub(crate) fn assert_harmless(text: &str) {
    let harmful = text.chars().find(|c| {
        c.is_control() && *c != '\n'
            || matches!(*c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    });
    assert_eq!(harmful, None, "in {text:?}");
}
