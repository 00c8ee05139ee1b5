//! Opens inputs: looks at the first bytes, undoes compression, says what it is.

use std::fmt;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::recognise::{self, Compression, Format};

/// How many bytes are looked at to recognise an input.
const PEEK: usize = 64 << 10;

/// Largest window of zstd in bytes, that of `zstd --long`: memory that a frame may demand.
const MAX_WINDOW: u64 = 128 << 20;

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
    /// How many bad records are reported with line and reason; all are counted.
    pub max_reports: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_record: 1 << 20,
            max_ratio: 1_000,
            free_output: 64 << 20,
            max_output: u64::MAX,
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
         captures, Suricata EVE JSON, Zeek JSON logs and Palisade NDJSON (one event a line, or \
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
    let consumed = Consumed::default();
    let mut stream: Box<dyn Read + Send> = Box::new(Counted {
        from,
        count: consumed.clone(),
    });
    let mut compression = Vec::new();
    loop {
        let (beginning, mut error) = peek(&mut stream);
        if beginning.is_empty()
            && let Some(error) = error.take()
        {
            return Err(OpenError::Read {
                name: name.to_owned(),
                error,
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
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
            Compression::Zstd => Box::new(Zstd::new(whole)),
        };
        stream = Box::new(Bounded {
            from: plain,
            taken: consumed.clone(),
            given: 0,
            limits: limits.clone(),
        });
    }
}

/// Reads up to [`PEEK`] bytes; fewer only at the end or before an error.
fn peek(from: &mut impl Read) -> (Vec<u8>, Option<io::Error>) {
    let mut bytes = vec![0; PEEK];
    let mut len = 0;
    let mut failed = None;
    while len < PEEK {
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

/// Gives what was looked at once more, then the error that ended the looking if there
/// was one, then the rest.
struct Replay<R> {
    beginning: Cursor<Vec<u8>>,
    error: Option<io::Error>,
    rest: R,
}

impl<R: Read> Read for Replay<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self.beginning.read(to)? {
            0 => self.error.take().map_or_else(|| self.rest.read(to), Err),
            read => Ok(read),
        }
    }
}

struct Counted<R> {
    from: R,
    count: Consumed,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(to)?;
        self.count.0.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Keeps a small input from becoming an endless output. All layers count together, since
/// what comes out of each is held against what went into the first.
struct Bounded<R> {
    from: R,
    taken: Consumed,
    given: u64,
    limits: Limits,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(to)?;
        self.given = self.given.saturating_add(read as u64);
        let Limits {
            max_ratio,
            free_output,
            max_output,
            ..
        } = self.limits;
        let fair = self.taken.get().saturating_mul(max_ratio);
        if self.given > max_output || (self.given > free_output && self.given > fair) {
            return Err(io::Error::other(format!(
                "{} bytes have come out of {} compressed ones, beyond the limit of {max_output} \
                 bytes or {max_ratio} to one; raise the limit if the input is to be trusted",
                self.given,
                self.taken.get(),
            )));
        }
        Ok(read)
    }
}

/// Frames of zstd one after another, with skippable ones between them.
struct Zstd<R> {
    from: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    fn new(from: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        Self {
            from,
            decoder,
            in_frame: false,
        }
    }

    /// Opens the next frame; false at the end of the input.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.from.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.from) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.from).take(length.into());
                    if io::copy(&mut skipped, &mut io::sink())? < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
        Ok(false)
    }

    /// What was decoded by a frame that has ended must have the checksum it claims.
    fn end_frame(&mut self) -> io::Result<()> {
        self.in_frame = false;
        let claimed = self.decoder.get_checksum_from_data();
        if claimed.is_some() && claimed != self.decoder.get_calculated_checksum() {
            let error = "the checksum of a zstd frame does not match what it holds";
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame && !self.next_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let step = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder
                    .decode_blocks(&mut self.from, step)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            }
            match self.decoder.read(to)? {
                0 => self.end_frame()?,
                read => return Ok(read),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;

    const LINE: &[u8] = b"{\"_path\":\"dns\",\"ts\":1}\n";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn read(bytes: Vec<u8>, limits: &Limits) -> (Input, Result<Vec<u8>, String>) {
        let mut input = open("x", Cursor::new(bytes), limits).unwrap();
        let mut plain = Vec::new();
        let read = input
            .stream
            .read_to_end(&mut plain)
            .map_err(|error| error.to_string());
        (input, read.map(|_| plain))
    }

    #[test]
    fn compression_is_undone_up_to_two_layers() {
        use Compression::{Gzip, Zstd};
        let two = [gzip(LINE), gzip(LINE)].concat();
        let frames = [
            zstd(LINE),
            b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(),
            zstd(LINE),
        ]
        .concat();
        let cases = [
            (LINE.to_vec(), vec![], 1),
            (gzip(LINE), vec![Gzip], 1),
            (zstd(LINE), vec![Zstd], 1),
            (two, vec![Gzip], 2),
            (frames, vec![Zstd], 2),
            (zstd(&gzip(LINE)), vec![Zstd, Gzip], 1),
            (gzip(&gzip(LINE)), vec![Gzip, Gzip], 1),
        ];
        for (bytes, compression, times) in cases {
            let len = bytes.len() as u64;
            let (input, plain) = read(bytes, &Limits::default());
            assert_eq!(input.compression, compression);
            assert_eq!(plain.unwrap(), LINE.repeat(times));
            assert_eq!(input.consumed.get(), len);
        }
        let thrice = gzip(&gzip(&gzip(LINE)));
        let error = open("x", Cursor::new(thrice), &Limits::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`x` is compressed 3 times or more; at most 2 are undone"
        );
    }

    #[test]
    fn a_bomb_is_stopped() {
        let zeros = [LINE, &[b' '; 1 << 19]].concat();
        let limits = Limits {
            max_ratio: 100,
            free_output: 1 << 16,
            ..Limits::default()
        };
        let (_, plain) = read(gzip(&zeros), &limits);
        assert!(plain.unwrap_err().contains("beyond the limit of"));
        let limits = Limits {
            max_output: 1 << 18,
            ..Limits::default()
        };
        assert!(read(zstd(&zeros), &limits).1.is_err());
        // Each layer alone is within the limit, both together are not.
        let limits = Limits {
            max_ratio: 1_000,
            free_output: 1 << 16,
            ..Limits::default()
        };
        assert!(read(gzip(&zeros), &limits).1.is_ok());
        let bomb = gzip(&gzip(&[LINE, &[b' '; 4 << 20]].concat()));
        assert!(read(bomb, &limits).1.is_err());
    }

    #[test]
    fn what_can_be_read_of_a_broken_stream_is_read() {
        let many = LINE.repeat(6_000);
        for whole in [gzip(&many), zstd(&many)] {
            for cut in (64..whole.len()).step_by(whole.len() / 7) {
                let mut input =
                    match open("x", Cursor::new(whole[..cut].to_vec()), &Limits::default()) {
                        Ok(input) => input,
                        Err(OpenError::Read { .. } | OpenError::Empty(_)) => continue,
                        Err(error) => panic!("{error}"),
                    };
                let mut plain = Vec::new();
                assert!(input.stream.read_to_end(&mut plain).is_err());
                assert!(many.starts_with(&plain) && !plain.is_empty());
            }
        }
    }

    #[test]
    fn a_wrong_checksum_is_found() {
        let mut bytes = zstd(LINE);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        // Only a frame that has a checksum can be told to be wrong.
        if bytes[4] & 4 != 0 {
            assert!(
                read(bytes, &Limits::default())
                    .1
                    .unwrap_err()
                    .contains("checksum")
            );
        }
    }

    #[test]
    fn nothing_and_unknown() {
        let error = |bytes: &[u8]| {
            open("a.log", Cursor::new(bytes.to_vec()), &Limits::default())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(error(b""), "`a.log` is empty; there is nothing to read");
        assert_eq!(
            error(b" \n\n"),
            "`a.log` is empty; there is nothing to read"
        );
        assert_eq!(
            error(&gzip(b"")),
            "`a.log` is empty; there is nothing to read"
        );
        let unknown = error(b"hello");
        assert!(unknown.contains("begins with `hello`") && unknown.contains("Zeek JSON"));
    }
}
