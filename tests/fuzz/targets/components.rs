//! Components from anyone: damaged ones, generated ones, and behind the right imports and
//! exports generated code and scripts of calls into the host, which are compiled, linked and run
//! by the engine within small limits.

#![no_main]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arbitrary::{Arbitrary as _, Result, Unstructured};
use palisade_events::{Decision, Event, Finding};
use palisade_fuzz::worlds::{World, worlds};
use palisade_fuzz::{MIB, script, splice};
use palisade_pipeline::capabilities::LogSink;
use palisade_pipeline::engine::{Engine, EngineConfig, Generation, Notice, Output, Poison};
use palisade_runtime::compile::Compiler;
use palisade_runtime::manifest::{Capability, Settings, embed};
use palisade_runtime::{Config, Limits, Mode, Runtime, inspect};
use palisade_sources::{Limits as ReadLimits, SourcePolicy, open};
use palisade_state::datasets::{Dataset, DatasetLimits};

struct Stage {
    limits: Limits,
    runtime: Runtime,
    worlds: Vec<World>,
}

fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let limits = Limits {
            memory: 2 << 20,
            fuel: 100_000,
            host_calls: 200,
            lifted_bytes: 64 << 10,
            call_time: Duration::from_secs(5),
            ..Limits::default()
        };
        let config = Config {
            mode: Mode::Deterministic,
            limits: limits.clone(),
            pool: false,
            ..Config::default()
        };
        Stage {
            limits,
            runtime: Runtime::new(config).expect("wasmtime runs here"),
            worlds: worlds(),
        }
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    stage();
    palisade_fuzz::run(256 * MIB, || {
        let _ = check(&mut Unstructured::new(data));
    });
});

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let shape: u8 = u.arbitrary()?;
    let world = &stage().worlds[usize::from(shape >> 6) % stage().worlds.len()];
    let component = match shape % 8 {
        0 => {
            let grain = 1 + usize::from(shape >> 3 & 7) * 5;
            splice::bytes(u, &world.component, grain)?
        }
        1 => {
            let component = wasm_smith::Component::arbitrary(u)?.to_bytes();
            embed(&component, world.manifest).unwrap_or(component)
        }
        2..=4 => match world.component(script::module(u, &world.shape)?) {
            Some(component) => component,
            None => return Ok(()),
        },
        _ => {
            let config = wasm_smith::Config {
                module_shape: Some(world.shape.clone()),
                allow_start_export: shape & 8 != 0,
                max_memories: 1,
                max_memory32_bytes: 1 << 20,
                memory64_enabled: false,
                threads_enabled: false,
                shared_everything_threads_enabled: false,
                gc_enabled: false,
                exceptions_enabled: false,
                wide_arithmetic_enabled: false,
                custom_page_sizes_enabled: false,
                max_instructions: 60,
                max_funcs: 24,
                ..wasm_smith::Config::default()
            };
            let module = wasm_smith::Module::new(config, u)?;
            match world.component(module.to_bytes()) {
                Some(component) => component,
                None => return Ok(()),
            }
        }
    };
    let judged = inspect(&Compiler::InProcess, &stage().limits, &component);
    let loaded = stage()
        .runtime
        .load(&component, &Capability::ALL, &Settings::new());
    let Ok((plugin, _)) = loaded else {
        return Ok(());
    };
    let refusal = judged.map(|inspected| inspected.refusal);
    assert!(
        matches!(refusal, Ok(None)),
        "what loads passes the preflight: {refusal:?}"
    );
    drive(Arc::new(plugin));
    Ok(())
}

/// Takes everything and counts it.
#[derive(Default)]
struct Counted(usize);

impl Output for Counted {
    fn finding(&mut self, _: Finding) {
        self.0 += 1;
    }
    fn decision(&mut self, _: &Event, _: Decision) {
        self.0 += 1;
    }
    fn poison(&mut self, _: &str, _: &Poison) {
        self.0 += 1;
    }
    fn notice(&mut self, _: Notice) {
        self.0 += 1;
    }
    fn progress(&mut self, _: u64, _: u64) {}
}

/// Shows a plugin events and a capture.
fn drive(plugin: Arc<palisade_runtime::Plugin>) {
    const EVENTS: &[u8] = include_bytes!("../seeds/events.ndjson");
    const CAPTURE: &[u8] = include_bytes!("../../captures/modbus.pcap");
    let sink: LogSink = Arc::new(|_, _, _| {});
    let config = EngineConfig {
        workers: 1,
        ..EngineConfig::default()
    };
    const INDICATORS: &[u8] = b"{\"kind\":\"domain\",\"value\":\"a.example\"}\n";
    let dataset = Dataset::read("indicators", INDICATORS, &DatasetLimits::default());
    let dataset = Arc::new(dataset.expect("a dataset"));
    let generation = Generation::new(vec![plugin], vec![dataset], None);
    let generation = generation.expect("one plugin fits together with itself");
    let mut engine =
        Engine::new(config, generation, &sink).expect("what loads can be run, given its dataset");
    let mut seen = Counted::default();
    for (name, bytes) in [
        ("events", EVENTS),
        ("capture", &CAPTURE[..CAPTURE.len().min(2_000)]),
    ] {
        let input = open(name, std::io::Cursor::new(bytes), &ReadLimits::default());
        let input = input.expect("the input is recognised");
        let source = engine.source(name, "tenant").expect("a place for a source");
        let _ = engine.read(input, SourcePolicy::vectors(source), &mut seen);
    }
    let _ = engine.finish(&mut seen);
}
