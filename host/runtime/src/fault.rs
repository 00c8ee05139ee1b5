//! Faults: how a call into a plugin ends when it does not return.

use std::time::Duration;

use crate::Limits;
use crate::symbols::Symbols;
use palisade_events::Panicked;
use palisade_events::plain;

/// What went wrong in a call.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FaultCause {
    /// The guest trapped by itself.
    #[error("trapped: {0}")]
    Trap(String),
    /// It said that it cannot go on: a panic, an uncaught exception, a failed assertion.
    #[error("aborted{}: {message}", place(file, *line, *column))]
    Abort {
        /// Why, as the guest wrote it, in one line and escaped.
        message: String,
        /// The author's source file, escaped; empty where it is not known.
        file: String,
        /// The line in it, from 1; 0 where it is not known.
        line: u32,
        /// The column in it, from 1; 0 where it is not known.
        column: u32,
    },
    /// It ran too long.
    #[error(
        "ran longer than {0:?}, the limit for one call ({raised}): do less in it, or look for a loop \
         without an end",
        raised = raised("call-time", *.0, Limits::default().call_time, |time| format!("{time:?}"))
    )]
    Time(Duration),
    /// It used up its fuel, in deterministic mode.
    #[error(
        "used up its fuel of {0} units, the limit for one call ({raised}): do less in it, or look for a \
         loop without an end",
        raised = raised("fuel", *.0, Limits::default().fuel, u64::to_string)
    )]
    Fuel(u64),
    /// Its stack is exhausted.
    #[error(
        "used more than {0} bytes of stack, the limit for one call, which nothing raises: look for \
         a recursion without an end, or write a loop in its place"
    )]
    Stack(usize),
    /// It asked for too much memory.
    #[error(
        "asked for {wanted} bytes of memory, which is all its memories together; the limit of an \
         instance is {limit} bytes ({raised}): hold less at a time",
        raised = raised("memory", *limit, Limits::default().memory, u64::to_string)
    )]
    Memory {
        /// What all its memories would have held.
        wanted: u64,
        /// What they may hold.
        limit: u64,
    },
    /// It asked for too large a table.
    #[error("asked for {wanted} table elements; the limit is {limit}")]
    Table {
        /// What all its tables would have held.
        wanted: u64,
        /// What they may hold.
        limit: u64,
    },
    /// All instances of the plugin together have no memory left.
    #[error(
        "asked for more memory than its instances on all workers may have together: {wanted} bytes; \
         the limit is {limit} bytes, a part of `--memory`: hold less in each, or raise that"
    )]
    PluginMemory {
        /// What all its instances would have held.
        wanted: u64,
        /// What they may hold.
        limit: u64,
    },
    /// All plugins together have no memory left.
    #[error(
        "asked for more memory than all plugins may have together: {wanted} bytes; the limit is \
         {limit} bytes, a part of `--memory`: raise that, or run fewer plugins"
    )]
    GuestMemory {
        /// What the instances of all plugins would have held.
        wanted: u64,
        /// What they may hold.
        limit: u64,
    },
    /// It is made of too many parts.
    #[error("has more than {0} core instances, memories or tables, the limit for a component")]
    Parts(u32),
    /// It handed over more data in one host call or result than the host lifts.
    #[error("handed over more than {0} bytes in one host call or result")]
    Lifted(usize),
    /// It made too many host calls.
    #[error(
        "made more than {0} host calls, the limit for one call ({raised}): hand over all rows in one list, \
         and not each by itself",
        raised = raised("host-calls", *.0, Limits::default().host_calls, u64::to_string)
    )]
    HostCalls(u64),
    /// It filed too many findings.
    #[error(
        "filed more than {0} findings, the limit for one call ({raised}): file one for what belongs together",
        raised = raised("findings", *.0, Limits::default().findings, u32::to_string)
    )]
    Findings(u32),
    /// Its findings are too large.
    #[error(
        "filed more than {0} bytes of findings, the limit for one call, which nothing raises: write \
         shorter details, or file one finding for what belongs together"
    )]
    FindingBytes(usize),
    /// It handed over too much of one epoch of input.
    #[error("handed over more than {0} bytes of one epoch of input, the limit on one worker")]
    EpochBytes(u64),
    /// All its calls of one epoch of input took too long.
    #[error("ran longer than {0:?} for one epoch of input, the limit on one worker")]
    EpochTime(Duration),
    /// All its calls of one epoch of input used too much fuel, in deterministic mode.
    #[error("used more than {0} units of fuel for one epoch of input, the limit on one worker")]
    EpochFuel(u64),
    /// A finding or judgement breaks a rule of the interface.
    #[error("its finding or judgement by rule `{rule}` is refused: {problem}")]
    Finding {
        /// The rule that it named, as the guest wrote it.
        rule: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A finding or judgement is of a rule that the manifest does not declare.
    #[error(
        "its finding or judgement by rule `{rule}` is refused: plugin.toml declares no such rule{meant}"
    )]
    UndeclaredRule {
        /// The rule that it named, escaped.
        rule: String,
        /// The rule that it may mean, or those that there are; begins with `; `.
        meant: String,
    },
    /// `configure` refused the settings.
    #[error("settings refused: `{name}`: {message}")]
    Settings {
        /// The setting, escaped.
        name: String,
        /// What the plugin says of it, escaped.
        message: String,
    },
    /// It cited an event that it was not shown in this call.
    #[error(
        "cited event-ref {0:#x}, which this call was not shown; cite rows, or what `state` or `timers` returned"
    )]
    ForgedReference(u64),
    /// It named a row that the batch does not have.
    #[error("named row {row} in `{function}`, of a batch of {rows} whose first row is 0")]
    Row {
        /// The host function that it was named in, as `state.count`.
        function: &'static str,
        /// The row.
        row: u32,
        /// How many there are.
        rows: u32,
    },
    /// It asked for a field that its manifest does not list.
    #[error(
        "asked for field {0}, which `fields` of this subscription does not list in plugin.toml"
    )]
    UndeclaredField(String),
    /// It asked for a column by the wrong function.
    #[error("asked for field {field} by `{asked}`: {problem}")]
    ColumnType {
        /// The field.
        field: String,
        /// The function.
        asked: &'static str,
        /// Why there is no such column.
        problem: String,
    },
    /// It called a function of the batch when there is none, or of another kind.
    #[error("called `{0}` outside a call that has such a batch")]
    NoBatch(&'static str),
    /// It used a capability wrongly.
    #[error("called `{function}`: {problem}")]
    Capability {
        /// The function.
        function: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The host panicked in what it did for the plugin.
    #[error("made the host panic in `{function}`: {problem}{}", forgotten(*.lost))]
    Panic {
        /// The host function or export.
        function: &'static str,
        /// What the panic said, and where.
        problem: String,
        /// It is not known what of the call remains in the plugin's state and timers, so that
        /// they must be made anew.
        lost: bool,
    },
    /// What a parser returned does not fit what it was given or what it declared.
    #[error("returned something that does not fit: {0}")]
    Result(String),
}

/// How the message of the exception begins; see `refused.js` of the SDK.
const UNDECLARED_RULE: &str = "UndeclaredRule: ";

/// How to have more of a limit, where it is known.
fn raised<T: PartialOrd>(key: &str, limit: T, host: T, shown: impl Fn(&T) -> String) -> String {
    match limit < host {
        true => format!(
            "`limits.{key}` of plugin.toml may say up to {}",
            shown(&host)
        ),
        false => format!("`limits.{key}` of plugin.toml cannot raise it"),
    }
}

fn forgotten(lost: bool) -> &'static str {
    match lost {
        true => "; what the plugin remembered may be damaged, it begins anew without it",
        false => "",
    }
}

