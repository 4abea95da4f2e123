//! What a caller sees of one atlas.

use std::collections::BTreeSet;

use crate::domain::{Audience, Slug};

/// What a caller sees of one atlas. Only [`crate::access`] makes one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    audience: Audience,
    restricted: bool,
    themes: Option<BTreeSet<Slug>>,
}

impl Scope {
    pub(super) const fn public() -> Self {
        Self { audience: Audience::Public, restricted: false, themes: None }
    }

    pub(super) const fn internal(restricted: bool, themes: Option<BTreeSet<Slug>>) -> Self {
        Self { audience: Audience::Internal, restricted, themes }
    }

    /// Which area the caller sees.
    pub const fn audience(&self) -> Audience {
        self.audience
    }

    /// The caller reads series of restricted sources; others read internal releases of them.
    pub const fn sees_restricted(&self) -> bool {
        self.restricted
    }

    /// The caller sees internal data of this theme; of other themes only what is public.
    pub fn sees_theme(&self, theme: &Slug) -> bool {
        self.audience == Audience::Internal
            && self.themes.as_ref().is_none_or(|themes| themes.contains(theme))
    }

    /// The caller sees internal data of some themes only; of what belongs to no theme, such as facilities, what is public.
    pub const fn is_limited(&self) -> bool {
        self.themes.is_some()
    }
}
