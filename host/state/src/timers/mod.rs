//! Timers by event time, which the host keeps for a plugin.
//!
//! A timer has a tenant, a name and a key, and one due time. It fires once, when the
//! watermark is past that. What a call sets and cancels is kept on [`Timers::commit`] and
//! undone on [`Timers::rollback`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// Most pending timers of a plugin, all tenants together.
pub const MAX_TIMERS: usize = 65_536;
/// Most timers that a plugin is told of in one call.
pub const MAX_FIRED: usize = 1024;
/// Most settings and cancellations of one call; they must be kept until it returns.
const MAX_CHANGES: usize = 1 << 20;
/// Bytes that a pending timer takes beside its name and key.
const TIMER: usize = 192;

/// Why a timer is not set or cancelled. It is a fault of the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimerError {
    /// Too many are pending.
    #[error("{MAX_TIMERS} timers are pending; cancel some, or set one timer for several keys")]
    Full,
    /// They take too much room.
    #[error(
        "pending timers take more than {0} bytes; cancel some, set one timer for several keys, or \
         give more memory with --memory"
    )]
    Bytes(usize),
    /// The call changes too many.
    #[error("the call sets and cancels timers more than {MAX_CHANGES} times")]
    Changes,
}

/// Name, key and due time of a timer that is pending.
pub type PendingTimer = (Box<str>, Box<str>, u64);

/// Pending timers as they are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimersImage {
    /// The watermark up to which they have fired.
    pub watermark: Option<u64>,
    /// Of each tenant name, key and due time of each.
    pub tenants: Vec<(String, Vec<PendingTimer>)>,
}

/// A timer that has fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// As it was set.
    pub name: String,
    /// As it was set.
    pub key: String,
    /// As it was set, in nanoseconds since the epoch.
    pub due: u64,
}

/// Timers of one tenant that fire together: one call of the plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// Whose they are.
    pub tenant: Arc<str>,
    /// 1 to [`MAX_FIRED`], by due time, then name, then key.
    pub timers: Vec<Timer>,
}

/// What tells a timer from the others of its tenant. In the order in which timers of one due
/// time fire.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    name: Box<str>,
    key: Box<str>,
}

impl Name {
    /// Bytes that a timer of this name takes, about.
    fn size(&self) -> usize {
        TIMER + self.name.len() + self.key.len()
    }
}

/// The timers of a tenant, by name and by due time.
#[derive(Debug, Default, PartialEq)]
struct Pending {
    due: BTreeMap<Arc<Name>, u64>,
    queue: BTreeSet<(u64, Arc<Name>)>,
}

impl Pending {
    /// Sets, moves or (`None`) cancels a timer; returns when it was due before.
    fn change(&mut self, name: &Arc<Name>, due: Option<u64>) -> Option<u64> {
        let before = match due {
            Some(due) => {
                self.queue.insert((due, Arc::clone(name)));
                self.due.insert(Arc::clone(name), due)
            }
            None => self.due.remove(name),
        };
        if let Some(before) = before.filter(|before| Some(*before) != due) {
            self.queue.remove(&(before, Arc::clone(name)));
        }
        before
    }
}

/// The timers of one plugin on one shard.
#[derive(Debug)]
pub struct Timers {
    tenants: BTreeMap<Arc<str>, Pending>,
    pending: usize,
    /// Bytes that they take, and that they may.
    bytes: usize,
    most_bytes: usize,
    /// The tenant of the running call.
    tenant: Arc<str>,
    /// What the running call changed, with when it was due before.
    journal: Vec<(Arc<Name>, Option<u64>)>,
    watermark: Option<u64>,
}

impl Default for Timers {
    fn default() -> Self {
        Timers::new(usize::MAX)
    }
}

impl Timers {
    /// No timers; those that are pending may take so many bytes.
    pub fn new(most_bytes: usize) -> Timers {
        Timers {
            tenants: BTreeMap::new(),
            pending: 0,
            bytes: 0,
            most_bytes,
            tenant: Arc::from(""),
            journal: Vec::new(),
            watermark: None,
        }
    }

    /// Takes over the timers that another version of the plugin has set. Between calls only, and
    /// before any is set here.
    pub fn inherit(&mut self, before: Timers) {
        *self = Timers {
            most_bytes: self.most_bytes,
            ..before
        };
    }

    /// A call begins on behalf of a tenant.
    pub fn begin(&mut self, tenant: &str) {
        if *self.tenant != *tenant {
            self.tenant = Arc::from(tenant);
        }
    }

    /// What the call did stays.
    pub fn commit(&mut self) {
        self.journal.clear();
        self.journal.shrink_to(1024);
    }

    /// What the call did is undone.
    pub fn rollback(&mut self) {
        while let Some((name, before)) = self.journal.pop() {
            self.change(&name, before);
        }
    }

