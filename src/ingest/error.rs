//! What can fail in an import besides the file itself.

use std::{error::Error, path::PathBuf};

use crate::store::StoreError;

/// Why an import could not be carried out. What is wrong with the content of a file is no error but a problem in the
/// [`Report`](super::Report).
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The store cannot be read or written.
    #[error("the store failed: {0}")]
    Store(#[source] Box<dyn Error + Send + Sync>),
    /// The thread that did the heavy work ended early; nothing was stored.
    #[error("the import ended early and nothing was stored: {0}")]
    Worker(String),
}

impl IngestError {
    /// A failure of the store.
    pub fn store(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Store(Box::new(error))
    }

    /// A file that cannot be opened or read.
    pub fn file(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::File { path: path.into(), source }
    }
}

impl From<StoreError> for IngestError {
    fn from(error: StoreError) -> Self {
        Self::store(error)
    }
}
