//! The thread of a network source: makes epochs of what was delivered, in the order in which it came.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use palisade_events::contain;
use palisade_pipeline::engine::Clock;
use palisade_sources::{Letter, Place};
use tokio::sync::oneshot;

use super::delivered::{Answer, Delivered, Keyed, MAX_PACKETS, MAX_TOLD, Mark, Packet, Seen};
use super::network::{Cause, Held, Network};
use crate::active::Shared;
use crate::follow::Filled;
use crate::often::Often;
use crate::queue::Queue;
use crate::record::Rows;
use crate::server::{Tell, Told};
use crate::snapshot::SourceImage;
use crate::stream::{Stream, StreamError};
use crate::taking::Work;

/// How often it is looked whether the server is to stop.
const LOOK: Duration = Duration::from_millis(50);
/// Bytes that are waited for no longer: beyond them what came is an epoch, and each that is larger
/// is one of its own.
const MAX_TOGETHER: usize = 256 << 10;
/// Bodies or messages of an epoch.
const MAX_IN_EPOCH: usize = 1024;

/// A body or a message.
pub(crate) struct Delivery {
    /// What the stream is called, in messages and to tell Zeek's logs apart.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) mark: Wanted,
    /// The room that it takes until it is kept.
    pub(crate) held: Held,
    /// Who waits until it is kept.
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// By what it is to be known.
pub(crate) enum Wanted {
    /// Nothing; who posts it again has it twice.
    Nothing,
    /// The key of a request, and the digest of what is posted.
    Key(String, [u8; 32]),
    /// The id and digest of a message, and whether it may have been sent before.
    Packet(Packet, bool),
    /// A message that nobody sends again.
    Once,
}

impl Wanted {
    /// Whether it is of a broker, that cannot be told what is wrong with it.
    fn is_message(&self) -> bool {
        matches!(self, Wanted::Packet(..) | Wanted::Once)
    }
}

/// What became of it.
pub(crate) type Reply = Result<Taken, Refusal>;

/// It is kept.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) answer: Answer,
    /// It was taken before.
    pub(crate) again: bool,
}

/// It is not taken.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// The key was used for something else.
    OtherBody,
    /// It is compressed, or a capture.
    Kind(String),
    /// It is nothing that can be read.
    Unreadable(String, Answer),
    /// It has more than an epoch may have.
    TooMany,
}

/// Who is told once an epoch is kept, and what room its bytes take until then.
#[derive(Default)]
pub(crate) struct Waiting {
    replies: Vec<(oneshot::Sender<Reply>, Taken)>,
    held: Vec<Held>,
    kept: Arc<AtomicBool>,
}

impl Waiting {
    /// It is kept.
    pub(crate) fn tell(self) {
        self.kept.store(true, Ordering::Release);
        for (reply, taken) in self.replies {
            // Whoever waited may have gone.
            let _ = reply.send(Ok(taken));
        }
    }
}

/// What was committed, or is about to be.
struct Known<T> {
    what: T,
    kept: Arc<AtomicBool>,
}

/// How many keys are known, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyLimits {
    pub(crate) most: usize,
    /// In nanoseconds.
    pub(crate) life: u64,
}

/// What is known of what was committed before.
struct Before {
    limits: KeyLimits,
    keys: HashMap<String, Known<Keyed>>,
    /// The keys by age, each with the time of what it stands for: a key may come anew.
    order: VecDeque<(String, u64)>,
    packets: HashMap<u16, (u64, Known<[u8; 16]>)>,
    /// How many messages there were.
    messages: u64,
}

impl Before {
    fn new(seen: &Seen, limits: KeyLimits) -> Before {
        let mut before = Before {
            limits,
            keys: HashMap::new(),
            order: VecDeque::new(),
            packets: HashMap::new(),
            messages: 0,
        };
        let kept = Arc::new(AtomicBool::new(true));
        seen.keys()
            .for_each(|keyed| before.key(keyed.clone(), &kept));
        seen.packets()
            .for_each(|packet| before.packet(*packet, &kept));
        before
    }

    fn key(&mut self, keyed: Keyed, kept: &Arc<AtomicBool>) {
        while self.order.len() >= self.limits.most {
            self.forget_oldest();
        }
        self.order.push_back((keyed.key.clone(), keyed.at));
        let known = Known {
            what: keyed.clone(),
            kept: Arc::clone(kept),
        };
        self.keys.insert(keyed.key, known);
    }

    fn forget_oldest(&mut self) {
        if let Some((key, at)) = self.order.pop_front()
            && self.keys.get(&key).is_some_and(|known| known.what.at == at)
        {
            self.keys.remove(&key);
        }
    }

    /// Forgets keys that are too old.
    fn expire(&mut self, now: u64) {
        let old = |at: u64| now.saturating_sub(at) > self.limits.life;
        let count = self.order.iter().take_while(|(_, at)| old(*at)).count();
        (0..count).for_each(|_| self.forget_oldest());
    }

