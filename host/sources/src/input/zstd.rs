//! Undoes zstd (RFC 8878).

use std::io::{self, BufRead, Read};

use super::gzip::skip_zeros;
use super::remarks::Remarks;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Frames of zstd one after another, with skippable ones and zeros between and behind them.
/// What else comes behind the last is left out, and a remark says so.
pub(super) struct Zstd<R> {
    from: R,
    max_window: u64,
    decoder: FrameDecoder,
    in_frame: bool,
    /// Whether a frame has ended.
    past_first: bool,
    ended: bool,
    remarks: Remarks,
}

impl<R: BufRead> Zstd<R> {
    /// Reads frames of `from`, none of which may have a window of more bytes: memory that it
    /// demands.
    pub(super) fn new(from: R, max_window: u64, remarks: Remarks) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(max_window);
        Self {
            from,
            max_window,
            decoder,
            in_frame: false,
            past_first: false,
            ended: false,
            remarks,
        }
    }

    /// Opens the next frame; false at the end of the input.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.ended {
            match skip_zeros(&mut self.from)? {
                None => break,
                // A frame, or one to be skipped.
                Some(0x28 | 0x50..=0x5f) => {}
                Some(_) if self.past_first => {
                    self.remarks.add(
                        "the bytes behind the last zstd frame are no frame: they are left out, and \
                         all before them was read"
                            .to_owned(),
                    );
                    break;
                }
                Some(_) => {}
            }
            match self.decoder.reset(&mut self.from) {
                Ok(()) => {
                    self.in_frame = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.from).take(length.into());
                    if io::copy(&mut skipped, &mut io::sink())? < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(FrameDecoderError::WindowSizeTooBig { requested, .. }) => {
                    let error = format!(
                        "it demands a window of {requested} bytes, and at most {} are given; give \
                         more with --memory, or compress it again without --long and --ultra",
                        self.max_window
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
        self.ended = true;
        Ok(false)
    }

    /// What was decoded by a frame that has ended must have the checksum it claims.
    fn end_frame(&mut self) -> io::Result<()> {
        self.in_frame = false;
        self.past_first = true;
        let claimed = self.decoder.get_checksum_from_data();
        if claimed.is_some() && claimed != self.decoder.get_calculated_checksum() {
            let error = "the checksum of a zstd frame does not match what it holds";
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.in_frame && !self.next_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let step = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder
                    .decode_blocks(&mut self.from, step)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            }
            match self.decoder.read(to)? {
                0 => self.end_frame()?,
                read => return Ok(read),
            }
        }
    }
}
