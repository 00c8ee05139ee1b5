//! How records lie in a segment.
//!
//! A segment begins with 8 bytes that say what it is and the number of its first record; then
//! come records, and zeros up to its end. A record is the length of its bytes plus one, so that
//! zeros are none (4 bytes), a CRC-32 of its number, length and bytes (4), and the bytes. All
//! numbers are little-endian. The number is not stored: it is in the checksum, so that a record
//! of an earlier life of the file is never taken for one of this.

use crate::files::SegmentFile;

/// What a segment begins with.
const MAGIC: [u8; 8] = *b"PALJRN01";
/// Bytes before the first record.
pub(crate) const HEADER: u64 = 16;
/// Bytes of a record beside its own.
pub(crate) const FRAME: usize = 8;
/// The most bytes that a record may have.
pub(crate) const MAX_RECORD: usize = 128 << 20;

/// The first bytes of a segment.
pub(crate) fn header(first: u64) -> [u8; HEADER as usize] {
    let mut bytes = [0; HEADER as usize];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..].copy_from_slice(&first.to_le_bytes());
    bytes
}

/// The name of the segment whose first record has this number; names sort as numbers do.
pub(crate) fn name(first: u64) -> String {
    format!("{first:020}.journal")
}

/// The number of the first record of a segment of this name.
pub(crate) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".journal")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

/// The first record's number, as the segment itself says; `None`: it is no segment.
pub(crate) fn first(file: &dyn SegmentFile) -> std::io::Result<Option<u64>> {
    let mut bytes = [0; HEADER as usize];
    let read = file.read_at(&mut bytes, 0)?;
    if read < bytes.len() || bytes[..8] != MAGIC {
        return Ok(None);
    }
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[8..]);
    Ok(Some(u64::from_le_bytes(number)))
}

/// Appends a record to what is to be written.
pub(crate) fn encode(number: u64, bytes: &[u8], to: &mut Vec<u8>) {
    // Below the limit, which `append` keeps.
    let length = bytes.len() as u32 + 1;
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(&checksum(number, length, bytes).to_le_bytes());
    to.extend_from_slice(bytes);
}

fn checksum(number: u64, length: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// What lies at an offset.
pub(crate) enum Found {
    /// A record with these bytes.
    Record(Vec<u8>),
    /// Nothing was written here.
    End,
    /// Something that is no whole record.
    Broken,
}

/// Reads what lies at an offset, where the record with this number would be.
pub(crate) fn decode(
    file: &dyn SegmentFile,
    size: u64,
    offset: u64,
    number: u64,
) -> std::io::Result<Found> {
    let mut frame = [0; FRAME];
    let read = file.read_at(&mut frame, offset)?;
    if frame == [0; FRAME] {
        return Ok(Found::End);
    }
    let half = |at: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&frame[at..at + 4]);
        u32::from_le_bytes(bytes)
    };
    let (length, expected) = (half(0), half(4));
    let room = size.saturating_sub(offset + FRAME as u64);
    let Some(bytes) = length.checked_sub(1) else {
        return Ok(Found::Broken);
    };
    if read < FRAME || u64::from(bytes) > room || bytes as usize > MAX_RECORD {
        return Ok(Found::Broken);
    }
    let mut record = vec![0; bytes as usize];
    let read = file.read_at(&mut record, offset + FRAME as u64)?;
    if read < record.len() || checksum(number, length, &record) != expected {
        return Ok(Found::Broken);
    }
    Ok(Found::Record(record))
}
