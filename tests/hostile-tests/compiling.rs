//! Compiling in a child process: every limit, within and over it.

use std::path::PathBuf;
use std::time::Duration;

use palisade_runtime::compile::{ChildLimits, CompileError, Compiler, CompilerCommand};
use palisade_runtime::manifest::Settings;
use palisade_runtime::{Config, LoadError, Runtime};
use palisade_tests::{root, skip};

use crate::assembled::{Core, component, manifest, with_parts};

/// The program that compiles.
pub(crate) fn program() -> Option<PathBuf> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let program = target.join("release/palisade");
    if program.is_file() {
        return Some(program);
    }
    skip("`make build` has not built the program");
    None
}

/// A runtime that compiles in a child within these limits.
pub(crate) fn runtime(limits: ChildLimits) -> Option<Runtime> {
    let config = Config {
        compiler: Compiler::Child(CompilerCommand {
            program: program()?,
            arguments: vec!["compile-component".into()],
            limits,
        }),
        ..Config::default()
    };
    Some(Runtime::new(config).expect("wasmtime runs here"))
}

/// Why the component is not compiled within limits that differ from the usual in one.
fn stopped(component: &[u8], change: impl FnOnce(&mut ChildLimits)) -> Option<CompileError> {
    let mut limits = ChildLimits::default();
    change(&mut limits);
    match runtime(limits)?.load(component, &[], &Settings::new()) {
        Err(LoadError::Compile { plugin, source }) => {
            assert_eq!(plugin, "assembled");
            Some(source)
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is compiled"),
    }
}

/// A component with one function of `steps` steps over a thousand locals, each of which lives
/// for long: what an allocator of registers takes time for.
fn bomb(steps: u32) -> Vec<u8> {
    let mut body = String::from("(module (func (param i32)");
    body.push_str(&format!(" (local {})", "i32 ".repeat(1_000)));
    let mut random = 1_u32;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) % 1_000
    };
    for _ in 0..steps {
        let (a, b, c) = (next(), next(), next());
        body.push_str(&format!(
            " local.get {a} local.get {b} i32.mul local.set {c} local.get {c} (if (then nop))"
        ));
    }
    body.push_str("))");
    with_parts(&Core::default().component(), &body, 1)
}

#[test]
fn a_component_is_compiled_within_its_limits() {
    let small = bomb(100);
    let Some(runtime) = runtime(ChildLimits {
        component: small.len(),
        ..ChildLimits::default()
    }) else {
        return;
    };
    assert!(runtime.load(&small, &[], &Settings::new()).is_ok());
    let error = stopped(&small, |l| l.component = small.len() - 1).unwrap();
    let size = small.len();
    assert!(
        matches!(error, CompileError::TooLarge { found, limit } if found == size && limit == size - 1),
        "{error}"
    );
    let error = stopped(&small, |l| l.output = 1_000).unwrap();
    let says = "compiling was stopped: it produced more than 1000 bytes of code";
    assert_eq!(error.to_string(), says);
}

#[test]
fn a_compile_bomb_ends_at_processor_time_or_the_clock() {
    let bomb = bomb(200_000);
    let Some(error) = stopped(&bomb, |l| l.cpu_seconds = 1) else {
        return;
    };
    let says = "compiling was stopped: it used more than 1 s of CPU time";
    assert_eq!(error.to_string(), says);
    let error = stopped(&bomb, |l| l.wall = Duration::from_millis(100)).unwrap();
    let says = "compiling was stopped: it took longer than 100ms";
    assert_eq!(error.to_string(), says);
}

#[test]
fn a_compile_bomb_ends_at_its_memory() {
    let Some(error) = stopped(&bomb(200_000), |l| l.memory = 160 << 20) else {
        return;
    };
    let says = "compiling was stopped: it needed more than 167772160 bytes of memory";
    assert_eq!(error.to_string(), says);
}

