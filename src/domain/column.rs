//! Packed columns: the observations of one series or release, by the region's ordinal in its edition.

use crate::domain::Status;

/// Values and statuses of all regions of an edition; index = ordinal of the region.
///
/// Invariant: both vectors have the same length; `values[i]` is finite exactly when `statuses[i].has_value()`,
/// otherwise it is NaN.
#[derive(Debug, Clone, Default)]
pub struct Column {
    values: Vec<f64>,
    statuses: Vec<Status>,
}

/// What stands beside the values of a series. Each vector, if there is one, is as long as the column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Companions {
    /// Numerators; NaN where unknown.
    pub numerators: Option<Vec<f64>>,
    /// Denominators; NaN where unknown.
    pub denominators: Option<Vec<f64>>,
    /// Contributors (households, facilities) behind each value; NaN where unknown.
    pub contributors: Option<Vec<f64>>,
    /// Text of the cells whose sign is not a plain number: (ordinal, text as delivered).
    pub raw_signs: Vec<(u32, String)>,
}

/// Why bytes are no packed column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// The bytes end early, go on too long or begin with another version.
    #[error("packed column is damaged: {0}")]
    Damaged(&'static str),
    /// A status byte of no known meaning.
    #[error("packed column has the unknown status {0}")]
    UnknownStatus(u8),
}

/// First byte of a packed column; a later layout gets another number.
const VERSION: u8 = 1;

impl Column {
    /// A column of `len` missing observations.
    pub fn missing(len: usize) -> Self {
        Self { values: vec![f64::NAN; len], statuses: vec![Status::Missing; len] }
    }

    /// Sets the observation of a region. A number that is not finite becomes *missing*, a number of a status that has
    /// none is dropped.
    ///
    /// # Panics
    /// If `ordinal` is not below [`Column::len`].
    pub fn set(&mut self, ordinal: usize, value: Option<f64>, status: Status) {
        match value.filter(|v| v.is_finite()) {
            Some(v) if status.has_value() => (self.values[ordinal], self.statuses[ordinal]) = (v, status),
            _ => {
                self.values[ordinal] = f64::NAN;
                self.statuses[ordinal] = if status.has_value() { Status::Missing } else { status };
            }
        }
    }

    /// Number of regions.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True if the edition has no region.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The number of a region, if it has one.
    pub fn value(&self, ordinal: usize) -> Option<f64> {
        self.values.get(ordinal).copied().filter(|v| !v.is_nan())
    }

    /// The status of a region; *missing* beyond the end.
    pub fn status(&self, ordinal: usize) -> Status {
        self.statuses.get(ordinal).copied().unwrap_or(Status::Missing)
    }

    /// All values, NaN where there is none.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// All statuses.
    pub fn statuses(&self) -> &[Status] {
        &self.statuses
    }

    /// The numbers that there are, without gaps.
    pub fn numbers(&self) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().copied().filter(|v| !v.is_nan())
    }

    /// The same column with its numbers rounded half away from zero to `decimals`, as a release stores them.
    #[must_use]
    pub fn rounded(&self, decimals: u8) -> Self {
        let factor = 10_f64.powi(i32::from(decimals));
        // `+ 0.0` turns -0 into 0, so that no sign of a vanished number is left.
        let round = |v: &f64| (v * factor).round() / factor + 0.0;
        Self { values: self.values.iter().map(round).collect(), statuses: self.statuses.clone() }
    }

    /// Bytes: version, number of regions (u32), values (f64), statuses (u8); little endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(5 + 9 * self.len());
        bytes.push(VERSION);
        bytes.extend((self.len() as u32).to_le_bytes());
        bytes.extend(self.values.iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend(self.statuses.iter().map(|s| *s as u8));
        bytes
    }

    /// Reads what [`Column::to_bytes`] wrote.
    ///
    /// # Errors
    /// If the bytes are cut, too long or hold an unknown status.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ColumnError> {
        let (&version, rest) = bytes.split_first().ok_or(ColumnError::Damaged("no bytes"))?;
        if version != VERSION {
            return Err(ColumnError::Damaged("unknown version"));
        }
        let (len, rest) = rest.split_first_chunk::<4>().ok_or(ColumnError::Damaged("no length"))?;
        let len = u32::from_le_bytes(*len) as usize;
        if rest.len() != len * 9 {
            return Err(ColumnError::Damaged("length does not fit"));
        }
        let (numbers, states) = rest.split_at(len * 8);
        let mut column = Self::missing(len);
        for (i, (number, &state)) in numbers.as_chunks::<8>().0.iter().zip(states).enumerate() {
            let status = Status::from_byte(state).ok_or(ColumnError::UnknownStatus(state))?;
            column.set(i, Some(f64::from_le_bytes(*number)), status);
        }
        Ok(column)
    }
}

/// Two columns are equal if they say the same of every region (NaN equals NaN here).
impl PartialEq for Column {
    fn eq(&self, other: &Self) -> bool {
        let bits = |c: &Self| c.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        self.statuses == other.statuses && bits(self) == bits(other)
    }
}

impl Companions {
    /// Bytes of a companion vector: the numbers as little-endian f64.
    pub fn numbers_to_bytes(numbers: &[f64]) -> Vec<u8> {
        numbers.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    /// Reads what [`Companions::numbers_to_bytes`] wrote.
    ///
    /// # Errors
    /// If the number of bytes is no multiple of eight.
    pub fn numbers_from_bytes(bytes: &[u8]) -> Result<Vec<f64>, ColumnError> {
        match bytes.as_chunks::<8>() {
            (numbers, []) => Ok(numbers.iter().map(|n| f64::from_le_bytes(*n)).collect()),
            _ => Err(ColumnError::Damaged("companion length does not fit")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_column_comes_back_from_its_bytes(cells in proptest::collection::vec((any::<f64>(), 0..13_usize), 0..50)) {
            let mut column = Column::missing(cells.len());
            for (i, (value, status)) in cells.iter().enumerate() {
                column.set(i, Some(*value), Status::ALL[*status]);
            }
            prop_assert_eq!(Column::from_bytes(&column.to_bytes()).unwrap(), column);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Column::from_bytes(&bytes);
        }
    }

    #[test]
    fn a_number_without_a_value_status_is_dropped() {
        let mut column = Column::missing(2);
        column.set(0, Some(3.0), Status::Suppressed);
        column.set(1, Some(f64::INFINITY), Status::Valid);
        assert_eq!((column.value(0), column.status(0)), (None, Status::Suppressed));
        assert_eq!((column.value(1), column.status(1)), (None, Status::Missing));
    }

    #[test]
    fn rounding_leaves_no_negative_zero_and_no_exact_share() {
        let mut column = Column::missing(2);
        column.set(0, Some(-0.01), Status::Valid);
        column.set(1, Some(100.0 / 34.0), Status::Valid);
        let rounded = column.rounded(1);
        assert_eq!(rounded.value(0).unwrap().to_bits(), 0.0_f64.to_bits());
        assert_eq!(rounded.value(1), Some(2.9));
    }
}
