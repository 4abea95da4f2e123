//! Levels, regions and audiences.

use serde::{Deserialize, Serialize};

use crate::domain::{RegionKey, Slug, Text};

/// Who may see something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Everybody.
    Public,
    /// Entitled staff.
    Internal,
}

impl Audience {
    /// The name used in JSON, SQL and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
        }
    }
}

/// What a person may do in an atlas. Each role brings one right of its own; whoever has one sees internal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees internal data.
    Viewer,
    /// Puts data in.
    Editor,
    /// Sees restricted sources.
    Statistician,
    /// Releases.
    Publisher,
    /// Manages people, levels and policy.
    Administrator,
}

/// A level (Ebene) of an atlas: Kreis, Samtgemeinde, Gemeinde, Sozialraum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Name in URLs.
    pub slug: Slug,
    /// Name for people.
    pub title: Text,
    /// Order from large (0) to small regions.
    pub position: i64,
    /// Its boundaries are public even before something is released on it.
    pub public_boundaries: bool,
}

/// One region of an edition. Its ordinal is the rank of its key in the edition, its feature id is ordinal + 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Official or own key.
    pub key: RegionKey,
    /// Name for people.
    pub name: String,
    /// Name for narrow places; the name where there is none.
    pub short_name: Option<String>,
    /// False for regions where nobody lives: drawn, but no class, rank or count of "x of y".
    pub inhabited: bool,
}
