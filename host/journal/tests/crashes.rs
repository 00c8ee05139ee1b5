//! A disk that fails and machines that stop: whatever happens, what was synced is there and is
//! what was written, and nothing is there that was not.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use palisade_journal::{Files, Folder, Journal, JournalError, Limits, Record, SegmentFile};
use proptest::prelude::*;

/// A disk that can be stopped and made to fail.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    files: BTreeMap<String, File>,
    /// Operations until one fails, and how; `None`: none does.
    fails: Option<(u32, Failure)>,
    /// Which files the folder is known to have.
    known: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    /// No room.
    Full,
    /// The disk cannot.
    Broken,
    /// Half of a write is done, then the disk cannot.
    Short,
}

#[derive(Clone, Default)]
struct File {
    /// What is on the disk for sure.
    synced: Vec<u8>,
    /// What a read sees.
    seen: Vec<u8>,
    /// Writes since the last sync.
    writes: Vec<(usize, Vec<u8>)>,
}

impl State {
    /// Counts an operation; the error when it is the one that fails.
    fn operation(&mut self) -> Result<(), (Failure, io::Error)> {
        let Some((left, failure)) = &mut self.fails else {
            return Ok(());
        };
        if *left > 0 {
            *left -= 1;
            return Ok(());
        }
        let failure = *failure;
        self.fails = None;
        let number = match failure {
            Failure::Full => 28,
            Failure::Broken | Failure::Short => 5,
        };
        Err((failure, io::Error::from_raw_os_error(number)))
    }
}

struct Handle(Disk, String);

impl Disk {
    /// Stops the machine: of what was not synced, each write is there, half there or lost, as
    /// `chance` says.
    fn stop(&self, mut chance: impl FnMut() -> u8) {
        let mut state = self.0.lock().unwrap();
        let known = state.known.clone();
        state
            .files
            .retain(|name, _| known.contains(name) || chance().is_multiple_of(2));
        for file in state.files.values_mut() {
            let mut there = file.synced.clone();
            for (at, bytes) in std::mem::take(&mut file.writes) {
                let kept = match chance() % 3 {
                    0 => bytes.len(),
                    1 => bytes.len() / 2,
                    _ => 0,
                };
                there[at..at + kept].copy_from_slice(&bytes[..kept]);
            }
            (file.synced, file.seen) = (there.clone(), there);
        }
        state.fails = None;
        state.known = state.files.keys().cloned().collect();
    }

    fn fail_after(&self, operations: u32, failure: Failure) {
        self.0.lock().unwrap().fails = Some((operations, failure));
    }

    fn bytes(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock().unwrap();
        let file = state.files.get_mut(name).expect("the file is there");
        change(&mut file.synced);
        file.seen = file.synced.clone();
    }
}

impl Files for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().files.keys().cloned().collect())
    }
    fn create(&self, name: &str, size: u64) -> io::Result<Box<dyn SegmentFile>> {
        let mut state = self.0.lock().unwrap();
        state.operation().map_err(|(_, error)| error)?;
        let zeros = vec![0; size as usize];
        let file = File {
            synced: zeros.clone(),
            seen: zeros,
            writes: Vec::new(),
        };
        state.files.insert(name.to_owned(), file);
        Ok(Box::new(Handle(self.clone(), name.to_owned())))
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(Handle(self.clone(), name.to_owned())))
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.lock().unwrap().files.remove(name);
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.operation().map_err(|(_, error)| error)?;
        state.known = state.files.keys().cloned().collect();
        Ok(())
    }
}

impl SegmentFile for Handle {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        let (kept, result) = match state.operation() {
            Ok(()) => (bytes.len(), Ok(())),
            Err((Failure::Short, error)) => (bytes.len() / 2, Err(error)),
            Err((_, error)) => (0, Err(error)),
        };
        let file = state.files.get_mut(&self.1).unwrap();
        let at = offset as usize;
        file.seen[at..at + kept].copy_from_slice(&bytes[..kept]);
        file.writes.push((at, bytes[..kept].to_vec()));
        result
    }
    fn read_at(&self, to: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.0.0.lock().unwrap();
        let seen = &state.files[&self.1].seen;
        let rest = &seen[(offset as usize).min(seen.len())..];
        let read = rest.len().min(to.len());
        to[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.0.lock().unwrap().files[&self.1].seen.len() as u64)
    }
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.operation().map_err(|(_, error)| error)?;
        let file = state.files.get_mut(&self.1).unwrap();
        file.synced = file.seen.clone();
        file.writes.clear();
        Ok(())
    }
}

