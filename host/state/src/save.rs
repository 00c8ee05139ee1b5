//! Saves what tables hold as of one moment while they go on, and puts it back.
//!
//! A walk goes over the slots of all tables, as many at a time as the caller likes, between calls.
//! A slot that is touched, dated or taken out before the walk comes to it is written first, as it
//! is then; one that is put in meanwhile is passed over. So what is written is what there was when
//! the walk began, whatever happened since, and no call waits for more than the slots that it
//! touches. The order of touches is in the stamps.

use std::sync::Arc;

use serde::Serialize;

use super::any::{AnyTable, each};
use super::image::{Bytes, ImageError, KeyExport, KeyImage, TablesImage};
use super::key::MAX_KEY;
use super::tables::Tables;

/// Bytes after which what was written is cut into pieces.
const PIECE: usize = 1 << 20;
/// The longest key of columns without its tenant: values, or a digest.
const LONGEST: usize = MAX_KEY;
/// The longest key that a plugin makes itself: what a call may put.
const LONGEST_OWN: usize = super::tables::MAX_WRITTEN;

/// What is encoded as [`KeyImage`](super::image::KeyImage), from where it lies.
#[derive(Serialize)]
pub(super) struct SavedKey<'a, C> {
    pub(super) table: u32,
    pub(super) tenant: u32,
    pub(super) part: u8,
    pub(super) stamp: u64,
    #[serde(with = "serde_bytes")]
    pub(super) key: &'a [u8],
    pub(super) cell: C,
}

/// A walk over the slots of all tables of a shard.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The watermark when it began.
    watermark: u64,
    /// What is written of the present piece.
    keys: Vec<u8>,
    count: u64,
    /// Pieces that are full: how many keys, and their bytes.
    full: Vec<(u64, Vec<u8>)>,
}

impl Walk {
    pub(super) fn write<C: Serialize>(&mut self, key: &SavedKey<'_, C>) {
        if self.keys.capacity() == 0 {
            self.keys.reserve(PIECE + PIECE / 16);
        }
        // Writing into memory does not fail.
        if let Ok(bytes) = postcard::to_extend(key, std::mem::take(&mut self.keys)) {
            self.keys = bytes;
            self.count += 1;
        }
        if self.keys.len() >= PIECE {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let (count, keys) = (self.count, std::mem::take(&mut self.keys));
        self.count = 0;
        if count > 0 {
            self.full.push((count, keys));
        }
    }
}

impl Tables {
    /// Begins a walk over what the tables hold now. One that is under way is given up. Between
    /// calls only.
    pub fn begin_walk(&mut self) {
        // Whatever a walk left behind that was given up must not be taken for written.
        if self.ledger.walk.take().is_some() {
            for any in &mut self.tables {
                let mark = self.ledger.mark;
                each!(any, table => table.mark_all(mark));
            }
        }
        self.ledger.mark = self.ledger.mark.wrapping_add(1);
        for any in &mut self.tables {
            each!(any, table => table.begin_walk());
        }
        self.ledger.walk = Some(Box::new(Walk {
            watermark: self.watermark,
            ..Walk::default()
        }));
    }

    /// Goes on with a walk, over so many slots at most; it takes off of those. What was written
    /// since the last time, and whether that is all; `None`: there is no walk. Between calls only.
    pub fn walk(&mut self, left: &mut usize) -> Option<(Vec<TablesImage>, bool)> {
        self.ledger.walk.as_ref()?;
        for any in &mut self.tables {
            *left = each!(any, table => table.walk(&mut self.ledger, *left));
        }
        let done = self
            .tables
            .iter()
            .all(|any| each!(any, table => table.is_walked()));
        let walk = self.ledger.walk.as_mut()?;
        if done || walk.keys.len() >= PIECE / 2 {
            walk.cut();
        }
        let (full, watermark) = (std::mem::take(&mut walk.full), walk.watermark);
        if done {
            self.ledger.walk = None;
        }
        let image = |(count, keys)| TablesImage {
            watermark,
            count,
            keys: Bytes(keys),
            ..self.names()
        };
        let mut images: Vec<TablesImage> = full.into_iter().map(image).collect();
        if done && images.is_empty() {
            // The watermark is kept of empty tables too.
            images.push(TablesImage {
                watermark,
                ..self.names()
            });
        }
        Some((images, done))
    }

    /// Gives a walk up.
    pub fn end_walk(&mut self) {
        if self.ledger.walk.take().is_some() {
            for any in &mut self.tables {
                let mark = self.ledger.mark;
                each!(any, table => table.mark_all(mark));
            }
        }
    }

