//! Who is asking: makes [`Access`] and the narrower types that writes take.
//!
//! Holds identities and roles. Must not know: values, tiles, HTTP routes.
//!
//! Invariant: the types in here have private fields; nothing else can make one, so a function that takes an [`Editor`]
//! cannot be reached by somebody who is not.

use crate::domain::Audience;

/// What a caller may see and do, decided once per request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    who: Who,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    Anybody,
    /// The person at the command line, who holds the store's file anyway.
    Local(String),
}

/// Somebody who may put data in.
#[derive(Debug, Clone)]
pub struct Editor {
    name: String,
}

/// Somebody who may release and withdraw.
#[derive(Debug, Clone)]
pub struct Publisher {
    name: String,
}

impl Access {
    /// A caller without credentials.
    pub fn public() -> Self {
        Self { who: Who::Anybody }
    }

    /// The person at the command line, by the name of the operating system.
    pub fn local(name: impl Into<String>) -> Self {
        Self { who: Who::Local(name.into()) }
    }

    /// Which area the caller sees.
    pub fn audience(&self) -> Audience {
        match self.who {
            Who::Anybody => Audience::Public,
            Who::Local(_) => Audience::Internal,
        }
    }

    /// The caller as an editor, if entitled.
    pub fn editor(&self) -> Option<Editor> {
        match &self.who {
            Who::Anybody => None,
            Who::Local(name) => Some(Editor { name: name.clone() }),
        }
    }

    /// The caller as a publisher, if entitled.
    pub fn publisher(&self) -> Option<Publisher> {
        match &self.who {
            Who::Anybody => None,
            Who::Local(name) => Some(Publisher { name: name.clone() }),
        }
    }
}

impl Editor {
    /// Name for the record of an import.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Publisher {
    /// Name for the record of a release.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The credentials are wrong or have expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unauthorized;

/// Who is asking, by the request's `Authorization` header.
///
/// # Errors
/// [`Unauthorized`] for every credential: nobody has been given one yet. No header is an anonymous caller.
pub fn authenticate(authorization: Option<&[u8]>) -> Result<Access, Unauthorized> {
    match authorization {
        None => Ok(Access::public()),
        Some(_) => Err(Unauthorized),
    }
}
