//! Opens inputs: looks at the first bytes, undoes compression, says what it is.

mod gzip;
mod remarks;
mod stream;
#[cfg(test)]
mod tests;
mod utf16;
mod zstd;

use std::fmt;
use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gzip::Gzip;
pub use remarks::Remarks;
use stream::{Bounded, Counted, Replay};
use utf16::{Order, Utf16};
use zstd::Zstd;

use super::recognise::{self, Compression, Format};
use palisade_capture::{CaptureError, CaptureReader, ReadLimits};

/// How many bytes are looked at to recognise an input.
const PEEK: usize = 64 << 10;

/// Longest run of zeros before the first record.
const MAX_HOLE: u64 = 4 << 30;

/// Most layers of compression.
const MAX_LAYERS: usize = 2;

/// What inputs may demand.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest record in bytes; a longer one is reported and skipped.
    pub max_record: usize,
    /// How many bytes may come out of compression for each that goes in, once
    /// `free_output` bytes have come out.
    pub max_ratio: u64,
    /// Bytes that may come out of compression at any ratio.
    pub free_output: u64,
    /// Most bytes that may come out of compression.
    pub max_output: u64,
    /// Largest window of a frame of zstd, which is held while it is read.
    pub max_window: u64,
    /// How many bad records are reported with line and reason; all are counted.
    pub max_reports: usize,
}

impl Limits {
    /// The default where the windows of compressed inputs may take so many bytes, all layers
    /// together.
    pub fn within(compression: u64) -> Self {
        Self {
            max_window: compression / MAX_LAYERS as u64,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_record: 1 << 20,
            max_ratio: 1_000,
            free_output: 64 << 20,
            max_output: u64::MAX,
            max_window: 128 << 20,
            max_reports: 20,
        }
    }
}

/// Why an input cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is nothing in it.
    #[error("`{0}` is empty; there is nothing to read")]
    Empty(String),
    /// It is none of what is accepted.
    #[error(
        "`{name}` is none of the inputs that are accepted ({saw}); accepted are pcap and pcapng \
         captures, Suricata EVE JSON, Zeek logs in JSON or in columns and Palisade NDJSON (one event a line, or \
         objects in a JSON array), each plain or compressed with gzip or zstd"
    )]
    Unknown {
        /// The input.
        name: String,
        /// What it begins with.
        saw: String,
    },
    /// It is compressed too often.
    #[error("`{name}` is compressed {layers} times or more; at most {MAX_LAYERS} are undone")]
    Layers {
        /// The input.
        name: String,
        /// How many layers were found.
        layers: usize,
    },
    /// It begins as a capture, and not one of its packets can be read.
    #[error("`{name}` cannot be read: {error}")]
    Capture {
        /// The input.
        name: String,
        /// What is wrong.
        error: CaptureError,
    },
    /// It is a folder.
    #[error("`{0}` is a folder; name the files in it")]
    Folder(String),
    /// It cannot be read, or its compression is damaged at once.
    #[error("`{name}` cannot be read: {error}")]
    Read {
        /// The input.
        name: String,
        /// What the reader says.
        error: io::Error,
    },
}

