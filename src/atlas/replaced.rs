//! Another store in the place of the one that is read: a file that was replaced by a newer one.
//!
//! Invariant: a view reads one store from beginning to end. Row ids of the other mean something else, so catalogue, caches
//! and store change together, and what was begun is finished with the old ones.

use std::sync::Arc;

use crate::{
    atlas::{AtlasError, Atlases},
    store::Store,
};

impl Atlases {
    /// Shows the atlases of another store from now on. Returns the store that was read up to now; views that were made of it
    /// still read it.
    ///
    /// # Errors
    /// If the other store cannot be read; then the present one stays.
    pub async fn change_store(self: &Arc<Self>, store: Store) -> Result<Store, AtlasError> {
        let successor = Self::open(store, self.sizes).await?;
        let before = self.successor.swap(Some(successor));
        self.caches.forget();
        Ok(before.map_or_else(|| self.store.clone(), |before| before.store.clone()))
    }

    /// Those that are shown now.
    pub(super) fn present(self: &Arc<Self>) -> Arc<Self> {
        self.successor.load_full().unwrap_or_else(|| self.clone())
    }
}
