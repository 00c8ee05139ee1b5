//! Running compilers, for so long and no longer.

use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::{register_conditional_default, register_usize};
use signal_hook::low_level::emulate_default_handler;

/// The most that is kept of what a compiler says.
const MAX_SAID_BYTES: u64 = 64 << 10;
/// How long a compiler may take. The first build of a plugin in Rust takes a minute; one that waits
/// for a pipe, which its sources may name anywhere, waits for ever.
const MAX_TIME: Duration = Duration::from_secs(600);
/// How often a signal is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Runs a compiler to its end. What it says comes back, its beginning of [`MAX_SAID_BYTES`].
///
/// # Errors
/// When it cannot be started, with `advice` what to do then, fails, or does not end within
/// [`MAX_TIME`].
pub(super) fn run(command: &mut Command, advice: &str) -> Result<String> {
    run_with_lines(command, advice, |_| {})
}

/// The same, handing each line of its standard output to `line`; what comes back is of its
/// standard error.
///
/// # Errors
/// As [`run`].
pub(super) fn run_with_lines(
    command: &mut Command,
    advice: &str,
    line: impl FnMut(&str),
) -> Result<String> {
    run_within(MAX_TIME, command, advice, line)
}

/// What comes from a compiler while it runs.
enum Said {
    /// A line of its standard output.
    Line(io::Result<String>),
    /// All that is kept of its standard error.
    Errors(io::Result<Vec<u8>>),
}

