//! How network sources stand, for whoever asks: few numbers, of causes that are known beforehand.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

/// How a source stands with the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// It has not got there yet, or not any more; the last problem says why.
    Down,
    /// It listens.
    Listening,
    /// It is connected, and subscribed.
    Connected,
}

impl Link {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Link::Down => "down",
            Link::Listening => "listening",
            Link::Connected => "connected",
        }
    }
}

/// What becomes of bodies, messages, and connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Taken, and kept.
    Accepted,
    /// It was taken before, and is not taken twice.
    Repeated,
    /// No token, or one that is not known.
    Unauthorized,
    /// The token has expired.
    Expired,
    /// The request is none that is answered here.
    Request,
    /// Of another type, or encoded.
    MediaType,
    /// Larger than allowed, or more than an epoch takes.
    TooLarge,
    /// Slower than allowed, or broken off.
    Slow,
    /// Nothing of it could be read.
    Unreadable,
    /// A key that was used for something else.
    Key,
    /// As much as may wait does.
    Busy,
    /// The server ends, or could not say in time whether it was kept.
    Unavailable,
    /// More connections than allowed.
    Connections,
    /// No handshake of TLS came about.
    Handshake,
    /// What a broker had kept from before.
    Retained,
    /// Of a topic that is not subscribed to any more.
    Topic,
}

impl Cause {
    const ALL: [Cause; 16] = [
        Cause::Accepted,
        Cause::Repeated,
        Cause::Unauthorized,
        Cause::Expired,
        Cause::Request,
        Cause::MediaType,
        Cause::TooLarge,
        Cause::Slow,
        Cause::Unreadable,
        Cause::Key,
        Cause::Busy,
        Cause::Unavailable,
        Cause::Connections,
        Cause::Handshake,
        Cause::Retained,
        Cause::Topic,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Cause::Accepted => "accepted",
            Cause::Repeated => "repeated",
            Cause::Unauthorized => "unauthorized",
            Cause::Expired => "expired-token",
            Cause::Request => "request",
            Cause::MediaType => "media-type",
            Cause::TooLarge => "too-large",
            Cause::Slow => "slow",
            Cause::Unreadable => "unreadable",
            Cause::Key => "key",
            Cause::Busy => "busy",
            Cause::Unavailable => "unavailable",
            Cause::Connections => "connections",
            Cause::Handshake => "handshake",
            Cause::Retained => "retained",
            Cause::Topic => "topic",
        }
    }
}

/// A network source, for whoever asks.
pub(crate) struct Network {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// Where it listens, or what it connects to.
    pub(crate) at: String,
    link: Mutex<(Link, Option<String>)>,
    counts: [AtomicU64; Cause::ALL.len()],
    /// Records that became no event.
    bad: AtomicU64,
    /// What waits to be kept, of all tenants.
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    /// Connections of now.
    pub(crate) connections: AtomicUsize,
}

impl Network {
    pub(crate) fn new(name: &str, kind: &'static str, at: String) -> Network {
        Network {
            name: name.to_owned(),
            kind,
            at,
            link: Mutex::new((Link::Down, None)),
            counts: Default::default(),
            bad: AtomicU64::default(),
            waiting: AtomicUsize::default(),
            waiting_bytes: AtomicUsize::default(),
            connections: AtomicUsize::default(),
        }
    }

    pub(crate) fn count(&self, cause: Cause) {
        self.counts[cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_bad(&self, records: u64) {
        self.bad.fetch_add(records, Ordering::Relaxed);
    }

    /// How it stands from here on; the last problem stays until there is another.
    pub(crate) fn set(&self, link: Link, problem: Option<String>) {
        let mut now = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        now.0 = link;
        if problem.is_some() {
            now.1 = problem;
        }
    }

    /// How it stands, and the last problem.
    pub(crate) fn link(&self) -> (Link, Option<String>) {
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.clone()
    }

    pub(crate) fn bad(&self) -> u64 {
        self.bad.load(Ordering::Relaxed)
    }

    /// What waits to be kept: how many, and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let (waiting, bytes) = (&self.waiting, &self.waiting_bytes);
        (
            waiting.load(Ordering::Relaxed),
            bytes.load(Ordering::Relaxed),
        )
    }

    /// What became of what came, by cause, whatever has happened at all.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Cause, u64)> {
        let all = Cause::ALL.into_iter().zip(&self.counts);
        all.map(|(cause, count)| (cause, count.load(Ordering::Relaxed)))
    }

