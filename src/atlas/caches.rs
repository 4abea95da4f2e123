//! The caches: skeletons, columns and tiles, each with a byte budget, one computation per key.

use std::{
    future::Future,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use metrics::{Counter, counter};
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
pub(super) struct Weighted<K, V> {
    name: &'static str,
    cache: Cache<K, V>,
    hits: Counter,
    misses: Counter,
}

/// A cache at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheState {
    /// What is in it.
    pub name: &'static str,
    /// How many.
    pub entries: u64,
    /// How many bytes, roughly.
    pub bytes: u64,
}

impl<K, V> Weighted<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn new(name: &'static str, budget: u64, weigh: impl Fn(&V) -> usize + Send + Sync + 'static) -> Self {
        /// What an entry costs besides its value: key, hash table, order of use.
        const OVERHEAD: usize = 256;
        let weigher = move |_: &K, value: &V| u32::try_from(weigh(value) + OVERHEAD).unwrap_or(u32::MAX);
        Self {
            name,
            cache: Cache::builder().max_capacity(budget).weigher(weigher).build(),
            hits: counter!("kommunalatlas_cache_hits_total", "cache" => name),
            misses: counter!("kommunalatlas_cache_misses_total", "cache" => name),
        }
    }

    fn forget(&self) {
        self.cache.invalidate_all();
    }

    async fn state(&self) -> CacheState {
        self.cache.run_pending_tasks().await;
        CacheState { name: self.name, entries: self.cache.entry_count(), bytes: self.cache.weighted_size() }
    }

    /// The entry, if it is there. Whoever computes it otherwise asks [`Weighted::get_or_compute`].
    pub(super) async fn get(&self, key: &K) -> Option<V> {
        let found = self.cache.get(key).await;
        if found.is_some() {
            self.hits.increment(1);
        }
        found
    }

    /// The entry, computed if it is not there.
    pub(super) async fn get_or_compute<F>(&self, key: K, compute: F) -> Result<V, AtlasError>
    where
        F: Future<Output = Result<V, AtlasError>>,
    {
        let missed = AtomicBool::new(false);
        let counted = async {
            missed.store(true, Ordering::Relaxed);
            compute.await
        };
        // On the heap: a computation's state is large, and every future that might await it would be moved about with it.
        let found = Box::pin(self.cache.try_get_with(key, counted)).await;
        let counter = if missed.into_inner() { &self.misses } else { &self.hits };
        counter.increment(1);
        found.map_err(|e: Arc<AtlasError>| (*e).clone())
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
            editions: Weighted::new("editions", sizes.geometry, |e: &Arc<EditionData>| e.weight()),
            geometry: Weighted::new("geometry", sizes.geometry, |g: &Arc<ZoomGeometry>| g.weight()),
            skeletons: Weighted::new("skeletons", sizes.skeletons, |s: &Arc<Skeleton>| s.weight()),
            columns: Weighted::new("columns", sizes.columns, |c: &Arc<LayerColumn>| c.weight()),
            tiles: Weighted::new("tiles", sizes.tiles, Bytes::len),
        }
    }

    pub(super) async fn states(&self) -> Vec<CacheState> {
        vec![
            self.editions.state().await,
            self.geometry.state().await,
            self.skeletons.state().await,
            self.columns.state().await,
            self.tiles.state().await,
        ]
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
