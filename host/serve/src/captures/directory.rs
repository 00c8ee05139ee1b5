//! A thread that reads captures as they arrive in a directory.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use palisade_events::contain;
use palisade_pipeline::engine::{Clock, Seen};

use super::file::{CaptureFile, Opened, QUIET, unwritten};
use super::listing::{Arrived, Known, again};
use super::options::WhenDone;
use super::rows;
use super::state::{CaptureState, Doing};
use super::stream::CaptureStream;
use crate::active::Shared;
use crate::follow::Filled;
use crate::often::Often;
use crate::queue::Queue;
use crate::record::{FilePlace, Rows};
use crate::server::{Tell, Told};
use crate::stream::StreamImage;
use crate::taking::Work;

/// How long a source that has nothing to say is left alone.
const PAUSE: Duration = Duration::from_millis(20);
/// How often it is looked for files at least.
const SEARCH: Duration = Duration::from_secs(1);
/// How long a source that cannot be read is left alone.
const RETRY: Duration = Duration::from_secs(2);
/// How long a capture of its own must not have been written to before it ends, where no other has
/// arrived.
const ALONE: Duration = Duration::from_secs(10);
/// For how long a capture that is still written to holds up those that have arrived.
const HELD_UP: Duration = Duration::from_secs(10);

/// A directory where captures arrive.
pub(crate) struct Directory {
    pub(crate) name: String,
    /// Position among the sources of the journal.
    pub(crate) number: u32,
    pub(crate) path: PathBuf,
    /// Each capture is one of its own: flows end with it.
    pub(crate) separate: bool,
    pub(crate) when_done: WhenDone,
    pub(crate) stream: CaptureStream,
    /// The capture in which the journal ends.
    pub(crate) resume: Option<FilePlace>,
    /// Those that were read to their ends.
    pub(crate) read: Vec<FilePlace>,
    pub(crate) state: Arc<CaptureState>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) tell: Tell,
}

/// A directory that is being read.
struct Reading<'a> {
    directory: Directory,
    work: &'a Queue,
    known: Known,
    open: Option<Box<CaptureFile>>,
    /// The next epoch begins the capture.
    begins: Option<String>,
    /// What arrived and was not read when it was last looked.
    arrived: VecDeque<Arrived>,
    /// When it was last looked, and when the directory had changed by then.
    looked: Option<(Instant, Option<SystemTime>)>,
    /// The one that comes next, its length, and since when it is as long.
    next: Option<(PathBuf, u64, Instant)>,
    /// Captures that were read and are to be deleted once that is kept: each with its last place,
    /// and the record, when it is known.
    spent: VecDeque<(PathBuf, FilePlace, Option<u64>)>,
    often: Often,
    /// Since when another has arrived than the one that is read.
    behind: Option<Instant>,
}

impl Directory {
    /// Reads until it is to stop, or nobody wants any more; a panic ends this source and no other.
    pub(crate) fn run_contained(self, work: &Queue) {
        let (source, tell) = (self.name.clone(), Arc::clone(&self.tell));
        let state = Arc::clone(&self.state);
        let run = || Reading::new(self, work).run();
        if let Err(panicked) = contain(run) {
            let problem = format!("it is followed no further: {panicked}");
            state.does(Doing::Down);
            tell(Told::Source { source, problem });
        }
        // Where nobody wants to know, everything has ended.
        let _ = work.send(Work::Ended);
    }
}

