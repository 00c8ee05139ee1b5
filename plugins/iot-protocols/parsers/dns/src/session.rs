//! Transactions: which response answers which query.

use std::collections::VecDeque;

use domain::base::{Rtype, iana::OptRcode};
use iot_wire::{Fault, Run, Step, Verdict};

use crate::message::{self, Answer, Contents, Header, Question};

/// Queries that a session remembers until they are answered; the oldest is given up.
pub const MAX_OUTSTANDING: usize = 64;

/// A transaction, as far as it was seen.
#[derive(Debug)]
pub struct Lookup<'a> {
    /// Name asked for; of a response without a question the owner of its first answer.
    pub name: &'a str,
    /// Type asked for.
    pub rtype: Rtype,
    /// Response code; `None` without a response.
    pub rcode: Option<OptRcode>,
    /// Answers.
    pub answers: &'a [Answer],
}

/// What a session gives.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A transaction.
    Lookup(Lookup<'a>),
    /// A message over TCP that makes no sense; what could be read of it came before.
    Malformed(Fault),
}

/// A query that waits for its response.
#[derive(Debug)]
struct Pending {
    id: u16,
    question: Question,
    /// Its message made sense to the end. Others make room first.
    sound: bool,
    /// A response that makes no sense, and may be forged, was reported; the right one may come
    /// yet.
    told: bool,
}

/// The state of one session: at most 64 names.
#[derive(Debug, Default)]
pub struct Session {
    outstanding: VecDeque<Pending>,
    /// Over TCP: per direction, bytes were lost and no message boundary is known.
    lost: [bool; 2],
}

/// Judges the first datagram, or the first bytes of a stream.
#[must_use]
pub fn probe(run: &Run<'_>) -> Verdict {
    if !run.stream {
        return judge(run.bytes, run.port, run.bytes.len());
    }
    let Some((&length, rest)) = run.bytes.split_first_chunk::<2>() else {
        return Verdict::More;
    };
    let length = usize::from(u16::from_be_bytes(length));
    if length < 12 {
        return Verdict::No;
    }
    let shown = rest.get(..length).unwrap_or(rest);
    match judge(shown, run.port, length) {
        // What a host shows may be less than a long message.
        Verdict::More if run.bytes.len() >= 4_096 => Verdict::Yes,
        verdict => verdict,
    }
}

/// Judges a message of `length` bytes of which `bytes` are there.
fn judge(bytes: &[u8], port: u16, length: usize) -> Verdict {
    let cut = bytes.len() < length;
    let Some(header) = Header::read(bytes) else {
        return if cut { Verdict::More } else { Verdict::No };
    };
    let multicast = port == 5353;
    let [questions, answers, authorities, additional] = header.counts;
    let asks_plainly = header.rcode == 0
        && (questions == 1 || multicast)
        && (multicast || matches!(header.opcode, 4 | 5) || (answers == 0 && authorities <= 1));
    let shape = matches!(header.opcode, 0 | 2 | 4..=6)
        && !header.z
        && (questions <= 1 || multicast)
        && [questions, answers, authorities, additional]
            .iter()
            .any(|&count| count > 0)
        && (header.response || asks_plainly);
    if !shape {
        return Verdict::No;
    }
    let contents = message::read(&header, bytes, false);
    let classes = contents
        .questions
        .iter()
        .all(|question| matches!(question.class & 0x7fff, 1 | 3 | 4 | 254 | 255));
    let asked = contents.questions.len() == usize::from(questions).min(message::MAX_QUESTIONS);
    match contents.fault {
        _ if !classes => Verdict::No,
        None if contents.trailing == 0 && !cut => Verdict::Yes,
        Some(_) if cut => Verdict::More,
        // A message that is broken further on, or padded, is DNS on its ports only.
        _ if asked && matches!(port, 53 | 5353 | 5355) => Verdict::Yes,
        _ => Verdict::No,
    }
}

