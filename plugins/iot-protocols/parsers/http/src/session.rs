//! A connection: which request a response answers, where bodies end, and when the
//! connection leaves HTTP.

use std::collections::VecDeque;

use iot_wire::{Fault, Run, Side, Step, Verdict};

use crate::first_line::{PREFACE, could_be_head, request_line};
use crate::half::{Half, MAX_HEAD, State};
use crate::head::{self, Request, Response};

pub use crate::first_line::probe;

/// Requests that wait for a response; beyond that the oldest is given up.
pub const MAX_WAITING: usize = 64;
/// Bytes of text that waiting requests hold together.
pub const MAX_WAITING_BYTES: usize = 64 * 1024;

/// A request with its response; without one when none came.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// The request.
    pub request: &'a Request,
    /// The head of its final response.
    pub response: Option<&'a Response>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Http1,
    /// HTTP/2 in clear: recognised, not read.
    Http2,
    /// Something else, for another parser to recognise.
    Left,
}

/// The state of one connection: at most 64 KiB of waiting requests.
#[derive(Debug, Default)]
pub struct Session {
    halves: [Half; 2],
    mode: Mode,
    /// Whether the opener answers and the other side asks (a capture that began in
    /// mid-stream); `None` until a first line has told.
    swapped: Option<bool>,
    waiting: VecDeque<Request>,
    waiting_bytes: usize,
    /// Responses that belong to requests that were given up.
    given_up: usize,
}

