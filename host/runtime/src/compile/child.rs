//! Compiling in a child process.
//!
//! The child sets its own limits before it reads a byte of the component: CPU time, address
//! space, no core dump, no file larger than nothing. The parent bounds what it reads back and
//! how long it waits, and kills the child when either is exceeded.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{
    Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit,
};

use super::{Artifact, CompileError, MAX_MESSAGE, ShapeLimits};
use crate::{Limits, Mode};
use palisade_events::plain_lines;

/// Limits on one compilation.
#[derive(Clone, Debug)]
pub struct ChildLimits {
    /// Bytes of the component.
    pub component: usize,
    /// CPU seconds of all the child's threads together.
    pub cpu_seconds: u64,
    /// Wall-clock time.
    pub wall: Duration,
    /// Address space in bytes.
    pub memory: u64,
    /// Bytes of compiled code, which the parent takes twice while it loads it.
    pub output: usize,
}

impl Default for ChildLimits {
    fn default() -> Self {
        ChildLimits {
            component: 64 << 20,
            cpu_seconds: 120,
            wall: Duration::from_secs(180),
            memory: 4 << 30,
            output: 128 << 20,
        }
    }
}

/// The program that calls [`child_main`] and nothing else.
#[derive(Clone, Debug)]
pub struct CompilerCommand {
    /// Path of the executable.
    pub program: std::path::PathBuf,
    /// Arguments before those that this module adds.
    pub arguments: Vec<String>,
    /// Limits on one compilation.
    pub limits: ChildLimits,
}

/// The arguments by which parent and child agree on what to compile for.
fn arguments(mode: Option<Mode>, limits: &Limits, child: &ChildLimits) -> Vec<String> {
    vec![
        match mode {
            None => "preflight".into(),
            Some(Mode::Live) => "live".into(),
            Some(Mode::Deterministic) => "deterministic".into(),
            Some(Mode::Fueled) => "fueled".into(),
            Some(Mode::Unbounded) => "unbounded".into(),
        },
        limits.stack.to_string(),
        child.cpu_seconds.to_string(),
        child.memory.to_string(),
        child.component.to_string(),
        limits.shape.to_argument(),
        std::process::id().to_string(),
    ]
}

/// An artifact of the component; without a mode it has no code.
pub(super) fn compile(
    command: &CompilerCommand,
    mode: Option<Mode>,
    limits: &Limits,
    component: &[u8],
) -> Result<Vec<u8>, CompileError> {
    let bounds = &command.limits;
    if component.len() > bounds.component {
        return Err(CompileError::TooLarge {
            found: component.len(),
            limit: bounds.component,
        });
    }
    let spawn_error = |source| CompileError::Spawn {
        program: command.program.display().to_string(),
        source,
    };
    let mut child = Command::new(&command.program)
        .args(&command.arguments)
        .args(arguments(mode, limits, bounds))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(spawn_error)?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        stop(&mut child);
        return Err(spawn_error(std::io::Error::other("no pipes")));
    };
    let outcome = std::thread::scope(|scope| {
        // A child that stops reading closes the pipe; its exit status says why.
        scope.spawn(move || drop(stdin.write_all(component)));
        let errors = scope.spawn(move || read_bounded(stderr, 64 << 10));
        let (sender, receiver) = channel();
        let limit = bounds.output;
        scope.spawn(move || drop(sender.send(read_bounded(stdout, limit + 1))));
        let output = receiver.recv_timeout(bounds.wall);
        let stopped = match &output {
            Err(RecvTimeoutError::Timeout) => {
                Some(format!("it took longer than {:?}", bounds.wall))
            }
            Ok(output) if output.len() > limit => {
                Some(format!("it produced more than {limit} bytes of code"))
            }
            _ => None,
        };
        if stopped.is_some() {
            stop(&mut child);
        }
        let status = child.wait();
        let message = errors.join().unwrap_or_default();
        (output, stopped, status, message)
    });
    let (output, stopped, status, message) = outcome;
    if let Some(reason) = stopped {
        return Err(CompileError::Limit(reason));
    }
    let status = status.map_err(spawn_error)?;
    match (status.success(), output) {
        (true, Ok(code)) if !code.is_empty() => Ok(code),
        _ => Err(explain(status, &message, bounds)),
    }
}