impl Session {
    /// Reads a datagram, or the messages of a stream. Transactions go to `emit` when
    /// their response is there, and without one when the session ends or too many wait.
    /// What can be read of a malformed message is reported before it is called so: over
    /// UDP by an error, over TCP, where the next message is where it should be, by `emit`.
    pub fn feed(&mut self, run: &Run<'_>, mut emit: impl FnMut(&Seen<'_>)) -> Step {
        let step = if run.stream {
            self.stream(run, &mut emit)
        } else if run.bytes.is_empty() {
            Step::Done
        } else {
            self.message(run.bytes, run.port, &mut emit)
        };
        // After an error over TCP nothing more is shown, so what waits would be lost.
        let over = run.stream && matches!(step, Step::Error(_));
        if over || (run.end && run.side == iot_wire::Side::ToClient) {
            while let Some(pending) = self.outstanding.pop_front() {
                pending.give_up(&mut emit);
            }
        }
        step
    }

    fn stream(&mut self, run: &Run<'_>, emit: &mut impl FnMut(&Seen<'_>)) -> Step {
        let lost = &mut self.lost[run.side.index()];
        *lost |= run.gap > 0;
        if *lost {
            // Each message begins a run as a rule.
            if probe(run) != Verdict::Yes {
                return Step::Done;
            }
            *lost = false;
        }
        let mut at = 0;
        loop {
            let rest = run.bytes.get(at..).unwrap_or_default();
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
            let Some((&length, rest)) = rest.split_first_chunk::<2>() else {
                return wait(1);
            };
            let length = usize::from(u16::from_be_bytes(length));
            let Some(bytes) = rest.get(..length) else {
                return wait(length - rest.len());
            };
            match self.message(bytes, run.port, emit) {
                Step::Error(fault) if length < 12 => {
                    return Step::Error(fault.shifted(at + 2));
                }
                Step::Error(fault) => emit(&Seen::Malformed(fault)),
                _ => {}
            }
            at += 2 + length;
        }
    }

    fn message(&mut self, bytes: &[u8], port: u16, emit: &mut impl FnMut(&Seen<'_>)) -> Step {
        let Some(header) = Header::read(bytes) else {
            return Step::Error(iot_wire::Fault {
                offset: 0,
                expected: "a header of 12 bytes",
            });
        };
        let contents = message::read(&header, bytes, header.response);
        match (header.response, port) {
            (false, 5353) => {
                for question in &contents.questions {
                    emit(&unanswered(question));
                }
            }
            (false, _) => self.query(header.id, &contents, emit),
            (true, 5353) => response(None, &contents, emit),
            (true, _) => {
                let query = self.answered(header.id, &contents);
                response(query, &contents, emit);
            }
        }
        contents.fault.map_or(Step::Done, Step::Error)
    }

    fn query(&mut self, id: u16, contents: &Contents, emit: &mut impl FnMut(&Seen<'_>)) {
        let Some(question) = contents.questions.first() else {
            return;
        };
        let sound = contents.fault.is_none();
        // A query that is sent again is still one.
        let mut known = self.outstanding.iter_mut();
        if let Some(known) = known.find(|p| p.id == id && p.question == *question) {
            known.sound |= sound;
            return;
        }
        if self.outstanding.len() >= MAX_OUTSTANDING {
            let place = self.outstanding.iter().position(|p| !p.sound);
            if let Some(pending) = self.outstanding.remove(place.unwrap_or(0)) {
                pending.give_up(emit);
            }
        }
        self.outstanding.push_back(Pending {
            id,
            question: question.clone(),
            sound,
            told: false,
        });
    }

    /// The query that a response answers: the same identifier and, where the response
    /// repeats it, the same question. After a response that makes no sense, which has to repeat
    /// it, the query waits on.
    fn answered(&mut self, id: u16, contents: &Contents) -> Option<Question> {
        let question = contents.questions.first();
        if contents.fault.is_some() && question.is_none() {
            return None;
        }
        let place = self
            .outstanding
            .iter()
            .position(|p| p.id == id && question.is_none_or(|question| *question == p.question))?;
        if contents.fault.is_none() {
            return self.outstanding.remove(place).map(|p| p.question);
        }
        let pending = self.outstanding.get_mut(place)?;
        pending.told = true;
        Some(pending.question.clone())
    }
}

impl Pending {
    /// Reports it without a response, unless it was reported with one that makes no sense.
    fn give_up(self, emit: &mut impl FnMut(&Seen<'_>)) {
        if !self.told {
            emit(&unanswered(&self.question));
        }
    }
}

fn unanswered(question: &Question) -> Seen<'_> {
    Seen::Lookup(Lookup {
        name: &question.name,
        rtype: question.rtype,
        rcode: None,
        answers: &[],
    })
}

fn response(query: Option<Question>, contents: &Contents, emit: &mut impl FnMut(&Seen<'_>)) {
    let first = contents.answers.first();
    let (name, rtype) = match (contents.questions.first().or(query.as_ref()), first) {
        (Some(question), _) => (question.name.as_str(), question.rtype),
        (None, Some(answer)) => (answer.name.as_str(), answer.rtype),
        (None, None) => return,
    };
    emit(&Seen::Lookup(Lookup {
        name,
        rtype,
        rcode: Some(contents.rcode),
        answers: &contents.answers,
    }));
}
