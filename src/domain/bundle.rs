//! What is released in one act, and the states on the way there.

use serde::{Deserialize, Serialize};

use crate::domain::{Audience, Period, Slug};

/// What is to be released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// Indicators.
    pub indicators: Vec<Slug>,
    /// On which levels; every indicator must have values on each.
    pub levels: Vec<Slug>,
    /// Which periods; all that there are if empty.
    #[serde(default)]
    pub periods: Vec<Period>,
    /// To whom.
    pub audience: Audience,
}

/// Where a bundle stands on its way to release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BundleState {
    /// Being put together, or something was found that must be mended.
    Draft,
    /// Nothing stands in the way.
    Checked,
    /// Somebody decided that it be released; it may wait for the end of its embargo.
    Approved,
    /// Released.
    Released,
    /// Taken back, or given up before it was released.
    Withdrawn,
}

impl BundleState {
    /// The name used in JSON, SQL and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Checked => "checked",
            Self::Approved => "approved",
            Self::Released => "released",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What somebody wants to do with a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleStep {
    /// Change what is in it.
    Change,
    /// Look whether it can be released.
    Check,
    /// Decide that it be released.
    Approve,
    /// Release it.
    Release,
    /// Take it back, or give it up.
    Withdraw,
}

impl BundleStep {
    /// The verb, as on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Check => "check",
            Self::Approve => "approve",
            Self::Release => "release",
            Self::Withdraw => "withdraw",
        }
    }
}

/// A step that a bundle cannot take from where it stands. The text says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bundle is {}: it cannot {} now; {}", state.as_str(), passive(*step), advice(*state))]
pub struct IllegalStep {
    /// Where it stands.
    pub state: BundleState,
    /// What was wanted.
    pub step: BundleStep,
}

const fn passive(step: BundleStep) -> &'static str {
    match step {
        BundleStep::Change => "be changed",
        BundleStep::Check => "be checked",
        BundleStep::Approve => "be approved",
        BundleStep::Release => "be released",
        BundleStep::Withdraw => "be withdrawn",
    }
}

const fn advice(state: BundleState) -> &'static str {
    match state {
        BundleState::Draft => "check it first",
        BundleState::Checked => "let it be approved first",
        BundleState::Approved => "release it, or change it to make it a draft again",
        BundleState::Released => "withdraw it, or make a new bundle, which supersedes it",
        BundleState::Withdrawn => "make a new bundle",
    }
}

impl BundleState {
    /// Says whether a bundle may take this step.
    ///
    /// # Errors
    /// [`IllegalStep`] if it may not.
    pub const fn allows(self, step: BundleStep) -> Result<(), IllegalStep> {
        use BundleState::{Approved, Checked, Draft, Released};
        let allowed = match step {
            BundleStep::Change | BundleStep::Check => matches!(self, Draft | Checked | Approved),
            BundleStep::Approve => matches!(self, Checked),
            BundleStep::Release => matches!(self, Approved),
            BundleStep::Withdraw => matches!(self, Draft | Checked | Approved | Released),
        };
        if allowed { Ok(()) } else { Err(IllegalStep { state: self, step }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [BundleState; 5] = [
        BundleState::Draft,
        BundleState::Checked,
        BundleState::Approved,
        BundleState::Released,
        BundleState::Withdrawn,
    ];

    #[test]
    fn only_an_approved_bundle_is_released_and_only_a_checked_one_approved() {
        for state in STATES {
            assert_eq!(state.allows(BundleStep::Release).is_ok(), state == BundleState::Approved);
            assert_eq!(state.allows(BundleStep::Approve).is_ok(), state == BundleState::Checked);
        }
    }

    #[test]
    fn a_withdrawn_bundle_stays_withdrawn() {
        use BundleStep::{Approve, Change, Check, Release, Withdraw};
        for step in [Change, Check, Approve, Release, Withdraw] {
            let refused = BundleState::Withdrawn.allows(step).unwrap_err();
            assert!(refused.to_string().ends_with("make a new bundle"), "{refused}");
        }
    }

    #[test]
    fn a_step_that_is_refused_says_what_to_do() {
        let refused = BundleState::Draft.allows(BundleStep::Release).unwrap_err();
        assert_eq!(refused.to_string(), "the bundle is draft: it cannot be released now; check it first");
    }
}
