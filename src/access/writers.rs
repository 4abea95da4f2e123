//! The narrower types that writes take.

use std::collections::BTreeSet;

use crate::domain::Slug;

/// Where a right holds.
#[derive(Debug, Clone)]
struct Reach {
    /// The atlas; `None` = all of the store (command line).
    atlas: Option<Slug>,
    /// Themes; `None` = all.
    themes: Option<BTreeSet<Slug>>,
}

impl Reach {
    fn covers(&self, atlas: &Slug, theme: Option<&Slug>) -> bool {
        let of_atlas = self.atlas.as_ref().is_none_or(|own| own == atlas);
        let of_theme = match (&self.themes, theme) {
            (None, _) => true,
            (Some(themes), Some(theme)) => themes.contains(theme),
            (Some(_), None) => false,
        };
        of_atlas && of_theme
    }
}

macro_rules! writer {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            name: String,
            reach: Reach,
        }

        impl $name {
            /// The person at the command line, who holds the store anyway.
            pub fn local(name: impl Into<String>) -> Self {
                Self { name: name.into(), reach: Reach { atlas: None, themes: None } }
            }

            pub(super) fn new(name: &str, atlas: Option<&Slug>, themes: Option<BTreeSet<Slug>>) -> Self {
                Self { name: name.to_owned(), reach: Reach { atlas: atlas.cloned(), themes } }
            }

            /// Name for records.
            pub fn name(&self) -> &str {
                &self.name
            }

            /// True if the right holds for what belongs to this theme of this atlas; `None`: for what belongs to no theme.
            pub fn may(&self, atlas: &Slug, theme: Option<&Slug>) -> bool {
                self.reach.covers(atlas, theme)
            }
        }
    };
}

writer! {
    /// Somebody who may put data in.
    Editor
}

writer! {
    /// Somebody who may release and withdraw.
    Publisher
}

/// Somebody who manages people, levels and policy of an atlas.
#[derive(Debug, Clone)]
pub struct Administrator {
    name: String,
    atlas: Option<Slug>,
}

impl Administrator {
    /// The person at the command line, who holds the store anyway.
    pub fn local(name: impl Into<String>) -> Self {
        Self { name: name.into(), atlas: None }
    }

    pub(super) fn new(name: &str, atlas: Option<&Slug>) -> Self {
        Self { name: name.to_owned(), atlas: atlas.cloned() }
    }

    /// Name for records.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True if the right holds for this atlas.
    pub fn may(&self, atlas: &Slug) -> bool {
        self.atlas.as_ref().is_none_or(|own| own == atlas)
    }
}

/// The operator of the platform: makes atlases and their administrators, sees no internal data.
#[derive(Debug, Clone)]
pub struct Operator {
    name: String,
}

impl Operator {
    /// The person at the command line, who holds the store anyway.
    pub fn local(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// Name for records.
    pub fn name(&self) -> &str {
        &self.name
    }
}