    fn packet(&mut self, packet: Packet, kept: &Arc<AtomicBool>) {
        self.messages += 1;
        let known = Known {
            what: packet.digest,
            kept: Arc::clone(kept),
        };
        self.packets.insert(packet.id, (self.messages, known));
    }

    /// What is known of a message that was committed lately under this id, if it is this one.
    fn same_packet(&self, packet: Packet) -> Option<&Known<[u8; 16]>> {
        let (number, known) = self.packets.get(&packet.id)?;
        let lately = self.messages - number < MAX_PACKETS as u64;
        (lately && known.what == packet.digest).then_some(known)
    }
}

/// Makes epochs of what is delivered to a source of a tenant.
pub(crate) struct Intake {
    name: String,
    /// Position among the sources of the journal.
    pub(crate) number: u32,
    stream: Stream,
    deliveries: Receiver<Delivery>,
    before: Before,
    seen: Seen,
    network: Arc<Network>,
    stop: Arc<AtomicBool>,
    tell: Tell,
    often: Often,
    shared: Arc<Shared>,
}

/// What an intake is given of a source.
pub(crate) struct Of {
    pub(crate) name: String,
    pub(crate) number: u32,
    pub(crate) stream: Stream,
    pub(crate) seen: Seen,
    pub(crate) limits: KeyLimits,
    pub(crate) network: Arc<Network>,
}

/// An epoch that is being made.
struct Open {
    epoch: palisade_pipeline::engine::Epoch,
    now: u64,
    generation: u64,
    /// The number of its first event.
    first: u64,
    delivered: Vec<Delivered>,
    bytes: Vec<u8>,
    waiting: Waiting,
}

impl Intake {
    /// Of a source, what is delivered to it, and the server.
    pub(crate) fn new(
        of: Of,
        deliveries: Receiver<Delivery>,
        (shared, stop, tell): (&Arc<Shared>, &Arc<AtomicBool>, &Tell),
    ) -> Intake {
        Intake {
            name: of.name,
            number: of.number,
            stream: of.stream,
            deliveries,
            before: Before::new(&of.seen, of.limits),
            seen: of.seen,
            network: of.network,
            stop: Arc::clone(stop),
            tell: Arc::clone(tell),
            often: Often::default(),
            shared: Arc::clone(shared),
        }
    }

    /// As a snapshot has it before anything was delivered.
    pub(crate) fn image(&self) -> SourceImage {
        SourceImage {
            capture: None,
            name: self.name.clone(),
            tenant: self.stream.source.tenant.clone(),
            resume: None,
            read: Vec::new(),
            stream: self.stream.image(),
            seen: self.seen.clone(),
        }
    }

    /// Takes what is delivered until the server is to stop and nothing waits, or nobody wants any
    /// more. A panic ends this source and no other.
    pub(crate) fn run_contained(self, work: &Queue) {
        let (source, tell) = (self.name.clone(), Arc::clone(&self.tell));
        let network = Arc::clone(&self.network);
        if let Err(panicked) = contain(|| self.run(work)) {
            let problem = format!("nothing more is taken in: {panicked}");
            network.set(super::network::Link::Down, Some(problem.clone()));
            tell(Told::Source { source, problem });
        }
        // Where nobody wants to know, everything has ended.
        let _ = work.send(Work::Ended);
    }

