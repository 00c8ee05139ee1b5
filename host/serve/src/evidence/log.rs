//! Where evidence is kept.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use palisade_journal::{Folder, Journal, JournalError, Limits};
use palisade_runtime::Plugin;
use palisade_sinks::{EvidenceRow, Said, Sqlite};
use palisade_store::{Digest, Name, Store};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{Figures, Filed, Situation};
use crate::config::{Config, EvidenceConfig};
use crate::server::{ServeError, data_error};

/// Its folder in the data directory.
const FOLDER: &str = "evidence";
/// Bytes of the evidence of one epoch; calls beyond that leave none.
const MAX_EPOCH: usize = 64 << 20;
/// How often it is looked whether something is too old.
const LOOK: Duration = Duration::from_secs(60);
/// The most rows that the database is given at a time.
const MAX_ROWS: usize = 4096;
/// What the names begin with under which the store holds components that evidence names.
const HELD: &str = "evidence.";

/// The evidence of an epoch.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EpochEvidence {
    pub(super) epoch: u64,
    pub(super) calls: Vec<CallEvidence>,
}

/// A call of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CallEvidence {
    /// The numbers of what came out of it.
    pub(super) numbers: Vec<u32>,
    /// The component.
    pub(super) component: String,
    /// A [`KeptCall`](palisade_pipeline::replay::KeptCall).
    pub(super) bytes: ByteBuf,
}

impl EpochEvidence {
    /// Where each of its calls has its evidence, if this is a record with that number.
    fn rows(&self, record: u64) -> Vec<EvidenceRow> {
        let row = |(call, at): (&CallEvidence, u32)| EvidenceRow {
            epoch: self.epoch,
            numbers: call.numbers.clone(),
            call: at,
            record,
            bytes: call.bytes.len() as u64,
            digest: Digest::of(&call.bytes).to_string(),
            component: call.component.clone(),
            reproduced: None,
        };
        self.calls.iter().zip(0..).map(row).collect()
    }
}

/// A call whose evidence was kept.
pub(crate) struct KeptNow {
    pub(crate) epoch: u64,
    pub(crate) call: u32,
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) bytes: Vec<u8>,
}

/// What was kept of an epoch.
#[derive(Default)]
pub(crate) struct Appended {
    pub(crate) rows: Vec<EvidenceRow>,
    pub(crate) calls: Vec<KeptNow>,
}

/// The evidence that there is.
pub(crate) struct EvidenceLog {
    journal: Journal,
    store: Arc<Store>,
    keep: Duration,
    looked: Instant,
    /// Components that the store is known to hold for it.
    held: HashSet<String>,
    pub(crate) figures: Arc<Figures>,
    /// The last epoch that had evidence when it was opened, and the number of its record.
    pub(crate) opened: (u64, u64),
}

/// Its folder.
pub(crate) fn folder(data: &Path) -> PathBuf {
    data.join(FOLDER)
}

impl EvidenceLog {
    /// Opens the evidence of a data directory; `None`: none is to be kept. If its folder was moved
    /// away, the database forgets what was in it.
    ///
    /// # Errors
    /// When it cannot be opened, or something is damaged of which the database knows.
    pub(crate) fn open(
        config: &Config,
        store: &Arc<Store>,
        sqlite: &mut Sqlite,
    ) -> Result<Option<EvidenceLog>, ServeError> {
        let EvidenceConfig {
            enabled,
            max_bytes,
            segment_bytes,
            keep_days,
            check_per_second: _,
        } = config.evidence;
        if !enabled {
            return Ok(None);
        }
        let path = folder(&config.data);
        palisade_private::make_dir(&path).map_err(|error| data_error(&path, error))?;
        let opened = Folder::new(&path).map_err(|error| data_error(&path, error))?;
        let limits = Limits {
            segment: segment_bytes,
            total: max_bytes,
        };
        let problem = |error: JournalError| ServeError::Evidence {
            path: path.display().to_string(),
            problem: error.to_string(),
        };
        let mut known = sqlite.last_evidence()?;
        let gone = match Journal::is_begun(&opened).map_err(problem)? {
            true => 0,
            false => std::mem::take(&mut known),
        };
        if gone > 0 {
            sqlite.take_evidence(&[], i64::MAX as u64)?;
        }
        // What was let go is nobody's loss.
        let (journal, _) = Journal::open(opened, limits, known, u64::MAX).map_err(problem)?;
        let last = journal.last();
        let record = match last {
            0 => None,
            last => journal.read(last).map_err(problem)?.next(),
        };
        let epoch = match record.transpose().map_err(problem)? {
            Some(record) => postcard::from_bytes::<EpochEvidence>(&record.bytes)?.epoch,
            None => 0,
        };
        let figures = Figures::default();
        figures.gone.store(gone, Ordering::Relaxed);
        Ok(Some(EvidenceLog {
            journal,
            store: Arc::clone(store),
            keep: Duration::from_secs(keep_days.saturating_mul(24 * 3600)),
            looked: Instant::now(),
            held: HashSet::new(),
            figures: Arc::new(figures),
            opened: (epoch, last),
        }))
    }

