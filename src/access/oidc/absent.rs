//! In place of the provider in a build without the feature `oidc`: there is none, and the compiler knows it.

#![expect(clippy::unused_async, reason = "the provider that it stands for has to wait for answers")]

use std::convert::Infallible;

use chrono::{DateTime, Utc};

use crate::access::{
    ExternalIdentity,
    oidc::{LoginReturn, LoginStart, OidcError, OidcSettings},
};

/// A provider that cannot be.
#[derive(Debug)]
pub(in crate::access) struct Provider(Infallible);

/// Says that this build knows no providers.
///
/// # Errors
/// Always.
pub fn check_issuer(_: &str) -> Result<(), String> {
    Err("this program was built without login by identity providers (feature 'oidc')".to_owned())
}

/// The same of certificates of their authorities.
///
/// # Errors
/// Always.
pub fn check_roots(text: &str) -> Result<(), String> {
    check_issuer(text)
}

impl Provider {
    pub(in crate::access) fn new(_: OidcSettings) -> Option<Self> {
        None
    }

    pub(super) async fn begin(&self, _: &str, _: &str, _: DateTime<Utc>) -> Result<LoginStart, OidcError> {
        match self.0 {}
    }

    pub(super) async fn finish(
        &self,
        _: &str,
        _: &str,
        _: LoginReturn<'_>,
        _: DateTime<Utc>,
    ) -> Result<(ExternalIdentity, String), OidcError> {
        match self.0 {}
    }

    pub(super) async fn end_session(&self, _: &str, _: DateTime<Utc>) -> Option<String> {
        match self.0 {}
    }
}
