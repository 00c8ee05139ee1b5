//! What reads a source in a thread of its own: it follows a file or standard input, or takes what is
//! delivered over a network.

use crate::follow::Follower;
use crate::ingest::Intake;
use crate::queue::Queue;
use crate::snapshot::SourceImage;

/// What reads a source.
pub(crate) enum Reader {
    Follower(Box<Follower>),
    Intake(Box<Intake>),
}

impl Reader {
    /// Position of its source among those of the journal.
    pub(crate) fn number(&self) -> u32 {
        match self {
            Reader::Follower(follower) => follower.number,
            Reader::Intake(intake) => intake.number,
        }
    }

    /// Its source as a snapshot has it before anything was read.
    pub(crate) fn image(&self) -> SourceImage {
        match self {
            Reader::Follower(follower) => follower.image(),
            Reader::Intake(intake) => intake.image(),
        }
    }

    /// Reads until the server is to stop, or nobody wants any more.
    pub(crate) fn run_contained(self, work: &Queue) {
        match self {
            Reader::Follower(follower) => follower.run_contained(work),
            Reader::Intake(intake) => intake.run_contained(work),
        }
    }
}