impl FaultCause {
    /// A panic in this function, of which nothing remains.
    pub(crate) fn panic(function: &'static str, panicked: &Panicked) -> FaultCause {
        FaultCause::Panic {
            function,
            problem: panicked.to_string(),
            lost: false,
        }
    }

    /// Whether it filed a finding of a rule that its manifest does not declare: no input makes it
    /// do so, it is a mistake in its code. The SDK for JavaScript says it first, by an exception of
    /// a name of its own, since only that has a line.
    pub fn is_undeclared_rule(&self) -> bool {
        match self {
            FaultCause::UndeclaredRule { .. } => true,
            FaultCause::Abort { message, .. } => message.starts_with(UNDECLARED_RULE),
            _ => false,
        }
    }

    /// A short name for counters.
    pub fn name(&self) -> &'static str {
        match self {
            FaultCause::Trap(_) => "trap",
            FaultCause::Abort { .. } => "abort",
            FaultCause::Time(_) => "time",
            FaultCause::Fuel(_) => "fuel",
            FaultCause::Stack(_) => "stack",
            FaultCause::Memory { .. } => "memory",
            FaultCause::Table { .. } => "table",
            FaultCause::PluginMemory { .. } => "plugin-memory",
            FaultCause::GuestMemory { .. } => "guest-memory",
            FaultCause::Panic { .. } => "panic",
            FaultCause::Parts(_) => "parts",
            FaultCause::Lifted(_) => "lifted",
            FaultCause::HostCalls(_) => "host-calls",
            FaultCause::Findings(_) => "findings",
            FaultCause::FindingBytes(_) => "finding-bytes",
            FaultCause::EpochBytes(_) => "epoch-bytes",
            FaultCause::EpochTime(_) => "epoch-time",
            FaultCause::EpochFuel(_) => "epoch-fuel",
            FaultCause::Finding { .. } => "finding",
            FaultCause::UndeclaredRule { .. } => "undeclared-rule",
            FaultCause::Settings { .. } => "settings",
            FaultCause::ForgedReference(_) => "forged-reference",
            FaultCause::Row { .. } => "row",
            FaultCause::UndeclaredField(_) => "undeclared-field",
            FaultCause::ColumnType { .. } => "column-type",
            FaultCause::NoBatch(_) => "no-batch",
            FaultCause::Capability { .. } => "capability",
            FaultCause::Result(_) => "result",
        }
    }
}

