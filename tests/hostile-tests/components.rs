//! Components that are malformed, import what they may not, or are made of too much.

use std::sync::Arc;
use std::time::Duration;

use palisade_runtime::compile::{ChildLimits, CompileError};
use palisade_runtime::manifest::{Capability, ManifestError, SECTION, Settings};
use palisade_runtime::{
    FaultCause, InstantiateError, Limits, LoadError, Mode, Plugin, PreflightError,
};

use wasm_encoder::{
    CodeSection, Component, ExportKind, ExportSection, Function, FunctionSection, Instruction,
    Module, ModuleSection, TypeSection,
};

use crate::assembled::{Core, assemble, component, manifest, nested, with_parts, with_section};
use crate::compiling;
use crate::stage::{
    EVENTS, Events, assert_harmless, beside_innocent, limits, load, refused, runtime,
};

fn loaded(bytes: &[u8], change: impl FnOnce(&mut Limits)) -> Result<Arc<Plugin>, LoadError> {
    load(bytes, Mode::Live, limits(change), &Settings::new())
}

fn rejected(bytes: &[u8]) -> LoadError {
    let error = match loaded(bytes, |_| ()) {
        Ok(plugin) => panic!("{plugin:?} loads"),
        Err(error) => error,
    };
    assert_harmless(&error.to_string());
    error
}

fn preflight(bytes: &[u8], grants: &[Capability]) -> PreflightError {
    let loaded = runtime(Mode::Live, Limits::default()).load(bytes, grants, &Settings::new());
    match loaded {
        Err(LoadError::Preflight { plugin, source }) => {
            assert_eq!(plugin, "assembled");
            source
        }
        other => panic!("{:?}", other.err()),
    }
}

/// Why there is no instance, beside an innocent guest that does not notice.
fn no_instance(plugin: &Arc<Plugin>) -> FaultCause {
    let InstantiateError::Fault(fault) = refused(plugin) else {
        panic!("a fault");
    };
    assert_eq!(
        (fault.plugin.as_str(), fault.export),
        ("assembled", "instantiate")
    );
    if let Some(seen) = beside_innocent(plugin, Events::Flows(EVENTS)) {
        assert_eq!(seen.poison.len(), EVENTS);
        assert!(seen.poison.iter().all(|(_, f)| f.cause == fault.cause));
    }
    fault.cause
}

fn instance(plugin: &Plugin) {
    let made = plugin.instantiate(&mut palisade_runtime::nothing());
    assert!(made.is_ok(), "{}", made.err().expect("an error"));
}

/// What every call of `evaluate` faults with.
fn faults(bytes: &[u8], change: impl FnOnce(&mut Limits)) -> Option<FaultCause> {
    let plugin = loaded(bytes, change).expect("it loads");
    let seen = beside_innocent(&plugin, Events::Flows(EVENTS))?;
    let cause = seen.poison.first().map(|(_, fault)| fault.cause.clone());
    if let Some(cause) = &cause {
        assert_eq!(seen.poison.len(), EVENTS);
        let export = |f: &palisade_runtime::Fault| {
            ["evaluate", "configure", "instantiate"].contains(&f.export)
        };
        assert!(
            seen.poison.iter().all(|(_, f)| export(f)),
            "{:?}",
            seen.poison[0]
        );
        assert_harmless(&cause.to_string());
    }
    cause
}