impl Session {
    /// Reads a run. Each exchange goes to `emit` when the head of its final response is
    /// complete, and without a response when the server's direction ends, when the
    /// connection makes no sense any more, or when it cannot be told which response is its
    /// own.
    pub fn feed(&mut self, run: &Run<'_>, mut emit: impl FnMut(&Exchange<'_>)) -> Step {
        match self.mode {
            Mode::Http1 => {}
            Mode::Http2 => return Step::Done,
            Mode::Left => return Step::Handover(0),
        }
        let half = &mut self.halves[run.side.index()];
        if run.gap > 0 {
            half.skip(run);
            if half.state == State::Lost && Some(run.side) == self.server() {
                self.give_up_all(&mut emit);
            }
        }
        let step = self.read(run, &mut emit);
        let consumed = match step {
            Step::Incomplete { consumed, .. } => consumed,
            _ => run.bytes.len(),
        };
        self.halves[run.side.index()].next = run.offset.saturating_add(consumed as u64);
        // After an error nothing more is shown, so what waits would be lost.
        let over = matches!(step, Step::Error(_));
        if over || (run.end && Some(run.side) == self.server()) {
            self.give_up_all(&mut emit);
        }
        step
    }

    /// The direction of responses; before anything has told, the usual one.
    fn server(&self) -> Option<Side> {
        Some(if self.swapped == Some(true) {
            Side::ToServer
        } else {
            Side::ToClient
        })
    }

    fn read(&mut self, run: &Run<'_>, emit: &mut impl FnMut(&Exchange<'_>)) -> Step {
        let side = run.side.index();
        let mut at = 0;
        loop {
            let rest = run.bytes.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return Step::Done;
            }
            let half = &mut self.halves[side];
            match half.state {
                State::Head => match self.head(run, at, emit) {
                    Ok(next) => at = next,
                    Err(step) => return step,
                },
                State::Body(0) | State::ChunkData(0) => half.state = half.after_body(),
                State::Body(left) | State::ChunkData(left) => {
                    let taken = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    half.take(taken as u64);
                    at += taken;
                }
                State::Chunk | State::ChunkEnd | State::Trailers(_) => match half.between(rest) {
                    Ok(Some(taken)) => at += taken,
                    Ok(None) if run.end => return Step::Done,
                    Ok(None) => {
                        return Step::Incomplete {
                            consumed: at,
                            needed: 1,
                        };
                    }
                    Err(fault) => return Step::Error(fault.shifted(at)),
                },
                State::UntilClose => return Step::Done,
                State::Lost => match probe(run) {
                    Verdict::Yes if at == 0 => half.state = State::Head,
                    Verdict::More if at == 0 && !run.end => {
                        return Step::Incomplete {
                            consumed: 0,
                            needed: 1,
                        };
                    }
                    _ => return Step::Done,
                },
            }
        }
    }

    /// Reads one head at `at` and returns where it ends.
    fn head(
        &mut self,
        run: &Run<'_>,
        at: usize,
        emit: &mut impl FnMut(&Exchange<'_>),
    ) -> Result<usize, Step> {
        let rest = run.bytes.get(at..).unwrap_or_default();
        // Empty lines before a head are skipped (RFC 9112, section 2.2).
        let blank = rest
            .iter()
            .take_while(|&&byte| matches!(byte, b'\r' | b'\n'))
            .count();
        if blank > 0 {
            self.halves[run.side.index()].scanned = 0;
            return Ok(at + blank);
        }
        let half = &mut self.halves[run.side.index()];
        if !half.begun && !could_be_head(rest) {
            half.state = State::Lost;
            return Err(Step::Done);
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
        let swapped = match self.swapped {
            Some(swapped) => swapped,
            None => {
                let line = rest.get(..5).ok_or(wait(5 - rest.len().min(4)))?;
                (line == b"HTTP/") != (run.side == Side::ToClient)
            }
        };
        let asks = (run.side == Side::ToServer) != swapped;
        let leaving = asks && self.waiting.back().is_some_and(|request| request.leaves);
        if leaving && !run.end && rest.len() <= MAX_HEAD && request_line(rest) != Verdict::Yes {
            // Whether this still is HTTP is for the response to say.
            return Err(Step::Incomplete {
                consumed: at,
                needed: 1,
            });
        }
        if asks && rest.starts_with(b"PRI") && PREFACE.starts_with(rest.get(..24).unwrap_or(rest)) {
            if rest.len() < PREFACE.len() {
                return Err(wait(PREFACE.len() - rest.len()));
            }
            self.mode = Mode::Http2;
            return Err(Step::Done);
        }
        let half = &mut self.halves[run.side.index()];
        let Some(length) = head::end_of_head(rest, half.scanned) else {
            let head = probe(&Run {
                bytes: rest,
                ..*run
            });
            if rest.len() > MAX_HEAD && !half.begun && head != Verdict::Yes {
                half.state = State::Lost;
                return Err(Step::Done);
            }
            if rest.len() > MAX_HEAD {
                let fault = Fault {
                    offset: MAX_HEAD,
                    expected: "the end of a head of 32 KiB",
                };
                return Err(Step::Error(fault.shifted(at)));
            }
            half.scanned = if run.end { 0 } else { rest.len() };
            return Err(wait(1));
        };
        half.scanned = 0;
        let bytes = rest.get(..length).unwrap_or(rest);
        if asks {
            let (request, body) =
                head::request(bytes).map_err(|fault| Step::Error(fault.shifted(at)))?;
            self.swapped = Some(swapped);
            self.halves[run.side.index()].begin(State::of(body));
            self.wait_for_response(request, emit);
            return Ok(at + length);
        }
        let (response, body) =
            head::response(bytes).map_err(|fault| Step::Error(fault.shifted(at)))?;
        self.swapped = Some(swapped);
        self.halves[run.side.index()].begun = true;
        if (100..200).contains(&response.status) && response.status != 101 {
            return Ok(at + length);
        }
        let request = self.answered();
        let method = request
            .as_ref()
            .map_or("", |request| request.method.as_str());
        let leaves = response.status == 101
            || (method == "CONNECT" && (200..300).contains(&response.status));
        let empty = method == "HEAD" || matches!(response.status, 204 | 304);
        self.halves[run.side.index()].state = if empty { State::Head } else { State::of(body) };
        if let Some(request) = request {
            emit(&Exchange {
                request: &request,
                response: Some(&response),
            });
        }
        if leaves {
            self.mode = Mode::Left;
            self.give_up_all(emit);
            return Err(Step::Handover(at + length));
        }
        Ok(at + length)
    }

    fn wait_for_response(&mut self, request: Request, emit: &mut impl FnMut(&Exchange<'_>)) {
        let size = request.size();
        while self.waiting.len() >= MAX_WAITING || self.waiting_bytes + size > MAX_WAITING_BYTES {
            let Some(oldest) = self.waiting.pop_front() else {
                break;
            };
            self.waiting_bytes -= oldest.size();
            self.given_up = self.given_up.saturating_add(1);
            emit(&Exchange {
                request: &oldest,
                response: None,
            });
        }
        self.waiting_bytes += size;
        self.waiting.push_back(request);
    }

    /// The request that the next response answers, if it is known.
    fn answered(&mut self) -> Option<Request> {
        if self.given_up > 0 {
            self.given_up -= 1;
            return None;
        }
        let request = self.waiting.pop_front()?;
        self.waiting_bytes -= request.size();
        Some(request)
    }

    fn give_up_all(&mut self, emit: &mut impl FnMut(&Exchange<'_>)) {
        for request in self.waiting.drain(..) {
            emit(&Exchange {
                request: &request,
                response: None,
            });
        }
        self.waiting_bytes = 0;
        self.given_up = 0;
    }
}
