//! Entries of a dataset that one host call returns.

use std::sync::Arc;

use palisade_events::{BatchBuilder, Body, Kind, NetworkFlow, Source, Stamp};
use palisade_runtime::manifest::{Capability, Settings};
use palisade_runtime::{Capabilities, Config, NoCapabilities, Plugin, Runtime, View};
use wit_parser::Resolve;

use crate::encoded;

/// A detector that asks for so many entries.
fn asking(count: u32) -> Plugin {
    let text = format!(
        "(module
           (import \"palisade:plugin/datasets@0.1.0\" \"entries\"
             (func $entries (param i32 i32 i32 i32)))
           (memory (export \"memory\") 1)
           (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 8192))
           (func (export \"palisade:plugin/plugin@0.1.0#configure\") (param i32 i32) (result i32)
             (i32.const 256))
           (func (export \"palisade:plugin/evaluate@0.1.0#evaluate\") (param i32 i32)
             (call $entries (i32.const 0) (i32.const 512) (i32.const {count}) (i32.const 256))))"
    );
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v0.1");
    resolve.push_dir(wit).unwrap();
    let world = format!(
        "package test:made; world made {{ import palisade:plugin/datasets@0.1.0; {} }}",
        crate::EXPORTS
    );
    let package = resolve.push_str("made.wit", &world).unwrap();
    let world = resolve.select_world(&[package], Some("made")).unwrap();
    let manifest =
        crate::manifest("capabilities = [\"datasets\"]") + "\n[[dataset]]\nname = \"known\"\n";
    let component = encoded(wat::parse_str(text).unwrap(), (&resolve, world), &manifest);
    let runtime = Runtime::new(Config::default()).unwrap();
    let loaded = runtime.load(&component, &Capability::ALL, &Settings::default());
    loaded.unwrap().0
}

#[test]
fn a_call_asks_for_1024_entries_at_most() {
    let source = Source {
        slot: 1,
        name: "made".into(),
        tenant: "t".into(),
    };
    let mut flows = BatchBuilder::new(Kind::NetworkFlow, Arc::new(source));
    let stamp = Stamp {
        time: Default::default(),
        ingest_time: Default::default(),
        seq: 0,
    };
    flows
        .push(stamp, &Body::NetworkFlow(NetworkFlow::default()))
        .unwrap();
    let flows = View::all(flows.finish().unwrap());
    for (count, within) in [(1_024, true), (1_025, false)] {
        let mut lent: Box<dyn Capabilities> = Box::new(NoCapabilities);
        let mut instance = asking(count).instantiate(&mut lent).unwrap();
        // Within it they are asked for, of which there are none here.
        let fault = instance.with(&mut lent).evaluate(0, flows.clone());
        let fault = fault.unwrap_err().to_string();
        let told = fault.contains("length of 1025; at most 1024 is allowed");
        assert_eq!(told, !within, "{fault}");
    }
}
