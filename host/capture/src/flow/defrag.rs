//! Puts IP fragments together (RFC 791, RFC 8200 section 4.5, RFC 5722).

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::{Address, Fragment, Network, Reject, Vlans};

use super::config::{FragmentConfig, nanoseconds};

/// What a fragment costs beyond its bytes.
const OVERHEAD: usize = 64;
/// Largest payload of an IP datagram.
const MAX_PAYLOAD: u32 = 65_535;

/// Incomplete datagrams.
pub(super) struct Defragmenter {
    datagrams: HashMap<Key, Datagram>,
    /// Keys by age, with the serial of the datagram that they meant.
    order: VecDeque<(Key, u64)>,
    bytes: usize,
    serial: u64,
    limits: FragmentConfig,
    timeout: u64,
}

/// What became of a fragment.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It waits for others.
    Held,
    /// It made the datagram whole.
    Whole(Whole),
    /// This many fragments, this one among them, are given up.
    Dropped(Reject, u64),
}

/// A datagram that was put together.
#[derive(Debug)]
pub(super) struct Whole {
    /// Frames that it came in.
    pub(super) packets: u64,
    /// Sum of the lengths of their IP packets.
    pub(super) length: u64,
    src: Address,
    dst: Address,
    vlans: Vlans,
    protocol: u8,
    payload: Vec<u8>,
}

impl Whole {
    /// The datagram as if it had come in one packet.
    pub(super) fn network(&self) -> Network<'_> {
        Network {
            src: self.src,
            dst: self.dst,
            vlans: self.vlans,
            protocol: self.protocol,
            length: u32::try_from(self.length).unwrap_or(u32::MAX),
            payload: &self.payload,
            missing: 0,
            fragment: None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    src: Address,
    dst: Address,
    vlans: Vlans,
    id: u32,
    /// In IPv4 datagrams of different protocols have identifications of their own.
    protocol: u8,
}

struct Datagram {
    serial: u64,
    started: u64,
    pieces: Vec<Piece>,
    cost: usize,
    packets: u64,
    length: u64,
    /// Length of the payload, once the last fragment is here.
    total: Option<u32>,
    /// Protocol that the first fragment names.
    protocol: u8,
    /// Set when the datagram is given up; later fragments share its fate.
    dead: Option<Reject>,
}

struct Piece {
    start: u32,
    bytes: Box<[u8]>,
}

impl Piece {
    fn stop(&self) -> u32 {
        self.start + self.bytes.len() as u32
    }
}

impl Defragmenter {
    pub(super) fn new(limits: FragmentConfig) -> Self {
        Self {
            datagrams: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            serial: 0,
            timeout: nanoseconds(limits.timeout),
            limits,
        }
    }

    /// Takes so many bytes at most from here on.
    pub(super) fn limit(&mut self, bytes: usize) {
        self.limits.bytes = bytes;
    }

    /// When the oldest datagram times out, if there is one.
    pub(super) fn due(&self) -> Option<u64> {
        let (key, _) = self.order.front()?;
        let oldest = self.datagrams.get(key)?;
        Some(oldest.started.saturating_add(self.timeout))
    }

    /// Takes a fragment. `dropped` hears of other datagrams that had to make room.
    pub(super) fn fragment(
        &mut self,
        network: &Network<'_>,
        fragment: Fragment,
        now: u64,
        dropped: &mut dyn FnMut(Reject, u64),
    ) -> Outcome {
        let length = network.payload.len() as u32;
        if network.missing > 0 {
            return Outcome::Dropped(Reject::TruncatedNetwork, 1);
        }
        let stop = fragment.offset.saturating_add(length);
        if length == 0 || fragment.more && !length.is_multiple_of(8) || stop > MAX_PAYLOAD {
            return Outcome::Dropped(Reject::BadFragment, 1);
        }
        let key = Key {
            src: network.src,
            dst: network.dst,
            vlans: network.vlans,
            id: fragment.id,
            protocol: if network.src.is_v4() {
                network.protocol
            } else {
                0
            },
        };
        if !self.datagrams.contains_key(&key) {
            self.admit(key, now, dropped);
        }
        let Some(datagram) = self.datagrams.get_mut(&key) else {
            return Outcome::Dropped(Reject::FragmentLimit, 1);
        };
        if let Some(reject) = datagram.dead {
            return Outcome::Dropped(reject, 1);
        }
        datagram.packets += 1;
        datagram.length += u64::from(network.length);
        if fragment.offset == 0 {
            datagram.protocol = network.protocol;
        }
        let cost = datagram.cost;
        let result = datagram.add(fragment, stop, network.payload, self.limits.per_datagram);
        self.bytes = self.bytes + datagram.cost - cost;
        match result {
            Err(reject) => {
                let packets = datagram.packets;
                self.bytes -= datagram.cost;
                datagram.kill(reject);
                Outcome::Dropped(reject, packets)
            }
            Ok(false) => {
                self.make_room(dropped);
                Outcome::Held
            }
            Ok(true) => {
                let datagram = self.datagrams.remove(&key);
                self.tidy();
                datagram.map_or(Outcome::Held, |d| Outcome::Whole(self.whole(&key, d)))
            }
        }
    }