    /// The names of tables and tenants by number.
    fn names(&self) -> TablesImage {
        let mut tenants = vec![String::new(); self.tenants.len()];
        for (name, number) in &self.tenants {
            tenants[*number as usize] = name.to_string();
        }
        TablesImage {
            tables: self.tables.iter().map(|t| t.spec().name.clone()).collect(),
            tenants,
            ..TablesImage::default()
        }
    }

    /// Puts keys back of those parts that are `mine`. [`restored`](Self::restored) must follow
    /// before anything else is done with the tables, which are of no use after an error.
    ///
    /// # Errors
    /// When the image is none that these tables can hold.
    pub fn restore(
        &mut self,
        image: &TablesImage,
        mine: impl Fn(u8) -> bool,
    ) -> Result<(), ImageError> {
        self.watermark = self.watermark.max(image.watermark);
        let place = |name: &String| self.tables.iter().position(|t| t.spec().name == *name);
        let tables: Vec<Option<usize>> = image.tables.iter().map(place).collect();
        let mut tenants: Vec<Option<u32>> = vec![None; image.tenants.len()];
        for key in image.keys() {
            let key = key?;
            if u32::from(key.part) >= self.ledger.parts {
                return Err(ImageError::Owner);
            }
            if !mine(key.part) {
                continue;
            }
            let tenant = match tenants.get(key.tenant as usize) {
                None => return Err(ImageError::Owner),
                Some(Some(tenant)) => *tenant,
                Some(None) => {
                    let tenant = self.tenant(&image.tenants[key.tenant as usize]);
                    tenants[key.tenant as usize] = Some(tenant);
                    tenant
                }
            };
            let table = tables.get(key.table as usize).copied().flatten();
            self.put_back(table.ok_or(ImageError::Table)?, tenant, key)?;
        }
        Ok(())
    }

    fn put_back(&mut self, table: usize, tenant: u32, key: KeyImage) -> Result<(), ImageError> {
        let any = &mut self.tables[table];
        let own = matches!(any, AnyTable::Value(_));
        if key.key.0.len() > if own { LONGEST_OWN } else { LONGEST } {
            return Err(ImageError::Key);
        }
        let mut bytes = Vec::with_capacity(4 + key.key.0.len());
        bytes.extend_from_slice(&tenant.to_le_bytes());
        bytes.extend_from_slice(&key.key.0);
        let id = self.ids.hasher.id(&bytes);
        let list = self.ledger.list(tenant, u32::from(key.part));
        self.ledger.reserve(tenant);
        let owner = (id, list, key.stamp);
        each!(any, table => table.put_back(&mut self.ledger, owner, bytes.into(), key.cell))?;
        if self.ledger.is_over(u32::from(key.part)) {
            return Err(ImageError::Room);
        }
        Ok(())
    }

    /// Puts the keys that were put back in the order in which they were touched.
    pub fn restored(&mut self) {
        for any in &mut self.tables {
            each!(any, table => table.put_in_order(&mut self.ledger));
        }
        self.undated.clear();
        for (number, any) in self.tables.iter().enumerate() {
            if let AnyTable::Value(table) = any {
                let keys = table.keys_of(|stored| stored.is_undated());
                self.undated.extend(keys.map(|key| (number, key.into())));
            }
        }
    }

    fn tenant(&mut self, name: &str) -> u32 {
        let next = self.tenants.len() as u32;
        *self.tenants.entry(Arc::from(name)).or_insert(next)
    }

    /// Everything in the tables, by table, tenant, part and rank. Between calls only.
    pub fn export(&self) -> Vec<KeyExport> {
        let names = self.names();
        let mut all = Vec::new();
        for any in &self.tables {
            each!(any, table => {
                for (list, rank, key, cell) in table.ranked() {
                    let tenant = (list / self.ledger.parts) as usize;
                    all.push(KeyExport {
                        table: table.spec.name.clone(),
                        tenant: names.tenants.get(tenant).cloned().unwrap_or_default(),
                        part: self.ledger.part(list),
                        key: key.get(4..).unwrap_or_default().to_vec(),
                        rank,
                        value: super::cell::Cell::image(cell),
                    });
                }
            });
        }
        let order = |key: &KeyExport| (key.table.clone(), key.tenant.clone(), key.part, key.rank);
        all.sort_by_cached_key(order);
        all
    }

    /// The watermark that the tables have been told last.
    pub fn watermark(&self) -> u64 {
        self.watermark
    }
}
