//! How many sources an engine has, and requests an epoch.

use std::io::Cursor;
use std::sync::Arc;

use palisade_events::Batch;
use palisade_runtime::{LogLevel, Plugin};
use palisade_sources::{Limits, SourcePolicy, open};

use super::{Seen, plugins, root};
use crate::capabilities::LogSink;
use crate::engine::{Engine, EngineConfig, EngineError, Generation};

fn engine(plugins: Vec<Arc<Plugin>>) -> Engine {
    let log: LogSink = Arc::new(|_: &str, _: LogLevel, _: &str| ());
    let config = EngineConfig {
        workers: 1,
        epoch: 65_536,
        ..EngineConfig::default()
    };
    let generation = Generation::new(plugins, Vec::new(), None).unwrap();
    Engine::new(config, generation, &log).unwrap()
}

#[test]
fn sources_are_as_many_as_references_tell_apart() {
    let mut engine = engine(Vec::new());
    for number in 0..4079 {
        engine.source(&number.to_string(), "tenant").unwrap();
    }
    let refused = engine.source("one more", "tenant").unwrap_err();
    assert!(matches!(refused, EngineError::Sources));
    assert!(refused.to_string().contains("4079"), "{refused}");
    assert!(engine.source("17", "tenant").is_ok(), "it is there already");
}

#[test]
fn requests_of_an_epoch_are_1024_however_small_they_are() {
    let Some(policies) = plugins(&["plugins/vuln-disclosure/article-9.wasm"]) else {
        return;
    };
    let request = std::fs::read_to_string(root().join("tests/demo/requests.ndjson")).unwrap();
    let request = request.lines().next().unwrap().to_owned() + "\n";
    for requests in [1_000, 1_025, 4_000] {
        let mut engine = engine(policies.clone());
        let bytes = request.repeat(requests).into_bytes();
        let input = open("requests", Cursor::new(bytes), &Limits::default()).unwrap();
        let source = engine.source("requests", "tenant").unwrap();
        let mut seen = Seen::default();
        let mut feed = engine.open(input, SourcePolicy::vectors(source)).unwrap();
        let mut epochs = Vec::new();
        loop {
            let mut epoch = engine.epoch(feed.source(), None);
            let progress = feed.fill(&mut epoch);
            epochs.push(epoch.batches.iter().map(Batch::len).sum::<usize>());
            engine.step(epoch, &mut seen).unwrap();
            if progress.ended {
                break;
            }
        }
        engine.close(&mut *feed, &mut seen);
        engine.finish(&mut seen).unwrap();
        assert_eq!(seen.decisions.len(), requests);
        assert_eq!(epochs.iter().sum::<usize>(), requests);
        assert!(epochs.iter().all(|of| *of <= 1_024), "{epochs:?}");
    }
}
