//! Where the engine puts what it yields.

use palisade_events::{Batch, Decision, Event, Finding};
use palisade_runtime::Trace;

use super::evaluate::{Left, Poison};
use super::evidence::Filing;

/// Flows of a run of which a bad datagram is told; beyond them datagrams are only counted.
pub const TOLD_DATAGRAMS: usize = 64;

/// Something that the operator should know.
#[derive(Clone, Debug)]
pub enum Notice {
    /// An input could not be read to its end; what came before counts.
    Input {
        /// The input.
        name: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// A record was not understood; it is in the dead-letter file.
    Record {
        /// The input.
        name: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// A flow is parsed no further.
    Unparsed {
        /// The parser.
        parser: String,
        /// The flow, as its parser's failure names it.
        flow: u64,
        /// Why.
        problem: String,
    },
    /// A datagram was passed over: its parser makes no sense of it. Told of the first of a flow,
    /// and of at most [`TOLD_DATAGRAMS`] flows of a run; all are counted in the
    /// [`Summary`](super::Summary).
    Datagram {
        /// The parser.
        parser: String,
        /// The flow, which is parsed on.
        flow: u64,
        /// Why.
        problem: String,
    },
    /// A finding is refused: more than four would rest one on another.
    TooDeep {
        /// The plugin.
        plugin: String,
        /// The rule.
        rule: String,
    },
    /// A plugin has faulted too often and is shown nothing more in this run.
    Quarantined {
        /// The plugin.
        plugin: String,
    },
    /// A plugin faulted.
    Fault {
        /// The plugin.
        plugin: String,
        /// How.
        problem: String,
        /// Where the guest was.
        backtrace: Trace,
        /// Of a parser, the first and the last packet of what it was shown, each by its number
        /// in its capture, from 1. Where it was shown several flows, one of them is to blame.
        packets: Option<(u64, u64)>,
    },
}

/// Takes what the engine yields, in an order that depends on the input alone.
pub trait Output {
    /// A finding, or the withdrawal of findings.
    fn finding(&mut self, finding: Finding);

    /// What the policies say of a request.
    fn decision(&mut self, request: &Event, decision: Decision);

    /// The same, with the call that filed it where calls leave
    /// [evidence](super::EngineConfig::evidence).
    fn found(&mut self, finding: Finding, filing: Option<Filing>) {
        let _ = filing;
        self.finding(finding);
    }

    /// As [`decision`](Self::decision), with the call that filed each of its judgements, in their
    /// order.
    fn decided(&mut self, request: &Event, decision: Decision, filings: Vec<Option<Filing>>) {
        let _ = filings;
        self.decision(request, decision);
    }

    /// An event that a plugin could not be shown because it faults on it.
    fn poison(&mut self, plugin: &str, poison: &Poison);

    /// Events that a plugin was not shown, because it had used up what it may of their epoch;
    /// a notice has said so, and they are counted. Of interest to who keeps them.
    fn left_out(&mut self, plugin: &str, left: &Left) {
        let _ = (plugin, left);
    }

    /// Something that the operator should know.
    fn notice(&mut self, notice: Notice);

    /// Events that a parser made of a capture, before they are evaluated. Of no interest to
    /// most.
    fn parsed(&mut self, batch: &Batch) {
        let _ = batch;
    }

    /// An epoch is done, or an input pauses: so many events so far, so many bytes of the input
    /// read. What was put out should be shown now.
    fn progress(&mut self, events: u64, bytes: u64);
}
