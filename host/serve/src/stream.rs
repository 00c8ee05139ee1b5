//! A source's log, stream after stream, read alike from the journal and from where it comes.

use std::sync::Arc;

use palisade_events::Source;
use palisade_pipeline::engine::{EngineError, Epoch, Feed as _, LogFeed, Progress, Terms};
use palisade_sinks::LetterRow;
use palisade_sources::{
    Checkpoint, CheckpointError, DeadLetters, Limits, OpenError, SourcePolicy, open_live,
};
use serde::{Deserialize, Serialize};

use crate::ingest::{BadLine, told};
use crate::letters::Unread;
use crate::own::OWN;
use crate::record::FilePlace;
use crate::tape::Tape;

/// Bytes that are read to recognise a stream.
const FIRST_READ: usize = 1 << 20;

/// Why a stream cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    /// It is nothing that can be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is compressed.
    #[error("`{0}` is compressed; a log that grows is followed as it is written, so name that one")]
    Compressed(String),
    /// It is UTF-16.
    #[error("`{0}` is UTF-16; have it written in UTF-8 to follow it")]
    Utf16(String),
    /// It is a capture.
    #[error(
        "`{0}` is a capture; a source of kind `captures` reads those that arrive in a directory, and \
         `palisade run` one that is there"
    )]
    Capture(String),
    /// The engine does not take it.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// The streams of a source, one after another.
pub(crate) struct Stream {
    pub(crate) source: Arc<Source>,
    pub(crate) tape: Tape,
    terms: Terms,
    /// The number of the generation that they are of.
    pub(crate) generation: u64,
    limits: Limits,
    feed: Option<LogFeed>,
    /// The number of the first event, where there is no feed yet.
    first: u64,
    /// Records that cannot be read, and how many there were before the latest delivery.
    unread: Unread,
    mark: usize,
}

/// What an epoch was filled with.
pub(crate) struct Filling {
    pub(crate) progress: Progress,
    /// The bytes of the whole records that were read.
    pub(crate) bytes: Vec<u8>,
    /// Where in the stream they end.
    pub(crate) offset: u64,
    /// Those that could not be read, and how many more there were.
    pub(crate) letters: Vec<LetterRow>,
    pub(crate) dropped: u64,
}

/// What was read of a stream that was there whole.
pub(crate) struct Outcome {
    pub(crate) events: u64,
    pub(crate) bad: u64,
    /// The first of the bad records.
    pub(crate) errors: Vec<BadLine>,
    /// Whether the epoch had room for all of it; otherwise a part of it is with the stream, and
    /// is to be [undone](Stream::undo).
    pub(crate) fits: bool,
}

/// A stream as it stands between two records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StreamImage {
    /// The number of the next event.
    next: u64,
    /// Where reading stands, and the first bytes of the stream, if it has not ended.
    open: Option<(Checkpoint, Vec<u8>)>,
    /// With the end of a capture: the files that were read to their ends, and are still there.
    #[serde(skip)]
    pub(crate) read: Option<Vec<FilePlace>>,
}

impl Stream {
    /// No stream yet.
    pub(crate) fn new(source: Arc<Source>, (generation, terms): (u64, Terms)) -> Stream {
        let unread = Unread::default();
        Stream {
            source,
            tape: Tape::default(),
            terms: terms.with_letters(unread.letters()),
            generation,
            limits: Limits::default(),
            feed: None,
            first: 0,
            unread,
            mark: 0,
        }
    }

    /// Reads on in the terms of another generation.
    pub(crate) fn follow(&mut self, (generation, terms): (u64, Terms)) {
        let terms = terms.with_letters(self.unread.letters());
        if let Some(feed) = &mut self.feed {
            feed.follow(&terms);
        }
        (self.generation, self.terms) = (generation, terms);
    }

    /// As it stands between two records.
    pub(crate) fn image(&self) -> StreamImage {
        let Some(feed) = &self.feed else {
            let next = self.first;
            return StreamImage {
                next,
                ..StreamImage::default()
            };
        };
        StreamImage {
            next: feed.next_seq(),
            open: feed.checkpoint().map(|at| (at, self.tape.first_bytes())),
            read: None,
        }
    }

    /// Goes on where another stood; where in the stream that is.
    ///
    /// # Errors
    /// When none stands there.
    pub(crate) fn go_on(&mut self, image: StreamImage) -> Result<u64, CheckpointError> {
        self.first = image.next;
        let Some((at, head)) = image.open else {
            return Ok(0);
        };
        let offset = at.offset();
        self.tape.go_on(offset, head);
        let policy = self.policy();
        let feed = self
            .terms
            .going_on(self.tape.clone(), at, policy, image.next)?;
        self.feed = Some(feed);
        Ok(offset)
    }

