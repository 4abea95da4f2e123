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
mod contact;
mod edition;
mod facilities;
mod layer;
mod loans;
mod replaced;
mod view;

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use contact::Contact;

use crate::{
    access::Access,
    geometry::DecodeError,
    store::{PoolState, Store, StoreError, Watch},
};

pub use caches::{CacheSizes, CacheState};
pub use catalogue::{EditionEntry, Layer, Version};
pub use contact::Standing;
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
    /// The store is older than what was shown already.
    #[error(
        "the store is older than what this server has shown; if a backup was put back, restart the server"
    )]
    Older,
    /// A computation was cut off because the server stops.
    #[error("the server is stopping")]
    Stopping,
}

impl AtlasError {
    /// True for what is over by itself: whoever asks again later may get an answer. What the catalogue names and the store
    /// does not have was purged a moment ago; the catalogue will know.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Store(error) => error.is_passing() || matches!(**error, StoreError::Unknown { .. }),
            Self::Stopping => true,
            Self::Geometry(_) | Self::Older => false,
        }
    }
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
    contact: Contact,
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
            contact: Contact::new(catalogue.generation),
            catalogue: ArcSwap::from_pointee(catalogue),
            caches: caches::Caches::new(sizes),
            sizes,
            successor: ArcSwapOption::empty(),
        }))
    }

    /// Reads the catalogue anew if the store has changed since; true if it had.
    ///
    /// # Errors
    /// If the store cannot be read, or is older than the present catalogue, which stays.
    pub async fn refresh(&self) -> Result<bool, AtlasError> {
        match self.successor.load_full() {
            Some(successor) => successor.come_to(successor.store.generation().await?).await,
            None => self.come_to(self.store.generation().await?).await,
        }
    }

    /// As [`Atlases::refresh`], by somebody who looks all the time: from then on it is known whether the store answers.
    ///
    /// # Errors
    /// As [`Atlases::refresh`].
    pub async fn look(&self, watch: &mut Watch) -> Result<bool, AtlasError> {
        match self.successor.load_full() {
            Some(successor) => {
                // The watch of a file holds nothing but the file.
                *watch = successor.store.watch();
                successor.look_at_own(watch).await
            }
            None => self.look_at_own(watch).await,
        }
    }

    async fn look_at_own(&self, watch: &mut Watch) -> Result<bool, AtlasError> {
        let seen = watch.generation().await;
        let looked = match seen {
            Ok(generation) => self.come_to(generation).await,
            Err(error) => Err(error.into()),
        };
        self.contact.note(looked.is_ok());
        looked
    }

    /// Brings the catalogue to at least this generation. One after the other: an older catalogue never follows a newer one.
    async fn come_to(&self, generation: i64) -> Result<bool, AtlasError> {
        self.contact.saw(generation);
        let _turn = self.contact.turn().await;
        let present = self.catalogue.load().generation;
        if generation < present {
            return Err(AtlasError::Older);
        }
        if generation == present {
            return Ok(false);
        }
        let catalogue = catalogue::Catalogue::read(&self.store).await?;
        let before = self.catalogue.swap(Arc::new(catalogue));
        if before.purges != self.catalogue.load().purges {
            self.caches.forget();
        }
        Ok(true)
    }

    /// Somebody who looks for changes of the store.
    pub fn watch(&self) -> Watch {
        self.store.watch()
    }

    /// True while the store does not answer those who look for changes: what is shown may be out of date.
    pub fn is_cut_off(self: &Arc<Self>) -> bool {
        self.present().contact.is_lost()
    }

    /// How the catalogue stands to the store.
    pub fn standing(self: &Arc<Self>) -> Standing {
        let present = self.present();
        present.contact.standing(present.catalogue.load().generation, present.store.replica_lag())
    }

    /// The caches as they are at present.
    pub async fn caches(self: &Arc<Self>) -> Vec<CacheState> {
        self.present().caches.states().await
    }

    /// The pools of connections as they are at present.
    pub fn pools(self: &Arc<Self>) -> Vec<PoolState> {
        self.present().store.pools()
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