/// An input that was recognised.
pub struct Input {
    /// What it is called in messages: a path, or `-`.
    pub name: String,
    /// What it is.
    pub format: Format,
    /// The compression that is undone, the outermost first.
    pub compression: Vec<Compression>,
    /// Its bytes from the first on, decompressed.
    pub stream: Box<dyn Read + Send>,
    /// How many bytes were taken from the input as it lies there, for progress.
    pub consumed: Consumed,
    /// What was remarked of it while it was read; to be asked at its end.
    pub remarks: Remarks,
    /// Whether it may pause, as a pipe or a terminal does: then what was read is not held
    /// back until there is more.
    pub live: bool,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("name", &self.name)
            .field("format", &self.format)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

/// Counts the bytes that were read of an input; clones show the same count.
#[derive(Clone, Debug, Default)]
pub struct Consumed(Arc<AtomicU64>);

impl Consumed {
    /// How many bytes so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Opens an input. It is read from front to back once, so that a pipe will do.
///
/// `name` is used in messages, and as the last resort to tell Zeek's logs apart.
///
/// # Errors
/// See [`OpenError`].
pub fn open(
    name: &str,
    from: impl Read + Send + 'static,
    limits: &Limits,
) -> Result<Input, OpenError> {
    open_as(name, from, limits, false)
}

/// Opens an input that may pause, such as a pipe. No more of it is awaited than it takes to
/// recognise it: the first line that tells, or the first bytes of a capture.
///
/// # Errors
/// As [`open`].
pub fn open_live(
    name: &str,
    from: impl Read + Send + 'static,
    limits: &Limits,
) -> Result<Input, OpenError> {
    open_as(name, from, limits, true)
}

fn open_as(
    name: &str,
    from: impl Read + Send + 'static,
    limits: &Limits,
    live: bool,
) -> Result<Input, OpenError> {
    let consumed = Consumed::default();
    let mut stream: Box<dyn Read + Send> = Box::new(Counted {
        from,
        count: consumed.clone(),
    });
    let mut compression = Vec::new();
    let remarks = Remarks::default();
    loop {
        let tells = |bytes: &[u8]| live && is_enough(bytes, name);
        let (mut beginning, mut error) = peek(&mut stream, tells);
        let mut zeros = 0;
        if Compression::of(&beginning).is_none() {
            if let Some(order) = Order::of(&beginning) {
                let whole = Replay {
                    beginning: Cursor::new(beginning),
                    error: error.take(),
                    rest: stream,
                };
                stream = Box::new(Utf16::new(whole, order));
                (beginning, error) = peek(&mut stream, tells);
            }
            // A hole, as a file has that was truncated while it was written.
            while beginning.len() == PEEK && beginning.iter().all(|byte| *byte == 0) {
                zeros += PEEK as u64;
                if zeros > MAX_HOLE {
                    break;
                }
                (beginning, error) = peek(&mut stream, tells);
            }
        }
        if beginning.is_empty()
            && let Some(error) = error.take()
        {
            let name = name.to_owned();
            return Err(match error.kind() {
                io::ErrorKind::IsADirectory => OpenError::Folder(name),
                _ => OpenError::Read { name, error },
            });
        }
        let Some(layer) = Compression::of(&beginning) else {
            if beginning.trim_ascii().is_empty() && beginning.len() < PEEK {
                return Err(OpenError::Empty(name.to_owned()));
            }
            let format = recognise::format(&beginning, name).ok_or_else(|| OpenError::Unknown {
                name: name.to_owned(),
                saw: recognise::describe(&beginning),
            })?;
            if matches!(format, Format::Log(..)) && zeros > 0 {
                stream = Box::new(Replay {
                    beginning: Cursor::new(beginning),
                    error: error.take(),
                    rest: stream,
                });
                // Where records lie counts from the first byte.
                stream = Box::new(io::repeat(0).take(zeros).chain(stream));
                beginning = Vec::new();
            }
            // Of a live input no more was awaited than the magic number.
            if !live {
                check_capture(&format, &beginning, name)?;
            }
            stream = Box::new(Replay {
                beginning: Cursor::new(beginning),
                error,
                rest: stream,
            });
            return Ok(Input {
                name: name.to_owned(),
                format,
                compression,
                stream,
                consumed,
                remarks,
                live,
            });
        };
        compression.push(layer);
        if compression.len() > MAX_LAYERS {
            let layers = compression.len();
            return Err(OpenError::Layers {
                name: name.to_owned(),
                layers,
            });
        }
        let whole = Replay {
            beginning: Cursor::new(beginning),
            error,
            rest: stream,
        };
        let whole = BufReader::with_capacity(PEEK, whole);
        let plain: Box<dyn Read + Send> = match layer {
            Compression::Gzip => Box::new(Gzip::new(whole, remarks.clone())),
            Compression::Zstd => Box::new(Zstd::new(whole, limits.max_window, remarks.clone())),
        };
        stream = Box::new(Bounded {
            from: plain,
            layer,
            taken: consumed.clone(),
            given: 0,
            limits: limits.clone(),
        });
    }
}

/// A capture whose very header is wrong or of another version is told before work begins.
fn check_capture(format: &Format, beginning: &[u8], name: &str) -> Result<(), OpenError> {
    let whole_header = match format {
        Format::Pcap => true,
        // Its first block may be longer than what was looked at.
        Format::Pcapng => beginning.len() < PEEK,
        Format::Log(..) => false,
    };
    if !whole_header {
        return Ok(());
    }
    let opened = CaptureReader::new(beginning, ReadLimits::default());
    opened.map(drop).map_err(|error| OpenError::Capture {
        name: name.to_owned(),
        error,
    })
}

/// Whether these first bytes tell what the input is: a magic number, or a line.
fn is_enough(bytes: &[u8], name: &str) -> bool {
    if Compression::of(bytes).is_some() {
        return true;
    }
    let told = recognise::format(bytes, name);
    matches!(told, Some(Format::Pcap | Format::Pcapng)) || told.is_some() && bytes.contains(&b'\n')
}

/// Reads up to [`PEEK`] bytes; fewer only at the end, before an error, or when those there
/// are tell enough.
fn peek(from: &mut impl Read, tells: impl Fn(&[u8]) -> bool) -> (Vec<u8>, Option<io::Error>) {
    let mut bytes = vec![0; PEEK];
    let mut len = 0;
    let mut failed = None;
    while len < PEEK && !tells(&bytes[..len]) {
        match from.read(&mut bytes[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    bytes.truncate(len);
    (bytes, failed)
}
