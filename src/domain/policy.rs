//! What disclosure control demands before numbers are shown.

use serde::{Deserialize, Serialize};

use crate::domain::Audience;

/// What disclosure control demands for one audience. A source may be stricter than its atlas: see [`Policy::strictest`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Counts from 1 to one below it are secret.
    pub threshold: u32,
    /// Least difference between the smallest and the largest possible value of a secret count.
    pub width: u32,
    /// Shares and rates of fewer than this are secret.
    pub min_denominator: u32,
    /// Zeros are shown, and 0 % is.
    pub zeros_public: bool,
    /// Largest part, above 0 and at most 1, that one contributor may have of a sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dominance_k: Option<f64>,
    /// Counts are shown rounded to multiples of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounding_base: Option<u32>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            threshold: 3,
            width: 3,
            min_denominator: 30,
            zeros_public: true,
            dominance_k: None,
            rounding_base: None,
        }
    }
}

impl Policy {
    /// The policy that demands whatever one of the two demands.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        let smaller = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self {
            threshold: self.threshold.max(other.threshold),
            width: self.width.max(other.width),
            min_denominator: self.min_denominator.max(other.min_denominator),
            zeros_public: self.zeros_public && other.zeros_public,
            dominance_k: smaller(self.dominance_k, other.dominance_k),
            rounding_base: self.rounding_base.max(other.rounding_base),
        }
    }
}

/// The policies of an atlas or a source, by audience.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policies {
    /// For everybody.
    pub public: Policy,
    /// For internal releases of restricted sources.
    pub internal: Policy,
}

impl Policies {
    /// The policy for an audience.
    pub const fn of(&self, audience: Audience) -> Policy {
        match audience {
            Audience::Public => self.public,
            Audience::Internal => self.internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_of_two_policies_demands_what_either_demands() {
        let one = Policy { threshold: 5, dominance_k: Some(0.9), ..Policy::default() };
        let other = Policy { zeros_public: false, dominance_k: Some(0.8), rounding_base: Some(5), ..one };
        let both = Policy { threshold: 3, ..one }.strictest(other);
        assert_eq!(both, Policy { threshold: 5, ..other });
    }
}
