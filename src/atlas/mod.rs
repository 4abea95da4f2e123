//! The read model: what a caller may see of an atlas, and the caches behind it.
//!
//! Holds [`Atlases`] (all of them, swapped whole when the store changes), [`View`] (one atlas as one caller sees it) and
//! [`LayerView`] (one indicator, level and period). Must not know: HTTP, SQL, styles.
//!
//! Invariants: values are reachable only through `view(access, atlas)?.layer(level, indicator, period)?`. A public layer
//! is filled from public releases; unreleased numbers are never read for it. Every cache key names the version of the
//! layer, which names the audience, so no entry is ever stale or shared between audiences.

mod area;
mod caches;
mod catalogue;
mod edition;
mod facilities;
mod layer;
mod loans;
mod replaced;
mod view;

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::{
    access::Access,
    geometry::DecodeError,
    store::{Store, StoreError},
};

pub use caches::CacheSizes;
pub use catalogue::{EditionEntry, Layer, Version};
pub use facilities::{FacilityEntry, FacilityView};
pub use layer::{BoundaryView, LayerView, Row, SeriesView};
pub use view::{IndicatorLevel, View};

/// Why the read model could not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AtlasError {
    /// The store could not be read.
    #[error("the store could not be read")]
    Store(#[source] Arc<StoreError>),
    /// Stored geometry is damaged.
    #[error("stored geometry is damaged")]
    Geometry(#[source] Arc<DecodeError>),
    /// A computation was cut off because the server stops.
    #[error("the server is stopping")]
    Stopping,
}

impl From<StoreError> for AtlasError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<DecodeError> for AtlasError {
    fn from(error: DecodeError) -> Self {
        Self::Geometry(Arc::new(error))
    }
}

/// All atlases of a store, ready to be asked.
pub struct Atlases {
    store: Store,
    catalogue: ArcSwap<catalogue::Catalogue>,
    caches: caches::Caches,
    sizes: CacheSizes,
    /// Those of the store that took the place of this one; see [`Atlases::change_store`].
    successor: ArcSwapOption<Self>,
}

impl Atlases {
    /// Reads the catalogue of a store.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn open(store: Store, sizes: CacheSizes) -> Result<Arc<Self>, AtlasError> {
        let catalogue = catalogue::Catalogue::read(&store).await?;
        Ok(Arc::new(Self {
            store,
            catalogue: ArcSwap::from_pointee(catalogue),
            caches: caches::Caches::new(sizes),
            sizes,
            successor: ArcSwapOption::empty(),
        }))
    }

    /// Reads the catalogue anew if the store has changed since; true if it had.
    ///
    /// # Errors
    /// If the store cannot be read; the present catalogue stays.
    pub async fn refresh(&self) -> Result<bool, AtlasError> {
        if let Some(successor) = self.successor.load_full() {
            return successor.refresh_own().await;
        }
        self.refresh_own().await
    }

    async fn refresh_own(&self) -> Result<bool, AtlasError> {
        if self.store.generation().await? == self.catalogue.load().generation {
            return Ok(false);
        }
        let catalogue = catalogue::Catalogue::read(&self.store).await?;
        let before = self.catalogue.swap(Arc::new(catalogue));
        if before.purges != self.catalogue.load().purges {
            self.caches.forget();
        }
        Ok(true)
    }

    /// One atlas as this caller sees it; `None` if there is none or the caller may not know of it.
    pub fn view(self: &Arc<Self>, access: &Access, atlas: &str) -> Option<View> {
        let present = self.present();
        let entry = present.catalogue.load().atlases.get(atlas)?.clone();
        let scope = access.scope(&entry.row().slug);
        View::new(present, entry, &scope)
    }

    /// Every atlas that this caller sees, by slug.
    pub fn views(self: &Arc<Self>, access: &Access) -> Vec<View> {
        let present = self.present();
        let catalogue = present.catalogue.load_full();
        let mut slugs: Vec<_> = catalogue.atlases.keys().collect();
        slugs.sort();
        slugs.into_iter().filter_map(|slug| present.view(access, slug.as_str())).collect()
    }
}