/// A call into a plugin that did not return. Its effects are discarded, and its instance must
/// be thrown away.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("plugin `{plugin}`, export `{export}`: {cause}")]
pub struct Fault {
    /// The plugin's name.
    pub plugin: String,
    /// The function that was called.
    pub export: &'static str,
    /// What went wrong.
    pub cause: FaultCause,
    /// Where the guest was.
    pub backtrace: Trace,
}

/// The guest's frames where a call ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Innermost first: the guest's own account of them where it gave one, else functions, with
    /// file and line where a debug file tells them.
    pub frames: Vec<String>,
    /// How many frames of the SDK and of standard libraries a debug file told from those of the
    /// author, so that they are not among `frames`; of a script those of its interpreter, which are
    /// all that there are.
    pub left_out: usize,
    /// Of a call that ran too long, for how long it ran and, where the machine gave it a processor
    /// for less than half of that, for how much; empty of others.
    pub ran: String,
}

/// The most frames that a fault keeps.
const MAX_FRAMES: usize = 32;
/// The most characters of a message of wasmtime and of a function's name, which the guest
/// chooses.
const MAX_TEXT: usize = 1024;
pub(crate) const MAX_NAME: usize = 256;
/// The most bytes of the message of `fault.abort`.
const MAX_MESSAGE: usize = 4 << 10;

/// What a guest handed to `fault.abort`, on its way out of the call.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub(crate) struct Aborted {
    cause: FaultCause,
    /// The frames that the message listed.
    stack: Vec<String>,
}

impl Aborted {
    pub(crate) fn new(message: &str, file: &str, line: u32, column: u32) -> Aborted {
        let end = message.floor_char_boundary(MAX_MESSAGE);
        let mut said: Vec<String> = Vec::new();
        let mut stack = Vec::new();
        for text in message[..end].lines() {
            let inner = text.trim();
            let is_frame = !said.is_empty() && text.starts_with(char::is_whitespace);
            match inner.strip_prefix("at ").filter(|_| is_frame) {
                Some(frame) if stack.len() < MAX_FRAMES => stack.push(plain(frame, MAX_NAME)),
                Some(_) => {}
                None if inner.is_empty() => {}
                None => said.push(plain(inner, MAX_MESSAGE)),
            }
        }
        if said.is_empty() {
            said.push("it does not say why".to_owned());
        }
        Aborted {
            cause: FaultCause::Abort {
                message: said.join("; "),
                file: plain(file, MAX_NAME),
                line,
                column,
            },
            stack,
        }
    }
}

/// ` at file:line:column`, as far as it is known.
fn place(file: &str, line: u32, column: u32) -> String {
    match (file, line, column) {
        ("", _, _) => String::new(),
        (file, 0, _) => format!(" at {file}"),
        (file, line, 0) => format!(" at {file}:{line}"),
        (file, line, column) => format!(" at {file}:{line}:{column}"),
    }
}

