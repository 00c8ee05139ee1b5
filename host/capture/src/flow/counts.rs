//! Counts over all flows.

/// What happened in the streams of all flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamCounts {
    /// Payload bytes delivered in chunks, TCP and UDP.
    pub delivered_bytes: u64,
    /// TCP segments that came ahead of order.
    pub out_of_order: u64,
    /// TCP bytes that came again, or overlapped what came first.
    pub retransmitted_bytes: u64,
    /// Gaps that chunks reported.
    pub gaps: u64,
    /// TCP bytes missing in them.
    pub gap_bytes: u64,
    /// Bytes that the snap length of the capture cut off.
    pub cut_bytes: u64,
    /// TCP segments ignored because the receiver's window does not reach them.
    pub out_of_window: u64,
    /// TCP resets ignored for the same reason.
    pub ignored_resets: u64,
    /// TCP bytes ignored because they came after the end of their stream.
    pub after_end_bytes: u64,
}

/// How many flows there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlowCounts {
    /// Flows that started.
    pub started: u64,
    /// Flows that ended.
    pub ended: u64,
    /// Those of them that had to make room.
    pub evicted: u64,
}