#[test]
fn there_is_one_manifest_of_limited_size() {
    let good = Core::default().component();
    instance(&loaded(&good, |_| ()).unwrap());
    let two = with_section(&good, SECTION, manifest("").as_bytes());
    let error = rejected(&two);
    assert!(
        matches!(error, LoadError::Manifest(ManifestError::Repeated(2))),
        "{error}"
    );
    let bare = assemble("(component)");
    let error = rejected(&with_section(&bare, SECTION, &vec![b'#'; (256 << 10) + 1]));
    assert!(
        matches!(
            error,
            LoadError::Manifest(ManifestError::Oversized { found: 262_145 })
        ),
        "{error}"
    );
    let error = rejected(&with_section(&bare, SECTION, b"\xff\xfe"));
    assert!(
        matches!(error, LoadError::Manifest(ManifestError::NotText)),
        "{error}"
    );
    for missing in [bare, nested(1), nested(90)] {
        let error = rejected(&missing);
        assert!(
            matches!(error, LoadError::Manifest(ManifestError::Missing)),
            "{error}"
        );
    }
    for other in [&b""[..], b"\0asm", b"\x7fELF", &assemble("(module)")] {
        let error = rejected(other);
        assert!(
            matches!(error, LoadError::Manifest(ManifestError::NotAComponent(_))),
            "{error}"
        );
    }
    // A manifest of exactly the size passes.
    let padded = manifest("") + &"#".repeat((256 << 10) - manifest("").len());
    let error = rejected(&component("", &padded));
    assert!(matches!(error, LoadError::Preflight { .. }), "{error}");
}

#[test]
fn nesting_without_end_is_refused() {
    // In a child, which may use up its stack.
    let Some(runtime) = compiling::runtime(ChildLimits::default()) else {
        return;
    };
    for depth in [1_000, 10_000] {
        let bytes = with_section(&nested(depth), SECTION, manifest("").as_bytes());
        let loaded = runtime.load(&bytes, &[], &Settings::new());
        assert!(loaded.is_err(), "{depth} deep");
    }
}

#[test]
fn a_megabyte_of_names_disturbs_nobody() {
    let good = Core::default().component();
    let plugin = loaded(
        &with_section(&good, "component-name", &vec![0; 4 << 20]),
        |_| (),
    );
    instance(&plugin.expect("custom sections are not looked at"));
    // The frames of a fault are named by the guest.
    let name = "x\\1b[2J\\e2\\80\\ae".repeat(5_000);
    let core = Core {
        items: format!("(memory 1) (func (@name \"{name}\") unreachable)"),
        evaluate: "(call 0)".into(),
        ..Core::default()
    };
    let plugin = loaded(&core.component(), |_| ()).expect("it loads");
    let Some(seen) = beside_innocent(&plugin, Events::Flows(EVENTS)) else {
        return;
    };
    for (_, fault) in &seen.poison {
        assert!(matches!(fault.cause, FaultCause::Trap(_)), "{fault}");
        assert!(fault.backtrace.frames.len() >= 2, "{:?}", fault.backtrace);
        for frame in &fault.backtrace.frames {
            assert_harmless(frame);
            assert!(frame.chars().count() < 300, "{}", frame.len());
        }
    }
    assert_eq!(seen.poison.len(), EVENTS);
}

#[test]
fn what_is_not_offered_or_not_granted_is_not_imported() {
    let import = |name: &str, function: &str| {
        format!("(import \"{name}\" (instance (export \"{function}\" (func))))")
    };
    let plain = manifest("");
    for (name, function, expected) in [
        (
            "wasi:cli/environment@0.2.0",
            "get-environment",
            "without WASI",
        ),
        ("evil:host/files@1.0.0", "open", "does not offer"),
        ("palisade:plugin/secrets@0.1.0", "get", "does not offer"),
    ] {
        let error = preflight(
            &component(&import(name, function), &plain),
            &Capability::ALL,
        );
        assert!(
            matches!(&error, PreflightError::Unknown { name: n, .. } if n == name),
            "{error}"
        );
        assert!(error.to_string().contains(expected), "{error}");
    }
    for (name, function, remedy) in [
        (
            "palisade:plugin/state@0.1.0",
            "get",
            "add `state` to `plugin.capabilities`",
        ),
        (
            "palisade:plugin/network-dns@0.1.0",
            "rows",
            "add a `[[subscription]]`",
        ),
    ] {
        let error = preflight(
            &component(&import(name, function), &plain),
            &Capability::ALL,
        );
        let PreflightError::Undeclared { name: n, remedy: r } = &error else {
            panic!("{error}");
        };
        assert_eq!(n, name);
        assert!(r.starts_with(remedy), "{r}");
    }
    let asks = manifest("capabilities = [\"state\"]");
    let state = component(&import("palisade:plugin/state@0.1.0", "get"), &asks);
    assert_eq!(preflight(&state, &[]), PreflightError::NotGranted("state"));
    for version in ["0.2.0", "0.1.1", "9.9.9"] {
        let name = format!("palisade:plugin/batch@{version}");
        let error = preflight(&component(&import(&name, "u8s"), &plain), &[]);
        assert_eq!(error, PreflightError::Version { name });
    }
    let name = "palisade:plugin/network-flow@0.1.0";
    let error = preflight(&component(&import(name, "everything"), &plain), &[]);
    assert_eq!(
        error,
        PreflightError::Function {
            name: name.into(),
            function: "everything".into()
        }
    );
    let error = preflight(&component("(import \"f\" (func))", &plain), &[]);
    assert!(matches!(error, PreflightError::Unknown { .. }), "{error}");
}

