//! TLS records in a stream.

use iot_wire::{Fault, Run, Side, Step, Verdict};

use crate::{handshake::Handshake, v2hello};

/// Bytes of a handshake message that are read; longer ones are stepped over.
pub const MAX_MESSAGE: usize = 32 * 1024;
/// Bytes that a record may hold (RFC 5246, section 6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2_048;

const CHANGE_CIPHER: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION: u8 = 23;
const HEARTBEAT: u8 = 24;

/// One direction of a stream of records.
#[derive(Debug, Default)]
pub struct Half {
    /// The record that is being read: its type, its length, and what is left of it.
    kind: u8,
    length: usize,
    left: usize,
    /// Where the next byte is expected.
    next: u64,
    /// A handshake message in the making.
    message: Vec<u8>,
    /// Bytes of a message that is too long, or of an alert, that are still to come.
    skip: usize,
    /// Bytes were lost: waits for a run that begins with a record.
    lost: bool,
    /// Handshake messages can no longer be told apart.
    adrift: bool,
    /// Something was read.
    begun: bool,
}

fn header(bytes: &[u8]) -> Result<Option<(u8, usize)>, Fault> {
    let Some((&[kind, major, minor, l0, l1], _)) = bytes.split_first_chunk::<5>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if !(CHANGE_CIPHER..=HEARTBEAT).contains(&kind) {
        return Err(Fault {
            offset: 0,
            expected: "a record type from 20 to 24",
        });
    }
    if major != 3 || minor > 4 {
        return Err(Fault {
            offset: 1,
            expected: "record version 3.0 to 3.4",
        });
    }
    if length > MAX_RECORD {
        return Err(Fault {
            offset: 3,
            expected: "a record length of at most 18432",
        });
    }
    Ok(Some((kind, length)))
}

/// Judges the first bytes of a stream: a whole record header and as much of its content
/// as tells that it is more than a header's look.
#[must_use]
pub fn probe(bytes: &[u8]) -> Verdict {
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        return v2hello::probe(bytes);
    }
    let (kind, length) = match header(bytes) {
        Ok(Some(header)) => header,
        Ok(None) => {
            let shape = [(20, 23), (3, 3), (0, 4)];
            let fits = bytes
                .iter()
                .zip(shape)
                .all(|(byte, (low, high))| (low..=high).contains(byte));
            return if fits { Verdict::More } else { Verdict::No };
        }
        Err(_) => return Verdict::No,
    };
    let content = bytes.get(5..).unwrap_or_default();
    let fits =
        |index: usize, test: &dyn Fn(u8) -> bool| content.get(index).is_none_or(|&b| test(b));
    let (fits, enough) = match kind {
        // A hello: type, length of three bytes, version 3.x.
        HANDSHAKE => (
            length >= 6
                && fits(0, &|kind| matches!(kind, 1 | 2))
                && fits(1, &|high| high == 0)
                && fits(4, &|major| major == 3)
                && fits(5, &|minor| minor <= 4)
                && content
                    .get(1..4)
                    .is_none_or(|length| length >= [0, 0, 38].as_slice()),
            6,
        ),
        ALERT if length == 2 => (
            fits(0, &|level| matches!(level, 1 | 2)) && fits(1, &|what| what <= 120),
            2,
        ),
        CHANGE_CIPHER => (length == 1 && fits(0, &|one| one == 1), 1),
        // Encrypted: only the next header can bear it out, or the length of what is shown.
        ALERT | APPLICATION if length > 16 => {
            return match content.get(length..).map(header) {
                Some(Ok(Some(_))) => Verdict::Yes,
                Some(Err(_)) => Verdict::No,
                Some(Ok(None)) | None if bytes.len() >= 4_096 => Verdict::Yes,
                Some(Ok(None)) | None => Verdict::More,
            };
        }
        _ => (false, 0),
    };
    match (fits, content.len() >= enough) {
        (false, _) => Verdict::No,
        (true, true) => Verdict::Yes,
        (true, false) => Verdict::More,
    }
}

/// Whether a run that follows a loss begins with a record: as far as it goes, header
/// follows on record.
fn begins_with_record(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        match header(rest) {
            Ok(Some((_, length))) => match rest.get(5 + length..) {
                Some(next) if !next.is_empty() => rest = next,
                _ => return true,
            },
            Ok(None) => return rest.len() < bytes.len(),
            Err(_) => return false,
        }
    }
}

