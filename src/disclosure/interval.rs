//! Intervals of whole numbers that may be open at either end.

use std::fmt;

/// The whole numbers from `lo` to `up`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Interval {
    /// The smallest; `None` if there is none.
    pub lo: Option<i64>,
    /// The largest; `None` if there is none.
    pub up: Option<i64>,
}

impl Interval {
    /// A number alone.
    pub const fn point(value: i64) -> Self {
        Self { lo: Some(value), up: Some(value) }
    }

    /// The difference of its ends; `None` if it is unbounded.
    pub fn width(self) -> Option<i64> {
        Some(self.up?.saturating_sub(self.lo?))
    }

    /// Whether `threshold` or a larger number is possible.
    pub fn reaches(self, threshold: i64) -> bool {
        self.up.is_none_or(|up| up >= threshold)
    }

    /// Whether its ends are at least `width` apart.
    pub fn spans(self, width: i64) -> bool {
        self.width().is_none_or(|own| own >= width)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |end: Option<i64>| end.map_or_else(|| "unbounded".to_owned(), |n| n.to_string());
        write!(f, "{} to {}", end(self.lo), end(self.up))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_interval_reaches_and_spans_everything() {
        let open = Interval { lo: Some(0), up: None };
        assert!(open.reaches(i64::MAX) && open.spans(i64::MAX));
        let closed = Interval { lo: Some(1), up: Some(4) };
        assert!(closed.reaches(4) && !closed.reaches(5) && closed.spans(3) && !closed.spans(4));
        assert_eq!(open.to_string(), "0 to unbounded");
    }
}
