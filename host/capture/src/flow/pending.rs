//! Data of one direction that came ahead of order.

use std::collections::VecDeque;

/// What a buffered segment costs beyond its bytes.
const OVERHEAD: usize = 64;

/// Bytes that all directions together hold, for the limit over all flows.
#[derive(Debug, Default)]
pub(super) struct Budget {
    pub(super) used: usize,
}

/// Segments by position, without overlap: what came first stays.
#[derive(Debug, Default)]
pub(super) struct Pending {
    segments: VecDeque<Segment>,
    cost: usize,
}

#[derive(Debug)]
struct Segment {
    start: u64,
    bytes: Box<[u8]>,
}

impl Segment {
    fn stop(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl Pending {
    /// Keeps those bytes that no segment has yet, and returns how many they are. At most
    /// one piece more than there are segments is added.
    pub(super) fn insert(&mut self, start: u64, bytes: &[u8], budget: &mut Budget) -> usize {
        let stop = start + bytes.len() as u64;
        let mut at = start;
        let mut index = self.segments.partition_point(|s| s.stop() <= start);
        let mut kept = 0;
        while at < stop {
            let next = self.segments.get(index).map(|s| (s.start, s.stop()));
            let until = next.map_or(stop, |(next, _)| next.min(stop));
            if at < until {
                let piece = bytes.get((at - start) as usize..(until - start) as usize);
                let piece: Box<[u8]> = piece.unwrap_or_default().into();
                kept += piece.len();
                self.charge(piece.len(), budget);
                let segment = Segment {
                    start: at,
                    bytes: piece,
                };
                self.segments.insert(index, segment);
                index += 1;
            }
            match next {
                Some((next, end)) if next < stop => {
                    at = end;
                    index += 1;
                }
                _ => break,
            }
        }
        kept
    }

    fn charge(&mut self, bytes: usize, budget: &mut Budget) {
        self.cost += bytes + OVERHEAD;
        budget.used += bytes + OVERHEAD;
    }

    /// Where the first segment begins.
    pub(super) fn first(&self) -> Option<u64> {
        self.segments.front().map(|s| s.start)
    }

    /// Takes the first segment.
    pub(super) fn pop(&mut self, budget: &mut Budget) -> Option<(u64, Box<[u8]>)> {
        let segment = self.segments.pop_front()?;
        let cost = segment.bytes.len() + OVERHEAD;
        self.cost = self.cost.saturating_sub(cost);
        budget.used = budget.used.saturating_sub(cost);
        Some((segment.start, segment.bytes))
    }

    /// Bytes held, with what it costs to hold them.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    pub(super) fn segments(&self) -> usize {
        self.segments.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_data_wins_and_costs_balance() {
        let mut budget = Budget::default();
        let mut pending = Pending::default();
        assert_eq!(pending.insert(10, b"aaa", &mut budget), 3);
        assert_eq!(pending.insert(20, b"bbb", &mut budget), 3);
        assert_eq!(pending.insert(11, b"x", &mut budget), 0);
        assert_eq!(pending.insert(8, b"cccccccccccccccccc", &mut budget), 12);
        assert_eq!(pending.first(), Some(8));
        assert_eq!(pending.segments(), 5);
        assert_eq!(pending.cost(), budget.used);
        let mut whole = Vec::new();
        let mut at = 8;
        while let Some((start, bytes)) = pending.pop(&mut budget) {
            assert_eq!(start, at);
            at += bytes.len() as u64;
            whole.extend(bytes);
        }
        assert_eq!(whole, b"ccaaacccccccbbbccc");
        assert_eq!((pending.cost(), budget.used), (0, 0));
    }
}