/// The same with another limit. When it is over, or this program is to end, the compiler ends with
/// whatever it has started: it is the leader of a process group of its own.
fn run_within(
    limit: Duration,
    command: &mut Command,
    advice: &str,
    mut line: impl FnMut(&str),
) -> Result<String> {
    let program = command.get_program().to_owned();
    let program = Path::new(&program).display();
    let until = Instant::now() + limit;
    // Signals of a terminal go to this program's group alone.
    let signals = Signals::listen().context("listen for signals")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {program}; {advice}"))?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        end(&mut child);
        bail!("{program} was started without pipes");
    };
    let reading = || format!("read what {program} says");
    let (sender, receiver) = sync_channel(64);
    // Nobody waits for these: who inherited the pipes may keep them open without end.
    let lines = sender.clone();
    let started = std::thread::Builder::new()
        .spawn(move || each_line(stdout, &lines))
        .and_then(|_| {
            std::thread::Builder::new()
                .spawn(move || drop(sender.send(Said::Errors(beginning(stderr)))))
        });
    if let Err(error) = started {
        end(&mut child);
        return Err(error).with_context(reading);
    }
    let mut said = Vec::new();
    let mut more = true;
    let status: ExitStatus = loop {
        let received = match more {
            true => receiver.recv_timeout(LOOK),
            false => Err(RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(Said::Line(text)) => {
                line(
                    &text
                        .with_context(reading)
                        .inspect_err(|_| end(&mut child))?,
                );
            }
            Ok(Said::Errors(text)) => {
                said = text
                    .with_context(reading)
                    .inspect_err(|_| end(&mut child))?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                more = false;
                let ended = child.try_wait();
                if let Some(status) = ended.with_context(|| format!("wait for {program}"))? {
                    break status;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        if let Some(signal) = signals.caught() {
            end(&mut child);
            drop(signals);
            emulate_default_handler(signal)?;
            bail!("ended by a signal");
        }
        if Instant::now() >= until {
            end(&mut child);
            let said = String::from_utf8_lossy(&said);
            bail!(
                "{program} did not end within {} s, and was ended with all that it had started. \
                 Look whether the code includes a pipe, or what is made while it is built never ends; \
                 where it only takes long, build again, which goes on where a compiler keeps what it \
                 has{}{}",
                limit.as_secs(),
                if said.is_empty() { "" } else { ". It said:\n" },
                said.trim_end()
            );
        }
    };
    let said = String::from_utf8_lossy(&said).trim_end().to_owned();
    if !status.success() {
        return Err(anyhow::anyhow!("{said}").context(format!("{program}: {status}")));
    }
    Ok(said)
}

fn each_line(from: impl Read, to: &SyncSender<Said>) {
    for text in BufReader::new(from).lines() {
        let is_error = text.is_err();
        if to.send(Said::Line(text)).is_err() || is_error {
            return;
        }
    }
}

/// The first bytes. The rest is read all the same, so that the compiler can go on.
fn beginning(mut from: impl Read) -> io::Result<Vec<u8>> {
    let mut said = Vec::new();
    from.by_ref().take(MAX_SAID_BYTES).read_to_end(&mut said)?;
    io::copy(&mut from, &mut io::sink())?;
    Ok(said)
}

/// Ends a compiler and the processes of its group. It was not waited for yet, so that its number is
/// nobody else's.
fn end(child: &mut Child) {
    // It may have ended by itself in the meantime, which is as good.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}

/// Signals that end this program, held back while a compiler runs.
///
/// A handler, once there, is never taken away: what there was before would not come back with it.
/// While no compiler runs it does what the system would have done.
struct Signals(&'static Handlers);

/// The handlers of the process.
struct Handlers {
    /// The signal that came last while a compiler ran, until somebody has looked.
    caught: Arc<AtomicUsize>,
    /// Whether no compiler runs.
    idle: Arc<AtomicBool>,
    /// How many run.
    running: Mutex<usize>,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        static HANDLERS: Mutex<Option<&'static Handlers>> = Mutex::new(None);
        let mut known = HANDLERS.lock().unwrap_or_else(PoisonError::into_inner);
        let handlers = match *known {
            Some(handlers) => handlers,
            None => *known.insert(Handlers::install()?),
        };
        let mut running = handlers.running();
        *running += 1;
        handlers.idle.store(false, Ordering::SeqCst);
        drop(running);
        Ok(Self(handlers))
    }

    fn caught(&self) -> Option<i32> {
        let caught = self.0.caught.load(Ordering::Relaxed);
        i32::try_from(caught).ok().filter(|signal| *signal != 0)
    }
}

impl Handlers {
    fn install() -> io::Result<&'static Self> {
        let handlers = Box::leak(Box::new(Self {
            caught: Arc::default(),
            idle: Arc::default(),
            running: Mutex::default(),
        }));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            register_conditional_default(signal, Arc::clone(&handlers.idle))?;
            register_usize(signal, Arc::clone(&handlers.caught), signal as usize)?;
        }
        Ok(handlers)
    }

    fn running(&self) -> MutexGuard<'_, usize> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let mut running = self.0.running();
        *running -= 1;
        if *running > 0 {
            return;
        }
        self.0.idle.store(true, Ordering::SeqCst);
        // One that came between the last look and this would be lost.
        if let Some(signal) = self.caught() {
            let _ = emulate_default_handler(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_compiler_that_does_not_end_is_ended_with_what_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        // Whatever it waits for itself, and whoever keeps its output open.
        for script in [
            "echo one; echo why >&2; sleep 600 & echo $! > PID; wait",
            "sleep 600 & echo $! > PID; exec sleep 600",
            "exec 2>&- >&-; sleep 600 & echo $! > PID; wait",
            "sleep 600 & echo $! > PID",
        ] {
            let began = Instant::now();
            let limit = Duration::from_secs(2);
            let mut command = shell(&script.replace("PID", pid.to_str().unwrap()));
            let error = run_within(limit, &mut command, "", |_| {})
                .unwrap_err()
                .to_string();
            assert!(error.contains("/bin/sh did not end within 2 s"), "{error}");
            assert!(began.elapsed() < Duration::from_secs(30));
            let number: i32 = std::fs::read_to_string(&pid)
                .unwrap()
                .trim()
                .parse()
                .unwrap();
            let gone = || {
                // Nobody may have waited for it yet, where there is no init.
                let stat = std::fs::read_to_string(format!("/proc/{number}/stat"));
                stat.map_or(true, |stat| stat.contains(") Z "))
            };
            while !gone() {
                assert!(began.elapsed() < Duration::from_secs(30), "{script}");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Set where this test runs in a process of its own, which a signal is to end.
    const APART: &str = "PALISADE_TEST_COMPILER_APART";

    #[test]
    fn a_signal_ends_the_program_after_a_compiler_has_run() {
        use std::io::Write as _;
        if std::env::var_os(APART).is_some() {
            run(&mut shell("true"), "").unwrap();
            run(&mut shell("true"), "").unwrap();
            std::io::stderr().write_all(b"compiled\n").unwrap();
            std::thread::sleep(Duration::from_secs(60));
            return;
        }
        let name = "build::compiler::tests::a_signal_ends_the_program_after_a_compiler_has_run";
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", name, "--nocapture"])
                .env(APART, "1")
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let said = BufReader::new(child.stderr.take().unwrap());
            assert!(said.lines().any(|line| line.unwrap() == "compiled"));
            rustix::process::kill_process(Pid::from_child(&child), signal).unwrap();
            let status = child.wait().unwrap();
            let ended = std::os::unix::process::ExitStatusExt::signal(&status);
            assert_eq!(ended, Some(signal.as_raw()), "{status}");
        }
    }

    #[test]
    fn lines_come_as_they_are_and_what_is_said_has_an_end() {
        let mut lines = Vec::new();
        run_with_lines(&mut shell("echo a; echo b"), "", |line| {
            lines.push(line.to_owned())
        })
        .unwrap();
        assert_eq!(lines, ["a", "b"]);
        let most = MAX_SAID_BYTES;
        for (bytes, kept) in [
            (most - 1, most - 1),
            (most, most),
            (most + 1, most),
            (9 * most, most),
        ] {
            let script = format!("head -c {bytes} /dev/zero | tr '\\0' x >&2; exit 3");
            let error = run(&mut shell(&script), "").unwrap_err();
            assert!(
                error.to_string().contains("/bin/sh: exit status: 3"),
                "{error}"
            );
            assert_eq!(error.root_cause().to_string().len() as u64, kept);
        }
    }
}