    /// Begins to read what is on the tape, of which the first line is there, or all.
    ///
    /// # Errors
    /// When it is nothing that can be followed.
    pub(crate) fn begin(&mut self, name: &str) -> Result<(), StreamError> {
        self.tape.grant(FIRST_READ);
        let input = open_live(name, self.tape.clone(), &self.limits)?;
        if !input.compression.is_empty() {
            return Err(StreamError::Compressed(name.to_owned()));
        }
        if input.utf16 {
            return Err(StreamError::Utf16(name.to_owned()));
        }
        if !matches!(input.format, palisade_sources::Format::Log(..)) {
            return Err(StreamError::Capture(name.to_owned()));
        }
        match &mut self.feed {
            Some(feed) => feed.renew(input, &self.terms)?,
            None => {
                let policy = self.policy();
                self.feed = Some(self.terms.log(input, policy, self.first)?);
            }
        }
        Ok(())
    }

    /// What its events may be: the server's own are those that nobody else may send.
    fn policy(&self) -> SourcePolicy {
        let source = Arc::clone(&self.source);
        match self.is_own() {
            true => SourcePolicy::host(source),
            false => SourcePolicy::new(source),
        }
    }

    fn is_own(&self) -> bool {
        self.source.name == OWN
    }

    /// An empty epoch that is read at this time.
    pub(crate) fn epoch(&self, now: u64) -> Epoch {
        let epoch = self.terms.epoch(&self.source, Some(now));
        match self.is_own() {
            // The server's clock says nothing of how far the logs have come.
            true => epoch.backfill(),
            false => epoch,
        }
    }

    /// Reads into an epoch that is read at this time.
    pub(crate) fn fill(&mut self, epoch: &mut Epoch, now: u64) -> Filling {
        let Some(feed) = &mut self.feed else {
            return Filling {
                progress: Progress::default(),
                bytes: Vec::new(),
                offset: 0,
                letters: Vec::new(),
                dropped: 0,
            };
        };
        let progress = feed.fill(epoch);
        let end = match progress.ended {
            true => u64::MAX,
            false => feed.offset(),
        };
        let offset = feed.offset();
        let (letters, dropped) = self.letters(now);
        Filling {
            progress,
            bytes: self.tape.cut(end),
            offset,
            letters,
            dropped,
        }
    }

    /// Takes the records that could not be read since, at this time, and how many more there were.
    pub(crate) fn letters(&self, now: u64) -> (Vec<LetterRow>, u64) {
        let from = (&*self.source.name, &*self.source.tenant);
        self.unread.take(from, now)
    }

    /// Reads a stream that is there whole, after which it has ended. What is read is not in the epoch
    /// before it is [put](Self::put) there.
    ///
    /// # Errors
    /// When it is nothing that can be read; nothing of it was then.
    pub(crate) fn deliver(
        &mut self,
        name: &str,
        bytes: &[u8],
        epoch: &mut Epoch,
    ) -> Result<Outcome, StreamError> {
        self.tape.begin();
        self.tape.give(bytes);
        self.tape.end();
        let before = self.next_seq();
        self.mark = self.unread.count();
        self.begin(name)?;
        let Some(feed) = &mut self.feed else {
            return Ok(Outcome {
                events: 0,
                bad: 0,
                errors: Vec::new(),
                fits: true,
            });
        };
        let progress = feed.read_on(epoch);
        self.tape.begin();
        let intake = feed.intake();
        Ok(Outcome {
            events: feed.next_seq().saturating_sub(before),
            bad: intake.bad_records,
            errors: told(feed.bad()),
            fits: progress.ended && !intake.broken,
        })
    }

    /// Puts what was delivered into an epoch. Whether it could be.
    pub(crate) fn put(&mut self, epoch: &mut Epoch) -> bool {
        self.feed.as_mut().is_none_or(|feed| feed.put(epoch))
    }

    /// Goes back to where it stood before anything was delivered that was not put into an epoch.
    pub(crate) fn undo(&mut self, next: u64) {
        self.tape.begin();
        self.unread.undo(self.mark);
        (self.feed, self.first) = (None, next);
    }

    /// Where what cannot be read is kept.
    pub(crate) fn dead_letters(&self) -> &DeadLetters {
        self.terms.dead_letters()
    }

    /// The number of the next event.
    pub(crate) fn next_seq(&self) -> u64 {
        self.feed.as_ref().map_or(self.first, LogFeed::next_seq)
    }

    /// How many records of the stream could not be read, and the first that are told of, the
    /// latest of those.
    pub(crate) fn bad_records(&self) -> (u64, String) {
        let feed = self.feed.as_ref();
        let bad = feed.map_or(0, |feed| feed.intake().bad_records);
        let last = feed.and_then(LogFeed::last_bad).unwrap_or_default();
        (bad, last)
    }
}
