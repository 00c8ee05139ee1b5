//! Threads that read sources as they grow.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use palisade_events::contain;
use palisade_pipeline::engine::{Clock, Epoch};
use palisade_sinks::LetterRow;

use crate::active::Shared;
use crate::found;
use crate::ingest::{Seen, Waiting};
use crate::often::Often;
use crate::queue::Queue;
use crate::record::{FilePlace, Rows};
use crate::server::{Tell, Told};
use crate::snapshot::SourceImage;
use crate::stream::{Filling, Stream, StreamImage};
use crate::taking::Work;
use crate::tape::HEAD;

/// How long a source that has nothing to say is left alone.
const PAUSE: Duration = Duration::from_millis(5);
/// How often a file that is not there is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// How often files that were rotated are looked for.
const SEARCH: Duration = Duration::from_secs(1);
/// How long a source that cannot be read is left alone.
const RETRY: Duration = Duration::from_secs(2);
/// How long a file that was renamed must be silent until the next is read.
const GRACE: Duration = Duration::from_secs(1);
/// How many files that were read to their ends are remembered.
const MAX_READ: usize = 4096;
/// Bytes that are read of a source at a time: what has no end of a record by then waits in memory.
const MOST_READ: usize = 2 << 20;
/// How long a file that is not there is waited for in silence.
const SILENCE: Duration = Duration::from_secs(2);
/// How much of a file is looked at for its first line.
const FIRST_LINE: usize = 64 << 10;
/// Bytes of a piece of standard input, and pieces that may wait.
const PIECE: usize = 64 << 10;
const PIECES: usize = 16;

/// What a source has read.
pub(crate) struct Filled {
    pub(crate) epoch: Epoch,
    pub(crate) now: u64,
    /// The number of the generation in whose terms it was read.
    pub(crate) generation: u64,
    pub(crate) rows: Rows,
    /// Records that could not be read, and how many more there were.
    pub(crate) letters: (Vec<LetterRow>, u64),
    /// How the stream stands after it.
    pub(crate) stream: StreamImage,
    /// Who waits until it is kept.
    pub(crate) waiting: Option<Waiting>,
}

/// What is followed.
pub(crate) enum Input {
    /// A file, by its path.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// A source that is followed.
pub(crate) struct Follower {
    pub(crate) name: String,
    /// Position among the sources of the journal.
    pub(crate) number: u32,
    pub(crate) input: Input,
    pub(crate) stream: Stream,
    /// Where the journal ends, in a stream that had not ended then.
    pub(crate) resume: Option<FilePlace>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) tell: Tell,
    /// The files that were read to their ends, the latest last.
    pub(crate) read: Vec<FilePlace>,
    /// The file that is open.
    pub(crate) open: Option<Open>,
    /// Since when there is no file, and whether that was told.
    pub(crate) waits: Option<Instant>,
    pub(crate) told_waiting: bool,
    /// When it was last looked for files that were rotated.
    pub(crate) searched: Option<Instant>,
    /// Where in the stream the last record ends that was read.
    pub(crate) offset: u64,
    /// Records of the stream that could not be read, as far as they are told of.
    pub(crate) bad: u64,
    pub(crate) often: Often,
    pub(crate) shared: Arc<Shared>,
}

/// A file that is being read.
pub(crate) struct Open {
    file: File,
    device: u64,
    inode: u64,
    /// When the path was first seen to be another file's.
    renamed: Option<Instant>,
    /// The next record begins the stream.
    begins: Option<String>,
}