#[test]
fn the_world_is_exported_in_this_version() {
    let error = preflight(&component("", &manifest("")), &[]);
    let PreflightError::Export { name, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(name, "palisade:plugin/plugin@0.1.0");
    let other = manifest("").replace("wit = \"0.1\"", "wit = \"0.2\"");
    let error = rejected(&component("", &other));
    assert!(error.to_string().contains("wit"), "{error}");
}

#[test]
fn proposals_that_are_off_are_refused() {
    let module = |text: &str| format!("(core module {text})");
    for (proposal, items) in [
        ("memory64", module("(memory i64 1)")),
        ("threads", module("(memory 1 1 shared)")),
        ("gc", module("(type (struct (field i32)))")),
        ("exceptions", module("(tag)")),
        (
            "stack switching",
            module("(type $f (func)) (type (cont $f))"),
        ),
        ("custom page sizes", module("(memory 1 (pagesize 1))")),
        ("asynchronous components", "(type (stream u8))".to_owned()),
    ] {
        let error = rejected(&component(&items, &manifest("")));
        let LoadError::Compile {
            plugin,
            source: CompileError::Invalid(text),
        } = &error
        else {
            panic!("{proposal}: {error}");
        };
        assert_eq!(plugin, "assembled");
        assert!(!text.is_empty(), "{proposal}");
    }
}

#[test]
fn a_compilers_message_is_harmless() {
    // The message quotes the name of the export that is there twice.
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut exports = ExportSection::new();
    for _ in 0..2 {
        exports.export("\u{1b}[2J\u{202e}", ExportKind::Func, 0);
    }
    let mut body = Function::new([]);
    body.instruction(&Instruction::End);
    let mut code = CodeSection::new();
    code.function(&body);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&exports)
        .section(&code);
    let mut component = Component::new();
    component.section(&ModuleSection(&module));
    let bytes = with_section(&component.finish(), SECTION, manifest("").as_bytes());
    let error = rejected(&bytes);
    assert!(error.to_string().contains("duplicate export"), "{error}");
}

#[test]
fn parts_are_counted() {
    let good = Core::default().component();
    let cause = FaultCause::Parts(16);
    instance(&loaded(&with_parts(&good, "(module)", 8), |_| ()).unwrap());
    for count in [16, 200] {
        let plugin = loaded(&with_parts(&good, "(module)", count), |_| ()).unwrap();
        assert_eq!(no_instance(&plugin), cause, "{count} instances");
    }
    for module in ["(module (memory 0))", "(module (table 0 funcref))"] {
        instance(&loaded(&with_parts(&good, module, 8), |_| ()).unwrap());
        let plugin = loaded(&with_parts(&good, module, 16), |_| ()).unwrap();
        assert_eq!(no_instance(&plugin), cause, "{module}");
    }
}

