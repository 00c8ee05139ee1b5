//! How many matches a guest gets of one call of `datasets.matches`, over all its rows.

#![expect(
    clippy::result_large_err,
    reason = "a fault says what and where, and ends a call"
)]

use std::sync::Arc;

use palisade_events::{BatchBuilder, Body, Column, FieldId, Kind, NetworkFlow, Source, Stamp};
use palisade_runtime::manifest::{Capability, Settings};
use palisade_runtime::{
    Capabilities, Config, DatasetEntry, Fault, FaultCause, Fired, Hit, LogLevel, NoCapabilities,
    Refusal, Runtime, View,
};
use wit_parser::Resolve;

use crate::encoded;

/// A dataset of which so many entries match every row.
struct Matching(u32, NoCapabilities);

impl Capabilities for Matching {
    fn matches(&mut self, _: &View, _: usize, _: &Column, r: &[u32]) -> Result<Vec<Hit>, Refusal> {
        let of = |row: u32| (0..self.0).map(move |entry| Hit { row, entry });
        Ok(r.iter().flat_map(|row| of(*row)).collect())
    }
    fn begin(&mut self, _: &str) {}
    fn commit(&mut self) {}
    fn rollback(&mut self) -> bool {
        true
    }
    fn log(&mut self, _: LogLevel, _: &str) {}
    fn count(&mut self, v: &View, t: usize, r: &[u32]) -> Result<Vec<u64>, Refusal> {
        self.1.count(v, t, r)
    }
    fn sum(&mut self, v: &View, t: usize, c: &Column, r: &[u32]) -> Result<Vec<u64>, Refusal> {
        self.1.sum(v, t, c, r)
    }
    fn distinct(&mut self, v: &View, t: usize, c: &Column, r: &[u32]) -> Result<Vec<u64>, Refusal> {
        self.1.distinct(v, t, c, r)
    }
    fn first(&mut self, v: &View, t: usize, r: &[u32]) -> Result<Vec<u8>, Refusal> {
        self.1.first(v, t, r)
    }
    fn citations(&mut self, v: &View, t: usize, r: u32) -> Result<Vec<u64>, Refusal> {
        self.1.citations(v, t, r)
    }
    fn get(&mut self, t: usize, k: &str) -> Result<Option<Arc<[u8]>>, Refusal> {
        self.1.get(t, k)
    }
    fn put(&mut self, t: usize, k: &str, v: Vec<u8>) -> Result<(), Refusal> {
        self.1.put(t, k, v)
    }
    fn remove(&mut self, t: usize, k: &str) -> Result<(), Refusal> {
        self.1.remove(t, k)
    }
    fn set_timer(&mut self, n: &str, k: &str, d: u64) -> Result<(), Refusal> {
        self.1.set_timer(n, k, d)
    }
    fn cancel_timer(&mut self, n: &str, k: &str) -> Result<(), Refusal> {
        self.1.cancel_timer(n, k)
    }
    fn fire(&mut self, w: u64) -> Vec<(String, Vec<Fired>)> {
        self.1.fire(w)
    }
    fn lookup(&mut self, d: usize, v: &str) -> Result<Vec<u32>, Refusal> {
        self.1.lookup(d, v)
    }
    fn entries(&mut self, d: usize, e: &[u32]) -> Result<Vec<DatasetEntry>, Refusal> {
        self.1.entries(d, e)
    }
}

/// What a guest comes to that asks for the matches of its first row, so many times in one call,
/// of a dataset of which so many entries match it.
fn asked(rows: u32, each: u32) -> Result<(), Fault> {
    let text = format!(
        "(module
           (import \"palisade:plugin/datasets@0.1.0\" \"matches\"
             (func $matches (param i32 i32 i32 i32 i32)))
           (memory (export \"memory\") 32)
           (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 262144))
           (func (export \"palisade:plugin/plugin@0.1.0#configure\") (param i32 i32) (result i32)
             (i32.const 256))
           (func (export \"palisade:plugin/evaluate@0.1.0#evaluate\") (param i32 i32)
             (call $matches (i32.const 0) (i32.const {field}) (i32.const 65536) (i32.const {rows})
               (i32.const 16))))",
        field = FieldId::of("dst.port").0 as i32,
    );
    let module = wat::parse_str(text).unwrap();
    let world = "package test:made; world made { import palisade:plugin/datasets@0.1.0; \
                 export palisade:plugin/plugin@0.1.0; export palisade:plugin/evaluate@0.1.0; }";
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v0.1");
    resolve.push_dir(wit).unwrap();
    let package = resolve.push_str("made.wit", world).unwrap();
    let world = resolve.select_world(&[package], Some("made")).unwrap();
    let manifest = "[plugin]\nname = \"asks\"\nversion = \"0.1.0\"\nkind = \"detector\"\n\
        wit = \"0.1\"\npack = \"tests\"\ncapabilities = [\"datasets\"]\n[[dataset]]\nname = \"d\"\n\
        [[subscription]]\nkind = \"network.flow\"\nfields = [\"dst.port\"]\n\
        [[rule]]\nid = \"r\"\ntitle = \"R\"\nseverity = \"low\"\n";
    let component = encoded(module, (&resolve, world), manifest);
    let runtime = Runtime::new(Config::default()).unwrap();
    let loaded = runtime.load(&component, &Capability::ALL, &Settings::default());
    let plugin = loaded.unwrap().0;
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
    let view = View::all(builder.finish().unwrap());
    let mut lent: Box<dyn Capabilities> = Box::new(Matching(each, NoCapabilities));
    let mut instance = plugin.instantiate(&mut lent).unwrap();
    instance.with(&mut lent).evaluate(0, view).map(drop)
}

#[test]
fn more_matches_than_a_call_may_return_are_refused_over_all_its_rows() {
    asked(1_024, 64).unwrap();
    // The last over two pieces of the rows, of which neither has as many.
    for (rows, each) in [(1, 65_537), (1_025, 64), (21_846, 3)] {
        let fault = asked(rows, each).unwrap_err();
        assert!(
            matches!(
                &fault.cause,
                FaultCause::Capability { function: "datasets.matches", problem }
                    if problem.contains("more than 65536 matches in one call")
            ),
            "{rows} rows, {each} each: {fault}"
        );
    }
}