impl Follower {
    /// Reads until it is to stop, or nobody wants any more.
    fn run(mut self, work: &Queue) {
        self.go_on();
        while !self.stop.load(Ordering::Relaxed) {
            if self.open.is_none() {
                match self.next() {
                    Ok(true) => {}
                    Ok(false) => {
                        std::thread::sleep(LOOK);
                        continue;
                    }
                    Err(problem) => {
                        self.problem("open", problem);
                        std::thread::sleep(RETRY);
                        continue;
                    }
                }
            }
            self.look();
            self.stream.tape.grant(MOST_READ);
            if self.stream.generation != self.shared.generation() {
                self.stream.follow(self.shared.terms());
            }
            let generation = self.stream.generation;
            let now = Clock::System.now().unwrap_or_default();
            let mut epoch = self.stream.epoch(now);
            let Filling {
                progress,
                bytes,
                offset,
                letters,
                dropped,
            } = self.stream.fill(&mut epoch, now);
            let idle = (bytes.is_empty() || progress.paused) && !self.stream.tape.is_spent();
            self.offset = offset;
            if !bytes.is_empty() || progress.ended {
                let rows = self.rows(bytes, offset, progress.ended);
                if let Some(place) = rows.place.clone().filter(|_| progress.ended) {
                    remember(&mut self.read, place);
                }
                let filled = Filled {
                    epoch,
                    now,
                    generation,
                    rows,
                    letters: (letters, dropped),
                    stream: self.stream.image(),
                    waiting: None,
                };
                if work.send(Work::Filled(Box::new(filled))).is_err() {
                    return;
                }
            }
            self.bad_records();
            if progress.ended {
                (self.open, self.searched, self.bad) = (None, None, 0);
                if matches!(self.input, Input::Stdin) {
                    (self.tell)(Told::Ended(self.name.clone()));
                    return;
                }
            } else if idle {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// As a snapshot has it before anything was read.
    pub(crate) fn image(&self) -> SourceImage {
        SourceImage {
            name: self.name.clone(),
            tenant: self.stream.source.tenant.clone(),
            resume: self.resume.clone(),
            read: self.read.clone(),
            stream: self.stream.image(),
            seen: Seen::default(),
            capture: None,
        }
    }

    /// Tells of a problem of a kind, the less often the more there are.
    fn problem(&mut self, kind: &str, problem: String) {
        if let Some(problem) = self.often.told(kind, || problem) {
            let source = self.name.clone();
            (self.tell)(Told::Source { source, problem });
        }
    }

    /// Tells of records that could not be read, one by one as long as they are few.
    fn bad_records(&mut self) {
        let (bad, last) = self.stream.bad_records();
        if bad > self.bad {
            self.bad = bad;
            self.problem(
                "bad",
                format!("a record could not be read ({bad} by now): {last}"),
            );
        }
    }

    /// As [`run`](Self::run); a panic ends this source and no other.
    pub(crate) fn run_contained(self, work: &Queue) {
        let (source, tell) = (self.name.clone(), Arc::clone(&self.tell));
        if let Err(panicked) = contain(|| self.run(work)) {
            let problem = format!("it is followed no further: {panicked}");
            tell(Told::Source { source, problem });
        }
        // Where nobody wants to know, everything has ended.
        let _ = work.send(Work::Ended);
    }

    fn rows(&mut self, bytes: Vec<u8>, offset: u64, ended: bool) -> Rows {
        let head = self.stream.tape.head();
        let open = self.open.as_mut();
        let place = open.as_ref().map(|open| FilePlace {
            device: open.device,
            inode: open.inode,
            offset,
            head,
        });
        Rows {
            source: self.number,
            begins: open.and_then(|open| open.begins.take()),
            bytes,
            ended,
            place: place.filter(|_| matches!(self.input, Input::File(_))),
            delivered: None,
        }
    }

    /// Goes on where the journal ends, if that is in the middle of a stream.
    fn go_on(&mut self) {
        let (Some(place), Input::File(path)) = (self.resume.take(), &self.input) else {
            return;
        };
        let found = found::again(path, &place).and_then(|mut file| {
            file.seek(SeekFrom::Start(place.offset)).ok()?;
            Some((file.try_clone().ok()?, file))
        });
        match found {
            Some((copy, file)) => {
                self.stream.tape.attach(Box::new(copy));
                self.open = Some(Open {
                    file,
                    device: place.device,
                    inode: place.inode,
                    renamed: None,
                    begins: None,
                });
            }
            None => {
                let problem = format!(
                    "the file that was read up to byte {} is neither at {} nor beside it under \
                     another name; what was written to it since is not read",
                    place.offset,
                    path.display()
                );
                self.problem("gone", problem);
            }
        }
    }

    /// Counts a file as read that is none of the source's logs.
    fn pass_over(&mut self, metadata: &std::fs::Metadata) {
        let place = FilePlace {
            device: metadata.dev(),
            inode: metadata.ino(),
            offset: 0,
            head: self.stream.tape.head(),
        };
        // The latest stays the latest.
        let at = self.read.len().saturating_sub(1);
        self.read.insert(at, place);
        let more = self.read.len().saturating_sub(MAX_READ);
        self.read.drain(..more);
    }

    /// Opens the next stream. `false`: there is none yet.
    fn next(&mut self) -> Result<bool, String> {
        let configured = match &self.input {
            Input::File(path) => path.display().to_string(),
            Input::Stdin => "-".to_owned(),
        };
        let (name, file) = match &self.input {
            Input::Stdin => {
                self.stream.tape.begin();
                let piped = Piped::start().map_err(|error| error.to_string())?;
                // Recognition needs a line, for which it may wait.
                let Some(first) = piped.first(&self.stop) else {
                    return Ok(false);
                };
                self.stream
                    .tape
                    .attach(Box::new(io::Cursor::new(first).chain(piped)));
                let file = File::open("/dev/null").map_err(|error| error.to_string())?;
                ("-".to_owned(), file)
            }
            Input::File(path) => {
                // A folder may have many names, and not all need be ours.
                let search = self
                    .searched
                    .is_none_or(|searched| searched.elapsed() >= SEARCH);
                let rotated = match search {
                    true => {
                        self.searched = Some(Instant::now());
                        found::next(path, &self.read)
                    }
                    false => Ok(None),
                };
                let (rotated, gone) = match rotated {
                    Ok(rotated) => (rotated, false),
                    Err(found::Gone) => (None, true),
                };
                let path = rotated.as_ref().unwrap_or(path);
                let Some(file) = opened(path, rotated.is_some())? else {
                    let problem =
                        format!("{} is not there, or has no whole line, yet", path.display());
                    let waited = self.waits.get_or_insert_with(Instant::now).elapsed();
                    if waited >= SILENCE && !std::mem::replace(&mut self.told_waiting, true) {
                        self.problem("waiting", problem);
                    }
                    return Ok(false);
                };
                (self.waits, self.told_waiting) = (None, false);
                if gone {
                    // Told once: what is read next becomes the latest.
                    let problem = format!(
                        "the file that was read last is gone; what was rotated between it and {} \
                         is not read",
                        path.display()
                    );
                    self.read.clear();
                    self.problem("gone", problem);
                    return Ok(false);
                }
                self.stream.tape.begin();
                let copy = file.try_clone().map_err(|error| error.to_string())?;
                self.stream.tape.attach(Box::new(copy));
                (path.display().to_string(), file)
            }
        };
        let metadata = file.metadata().map_err(|error| error.to_string())?;
        if let Err(error) = self.stream.begin(&name) {
            if name != configured {
                // It is not tried again; the others and the log itself are, at once.
                self.pass_over(&metadata);
                self.searched = None;
                self.problem("passed over", format!("{error}; it is passed over"));
                return Ok(false);
            }
            return Err(error.to_string());
        }
        self.offset = 0;
        self.open = Some(Open {
            device: metadata.dev(),
            inode: metadata.ino(),
            file,
            renamed: None,
            begins: Some(name),
        });
        Ok(true)
    }

    /// Looks whether the file has become another: renamed and begun anew, or truncated.
    fn look(&mut self) {
        let (offset, head) = (self.offset, self.stream.tape.head());
        let (Input::File(path), Some(open)) = (&self.input, &mut self.open) else {
            return;
        };
        let size = open.file.metadata().map_or(0, |metadata| metadata.len());
        let changed = || {
            let mut bytes = vec![0; (head.0 as usize).min(HEAD)];
            let read = open.file.read_exact_at(&mut bytes, 0);
            read.is_err() || crc32fast::hash(&bytes) != head.1
        };
        // It may have grown again since: then its beginning is another.
        if size < offset || changed() {
            self.stream.tape.end_here();
            let problem = format!(
                "{} was truncated at byte {offset}; what was written between the last line that \
                 was read and that moment may be lost",
                path.display()
            );
            self.problem("truncated", problem);
            return;
        }
        let same = |metadata: std::fs::Metadata| {
            (metadata.dev(), metadata.ino()) == (open.device, open.inode)
        };
        match std::fs::metadata(path).map(same) {
            Ok(false) => {
                // Whoever writes may do so for a while yet.
                let since = *open.renamed.get_or_insert_with(Instant::now);
                if size > offset && since.elapsed() < 10 * GRACE {
                    return;
                }
                if since.elapsed() >= GRACE {
                    self.stream.tape.end();
                }
            }
            // It is there, or will be again.
            Ok(true) | Err(_) => open.renamed = None,
        }
    }
}

/// A regular file with its first line, or so many bytes that it should have one. `None`: not yet.
/// Of one that nobody writes to any more (`whole`) what there is counts.
fn opened(path: &Path, whole: bool) -> Result<Option<File>, String> {
    let (file, metadata) = match found::open(path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot open {}: {error}", path.display())),
    };
    if !metadata.is_file() {
        return Err(format!("{} is no regular file", path.display()));
    }
    let mut first = vec![0; FIRST_LINE];
    let read = file
        .read_at(&mut first, 0)
        .map_err(|error| error.to_string())?;
    let tells = whole || read == first.len() || first[..read].contains(&b'\n');
    Ok(tells.then_some(file))
}

/// Remembers a file that was read to its end.
pub(crate) fn remember(read: &mut Vec<FilePlace>, place: FilePlace) {
    if read.len() == MAX_READ {
        read.remove(0);
    }
    read.push(place);
}

/// Standard input, read in a thread so that a read which waits holds nothing back.
struct Piped {
    pieces: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Piped {
    fn start() -> io::Result<Piped> {
        let (send, pieces) = sync_channel(PIECES);
        let body = move || {
            let mut buffer = vec![0; PIECE];
            loop {
                match io::stdin().read(&mut buffer) {
                    Ok(0) => return,
                    Ok(read) => {
                        if send.send(buffer[..read].to_vec()).is_err() {
                            return;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        };
        // Not joined: it may wait for an input that never ends.
        std::thread::Builder::new()
            .name("palisade-stdin".to_owned())
            .spawn(body)?;
        Ok(Piped {
            pieces,
            piece: Vec::new(),
            at: 0,
            ended: false,
        })
    }

    /// Waits for the first line, the end, or the stop (`None`).
    fn first(&self, stop: &AtomicBool) -> Option<Vec<u8>> {
        let mut first = Vec::new();
        while !first.contains(&b'\n') && first.len() < FIRST_LINE {
            match self.pieces.recv_timeout(LOOK) {
                Ok(piece) => first.extend(piece),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(_) if stop.load(Ordering::Relaxed) => return None,
                Err(_) => {}
            }
        }
        Some(first)
    }
}

impl Read for Piped {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            if self.ended {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            match self.pieces.try_recv() {
                Ok(piece) => (self.piece, self.at) = (piece, 0),
                Err(TryRecvError::Empty) => return Err(ErrorKind::WouldBlock.into()),
                Err(TryRecvError::Disconnected) => {
                    self.ended = true;
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            }
        }
        let read = to.len().min(self.piece.len() - self.at);
        to[..read].copy_from_slice(&self.piece[self.at..self.at + read]);
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_files_that_were_read_the_latest_4096_are_remembered() {
        let place = |inode| FilePlace {
            device: 1,
            inode,
            offset: 0,
            head: (0, 0),
        };
        let mut read = Vec::new();
        (0..5_000).for_each(|inode| remember(&mut read, place(inode)));
        assert!(read.iter().map(|place| place.inode).eq(904..5_000));
    }
}
