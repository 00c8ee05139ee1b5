//! A connection: packet after packet, topic aliases, payloads that are skipped.

use iot_wire::{Fault, Run, Side, Step, Verdict, clip, text};

use crate::packet::{self, Header, Packet};

/// Bytes of a packet that are looked at; the rest, payload as a rule, is skipped.
pub const WINDOW: usize = 4 * 1024;
/// Topic aliases that a direction remembers.
const MAX_ALIASES: usize = 32;
/// Bytes of a topic that is remembered under an alias.
const MAX_TOPIC: usize = 512;

/// One control packet.
#[derive(Debug)]
pub struct Message<'a> {
    /// Which way it went.
    pub side: Side,
    /// Its fixed header.
    pub header: Header,
    /// Protocol level of the connection, if its CONNECT was seen.
    pub level: Option<u8>,
    /// What it says; nothing after a fault.
    pub packet: Packet<'a>,
    /// The topic that its alias stands for, when it names none itself.
    pub alias: Option<&'a str>,
    /// Why its body does not fit its type, with the offset in the run.
    pub fault: Option<Fault>,
}

#[derive(Debug, Default)]
struct Half {
    /// Bytes of the current packet that are still to be skipped.
    skip: u64,
    /// Where the next byte is expected.
    next: u64,
    /// Bytes were lost: waits for a run that consists of whole packets.
    lost: bool,
    aliases: Vec<(u16, String)>,
}

/// The state of one connection: at most 32 KiB of aliased topics.
#[derive(Debug, Default)]
pub struct Session {
    level: Option<u8>,
    halves: [Half; 2],
}

/// Judges the first bytes of a direction: a client must begin with CONNECT. What a
/// server says first is too little to tell.
#[must_use]
pub fn probe(run: &Run<'_>) -> Verdict {
    let bytes = run.bytes;
    match bytes.first() {
        None => return Verdict::More,
        Some(0x10) => {}
        Some(0x20) if run.side == Side::ToClient => {
            let short = bytes
                .get(1)
                .is_none_or(|&length| (2..0x80).contains(&length));
            let flags = bytes.get(2).is_none_or(|&flags| flags <= 1);
            let code = bytes.get(3).is_none_or(|&code| code <= 5 || code >= 0x80);
            return if short && flags && code {
                Verdict::More
            } else {
                Verdict::No
            };
        }
        Some(_) => return Verdict::No,
    }
    let header = match packet::header(bytes) {
        Ok(None) => return Verdict::More,
        Ok(Some(header)) if header.remaining >= 12 => header,
        _ => return Verdict::No,
    };
    let rest = bytes.get(header.length..).unwrap_or_default();
    for (name, levels) in [(&b"\0\x04MQTT"[..], 4..=5), (&b"\0\x06MQIsdp"[..], 3..=3)] {
        let shown = rest.get(..name.len()).unwrap_or(rest);
        if !name.starts_with(shown) {
            continue;
        }
        return match rest.get(name.len()) {
            None => Verdict::More,
            Some(level) if levels.contains(&(level & 0x7f)) => Verdict::Yes,
            Some(_) => Verdict::No,
        };
    }
    Verdict::No
}

impl Session {
    /// Reads the packets of a run and hands each to `emit`. A packet whose body does not
    /// fit its type is handed over with its fault; the next one is where it should be.
    pub fn feed(&mut self, run: &Run<'_>, mut emit: impl FnMut(&Message<'_>)) -> Step {
        let half = &mut self.halves[run.side.index()];
        if run.gap > 0 {
            match run
                .offset
                .checked_sub(half.next)
                .filter(|_| run.gap < u32::MAX)
            {
                Some(lost) if lost <= half.skip => half.skip -= lost,
                _ => half.lost = true,
            }
        }
        if half.lost {
            if !covered(run.bytes, self.level.unwrap_or(4)) {
                half.next = run.offset.saturating_add(run.bytes.len() as u64);
                return Step::Done;
            }
            half.lost = false;
            half.skip = 0;
        }
        let step = self.read(run, &mut emit);
        let consumed = match step {
            Step::Incomplete { consumed, .. } => consumed,
            _ => run.bytes.len(),
        };
        self.halves[run.side.index()].next = run.offset.saturating_add(consumed as u64);
        step
    }

    fn read(&mut self, run: &Run<'_>, emit: &mut impl FnMut(&Message<'_>)) -> Step {
        let mut at = 0;
        loop {
            let half = &mut self.halves[run.side.index()];
            let rest = run.bytes.get(at..).unwrap_or_default();
            let skipped = rest
                .len()
                .min(usize::try_from(half.skip).unwrap_or(usize::MAX));
            half.skip -= skipped as u64;
            at += skipped;
            let rest = rest.get(skipped..).unwrap_or_default();
            if rest.is_empty() {
                return Step::Done;
            }
            let wait = |needed| {
                if run.end {
                    Step::Done
                } else {
                    Step::Incomplete {
                        consumed: at,
                        needed,
                    }
                }
            };
            let header = match packet::header(rest) {
                Ok(Some(header)) => header,
                Ok(None) => return wait(1),
                Err(fault) => return Step::Error(fault.shifted(at)),
            };
            let window = WINDOW.min(header.remaining as usize);
            let Some(body) = rest.get(header.length..header.length + window) else {
                return wait(header.length + window - rest.len());
            };
            self.message(run.side, header, body, at + header.length, emit);
            let half = &mut self.halves[run.side.index()];
            half.skip = u64::from(header.remaining) - window as u64;
            at += header.length + window;
        }
    }

    fn message(
        &mut self,
        side: Side,
        header: Header,
        body: &[u8],
        at: usize,
        emit: &mut impl FnMut(&Message<'_>),
    ) {
        let whole = body.len() == header.remaining as usize;
        let (packet, fault) = match packet::read(&header, self.level.unwrap_or(4), body, whole) {
            Ok(packet) => (packet, None),
            Err(fault) => (Packet::default(), Some(fault.shifted(at))),
        };
        if let Some(connect) = packet.connect {
            self.level = Some(connect.level);
        }
        let half = &mut self.halves[side.index()];
        let alias = match (packet.alias, packet.topic) {
            (Some(alias), Some(topic)) => half.alias(alias, topic),
            _ => None,
        };
        emit(&Message {
            side,
            header,
            level: self.level,
            packet,
            alias,
            fault,
        });
    }
}

impl Half {
    /// Remembers a topic under its alias, or finds the one that an alias stands for.
    fn alias(&mut self, alias: u16, topic: &[u8]) -> Option<&str> {
        let known = self.aliases.iter().position(|(known, _)| *known == alias);
        if topic.is_empty() {
            return self.aliases.get(known?).map(|(_, topic)| topic.as_str());
        }
        let topic = clip(&text(topic, MAX_TOPIC), MAX_TOPIC).to_owned();
        match known {
            Some(place) => {
                if let Some(entry) = self.aliases.get_mut(place) {
                    entry.1 = topic;
                }
            }
            None if self.aliases.len() < MAX_ALIASES => self.aliases.push((alias, topic)),
            None => {}
        }
        None
    }
}

/// Whether bytes are whole packets, one after another, and nothing else.
fn covered(bytes: &[u8], level: u8) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let Ok(Some(header)) = packet::header(rest) else {
            return false;
        };
        let end = header.length + header.remaining as usize;
        let Some(body) = rest.get(header.length..end) else {
            return false;
        };
        if packet::read(&header, level, body, true).is_err() {
            return false;
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    !bytes.is_empty()
}
