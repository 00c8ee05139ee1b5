//! Undoes gzip (RFC 1952).

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

use super::remarks::Remarks;

/// The first byte of a member.
const MAGIC: u8 = 0x1f;

/// Members of gzip one after another, with zeros between and behind them as tapes and disks
/// need them. What else comes behind the last is left out, and a remark says so.
pub(super) struct Gzip<R> {
    /// The present member; none at the end.
    member: Option<GzDecoder<R>>,
    /// Whether a member has ended.
    past_first: bool,
    remarks: Remarks,
}

impl<R: BufRead> Gzip<R> {
    /// Reads members of `from`.
    pub(super) fn new(from: R, remarks: Remarks) -> Self {
        Self {
            member: Some(GzDecoder::new(from)),
            past_first: false,
            remarks,
        }
    }

    /// Leaves out what comes behind the last member.
    fn leave(&mut self) -> usize {
        self.member = None;
        self.remarks.add(
            "the bytes behind the last gzip member are no member: they are left out, and \
             all before them was read"
                .to_owned(),
        );
        0
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let has_header = member.header().is_some();
            match member.read(to) {
                Ok(0) => {}
                // The byte that seemed to begin a member did not.
                Err(error)
                    if self.past_first
                        && !has_header
                        && error.kind() == io::ErrorKind::InvalidInput =>
                {
                    return Ok(self.leave());
                }
                read => return read,
            }
            self.past_first = true;
            match skip_zeros(member.get_mut())? {
                None => self.member = None,
                Some(MAGIC) => {
                    let member = self.member.take();
                    self.member = member.map(|ended| GzDecoder::new(ended.into_inner()));
                }
                Some(_) => return Ok(self.leave()),
            }
        }
        Ok(0)
    }
}

/// Passes over zeros; the byte behind them, which is not taken.
pub(super) fn skip_zeros(from: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let bytes = match from.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let (next, empty) = (bytes.get(zeros).copied(), bytes.is_empty());
        from.consume(zeros);
        if next.is_some() || empty {
            return Ok(next);
        }
    }
}