/// What a child that failed died of.
fn explain(status: std::process::ExitStatus, message: &[u8], limits: &ChildLimits) -> CompileError {
    use std::os::unix::process::ExitStatusExt;
    const SIGKILL: i32 = 9;
    const SIGXCPU: i32 = 24;
    const SIGABRT: i32 = 6;
    let message = plain_lines(String::from_utf8_lossy(message).trim(), MAX_MESSAGE);
    match status.signal() {
        Some(SIGXCPU | SIGKILL) => CompileError::Limit(format!(
            "it used more than {} s of CPU time",
            limits.cpu_seconds
        )),
        // The handler of the standard library says so before it aborts.
        Some(SIGABRT) if message.contains("overflowed its stack") => {
            CompileError::Limit("it is nested so deep that the stack was used up".into())
        }
        Some(SIGABRT) => CompileError::Limit(format!(
            "it needed more than {} bytes of memory",
            limits.memory
        )),
        Some(signal) => CompileError::Limit(format!("the compiler died of signal {signal}")),
        None => CompileError::Invalid(message),
    }
}

fn stop(child: &mut Child) {
    // It may have ended by itself in the meantime, which is as good.
    let _ = child.kill();
}

/// What a pipe delivers, up to a limit. A broken pipe ends it like its end.
fn read_bounded(pipe: impl Read, limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let _ = pipe.take(limit as u64).read_to_end(&mut out);
    out
}

/// Ends this process, the child of this parent, when that ends: nobody would read what it makes.
fn end_with(parent: u64) -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| format!("cannot be made to end with its parent: {e}"))?;
    // The parent may have ended before that.
    let now = getppid().map(|pid| pid.as_raw_nonzero().get());
    match now.and_then(|now| u64::try_from(now).ok()) == Some(parent) {
        true => Ok(()),
        false => Err("its parent has ended".into()),
    }
}

/// The whole life of a compiler process: a component on stdin, an artifact on stdout, or a
/// message on stderr and exit code 1. `arguments` are those that the parent added.
///
/// # Errors
/// What the caller must print to stderr before it exits with code 1.
pub fn child_main(arguments: &[String]) -> Result<(), String> {
    let [mode, stack, cpu, memory, size, shape, parent] = arguments else {
        return Err("a compiler process takes seven arguments from its parent".into());
    };
    let number = |text: &String| text.parse::<u64>().map_err(|e| format!("`{text}`: {e}"));
    end_with(number(parent)?)?;
    let mode = match mode.as_str() {
        "preflight" => None,
        "live" => Some(Mode::Live),
        "deterministic" => Some(Mode::Deterministic),
        "fueled" => Some(Mode::Fueled),
        "unbounded" => Some(Mode::Unbounded),
        other => return Err(format!("unknown mode `{other}`")),
    };
    let shape = ShapeLimits::from_argument(shape).ok_or("the limits on components are damaged")?;
    let limits = Limits {
        stack: number(stack)? as usize,
        shape,
        ..Limits::default()
    };
    for (resource, value) in [
        (Resource::Cpu, number(cpu)?),
        (Resource::As, number(memory)?),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
    ] {
        let limit = Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        setrlimit(resource, limit).map_err(|e| format!("cannot limit the compiler: {e}"))?;
    }
    let size = number(size)?;
    let mut component = Vec::new();
    std::io::stdin()
        .take(size + 1)
        .read_to_end(&mut component)
        .map_err(|e| format!("cannot read the component: {e}"))?;
    if component.len() as u64 > size {
        return Err(format!("the component has more than {size} bytes"));
    }
    let artifact = match mode {
        None => Artifact::without_code(&limits.shape, &component)?,
        Some(mode) => {
            let engine = wasmtime::Engine::new(&crate::engine::config(mode, &limits))
                .map_err(|e| format!("{e:#}"))?;
            Artifact::compile(&engine, &limits.shape, &component)?
        }
    };
    std::io::stdout()
        .write_all(&artifact)
        .map_err(|e| format!("cannot write the code: {e}"))
}
