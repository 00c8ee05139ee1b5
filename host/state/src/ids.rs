//! The ids of a batch's keys, made once for all tables that have the same key.

use std::hash::{BuildHasher, Hasher, RandomState};

use palisade_events::{Batch, Column, FieldId};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::key::{Id, KeyColumns};
use super::spec::PartitionedBy;
use crate::partition::{PartitionKey, part_of};

/// Not looked for yet.
const UNKNOWN: Id = [0, 0];
/// The row has no key.
const NONE: Id = [0, 1];
/// The part of a row that is not looked for yet.
const NO_PART: u8 = u8::MAX;

/// Hashes keys under a secret.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyHasher(SipHasher13);

impl KeyHasher {
    /// A hasher whose secret comes from the system, by way of the standard library.
    pub(super) fn new() -> KeyHasher {
        let random = RandomState::new();
        KeyHasher(SipHasher13::new_with_keys(
            random.hash_one(0),
            random.hash_one(1),
        ))
    }

    /// The id of a key; none begins with 0.
    #[inline]
    pub(super) fn id(&self, key: &[u8]) -> Id {
        let mut hasher = self.0;
        hasher.write(key);
        let hash = hasher.finish128();
        [hash.h1.max(1), hash.h2]
    }
}

/// Ids by row of the batch, for keys of these fields.
struct Set {
    fields: Vec<FieldId>,
    columns: KeyColumns,
    ids: Vec<Id>,
}

/// The ids and parts of the rows of the batch at hand, made as they are asked for.
pub(super) struct Ids {
    pub(super) hasher: KeyHasher,
    partition: PartitionedBy,
    secret: PartitionKey,
    batch: Option<Batch>,
    /// The columns that choose the part, and the parts by row.
    choosing: Vec<Column>,
    parts: Vec<u8>,
    sets: Vec<Set>,
    /// Space that was used before.
    spare: Vec<Vec<Id>>,
    key: Vec<u8>,
}

impl Ids {
    pub(super) fn new(partition: PartitionedBy, secret: PartitionKey) -> Ids {
        Ids {
            hasher: KeyHasher::new(),
            partition,
            secret,
            batch: None,
            choosing: Vec::new(),
            parts: Vec::new(),
            sets: Vec::new(),
            spare: Vec::new(),
            key: Vec::new(),
        }
    }

    /// Whether rows are divided as by these.
    pub(super) fn divides_as(&self, other: &Ids) -> bool {
        self.partition == other.partition
    }

    /// Forgets the batch: another call begins, perhaps for another tenant.
    pub(super) fn forget(&mut self) {
        self.batch = None;
        self.choosing.clear();
        self.parts.clear();
        let sets = self.sets.drain(..);
        self.spare.extend(sets.map(|set| set.ids));
    }

    /// The number of the set for keys of these fields of the batch.
    pub(super) fn of(&mut self, batch: &Batch, fields: &[FieldId]) -> usize {
        // The batch is kept, so nothing else can be at the same address.
        let known = self.batch.as_ref();
        if known.is_none_or(|known| !std::ptr::eq(known.seqs(), batch.seqs())) {
            self.forget();
            self.batch = Some(batch.clone());
            if let Some(fields) = self.partition.fields(batch.kind()) {
                let columns = fields.iter().filter_map(|id| batch.column(*id).ok());
                self.choosing.extend(columns);
                self.parts.resize(batch.len(), NO_PART);
            }
        }
        if let Some(at) = self.sets.iter().position(|set| set.fields == fields) {
            return at;
        }
        let mut ids = self.spare.pop().unwrap_or_default();
        ids.clear();
        ids.resize(batch.len(), UNKNOWN);
        self.sets.push(Set {
            fields: fields.to_vec(),
            columns: KeyColumns::of(batch, fields),
            ids,
        });
        self.sets.len() - 1
    }

    /// The id of a row's key, if it has one.
    #[inline]
    pub(super) fn id(&mut self, set: usize, tenant: u32, row: usize) -> Option<Id> {
        let set = &mut self.sets[set];
        let id = set.ids.get_mut(row)?;
        if *id == UNKNOWN {
            self.key.clear();
            *id = match set.columns.write(tenant, row, &mut self.key) {
                true => self.hasher.id(&self.key),
                false => NONE,
            };
        }
        (*id != NONE).then_some(*id)
    }

    /// The part of a row.
    #[inline]
    pub(super) fn part(&mut self, row: usize) -> u32 {
        let Some(part) = self.parts.get_mut(row) else {
            return 0;
        };
        if *part == NO_PART {
            *part = part_of(self.secret, &self.choosing, row);
        }
        u32::from(*part)
    }

    /// The bytes of a row's key.
    pub(super) fn key(&self, set: usize, tenant: u32, row: usize) -> Box<[u8]> {
        self.sets[set].columns.boxed(tenant, row)
    }
}

impl std::fmt::Debug for Ids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ids")
    }
}
