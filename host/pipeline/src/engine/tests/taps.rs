//! Several sources at a time.

use std::io::Cursor;
use std::sync::Arc;

use palisade_runtime::{LogLevel, Plugin};
use palisade_sources::{Limits, SourcePolicy, open};

use super::{CAPTURE, Seen, plugins, root};
use crate::capabilities::LogSink;
use crate::engine::{Engine, EngineConfig, Generation};

/// What comes of taps that all see the same, epochs of them in turns.
fn taps(plugins: &[Arc<Plugin>], count: usize, epoch: usize, workers: usize) -> Seen {
    let config = EngineConfig {
        workers,
        epoch,
        ..EngineConfig::default()
    };
    let log: LogSink = Arc::new(|_: &str, _: LogLevel, _: &str| ());
    let generation = Generation::new(plugins.to_vec(), Vec::new(), None).unwrap();
    let mut engine = Engine::new(config, generation, &log).unwrap();
    let capture = std::fs::read(root().join(CAPTURE)).unwrap();
    let mut feeds: Vec<_> = (0..count)
        .map(|number| {
            let name = format!("tap {number}");
            let input = open(&name, Cursor::new(capture.clone()), &Limits::default()).unwrap();
            let source = engine.source(&name, "tenant").unwrap();
            engine.open(input, SourcePolicy::new(source)).unwrap()
        })
        .collect();
    let mut seen = Seen::default();
    while !feeds.is_empty() {
        let mut at = 0;
        while at < feeds.len() {
            let mut epoch = engine.epoch(feeds[at].source(), None);
            let progress = feeds[at].fill(&mut epoch);
            engine.step(epoch, &mut seen).unwrap();
            match progress.ended {
                true => engine.close(&mut *feeds.remove(at), &mut seen),
                false => at += 1,
            }
        }
    }
    engine.finish(&mut seen).unwrap();
    seen.parsed.sort();
    seen
}

#[test]
fn two_taps_on_one_wire_share_no_session() {
    let names = ["modbus", "http"].map(|name| format!("plugins/iot-protocols/{name}.wasm"));
    let Some(plugins) = plugins(&names.each_ref().map(String::as_str)) else {
        return;
    };
    let alone = taps(&plugins, 1, 16_384, 1);
    assert!(alone.parsed.len() > 10 && alone.unparsed.is_empty());
    let twice: Vec<String> = alone
        .parsed
        .iter()
        .flat_map(|kind| [kind.clone(), kind.clone()])
        .collect();
    for (epoch, workers) in [(1, 1), (7, 2), (100, 2), (16_384, 1)] {
        let both = taps(&plugins, 2, epoch, workers);
        assert_eq!(both.parsed, twice, "epochs of {epoch}, {workers} workers");
        assert!(both.unparsed.is_empty(), "{:?}", both.unparsed);
    }
}