/// What a program that works on a component says, and the most memory that it had itself. Its
/// compiler process is not counted.
fn peak(arguments: &[&str], component: &[u8]) -> Option<(String, u64)> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bomb.wasm");
    std::fs::write(&path, component).expect("room for a component");
    let mut child = std::process::Command::new(program()?)
        .args(arguments)
        .arg(&path)
        .env("XDG_CACHE_HOME", dir.path())
        .env("XDG_STATE_HOME", dir.path())
        .current_dir(dir.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a child").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0u64) << 10);
        std::thread::sleep(Duration::from_millis(1));
    }
    let output = child.wait_with_output().expect("it has ended");
    assert_eq!(output.status.code(), Some(2));
    Some((String::from_utf8_lossy(&output.stderr).into_owned(), peak))
}

/// Components of which each instantiates the one before twice: a few bytes a step.
fn doubling(steps: usize) -> Vec<u8> {
    let mut text = String::from("(component $c0)");
    for step in 1..=steps {
        let before = step - 1;
        text.push_str(&format!(
            "(component $c{step} (alias outer 1 $c{before} (component $b)) \
             (instance (instantiate $b)) (instance (instantiate $b)))"
        ));
    }
    text.push_str(&format!("(instance (instantiate $c{steps}))"));
    component(&text, &manifest(""))
}

/// Types of instances of which each exports the one before twice.
fn doubling_types(steps: usize) -> Vec<u8> {
    let mut text = String::from("(type $t0 (instance (export \"f\" (func))))");
    for step in 1..=steps {
        let before = step - 1;
        text.push_str(&format!(
            "(type $t{step} (instance (alias outer 1 $t{before} (type $b)) \
             (export \"a\" (instance (type $b))) (export \"b\" (instance (type $b)))))"
        ));
    }
    text.push_str(&format!("(import \"i\" (instance (type $t{steps})))"));
    component(&text, &manifest(""))
}

/// A type of instances within one another, as raw bytes: its reader would use up its stack.
fn nested_types(depth: usize) -> Vec<u8> {
    let mut data = vec![1];
    for _ in 0..depth {
        // An instance type of one declaration, which is a type.
        data.extend([0x42, 0x01, 0x01]);
    }
    data.extend([0x42, 0x00]);
    let mut bytes = component("", &manifest(""));
    wasm_encoder::ComponentSection::append_to_component(
        &wasm_encoder::RawSection { id: 7, data: &data },
        &mut bytes,
    );
    bytes
}

#[test]
fn a_component_that_stands_for_millions_of_parts_takes_no_memory_of_the_host() {
    let bomb = doubling(21);
    assert!(bomb.len() < 4_096, "{} bytes", bomb.len());
    for (bomb, says) in [
        (bomb, "instances or more; at most 256 are compiled"),
        (doubling_types(18), "exports and the like or more"),
        (nested_types(1_000_000), "nested so deep"),
    ] {
        let capture = palisade_tests::capture("modbus.pcap");
        let capture = capture.to_str().expect("a plain path");
        for arguments in [&["plugin", "inspect"][..], &["run", capture, "--plugins"]] {
            let Some((said, peak)) = peak(arguments, &bomb) else {
                return;
            };
            assert!(said.contains(says), "{arguments:?}: {said}");
            assert!(peak < 200 << 20, "{arguments:?}: {peak} bytes");
        }
    }
}

#[test]
fn parts_of_a_component_are_counted_before_it_is_compiled() {
    // Each step adds as many instances as all before it.
    let Some(runtime) = runtime(ChildLimits::default()) else {
        return;
    };
    let load = |bytes: &[u8]| match runtime.load(bytes, &[], &Settings::new()) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it has no exports"),
    };
    let within = load(&doubling(6));
    assert!(within.contains("does not export"), "{within}");
    let over = load(&doubling(8));
    assert!(over.contains("instances or more; at most 256"), "{over}");
}
