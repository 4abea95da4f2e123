//! Variable-length integers for stored geometry, and a reader that never panics.

/// Why stored geometry cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Another kind of data, or another version of the format.
    #[error("these bytes are not {0} of a version this program knows")]
    Kind(&'static str),
    /// The bytes end too early or go on after the end.
    #[error("the stored geometry has the wrong length")]
    Length,
    /// A number is out of its range.
    #[error("the stored geometry is damaged")]
    Value,
    /// Topology and arcs do not belong together.
    #[error("the stored arcs do not fit the stored topology")]
    Mismatch,
}

/// Appends an unsigned number, seven bits per byte, least significant first.
pub(super) fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Appends a signed number so that small absolute values are short (zigzag).
pub(super) fn put_signed(bytes: &mut Vec<u8>, value: i64) {
    put(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

/// Reads what [`put`] and [`put_signed`] wrote.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads the bytes after `magic`.
    pub(super) fn new(bytes: &'a [u8], magic: &[u8], kind: &'static str) -> Result<Self, DecodeError> {
        let bytes = bytes.strip_prefix(magic).ok_or(DecodeError::Kind(kind))?;
        Ok(Self { bytes })
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.bytes.split_first().ok_or(DecodeError::Length)?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::Value)
    }

    pub(super) fn signed(&mut self) -> Result<i64, DecodeError> {
        let value = self.unsigned()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(super) fn number(&mut self) -> Result<u32, DecodeError> {
        u32::try_from(self.unsigned()?).map_err(|_| DecodeError::Value)
    }

    /// A number of things of which each takes at least one byte: never more than there are bytes left.
    pub(super) fn count(&mut self) -> Result<usize, DecodeError> {
        let count = self.number()? as usize;
        if count <= self.bytes.len() { Ok(count) } else { Err(DecodeError::Length) }
    }

    /// A coordinate written as the difference to `last`.
    pub(super) fn coordinate(&mut self, last: i32) -> Result<i32, DecodeError> {
        let value = i64::from(last).checked_add(self.signed()?).ok_or(DecodeError::Value)?;
        i32::try_from(value).map_err(|_| DecodeError::Value)
    }

    pub(super) fn end(self) -> Result<(), DecodeError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(DecodeError::Length) }
    }
}
