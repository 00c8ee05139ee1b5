//! A capture that is being read, and may still grow.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use palisade_capture::{CaptureError, CaptureReader, ReadLimits, is_capture};
use palisade_pipeline::engine::{Seen, Terms};
use palisade_sources::{Format, Limits, open};

use super::listing::head;
use super::rows;
use crate::found;
use crate::record::FilePlace;

/// How long a file must not have been written to before it counts as whole.
pub(super) const QUIET: Duration = Duration::from_secs(1);
/// Bytes of the longest header of a capture file.
const HEADER: usize = 24;
/// Bytes of packets that are read at a time, each with what it takes beside.
pub(super) const MOST: usize = 512 << 10;
/// What a packet takes beside its bytes.
pub(super) const PACKET: usize = 256;

/// A file that ends when it is said to, and pauses where it has nothing more before.
struct Growing {
    file: File,
    whole: Arc<AtomicBool>,
}

impl Read for Growing {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        // Asked first: what is written between the two is read another time.
        let whole = self.whole.load(Ordering::Relaxed);
        match self.file.read(to)? {
            0 if !whole && !to.is_empty() => Err(ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

/// What can be done with a file.
pub(super) enum Opened {
    /// It is read.
    Capture(Box<CaptureFile>),
    /// It is compressed, or nothing that is known, so that it must be whole first; or it has no
    /// header yet.
    NotYet,
    /// It is none.
    NoCapture(String),
}

/// A capture that is open.
pub(super) struct CaptureFile {
    reader: CaptureReader<Box<dyn Read + Send>>,
    pub(super) path: PathBuf,
    file: File,
    place: FilePlace,
    /// Nothing more is written to it.
    whole: Arc<AtomicBool>,
    /// Its length when it was last seen to have grown, and when that was.
    length: u64,
    grew: Instant,
}

/// How far reading came.
#[derive(Debug, Default)]
pub(super) struct ReadOn {
    /// Packets and their bytes that were read.
    pub(super) counts: (u64, u64),
    /// There is nothing more for now.
    pub(super) paused: bool,
    /// There is nothing more.
    pub(super) ended: bool,
    /// Why it could not be read to its end.
    pub(super) broken: Option<String>,
}

impl CaptureFile {
    /// Opens a file. Only one that is `whole` is read if it is compressed.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open(
        path: &Path,
        whole: bool,
        (read, limits): &(ReadLimits, Limits),
    ) -> io::Result<Opened> {
        let (file, metadata) = found::open(path)?;
        let mut first = [0; HEADER];
        let mut there = 0;
        while there < HEADER {
            match file.read_at(&mut first[there..], there as u64)? {
                0 => break,
                more => there += more,
            }
        }
        if there < HEADER && !whole {
            return Ok(Opened::NotYet);
        }
        let ends = Arc::new(AtomicBool::new(false));
        let name = path.display().to_string();
        let stream: Box<dyn Read + Send> = if there == HEADER && is_capture(&first) {
            Box::new(Growing {
                file: file.try_clone()?,
                whole: Arc::clone(&ends),
            })
        } else if whole {
            ends.store(true, Ordering::Relaxed);
            match open(&name, file.try_clone()?, limits) {
                Ok(input) if matches!(input.format, Format::Pcap | Format::Pcapng) => input.stream,
                Ok(_) => return Ok(Opened::NoCapture(format!("`{name}` is no capture"))),
                Err(error) => return Ok(Opened::NoCapture(error.to_string())),
            }
        } else {
            return Ok(Opened::NotYet);
        };
        let reader = match CaptureReader::new(stream, *read) {
            Ok(reader) => reader,
            Err(error) => return Ok(Opened::NoCapture(format!("`{name}`: {error}"))),
        };
        Ok(Opened::Capture(Box::new(CaptureFile {
            reader,
            path: path.to_owned(),
            place: FilePlace {
                device: metadata.dev(),
                inode: metadata.ino(),
                offset: 0,
                head: head(&file)?,
            },
            whole: ends,
            length: metadata.len(),
            grew: Instant::now(),
            file,
        })))
    }

    /// Goes on behind so many packets.
    ///
    /// # Errors
    /// When there are not so many.
    pub(super) fn skip(&mut self, packets: u64) -> Result<(), String> {
        while self.reader.packets() < packets {
            match self.reader.next_packet() {
                Ok(Some(_)) => {}
                Ok(None) => return Err("it ends before that".to_owned()),
                Err(error) if error.is_pause() => return Err("it ends before that".to_owned()),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    /// Reads packets into rows until there are enough for an epoch, or none are left.
    pub(super) fn read(&mut self, rows: &mut Vec<u8>, terms: &Terms) -> ReadOn {
        let (records, bytes) = terms.room();
        let most = bytes.min(MOST);
        let mut read = ReadOn::default();
        for _ in 0..records {
            if rows.len() + read.counts.0 as usize * PACKET >= most {
                break;
            }
            match self.reader.next_packet() {
                Ok(Some(packet)) => {
                    read.counts.0 += 1;
                    read.counts.1 += packet.data.len() as u64;
                    rows::push(rows, &Seen::Packet(packet));
                }
                Ok(None) => read.ended = true,
                Err(error) if error.is_pause() => read.paused = true,
                Err(error) => {
                    read.ended = true;
                    read.broken = Some(broken(&error, self.whole.load(Ordering::Relaxed)));
                }
            }
            if read.ended || read.paused {
                break;
            }
        }
        self.place.offset = self.reader.packets();
        read
    }

    /// Whether nobody has written to it for so long, or it has been as long as it is since it was
    /// looked at first.
    pub(super) fn is_quiet(&mut self, time: Duration) -> bool {
        let Ok(metadata) = self.file.metadata() else {
            return false;
        };
        if metadata.len() != self.length {
            (self.length, self.grew) = (metadata.len(), Instant::now());
        }
        self.grew.elapsed() >= time || unwritten(&metadata) >= time
    }

    /// Nothing more is written to it.
    pub(super) fn end(&self) {
        self.whole.store(true, Ordering::Relaxed);
    }

    /// The packets that were read of it.
    pub(super) fn packets(&self) -> u64 {
        self.reader.packets()
    }

    /// Whether it is the file of which this is said.
    pub(super) fn is(&self, metadata: &Metadata) -> bool {
        (metadata.dev(), metadata.ino()) == (self.place.device, self.place.inode)
    }

    /// Where reading stands.
    pub(super) fn place(&self) -> FilePlace {
        self.place.clone()
    }

    /// The place of a file that was read to its end: with its length, and the first bytes that it
    /// has now.
    pub(super) fn last_place(&self) -> FilePlace {
        let length = self.file.metadata().map_or(0, |metadata| metadata.len());
        FilePlace {
            offset: length,
            head: head(&self.file).unwrap_or(self.place.head),
            ..self.place
        }
    }

    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }
}

/// For how long a file was not written to.
pub(super) fn unwritten(metadata: &Metadata) -> Duration {
    let written = metadata.modified().ok();
    // One that is dated ahead tells nothing.
    let since = written.and_then(|time| time.elapsed().ok());
    since.unwrap_or_default()
}

fn broken(error: &CaptureError, whole: bool) -> String {
    match error {
        CaptureError::Truncated { .. } if whole => {
            format!("{error}; nobody was writing to it any more, and the next had arrived")
        }
        error => error.to_string(),
    }
}
