//! Inputs read one after another into an engine.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use palisade_events::Source;
use palisade_pipeline::engine::{Engine, Output, Summary};
use palisade_sources::{Input, Limits, SourcePolicy, open};

/// An engine, and whose the inputs are that it reads.
pub(crate) struct Session {
    engine: Engine,
    tenant: String,
    vectors: bool,
    limits: Limits,
}

impl Session {
    /// A session for inputs of this tenant, which are read within the default limits.
    pub(crate) fn new(engine: Engine, tenant: &str) -> Session {
        Session {
            engine,
            tenant: tenant.to_owned(),
            vectors: false,
            limits: Limits::default(),
        }
    }

    /// Reads inputs as those of vectors are read, or not.
    pub(crate) fn with_vectors(mut self, vectors: bool) -> Session {
        self.vectors = vectors;
        self
    }

    /// Reads inputs within these limits.
    pub(crate) fn within(mut self, limits: Limits) -> Session {
        self.limits = limits;
        self
    }

    /// Reads a stream to its end, as the source of this name.
    ///
    /// # Errors
    /// When it is nothing that can be read, or the engine cannot go on.
    pub(crate) fn read(
        &mut self,
        name: &str,
        stream: impl Read + Send + 'static,
        out: &mut dyn Output,
    ) -> Result<()> {
        let input = self.open(name, stream)?;
        self.take(input, name, out)
    }

    /// Looks at what a stream begins with, to say what it is.
    ///
    /// # Errors
    /// When it is nothing that can be read.
    pub(crate) fn open(&self, name: &str, stream: impl Read + Send + 'static) -> Result<Input> {
        Ok(open(name, stream, &self.limits)?)
    }

    /// Denies every request from now on, for this reason.
    pub(crate) fn deny_requests(&mut self, reason: &str) {
        self.engine.deny_requests(reason);
    }

    /// Reads a file to its end; its source has the name of the file.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when it cannot be opened.
    pub(crate) fn file(&mut self, path: &Path, out: &mut dyn Output) -> Result<()> {
        let file = crate::named::open(path)?;
        self.read(&path.display().to_string(), file, out)
    }

    /// Reads an input to its end, as the source of this name.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub(crate) fn take(&mut self, input: Input, name: &str, out: &mut dyn Output) -> Result<()> {
        let source = self.source(name)?;
        let policy = match self.vectors {
            true => SourcePolicy::vectors(source),
            false => SourcePolicy::new(source),
        };
        Ok(self.engine.read(input, policy, out)?)
    }

    /// The source of this name. Sources are numbered in the order in which they are asked for.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn source(&mut self, name: &str) -> Result<Arc<Source>> {
        Ok(self.engine.source(name, &self.tenant)?)
    }

    /// Lets everything come out that the inputs so far have caused: they happened before what is
    /// read from here on, and timers that were due by then have fired.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub(crate) fn settle(&mut self, out: &mut dyn Output) -> Result<()> {
        Ok(self.engine.settle(out)?)
    }

    /// Ends the session.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub(crate) fn finish(self, out: &mut dyn Output) -> Result<Summary> {
        Ok(self.engine.finish(out)?)
    }
}
