//! Where readers put events.

use std::sync::Arc;

use palisade_events::{
    Batch, BatchBuilder, BatchError, BodyBuilder, Event, Kind, MAX_ROWS, MAX_SEQ, PushError,
    Source, Stamp, Timestamp,
};

use super::policy::{Kinds, SourcePolicy};

/// Bytes of input after which a batch is closed however few rows it has, so that a batch
/// of large records stays small.
const MAX_BATCH_BYTES: usize = 4 << 20;

/// Why an event is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// The source may not send this kind.
    #[error(
        "source `{source_name}` may not send {kind} events; allow the kind where the source is configured"
    )]
    Refused {
        /// The source.
        source_name: String,
        /// The kind.
        kind: Kind,
    },
    /// More events than event references can tell apart.
    #[error(
        "the source has sent 2^40 events, which is all that can be referred to; start a new run"
    )]
    Exhausted,
    /// A batch could not be made. It is a defect of this program.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A batch did not take a row. It is a defect of this program.
    #[error(transparent)]
    Push(#[from] PushError),
}

#[derive(Debug)]
struct Open {
    builder: BatchBuilder,
    bytes: usize,
}

/// The open batches of one source, one for each kind, and those that are full.
///
/// Events get sequence numbers in the order in which they are put in, over all kinds, so
/// that the order of the input can be had back from the batches.
#[derive(Debug)]
pub struct EventSink {
    policy: SourcePolicy,
    ingest_time: Option<Timestamp>,
    max_rows: usize,
    open: Vec<Option<Box<Open>>>,
    ready: Vec<Batch>,
    /// Bytes that full batches hold, and those of the input that open ones were made of.
    held: usize,
    /// Kinds each event of which counts for so many bytes more.
    weight: (Kinds, usize),
    next_seq: u64,
}

impl EventSink {
    /// A sink for events of a source.
    pub fn new(policy: SourcePolicy) -> Self {
        Self {
            policy,
            ingest_time: None,
            max_rows: MAX_ROWS,
            open: Kind::ALL.iter().map(|_| None).collect(),
            ready: Vec::new(),
            held: 0,
            weight: (Kinds::NONE, 0),
            next_seq: 0,
        }
    }

    /// Closes batches at this many rows, 1 to 1,024, instead of 1,024.
    #[must_use]
    pub fn with_max_rows(mut self, rows: usize) -> Self {
        self.max_rows = rows.clamp(1, MAX_ROWS);
        self
    }

    /// Counts so many bytes more as held for each event of these kinds.
    pub fn set_weight(&mut self, kinds: Kinds, bytes: usize) {
        self.weight = (kinds, bytes);
    }

    /// Goes on with this number, of a source that has sent before.
    #[must_use]
    pub fn starting_at(mut self, seq: u64) -> Self {
        self.next_seq = seq;
        self
    }

    /// What the events from here on have as time of intake. Without it, as for files, it
    /// is the time of the event, so that two runs over a file agree.
    pub fn set_ingest_time(&mut self, time: Option<Timestamp>) {
        self.ingest_time = time;
    }

    /// The policy of the source.
    pub fn policy(&self) -> &SourcePolicy {
        &self.policy
    }

    /// The source.
    pub fn source(&self) -> &Arc<Source> {
        &self.policy.source
    }

    /// Bytes that are held of events that were put in and not taken, about.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The sequence number of the next event; how many were put in so far.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Whether the source may send `kind`.
    ///
    /// # Errors
    /// [`SinkError::Refused`] when it may not.
    pub fn check(&self, kind: Kind) -> Result<(), SinkError> {
        if self.policy.kinds.contains(kind) {
            return Ok(());
        }
        let source_name = self.policy.source.name.clone();
        Err(SinkError::Refused { source_name, kind })
    }

    /// Begins an event and returns the columns of its kind, into each of which the
    /// caller pushes one value. `bytes` is what the event takes in the input.
    ///
    /// # Errors
    /// [`SinkError::Refused`], after which nothing has changed; others are final.
    pub fn row(
        &mut self,
        kind: Kind,
        time: Timestamp,
        bytes: usize,
    ) -> Result<&mut BodyBuilder, SinkError> {
        self.check(kind)?;
        let ingest_time = self.ingest_time.unwrap_or(time);
        let stamp = Stamp {
            time,
            ingest_time,
            seq: self.take_seq()?,
        };
        Ok(self.builder(kind, bytes)?.row(stamp)?)
    }

    /// Puts in a whole event, whose envelope is stamped anew save for time, marking,
    /// labels and references.
    ///
    /// # Errors
    /// As [`row`](Self::row).
    pub fn push(&mut self, event: &Event, bytes: usize) -> Result<(), SinkError> {
        self.check(event.kind())?;
        let envelope = &event.envelope;
        let claimed = self.policy.vectors.then_some(envelope.ingest_time);
        let ingest_time = claimed.or(self.ingest_time).unwrap_or(envelope.time);
        let stamp = Stamp {
            time: envelope.time,
            ingest_time,
            seq: self.take_seq()?,
        };
        let builder = self.builder(event.kind(), bytes)?;
        builder.push(stamp, &event.body)?;
        builder.handle(envelope.tlp, &envelope.labels, &envelope.refs);
        Ok(())
    }

    fn take_seq(&mut self) -> Result<u64, SinkError> {
        let seq = self.next_seq;
        if seq > MAX_SEQ {
            return Err(SinkError::Exhausted);
        }
        self.next_seq += 1;
        Ok(seq)
    }