    /// Sets a timer of the call's tenant, or moves it.
    ///
    /// # Errors
    /// When too many are pending, or the call has changed too many.
    pub fn set(&mut self, name: &str, key: &str, due: u64) -> Result<(), TimerError> {
        let name = Name {
            name: name.into(),
            key: key.into(),
        };
        let pending = self.tenants.get(&self.tenant);
        let known = pending.and_then(|p| p.due.get_key_value(&name));
        if known.is_none() && self.pending >= MAX_TIMERS {
            return Err(TimerError::Full);
        }
        if known.is_none() && self.bytes + name.size() > self.most_bytes {
            return Err(TimerError::Bytes(self.most_bytes));
        }
        let name = known.map_or_else(|| Arc::new(name), |(name, _)| Arc::clone(name));
        self.note(name, Some(due))
    }

    /// Cancels a timer of the call's tenant, if it is set.
    ///
    /// # Errors
    /// When the call has changed too many.
    pub fn cancel(&mut self, name: &str, key: &str) -> Result<(), TimerError> {
        let name = Name {
            name: name.into(),
            key: key.into(),
        };
        let pending = self.tenants.get(&self.tenant);
        match pending.and_then(|p| p.due.get_key_value(&name)) {
            Some((name, _)) => self.note(Arc::clone(name), None),
            None => Ok(()),
        }
    }

    fn note(&mut self, name: Arc<Name>, due: Option<u64>) -> Result<(), TimerError> {
        if self.journal.len() >= MAX_CHANGES {
            return Err(TimerError::Changes);
        }
        let before = self.change(&name, due);
        self.journal.push((name, before));
        Ok(())
    }

    fn change(&mut self, name: &Arc<Name>, due: Option<u64>) -> Option<u64> {
        let pending = self.tenants.entry(Arc::clone(&self.tenant)).or_default();
        let before = pending.change(name, due);
        self.pending = self.pending + usize::from(due.is_some()) - usize::from(before.is_some());
        match (before, due) {
            (None, Some(_)) => self.bytes += name.size(),
            (Some(_), None) => self.bytes -= name.size(),
            _ => {}
        }
        if pending.due.is_empty() {
            self.tenants.remove(&self.tenant);
        }
        before
    }

    /// Takes out the timers that are due before `watermark`: by tenant, then by due time, name
    /// and key. Between calls only. None fire while the watermark stands still, so that a
    /// timer that is set again when it fires, in the past, waits for the next advance.
    pub fn advance(&mut self, watermark: u64) -> Vec<Firing> {
        if self.watermark.is_some_and(|before| watermark <= before) {
            return Vec::new();
        }
        self.watermark = Some(watermark);
        let mut firings: Vec<Firing> = Vec::new();
        for (tenant, pending) in &mut self.tenants {
            let mut timers = Vec::new();
            while let Some((due, _)) = pending.queue.first()
                && *due < watermark
                && let Some((due, name)) = pending.queue.pop_first()
            {
                pending.due.remove(&name);
                self.bytes -= name.size();
                timers.push(Timer {
                    name: String::from(&*name.name),
                    key: String::from(&*name.key),
                    due,
                });
            }
            self.pending -= timers.len();
            let calls = timers.chunks(MAX_FIRED);
            firings.extend(calls.map(|timers| Firing {
                tenant: Arc::clone(tenant),
                timers: timers.to_vec(),
            }));
        }
        self.tenants.retain(|_, pending| !pending.due.is_empty());
        firings
    }

    /// All timers as they are kept: tenant, name, key and due time of each, sorted.
    pub fn image(&self) -> TimersImage {
        let of = |(tenant, pending): (&Arc<str>, &Pending)| {
            let timers = pending.due.iter();
            let timers = timers.map(|(name, due)| (name.name.clone(), name.key.clone(), *due));
            (tenant.to_string(), timers.collect())
        };
        TimersImage {
            watermark: self.watermark,
            tenants: self.tenants.iter().map(of).collect(),
        }
    }

    /// Sets the timers that were kept, with the limits of those that are set by calls.
    ///
    /// # Errors
    /// When they are more than may be pending.
    pub fn restore(&mut self, image: &TimersImage) -> Result<(), TimerError> {
        self.watermark = self.watermark.max(image.watermark);
        for (tenant, timers) in &image.tenants {
            self.begin(tenant);
            for (name, key, due) in timers {
                self.set(name, key, *due)?;
            }
            self.commit();
        }
        Ok(())
    }

    /// The earliest due time of all.
    pub fn next(&self) -> Option<u64> {
        let first = |p: &Pending| p.queue.first().map(|(due, _)| *due);
        self.tenants.values().filter_map(first).min()
    }

    /// How many are pending.
    pub fn len(&self) -> usize {
        self.pending
    }

    /// Whether none are.
    pub fn is_empty(&self) -> bool {
        self.pending == 0
    }
}
