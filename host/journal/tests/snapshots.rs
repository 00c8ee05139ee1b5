//! Snapshots on a disk that fails and under machines that stop: whatever happens, one that counts
//! is whole, and what was kept before is kept until another is.

mod disk;

use std::time::{Duration, SystemTime};

use disk::{Disk, Failure};
use palisade_journal::{Journal, Limits, SnapshotError, Snapshots};

fn pieces(record: u64) -> Vec<Vec<u8>> {
    let byte = record as u8;
    vec![vec![byte; 10], Vec::new(), vec![byte ^ 0x55; 5000]]
}

fn write(snapshots: &Snapshots, record: u64) -> Result<(), SnapshotError> {
    let mut writer = snapshots.begin(record)?;
    for piece in pieces(record) {
        writer.piece(&piece)?;
    }
    writer.finish()?;
    snapshots.keep_newest()?;
    Ok(())
}

fn read(snapshots: &Snapshots, record: u64) -> Vec<Vec<u8>> {
    let read = snapshots.read(record).expect("it is whole");
    read.collect::<Result<_, _>>().expect("its pieces are")
}

#[test]
fn one_that_counts_is_whole_wherever_writing_ends() {
    // The disk fails, or the machine stops, at each operation.
    for fails in [
        Some(Failure::Full),
        Some(Failure::Broken),
        Some(Failure::Short),
        None,
    ] {
        for after in 0..20 {
            for chance in 0..3u8 {
                let disk = Disk::default();
                let snapshots = Snapshots::open(disk.clone()).expect("a folder");
                write(&snapshots, 3).expect("nothing fails");
                write(&snapshots, 5).expect("nothing fails");
                disk.fail_after(after, fails.unwrap_or(Failure::Broken));
                let written = write(&snapshots, 8).is_ok();
                if fails.is_none() || written {
                    let mut turn = chance;
                    disk.stop(|| {
                        turn = turn.wrapping_mul(5).wrapping_add(chance + 1);
                        turn
                    });
                }
                let snapshots = Snapshots::open(disk.clone()).expect("a folder");
                let there = snapshots.records().expect("they can be listed");
                if written {
                    assert_eq!(there, [8, 5], "after {after}");
                }
                assert!(there.contains(&5), "{there:?} after {after}");
                let whole: Vec<u64> = there
                    .iter()
                    .copied()
                    .filter(|record| snapshots.read(*record).is_ok())
                    .collect();
                assert_eq!(whole, there, "after {after}");
                for record in whole {
                    assert_eq!(read(&snapshots, record), pieces(record));
                }
                // And the next can be written.
                write(&snapshots, 9).expect("nothing fails any more");
                assert_eq!(snapshots.records().expect("they can be listed")[0], 9);
            }
        }
    }
}

#[test]
fn the_newest_two_are_kept_and_what_is_damaged_is_told() {
    let disk = Disk::default();
    let snapshots = Snapshots::open(disk.clone()).expect("a folder");
    for record in [1, 2, 30] {
        write(&snapshots, record).expect("nothing fails");
    }
    assert_eq!(snapshots.records().expect("they can be listed"), [30, 2]);
    assert_eq!(snapshots.keep_newest().expect("nothing fails"), 2);
    let name = format!("{:020}.snapshot", 30);
    let size = 16 + 3 * 4 + 5010 + 4 + 32;
    for at in (0..size).step_by(7).chain([size - 1]) {
        disk.bytes(&name, |bytes| {
            assert_eq!(bytes.len(), size);
            bytes[at] ^= 4;
        });
        assert!(snapshots.read(30).is_err(), "byte {at}");
        disk.bytes(&name, |bytes| bytes[at] ^= 4);
    }
    for length in [0, 15, 16, 50, size - 1] {
        let mut whole = Vec::new();
        disk.bytes(&name, |bytes| {
            whole.clone_from(bytes);
            bytes.truncate(length);
        });
        assert!(snapshots.read(30).is_err(), "{length} bytes");
        disk.bytes(&name, |bytes| *bytes = whole);
    }
    assert_eq!(read(&snapshots, 30), pieces(30));
    // Under the name of another it stands for nothing.
    let mut bytes = Vec::new();
    disk.bytes(&name, |of| bytes.clone_from(of));
    disk.bytes(&format!("{:020}.snapshot", 2), |of| *of = bytes);
    assert!(matches!(
        snapshots.read(2),
        Err(SnapshotError::Damaged { at: 8, .. })
    ));
}

#[test]
fn a_piece_has_an_end() {
    let disk = Disk::default();
    let snapshots = Snapshots::open(disk).expect("a folder");
    let mut writer = snapshots.begin(1).expect("a file");
    let most = 64 << 20;
    let error = writer.piece(&vec![0; most + 1]);
    assert!(matches!(error, Err(SnapshotError::TooLarge(bytes)) if bytes == most + 1));
}

#[test]
fn segments_are_let_go_from_the_oldest_and_what_is_not_covered_is_missed() {
    let limits = Limits {
        segment: 4 << 10,
        total: 64 << 10,
    };
    let disk = Disk::default();
    let (mut journal, _) = Journal::open(disk.clone(), limits, 0, 0).expect("a journal");
    // Four to a segment: records 1 to 4, 5 to 8 and so on.
    for number in 1..=14u8 {
        journal.append(&[number; 900]).expect("there is room");
    }
    journal.sync().expect("nothing fails");
    let later = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    let mut let_go = |covered, before| {
        let gone = journal.let_go(covered, before).expect("nothing fails");
        (gone, journal.first())
    };
    assert_eq!(let_go(14, SystemTime::UNIX_EPOCH), (0, 1));
    assert_eq!(let_go(3, later), (0, 1));
    assert_eq!(let_go(4, later), (1, 5));
    assert_eq!(let_go(11, later), (1, 9));
    // What is being written stays.
    assert_eq!(let_go(14, later), (1, 13));
    drop(journal);
    let open = |covered| Journal::open(disk.clone(), limits, 0, covered);
    let (journal, recovered) = open(12).expect("nothing is missed");
    assert_eq!((recovered.last, journal.first()), (14, 13));
    let records: Vec<_> = journal
        .read(13)
        .expect("they can be read")
        .flatten()
        .collect();
    assert_eq!(
        records.iter().map(|r| r.number).collect::<Vec<_>>(),
        [13, 14]
    );
    drop(journal);
    for covered in [0, 11] {
        let error = open(covered)
            .err()
            .expect("records are missing")
            .to_string();
        let wanted = format!("record {} is missing", covered + 1);
        assert!(error.contains(&wanted), "{error}");
    }
    // An empty folder has lost all, whatever snapshots there are.
    let (journal, _) = Journal::open(Disk::default(), limits, 0, 12).expect("a folder");
    assert_eq!((journal.last(), journal.first()), (0, 1));
}
