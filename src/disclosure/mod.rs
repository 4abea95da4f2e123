//! Statistical disclosure control: which numbers must stay secret, which others must be withheld so that they do, and the
//! proof that it worked.
//!
//! Holds tables of linear forms over base counts, the primary rules, the secondary suppression, the independent audit and
//! the certificate. Must not know: atlases, series, the store, who is asking.
//!
//! Invariant: `protect` and `audit` share the table and nothing else; what one of them gets wrong the other finds.

#[cfg(test)]
mod agreement;
mod audit;
mod certificate;
mod document;
mod gauss;
mod interval;
mod moves;
mod primary;
mod protect;
mod system;
mod table;

pub use audit::{Attacker, Audit, AuditError, Bounds, Reach, Reason, Which, audit};
pub use certificate::{Certificate, CertificateError, Why, fingerprint};
pub use document::{AuditReport, Document, DocumentError, LONGEST as LONGEST_DOCUMENT, ProtectReport};
pub use interval::Interval;
pub use primary::{Primary, Rule, primary};
pub use protect::{ProtectError, Suppression, protect, protect_with};
pub use table::{Cell, CellId, Form, Ratio, Show, Shown, Table, TableError};
