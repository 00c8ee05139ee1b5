//! A panic of the host in a function that a guest calls, or in the books of a call, is that
//! guest's fault in every export, and is undone like any other.

#![expect(
    clippy::result_large_err,
    reason = "a fault says what and where, and ends a call"
)]

use std::sync::{Arc, Mutex};

use palisade_events::{
    Batch, BatchBuilder, Body, Column, Kind, NetworkFlow, Source, Stamp, contain,
};
use palisade_runtime::manifest::{Capability, Settings};
use palisade_runtime::{
    Capabilities, Config, DatasetEntry, Fault, FaultCause, Fired, Hit, Instance, InstantiateError,
    LogLevel, NoCapabilities, Plugin, Refusal, Runtime, View,
};
use wit_parser::Resolve;

use crate::encoded;

/// Where the capabilities of a test panic.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Panics {
    Never,
    InLog,
    InBegin,
    InCommit,
    InRollback,
}

/// Capabilities that panic, and note what becomes of calls.
struct Panicking {
    panics: Panics,
    noted: Arc<Mutex<Vec<&'static str>>>,
    refuses: NoCapabilities,
}

impl Panicking {
    fn note(&mut self, what: &'static str, panics: Panics) {
        self.noted.lock().unwrap().push(what);
        assert!(self.panics != panics, "as the test wants\u{1b}[2J");
    }
}

impl Capabilities for Panicking {
    fn begin(&mut self, _: &str) {
        self.note("begin", Panics::InBegin);
    }
    fn commit(&mut self) {
        self.note("commit", Panics::InCommit);
    }
    fn rollback(&mut self) -> bool {
        self.note("rollback", Panics::InRollback);
        true
    }
    fn log(&mut self, _: LogLevel, _: &str) {
        self.note("log", Panics::InLog);
    }
    fn count(&mut self, v: &View, t: usize, r: &[u32]) -> Result<Vec<u64>, Refusal> {
        self.refuses.count(v, t, r)
    }
    fn sum(&mut self, v: &View, t: usize, c: &Column, r: &[u32]) -> Result<Vec<u64>, Refusal> {
        self.refuses.sum(v, t, c, r)
    }
    fn distinct(&mut self, v: &View, t: usize, c: &Column, r: &[u32]) -> Result<Vec<u64>, Refusal> {
        self.refuses.distinct(v, t, c, r)
    }
    fn first(&mut self, v: &View, t: usize, r: &[u32]) -> Result<Vec<u8>, Refusal> {
        self.refuses.first(v, t, r)
    }
    fn citations(&mut self, v: &View, t: usize, r: u32) -> Result<Vec<u64>, Refusal> {
        self.refuses.citations(v, t, r)
    }
    fn get(&mut self, t: usize, k: &str) -> Result<Option<Arc<[u8]>>, Refusal> {
        self.refuses.get(t, k)
    }
    fn put(&mut self, t: usize, k: &str, v: Vec<u8>) -> Result<(), Refusal> {
        self.refuses.put(t, k, v)
    }
    fn remove(&mut self, t: usize, k: &str) -> Result<(), Refusal> {
        self.refuses.remove(t, k)
    }
    fn set_timer(&mut self, n: &str, k: &str, d: u64) -> Result<(), Refusal> {
        self.refuses.set_timer(n, k, d)
    }
    fn cancel_timer(&mut self, n: &str, k: &str) -> Result<(), Refusal> {
        self.refuses.cancel_timer(n, k)
    }
    fn fire(&mut self, w: u64) -> Vec<(String, Vec<Fired>)> {
        self.refuses.fire(w)
    }
    fn matches(&mut self, v: &View, d: usize, c: &Column, r: &[u32]) -> Result<Vec<Hit>, Refusal> {
        self.refuses.matches(v, d, c, r)
    }
    fn lookup(&mut self, d: usize, v: &str) -> Result<Vec<u32>, Refusal> {
        self.refuses.lookup(d, v)
    }
    fn entries(&mut self, d: usize, e: &[u32]) -> Result<Vec<DatasetEntry>, Refusal> {
        self.refuses.entries(d, e)
    }
}

