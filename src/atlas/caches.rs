//! The caches: skeletons, columns and tiles, each with a byte budget, one computation per key.

use std::{future::Future, hash::Hash, sync::Arc};

use bytes::Bytes;
use moka::future::Cache;

use crate::{
    atlas::{AtlasError, catalogue::Version, edition::EditionData, layer::LayerColumn},
    geometry::{TileCoord, ZoomGeometry},
    store::Id,
    tile::{Encoding, Skeleton},
};

/// Budgets in bytes.
#[derive(Debug, Clone, Copy)]
pub struct CacheSizes {
    /// Encoded geometry of tiles.
    pub skeletons: u64,
    /// Values of layers.
    pub columns: u64,
    /// Finished tiles.
    pub tiles: u64,
    /// Arcs of editions by zoom.
    pub geometry: u64,
}

impl Default for CacheSizes {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Self { skeletons: 96 * MIB, columns: 128 * MIB, tiles: 64 * MIB, geometry: 48 * MIB }
    }
}

/// Whose values a tile shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum TileContent {
    Geometry,
    Period,
    AllPeriods,
    Facilities,
}

/// Names the bytes of a tile. The version names the audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TileKey {
    pub(super) version: Version,
    pub(super) content: TileContent,
    pub(super) coord: TileCoord,
    pub(super) encoding: Encoding,
}

/// A cache with a byte budget whose entries are computed once, however many ask at the same time. Errors are not kept.
pub(super) struct Weighted<K, V>(Cache<K, V>);

impl<K, V> Weighted<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn new(budget: u64, weigh: impl Fn(&V) -> usize + Send + Sync + 'static) -> Self {
        /// What an entry costs besides its value: key, hash table, order of use.
        const OVERHEAD: usize = 256;
        let weigher = move |_: &K, value: &V| u32::try_from(weigh(value) + OVERHEAD).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(budget).weigher(weigher).build())
    }

    fn forget(&self) {
        self.0.invalidate_all();
    }

    /// The entry, if it is there.
    pub(super) async fn get(&self, key: &K) -> Option<V> {
        self.0.get(key).await
    }

    /// The entry, computed if it is not there.
    pub(super) async fn get_or_compute<F>(&self, key: K, compute: F) -> Result<V, AtlasError>
    where
        F: Future<Output = Result<V, AtlasError>>,
    {
        // On the heap: a computation's state is large, and every future that might await it would be moved about with it.
        Box::pin(self.0.try_get_with(key, compute)).await.map_err(|e: Arc<AtlasError>| (*e).clone())
    }
}

/// All caches of the read model.
pub(super) struct Caches {
    pub(super) editions: Weighted<Version, Arc<EditionData>>,
    pub(super) geometry: Weighted<(Id, u8), Arc<ZoomGeometry>>,
    pub(super) skeletons: Weighted<(Version, TileCoord), Arc<Skeleton>>,
    pub(super) columns: Weighted<Version, Arc<LayerColumn>>,
    pub(super) tiles: Weighted<TileKey, Bytes>,
}

impl Caches {
    pub(super) fn new(sizes: CacheSizes) -> Self {
        Self {
            editions: Weighted::new(sizes.geometry, |e: &Arc<EditionData>| e.weight()),
            geometry: Weighted::new(sizes.geometry, |g: &Arc<ZoomGeometry>| g.weight()),
            skeletons: Weighted::new(sizes.skeletons, |s: &Arc<Skeleton>| s.weight()),
            columns: Weighted::new(sizes.columns, |c: &Arc<LayerColumn>| c.weight()),
            tiles: Weighted::new(sizes.tiles, Bytes::len),
        }
    }
    /// Forgets everything, because something was purged. Entries are keyed by version and never stale; but what is
    /// nowhere else any more must not stay in memory either.
    pub(super) fn forget(&self) {
        self.editions.forget();
        self.geometry.forget();
        self.skeletons.forget();
        self.columns.forget();
        self.tiles.forget();
    }
}
