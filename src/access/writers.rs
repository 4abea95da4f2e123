//! The narrower types that writes take.

use std::collections::BTreeSet;

use crate::domain::{Membership, Role, Slug};

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

/// Somebody who manages people: operators of the platform, and administrators of atlases for their atlases.
#[derive(Debug, Clone)]
pub struct Manager {
    name: String,
    operator: bool,
    /// Atlases that the manager administers; `None` = all of the store (command line).
    atlases: Option<BTreeSet<Slug>>,
}

impl Manager {
    /// The person at the command line, who holds the store anyway.
    pub fn local(name: impl Into<String>) -> Self {
        Self { name: name.into(), operator: true, atlases: None }
    }

    /// `None` for somebody who neither operates the platform nor administers an atlas.
    pub(super) fn new(name: &str, operator: bool, atlases: BTreeSet<Slug>) -> Option<Self> {
        let any = operator || !atlases.is_empty();
        any.then(|| Self { name: name.to_owned(), operator, atlases: Some(atlases) })
    }

    /// Name for records.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Operates the platform.
    pub const fn is_operator(&self) -> bool {
        self.operator
    }

    /// Administers this atlas.
    pub fn administers(&self, atlas: &Slug) -> bool {
        self.atlases.as_ref().is_none_or(|own| own.contains(atlas))
    }

    /// May give and take this role in this atlas: administrators any, operators that of administrators.
    pub fn may_grant(&self, atlas: &Slug, role: Role) -> bool {
        self.administers(atlas) || (self.operator && role == Role::Administrator)
    }

    /// May lock out, remove or let set a new password for somebody with these memberships: operators anybody,
    /// administrators those who are nothing outside their atlases.
    pub fn may_manage(&self, operator: bool, memberships: &[Membership]) -> bool {
        let within = !memberships.is_empty() && memberships.iter().all(|m| self.administers(&m.atlas));
        self.operator || (within && !operator)
    }
}
