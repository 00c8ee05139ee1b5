//! A disk that fails and machines that stop: whatever happens, what was synced is there and is
//! what was written, and nothing is there that was not.

mod disk;

use std::io;

use disk::{Disk, Failure};
use palisade_journal::{Folder, Journal, JournalError, Limits, Record};
use proptest::prelude::*;

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
        let mut journal = Journal::open(disk.clone(), LIMITS, 0, 0).unwrap().0;
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
                    let (opened, recovered) = Journal::open(disk.clone(), LIMITS, 0, 0).unwrap();
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
    let mut journal = Journal::open(disk.clone(), LIMITS, 0, 0).unwrap().0;
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
    let mut journal = Journal::open(disk.clone(), LIMITS, 0, 0).unwrap().0;
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
    let mut journal = Journal::open(disk.clone(), LIMITS, 0, 0).unwrap().0;
    for number in 1..=12 {
        journal.append(&bytes(number, 900)).unwrap();
    }
    journal.sync().unwrap();
    drop(journal);
    disk.bytes("00000000000000000001.journal", |bytes| bytes[1000] ^= 1);
    let Err(error) = Journal::open(disk.clone(), LIMITS, 0, 0) else {
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
    let (mut journal, recovered) = Journal::open(disk.clone(), LIMITS, 0, 0).unwrap();
    assert_eq!(
        (recovered.last, recovered.cut.map(|cut| cut.at)),
        (9, Some(924))
    );
    assert_eq!(journal.append(b"anew").unwrap(), 10);
    journal.sync().unwrap();
    drop(journal);
    let (journal, recovered) = Journal::open(disk, LIMITS, 0, 0).unwrap();
    assert_eq!((recovered.last, recovered.cut), (10, None));
    assert_eq!(records(&journal, 10)[0].bytes, b"anew");
}

#[test]
fn a_record_has_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::new(dir.path()).unwrap();
    let mut journal = Journal::open(folder, Limits::default(), 0, 0).unwrap().0;
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
    let mut journal = Journal::open(disk.clone(), LIMITS, 0, 0).unwrap().0;
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
        Journal::open(disk.clone(), LIMITS, 0, 0),
        Err(JournalError::Gap {
            wanted: 5,
            found: 9,
            ..
        })
    ));
    disk.bytes("00000000000000000001.journal", |bytes| bytes[0] = b'X');
    assert!(matches!(
        Journal::open(disk, LIMITS, 0, 0),
        Err(JournalError::Foreign(_))
    ));
}

#[test]
fn on_a_real_disk_records_come_back_and_nobody_else_may_write() {
    let dir = tempfile::tempdir().unwrap();
    let folder = || Folder::new(dir.path());
    let mut journal = Journal::open(folder().unwrap(), LIMITS, 0, 0).unwrap().0;
    for number in 1..=20 {
        journal.append(&bytes(number, 700)).unwrap();
    }
    // Larger than a segment: it has one of its own.
    journal.append(&[3; 10_000]).unwrap();
    journal.sync().unwrap();
    assert_eq!(folder().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(journal);
    let (journal, recovered) = Journal::open(folder().unwrap(), LIMITS, 0, 0).unwrap();
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
