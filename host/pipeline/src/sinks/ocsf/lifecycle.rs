//! Which findings are open.

use std::collections::HashMap;

use palisade_events::Digest;

use super::{Activity, MAX_OPEN};

/// The open findings by uid, with the time at which each was first reported.
///
/// Two generations: what was reported since the last change, and what was reported in the
/// one before. When the young one is full the old one is forgotten, so that memory is
/// bounded and what was reported last is known.
#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    young: HashMap<Digest, u64>,
    old: HashMap<Digest, u64>,
}

impl Lifecycle {
    /// What a finding with this uid at `time` is, and when it was first reported.
    pub(super) fn next(&mut self, uid: Digest, time: u64, retracted: bool) -> (Activity, u64) {
        let known = self.young.remove(&uid).or_else(|| self.old.remove(&uid));
        let first = known.unwrap_or(time);
        if retracted {
            return (Activity::Close, first);
        }
        if self.young.len() >= MAX_OPEN {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(uid, first);
        match known {
            Some(_) => (Activity::Update, first),
            None => (Activity::Create, first),
        }
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
