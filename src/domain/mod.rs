//! The words of the field as types: atlas, level, edition, region key, indicator, period, observation, status.
//!
//! Holds what every other module speaks about. Must not know: files, SQL, HTTP, clocks, async.
//!
//! Invariant: a value of a type in here is valid by construction. Newtypes have private fields and are made by
//! parsing, so that no later code has to check a slug, a key or a period again.

mod aggregate;
mod bundle;
mod cell;
mod classes;
mod column;
mod derivation;
mod facility;
mod indicator;
mod key;
mod period;
mod person;
mod place;
mod policy;
mod slug;
mod status;
mod template;
mod text;

pub use aggregate::{Link, Observations, Quantity, carry, is_whole, pool, ratio, sum_parents};
pub use bundle::{BundleState, BundleStep, IllegalStep, ReleaseRequest};
pub use cell::{neutralised, original};
pub use classes::{ClassRule, Classification, Method};
pub use column::{Column, ColumnError, Companions};
pub use derivation::{Derivation, DerivationInput, DerivationMethod};
pub use facility::{Facility, FacilityCategory};
pub use indicator::{DenominatorRule, Indicator, IndicatorKind, Polarity, Provenance, Sheet, Source, Theme};
pub use key::{KeyError, RegionKey, ags_from_ars};
pub use period::{Period, PeriodError, PeriodKind};
pub use person::{Membership, PersonName, PersonNameError, Secret};
pub use place::{Audience, Level, Region, Role};
pub use policy::{Policies, Policy, PolicyError};
pub use slug::{RESERVED_ATLAS_SLUGS, RESERVED_LEVEL_SLUGS, Slug, SlugError};
pub use status::Status;
pub use template::{TEMPLATE_KEY, TEMPLATE_NAME, TEMPLATE_SHEET, TemplateError, TemplateHead, TemplatePart};
pub use text::{Lang, Text};
