//! Exchanges: which request a response answers, over UDP by token and over TCP too.

use std::collections::VecDeque;

use iot_wire::{Fault, Run, Side, Step, Verdict};

use crate::{
    code,
    message::{self, Message},
};

/// Requests that a session remembers until they are answered; the oldest goes first.
pub const MAX_OUTSTANDING: usize = 64;
/// Bytes of a frame over TCP that are looked at; the rest is skipped.
pub const WINDOW: usize = 8 * 1024;

/// What a message is in its exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A request.
    Request,
    /// A response; the method of its request, if that was seen.
    Response(Option<u8>),
    /// Neither: empty messages and signals.
    Neither,
    /// Over TCP, a message whose inside makes no sense, and what should have been there. Of
    /// the message only code and token are known.
    Malformed(Fault),
}

/// The state of one session, about 2 KiB at most.
#[derive(Debug, Default)]
pub struct Session {
    outstanding: VecDeque<Pending>,
    halves: [Half; 2],
}

#[derive(Debug, Default)]
struct Half {
    skip: u64,
    next: u64,
    lost: bool,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    side: Side,
    token: [u8; 8],
    length: u8,
    method: u8,
    observe: bool,
}

/// Judges the first datagram, or the first bytes of a stream.
#[must_use]
pub fn probe(run: &Run<'_>) -> Verdict {
    if run.stream {
        stream(run.bytes)
    } else {
        datagram(run.bytes)
    }
}

/// Four bytes of an empty message could be anything's, so the next datagram must tell; a
/// host shows it behind them.
fn datagram(bytes: &[u8]) -> Verdict {
    let mut rest = bytes;
    while let Some((empty, next)) = rest.split_first_chunk::<4>() {
        let is_empty = Message::datagram(empty).is_ok_and(|message| message.code == 0);
        match (is_empty, next) {
            (true, []) => return Verdict::More,
            (true, _) => rest = next,
            (false, _) => break,
        }
    }
    match Message::datagram(rest) {
        Ok(message) if message.is_plausible() => Verdict::Yes,
        _ => Verdict::No,
    }
}

/// Each side of a connection must begin with a CSM. Two bytes of it tell too little: an
/// option that only a CSM has or a message after it must bear it out.
fn stream(bytes: &[u8]) -> Verdict {
    let first = match message::frame(bytes) {
        Ok(Some(first)) if first.code == 0xe1 && first.length <= 64 => first,
        Ok(None) => return Verdict::More,
        _ => return Verdict::No,
    };
    let length = first.length as usize;
    let Some(body) = bytes.get(..length) else {
        return Verdict::More;
    };
    let Ok(csm) = Message::framed(&first, body) else {
        return Verdict::No;
    };
    let capabilities = message::options(csm.options).try_fold(0, |count, opt| {
        let fits = matches!((opt.number, opt.value.len()), (2, 0..=4) | (4, 0));
        fits.then_some(count + 1)
    });
    let rest = bytes.get(length..).unwrap_or_default();
    match capabilities {
        None => Verdict::No,
        Some(1..) => Verdict::Yes,
        Some(_) => match message::frame(rest) {
            Ok(None) => Verdict::More,
            Ok(Some(next)) if !known(next.code) => Verdict::No,
            Ok(Some(next)) => match rest.get(..next.length as usize) {
                None => Verdict::More,
                Some(body) if Message::framed(&next, body).is_ok() => Verdict::Yes,
                Some(_) => Verdict::No,
            },
            Err(_) => Verdict::No,
        },
    }
}

fn known(value: u8) -> bool {
    value == 0
        || code::method(value).is_some()
        || code::is_response(value)
        || code::signal(value).is_some()
}

impl Session {
    /// Reads a datagram, or the messages of a stream, and hands each to `emit`.
    pub fn feed(&mut self, run: &Run<'_>, mut emit: impl FnMut(&Message<'_>, Role)) -> Step {
        if !run.stream {
            if run.bytes.is_empty() {
                return Step::Done;
            }
            return match Message::datagram(run.bytes) {
                Ok(message) => {
                    emit(&message, self.role(run.side, &message));
                    Step::Done
                }
                Err(fault) => Step::Error(fault),
            };
        }
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
            if !covered(run.bytes) {
                return Step::Done;
            }
            half.lost = false;
            half.skip = 0;
        }
        let step = self.frames(run, &mut emit);
        let consumed = match step {
            Step::Incomplete { consumed, .. } => consumed,
            _ => run.bytes.len(),
        };
        self.halves[run.side.index()].next = run.offset.saturating_add(consumed as u64);
        step
    }

    fn frames(&mut self, run: &Run<'_>, emit: &mut impl FnMut(&Message<'_>, Role)) -> Step {
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
            let frame = match message::frame(rest) {
                Ok(Some(frame)) => frame,
                Ok(None) => return wait(1),
                Err(fault) => return Step::Error(fault.shifted(at)),
            };
            let window = usize::try_from(frame.length)
                .unwrap_or(usize::MAX)
                .min(WINDOW);
            let Some(body) = rest.get(..window) else {
                return wait(window - rest.len());
            };
            match Message::framed(&frame, body) {
                Ok(message) => emit(&message, self.role(run.side, &message)),
                // The next one is where it should be.
                Err(fault) => emit(&Message::bare(&frame, body), Role::Malformed(fault)),
            }
            self.halves[run.side.index()].skip = frame.length - window as u64;
            at += window;
        }
    }

    fn role(&mut self, side: Side, message: &Message<'_>) -> Role {
        if code::method(message.code).is_some() {
            if self.outstanding.len() >= MAX_OUTSTANDING {
                self.outstanding.pop_front();
            }
            let mut pending = Pending {
                side,
                token: [0; 8],
                length: message.token.len() as u8,
                method: message.code,
                observe: message::options(message.options)
                    .any(|opt| opt.number == message::option::OBSERVE),
            };
            for (to, &from) in pending.token.iter_mut().zip(message.token) {
                *to = from;
            }
            self.outstanding.push_back(pending);
            return Role::Request;
        }
        if !code::is_response(message.code) {
            return Role::Neither;
        }
        let place = self.outstanding.iter().position(|pending| {
            pending.side != side
                && pending.token.get(..usize::from(pending.length)) == Some(message.token)
        });
        let Some(pending) = place.and_then(|place| self.outstanding.get(place).copied()) else {
            return Role::Response(None);
        };
        // An observed resource answers again and again.
        if let Some(place) = place.filter(|_| !pending.observe) {
            self.outstanding.remove(place);
        }
        Role::Response(Some(pending.method))
    }
}

/// Whether bytes are whole frames, one after another, and nothing else.
fn covered(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let Ok(Some(frame)) = message::frame(rest) else {
            return false;
        };
        let Ok(length) = usize::try_from(frame.length) else {
            return false;
        };
        let Some(body) = rest.get(..length) else {
            return false;
        };
        if !known(frame.code) || Message::framed(&frame, body).is_err() {
            return false;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    !bytes.is_empty()
}