    fn run(mut self, work: &Queue) {
        loop {
            let first = match self.deliveries.recv_timeout(LOOK) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) if !self.stop.load(Ordering::Relaxed) => continue,
                Err(_) => return,
            };
            let mut next = Some(first);
            while let Some(first) = next.take() {
                let mut open = self.open();
                self.take(&mut open, first);
                while open.bytes.len() < MAX_TOGETHER && open.delivered.len() < MAX_IN_EPOCH {
                    let Ok(more) = self.deliveries.try_recv() else {
                        break;
                    };
                    if open.bytes.len() + more.bytes.len() > MAX_TOGETHER {
                        next = Some(more);
                        break;
                    }
                    self.take(&mut open, more);
                }
                if !self.close(open, work) {
                    return;
                }
            }
        }
    }

    fn open(&mut self) -> Open {
        if self.stream.generation != self.shared.generation() {
            self.stream.follow(self.shared.terms());
        }
        let now = Clock::System.now().unwrap_or_default();
        self.before.expire(now);
        Open {
            epoch: self.stream.epoch(now),
            now,
            generation: self.stream.generation,
            first: self.stream.next_seq(),
            delivered: Vec::new(),
            bytes: Vec::new(),
            waiting: Waiting::default(),
        }
    }

    /// Hands an epoch on, if there is anything in it. `false`: nobody wants it.
    fn close(&mut self, mut open: Open, work: &Queue) -> bool {
        if open.delivered.is_empty() && open.waiting.replies.is_empty() {
            return true;
        }
        if !self.stream.put(&mut open.epoch) {
            let text = || "events that were read cannot be put together; they are lost".to_owned();
            self.told("put", text);
        }
        let rows = Rows {
            source: self.number,
            begins: None,
            bytes: open.bytes,
            ended: true,
            place: None,
            delivered: Some(open.delivered),
        };
        let filled = Filled {
            epoch: open.epoch,
            now: open.now,
            generation: open.generation,
            rows,
            letters: self.stream.letters(open.now),
            stream: self.stream.image(),
            waiting: Some(open.waiting),
        };
        work.send(Work::Filled(Box::new(filled))).is_ok()
    }

    /// Whether it was taken before; if so it is answered as it was then.
    fn is_answered(&mut self, open: &mut Open, delivery: Delivery) -> Option<Delivery> {
        let (known, answer) = match &delivery.mark {
            Wanted::Key(key, digest) => match self.before.keys.get(key) {
                Some(known) if known.what.digest == *digest => {
                    (&known.kept, known.what.answer.clone())
                }
                Some(_) => {
                    self.network.count(Cause::Key);
                    let _ = delivery.reply.send(Err(Refusal::OtherBody));
                    return None;
                }
                None => return Some(delivery),
            },
            // Only what may have been sent before can be a repetition.
            Wanted::Packet(packet, true) => match self.before.same_packet(*packet) {
                Some(known) => (&known.kept, Answer::default()),
                None => return Some(delivery),
            },
            Wanted::Packet(_, false) | Wanted::Nothing | Wanted::Once => return Some(delivery),
        };
        self.network.count(Cause::Repeated);
        let taken = Taken {
            answer,
            again: true,
        };
        match known.load(Ordering::Acquire) {
            true => {
                let _ = delivery.reply.send(Ok(taken));
            }
            // It is before this epoch in the journal.
            false => open.waiting.replies.push((delivery.reply, taken)),
        }
        None
    }

    /// Takes a body or message into an epoch, or refuses it.
    fn take(&mut self, open: &mut Open, delivery: Delivery) {
        let Some(delivery) = self.is_answered(open, delivery) else {
            return;
        };
        let message = delivery.mark.is_message();
        let read = self
            .stream
            .deliver(&delivery.name, &delivery.bytes, &mut open.epoch);
        let (answer, problem) = match read {
            Ok(outcome) if !outcome.fits => {
                // What it has put in is taken out again, and with it what was in there before.
                self.stream.undo(open.first);
                self.again(open);
                (Answer::default(), Some(Refusal::TooMany))
            }
            Ok(outcome) => {
                let errors = outcome.errors;
                let answer = Answer {
                    events: outcome.events,
                    bad: outcome.bad,
                    errors,
                };
                self.network.count_bad(answer.bad);
                let nothing = answer.events == 0 && !message;
                let problem = "nothing in it could be read".to_owned();
                let problem = nothing.then(|| Refusal::Unreadable(problem, answer.clone()));
                (answer, problem)
            }
            Err(error) => {
                let problem = error.to_string();
                let problem = match error {
                    StreamError::Compressed(_)
                    | StreamError::Utf16(_)
                    | StreamError::Capture(_) => Refusal::Kind(problem),
                    _ => Refusal::Unreadable(problem, Answer::default()),
                };
                (Answer::default(), Some(problem))
            }
        };
        self.bad_records(&delivery.name, &answer);
        match problem {
            Some(refusal) if !message => {
                if answer.bad == 0 {
                    let text = || format!("a body is refused: {refusal}");
                    self.told("refused", text);
                }
                self.network.count(match refusal {
                    Refusal::TooMany => Cause::TooLarge,
                    Refusal::Kind(_) => Cause::MediaType,
                    Refusal::Unreadable(..) | Refusal::OtherBody => Cause::Unreadable,
                });
                let _ = delivery.reply.send(Err(refusal));
            }
            Some(refusal) => {
                self.dead_letter(&delivery, &refusal);
                self.keep(open, delivery, answer, false);
            }
            None => self.keep(open, delivery, answer, true),
        }
    }

    /// Keeps it with the epoch.
    fn keep(&mut self, open: &mut Open, delivery: Delivery, answer: Answer, read: bool) {
        let kept = &open.waiting.kept;
        let mark = match delivery.mark {
            Wanted::Key(key, digest) => {
                let keyed = Keyed {
                    key,
                    digest,
                    at: open.now,
                    answer: answer.clone(),
                };
                self.before.key(keyed.clone(), kept);
                Some(Mark::Key(keyed))
            }
            Wanted::Packet(packet, _) => {
                self.before.packet(packet, kept);
                Some(Mark::Packet(packet))
            }
            Wanted::Nothing | Wanted::Once => None,
        };
        self.network.count(match read {
            true => Cause::Accepted,
            false => Cause::Unreadable,
        });
        open.delivered.push(Delivered {
            name: delivery.name,
            bytes: delivery.bytes.len() as u64,
            read,
            mark,
        });
        open.bytes.extend(delivery.bytes);
        open.waiting.held.push(delivery.held);
        let taken = Taken {
            answer,
            again: false,
        };
        open.waiting.replies.push((delivery.reply, taken));
    }

    /// Reads again what an epoch had before it was begun anew.
    fn again(&mut self, open: &mut Open) {
        open.epoch = self.stream.epoch(open.now);
        let mut at = 0;
        for one in &open.delivered {
            let end = at + usize::try_from(one.bytes).unwrap_or(usize::MAX);
            if one.read {
                // It could be read and did fit a moment ago.
                let bytes = open.bytes.get(at..end).unwrap_or_default();
                let _ = self.stream.deliver(&one.name, bytes, &mut open.epoch);
            }
            at = end;
        }
    }

    /// Keeps what is nothing that can be read beside the journal, too.
    fn dead_letter(&mut self, delivery: &Delivery, refusal: &Refusal) {
        self.network.count_bad(1);
        let reason = refusal.to_string();
        let place = Place::Record { line: 1, offset: 0 };
        self.stream.dead_letters().add(&Letter {
            source: &delivery.name,
            place,
            reason: &reason,
            bytes: &delivery.bytes,
            len: delivery.bytes.len() as u64,
        });
        let text = || {
            format!(
                "a message of `{}` could not be read: {reason}",
                delivery.name
            )
        };
        self.told("message", text);
    }

    /// Tells of records that could not be read, the less often the more there are.
    fn bad_records(&mut self, name: &str, answer: &Answer) {
        if let Some(first) = answer.errors.first() {
            let (bad, line, reason) = (answer.bad, first.line, &first.reason);
            let text = || {
                format!(
                    "of `{name}` {bad} records could not be read, the first on line {line}: {reason}"
                )
            };
            self.told("bad", text);
        }
    }

    fn told(&mut self, kind: &str, text: impl FnOnce() -> String) {
        if let Some(problem) = self.often.told(kind, text) {
            let source = self.name.clone();
            (self.tell)(Told::Source { source, problem });
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::OtherBody => f.write_str("the key was used for something else"),
            Refusal::Kind(problem) | Refusal::Unreadable(problem, _) => f.write_str(problem),
            Refusal::TooMany => f.write_str(
                "it has more records than are taken at once, which are fewer than 16,384, of which \
                 fewer than 1,024 may be requests for a decision; send it in parts",
            ),
        }
    }
}