    /// The open batch of `kind`, which has room for a row.
    fn builder(&mut self, kind: Kind, bytes: usize) -> Result<&mut BatchBuilder, SinkError> {
        let source = &self.policy.source;
        // `open` has a place for every kind.
        let place = &mut self.open[usize::from(kind.code())];
        let open = place.get_or_insert_with(|| {
            Box::new(Open {
                builder: BatchBuilder::new(kind, Arc::clone(source)),
                bytes: 0,
            })
        });
        let large = open.bytes.saturating_add(bytes) > MAX_BATCH_BYTES;
        let many = open.builder.len() >= self.max_rows || open.builder.is_full();
        if !open.builder.is_empty() && (large || many) {
            let batch = open.builder.finish()?;
            self.held = self.held.saturating_sub(open.bytes) + batch.size();
            self.ready.push(batch);
            open.bytes = 0;
        }
        open.bytes = open.bytes.saturating_add(bytes);
        let (weighty, weight) = self.weight;
        let more = if weighty.contains(kind) { weight } else { 0 };
        self.held = self.held.saturating_add(bytes).saturating_add(more);
        Ok(&mut open.builder)
    }

    /// Takes the batches that are full. A kind's batches come in order; those of
    /// different kinds overlap.
    pub fn take_full(&mut self) -> Vec<Batch> {
        self.held = self.open.iter().flatten().map(|open| open.bytes).sum();
        std::mem::take(&mut self.ready)
    }

    /// Closes the open batches and takes all, by the sequence number of their first
    /// event.
    ///
    /// # Errors
    /// When a batch cannot be made, which is a defect of this program.
    pub fn finish(&mut self) -> Result<Vec<Batch>, SinkError> {
        for open in self.open.iter_mut().flatten() {
            if !open.builder.is_empty() {
                self.ready.push(open.builder.finish()?);
                open.bytes = 0;
            }
        }
        let mut batches = self.take_full();
        batches.sort_by_key(|batch| batch.seqs().first().copied());
        Ok(batches)
    }
}

#[cfg(test)]
mod tests {
    use palisade_events::{Body, Envelope};

    use super::*;

    fn event(kind: Kind, time: u64) -> Event {
        let envelope = Envelope {
            time: Timestamp(time),
            ..Envelope::default()
        };
        Event {
            envelope,
            body: Body::neutral(kind),
        }
    }

    fn sink() -> EventSink {
        EventSink::new(SourcePolicy::new(Arc::new(Source {
            slot: 3,
            name: "s".to_owned(),
            tenant: "t".to_owned(),
        })))
    }

    #[test]
    fn numbers_run_over_all_kinds_and_batches_close_when_full() {
        let mut sink = sink().with_max_rows(2);
        for time in 0..5 {
            sink.push(&event(Kind::NetworkDns, time), 10).unwrap();
            sink.push(&event(Kind::NetworkApp, time), 10).unwrap();
        }
        assert_eq!(sink.take_full().len(), 4);
        let rest = sink.finish().unwrap();
        assert_eq!(rest.len(), 2);
        assert_eq!(rest[0].seqs(), [8]);
        assert_eq!(rest[1].seqs(), [9]);
        assert_eq!(sink.finish().unwrap().len(), 0);
        assert_eq!(sink.next_seq(), 10);
    }

    #[test]
    fn numbers_end_where_references_have_no_more() {
        let mut sink = sink().starting_at(MAX_SEQ);
        sink.push(&event(Kind::NetworkDns, 1), 10).unwrap();
        for _ in 0..2 {
            let refused = sink.push(&event(Kind::NetworkDns, 2), 10);
            assert!(matches!(refused, Err(SinkError::Exhausted)), "{refused:?}");
        }
        assert_eq!(sink.finish().unwrap()[0].seqs(), [(1 << 40) - 1]);
    }

    #[test]
    fn large_records_close_a_batch() {
        let mut sink = sink();
        for _ in 0..3 {
            sink.push(&event(Kind::NetworkApp, 1), MAX_BATCH_BYTES)
                .unwrap();
        }
        assert!(sink.held() > MAX_BATCH_BYTES);
        assert_eq!(sink.take_full().len(), 2);
        assert_eq!(sink.held(), MAX_BATCH_BYTES);
        sink.finish().unwrap();
        assert_eq!(sink.held(), 0);
    }

    #[test]
    fn a_refused_event_takes_no_number() {
        let mut sink = sink();
        let error = sink.push(&event(Kind::ControlOps, 1), 10).unwrap_err();
        assert_eq!(
            error.to_string(),
            "source `s` may not send control.ops events; allow the kind where the source is \
             configured"
        );
        assert_eq!(sink.next_seq(), 0);
        assert!(sink.finish().unwrap().is_empty());
    }

    #[test]
    fn time_of_intake_is_the_hosts() {
        let mut sink = sink();
        let mut claimed = event(Kind::NetworkDns, 5);
        claimed.envelope.ingest_time = Timestamp(99);
        sink.push(&claimed, 1).unwrap();
        sink.set_ingest_time(Some(Timestamp(7)));
        sink.push(&claimed, 1).unwrap();
        assert_eq!(sink.finish().unwrap()[0].ingest_times(), [5, 7]);
        let mut sink = EventSink::new(SourcePolicy::vectors(Arc::default()));
        sink.push(&claimed, 1).unwrap();
        sink.push(&event(Kind::ControlOps, 1), 1).unwrap();
        assert_eq!(sink.finish().unwrap()[0].ingest_times(), [99]);
    }
}
