//! Snapshots: whole files, each of what stands after one record of a journal.
//!
//! One is written under a name that ends in `.tmp`, synced, renamed, and counts once the folder is
//! synced; the two newest are kept. It begins with 8 bytes that say what it is and the number of
//! the record. Then come pieces, each the length of its bytes (4 bytes) and these; then a length of
//! all ones, and the BLAKE3 digest of everything before that. All numbers are little-endian. What
//! pieces hold means something to the caller alone, who must bound what it makes of them: a digest
//! tells damage, not who wrote it.

use std::io;

use std::time::SystemTime;

use crate::files::{Files, SegmentFile};

/// What a snapshot begins with.
const MAGIC: [u8; 8] = *b"PALSNP01";
/// Bytes before the first piece.
const HEADER: usize = 16;
/// Stands where the length of another piece would.
const END: u32 = u32::MAX;
/// The most bytes that a piece may have.
pub(crate) const MAX_PIECE: usize = 64 << 20;
/// Bytes after which what is written is made durable, so that the disk is never busy with much at
/// once while others wait for it.
const SYNCED_AT_ONCE: u64 = 4 << 20;
/// How many snapshots are kept.
const KEPT: usize = 2;
/// How much is read at a time.
const BLOCK: usize = 1 << 20;

/// Why a snapshot cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file operation failed.
    #[error("cannot {what} {file}: {source}")]
    Io {
        /// What was to be done.
        what: &'static str,
        /// With which file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is none, or one of another version.
    #[error("{0} is no snapshot of this version of Palisade")]
    Foreign(String),
    /// It is not whole, or not what was written.
    #[error("{file} is damaged or cut off at byte {at}")]
    Damaged {
        /// The file.
        file: String,
        /// Where.
        at: u64,
    },
    /// A piece is larger than any may be.
    #[error("a piece of {0} bytes is more than the {MAX_PIECE} that one may have")]
    TooLarge(usize),
}

fn io_error(what: &'static str, file: &str) -> impl FnOnce(io::Error) -> SnapshotError {
    let file = file.to_owned();
    move |source| SnapshotError::Io { what, file, source }
}

/// The name of the snapshot that stands for a record; names sort as numbers do.
fn name(record: u64) -> String {
    format!("{record:020}.snapshot")
}

fn record_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".snapshot")?;
    let number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    number.then(|| digits.parse().ok()).flatten()
}

/// A folder of snapshots.
pub struct Snapshots {
    files: Box<dyn Files>,
}

impl Snapshots {
    /// The snapshots of a folder. What was left behind half written is removed.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn open(files: impl Files + 'static) -> Result<Snapshots, SnapshotError> {
        let names = files.list().map_err(io_error("list", "the snapshots"))?;
        for name in names.iter().filter(|name| name.ends_with(".tmp")) {
            files.remove(name).map_err(io_error("remove", name))?;
        }
        let files = Box::new(files);
        Ok(Snapshots { files })
    }

    /// The snapshots of a folder in which somebody else may be writing: nothing is removed.
    pub fn reading(files: impl Files + 'static) -> Snapshots {
        Snapshots {
            files: Box::new(files),
        }
    }

    /// When the snapshot that stands for a record was written.
    ///
    /// # Errors
    /// When it is gone.
    pub fn written(&self, record: u64) -> Result<SystemTime, SnapshotError> {
        let name = name(record);
        self.files
            .written(&name)
            .map_err(io_error("look at", &name))
    }

    /// The records that snapshots stand for, the newest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn records(&self) -> Result<Vec<u64>, SnapshotError> {
        let names = self.files.list();
        let names = names.map_err(io_error("list", "the snapshots"))?;
        let mut records: Vec<u64> = names.iter().filter_map(|name| record_of(name)).collect();
        records.sort_unstable_by(|a, b| b.cmp(a));
        Ok(records)
    }

    /// The pieces of the snapshot that stands for a record, which is whole.
    ///
    /// # Errors
    /// When it is not, or cannot be read.
    pub fn read(&self, record: u64) -> Result<Pieces, SnapshotError> {
        let name = name(record);
        let file = self.files.open(&name).map_err(io_error("open", &name))?;
        let size = file.size().map_err(io_error("look at", &name))?;
        let mut pieces = Pieces {
            name,
            file,
            size,
            at: HEADER as u64,
            ended: false,
        };
        pieces.check(record)?;
        Ok(pieces)
    }

    /// Begins the snapshot that stands for a record.
    ///
    /// # Errors
    /// When there is no room, or the file cannot be written.
    pub fn begin(&self, record: u64) -> Result<SnapshotWriter<'_>, SnapshotError> {
        let name = name(record);
        let temporary = format!("{name}.tmp");
        let created = self.files.create(&temporary, 0);
        let file = created.map_err(io_error("make", &temporary))?;
        let mut writer = SnapshotWriter {
            snapshots: self,
            name,
            temporary,
            file,
            digest: blake3::Hasher::new(),
            at: 0,
            synced: 0,
            done: false,
        };
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&MAGIC);
        header[8..].copy_from_slice(&record.to_le_bytes());
        writer.write(&header)?;
        Ok(writer)
    }

    /// Removes all but the newest two; the record that the older of those stands for, 0 where there
    /// are fewer: what is up to there is not needed any more.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn keep_newest(&self) -> Result<u64, SnapshotError> {
        let records = self.records()?;
        for record in records.iter().skip(KEPT) {
            let name = name(*record);
            let removed = self.files.remove(&name);
            removed.map_err(io_error("remove", &name))?;
        }
        Ok(records.get(KEPT - 1).copied().unwrap_or(0))
    }
}

