//! What the roles of a provider mean here.

use std::str::FromStr;

use serde::{
    Deserialize as _,
    de::value::{Error as ValueError, StrDeserializer},
};

use crate::domain::{Role, Slug};

/// What the provider's roles mean. Without a table they are written `ATLAS:ROLE` at the provider; with one only the roles
/// that it names mean something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoleNames(pub(super) Vec<(String, Slug, Role)>);

/// A text that is no table of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write NAME=ATLAS:ROLE, more of them separated by ';'; roles are viewer, editor, statistician, publisher and administrator"
)]
pub struct RoleNamesError;

impl FromStr for RoleNames {
    type Err = RoleNamesError;

    fn from_str(text: &str) -> Result<Self, RoleNamesError> {
        let entry = |entry: &str| {
            // The provider's name may contain '=' itself (`CN=Statistik,OU=Amt`), what it means here may not.
            let (name, meaning) = entry.rsplit_once('=').ok_or(RoleNamesError)?;
            let (atlas, role) = meaning_of(meaning.trim()).ok_or(RoleNamesError)?;
            Ok((name.trim().to_owned(), atlas, role))
        };
        let entries = text.split(';').filter(|entry| !entry.trim().is_empty());
        let table = entries.map(entry).collect::<Result<Vec<_>, _>>()?;
        if table.is_empty() { Err(RoleNamesError) } else { Ok(Self(table)) }
    }
}

/// `ATLAS:ROLE`.
pub(super) fn meaning_of(text: &str) -> Option<(Slug, Role)> {
    let (atlas, role) = text.split_once(':')?;
    let role = Role::deserialize(StrDeserializer::<ValueError>::new(role)).ok()?;
    Some((atlas.parse().ok()?, role))
}