    fn whole(&mut self, key: &Key, datagram: Datagram) -> Whole {
        self.bytes -= datagram.cost;
        let mut payload = Vec::with_capacity(datagram.total.unwrap_or(0) as usize);
        for piece in &datagram.pieces {
            payload.extend_from_slice(&piece.bytes);
        }
        Whole {
            packets: datagram.packets,
            length: datagram.length,
            src: key.src,
            dst: key.dst,
            vlans: key.vlans,
            protocol: datagram.protocol,
            payload,
        }
    }

    fn admit(&mut self, key: Key, now: u64, dropped: &mut dyn FnMut(Reject, u64)) {
        while self.datagrams.len() >= self.limits.datagrams.max(1) {
            self.drop_oldest(Reject::FragmentLimit, dropped);
        }
        self.serial += 1;
        self.order.push_back((key, self.serial));
        self.datagrams.insert(
            key,
            Datagram {
                serial: self.serial,
                started: now,
                pieces: Vec::new(),
                cost: 0,
                packets: 0,
                length: 0,
                total: None,
                protocol: 0,
                dead: None,
            },
        );
    }

    /// Drops the oldest datagrams until the bytes are within the limit.
    fn make_room(&mut self, dropped: &mut dyn FnMut(Reject, u64)) {
        while self.bytes > self.limits.bytes && !self.datagrams.is_empty() {
            self.drop_oldest(Reject::FragmentLimit, dropped);
        }
    }

    fn drop_oldest(&mut self, reason: Reject, dropped: &mut dyn FnMut(Reject, u64)) {
        while let Some((key, serial)) = self.order.pop_front() {
            if self.datagrams.get(&key).is_none_or(|d| d.serial != serial) {
                continue;
            }
            if let Some(datagram) = self.datagrams.remove(&key) {
                self.bytes -= datagram.cost;
                if datagram.dead.is_none() {
                    dropped(reason, datagram.packets);
                }
            }
            break;
        }
        self.tidy();
    }

    /// Keeps the front of the order alive, so that `due` finds it, and the order not much
    /// longer than there are datagrams.
    fn tidy(&mut self) {
        let datagrams = &self.datagrams;
        let alive =
            |(key, serial): &(Key, u64)| datagrams.get(key).is_some_and(|d| d.serial == *serial);
        while self.order.front().is_some_and(|entry| !alive(entry)) {
            self.order.pop_front();
        }
        if self.order.len() > 2 * datagrams.len() + 64 {
            self.order.retain(alive);
        }
    }

    /// Drops datagrams that timed out.
    pub(super) fn expire(&mut self, now: u64, dropped: &mut dyn FnMut(Reject, u64)) {
        while self.due().is_some_and(|due| due <= now) {
            self.drop_oldest(Reject::IncompleteFragment, dropped);
        }
    }

    /// Drops what is left.
    pub(super) fn finish(&mut self, dropped: &mut dyn FnMut(Reject, u64)) {
        while !self.order.is_empty() {
            self.drop_oldest(Reject::IncompleteFragment, dropped);
        }
    }

    /// Bytes held, with what it costs to hold them.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Datagram {
    /// Adds a fragment and returns whether the datagram is whole.
    fn add(
        &mut self,
        fragment: Fragment,
        stop: u32,
        bytes: &[u8],
        limit: usize,
    ) -> Result<bool, Reject> {
        if !fragment.more {
            if self.total.is_some_and(|total| total != stop) {
                return Err(Reject::OverlappingFragment);
            }
            self.total = Some(stop);
        }
        if self.total.is_some_and(|total| stop > total) {
            return Err(Reject::OverlappingFragment);
        }
        let start = fragment.offset;
        let index = self.pieces.partition_point(|p| p.stop() <= start);
        match self.pieces.get(index) {
            Some(next) if next.start < stop => {
                if next.start > start || next.stop() < stop {
                    return Err(Reject::OverlappingFragment);
                }
                // A repetition of what is already here.
                return Ok(false);
            }
            _ => {}
        }
        if self.pieces.len() >= limit {
            return Err(Reject::FragmentLimit);
        }
        self.cost += bytes.len() + OVERHEAD;
        let bytes = bytes.into();
        self.pieces.insert(index, Piece { start, bytes });
        if self
            .pieces
            .last()
            .is_some_and(|last| Some(last.stop()) > self.total)
            && self.total.is_some()
        {
            return Err(Reject::OverlappingFragment);
        }
        let Some(total) = self.total else {
            return Ok(false);
        };
        // Without overlaps the pieces cover everything when their lengths add up.
        let have: usize = self.cost - self.pieces.len() * OVERHEAD;
        Ok(have == total as usize)
    }

    fn kill(&mut self, reject: Reject) {
        self.dead = Some(reject);
        self.pieces = Vec::new();
        self.cost = 0;
    }
}
