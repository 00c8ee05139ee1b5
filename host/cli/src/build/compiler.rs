//! Running compilers.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// The most that is kept of what a compiler says.
const MAX_SAID_BYTES: u64 = 64 << 10;

/// Runs a compiler to its end. What it says comes back, its beginning of [`MAX_SAID_BYTES`].
///
/// # Errors
/// When it cannot be started, with `advice` what to do then, or fails.
pub(super) fn run(command: &mut Command, advice: &str) -> Result<String> {
    run_with_lines(command, advice, |_| {})
}

/// The same, handing each line of its standard output to `line`; what comes back is of its
/// standard error.
///
/// # Errors
/// When it cannot be started, with `advice` what to do then, or fails.
pub(super) fn run_with_lines(
    command: &mut Command,
    advice: &str,
    mut line: impl FnMut(&str),
) -> Result<String> {
    let program = command.get_program().to_owned();
    let program = Path::new(&program).display();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}; {advice}"))?;
    let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        bail!("{program} was started without pipes");
    };
    let said = std::thread::scope(|scope| {
        let said = scope.spawn(move || {
            let mut said = Vec::new();
            let read = stderr.by_ref().take(MAX_SAID_BYTES).read_to_end(&mut said);
            // The rest is read all the same, so that the compiler can go on.
            let rest = std::io::copy(&mut stderr, &mut std::io::sink());
            read.and(rest.map(drop)).map(|()| said)
        });
        for text in BufReader::new(stdout).lines() {
            line(&text?);
        }
        said.join().unwrap_or_else(|_| Ok(Vec::new()))
    })
    .with_context(|| format!("read what {program} says"))?;
    let status = child
        .wait()
        .with_context(|| format!("wait for {program}"))?;
    let said = String::from_utf8_lossy(&said).trim_end().to_owned();
    if !status.success() {
        return Err(anyhow::anyhow!("{said}").context(format!("{program}: {status}")));
    }
    Ok(said)
}
