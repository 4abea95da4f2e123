//! Region keys: AGS, ARS and own keys, always as text.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The official or own key of a region, for instance the AGS `03354005`. Always text: leading zeros count.
///
/// 1 to 40 characters without white space, control characters and the signs `/ \ " < > # ? %`, so that it can stand in
/// a URL and in every file format.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RegionKey(Box<str>);

/// Why a text is no region key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a region key: use 1 to 40 characters without spaces and without / \\ \" < > # ? %")]
pub struct KeyError(String);

impl RegionKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RegionKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || "/\\\"<>#?%".contains(c);
        let fits = (1..=40).contains(&text.chars().count()) && !text.contains(forbidden);
        if fits { Ok(Self(text.into())) } else { Err(KeyError(text.chars().take(60).collect())) }
    }
}

impl TryFrom<String> for RegionKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<RegionKey> for String {
    fn from(key: RegionKey) -> Self {
        key.0.into()
    }
}

impl fmt::Display for RegionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for RegionKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The AGS (8 digits) of an ARS (12 digits): digits 1–5 and 10–12, that is without the four of the Verband.
pub fn ags_from_ars(ars: &str) -> Option<String> {
    (ars.len() == 12 && ars.bytes().all(|b| b.is_ascii_digit()))
        .then(|| format!("{}{}", &ars[..5], &ars[9..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_leading_zeros() {
        assert_eq!("03354005".parse::<RegionKey>().unwrap().to_string(), "03354005");
    }

    #[test]
    fn a_key_has_no_white_space_and_nothing_that_breaks_a_url() {
        for bad in ["", " 1", "a b", "a/b", "a\tb", "a?b", &"1".repeat(41)] {
            assert!(bad.parse::<RegionKey>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_ags_is_the_ars_without_the_verband() {
        assert_eq!(ags_from_ars("033545403005").as_deref(), Some("03354005"));
        assert_eq!(ags_from_ars("03354005"), None);
        assert_eq!(ags_from_ars("03354540300x"), None);
    }
}
