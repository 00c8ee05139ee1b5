//! How errors are told: what, where, why, what to do.

use std::io::{self, Write as _};

use palisade_events::EscapedLines;

/// Writes an error with its causes to stderr.
pub(crate) fn report(error: &anyhow::Error) {
    // Nobody is left to be told when stderr is closed.
    let _ = io::stderr().lock().write_all(text(error).as_bytes());
}

/// That the reader of standard output went away. Pipes to others break as well, and that is an
/// error.
#[derive(Debug, thiserror::Error)]
#[error("whoever read standard output went away")]
pub(crate) struct ReaderGone;

/// Standard output, whose closed pipe is told from other broken pipes.
pub(crate) struct Stdout<W>(pub(crate) W);

impl<W: io::Write> io::Write for Stdout<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(gone)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(gone)
    }
}

fn gone(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => io::Error::new(io::ErrorKind::BrokenPipe, ReaderGone),
        _ => error,
    }
}

/// Whether the reader of standard output went away, as `head` does: no error of ours.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .is_some_and(|inner| inner.is::<ReaderGone>())
    })
}

fn text(error: &anyhow::Error) -> String {
    let mut said = String::new();
    let mut out = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let cause = cause.trim_end();
        // Many errors repeat their source in their own message.
        if cause.is_empty() || said.contains(cause) {
            continue;
        }
        let lead = if said.is_empty() {
            "error: "
        } else {
            "  because: "
        };
        out.push_str(lead);
        let indent = format!("\n{}", " ".repeat(lead.len()));
        out.push_str(&EscapedLines(cause).to_string().replace('\n', &indent));
        out.push('\n');
        said.push_str(cause);
        said.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_follow_once_each_and_are_escaped() {
        let error = anyhow!("no such key\n | x = 1\x1b[0m")
            .context("plugin.toml: no such key\n | x = 1\x1b[0m")
            .context("build the plugin a");
        assert_eq!(
            text(&error),
            "error: build the plugin a\n  \
               because: plugin.toml: no such key\n            | x = 1\\u{1b}[0m\n"
        );
    }

    #[test]
    fn a_closed_pipe_is_told_from_other_errors() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        let closed = anyhow::Error::new(gone(broken())).context("write");
        assert!(is_broken_pipe(&closed));
        // As where a server goes away that was asked for something.
        assert!(!is_broken_pipe(&anyhow::Error::new(broken())));
        assert!(!is_broken_pipe(&anyhow!("broken pipe")));
    }
}
