//! People: how they are called, what they are in an atlas, and texts that nobody may read.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::domain::{Role, Slug};

/// A text that must not reach a log, an error or the audit log: a password, a token, a hash. It has no `Display`, and its
/// `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What a person signs in with: 1 to 64 of `a-z`, `0-9`, `.`, `_`, `-` and `@`, beginning with a letter or digit. Upper
/// case is read as lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonName(Box<str>);

/// Why a text is no user name. The text is not repeated: people type passwords into the wrong field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a user name: use 1 to 64 of a-z, 0-9, '.', '_', '-' and '@', beginning with a letter or digit"
)]
pub struct PersonNameError;

impl PersonName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PersonName {
    type Err = PersonNameError;

    fn from_str(text: &str) -> Result<Self, PersonNameError> {
        let name = text.trim().to_ascii_lowercase();
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-@".contains(&b);
        let fits = (1..=64).contains(&name.len())
            && name.bytes().all(known)
            && name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if fits { Ok(Self(name.into())) } else { Err(PersonNameError) }
    }
}

impl TryFrom<String> for PersonName {
    type Error = PersonNameError;

    fn try_from(text: String) -> Result<Self, PersonNameError> {
        text.parse()
    }
}

impl From<PersonName> for String {
    fn from(name: PersonName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a person is in one atlas. Every member sees its internal data, of the themes listed if there is a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The atlas.
    pub atlas: Slug,
    /// What the person may do beyond reading.
    pub roles: BTreeSet<Role>,
    /// Themes that the membership is limited to; `None` = all.
    pub themes: Option<BTreeSet<Slug>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Some(Secret::new("geheim"))), "Some(Secret)");
    }

    #[test]
    fn a_name_is_read_in_lower_case() {
        assert_eq!(" Anna.Meier@kreis ".parse::<PersonName>().unwrap().as_str(), "anna.meier@kreis");
        for bad in ["", "ä", "a b", "-a", "a/b", "a\0", &"x".repeat(65)] {
            let error = bad.parse::<PersonName>().unwrap_err();
            assert!(bad.len() < 3 || !error.to_string().contains(bad));
        }
    }
}
