//! Facilities of one category as one audience sees them.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;

use crate::{
    atlas::{
        AtlasError, Atlases, Version,
        caches::{TileContent, TileKey},
        catalogue::VersionHasher,
    },
    domain::{Audience, Facility, FacilityCategory, Slug},
    geometry::{EXTENT, GridPoint, MAX_ZOOM, TileCoord},
    store::Bounds,
    tile::{Encoding, TileFacility, facility_tile},
};

/// Most facilities in one tile: with a hundred bytes each they stay within its budget of 500 kB.
const MOST_IN_A_TILE: usize = 5000;

/// What is added around the outermost facilities, in degrees, so that a single one has an area to show.
const AROUND: f64 = 0.01;

/// A category with those of its facilities that one audience sees.
#[derive(Debug)]
pub struct FacilityEntry {
    /// The category.
    pub category: FacilityCategory,
    /// By key; never empty.
    pub facilities: Vec<Facility>,
    /// A little more than the box around them.
    pub bounds: Bounds,
    /// First zoom at which every tile keeps its budget.
    pub minzoom: u8,
    /// Names what this audience sees.
    pub version: Version,
    points: Vec<GridPoint>,
}

impl FacilityEntry {
    /// The categories of which an audience sees any facility, in their order. `facilities` are those that it sees.
    pub(super) fn of_audience(
        categories: &[FacilityCategory],
        facilities: Vec<Facility>,
        audience: Audience,
    ) -> Vec<Arc<Self>> {
        let mut by_category: HashMap<Slug, Vec<Facility>> = HashMap::new();
        for facility in facilities {
            by_category.entry(facility.category.clone()).or_default().push(facility);
        }
        let entry = |category: &FacilityCategory| {
            let facilities = by_category.remove(&category.slug)?;
            Some(Arc::new(Self::new(category.clone(), facilities, audience)))
        };
        categories.iter().filter_map(entry).collect()
    }

    fn new(category: FacilityCategory, facilities: Vec<Facility>, audience: Audience) -> Self {
        let mut hasher = VersionHasher::new(audience);
        hasher.part("facilities");
        hasher.part(category.slug.as_str());
        for facility in &facilities {
            hasher.part(&serde_json::to_string(facility).unwrap_or_default());
        }
        let points: Vec<_> = facilities.iter().map(|f| GridPoint::from_degrees(f.lon, f.lat)).collect();
        Self {
            bounds: bounds(&facilities),
            minzoom: minzoom(&points),
            version: hasher.finish(),
            category,
            facilities,
            points,
        }
    }

    /// The facilities of a tile: each stands in exactly one tile of a zoom.
    fn in_tile(&self, coord: TileCoord) -> Vec<TileFacility<'_>> {
        // Grid units per unit of the tile, as a power of two.
        let shift = 31 - 12 - u32::from(coord.z());
        let placed = self.facilities.iter().zip(&self.points).zip(0..);
        let here = placed.filter(|((_, point), _)| TileCoord::containing(coord.z(), **point) == coord);
        here.map(|((facility, point), rank)| TileFacility {
            rank,
            x: (point.x >> shift) - coord.x() as i32 * EXTENT,
            y: (point.y >> shift) - coord.y() as i32 * EXTENT,
            facility,
        })
        .collect()
    }
}

fn bounds(facilities: &[Facility]) -> Bounds {
    let least = |of: fn(&Facility) -> f64| facilities.iter().map(of).fold(f64::INFINITY, f64::min) - AROUND;
    let most =
        |of: fn(&Facility) -> f64| facilities.iter().map(of).fold(f64::NEG_INFINITY, f64::max) + AROUND;
    Bounds { west: least(|f| f.lon), south: least(|f| f.lat), east: most(|f| f.lon), north: most(|f| f.lat) }
}

fn minzoom(points: &[GridPoint]) -> u8 {
    let fits = |z: &u8| {
        let mut counts: HashMap<TileCoord, usize> = HashMap::new();
        for point in points {
            *counts.entry(TileCoord::containing(*z, *point)).or_default() += 1;
        }
        counts.into_values().all(|count| count <= MOST_IN_A_TILE)
    };
    (0..MAX_ZOOM).find(fits).unwrap_or(MAX_ZOOM)
}

/// One category as one caller sees it.
pub struct FacilityView {
    atlases: Arc<Atlases>,
    audience: Audience,
    entry: Arc<FacilityEntry>,
}

impl FacilityView {
    pub(super) fn new(atlases: Arc<Atlases>, audience: Audience, entry: Arc<FacilityEntry>) -> Self {
        Self { atlases, audience, entry }
    }

    /// Who is looking.
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// Names its content.
    pub fn version(&self) -> Version {
        self.entry.version
    }

    /// The category with its facilities.
    pub fn entry(&self) -> &FacilityEntry {
        &self.entry
    }

    /// True if the tile lies inside the bounds and zooms.
    pub fn covers(&self, coord: TileCoord) -> bool {
        let Bounds { west, south, east, north } = self.entry.bounds;
        let tile = |lon, lat| TileCoord::containing(coord.z(), GridPoint::from_degrees(lon, lat));
        let (first, last) = (tile(west, north), tile(east, south));
        (self.entry.minzoom..=MAX_ZOOM).contains(&coord.z())
            && (first.x()..=last.x()).contains(&coord.x())
            && (first.y()..=last.y()).contains(&coord.y())
    }

    /// A tile of points; empty bytes if none lies in it.
    ///
    /// # Errors
    /// If the server is stopping.
    pub async fn tile(&self, coord: TileCoord, encoding: Encoding) -> Result<Bytes, AtlasError> {
        let key = TileKey { version: self.entry.version, content: TileContent::Facilities, coord, encoding };
        let compute = async { Ok(Bytes::from(facility_tile(&self.entry.in_tile(coord), encoding))) };
        self.atlases.caches.tiles.get_or_compute(key, compute).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_in_one_place_is_shown_from_the_last_zoom_on_and_a_few_from_the_first() {
        let point = GridPoint::from_degrees(11.1, 53.0);
        assert_eq!(minzoom(&[point; 12]), 0);
        assert_eq!(minzoom(&vec![point; MOST_IN_A_TILE + 1]), MAX_ZOOM);
    }
}
