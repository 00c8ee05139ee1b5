//! Reading numbers and slices out of hostile bytes.

/// Where bytes stopped making sense, and what should have been there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Offset from the start of the bytes that were handed in.
    pub offset: usize,
    /// What was expected there, for a person.
    pub expected: &'static str,
}

impl Fault {
    /// The same fault in bytes that begin `by` earlier.
    #[must_use]
    pub fn shifted(self, by: usize) -> Self {
        Self {
            offset: self.offset.saturating_add(by),
            ..self
        }
    }
}

/// A cursor over bytes. Every read past the end is a [`Fault`], never a panic.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes` from their start.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes have been read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// What has not been read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// How many bytes have not been read yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Whether all has been read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// A fault at the cursor.
    #[must_use]
    pub fn fault(&self, expected: &'static str) -> Fault {
        Fault {
            offset: self.at,
            expected,
        }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// When fewer are left; `expected` says what they are.
    pub fn take(&mut self, count: usize, expected: &'static str) -> Result<&'a [u8], Fault> {
        let taken = self.rest().get(..count).ok_or(self.fault(expected))?;
        self.at += count;
        Ok(taken)
    }

    /// The next byte.
    ///
    /// # Errors
    /// When none is left.
    pub fn u8(&mut self, expected: &'static str) -> Result<u8, Fault> {
        let (&byte, _) = self.rest().split_first().ok_or(self.fault(expected))?;
        self.at += 1;
        Ok(byte)
    }

    /// The next two bytes as a big-endian number.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn u16(&mut self, expected: &'static str) -> Result<u16, Fault> {
        let Some((&bytes, _)) = self.rest().split_first_chunk::<2>() else {
            return Err(self.fault(expected));
        };
        self.at += 2;
        Ok(u16::from_be_bytes(bytes))
    }

    /// The next three bytes as a big-endian number.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn u24(&mut self, expected: &'static str) -> Result<u32, Fault> {
        let Some((&[a, b, c], _)) = self.rest().split_first_chunk::<3>() else {
            return Err(self.fault(expected));
        };
        self.at += 3;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    /// The next four bytes as a big-endian number.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn u32(&mut self, expected: &'static str) -> Result<u32, Fault> {
        let Some((&bytes, _)) = self.rest().split_first_chunk::<4>() else {
            return Err(self.fault(expected));
        };
        self.at += 4;
        Ok(u32::from_be_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_and_names_what_is_missing() {
        let mut reader = Reader::new(&[1, 0, 2, 0, 0, 3, 0, 0, 0, 4, 9]);
        assert_eq!(reader.u8("a"), Ok(1));
        assert_eq!(reader.u16("b"), Ok(2));
        assert_eq!(reader.u24("c"), Ok(3));
        assert_eq!(reader.u32("d"), Ok(4));
        assert_eq!(
            reader.u16("a checksum"),
            Err(Fault {
                offset: 10,
                expected: "a checksum"
            })
        );
        assert_eq!(reader.take(1, "e"), Ok(&[9u8][..]));
        assert!(reader.is_empty());
        assert_eq!(reader.take(usize::MAX, "e").map_err(|f| f.offset), Err(11));
    }
}