/// What a trap of wasmtime's means to who wrote the plugin.
fn trapped(trap: wasmtime::Trap) -> String {
    use wasmtime::Trap;
    let text = trap.to_string();
    let text = text.strip_prefix("wasm trap: ").unwrap_or(&text);
    let means = match trap {
        Trap::UnreachableCodeReached => {
            "it gave up without a word, as an abort or a failed allocation does"
        }
        Trap::MemoryOutOfBounds | Trap::HeapMisaligned => {
            "a pointer or an index is wrong, or a recursion has used up the plugin's own stack"
        }
        Trap::IndirectCallToNull | Trap::TableOutOfBounds => "a function pointer is null or wrong",
        Trap::BadSignature => "a function pointer is of another type than its call",
        Trap::CannotLeaveComponent => {
            "a host function was called while the host hands over a value, which allocators must not"
        }
        _ => return text.to_owned(),
    };
    format!("{text}; {means}")
}

impl Fault {
    /// The host has panicked in what it did for a plugin outside of a call, and what it wrote
    /// for the plugin was undone.
    pub fn of_panic(plugin: &str, export: &'static str, panicked: &Panicked) -> Fault {
        Fault {
            plugin: plugin.to_owned(),
            export,
            cause: FaultCause::panic(export, panicked),
            backtrace: Trace::default(),
        }
    }

    /// Whether the plugin's capabilities can no longer be trusted and must be made anew.
    pub fn is_state_lost(&self) -> bool {
        matches!(self.cause, FaultCause::Panic { lost: true, .. })
    }

    /// The same, when what the call did could not be undone.
    pub fn with_state_lost(mut self) -> Fault {
        self.cause = match self.cause {
            FaultCause::Panic {
                function, problem, ..
            } => FaultCause::Panic {
                function,
                problem,
                lost: true,
            },
            other => FaultCause::Panic {
                function: self.export,
                problem: format!("undoing a call failed after this fault: it {other}"),
                lost: true,
            },
        };
        self
    }

    /// Bytes that it takes, about.
    pub fn size(&self) -> usize {
        let frames = self.backtrace.frames.iter().map(|frame| frame.len() + 24);
        size_of::<Fault>() + 256 + frames.sum::<usize>()
    }

    /// Tells what a wasmtime error means under these limits.
    pub(crate) fn from_error(
        plugin: &str,
        export: &'static str,
        limits: &Limits,
        symbols: Option<&Symbols>,
        error: &wasmtime::Error,
    ) -> Fault {
        use wasmtime::Trap;
        let mut stack = Trace::default();
        let cause = if let Some(cause) = error.downcast_ref::<FaultCause>() {
            cause.clone()
        } else if let Some(aborted) = error.downcast_ref::<Aborted>() {
            stack.frames.clone_from(&aborted.stack);
            aborted.cause.clone()
        } else if let Some(trap) = error.downcast_ref::<Trap>() {
            match trap {
                Trap::Interrupt => FaultCause::Time(limits.call_time),
                Trap::OutOfFuel => FaultCause::Fuel(limits.fuel),
                Trap::StackOverflow => FaultCause::Stack(limits.stack),
                other => FaultCause::Trap(trapped(*other)),
            }
        } else {
            // These errors have no public types; their text is what there is to go by.
            let text = format!("{:#}", error);
            if text.contains("allocated for hostcalls has been exhausted") {
                FaultCause::Lifted(limits.lifted_bytes)
            } else if error
                .root_cause()
                .to_string()
                .starts_with("resource limit exceeded")
            {
                FaultCause::Parts(limits.parts)
            } else {
                FaultCause::Trap(plain(&error.root_cause().to_string(), MAX_TEXT))
            }
        };
        // Where the guest told its own frames, those of its interpreter say nothing more.
        if stack.frames.is_empty()
            && let Some(trace) = error.downcast_ref::<wasmtime::WasmBacktrace>()
        {
            stack = frames(trace.frames(), symbols);
        }
        Fault {
            plugin: plugin.to_owned(),
            export,
            cause,
            backtrace: stack,
        }
    }
}

/// The frames as text, those of a recursion once. Where a debug file tells some that are the
/// author's, the others are counted, unless all are wanted.
fn frames(trace: &[wasmtime::FrameInfo], symbols: Option<&Symbols>) -> Trace {
    // Each with whether it is the author's.
    let mut all: Vec<(String, bool)> = Vec::new();
    for info in trace {
        let named = match (symbols, info.module_offset()) {
            (Some(symbols), Some(at)) => symbols.frames(info.func_index(), at),
            _ => Vec::new(),
        };
        // What links the module with the host has no names.
        if named.is_empty() {
            all.push((frame(info), false));
        }
        all.extend(named.into_iter().map(|frame| {
            let own = !is_library(&frame);
            (frame, own)
        }));
    }
    let scripted = symbols.is_some_and(Symbols::is_interpreter);
    let every =
        symbols.is_some_and(Symbols::shows_all) || !(scripted || all.iter().any(|(_, own)| *own));
    let before = all.len();
    all.retain(|(_, own)| *own || every);
    let left_out = before - all.len();
    let mut shown: Vec<(String, u32)> = Vec::new();
    for (text, _) in all {
        match shown.last_mut() {
            Some((last, times)) if *last == text => *times += 1,
            _ => shown.push((text, 1)),
        }
    }
    let line = |(text, times)| match times {
        1 => text,
        times => format!("{text} ({times} times)"),
    };
    Trace {
        frames: shown.into_iter().map(line).take(MAX_FRAMES).collect(),
        left_out,
        ran: String::new(),
    }
}

