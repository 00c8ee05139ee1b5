//! How a vector came out, and what is said and written of it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use palisade_events::{Escaped, EscapedLines, counted};
use palisade_private::Below;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus};

use super::test::BLESS;
use crate::build::first_link;
use crate::output::Output;
use crate::vector::{self, MAX_FILE_BYTES};

/// How a vector came out.
pub(crate) enum Outcome {
    /// As expected.
    Same,
    /// What is expected was written anew: the file, and what changed in it.
    Wrote(String),
    /// Otherwise than expected: what differs.
    Differs(String),
}

/// Writes what is expected of a vector of a project anew, unless it says the same already.
///
/// # Errors
/// When it cannot be read or written, or a link of the project leads to it: a project that was
/// brought along says by that where something is written.
pub(super) fn bless(project: &Path, path: &Path, text: &str) -> Result<Outcome> {
    let (before, what) = match palisade_private::read(path, MAX_FILE_BYTES) {
        Ok(before) if before == text.as_bytes() => return Ok(Outcome::Same),
        Ok(before) => (String::from_utf8_lossy(&before).into_owned(), ""),
        Err(error) if error.is_absent() => (String::new(), ", new"),
        Err(error) => return Err(error.into()),
    };
    if let Some((link, to)) = first_link(project, path)? {
        // Of `PROJECT/vectors/NAME/expected.ndjson`.
        let vector = path.parent().and_then(|vector| vector.canonicalize().ok());
        let real = vector
            .as_deref()
            .and_then(|vector| vector.ancestors().nth(2));
        bail!(
            "what comes out differs, and {} is a link to {}, through which nothing is written; look \
             at the vectors where they lie, and write them there: {BLESS}=1 palisade plugin test {}",
            link.display(),
            to.display(),
            real.unwrap_or(Path::new("DIR")).display()
        );
    }
    Below::make(project, path)?.write(0o644, text.as_bytes())?;
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
