//! Slugs: the names that stand in URLs.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// First path parts that the server uses itself; no atlas may be called so.
pub const RESERVED_ATLAS_SLUGS: &[&str] = &[
    "api", "assets", "embed", "fonts", "health", "login", "logout", "metrics", "oembed", "sprites", "static",
];

/// Level slugs that have a meaning of their own in tile URLs.
pub const RESERVED_LEVEL_SLUGS: &[&str] = &["facilities", "all"];

/// A name in a URL: 1 to 64 of `a-z`, `0-9` and `-`, not at the ends a `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(Box<str>);

/// Why a text is no slug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a slug: use 1 to 64 of a-z, 0-9 and '-', beginning and ending with a letter or digit")]
pub struct SlugError(String);

impl Slug {
    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The slug under which the borrower of something knows it: `LENDER--SLUG`, if that is not too long.
    #[must_use]
    pub fn of_lender(&self, lent: &Self) -> Option<Self> {
        format!("{self}--{lent}").parse().ok()
    }
}

impl FromStr for Slug {
    type Err = SlugError;

    fn from_str(text: &str) -> Result<Self, SlugError> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if fits { Ok(Self(text.into())) } else { Err(SlugError(text.chars().take(80).collect())) }
    }
}

impl TryFrom<String> for Slug {
    type Error = SlugError;

    fn try_from(text: String) -> Result<Self, SlugError> {
        text.parse()
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0.into()
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Lets maps keyed by [`Slug`] be asked with a `&str` from a URL.
impl Borrow<str> for Slug {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_lower_case_ascii_with_inner_hyphens() {
        for good in ["a", "gemeinde", "sgb-ii-minors", "2023"] {
            assert_eq!(good.parse::<Slug>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", "A", "ä", "a b", "a/b", "..", &"x".repeat(65)] {
            assert!(bad.parse::<Slug>().is_err(), "{bad}");
        }
    }
}