impl Half {
    /// Reads the records of a run into `handshake`, until that is over.
    pub fn feed(&mut self, run: &Run<'_>, handshake: &mut Handshake) -> Step {
        if run.gap > 0 {
            let lost = run
                .offset
                .checked_sub(self.next)
                .filter(|_| run.gap < u32::MAX);
            self.adrift |= self.kind != APPLICATION || self.left == 0;
            match lost.and_then(|lost| usize::try_from(lost).ok()) {
                Some(lost) if lost <= self.left && self.left > 0 => self.left -= lost,
                _ => {
                    self.left = 0;
                    self.lost = true;
                }
            }
            self.message.clear();
        }
        if self.lost {
            if !begins_with_record(run.bytes) {
                return Step::Done;
            }
            self.lost = false;
        }
        let mut at = 0;
        if !self.begun && v2hello::probe(run.bytes) != Verdict::No && !run.bytes.is_empty() {
            let whole = v2hello::length(run.bytes).map_or(2, |length| 2 + length);
            let Some(hello) = run.bytes.get(..whole).filter(|hello| hello.len() > 2) else {
                return if run.end {
                    Step::Done
                } else {
                    Step::Incomplete {
                        consumed: 0,
                        needed: whole.saturating_sub(run.bytes.len()).max(1),
                    }
                };
            };
            match v2hello::read(hello) {
                Ok(hello) => handshake.client(run.side, hello, false),
                Err(fault) => return Step::Error(fault),
            }
            at = whole;
        }
        self.begun |= !run.bytes.is_empty();
        let step = loop {
            if handshake.is_over() {
                break Step::Done;
            }
            let rest = run.bytes.get(at..).unwrap_or_default();
            if self.left == 0 {
                match header(rest) {
                    _ if rest.is_empty() => break Step::Done,
                    Ok(None) if run.end => break Step::Done,
                    Ok(None) => {
                        break Step::Incomplete {
                            consumed: at,
                            needed: 5 - rest.len(),
                        };
                    }
                    Err(fault) => break Step::Error(fault.shifted(at)),
                    Ok(Some((kind, length))) => {
                        (self.kind, self.length, self.left) = (kind, length, length);
                        at += 5;
                        self.whole(run.side, handshake);
                    }
                }
                continue;
            }
            if rest.is_empty() {
                break Step::Done;
            }
            let taken = rest.len().min(self.left);
            let content = rest.get(..taken).unwrap_or_default();
            self.left -= taken;
            if let Err(fault) = self.content(run.side, content, handshake) {
                break Step::Error(fault.shifted(at));
            }
            at += taken;
        };
        let consumed = match step {
            Step::Incomplete { consumed, .. } => consumed,
            _ => run.bytes.len(),
        };
        self.next = run.offset.saturating_add(consumed as u64);
        step
    }

    /// What a record says by its header alone.
    fn whole(&mut self, side: Side, handshake: &mut Handshake) {
        match self.kind {
            CHANGE_CIPHER => {
                handshake.change_cipher(side);
                self.message.clear();
            }
            HANDSHAKE if handshake.is_changed(side) => {
                handshake.encrypted(side, true, self.length);
            }
            APPLICATION => handshake.encrypted(side, false, self.length),
            _ => {}
        }
    }

    fn content(
        &mut self,
        side: Side,
        content: &[u8],
        handshake: &mut Handshake,
    ) -> Result<(), Fault> {
        match self.kind {
            HANDSHAKE if !handshake.is_changed(side) && !self.adrift => {
                self.messages(side, content, handshake)
            }
            // Two bytes are an alert in clear; an encrypted one is longer.
            ALERT if self.length == 2 => {
                self.message.extend_from_slice(content);
                if let [level, description] = self.message[..] {
                    handshake.alert(level, description);
                    self.message.clear();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Puts handshake messages together, which records may cut anywhere.
    fn messages(
        &mut self,
        side: Side,
        content: &[u8],
        handshake: &mut Handshake,
    ) -> Result<(), Fault> {
        let mut rest = content;
        while !rest.is_empty() {
            let skipped = self.skip.min(rest.len());
            self.skip -= skipped;
            rest = rest.get(skipped..).unwrap_or_default();
            let wanted = match self.message.get(1..4) {
                Some(&[a, b, c]) => 4 + u32::from_be_bytes([0, a, b, c]) as usize,
                _ => 4,
            };
            if wanted > MAX_MESSAGE {
                self.skip = wanted - self.message.len();
                self.message.clear();
                continue;
            }
            let taken = (wanted - self.message.len()).min(rest.len());
            self.message
                .extend_from_slice(rest.get(..taken).unwrap_or_default());
            rest = rest.get(taken..).unwrap_or_default();
            let complete = match self.message.get(1..4) {
                Some(&[a, b, c]) => {
                    self.message.len() == 4 + u32::from_be_bytes([0, a, b, c]) as usize
                }
                _ => false,
            };
            if complete {
                let kind = self.message.first().copied().unwrap_or_default();
                let body = self.message.get(4..).unwrap_or_default();
                let offset = content.len() - rest.len();
                // The fault lies in bytes that may have come long ago: what is known is
                // where the message ended.
                handshake
                    .message(side, kind, body, false)
                    .map_err(|fault| Fault { offset, ..fault })?;
                self.message.clear();
            }
        }
        Ok(())
    }
}