#[test]
fn all_memories_count_together() {
    let good = Core::default().component();
    let bomb = |module, count| with_parts(&good, module, count);
    // 16 MiB each, beside the 64 KiB of the guest.
    let quarter = "(module (memory 256))";
    let memory = |l: &mut Limits| l.memory = (48 << 20) + (64 << 10);
    instance(&loaded(&bomb(quarter, 3), memory).unwrap());
    let plugin = loaded(&bomb(quarter, 4), memory).unwrap();
    let (wanted, limit) = ((64 << 20) + (64 << 10), (48 << 20) + (64 << 10));
    assert_eq!(no_instance(&plugin), FaultCause::Memory { wanted, limit });
    // More at once than any place in the pool.
    let large = "(module (memory 4096))";
    let plugin = loaded(&bomb(large, 1), |_| ()).unwrap();
    let (wanted, limit) = ((256 << 20) + (64 << 10), 64 << 20);
    assert_eq!(no_instance(&plugin), FaultCause::Memory { wanted, limit });
    let raised = |l: &mut Limits| (l.memory, l.plugin_memory) = (512 << 20, 512 << 20);
    instance(&loaded(&bomb(large, 1), raised).unwrap());
    // In one module.
    let many = Core {
        items: "(memory 1) (memory 256) (memory 256)".into(),
        ..Core::default()
    };
    instance(&loaded(&many.component(), |l| l.memory = 48 << 20).unwrap());
    let plugin = loaded(&many.component(), |l| l.memory = 24 << 20).unwrap();
    assert!(matches!(
        no_instance(&plugin),
        FaultCause::Memory {
            limit: 25_165_824,
            ..
        }
    ));
}

#[test]
fn tables_count_together_and_do_not_grow_without_end() {
    let good = Core::default().component();
    let table = "(module (table 45000 funcref))";
    instance(&loaded(&with_parts(&good, table, 2), |_| ()).unwrap());
    let plugin = loaded(&with_parts(&good, table, 3), |_| ()).unwrap();
    let limit = 100_000;
    assert_eq!(
        no_instance(&plugin),
        FaultCause::Table {
            wanted: 135_000,
            limit
        }
    );
    let grows = |by| Core {
        items: "(memory 1) (table $t 0 funcref)".into(),
        evaluate: format!(
            "(if (i32.eq (table.grow $t (ref.null func) (i32.const {by})) (i32.const -1)) \
             (then unreachable))"
        ),
        ..Core::default()
    };
    assert_eq!(faults(&grows(100_000).component(), |_| ()), None);
    if let Some(cause) = faults(&grows(100_001).component(), |_| ()) {
        assert_eq!(
            cause,
            FaultCause::Table {
                wanted: 100_001,
                limit
            }
        );
    }
}

#[test]
fn start_functions_are_bounded() {
    let starts = |body: &str| Core {
        items: format!("(memory 1) (func $start {body}) (start $start)"),
        ..Core::default()
    };
    instance(&loaded(&starts("").component(), |_| ()).unwrap());
    let short = Duration::from_millis(20);
    let endless = loaded(&starts("(loop br 0)").component(), |l| l.call_time = short).unwrap();
    assert_eq!(no_instance(&endless), FaultCause::Time(short));
    let plugin = loaded(&starts("unreachable").component(), |_| ()).unwrap();
    assert!(matches!(no_instance(&plugin), FaultCause::Trap(t) if t.contains("unreachable")));
    let plugin = loaded(&starts("(call $start)").component(), |_| ()).unwrap();
    assert_eq!(no_instance(&plugin), FaultCause::Stack(512 << 10));
}

