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

    /// The same policies with one demand changed, named as `public.threshold`; `null` takes a demand away.
    ///
    /// # Errors
    /// If there is no such demand, or it cannot have this value.
    pub fn with(&self, name: &str, value: &str) -> Result<Self, PolicyError> {
        let wrong = || PolicyError::Unknown(format!("{name}={value}"));
        let (audience, demand) = name.split_once('.').ok_or_else(wrong)?;
        let mut all = serde_json::to_value(self).map_err(|_| wrong())?;
        let policy = all.get_mut(audience).and_then(serde_json::Value::as_object_mut).ok_or_else(wrong)?;
        let value: serde_json::Value = serde_json::from_str(value).map_err(|_| wrong())?;
        policy.insert(demand.to_owned(), value);
        let changed: Self = serde_json::from_value(all).map_err(|_| wrong())?;
        changed.check()?;
        Ok(changed)
    }

    /// Refuses demands that make no sense.
    ///
    /// # Errors
    /// If a threshold is 0, a part is not above 0 and at most 1, or counts are rounded to multiples of less than 2.
    pub fn check(&self) -> Result<(), PolicyError> {
        for policy in [self.public, self.internal] {
            if policy.threshold == 0 || policy.min_denominator == 0 {
                return Err(PolicyError::Senseless("threshold and min_denominator are at least 1"));
            }
            if policy.dominance_k.is_some_and(|k| !(k > 0.0 && k <= 1.0)) {
                return Err(PolicyError::Senseless("dominance_k is above 0 and at most 1"));
            }
            if policy.rounding_base.is_some_and(|base| base < 2) {
                return Err(PolicyError::Senseless("rounding_base is at least 2"));
            }
        }
        Ok(())
    }
}

/// Why policies cannot be what somebody wants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// There is no such demand, or it cannot have this value.
    #[error(
        "'{0}' is no demand of a policy: write public. or internal., then threshold, width, min_denominator, \
         zeros_public, dominance_k or rounding_base, then = and a number, true, false or null"
    )]
    Unknown(String),
    /// It makes no sense.
    #[error("this policy makes no sense: {0}")]
    Senseless(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_demand_is_changed_by_its_name() {
        let changed = Policies::default().with("public.threshold", "5").unwrap();
        assert_eq!((changed.public.threshold, changed.internal.threshold), (5, 3));
        let rounded = changed.with("internal.rounding_base", "5").unwrap();
        assert_eq!(rounded.internal.rounding_base, Some(5));
        assert_eq!(rounded.with("internal.rounding_base", "null").unwrap(), changed);
    }

    #[test]
    fn senseless_demands_are_refused() {
        let policies = Policies::default();
        for (name, value) in [
            ("public.threshold", "0"),
            ("public.threshold", "-1"),
            ("public.dominance_k", "1.5"),
            ("public.rounding_base", "1"),
            ("public.zeros_public", "maybe"),
            ("public.nothing", "1"),
            ("nobody.threshold", "1"),
            ("threshold", "1"),
        ] {
            assert!(policies.with(name, value).is_err(), "{name}={value}");
        }
    }

    #[test]
    fn the_strictest_of_two_policies_demands_what_either_demands() {
        let one = Policy { threshold: 5, dominance_k: Some(0.9), ..Policy::default() };
        let other = Policy { zeros_public: false, dominance_k: Some(0.8), rounding_base: Some(5), ..one };
        let both = Policy { threshold: 3, ..one }.strictest(other);
        assert_eq!(both, Policy { threshold: 5, ..other });
    }
}