    /// Keeps what an epoch filed.
    ///
    /// # Errors
    /// When the disk is full, after which it can be tried again, or cannot be written.
    pub(crate) fn append(
        &mut self,
        epoch: u64,
        filed: &Filed,
        said: &[Said],
        situation: &Situation,
    ) -> Result<Appended, ServeError> {
        let mut without = 0;
        let (mut calls, mut now, mut bytes) = (Vec::new(), Vec::new(), 0);
        for call in filed.calls(said)? {
            let (numbers, evidence) = (call.numbers(), Arc::clone(&call.evidence));
            let encoded = call.keep(epoch, situation).and_then(|kept| kept.encode());
            let Some(encoded) = encoded.ok().filter(|of| bytes + of.len() <= MAX_EPOCH) else {
                without += numbers.len() as u64;
                continue;
            };
            bytes += encoded.len();
            now.push(KeptNow {
                epoch,
                call: calls.len() as u32,
                plugin: Arc::clone(&evidence.plugin),
                bytes: encoded.clone(),
            });
            calls.push(CallEvidence {
                numbers,
                component: evidence.plugin.digest().to_string(),
                bytes: ByteBuf::from(encoded),
            });
        }
        let epoch = EpochEvidence { epoch, calls };
        let mut appended = Appended::default();
        if !epoch.calls.is_empty() {
            for call in &epoch.calls {
                self.hold(&call.component)?;
            }
            match self.write(&postcard::to_stdvec(&epoch)?)? {
                Some(record) => {
                    appended.rows = epoch.rows(record);
                    appended.calls = now;
                }
                None => {
                    without += epoch
                        .calls
                        .iter()
                        .map(|c| c.numbers.len() as u64)
                        .sum::<u64>()
                }
            }
        }
        let figures = &self.figures;
        figures
            .without
            .fetch_add(without + filed.without, Ordering::Relaxed);
        figures
            .calls
            .fetch_add(appended.calls.len() as u64, Ordering::Relaxed);
        figures.bytes.store(self.journal.held(), Ordering::Relaxed);
        Ok(appended)
    }

    /// Appends a record, for which the oldest go where there is no room; `None`: it is larger
    /// than all of them may be.
    fn write(&mut self, bytes: &[u8]) -> Result<Option<u64>, ServeError> {
        loop {
            let error = match self.journal.append(bytes) {
                Ok(record) => return Ok(Some(record)),
                Err(error) => error,
            };
            let room = match &error {
                JournalError::Full { .. } => true,
                JournalError::Io { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
                _ => false,
            };
            let before = self.journal.first();
            if room && self.journal.let_go_oldest()? {
                self.count_gone(before);
                continue;
            }
            return match error {
                JournalError::Full { .. } => Ok(None),
                error => Err(error.into()),
            };
        }
    }

    fn count_gone(&self, before: u64) {
        let gone = self.journal.first().saturating_sub(before);
        self.figures.gone.fetch_add(gone, Ordering::Relaxed);
    }

    /// Lets go of what is too old, now and then.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub(crate) fn age(&mut self) -> Result<(), ServeError> {
        if self.looked.elapsed() < LOOK {
            return Ok(());
        }
        self.looked = Instant::now();
        if let Some(before) = SystemTime::now().checked_sub(self.keep) {
            let first = self.journal.first();
            self.journal.let_go(self.journal.last(), before)?;
            self.count_gone(first);
        }
        Ok(())
    }

    /// The first record that there is.
    pub(crate) fn first(&self) -> u64 {
        self.journal.first()
    }

    /// Keeps the store from removing a component.
    fn hold(&mut self, component: &str) -> Result<(), ServeError> {
        if self.held.contains(component) {
            return Ok(());
        }
        let name = Name::from_str(&format!("{HELD}{component}"));
        let (Ok(name), Ok(digest)) = (name, Digest::from_str(component)) else {
            return Ok(());
        };
        let named = self.store.set_name(&name, &digest);
        named.map_err(|error| ServeError::Evidence {
            path: "store".to_owned(),
            problem: error.to_string(),
        })?;
        self.held.insert(component.to_owned());
        Ok(())
    }

    /// Lets the store remove components that are not among these any more.
    ///
    /// # Errors
    /// When a name cannot be removed.
    pub(crate) fn release(&mut self, named: &BTreeSet<String>) -> Result<(), ServeError> {
        let problem = |error: palisade_store::NameError| ServeError::Evidence {
            path: "store".to_owned(),
            problem: error.to_string(),
        };
        for (name, _) in self.store.names().map_err(problem)? {
            let component = name.as_str().strip_prefix(HELD);
            if component.is_some_and(|component| !named.contains(component)) {
                self.store.remove_name(&name).map_err(problem)?;
            }
        }
        self.held.retain(|component| named.contains(component));
        Ok(())
    }

    /// Gives the database what it lacks of where evidence is.
    ///
    /// # Errors
    /// When a record is damaged, or the database cannot be written.
    pub(crate) fn index(&self, sqlite: &mut Sqlite) -> Result<(), ServeError> {
        let known = sqlite.last_evidence()?.min(self.opened.1);
        let mut rows = Vec::new();
        for record in self.journal.read(known + 1)? {
            let record = record?;
            let epoch: EpochEvidence = postcard::from_bytes(&record.bytes)?;
            rows.extend(epoch.rows(record.number));
            if rows.len() >= MAX_ROWS {
                sqlite.take_evidence(&rows, self.journal.first())?;
                rows.clear();
            }
        }
        sqlite.take_evidence(&rows, self.journal.first())?;
        Ok(())
    }
}
