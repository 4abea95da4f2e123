//! Release: check, publish, withdraw; open and close the public area.
//!
//! Holds the rules of publication. Must not know: HTTP, files, how values came in.
//!
//! Invariant: what is released is rounded to the indicator's decimals and classified from those rounded numbers, so that
//! breaks, classes and ranks give away nothing more exact.

mod area;
mod prepare;
mod publish;
mod request;

use crate::{classification::ClassifyError, domain::Slug, store::StoreError};

pub use crate::domain::ReleaseRequest;
pub use area::{close, counting_indicators, open, set_category_public};
pub use publish::{release, withdraw};
pub use request::Released;

/// Why something cannot be released, withdrawn, opened or closed. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The store cannot be read or written.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    /// Numbers cannot be classified as the indicator wants it.
    #[error("the classes of '{0}' cannot be made: {1}")]
    Classify(Slug, #[source] ClassifyError),
    /// There is no such indicator.
    #[error("there is no indicator '{0}' in this atlas; `kommunalatlas check` lists them")]
    UnknownIndicator(Slug),
    /// There is no such level.
    #[error("there is no level '{0}' in this atlas")]
    UnknownLevel(Slug),
    /// There is no such category of facilities.
    #[error(
        "there is no category '{0}' of facilities in this atlas; `kommunalatlas facilities list` lists them"
    )]
    UnknownCategory(Slug),
    /// No series is stored for it.
    #[error("'{indicator}' has no values on level '{level}'{periods}; import them first")]
    NoValues {
        /// The indicator.
        indicator: Slug,
        /// The level.
        level: Slug,
        /// " for the periods …", or nothing.
        periods: String,
    },
    /// The indicator sheet has gaps.
    #[error("'{indicator}' cannot be released: its sheet lacks {}; complete the catalogue", fields.join(", "))]
    IncompleteSheet {
        /// The indicator.
        indicator: Slug,
        /// Names of the empty fields.
        fields: Vec<&'static str>,
    },
    /// It is not released.
    #[error("'{indicator}' is not released on level '{level}'")]
    NotReleased {
        /// The indicator.
        indicator: Slug,
        /// The level.
        level: Slug,
    },
    /// Too few indicators are released for an open public area.
    #[error(
        "{count} of {required} indicators are released with values for at least half of the inhabited regions of a \
         level; release {} more before opening", required - count
    )]
    TooFewIndicators {
        /// How many count.
        count: u32,
        /// How many are needed.
        required: u32,
    },
}
