//! What was released.

use serde::Serialize;

use crate::{domain::Slug, store::NewRelease};

/// One release as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Released {
    /// Indicator.
    pub indicator: Slug,
    /// Level.
    pub level: Slug,
    /// How many periods.
    pub periods: usize,
    /// It carries a certificate of disclosure control.
    pub certified: bool,
}

impl Released {
    pub(super) fn of(release: &NewRelease) -> Self {
        Self {
            indicator: release.indicator.clone(),
            level: release.level.clone(),
            periods: release.columns.len(),
            certified: release.certificate.is_some(),
        }
    }
}
