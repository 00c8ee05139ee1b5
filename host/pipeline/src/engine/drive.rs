//! The driver of one input after another: what `run` and the tests of plugins do.

use std::time::Instant;

use palisade_capture::ReadLimits;
use palisade_sources::{Format, Input, SourcePolicy};

use super::config::EngineError;
use super::feed::{CaptureFeed, Feed, Intake};
use super::output::Output;
use super::run::Engine;
use super::stop::Stoppable;
use super::trickle::Trickle;

impl Engine {
    /// What feeds an engine from an input. It ends where it is when the run is asked to stop.
    ///
    /// # Errors
    /// When a thread that reads a live input cannot be started. What is wrong with the input
    /// itself is a notice.
    pub fn open(
        &mut self,
        mut input: Input,
        policy: SourcePolicy,
    ) -> Result<Box<dyn Feed>, EngineError> {
        let stop = self.config.stop.clone();
        if input.live {
            let trickle =
                Trickle::start(input.stream, stop.clone()).map_err(EngineError::Reader)?;
            input.stream = Box::new(trickle);
        }
        input.stream = Box::new(Stoppable::new(input.stream, stop.clone()));
        let Format::Log(..) = input.format else {
            let (flow, limits): (_, ReadLimits) = (self.config.flow.clone(), self.config.read);
            return Ok(Box::new(CaptureFeed::new(
                input,
                policy.source,
                flow,
                limits,
                stop,
            )));
        };
        let next = self.merge(&policy.source).next_seq();
        Ok(Box::new(self.terms().log(input, policy, next)?))
    }

    /// Reads one input to its end. Several are read one after another; the watermark never goes
    /// back, so they should be given in the order of their times.
    ///
    /// Of a live input what was read is evaluated and put out when it pauses, at most 20 ms
    /// after it was read; of others in whole epochs. When the run is asked to stop, the input
    /// ends where it is.
    ///
    /// # Errors
    /// When the run cannot go on. What is wrong with the input itself is a notice.
    pub fn read(
        &mut self,
        input: Input,
        policy: SourcePolicy,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        let run = Instant::now();
        let mut feed = self.open(input, policy)?;
        loop {
            let began = Instant::now();
            let mut epoch = self.epoch(feed.source(), self.config.clock.now());
            let progress = feed.fill(&mut epoch);
            self.summary.ingest += began.elapsed();
            self.step(epoch, out)?;
            if progress.paused {
                self.collect(out)?;
            }
            out.progress(self.summary.total_events(), feed.consumed());
            if progress.ended {
                break;
            }
        }
        self.close(&mut *feed, out);
        self.summary.elapsed += run.elapsed();
        Ok(())
    }

    /// Books what was read of a feed that has ended, and tells what the operator should know.
    pub fn close(&mut self, feed: &mut dyn Feed, out: &mut dyn Output) {
        self.watermark.close(feed.source().slot);
        self.summary.take(&feed.intake());
        feed.notices()
            .into_iter()
            .for_each(|notice| out.notice(notice));
    }
}

impl super::Summary {
    /// Adds what was read of an input.
    fn take(&mut self, intake: &Intake) {
        self.packets += intake.packets;
        self.bytes += intake.bytes;
        self.bad_records += intake.bad_records;
        self.mended_records += intake.mended_records;
        self.endless += intake.endless;
        self.evicted += intake.evicted;
        self.broken_inputs += u64::from(intake.broken);
        self.empty_inputs += u64::from(intake.empty);
        for (reason, count) in &intake.packets_skipped {
            *self.packets_skipped.entry(reason).or_default() += count;
        }
    }
}