const LIMITS: Limits = Limits {
    segment: 4 << 10,
    total: 64 << 10,
};

fn records(journal: &Journal, from: u64) -> Vec<Record> {
    let records = journal.read(from).expect("it can be read");
    records
        .collect::<Result<_, _>>()
        .expect("no record is damaged")
}

fn bytes(number: u64, length: usize) -> Vec<u8> {
    vec![number as u8 ^ 0x5a; length]
}

#[derive(Clone, Debug)]
enum Act {
    Append(usize),
    Sync,
    /// The machine stops and starts again.
    Stop(Vec<u8>),
    Fail(u32, Failure),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0usize..900).prop_map(Act::Append),
        3 => Just(Act::Sync),
        1 => proptest::collection::vec(any::<u8>(), 1..20).prop_map(Act::Stop),
        1 => (0u32..6, prop_oneof![Just(Failure::Full), Just(Failure::Broken), Just(Failure::Short)])
            .prop_map(|(after, failure)| Act::Fail(after, failure)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_was_synced_is_there_whatever_happens(acts in proptest::collection::vec(act(), 1..60)) {
        let disk = Disk::default();
        let mut journal = Journal::open(disk.clone(), LIMITS).unwrap().0;
        // Of each record the length; and how many of them were promised to be kept.
        let (mut written, mut kept): (Vec<usize>, usize) = (Vec::new(), 0);
        for act in acts.into_iter().chain([Act::Stop(vec![1, 2])]) {
            match act {
                Act::Append(length) => {
                    let number = written.len() as u64 + 1;
                    if let Ok(given) = journal.append(&bytes(number, length)) {
                        prop_assert_eq!(given, number);
                        written.push(length);
                    }
                }
                Act::Sync => {
                    if journal.sync().is_ok() {
                        kept = written.len();
                    }
                }
                Act::Fail(after, failure) => disk.fail_after(after, failure),
                Act::Stop(chances) => {
                    let mut chances = chances.into_iter().cycle();
                    disk.stop(|| chances.next().unwrap_or(0));
                    let (opened, recovered) = Journal::open(disk.clone(), LIMITS).unwrap();
                    journal = opened;
                    let found = recovered.last as usize;
                    prop_assert!(found >= kept, "{found} of {kept}");
                    // A record whose write failed half way may be there as a whole.
                    for (record, number) in records(&journal, 1).into_iter().zip(1..) {
                        prop_assert_eq!(record.number, number);
                        if let Some(length) = written.get(number as usize - 1) {
                            prop_assert_eq!(record.bytes, bytes(number, *length));
                        }
                    }
                    written.truncate(found);
                    prop_assert_eq!(written.len(), found);
                    kept = found;
                }
            }
        }
    }
}

#[test]
fn a_failed_sync_ends_it() {
    let disk = Disk::default();
    let mut journal = Journal::open(disk.clone(), LIMITS).unwrap().0;
    journal.append(b"first").unwrap();
    journal.sync().unwrap();
    journal.append(b"second").unwrap();
    disk.fail_after(0, Failure::Broken);
    let error = journal.sync().unwrap_err().to_string();
    assert!(
        error.contains("cannot sync 00000000000000000001.journal"),
        "{error}"
    );
    // A second attempt would succeed, and prove nothing.
    assert!(matches!(journal.sync(), Err(JournalError::Spent)));
    assert!(matches!(journal.append(b"third"), Err(JournalError::Spent)));
}

