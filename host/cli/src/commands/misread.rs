//! What is said of a command line that makes no sense, or that asks for help.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue};
use palisade_events::{Escaped, EscapedLines, has_hidden};

/// Says it and ends the program, with code 0 after help and 2 after errors. Arguments may come from
/// somebody else, a file's name or a reference to a registry: what is hidden in them is shown.
pub(super) fn exit(error: clap::Error) -> ! {
    let hidden = |argument: std::ffi::OsString| has_hidden(&argument.to_string_lossy());
    if !error.use_stderr() || !std::env::args_os().any(hidden) {
        error.exit();
    }
    let code = error.exit_code();
    // Nobody is left to be told when stderr is closed.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text(error).as_bytes());
    std::process::exit(code)
}

/// The message without colours, and with everything in it shown.
fn text(mut error: clap::Error) -> String {
    let shown = |text: &String| Escaped(text).to_string();
    let context: Vec<(ContextKind, ContextValue)> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(shown(text)))),
            ContextValue::Strings(texts) => {
                let texts = texts.iter().map(shown).collect();
                Some((kind, ContextValue::Strings(texts)))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in context {
        error.insert(kind, value);
    }
    // Whoever reads a value quotes it as it came.
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    let mut text = error.render().to_string();
    if !said.is_empty() {
        text = text.replace(&said, &Escaped(&said).to_string());
    }
    format!("{}\n", EscapedLines(&text))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[arg(long, value_parser = |text: &str| -> Result<u8, String> {
            text.parse().map_err(|_| format!("`{text}` is no number"))
        })]
        number: Option<u8>,
        #[arg(long, value_parser = ["a", "b"])]
        letter: Option<String>,
    }

    #[test]
    fn whatever_is_wrong_forges_no_line_and_moves_no_cursor() {
        for argument in ["--number", "--letter", "--", "--x"] {
            for value in ["1\n\u{202e}error: all is well", "\u{1b}[2J\u{2800}"] {
                let line = match argument {
                    "--x" => vec!["line".to_owned(), format!("--x{value}")],
                    _ => vec!["line".to_owned(), argument.to_owned(), value.to_owned()],
                };
                let error = Line::try_parse_from(line).unwrap_err();
                let text = text(error);
                let all: Vec<&str> = text.lines().filter(|line| has_hidden(line)).collect();
                assert!(all.is_empty(), "{text}");
                assert!(
                    !text
                        .lines()
                        .any(|line| line.contains("all is well") && !line.contains("\\n")),
                    "{text}"
                );
                assert!(text.contains("\\u{"), "{text}");
            }
        }
    }
}
