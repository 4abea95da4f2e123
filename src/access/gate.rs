//! The gate: turns credentials into [`Access`].

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use crate::access::Access;

/// What a request brings to show who is asking.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// Its `Authorization` header.
    pub authorization: Option<&'a [u8]>,
    /// Its `Cookie` header.
    pub cookie: Option<&'a [u8]>,
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// When.
    pub now: DateTime<Utc>,
}

/// The credentials are wrong or have expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unauthorized;

/// Knows the people of a store.
#[derive(Debug)]
pub struct Gate;

impl Gate {
    /// A gate that nobody passes: everybody is the public, and every credential is wrong.
    pub const fn closed() -> Self {
        Self
    }

    /// Who is asking. No header is an anonymous caller; a cookie of no session counts as none.
    ///
    /// # Errors
    /// [`Unauthorized`] for a wrong or expired credential in the `Authorization` header.
    #[expect(clippy::unused_async, reason = "a gate with people asks the database")]
    pub async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Access, Unauthorized> {
        match credentials.authorization {
            None => Ok(Access::public()),
            Some(_) => Err(Unauthorized),
        }
    }
}