#[test]
fn an_abort_outside_of_a_call_is_a_fault_like_any() {
    let aborts = "(call $abort (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 1)
                    (i32.const 7) (i32.const 0))";
    let import = "(import \"palisade:plugin/fault@0.1.0\" \"abort\"
                    (func $abort (param i32 i32 i32 i32 i32 i32)))";
    let with = |items: &str, evaluate: &str| Core {
        items: format!("{import} (memory 1) (data (i32.const 0) \"why\") {items}"),
        evaluate: evaluate.into(),
        ..Core::default()
    };
    let told = FaultCause::Abort {
        message: "why".into(),
        file: "w".into(),
        line: 7,
        column: 0,
    };
    assert_eq!(faults(&with("", aborts).component(), |_| ()), Some(told));
    // Imports are not there yet when a module starts.
    let starts = format!("(func $start {aborts}) (start $start)");
    let plugin = loaded(&with(&starts, "").component(), |_| ()).unwrap();
    assert!(matches!(no_instance(&plugin), FaultCause::Trap(_)));
    // Neither may they be called while the host hands over a value.
    let mut core = with("", "").reads();
    core.realloc = "(call $abort (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 1)
                      (i32.const 7) (i32.const 0)) i32.const 2048";
    let Some(FaultCause::Trap(text)) = faults(&core.component(), |_| ()) else {
        panic!("a fault");
    };
    assert!(text.contains("allocators must not"), "{text}");
}

#[test]
fn an_allocator_that_lies_hurts_itself_alone() {
    let with = |realloc| {
        Core {
            realloc,
            ..Core::default()
        }
        .reads()
        .component()
    };
    assert_eq!(faults(&with("i32.const 2048"), |_| ()), None);
    // On top of the list's own descriptor: the guest's affair.
    assert_eq!(faults(&with("i32.const 512"), |_| ()), None);
    for (realloc, what) in [
        ("i32.const 0x7ffffffe", "beyond"),
        ("i32.const -2", "beyond"),
        ("i32.const 65536", "beyond"),
        ("i32.const 2049", "align"),
        ("unreachable", "unreachable"),
    ] {
        let Some(cause) = faults(&with(realloc), |_| ()) else {
            return;
        };
        let FaultCause::Trap(text) = &cause else {
            panic!("{realloc}: {cause}");
        };
        // Which of its rules the canonical ABI finds broken first is its affair.
        let refusals = [what, "out of bounds", "not aligned"];
        let known = refusals.iter().any(|refusal| text.contains(refusal));
        assert!(known, "{realloc}: {text}");
    }
    let recursive = "(call $realloc (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";
    assert_eq!(
        faults(&with(recursive), |_| ()),
        Some(FaultCause::Stack(512 << 10))
    );
    let short = Duration::from_millis(20);
    let endless = with("(loop br 0) i32.const 0");
    assert_eq!(
        faults(&endless, |l| l.call_time = short),
        Some(FaultCause::Time(short))
    );
    // A host call out of the allocator, while the host is in the guest.
    let leaves = with("(call $u16s (i32.const 0) (i32.const 512)) i32.const 2048");
    assert!(matches!(faults(&leaves, |_| ()), Some(FaultCause::Trap(t)) if t.contains("leave")));
    // Memory that grows while a column is lowered.
    let grows = with("(drop (memory.grow (i32.const 4096))) i32.const 2048");
    assert!(matches!(
        faults(&grows, |_| ()),
        Some(FaultCause::Memory { .. })
    ));
}

#[test]
fn pointers_out_of_memory_are_refused() {
    // `emit` and `text` are given lists and results outside of the guest's memory.
    for evaluate in [
        "(call $retract (i32.const 65535) (i32.const 2) (i32.const 0) (i32.const 0))",
        "(call $retract (i32.const -1) (i32.const -1) (i32.const 0) (i32.const 0))",
        "(call $retract (i32.const 0) (i32.const 0x7fffffff) (i32.const 0) (i32.const 0))",
    ] {
        let core = Core {
            items: "(import \"palisade:plugin/findings@0.1.0\" \"retract\" \
                    (func $retract (param i32 i32 i32 i32))) (memory 1)"
                .into(),
            evaluate: evaluate.into(),
            ..Core::default()
        };
        let Some(cause) = faults(&core.component(), |_| ()) else {
            return;
        };
        let stopped = matches!(&cause, FaultCause::Trap(t) if t.contains("out of bounds"))
            || matches!(cause, FaultCause::Lifted(_));
        assert!(stopped, "{evaluate}: {cause}");
    }
}