/// Whether a frame is of a standard library, of the SDK or of bindings, as those between a panic, or
/// a call of the host, and the author's function are. A function that was put into another has no path
/// in its name, but it has a file.
fn is_library(frame: &str) -> bool {
    let names = [
        "std::",
        "core::",
        "alloc::",
        "<std::",
        "<core::",
        "<alloc::",
        "__rust",
        "rust_",
        "palisade_sdk::",
        "palisade_abort",
        "palisade_plugin_",
        "abort ",
    ];
    let files = [
        " at library/",
        " at /usr/src/rustc",
        " at /rust/deps/",
        " at palisade/sdk/",
        " at palisade/src/",
        " at palisade/include/",
        " at bindings/",
        "/build/palisade-sdk-",
    ];
    names.iter().any(|name| frame.starts_with(name))
        || files.iter().any(|file| frame.contains(file))
}

fn frame(frame: &wasmtime::FrameInfo) -> String {
    let name = match frame.func_name() {
        Some(name) => {
            let short: String = name.chars().take(4 * MAX_NAME).collect();
            plain(&rustc_demangle::demangle(&short).to_string(), MAX_NAME)
        }
        None => format!("function {}", frame.func_index()),
    };
    match frame.module_offset() {
        Some(offset) => format!("{name} at {offset:#x}"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn abort(message: &str, file: &str, line: u32, column: u32) -> (String, Vec<String>) {
        let aborted = Aborted::new(message, file, line, column);
        (aborted.cause.to_string(), aborted.stack)
    }

    #[test]
    fn an_abort_is_one_line_with_its_place_and_the_frames_apart() {
        let message = "TypeError: no\n    at f (plugin.js:3:7)\n    at evaluate (plugin.js:9:1)\n";
        let (text, stack) = abort(message, "plugin.js", 3, 7);
        assert_eq!(text, "aborted at plugin.js:3:7: TypeError: no");
        assert_eq!(stack, ["f (plugin.js:3:7)", "evaluate (plugin.js:9:1)"]);
        let failed = "assertion `left == right` failed\n  left: 1\n right: 2";
        assert_eq!(
            abort(failed, "src/lib.rs", 3, 0).0,
            "aborted at src/lib.rs:3: assertion `left == right` failed; left: 1; right: 2"
        );
        assert_eq!(abort("", "", 0, 0).0, "aborted: it does not say why");
        assert_eq!(abort("    at x", "a.c", 0, 1).0, "aborted at a.c: at x");
    }

    #[test]
    fn an_undeclared_rule_is_known_whoever_says_it() {
        let of = |message: &str| Aborted::new(message, "plugin.js", 3, 7).cause;
        assert!(of("UndeclaredRule: plugin.toml declares no rule").is_undeclared_rule());
        assert!(!of("TypeError: UndeclaredRule: no").is_undeclared_rule());
        let cause = FaultCause::UndeclaredRule {
            rule: "fuond".into(),
            meant: "; did you mean `found`?".into(),
        };
        assert!(cause.is_undeclared_rule());
    }

    #[test]
    fn what_a_guest_says_of_its_abort_is_bounded_and_harmless() {
        let frames = "\n    at \u{1b}[2J".repeat(1_000);
        let (text, stack) = abort(&format!("x{frames}"), "a\n\u{202e}b", 1, 1);
        assert_eq!(text, "aborted at a\u{fffd}\u{fffd}b:1:1: x");
        assert_eq!(stack.len(), 32);
        assert_eq!(stack[0], "\u{fffd}[2J");
        let (text, _) = abort(&"ü".repeat(1 << 20), &"f".repeat(1 << 20), 0, 0);
        assert!(text.len() <= MAX_MESSAGE + MAX_NAME + 100, "{}", text.len());
    }
}
