//! Login by an identity provider (`OpenID` Connect: code flow with PKCE, RFC 7636).
//!
//! Holds what a login is, from the address at the provider to the session of the person. Must not know: routes, cookies'
//! attributes.
//!
//! Invariant: nobody is let in but by an ID token that the provider signed for this client and for the login that this very
//! browser began: state, nonce and verifier are kept in a cookie that only the server can write.

#[cfg(feature = "oidc")]
mod claims;
#[cfg(feature = "oidc")]
mod pending;
#[cfg(feature = "oidc")]
mod provider;
#[cfg(not(feature = "oidc"))]
#[path = "absent.rs"]
mod provider;
mod roles;

use std::{fmt, net::IpAddr};

use chrono::{DateTime, Utc};

use crate::{
    access::{AccessError, Gate, SignIn},
    domain::Secret,
};

pub(super) use provider::Provider;
pub use provider::{check_issuer, check_roots};
pub use roles::{RoleNames, RoleNamesError};

/// The identity provider and what it says about people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// Address of the provider, below which `/.well-known/openid-configuration` lies.
    pub issuer: String,
    /// What the provider calls this server.
    pub client_id: String,
    /// By which the provider knows this server.
    pub client_secret: Secret,
    /// Where a person's roles are in the claims: `roles`, or a path such as `realm_access.roles`.
    pub roles_claim: String,
    /// What those roles mean here.
    pub roles: RoleNames,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Certificates (PEM) that are trusted for https beside those that everybody trusts: of an authority in the house.
    pub roots: Option<String>,
}

/// A login that begins.
#[derive(Debug)]
pub struct LoginStart {
    /// Where the person signs in.
    pub address: String,
    /// What the browser brings back.
    pub cookie: Secret,
}

/// What the browser brings back from the provider.
#[derive(Clone, Copy)]
pub struct LoginReturn<'a> {
    /// The `Cookie` header.
    pub cookie: Option<&'a [u8]>,
    /// The login that the provider answers.
    pub state: Option<&'a str>,
    /// What the person is exchanged for.
    pub code: Option<&'a Secret>,
    /// The provider that answers (RFC 9207), if it says so.
    pub issuer: Option<&'a str>,
}

impl fmt::Debug for LoginReturn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginReturn")
    }
}

/// Why nobody came in. No text repeats what the provider said.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// There is none.
    #[error("this server knows no identity provider")]
    NoProvider,
    /// It does not answer, or not as a provider should.
    #[error("the identity provider cannot be reached at present")]
    Unavailable,
    /// The page to return to is not on this server.
    #[error("the address to return to must be a path of this server, beginning with one slash")]
    ReturnTo,
    /// This browser began no such login, or too long ago.
    #[error("this login was not begun in this browser, or too long ago: begin again")]
    NotBegun,
    /// The provider does not vouch for the person.
    #[error("the identity provider did not confirm the login: begin again")]
    Refused,
    /// The gate failed.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl Gate {
    /// Begins a login. `callback` is where the provider sends the browser, `return_to` the path where the person wants to
    /// be in the end.
    ///
    /// # Errors
    /// If no provider is configured or it does not answer, or `return_to` is no path of this server.
    pub async fn begin_login(
        &self,
        callback: &str,
        return_to: &str,
        now: DateTime<Utc>,
    ) -> Result<LoginStart, OidcError> {
        self.provider()?.begin(callback, return_to, now).await
    }

    /// Ends a login, and lets the person in. Returns the path where the person wants to be, too.
    ///
    /// # Errors
    /// If this browser did not begin it, the provider does not vouch for the person or does not answer, or the store fails.
    pub async fn finish_login(
        &self,
        callback: &str,
        answer: LoginReturn<'_>,
        address: Option<IpAddr>,
        now: DateTime<Utc>,
    ) -> Result<(SignIn, String), OidcError> {
        let cookie_name = self.settings().login_cookie_name();
        let (identity, return_to) = self.provider()?.finish(callback, cookie_name, answer, now).await?;
        Ok((self.sign_in_external(&identity, address, now).await?, return_to))
    }

    /// Where a person ends the session at the provider and comes back to `return_to`, a whole address. `None` where no
    /// provider is configured, it does not answer or knows no such place.
    pub async fn provider_sign_out(&self, return_to: &str, now: DateTime<Utc>) -> Option<String> {
        self.provider().ok()?.end_session(return_to, now).await
    }

    fn provider(&self) -> Result<&Provider, OidcError> {
        let house = self.house().map_err(|_| OidcError::NoProvider)?;
        house.provider.as_ref().ok_or(OidcError::NoProvider)
    }
}
