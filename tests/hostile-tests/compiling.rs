//! Compiling in a child process: every limit, within and over it.

use std::path::PathBuf;
use std::time::Duration;

use palisade_runtime::compile::{ChildLimits, CompileError, Compiler, CompilerCommand};
use palisade_runtime::manifest::Settings;
use palisade_runtime::{Config, LoadError, Runtime};
use palisade_tests::{root, skip};

use crate::assembled::{Core, with_parts};

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