/// Writes a snapshot. One that is dropped before [`finish`](Self::finish) is removed.
pub struct SnapshotWriter<'a> {
    snapshots: &'a Snapshots,
    name: String,
    temporary: String,
    file: Box<dyn SegmentFile>,
    digest: blake3::Hasher,
    /// Bytes that are written, and that are durable.
    at: u64,
    synced: u64,
    done: bool,
}

impl SnapshotWriter<'_> {
    /// Writes a piece.
    ///
    /// # Errors
    /// When it is too large or cannot be written; the snapshot is of no use then.
    pub fn piece(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        if bytes.len() > MAX_PIECE {
            return Err(SnapshotError::TooLarge(bytes.len()));
        }
        self.write(&(bytes.len() as u32).to_le_bytes())?;
        self.write(bytes)?;
        if self.at - self.synced >= SYNCED_AT_ONCE {
            self.sync()?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.digest.update(bytes);
        let written = self.file.write_at(bytes, self.at);
        written.map_err(io_error("write", &self.temporary))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SnapshotError> {
        let synced = self.file.sync();
        synced.map_err(io_error("sync", &self.temporary))?;
        self.synced = self.at;
        Ok(())
    }

    /// Makes the snapshot durable and one that counts; how many bytes it has.
    ///
    /// # Errors
    /// When that cannot be done. It may be there or not then, and is whole if it is.
    pub fn finish(mut self) -> Result<u64, SnapshotError> {
        self.write(&END.to_le_bytes())?;
        let digest = *self.digest.finalize().as_bytes();
        self.write(&digest)?;
        self.sync()?;
        let files = &self.snapshots.files;
        let renamed = files.rename(&self.temporary, &self.name);
        renamed.map_err(io_error("rename", &self.temporary))?;
        self.done = true;
        files
            .sync()
            .map_err(io_error("sync the folder of", &self.name))?;
        Ok(self.at)
    }
}

impl Drop for SnapshotWriter<'_> {
    fn drop(&mut self) {
        if !self.done {
            // Otherwise it is removed by the next start.
            let _ = self.snapshots.files.remove(&self.temporary);
        }
    }
}

/// The pieces of a snapshot, one after another.
pub struct Pieces {
    name: String,
    file: Box<dyn SegmentFile>,
    size: u64,
    at: u64,
    ended: bool,
}

impl Pieces {
    /// The file, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn damaged(&self, at: u64) -> SnapshotError {
        let file = self.name.clone();
        SnapshotError::Damaged { file, at }
    }

    fn fill(&self, to: &mut [u8], at: u64) -> Result<(), SnapshotError> {
        let read = self.file.read_at(to, at);
        let read = read.map_err(io_error("read", &self.name))?;
        match read == to.len() {
            true => Ok(()),
            false => Err(self.damaged(at + read as u64)),
        }
    }

    /// Looks whether it is what was written, before anything is made of it.
    fn check(&mut self, record: u64) -> Result<(), SnapshotError> {
        let mut header = [0; HEADER];
        self.fill(&mut header, 0)?;
        if header[..8] != MAGIC {
            return Err(SnapshotError::Foreign(self.name.clone()));
        }
        if header[8..] != record.to_le_bytes() {
            return Err(self.damaged(8));
        }
        let Some(end) = self.size.checked_sub(32).filter(|end| *end >= 20) else {
            return Err(self.damaged(self.size));
        };
        let (mut digest, mut at) = (blake3::Hasher::new(), 0);
        let mut block = vec![0; BLOCK];
        while at < end {
            let wanted = BLOCK.min(usize::try_from(end - at).unwrap_or(BLOCK));
            self.fill(&mut block[..wanted], at)?;
            digest.update(&block[..wanted]);
            at += wanted as u64;
        }
        let mut expected = [0; 32];
        self.fill(&mut expected, end)?;
        match digest.finalize() == blake3::Hash::from_bytes(expected) {
            true => Ok(()),
            false => Err(self.damaged(end)),
        }
    }

    fn piece(&mut self) -> Result<Option<Vec<u8>>, SnapshotError> {
        let mut length = [0; 4];
        self.fill(&mut length, self.at)?;
        let length = u32::from_le_bytes(length);
        let end = self.size.saturating_sub(32);
        if length == END {
            return match self.at + 4 == end {
                true => Ok(None),
                false => Err(self.damaged(self.at)),
            };
        }
        if length as usize > MAX_PIECE || u64::from(length) > end.saturating_sub(self.at + 4) {
            return Err(self.damaged(self.at));
        }
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes, self.at + 4)?;
        self.at += 4 + u64::from(length);
        Ok(Some(bytes))
    }
}

impl Iterator for Pieces {
    type Item = Result<Vec<u8>, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let piece = self.piece();
        self.ended = !matches!(piece, Ok(Some(_)));
        piece.transpose()
    }
}