    /// For `ctl status`.
    pub(crate) fn shown(&self) -> Value {
        let (link, problem) = self.link();
        let (waiting, bytes) = self.waiting();
        let happened = self.counts().filter(|(_, count)| *count > 0);
        let counts = happened.map(|(cause, count)| (cause.name().to_owned(), count.into()));
        json!({
            "name": self.name,
            "kind": self.kind,
            "at": self.at,
            "state": link.name(),
            "last_problem": problem,
            "connections": self.connections.load(Ordering::Relaxed),
            "waiting": waiting,
            "waiting_bytes": bytes,
            "bad_records": self.bad(),
            "counts": counts.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// How much may wait to be kept.
pub(crate) struct Room {
    most: usize,
    most_bytes: usize,
    held: Mutex<(usize, usize)>,
    network: Arc<Network>,
}

/// A part of a room, until it is dropped.
pub(crate) struct Held {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    pub(crate) fn new(most: usize, most_bytes: usize, network: &Arc<Network>) -> Arc<Room> {
        Arc::new(Room {
            most,
            most_bytes,
            held: Mutex::default(),
            network: Arc::clone(network),
        })
    }

    /// Room for so many bytes, if there is.
    pub(crate) fn hold(self: &Arc<Room>, bytes: usize) -> Option<Held> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 >= self.most || held.1.saturating_add(bytes) > self.most_bytes {
            return None;
        }
        *held = (held.0 + 1, held.1 + bytes);
        let (waiting, all) = (&self.network.waiting, &self.network.waiting_bytes);
        waiting.fetch_add(1, Ordering::Relaxed);
        all.fetch_add(bytes, Ordering::Relaxed);
        Some(Held {
            room: Arc::clone(self),
            bytes,
        })
    }

    /// Takes room, be there any or not, of one who takes nothing more when it is
    /// [full](Self::is_full).
    pub(crate) fn take(self: &Arc<Room>, bytes: usize) -> Held {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = (held.0 + 1, held.1 + bytes);
        let (waiting, all) = (&self.network.waiting, &self.network.waiting_bytes);
        waiting.fetch_add(1, Ordering::Relaxed);
        all.fetch_add(bytes, Ordering::Relaxed);
        Held {
            room: Arc::clone(self),
            bytes,
        }
    }

    /// Whether nothing more may wait.
    pub(crate) fn is_full(&self) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.0 >= self.most || held.1 >= self.most_bytes
    }
}

impl Held {
    /// Gives back what is more than so many bytes.
    pub(crate) fn shrink(&mut self, to: usize) {
        let back = self.bytes.saturating_sub(to);
        self.bytes -= back;
        let mut held = self
            .room
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        held.1 -= back;
        let bytes = &self.room.network.waiting_bytes;
        bytes.fetch_sub(back, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink(0);
        let mut held = self
            .room
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        held.0 -= 1;
        self.room.network.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_an_end_in_number_and_bytes_and_is_given_back() {
        let network = Arc::new(Network::new("n", "http", String::new()));
        let room = Room::new(2, 100, &network);
        let mut first = room.hold(90).unwrap();
        assert!(room.hold(20).is_none());
        first.shrink(10);
        let second = room.hold(90).unwrap();
        assert!(room.hold(0).is_none() && room.is_full());
        assert_eq!(network.waiting(), (2, 100));
        drop((first, second));
        assert_eq!((network.waiting(), room.is_full()), ((0, 0), false));
        drop(room.take(1000));
        assert!(room.hold(100).is_some());
    }

    #[test]
    fn causes_have_names_of_their_own_and_their_places() {
        for (at, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, at);
            let same = |other: &Cause| other.name() == cause.name();
            assert_eq!(Cause::ALL.iter().filter(|other| same(other)).count(), 1);
        }
    }
}
