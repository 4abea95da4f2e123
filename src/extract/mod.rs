//! What is taken out of an atlas: prefilled templates for those who deliver its numbers, and data in the forms that come
//! in again.
//!
//! Holds the writing of files. Must not know: HTTP, SQL, how files are imported.
//!
//! Invariant: values come from a [`View`](crate::atlas::View) only, so nobody takes out what they may not see. Text of the
//! atlas that a spreadsheet program could take for a formula is neutralised. Data that
//! are exported and imported again change nothing.

pub mod facilities;
pub mod template;

use crate::atlas::AtlasError;

/// Why nothing could be taken out.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// What was asked for does not exist.
    #[error("{0}")]
    Unknown(String),
    /// The atlas could not be read.
    #[error(transparent)]
    Atlas(#[from] AtlasError),
    /// The workbook could not be written.
    #[error("the workbook cannot be written: {0}")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
}