impl<'a> Reading<'a> {
    fn new(mut directory: Directory, work: &'a Queue) -> Reading<'a> {
        Reading {
            known: Known::new(std::mem::take(&mut directory.read)),
            directory,
            work,
            open: None,
            begins: None,
            arrived: VecDeque::new(),
            looked: None,
            next: None,
            spent: VecDeque::new(),
            often: Often::default(),
            behind: None,
        }
    }

    fn run(mut self) {
        self.clean_up();
        self.go_on();
        while !self.directory.stop.load(Ordering::Relaxed) {
            self.delete();
            if self.open.is_none() {
                match self.begin() {
                    Ok(true) => {}
                    Ok(false) => {
                        self.directory.state.does(Doing::Waiting);
                        std::thread::sleep(PAUSE);
                        continue;
                    }
                    Err(problem) => {
                        self.directory.state.does(Doing::Down);
                        self.problem("open", problem);
                        std::thread::sleep(RETRY);
                        continue;
                    }
                }
            }
            match self.step() {
                Some(true) => {}
                Some(false) => std::thread::sleep(PAUSE),
                None => return,
            }
        }
    }

    /// Tells of a problem of a kind, the less often the more there are.
    fn problem(&mut self, kind: &str, problem: String) {
        if let Some(problem) = self.often.told(kind, || problem) {
            let source = self.directory.name.clone();
            (self.directory.tell)(Told::Source { source, problem });
        }
    }

    /// Reads one epoch of the capture that is open. `false`: there is nothing more for now. `None`:
    /// nobody wants any more.
    fn step(&mut self) -> Option<bool> {
        let stream = &mut self.directory.stream;
        if stream.generation != self.directory.shared.generation() {
            stream.follow(self.directory.shared.terms());
        }
        let open = self.open.as_mut()?;
        let mut bytes = Vec::new();
        let read = open.read(&mut bytes, stream.terms());
        if read.ended && self.directory.separate {
            rows::push(&mut bytes, &Seen::End);
        }
        if bytes.is_empty() && !read.ended {
            let waits = !self.is_over();
            if let Some(open) = self.open.as_ref().filter(|_| !waits) {
                open.end();
                self.behind = None;
            }
            return Some(!waits);
        }
        if read.ended && open.packets() == 0 {
            self.pass_over(read.broken);
            return Some(true);
        }
        let place = open.place();
        let last = read.ended.then(|| open.last_place());
        let path = open.path.clone();
        let generation = stream.generation;
        let now = Clock::System.now().unwrap_or_default();
        let mut epoch = stream.epoch(now);
        // They were made a moment ago.
        let _ = stream.fill(&mut epoch, &bytes);
        let state = &self.directory.state;
        state.has_read(read.counts, stream.feed());
        if let Some(problem) = read.broken {
            state.drops("broken-file", 1);
            self.problem("broken", format!("{}: {problem}", path.display()));
        }
        let mut image = StreamImage::default();
        if let Some(last) = &last {
            self.directory.state.has_ended();
            self.known.add(last.clone());
            if self.directory.when_done == WhenDone::Delete {
                self.spent.push_back((path, last.clone(), None));
            }
            image.read = Some(self.known.read());
            (self.open, self.behind) = (None, None);
        }
        let filled = Filled {
            epoch,
            now,
            generation,
            rows: Rows {
                source: self.directory.number,
                begins: self.begins.take(),
                bytes,
                ended: last.is_some(),
                place: Some(last.unwrap_or(place)),
                delivered: None,
            },
            letters: (Vec::new(), 0),
            waiting: None,
            stream: image,
        };
        let sent = self.work.send(Work::Filled(Box::new(filled)));
        sent.ok().map(|()| !read.paused)
    }

    /// A capture without a packet is read once more if it grows.
    fn pass_over(&mut self, broken: Option<String>) {
        let Some(open) = self.open.take() else {
            return;
        };
        self.begins = None;
        if let Ok(metadata) = open.metadata() {
            self.known.pass_over(&metadata);
        }
        let why = broken.unwrap_or_else(|| "it holds no packet".to_owned());
        self.directory.state.drops("no-capture", 1);
        let problem = format!(
            "{}: {why}; it is passed over until it changes",
            open.path.display()
        );
        self.problem("passed over", problem);
    }

    /// Whether the capture that is open, and has nothing more for now, is at its end: another has
    /// arrived, and nobody writes to this one or has done so for too long since; or it is one of its
    /// own.
    fn is_over(&mut self) -> bool {
        let quiet = |open: &mut Option<Box<CaptureFile>>, time| {
            open.as_mut().is_some_and(|open| open.is_quiet(time))
        };
        if self.directory.separate && quiet(&mut self.open, ALONE) {
            return true;
        }
        match self.look() {
            Ok(()) => {}
            Err(problem) => {
                self.directory.state.does(Doing::Down);
                self.problem("look", problem);
                return false;
            }
        }
        if self.arrived.is_empty() {
            self.behind = None;
            return false;
        }
        let since = *self.behind.get_or_insert_with(Instant::now);
        quiet(&mut self.open, QUIET) || since.elapsed() >= HELD_UP
    }

    /// Looks at the directory, if it may have changed.
    fn look(&mut self) -> Result<(), String> {
        let path = &self.directory.path;
        let problem = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
        let changed = std::fs::metadata(path).and_then(|metadata| metadata.modified());
        let changed = changed.map_err(problem)?;
        if let Some((at, before)) = self.looked {
            // Times of files are no finer than the ticks of a clock.
            let settled = before == Some(changed)
                && changed
                    .elapsed()
                    .is_ok_and(|since| since > Duration::from_millis(50));
            if settled && at.elapsed() < SEARCH {
                return Ok(());
            }
        }
        self.looked = Some((Instant::now(), Some(changed)));
        let listing = self.known.look(path).map_err(problem)?;
        let cut = listing.cut.then(|| {
            format!(
                "{} has more files than are looked at; some are not read: move those away that were",
                path.display()
            )
        });
        self.arrived = listing.arrived.into();
        if let Some(open) = &self.open {
            self.arrived.retain(|arrived| !open.is(&arrived.metadata));
        }
        if let Some(cut) = cut {
            self.problem("cut", cut);
        }
        for path in listing.grown {
            self.directory.state.drops("grown-file", 1);
            let problem = format!(
                "{} has grown after it was read to its end; what was added is not read. Write a \
                 capture to its end, or under a hidden name, before the next begins",
                path.display()
            );
            self.problem("grown", problem);
        }
        Ok(())
    }

    /// Opens the next capture. `false`: there is none yet.
    fn begin(&mut self) -> Result<bool, String> {
        self.look()?;
        let Some(next) = self.arrived.front() else {
            return Ok(false);
        };
        let (path, others) = (next.path.clone(), self.arrived.len() > 1);
        if self.known.is_full() {
            return Err(format!(
                "{} has more than 65536 captures that were read; move them elsewhere, or have them \
                 deleted with when_done = \"delete\"",
                self.directory.path.display()
            ));
        }
        let metadata = match path.metadata() {
            Ok(metadata) => metadata,
            Err(_) => {
                // It has gone again.
                (self.looked, self.next) = (None, None);
                self.arrived.pop_front();
                return Ok(false);
            }
        };
        let length = metadata.len();
        let since = match &self.next {
            Some((same, before, since)) if *same == path && *before == length => *since,
            _ => {
                let now = Instant::now();
                self.next = Some((path.clone(), length, now));
                now
            }
        };
        // What was renamed into the directory was written before.
        let quiet = since.elapsed() >= QUIET || unwritten(&metadata) >= QUIET;
        let (share, terms) = (self.directory.stream.share, self.directory.stream.terms());
        let opened = CaptureFile::open(&path, quiet, &terms.captures(share));
        let problem = match opened {
            Ok(Opened::Capture(file)) => {
                let name = path.display().to_string();
                self.directory.state.reads(&name, 0);
                (self.open, self.begins, self.next) = (Some(file), Some(name), None);
                self.arrived.pop_front();
                return Ok(true);
            }
            Ok(Opened::NotYet) => return Ok(false),
            // It may be about to be written.
            Ok(Opened::NoCapture(_)) if length == 0 && !others => return Ok(false),
            Ok(Opened::NoCapture(problem)) => problem,
            Err(error) => format!("cannot open {}: {error}", path.display()),
        };
        self.known.pass_over(&metadata);
        self.arrived.pop_front();
        self.next = None;
        self.directory.state.drops("no-capture", 1);
        self.problem(
            "passed over",
            format!("{problem}; it is passed over until it changes"),
        );
        Ok(false)
    }

    /// Goes on where the journal ends, if that is in the middle of a capture.
    fn go_on(&mut self) {
        let Some(place) = self.directory.resume.take() else {
            return;
        };
        let path = &self.directory.path;
        let terms = self
            .directory
            .stream
            .terms()
            .captures(self.directory.stream.share);
        let found = again(path, &place).map(|arrived| arrived.path);
        let opened = found
            .as_ref()
            .map(|path| CaptureFile::open(path, true, &terms));
        let problem = match opened {
            Some(Ok(Opened::Capture(mut file))) => match file.skip(place.offset) {
                Ok(()) => {
                    let name = file.path.display().to_string();
                    self.directory.state.reads(&name, place.offset);
                    self.open = Some(file);
                    return;
                }
                Err(problem) => problem,
            },
            Some(Ok(Opened::NoCapture(problem))) => problem,
            Some(Err(error)) => error.to_string(),
            Some(Ok(Opened::NotYet)) | None => "it is not there any more".to_owned(),
        };
        self.directory.state.drops("broken-file", 1);
        let problem = format!(
            "the capture in {} that was read up to packet {} cannot be read on: {problem}; what \
             came after that in it is not read",
            self.directory.path.display(),
            place.offset
        );
        if let Some(path) = found
            && let Ok(metadata) = path.metadata()
        {
            self.known.pass_over(&metadata);
        }
        self.problem("gone", problem);
    }

    /// Deletes what was read before the start, where that is wanted: it is kept.
    fn clean_up(&mut self) {
        if self.directory.when_done != WhenDone::Delete {
            return;
        }
        if let Ok(listing) = self.known.look(&self.directory.path) {
            let paths = listing.done;
            paths.iter().for_each(|path| self.remove(path));
        }
    }

    /// Deletes captures of which everything is kept by now.
    fn delete(&mut self) {
        for record in self.directory.state.ended() {
            let mut spent = self.spent.iter_mut();
            if let Some((.., of)) = spent.find(|(.., record)| record.is_none()) {
                *of = Some(record);
            }
        }
        let committed = self.directory.shared.committed.load(Ordering::Acquire);
        while let Some((path, place, Some(record))) = self.spent.front()
            && *record <= committed
        {
            let (path, place) = (path.clone(), place.clone());
            self.spent.pop_front();
            // Under that name may be another by now.
            if again(&self.directory.path, &place).is_some_and(|now| now.path == path) {
                self.remove(&path);
            }
        }
    }

    fn remove(&mut self, path: &std::path::Path) {
        if let Err(error) = std::fs::remove_file(path) {
            let problem = format!("cannot delete {}, which was read: {error}", path.display());
            self.problem("delete", problem);
        }
    }
}
