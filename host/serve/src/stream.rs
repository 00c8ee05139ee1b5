//! A source's log, stream after stream, read alike from the journal and from where it comes.

use std::sync::Arc;

use palisade_events::Source;
use palisade_pipeline::engine::{EngineError, Epoch, Feed as _, LogFeed, Progress, Terms};
use palisade_sources::{Checkpoint, CheckpointError, Limits, OpenError, SourcePolicy, open_live};
use serde::{Deserialize, Serialize};

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
        Stream {
            source,
            tape: Tape::default(),
            terms,
            generation,
            limits: Limits::default(),
            feed: None,
            first: 0,
        }
    }

    /// Reads on in the terms of another generation.
    pub(crate) fn follow(&mut self, (generation, terms): (u64, Terms)) {
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
        let policy = SourcePolicy::new(Arc::clone(&self.source));
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
                let policy = SourcePolicy::new(Arc::clone(&self.source));
                self.feed = Some(self.terms.log(input, policy, self.first)?);
            }
        }
        Ok(())
    }

    /// An empty epoch that is read at this time.
    pub(crate) fn epoch(&self, now: u64) -> Epoch {
        self.terms.epoch(&self.source, Some(now))
    }

    /// Reads into an epoch; also the bytes of the whole records that were read, and where in the
    /// stream they end.
    pub(crate) fn fill(&mut self, epoch: &mut Epoch) -> (Progress, Vec<u8>, u64) {
        let Some(feed) = &mut self.feed else {
            return (Progress::default(), Vec::new(), 0);
        };
        let progress = feed.fill(epoch);
        let offset = match progress.ended {
            true => u64::MAX,
            false => feed.offset(),
        };
        (progress, self.tape.cut(offset), feed.offset())
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
