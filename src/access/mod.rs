//! Who is asking: makes [`Access`] and the narrower types that writes take.
//!
//! Holds identities, memberships and roles. Must not know: values, tiles, HTTP routes.
//!
//! Invariant: the types in here have private fields; nothing else can make one, so a function that takes an [`Editor`]
//! cannot be reached by somebody who is not. Only the command line, whose user holds the store anyway, makes `local` ones.

mod caller;
mod gate;
mod scope;
mod writers;

pub use caller::{Access, Membership};
pub use gate::{Credentials, Gate, Unauthorized};
pub use scope::Scope;
pub use writers::{Administrator, Editor, Operator, Publisher};
