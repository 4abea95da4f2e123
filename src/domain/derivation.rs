//! How a series was made from others.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::domain::{Period, Slug};

/// By which arithmetic a series was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "method")]
pub enum DerivationMethod {
    /// Values of another edition, carried over by successions.
    Edition {
        /// Date of the edition that they were delivered for.
        from: NaiveDate,
    },
    /// Sums over the complete parts of each region.
    Parents {
        /// Level of the parts.
        from: Slug,
        /// Ordinals of the regions that lacked a value in a delivered series and got one; `None` where nothing was
        /// delivered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filled: Option<Vec<u32>>,
    },
    /// Several years taken together.
    Pooled {
        /// How many.
        years: u32,
    },
    /// The quotient of two indicators.
    Ratio,
}

/// A series that another was made from, with the hash that its content had then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DerivationInput {
    /// Indicator.
    pub indicator: Slug,
    /// Level.
    pub level: Slug,
    /// Date of its edition.
    pub edition: NaiveDate,
    /// Period.
    pub period: Period,
    /// Hash of its content.
    pub hash: String,
}

/// How a series was made from others. It is out of date when one of the inputs has another hash or is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derivation {
    /// The arithmetic.
    #[serde(flatten)]
    pub method: DerivationMethod,
    /// What went in, in the order in which it was taken.
    pub inputs: Vec<DerivationInput>,
}
