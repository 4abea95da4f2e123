//! An edition in memory: its regions, and its skeletons.

use std::sync::Arc;

use crate::{
    atlas::{AtlasError, Atlases, catalogue::EditionEntry},
    geometry::{GridPoint, TileCoord, Topology, ZoomArcs, ZoomGeometry},
    store::RegionRow,
    tile::{RegionText, Skeleton, TileLabel},
};

/// Regions and topology of an edition, with the borders that one audience may see.
pub(super) struct EditionData {
    pub(super) regions: Vec<RegionRow>,
    topology: Arc<Topology>,
    border_ranks: Vec<u8>,
    /// Label points on the grid, by ordinal.
    labels: Vec<Option<GridPoint>>,
}

impl EditionData {
    async fn read(atlases: &Atlases, entry: &EditionEntry) -> Result<Self, AtlasError> {
        let regions = atlases.store.regions(entry.row.id).await?;
        let topology = Topology::from_bytes(&atlases.store.topology(entry.row.id).await?)?;
        let border_ranks = topology.border_ranks(&parent_ids(&regions, entry));
        let labels =
            regions.iter().map(|r| r.label.map(|(lon, lat)| GridPoint::from_degrees(lon, lat))).collect();
        Ok(Self { regions, topology: Arc::new(topology), border_ranks, labels })
    }

    /// Bytes in memory, roughly.
    pub(super) fn weight(&self) -> usize {
        let texts = |r: &RegionRow| r.region.name.len() + r.region.key.as_str().len() + 96 * r.parents.len();
        self.regions.iter().map(|r| size_of::<RegionRow>() + texts(r)).sum::<usize>()
            + self.border_ranks.len()
            + self.labels.len() * size_of::<Option<GridPoint>>()
            + self.topology.weight()
    }

    /// Labels that stand in this tile: each label in exactly one tile of a zoom.
    fn labels_in(&self, coord: TileCoord) -> Vec<TileLabel> {
        // Grid units per unit of the tile, as a power of two.
        let shift = 31 - 12 - u32::from(coord.z());
        let placed = self.regions.iter().zip(&self.labels).enumerate();
        let mut labels: Vec<TileLabel> = placed
            .filter(|(_, (row, _))| row.label_minzoom <= coord.z())
            .filter_map(|(ordinal, (row, point))| Some((ordinal, row, (*point)?)))
            .filter(|(_, _, point)| TileCoord::containing(coord.z(), *point) == coord)
            .map(|(ordinal, row, point)| TileLabel {
                ordinal: ordinal as u32,
                x: (point.x >> shift) - (coord.x() as i32) * crate::geometry::EXTENT,
                y: (point.y >> shift) - (coord.y() as i32) * crate::geometry::EXTENT,
                rank: row.label_rank,
            })
            .collect();
        labels.sort_by_key(|l| (l.rank, l.ordinal));
        labels
    }

    /// The greatest number of regions that any one tile of zoom `z` shows, judged by their label points.
    pub(super) fn most_regions_in_a_tile(&self, z: u8) -> usize {
        let mut counts = std::collections::HashMap::new();
        for point in self.labels.iter().flatten() {
            *counts.entry(TileCoord::containing(z, *point)).or_insert(0_usize) += 1;
        }
        counts.into_values().max().unwrap_or(0)
    }
}

/// For each visible parent level, nearest first: a number for the parent of each region.
fn parent_ids(regions: &[RegionRow], entry: &EditionEntry) -> Vec<Vec<Option<u32>>> {
    let of_level = |level: &crate::domain::Slug| {
        let mut seen = std::collections::HashMap::new();
        let parent =
            |r: &RegionRow| r.parents.iter().find(|(slug, _)| slug == level).map(|(_, key)| key.clone());
        regions
            .iter()
            .map(|r| {
                parent(r).map(|key| {
                    let next = seen.len() as u32;
                    *seen.entry(key).or_insert(next)
                })
            })
            .collect()
    };
    entry.parents.iter().map(|(level, _)| of_level(level)).collect()
}

impl Atlases {
    /// Regions and topology of an edition, from the cache or the store.
    pub(super) async fn edition(&self, entry: &EditionEntry) -> Result<Arc<EditionData>, AtlasError> {
        let compute = async { Ok(Arc::new(EditionData::read(self, entry).await?)) };
        self.caches.editions.get_or_compute(entry.version, compute).await
    }

    async fn zoom_geometry(&self, entry: &EditionEntry, z: u8) -> Result<Arc<ZoomGeometry>, AtlasError> {
        let compute = async {
            let topology = self.edition(entry).await?.topology.clone();
            let arcs = ZoomArcs::from_bytes(&self.store.zoom_arcs(entry.row.id, z).await?)?;
            Ok(Arc::new(ZoomGeometry::new(topology, arcs)?))
        };
        self.caches.geometry.get_or_compute((entry.row.id, z), compute).await
    }

    /// The encoded geometry of one tile, the same for every indicator and period.
    pub(super) async fn skeleton(
        &self,
        entry: &EditionEntry,
        coord: TileCoord,
    ) -> Result<Arc<Skeleton>, AtlasError> {
        let key = (entry.version, coord);
        if let Some(skeleton) = self.caches.skeletons.get(&key).await {
            return Ok(skeleton);
        }
        let compute = async {
            let geometry = self.zoom_geometry(entry, coord.z()).await?;
            let edition = self.edition(entry).await?;
            // Clipping takes milliseconds: not on the threads that answer requests.
            metrics::counter!("kommunalatlas_skeleton_builds_total").increment(1);
            let build = move || Arc::new(build_skeleton(&edition, &geometry, coord));
            tokio::task::spawn_blocking(build).await.map_err(|_| AtlasError::Stopping)
        };
        self.caches.skeletons.get_or_compute(key, compute).await
    }
}

fn build_skeleton(edition: &EditionData, geometry: &ZoomGeometry, coord: TileCoord) -> Skeleton {
    let text = |ordinal: u32| {
        let region = &edition.regions[ordinal as usize].region;
        RegionText {
            key: region.key.as_str(),
            name: &region.name,
            short_name: region.short_name.as_deref(),
            inhabited: region.inhabited,
        }
    };
    let tile = geometry.tile(coord, &edition.border_ranks);
    Skeleton::build(&tile, &edition.labels_in(coord), &text)
}
