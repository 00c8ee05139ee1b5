//! The process of a trial, as the server has it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{TrialReport, TrialRequest};

/// The longest report that is read.
pub const MAX_REPORT: u64 = 16 << 20;
/// The most that is told of what is wrong.
const MAX_WRONG: u64 = 16 << 10;
/// How long a process may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// A process that tries something.
pub(crate) struct Running {
    child: Child,
    /// It ends when this does.
    stdin: Option<ChildStdin>,
    state: Arc<Mutex<State>>,
    ended: Arc<AtomicBool>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    latest: Option<TrialReport>,
    wrong: String,
}

impl Running {
    /// Starts one.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(mut command: Command, request: &TrialRequest) -> Result<Running, String> {
        let began = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = began.map_err(|error| format!("it cannot be started: {error}"))?;
        let mut stdin = child.stdin.take();
        let asked = serde_json::to_vec(request).map_err(|error| error.to_string());
        let asked = asked.map(|mut asked| {
            asked.push(b'\n');
            asked
        });
        match (asked, stdin.as_mut()) {
            // One that has ended already says why on its standard error.
            (Ok(asked), Some(to)) => drop(to.write_all(&asked)),
            (Ok(_), None) => {}
            (Err(problem), _) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(problem);
            }
        }
        let state: Arc<Mutex<State>> = Arc::default();
        let ended: Arc<AtomicBool> = Arc::default();
        let mut readers = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            let (state, ended) = (Arc::clone(&state), Arc::clone(&ended));
            readers.push(std::thread::spawn(move || {
                let mut lines = BufReader::new(stdout);
                let mut line = Vec::new();
                loop {
                    line.clear();
                    let mut most = (&mut lines).take(MAX_REPORT);
                    match most.read_until(b'\n', &mut line) {
                        Ok(1..) if line.ends_with(b"\n") => {}
                        _ => break,
                    }
                    if let Ok(report) = serde_json::from_slice(&line) {
                        lock(&state).latest = Some(report);
                    }
                }
                // What comes after a line that is too long is read and not kept.
                let _ = std::io::copy(&mut lines, &mut std::io::sink());
                ended.store(true, Ordering::Release);
            }));
        }
        if let Some(stderr) = child.stderr.take() {
            let state = Arc::clone(&state);
            readers.push(std::thread::spawn(move || {
                let mut stderr = BufReader::new(stderr);
                let mut wrong = String::new();
                let _ = (&mut stderr).take(MAX_WRONG).read_to_string(&mut wrong);
                lock(&state).wrong = wrong;
                // What comes after that is read and not kept, so that nobody waits.
                let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            }));
        }
        Ok(Running {
            child,
            stdin,
            state,
            ended,
            readers,
        })
    }

    /// How it stands, as it was reported last.
    pub(crate) fn latest(&self) -> Option<TrialReport> {
        lock(&self.state).latest.clone()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Waits until it has ended by itself, at most so long, or until the server ends; its last report.
    ///
    /// # Errors
    /// When it takes longer, or something is wrong.
    pub(crate) fn wait(mut self, most: Duration, stop: &AtomicBool) -> Result<TrialReport, String> {
        let until = Instant::now() + most;
        while !self.has_ended() {
            if stop.load(Ordering::Relaxed) {
                return Err("the server is ending".to_owned());
            }
            if Instant::now() >= until {
                return Err(format!("it takes more than {} s", most.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.end();
        let state = lock(&self.state);
        match &state.latest {
            Some(report) if report.state == "done" => Ok(report.clone()),
            _ => Err(why(&state.wrong)),
        }
    }

    /// Why it ended without being told to.
    pub(crate) fn wrong(&self) -> String {
        why(&lock(&self.state).wrong)
    }

    /// Ends it.
    fn end(&mut self) {
        drop(self.stdin.take());
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                _ => break,
            }
        }
        // One that has ended is not hurt.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // What it started may hold its output open, and is not waited for.
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until && !self.readers.iter().all(JoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.readers.clear();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn why(wrong: &str) -> String {
    let lines = wrong.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    match lines.is_empty() {
        true => "the trial ended before it was done, and said nothing".to_owned(),
        false => lines.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::composition::Composition;

    fn started(script: &str) -> Running {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        let request = TrialRequest {
            composition: Composition::default(),
            discard_state: std::collections::BTreeSet::new(),
            past_seconds: Some(1),
        };
        Running::start(command, &request).unwrap()
    }

    #[test]
    fn what_a_process_reports_last_is_what_came_of_it() {
        let report = |state: &str| {
            let report = TrialReport {
                state: state.to_owned(),
                ..TrialReport::default()
            };
            serde_json::to_string(&report).unwrap()
        };
        let (first, last) = (report("comparing"), report("done"));
        let stop = AtomicBool::new(false);
        let most = Duration::from_secs(60);
        let done = started(&format!("read asked; echo '{first}'; echo '{last}'"));
        assert_eq!(done.wait(most, &stop).unwrap().state, "done");
        let broke = started(&format!("echo '{first}'; echo why it broke >&2; exit 2"));
        assert_eq!(broke.wait(most, &stop).unwrap_err(), "why it broke");
        let silent = started("exit 0");
        let said = silent.wait(most, &stop).unwrap_err();
        assert!(said.contains("said nothing"), "{said}");
    }

    #[test]
    fn what_takes_too_long_is_ended() {
        let stop = AtomicBool::new(false);
        let slow = started("read asked; cat; sleep 600");
        let pid = slow.child.id();
        let said = slow.wait(Duration::from_millis(50), &stop).unwrap_err();
        assert!(said.contains("more than"), "{said}");
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        let stopped = started("read asked; cat");
        stop.store(true, Ordering::Relaxed);
        let said = stopped.wait(Duration::from_secs(600), &stop).unwrap_err();
        assert!(said.contains("the server is ending"), "{said}");
    }

    #[test]
    fn what_a_process_says_is_bounded() {
        let stop = AtomicBool::new(false);
        let most = Duration::from_secs(60);
        // A line without end is read up to the limit, and no further.
        let endless = started("head -c 20000000 /dev/zero | tr '\\0' a; echo wrong >&2");
        assert_eq!(endless.wait(most, &stop).unwrap_err(), "wrong");
        let wrong = started("head -c 20000000 /dev/zero | tr '\\0' a >&2");
        let said = wrong.wait(most, &stop).unwrap_err();
        assert_eq!(said.len() as u64, MAX_WRONG);
    }
}