/// The records of a body that could not be read, as an answer tells them.
pub(crate) fn told(bad: &[palisade_sources::BadRecord]) -> Vec<super::delivered::BadLine> {
    bad.iter().take(MAX_TOLD).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_so_many_and_for_so_long() {
        let limits = KeyLimits { most: 3, life: 100 };
        let mut before = Before::new(&Seen::default(), limits);
        let kept = Arc::default();
        let key = |before: &mut Before, key: &str, at: u64| {
            let keyed = Keyed {
                key: key.to_owned(),
                digest: [0; 32],
                at,
                answer: Answer::default(),
            };
            before.key(keyed, &kept);
        };
        let known = |before: &Before| {
            let mut keys: Vec<String> = before.keys.keys().cloned().collect();
            keys.sort();
            keys.concat()
        };
        for (at, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
            key(&mut before, name, at as u64);
        }
        assert_eq!(known(&before), "bcd");
        before.expire(101);
        assert_eq!(known(&before), "bcd");
        before.expire(103);
        assert_eq!(known(&before), "d");
        // One that comes anew is as old as it is now.
        key(&mut before, "d", 110);
        before.expire(205);
        assert_eq!((known(&before).as_str(), before.order.len()), ("d", 1));
    }

    #[test]
    fn a_message_is_known_by_its_digest_among_the_latest() {
        let limits = KeyLimits { most: 1, life: 0 };
        let mut before = Before::new(&Seen::default(), limits);
        let kept = Arc::default();
        let packet = |id, digest| Packet {
            id,
            digest: [digest; 16],
        };
        before.packet(packet(7, 1), &kept);
        assert!(before.same_packet(packet(7, 1)).is_some());
        assert!(before.same_packet(packet(7, 2)).is_none());
        assert!(before.same_packet(packet(8, 1)).is_none());
        (0..MAX_PACKETS - 1).for_each(|_| before.packet(packet(9, 1), &kept));
        assert!(before.same_packet(packet(7, 1)).is_some());
        before.packet(packet(9, 1), &kept);
        assert!(before.same_packet(packet(7, 1)).is_none());
    }
}
