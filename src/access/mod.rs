//! Who is asking: makes [`Access`] and the narrower types that writes take.
//!
//! Holds identities, memberships and roles. Must not know: values, tiles, HTTP routes.
//!
//! Invariant: the types in here have private fields; nothing else can make one, so a function that takes an [`Editor`]
//! cannot be reached by somebody who is not. Only the command line, whose user holds the store anyway, makes `local` ones.

mod accounts;
mod audit;
mod caller;
mod credentials;
mod error;
mod factor_key;
mod gate;
mod oidc;
mod password;
mod scope;
mod second_factor;
mod secrets;
mod settings;
mod sign_in;
mod tokens;
mod writers;

pub use crate::domain::Membership;
pub use accounts::{Account, NewAccount};
pub use audit::{json_line, syslog_line};
pub use caller::Access;
pub use credentials::Credentials;
pub use error::AccessError;
pub use factor_key::{FactorKey, FactorKeyError};
pub use gate::{Gate, Identified, Refused, Session, Stage};
pub use oidc::{
    LoginReturn, LoginStart, OidcError, OidcSettings, RoleNames, RoleNamesError, check_issuer, check_roots,
};
pub use password::{PasswordRule, check_password};
pub use scope::Scope;
pub use second_factor::Enrolment;
pub use settings::{AccessSettings, Network, NetworkError};
pub use sign_in::{ExternalIdentity, SessionView, SignIn, SignInAttempt};
pub use tokens::{Owner, TokenRequest};
pub use writers::{Administrator, Editor, Manager, Operator, Publisher};
