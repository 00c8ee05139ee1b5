//! The log of a server: what it tells, on stderr, as text or as JSON.

use std::fmt;
use std::io;

use palisade_serve::{LogConfig, LogFormat, Told};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber, error, info, warn};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::output::Escaped;
use crate::summary;

/// Sends what is told to stderr from here on; where it is quiet, what is as it should be is not
/// told.
pub(crate) fn start(config: &LogConfig, quiet: bool) {
    let most = match quiet {
        true => LevelFilter::WARN,
        false => LevelFilter::INFO,
    };
    let log = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(most);
    // A second server in a process would go on with the log of the first.
    let _ = match config.format {
        LogFormat::Text => log.event_format(Text).try_init(),
        LogFormat::Json => log
            .json()
            .flatten_event(true)
            .with_target(false)
            .with_current_span(false)
            .with_span_list(false)
            .try_init(),
    };
}

/// Lines such as every command writes: `palisade: ready`.
struct Text;

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut message = Message(String::new());
        event.record(&mut message);
        writeln!(writer, "palisade: {}", message.0)
    }
}

/// Takes what an event says in words, and none of its other fields.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// A text without anything that moves the cursor or hides.
fn plain(text: &str) -> String {
    Escaped(text).to_string()
}

/// Writes what a server tells.
#[expect(
    clippy::too_many_lines,
    reason = "one arm for each thing that is told, and nothing else"
)]
pub(crate) fn tell(told: Told) {
    match told {
        Told::Snapshot(problem) => warn!(event = "snapshot", "{}", plain(&problem)),
        Told::Recovered {
            snapshot,
            records,
            differ,
            cut,
            took,
        } => {
            if let Some(cut) = cut {
                warn!(
                    event = "cut",
                    file = plain(&cut.file),
                    at = cut.at,
                    "the journal was not whole at its end ({}, byte {}), as after a crash; what is \
                     cut off was never told to be kept",
                    plain(&cut.file),
                    cut.at
                );
            }
            if differ > 0 {
                warn!(
                    event = "differs",
                    epochs = differ,
                    "{differ} of the journal's epochs made something else be said than at first; \
                     what was said at first stands"
                );
            }
            let first = match snapshot {
                0 => String::new(),
                record => format!("took the snapshot after record {record}, and "),
            };
            info!(
                event = "recovered",
                snapshot,
                records,
                seconds = took.as_secs_f64(),
                "{first}did {records} records of the journal again in {:.3} s",
                took.as_secs_f64()
            );
        }
        Told::Swapped(receipt) => warn!(
            event = "swapped",
            generation = receipt.generation,
            kind = receipt.kind.name(),
            by = plain(&receipt.by),
            from = receipt.from,
            to = receipt.to,
            pause_ns = receipt.pause_ns,
            "generation {} runs ({}, asked for by {}): {}; paused {:.3} ms",
            receipt.generation,
            receipt.kind.name(),
            plain(&receipt.by),
            plain(&receipt.changes.join(", ")),
            receipt.pause_ns as f64 / 1e6
        ),
        Told::Acted(receipt) => warn!(
            event = "acted",
            act = receipt.act,
            object = plain(&receipt.object),
            by = plain(&receipt.by),
            record = receipt.record,
            "{} of {} (plugin {}, asked for by {})",
            receipt.act,
            plain(&receipt.object),
            plain(&receipt.plugin),
            plain(&receipt.by)
        ),
        // Also where it is quiet: this is where heads are kept.
        Told::Audited {
            number,
            by,
            act,
            outcome,
            head,
        } => warn!(
            event = "audited",
            number,
            head,
            "audit entry {number} ({} by {}, {outcome}) has the hash {head}",
            plain(&act),
            plain(&by)
        ),
        Told::Ready => info!(event = "ready", "ready"),
        Told::Source { source, problem } => warn!(
            event = "source",
            source = plain(&source),
            "source `{}`: {}",
            plain(&source),
            plain(&problem)
        ),
        Told::Ended(source) => info!(
            event = "ended",
            source = plain(&source),
            "source `{}` has ended",
            plain(&source)
        ),
        Told::Full(problem) => error!(
            event = "full",
            "nothing more is taken in until there is room: {}",
            plain(&problem)
        ),
        Told::Alike { notice, count } => {
            let text = summary::notice(notice);
            let first = text.lines().next().unwrap_or_default();
            warn!(
                event = "notice",
                count,
                "{} (the {count}th of its kind)",
                plain(first)
            );
        }
        Told::Notice(notice) => {
            for line in summary::notice(notice).lines() {
                warn!(event = "notice", "{}", plain(line));
            }
        }
    }
}
