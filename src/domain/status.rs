//! Status of an observation: what the sign beside or instead of the number says.

use serde::{Deserialize, Serialize};

/// What is known about one observation. The numbers are the bytes of a packed column and never change meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Status {
    /// A plain number.
    Valid = 0,
    /// No observation was delivered.
    #[default]
    Missing = 1,
    /// Withheld so that nobody can be identified.
    Suppressed = 2,
    /// Cannot exist here: the region did not exist, the question does not arise.
    NotApplicable = 3,
    /// Will come later.
    NotYetAvailable = 4,
    /// Not published because it is too uncertain.
    Unreliable = 5,
    /// Unknown or secret at the source; never zero.
    Unknown = 6,
    /// A number would have no meaning.
    NotMeaningful = 7,
    /// A number that was estimated.
    Estimated = 16,
    /// A number that the source will still revise.
    Preliminary = 17,
    /// A number that replaces an earlier one.
    Revised = 18,
    /// A number of limited value.
    Limited = 19,
    /// A number that was derived: from the parts of a region or its predecessors.
    Derived = 20,
    /// A number of several years taken together.
    Pooled = 21,
}

impl Status {
    /// Every status, in the order of its bytes.
    pub const ALL: [Self; 14] = [
        Self::Valid,
        Self::Missing,
        Self::Suppressed,
        Self::NotApplicable,
        Self::NotYetAvailable,
        Self::Unreliable,
        Self::Unknown,
        Self::NotMeaningful,
        Self::Estimated,
        Self::Preliminary,
        Self::Revised,
        Self::Limited,
        Self::Derived,
        Self::Pooled,
    ];

    /// True if an observation of this status has a number.
    pub const fn has_value(self) -> bool {
        matches!(
            self,
            Self::Valid
                | Self::Estimated
                | Self::Preliminary
                | Self::Revised
                | Self::Limited
                | Self::Derived
                | Self::Pooled
        )
    }

    /// The name used in tiles, JSON and CSV.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Missing => "missing",
            Self::Suppressed => "suppressed",
            Self::NotApplicable => "not-applicable",
            Self::NotYetAvailable => "not-yet-available",
            Self::Unreliable => "unreliable",
            Self::Unknown => "unknown",
            Self::NotMeaningful => "not-meaningful",
            Self::Estimated => "estimated",
            Self::Preliminary => "preliminary",
            Self::Revised => "revised",
            Self::Limited => "limited",
            Self::Derived => "derived",
            Self::Pooled => "pooled",
        }
    }

    /// The status of a byte in a packed column.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|s| *s as u8 == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_comes_back_from_its_byte() {
        for status in Status::ALL {
            assert_eq!(Status::from_byte(status as u8), Some(status));
        }
        assert_eq!(Status::from_byte(15), None);
    }
}