#[test]
fn a_full_disk_is_told_before_a_record_is_begun_and_can_be_mended() {
    let disk = Disk::default();
    let mut journal = Journal::open(disk.clone(), LIMITS).unwrap().0;
    disk.fail_after(0, Failure::Full);
    let error = journal.append(b"first").unwrap_err().to_string();
    assert!(error.contains("make room for"), "{error}");
    // There is room again.
    assert_eq!(journal.append(b"first").unwrap(), 1);
    journal.sync().unwrap();
    for number in 2.. {
        match journal.append(&[7; 1000]) {
            Ok(given) => assert_eq!(given, number),
            Err(JournalError::Full { held, most }) => {
                assert_eq!((held, most), (LIMITS.total, LIMITS.total));
                assert!(number > 40);
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(records(&journal, journal.last()).len(), 1);
}

#[test]
fn a_record_that_is_damaged_is_told_and_not_passed_over() {
    let disk = Disk::default();
    let mut journal = Journal::open(disk.clone(), LIMITS).unwrap().0;
    for number in 1..=12 {
        journal.append(&bytes(number, 900)).unwrap();
    }
    journal.sync().unwrap();
    drop(journal);
    disk.bytes("00000000000000000001.journal", |bytes| bytes[1000] ^= 1);
    let Err(error) = Journal::open(disk.clone(), LIMITS) else {
        panic!("it is damaged");
    };
    assert!(
        matches!(
            error,
            JournalError::Damaged {
                number: 2,
                at: 924,
                ..
            }
        ),
        "{error}"
    );
    // At the end it is what a crash leaves, and is cut off for good.
    disk.bytes("00000000000000000001.journal", |bytes| bytes[1000] ^= 1);
    disk.bytes("00000000000000000009.journal", |bytes| bytes[1000] ^= 1);
    let (mut journal, recovered) = Journal::open(disk.clone(), LIMITS).unwrap();
    assert_eq!(
        (recovered.last, recovered.cut.map(|cut| cut.at)),
        (9, Some(924))
    );
    assert_eq!(journal.append(b"anew").unwrap(), 10);
    journal.sync().unwrap();
    drop(journal);
    let (journal, recovered) = Journal::open(disk, LIMITS).unwrap();
    assert_eq!((recovered.last, recovered.cut), (10, None));
    assert_eq!(records(&journal, 10)[0].bytes, b"anew");
}

#[test]
fn a_record_has_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(dir.path()).unwrap();
    let mut journal = Journal::open(folder, Limits::default()).unwrap().0;
    let most = 128 << 20;
    let error = journal.append(&vec![0; most + 1]).unwrap_err();
    assert!(
        matches!(error, JournalError::TooLarge(bytes, limit) if (bytes, limit) == (most + 1, most))
    );
    assert_eq!(journal.append(b"and it goes on").unwrap(), 1);
}

#[test]
fn what_is_no_segment_or_missing_is_told() {
    let disk = Disk::default();
    let mut journal = Journal::open(disk.clone(), LIMITS).unwrap().0;
    for number in 1..=12 {
        journal.append(&bytes(number, 900)).unwrap();
    }
    journal.sync().unwrap();
    drop(journal);
    disk.0
        .lock()
        .unwrap()
        .files
        .remove("00000000000000000005.journal");
    assert!(matches!(
        Journal::open(disk.clone(), LIMITS),
        Err(JournalError::Gap {
            wanted: 5,
            found: 9,
            ..
        })
    ));
    disk.bytes("00000000000000000001.journal", |bytes| bytes[0] = b'X');
    assert!(matches!(
        Journal::open(disk, LIMITS),
        Err(JournalError::Foreign(_))
    ));
}

#[test]
fn on_a_real_disk_records_come_back_and_nobody_else_may_write() {
    let dir = tempfile::tempdir().unwrap();
    let folder = || Folder::new(dir.path());
    let mut journal = Journal::open(folder().unwrap(), LIMITS).unwrap().0;
    for number in 1..=20 {
        journal.append(&bytes(number, 700)).unwrap();
    }
    // Larger than a segment: it has one of its own.
    journal.append(&[3; 10_000]).unwrap();
    journal.sync().unwrap();
    assert_eq!(folder().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(journal);
    let (journal, recovered) = Journal::open(folder().unwrap(), LIMITS).unwrap();
    assert_eq!((recovered.last, recovered.cut), (21, None));
    let read = records(&journal, 15);
    assert_eq!(
        read.iter().map(|r| r.number).collect::<Vec<_>>(),
        (15..=21).collect::<Vec<_>>()
    );
    assert_eq!(read[6].bytes.len(), 10_000);
    assert_eq!(records(&journal, 22), []);
    let mode = |entry: std::fs::DirEntry| {
        use std::os::unix::fs::PermissionsExt as _;
        entry.metadata().unwrap().permissions().mode() & 0o777
    };
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        assert_eq!(mode(entry.unwrap()), 0o600);
    }
}