/// A plugin whose exports, each `name (signature)`, do nothing but log; `configure` does only if
/// it is told to.
fn logging(kind: &str, exports: &[(&str, &str, bool)], in_configure: bool, more: &str) -> Plugin {
    let call = "(call $log (i32.const 1) (i32.const 0) (i32.const 2))";
    let functions: String = exports
        .iter()
        .map(|(name, signature, returns)| {
            let result = if *returns { "(i32.const 256)" } else { "" };
            format!("(func (export \"palisade:plugin/{name}\") {signature} {call} {result})")
        })
        .collect();
    let first = if in_configure { call } else { "" };
    let text = format!(
        "(module
           (import \"palisade:plugin/log@0.1.0\" \"write\" (func $log (param i32 i32 i32)))
           (memory (export \"memory\") 1) (data (i32.const 0) \"hi\")
           (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 2048))
           (func (export \"palisade:plugin/plugin@0.1.0#configure\") (param i32 i32) (result i32)
             {first} (i32.const 256))
           {functions})"
    );
    let module = wat::parse_str(text).unwrap();
    let mut interfaces: Vec<&str> = exports
        .iter()
        .filter_map(|e| e.0.split('#').next())
        .collect();
    interfaces.dedup();
    let mut world = String::from(
        "package test:made; world made { import palisade:plugin/log@0.1.0; \
         export palisade:plugin/plugin@0.1.0;",
    );
    for interface in interfaces {
        world.push_str(&format!("export palisade:plugin/{interface};"));
    }
    world.push('}');
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v0.1");
    resolve.push_dir(wit).unwrap();
    let package = resolve.push_str("made.wit", &world).unwrap();
    let world = resolve.select_world(&[package], Some("made")).unwrap();
    let manifest = format!(
        "[plugin]\nname = \"logging\"\nversion = \"0.1.0\"\nkind = \"{kind}\"\nwit = \"0.1\"\n\
         pack = \"tests\"\n{more}"
    );
    let component = encoded(module, (&resolve, world), &manifest);
    let runtime = Runtime::new(Config::default()).unwrap();
    let loaded = runtime.load(&component, &Capability::ALL, &Settings::default());
    loaded.unwrap().0
}

const RULE: &str = "[[rule]]\nid = \"r\"\ntitle = \"R\"\nseverity = \"low\"\n";

fn detector(in_configure: bool) -> Plugin {
    let more = format!(
        "capabilities = [\"log\", \"timers\"]\nexports = [\"on-timer\"]\n[[subscription]]\n\
         kind = \"network.flow\"\nfields = [\"dst.port\"]\n{RULE}"
    );
    let exports = [
        ("evaluate@0.1.0#evaluate", "(param i32 i32)", false),
        ("on-timer@0.1.0#on-timer", "(param i32 i32)", false),
    ];
    logging("detector", &exports, in_configure, &more)
}

fn policy() -> Plugin {
    let more = format!(
        "capabilities = [\"log\"]\nexports = [\"observe\"]\n[[subscription]]\n\
         kind = \"network.flow\"\nrole = \"observe\"\nfields = [\"dst.port\"]\n[[subscription]]\n\
         kind = \"report.disclosure\"\nrole = \"decide\"\nfields = [\"request\"]\n{RULE}"
    );
    let exports = [
        ("decide@0.1.0#decide", "(param i32) (result i32)", true),
        ("observe@0.1.0#observe", "(param i32 i32)", false),
    ];
    logging("policy", &exports, false, &more)
}

fn parser() -> Plugin {
    let more = "capabilities = [\"log\"]\n[parser]\nprotocol = \"made\"\n\
                emits = [\"network.app\"]\ntransports = [\"tcp\"]\n";
    let exports = [
        (
            "parse@0.1.0#probe",
            "(param i32 i32 i32 i32) (result i32)",
            true,
        ),
        (
            "parse@0.1.0#parse",
            "(param i32 i32 i32 i32) (result i32)",
            true,
        ),
        ("parse@0.1.0#close", "(param i32 i32)", false),
    ];
    logging("parser", &exports, false, more)
}

fn flows() -> View {
    let source = Source {
        slot: 1,
        name: "made".into(),
        tenant: "t".into(),
    };
    let mut builder = BatchBuilder::new(Kind::NetworkFlow, Arc::new(source));
    let stamp = Stamp {
        time: Default::default(),
        ingest_time: Default::default(),
        seq: 0,
    };
    let body = Body::NetworkFlow(NetworkFlow::default());
    builder.push(stamp, &body).unwrap();
    let batch: Batch = builder.finish().unwrap();
    View::all(batch)
}

type Noted = Arc<Mutex<Vec<&'static str>>>;

fn panicking(panics: Panics, noted: &Noted) -> Box<dyn Capabilities> {
    Box::new(Panicking {
        panics,
        noted: Arc::clone(noted),
        refuses: NoCapabilities,
    })
}

/// What a call comes to in an instance that panics there only once it is configured.
fn called<R>(
    plugin: &Plugin,
    call: impl Fn(&mut Instance) -> Result<R, Fault>,
) -> (Fault, Vec<&'static str>) {
    let noted = Noted::default();
    let mut lent = panicking(Panics::InLog, &noted);
    let made = plugin.instantiate(&mut lent);
    let mut instance = made.expect("configure does not log");
    let mut instance = instance.with(&mut lent);
    noted.lock().unwrap().clear();
    let fault = call(&mut instance)
        .map(drop)
        .expect_err("the host panicked");
    let seen = std::mem::take(&mut *noted.lock().unwrap());
    // It is spent, whatever it is asked.
    assert!(call(&mut instance).is_err());
    assert!(noted.lock().unwrap().is_empty());
    (fault, seen)
}

fn check(export: &'static str, (fault, seen): (Fault, Vec<&'static str>)) {
    assert_eq!(fault.export, export);
    let FaultCause::Panic {
        function,
        problem,
        lost,
    } = &fault.cause
    else {
        panic!("{export}: {fault}");
    };
    assert_eq!((*function, *lost), ("write", false), "{export}");
    assert!(
        problem.starts_with("as the test wants\u{fffd}[2J"),
        "{problem}"
    );
    assert_eq!(seen, ["begin", "log", "rollback"], "{export}");
    assert!(!fault.is_state_lost());
}

#[test]
fn a_panic_in_a_host_function_is_a_fault_in_every_export() {
    let plugin = detector(false);
    check("evaluate", called(&plugin, |i| i.evaluate(0, flows())));
    let fired = [Fired {
        name: "n".into(),
        key: "k".into(),
        due: 1,
    }];
    check("on-timer", called(&plugin, |i| i.on_timer("t", &fired)));
    let plugin = policy();
    check("observe", called(&plugin, |i| i.observe(0, flows())));
    check("decide", called(&plugin, |i| i.decide(1, flows())));
    let plugin = parser();
    check("probe", called(&plugin, |i| i.probe(&[], &[])));
    check("parse", called(&plugin, |i| i.parse(&[], &[])));
    check("close", called(&plugin, |i| i.close(&[1])));
}

#[test]
fn a_panic_while_it_is_configured_is_a_fault_and_the_capabilities_come_back() {
    let plugin = detector(true);
    let noted = Noted::default();
    let mut lent = panicking(Panics::InLog, &noted);
    let Err(InstantiateError::Fault(fault)) = plugin.instantiate(&mut lent) else {
        panic!("it is configured");
    };
    check("configure", (fault, noted.lock().unwrap().clone()));
    noted.lock().unwrap().clear();
    // They are their owner's again, and not the nothing that an instance has of its own.
    lent.begin("t");
    assert_eq!(*noted.lock().unwrap(), ["begin"]);
    let mut lent = panicking(Panics::Never, &noted);
    assert!(plugin.instantiate(&mut lent).is_ok());
}

#[test]
fn where_a_call_cannot_be_undone_for_sure_the_fault_says_that_state_is_lost() {
    let plugin = detector(false);
    for (panics, seen) in [
        (
            Panics::InCommit,
            &["begin", "log", "commit", "rollback"][..],
        ),
        (Panics::InBegin, &["begin", "rollback"][..]),
    ] {
        let noted = Noted::default();
        // `configure` is a call as well, so the panic waits for the next.
        let result = plugin.instantiate(&mut panicking(panics, &noted));
        let Err(InstantiateError::Fault(fault)) = result else {
            panic!("{panics:?}: configure is a call");
        };
        assert_eq!(fault.is_state_lost(), panics == Panics::InCommit, "{fault}");
        let without_log: Vec<_> = seen.iter().copied().filter(|what| *what != "log").collect();
        assert_eq!(*noted.lock().unwrap(), without_log);
    }
    let mut lent = panicking(Panics::InRollback, &Noted::default());
    let made = plugin.instantiate(&mut lent);
    let mut instance = made.expect("nothing is rolled back");
    let undone = contain(|| instance.with(&mut lent).evaluate_if(0, flows(), |_| false));
    let fault = undone.expect("contained").expect_err("not undone");
    assert!(fault.is_state_lost(), "{fault}");
    let says = "what the plugin remembered may be damaged";
    assert!(fault.to_string().contains(says), "{fault}");
}
