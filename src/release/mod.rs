//! Release: check, publish, withdraw; open and close the public area.
//!
//! Holds the rules of publication. Must not know: HTTP, files, how values came in.
//!
//! Invariant: what is released is rounded to the indicator's decimals and classified from those rounded numbers, so that
//! breaks, classes and ranks give away nothing more exact.

pub mod bundle;
pub mod gate;

mod area;
mod findings;
mod leaving;
mod prepare;
mod progress;
pub mod propose;
mod publish;
mod request;
mod settings;
mod tables;

use chrono::{DateTime, Utc};

use crate::{
    classification::ClassifyError,
    domain::{IllegalStep, Period, PolicyError, Slug},
    store::StoreError,
};

pub use crate::domain::ReleaseRequest;
pub use area::{Decision, Shortfall, close, close_expired, counting_indicators, open, set_category_public};
pub use findings::{Findings, Preview, Problem};
pub use leaving::{Beside, MAX_AGREEMENT, Protocol, keep_agreement, remove, remove_exported, take_out};
pub use progress::{IndicatorProgress, Missing, Progress, progress};
pub use publish::{preview, release, rollback, title_of, withdraw};
pub use request::Released;
pub use settings::change_settings;

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
    /// Nobody can say how many persons are behind a number.
    #[error(
        "'{indicator}' for {period} cannot be released: it has numbers without {what}, so nobody can say how many persons \
         are behind them; import them beside the values, or say `sensitive = false` in the catalogue if it does not speak \
         of persons"
    )]
    CannotJudge {
        /// The indicator.
        indicator: Slug,
        /// The period.
        period: Period,
        /// What is missing.
        what: &'static str,
    },
    /// The table of counts cannot be protected or audited.
    #[error("disclosure control cannot judge this release: {0}")]
    Disclosure(String),
    /// The audit found secret numbers that could be computed.
    #[error("this release would give secrets away and is refused: {}", _0.join(" "))]
    Unsafe(Vec<String>),
    /// It is not released.
    #[error("'{indicator}' is not released on level '{level}'")]
    NotReleased {
        /// The indicator.
        indicator: Slug,
        /// The level.
        level: Slug,
    },
    /// Something stands in the way of a release.
    #[error("{}", problems(.0))]
    Problems(Vec<Problem>),
    /// What is in a bundle makes no sense.
    #[error("a bundle needs a title, at least one indicator and one level, each named once")]
    EmptyBundle,
    /// A bundle cannot take a step from where it stands.
    #[error(transparent)]
    Step(#[from] IllegalStep),
    /// It waits for the end of its embargo.
    #[error("the bundle is released on {} and not before; change it to release it earlier", until.format("%Y-%m-%d %H:%M UTC"))]
    Embargo {
        /// When.
        until: DateTime<Utc>,
    },
    /// Four eyes: who made a bundle may not approve it.
    #[error(
        "this atlas wants four eyes: {who} made the bundle, so somebody else must approve it; \
             `bundle create` makes a bundle that others can approve"
    )]
    OwnBundle {
        /// Who.
        who: String,
    },
    /// Four eyes: who imported values may not release them.
    #[error(
        "this atlas wants four eyes: {who} imported values of '{indicator}', so somebody else must release them"
    )]
    OwnImport {
        /// Who.
        who: String,
        /// The indicator.
        indicator: Slug,
    },
    /// An earlier release cannot come back.
    #[error("release {number} of '{indicator}' cannot be put in force again: {why}")]
    NoRollback {
        /// The indicator.
        indicator: Slug,
        /// The number of the release.
        number: u32,
        /// Why.
        why: &'static str,
    },
    /// Somebody must decide what becomes of the public area.
    #[error(
        "only {count} of {required} indicators would count: decide whether the public area is closed, or stays open \
             for a reason until a day that has not passed"
    )]
    DecisionNeeded {
        /// How many would count.
        count: u32,
        /// How many are needed.
        required: u32,
    },
    /// A policy makes no sense.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// An agreement on use cannot be kept.
    #[error("an agreement needs a version, a signatory and a file of at most 10 MiB")]
    UnfitAgreement,
    /// What a check found cannot be written down or read.
    #[error("what a check found cannot be read: {0}")]
    Findings(String),
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

/// One sentence per problem.
fn problems(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
