//! How a vector came out, and what is said and written of it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use palisade_events::{Escaped, EscapedLines, counted};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus};

use crate::output::Output;
use crate::vector;

/// How a vector came out.
pub(crate) enum Outcome {
    /// As expected.
    Same,
    /// What is expected was written anew: the file, and what changed in it.
    Wrote(String),
    /// Otherwise than expected: what differs.
    Differs(String),
}

/// Writes what is expected anew, unless it says the same already.
pub(super) fn bless(path: &Path, text: &str) -> Result<Outcome> {
    let (before, what) = match std::fs::read_to_string(path) {
        Ok(before) if before == text => return Ok(Outcome::Same),
        Ok(before) => (before, ""),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (String::new(), ", new"),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    palisade_private::output::write(path, 0o644, text.as_bytes())?;
    let (added, removed) = vector::changed_lines(&before, text);
    Ok(Outcome::Wrote(format!(
        "{}{what}: {} added, {removed} removed",
        path.display(),
        counted(added, "line")
    )))
}

/// How many vectors came out as expected.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// Files that say now what came out.
    pub(super) written: u64,
}

impl Tally {
    pub(super) fn add(&mut self, failed: bool) {
        self.passed += u64::from(!failed);
        self.failed += u64::from(failed);
    }
}

/// Says how a vector came out; what is wrong, if anything.
pub(super) fn tell(
    out: &mut Output,
    name: &str,
    result: Result<Outcome>,
) -> Result<Option<String>> {
    let failure = match result {
        Ok(Outcome::Same) => {
            out.line(&format!("ok      {name}"))?;
            None
        }
        Ok(Outcome::Wrote(what)) => {
            out.line(&format!("wrote   {name}"))?;
            out.line(&format!("    {what}"))?;
            None
        }
        Ok(Outcome::Differs(difference)) => Some(difference),
        Err(error) => Some(format!("{error:#}")),
    };
    if let Some(problem) = &failure {
        out.line(&format!("FAILED  {name}"))?;
        for line in problem.lines() {
            out.line(&format!("    {line}"))?;
        }
    }
    // A vector can take a second, and somebody waits.
    out.flush()?;
    Ok(failure)
}

/// The one result of a plugin that cannot be built.
pub(super) fn not_built(error: &anyhow::Error) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message("the plugin cannot be built");
    status.set_description(EscapedLines(&format!("{error:#}")).to_string());
    TestCase::new("build", status)
}

pub(super) fn case(name: &str, failure: Option<String>, time: Duration) -> TestCase {
    let status = match failure {
        None => TestCaseStatus::success(),
        Some(text) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message("the result is not what expected.ndjson says");
            status.set_description(EscapedLines(&text).to_string());
            status
        }
    };
    let mut case = TestCase::new(Escaped(name).to_string(), status);
    case.set_time(time);
    case
}
