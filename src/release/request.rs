//! What is to be released, and what was.

use crate::domain::{Audience, Period, Slug};

/// What is to be released.
#[derive(Debug, Clone)]
pub struct ReleaseRequest {
    /// Indicators.
    pub indicators: Vec<Slug>,
    /// On which level.
    pub level: Slug,
    /// Which periods; all that there are if empty.
    pub periods: Vec<Period>,
    /// To whom.
    pub audience: Audience,
}

/// One release as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Indicator.
    pub indicator: Slug,
    /// How many periods.
    pub periods: usize,
    /// It carries a certificate of disclosure control.
    pub certified: bool,
}
