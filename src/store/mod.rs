//! The store: the only place with SQL. One GeoPackage file, or PostGIS behind the same contract.
//!
//! Holds rows and transactions. Must not know: who is asking, HTTP, tiles, how classes are found.
//!
//! Invariant: editions, series and releases are never changed once written. Only the small catalogue changes, and each
//! change raises `generation` in the same transaction. Writers come one after the other; what a reader has begun to
//! read stays as it was.

mod accounts;
mod agreements;
mod attempts;
mod audit_log;
mod bundles;
mod catalogue;
mod compositions;
mod content;
mod copying;
mod deliveries;
mod diagnosis;
mod drafts;
mod editions;
mod error;
mod facilities;
mod foreign;
mod geometries;
mod history;
mod idempotency;
mod leaving;
mod limits;
mod lineage;
mod moving;
mod open;
mod outbox;
mod past_releases;
mod people;
mod profiles;
mod public;
mod publication;
mod purge;
mod readers;
mod records;
mod releases;
mod replica;
mod restricted;
mod schema;
mod series;
mod sessions;
mod shape;
mod shares;
mod snapshot;
mod sql;
mod successions;
mod tokens;
mod watch;
mod zone;

pub use accounts::{NewPerson, PersonRow};
pub use agreements::{Agreement, AgreementRow};
pub use attempts::AttemptLimit;
pub use audit_log::{AuditEntry, AuditFilter, AuditRow};
pub use bundles::{BundleContent, BundleEvent, BundleMove, BundleRow, Publication, Stamp};
pub use copying::TableContent;
pub use deliveries::{Delivered, Delivery};
pub use diagnosis::ServerFacts;
pub use error::StoreError;
pub use foreign::{ForeignColumn, ForeignError, ForeignSource, ForeignTable, read_foreign};
pub use history::{ImportedEdition, ImportedSeries};
pub use idempotency::Idempotency;
pub use leaving::AtlasContent;
pub use limits::Limits;
pub use moving::{Moved, People};
pub use open::{OpenMode, PostgresStore, SqliteStore, Store};
pub use past_releases::PastColumn;
pub use people::AccessStore;
pub use profiles::SourceProfile;
pub use publication::{AreaChange, AreaDecision, AtlasSettings, ReleaseMark, ReleaseRecord, Withdrawal};
pub use purge::{AffectedRelease, Erased, Layers, PurgePlan};
pub use readers::PoolState;
pub use records::*;
pub use schema::Migrated;
pub use sessions::{NewSession, SessionRow};
pub use shares::ShareRow;
pub use snapshot::{FacilitiesOf, Snapshot};
pub use tokens::{NewToken, TokenRow};
pub use watch::Watch;
pub use zone::FileId;
