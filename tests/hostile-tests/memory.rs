//! What a plugin may hold in all its instances, and all plugins together.

use std::sync::Arc;

use palisade_runtime::manifest::{Capability, Settings};
use palisade_runtime::{
    Config, FaultCause, Instance, InstantiateError, Limits, Plugin, Runtime, nothing,
};

use crate::assembled::Core;
use crate::stage::{Events, act_settings, component, friendly, limits, load, none, run};

const MIB: u64 = 1 << 20;

fn plugin(runtime: &Runtime, core: &Core) -> Arc<Plugin> {
    let loaded = runtime.load(&core.component(), &Capability::ALL, &Settings::new());
    Arc::new(loaded.expect("it loads").0)
}

fn runtime(plugin_memory: u64, guest_memory: u64) -> Runtime {
    let config = Config {
        limits: Limits {
            plugin_memory,
            ..Limits::default()
        },
        guest_memory,
        ..Config::default()
    };
    Runtime::new(config).expect("wasmtime runs here")
}

fn instance(plugin: &Plugin) -> Result<Instance, FaultCause> {
    match plugin.instantiate(&mut nothing()) {
        Ok(instance) => Ok(instance),
        Err(InstantiateError::Fault(fault)) => Err(fault.cause),
        Err(other) => panic!("{other}"),
    }
}

/// A detector with a megabyte of memory.
fn megabyte() -> Core {
    Core {
        items: "(memory 16)".into(),
        ..Core::default()
    }
}

#[test]
fn all_instances_of_a_plugin_share_one_budget() {
    // Besides memory, each instance costs what the host keeps for it.
    let runtime = runtime(4 * MIB, 384 * MIB);
    let plugin = plugin(&runtime, &megabyte());
    let made: Vec<Instance> = (0..3).map(|_| instance(&plugin).expect("room")).collect();
    assert!(plugin.memory() > 3 * MIB && plugin.is_memory_scarce());
    // On another thread it is the same budget.
    let over = std::thread::scope(|scope| {
        let other = scope.spawn(|| instance(&plugin).map(drop).expect_err("too many"));
        other.join().expect("no panic")
    });
    let FaultCause::PluginMemory { wanted, limit } = over else {
        panic!("{over}");
    };
    assert!(wanted > limit && limit == 4 * MIB);
    assert!(
        over.to_string().contains("its instances on all workers"),
        "{over}"
    );
    drop(made);
    assert_eq!(plugin.memory(), 0);
    assert!(
        instance(&plugin).is_ok(),
        "what is given back can be had again"
    );
    assert_eq!(plugin.memory(), 0);
}

#[test]
fn tables_count_in_the_budget_too() {
    let core = Core {
        items: "(memory 1) (table 90000 funcref)".into(),
        ..Core::default()
    };
    let runtime = runtime(2 * MIB, 384 * MIB);
    let plugin = plugin(&runtime, &core);
    let made: Vec<_> = (0..3).map(|_| instance(&plugin)).collect();
    assert!(made[..2].iter().all(Result::is_ok));
    let over = made[2].as_ref().map(|_| ()).expect_err("too many");
    assert!(matches!(over, FaultCause::PluginMemory { .. }), "{over}");
}

#[test]
fn all_plugins_share_one_budget() {
    // Of 8 MiB the pool keeps less than one for instances to come.
    let runtime = runtime(384 * MIB, 8 * MIB);
    let (one, two) = (plugin(&runtime, &megabyte()), plugin(&runtime, &megabyte()));
    let mut made = Vec::new();
    let over = loop {
        assert!(made.len() < 8, "the budget is kept");
        let from = if made.len() % 2 == 0 { &one } else { &two };
        match instance(from) {
            Ok(instance) => made.push(instance),
            Err(cause) => break cause,
        }
    };
    assert!(made.len() >= 5, "{} instances", made.len());
    assert!(matches!(over, FaultCause::GuestMemory { .. }), "{over}");
    assert!(over.to_string().contains("all plugins"), "{over}");
    made.pop();
    assert!(instance(&one).is_ok());
}

#[test]
fn a_parser_that_hoards_ends_at_its_budget() {
    let Some(bytes) = component("hostile/hostile/hostile-parser.wasm") else {
        return;
    };
    let parse = |amount: i64, memory: u64| {
        let limits = limits(|l| l.plugin_memory = memory);
        let settings = act_settings("grow", amount);
        load(&bytes, palisade_runtime::Mode::Live, limits, &settings).expect("it loads")
    };
    let Some(modbus) = friendly("plugins/iot-protocols/modbus.wasm") else {
        return;
    };
    let capture = Events::Capture("plant.pcap");
    let within = run(&[&parse(16, 16 * MIB), &modbus], capture);
    none(&within.faults());
    let over = run(&[&parse(4 << 20, 3 * MIB), &modbus], capture);
    let faults = over.faults();
    assert!(!faults.is_empty());
    for (plugin, problem) in faults {
        assert_eq!(plugin, "hostile-parser");
        assert!(
            problem.contains("its instances on all workers may have together"),
            "{problem}"
        );
    }
    assert!(
        over.unparsed()
            .iter()
            .all(|(parser, _)| *parser == "hostile-parser")
    );
    assert_eq!(over.cost("modbus").yielded, within.cost("modbus").yielded);
}
