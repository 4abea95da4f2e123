//! Why the store did not do something.

use std::{error::Error, fmt::Display};

/// Why the store did not do something. The texts are for the operator and hold no SQL and no password; what the
/// database said is the source of an error and belongs into the log or on the operator's terminal only.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such file.
    #[error("there is no store at '{0}': make one with 'kommunalatlas atlas create SLUG'")]
    NotFound(String),
    /// Something else lies there.
    #[error("'{0}' is not a store of Kommunalatlas")]
    NotAStore(String),
    /// The database cannot be used as it is set up.
    #[error("{0}")]
    Unusable(String),
    /// The database server does not answer or does not let us in.
    #[error("the database server of the store cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// A later program made this store.
    #[error(
        "the store has schema {found}, this program knows schemas up to {known}: use the newer program that wrote the store"
    )]
    Newer {
        /// Schema of the store.
        found: i64,
        /// Latest schema of this program.
        known: i64,
    },
    /// The store must be migrated first.
    #[error("the store has schema {found}, this program needs {known}: run 'kommunalatlas migrate'")]
    Older {
        /// Schema of the store.
        found: i64,
        /// Latest schema of this program.
        known: i64,
    },
    /// It exists and cannot be changed.
    #[error("{what} '{name}' exists already and differs")]
    Exists {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Something is to be filled that holds something already.
    #[error(
        "the destination is not empty: its table '{table}' has rows. Name a new file, or a database into which nothing was put yet; nothing was written"
    )]
    NotEmpty {
        /// A table with rows.
        table: &'static str,
    },
    /// Somebody else changed it since it was read.
    #[error("the {what} {name} was changed meanwhile: look at it and try again")]
    Changed {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It does not exist.
    #[error("there is no {what} '{name}'")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// What was handed over contradicts itself or the store.
    #[error("{0}")]
    Invalid(String),
    /// What is stored cannot be read.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// A file beside the store could not be made.
    #[error("'{path}' cannot be made")]
    File {
        /// The file.
        path: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The database does not answer, or not in time. What was asked did not happen, and may be asked again.
    #[error("the database does not answer at present; try again in a moment")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The database failed.
    #[error("the database did not do what was asked; the log says why")]
    Database(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    pub(super) fn unknown(what: &'static str, name: &(impl Display + ?Sized)) -> Self {
        Self::Unknown { what, name: name.to_string() }
    }

    /// True for what is over by itself: whoever asks again later may get an answer.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Unreachable(_))
    }

    pub(super) fn damaged(what: &(impl Display + ?Sized)) -> Self {
        Self::Damaged(what.to_string())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if passes(&error) { Self::Unavailable(Box::new(error)) } else { Self::Database(Box::new(error)) }
    }
}

/// True for what is not the fault of the statement: the database stops, starts, is full of work or cannot be reached.
fn passes(error: &sqlx::Error) -> bool {
    use sqlx::error::Error as Sqlx;
    match error {
        Sqlx::Io(_) | Sqlx::Tls(_) | Sqlx::PoolTimedOut | Sqlx::PoolClosed | Sqlx::WorkerCrashed => true,
        Sqlx::Database(said) => said.code().is_some_and(|code| is_passing_code(&code)),
        _ => false,
    }
}

/// Of PostgreSQL: connection lost (08), too few resources (53), stopped or cancelled (57), lock not free in time (55P03).
/// Of SQLite, whose codes are numbers: busy (5).
fn is_passing_code(code: &str) -> bool {
    let sqlite_busy = code.len() < 5 && code.parse::<u32>().is_ok_and(|code| code & 0xff == 5);
    sqlite_busy || code == "55P03" || (code.len() == 5 && ["08", "53", "57"].contains(&&code[..2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_told_from_what_is_wrong() {
        for code in ["57P01", "57014", "53300", "08006", "55P03", "5", "261", "517"] {
            assert!(is_passing_code(code), "{code}");
        }
        for code in ["23505", "42P01", "25006", "40001", "1", "8", "11", "1555"] {
            assert!(!is_passing_code(code), "{code}");
        }
        assert!(passes(&sqlx::Error::PoolTimedOut) && !passes(&sqlx::Error::RowNotFound));
    }
}
