//! From the coordinates of a file to degrees: which system they are in, and whether the result can be true.

use geo::MapCoordsInPlace;
use geo_types::{Coord, MultiPolygon};

use super::table::{DeclaredCrs, Feature, Shape};
use crate::{
    geometry::{Crs, Reprojector},
    ingest::Report,
    store::Bounds,
};

/// Where the regions of an atlas can lie: Europe with its islands.
const EUROPE: Bounds = Bounds { west: -35.0, south: 25.0, east: 50.0, north: 75.0 };

/// How far from its central meridian a zone is used, in metres: Aachen lies 620 km from that of zone 33, Görlitz 410 km
/// from that of zone 32 and of Gauss-Krüger zone 3. The neighbouring Gauss-Krüger zones begin 800 km away.
const ZONE_REACH: f64 = 750_000.0;

/// Least northing of a zone of the transverse Mercator projection in Europe, in metres; ETRS89-LAEA has lower ones in
/// Germany.
const ZONE_SOUTH: f64 = 3_800_000.0;

/// Where Europe lies in ETRS89-LAEA, in metres. Farther north are the northings that Gauss-Krüger has in Germany.
const LAEA_EUROPE: [[f64; 2]; 2] = [[900_000.0, 7_500_000.0], [900_000.0, 5_100_000.0]];

/// Smallest and greatest coordinates, in the file's own system.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extent {
    min: Coord<f64>,
    max: Coord<f64>,
}

impl Extent {
    /// The extent of all polygons; `None` if there is no finite coordinate.
    pub(super) fn of<'a>(shapes: impl Iterator<Item = &'a MultiPolygon<f64>>) -> Option<Self> {
        let (low, high) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut extent = Self { min: Coord { x: low, y: low }, max: Coord { x: high, y: high } };
        for coord in shapes.flat_map(|shape| &shape.0).flat_map(|polygon| &polygon.exterior().0) {
            extent.min = Coord { x: extent.min.x.min(coord.x), y: extent.min.y.min(coord.y) };
            extent.max = Coord { x: extent.max.x.max(coord.x), y: extent.max.y.max(coord.y) };
        }
        let corners = [extent.min.x, extent.min.y, extent.max.x, extent.max.y];
        corners.iter().all(|c| c.is_finite()).then_some(extent)
    }

    /// The extent of coordinates in degrees.
    pub(super) fn bounds(self) -> Bounds {
        Bounds { west: self.min.x, south: self.min.y, east: self.max.x, north: self.max.y }
    }

    fn within(self, x: [f64; 2], y: [f64; 2]) -> bool {
        self.min.x >= x[0] && self.max.x <= x[1] && self.min.y >= y[0] && self.max.y <= y[1]
    }

    /// False if the numbers are those of another zone or kind of system. Read in a wrong zone, they would land in the
    /// Atlantic or in Poland, which is still Europe.
    fn can_be(self, crs: Crs) -> bool {
        if crs.is_geographic() != self.is_degrees() {
            return false;
        }
        if crs == Crs::Laea {
            let [x, y] = LAEA_EUROPE;
            return self.within(x, y);
        }
        crs.central_easting().is_none_or(|meridian| {
            self.within([meridian - ZONE_REACH, meridian + ZONE_REACH], [ZONE_SOUTH, f64::INFINITY])
        })
    }

    fn is_degrees(self) -> bool {
        self.within([-180.0, 180.0], [-90.0, 90.0])
    }
}

/// Decides on the system: what the user says, else what the file says, else the default of its format.
///
/// # Errors
/// A sentence with the system that should be tried.
pub(super) fn choose(declared: &DeclaredCrs, option: Option<Crs>, extent: Extent) -> Result<Crs, String> {
    let crs = match (option, declared) {
        (Some(crs), _) => crs,
        (None, DeclaredCrs::Known(crs) | DeclaredCrs::Default(crs)) => *crs,
        (None, DeclaredCrs::Foreign(name)) => {
            return Err(format!(
                "The file is in the coordinate system '{name}', which is not read; read are {}: convert it, or give \
                 the right one with --crs if the file is mistaken.",
                Crs::names().join(", ")
            ));
        }
        (None, DeclaredCrs::Nothing) => {
            return Err(format!("The file does not say its coordinate system: {}.", advice(extent)));
        }
    };
    if extent.can_be(crs) {
        return Ok(crs);
    }
    Err(format!(
        "The coordinates ({:.6} {:.6} to {:.6} {:.6}) cannot be {}: {}.",
        extent.min.x,
        extent.min.y,
        extent.max.x,
        extent.max.y,
        crs.name(),
        advice(extent)
    ))
}

/// Which system coordinates of such a size probably are in, if it is in Germany.
fn advice(extent: Extent) -> String {
    let north = [5_100_000.0, 6_200_000.0];
    let million = 1_000_000.0;
    let zone = |first: f64| extent.within([first * million, (first + 0.99) * million], north);
    let likely: [(bool, &str); 10] = [
        (extent.within([-35.0, 50.0], [25.0, 75.0]), "they look like degrees, try --crs EPSG:4326"),
        (
            extent.within([100_000.0, 999_999.0], north),
            "they look like UTM, try --crs EPSG:25832 (or EPSG:25833 in the east)",
        ),
        (zone(2.0), "they look like Gauss-Krüger zone 2, try --crs EPSG:31466"),
        (zone(3.0), "they look like Gauss-Krüger zone 3, try --crs EPSG:31467"),
        (zone(4.0), "they look like Gauss-Krüger zone 4, try --crs EPSG:31468"),
        (
            zone(5.0),
            "they look like Gauss-Krüger zone 5 (EPSG:31469), which is not read: convert the file to EPSG:25833",
        ),
        (
            extent.within([0.5 * million, 1.9 * million], [5.9 * million, 7.6 * million]),
            "they look like Web Mercator, try --crs EPSG:3857",
        ),
        (zone(32.0), "they look like UTM with the zone 32 in front, try --crs EPSG:4647"),
        (zone(33.0), "they look like UTM with the zone 33 in front, try --crs EPSG:5650"),
        (
            extent.within([3.8 * million, 4.8 * million], [2.5 * million, 3.8 * million]),
            "they look like ETRS89-LAEA, try --crs EPSG:3035",
        ),
    ];
    let found = likely.iter().find(|(fits, _)| *fits);
    found.map_or_else(|| "give the right one with --crs".to_owned(), |(_, text)| (*text).to_owned())
}

/// Brings all polygons to degrees. Features that have coordinates outside of the system are reported.
pub(super) fn reproject(features: &mut [Feature], reprojector: &Reprojector, report: &mut Report) {
    for feature in features {
        let Shape::Polygons(polygons) = &mut feature.shape else { continue };
        let moved = polygons.try_map_coords_in_place(|coord| {
            reprojector.to_degrees(coord.x, coord.y).map(|(x, y)| Coord { x, y })
        });
        if let Err(error) = moved {
            report.error(
                Some(feature.number),
                None,
                format!("{error}: the coordinate system is the wrong one, or the file is damaged."),
            );
        }
    }
}

/// Reports regions that lie outside of Europe, which means a wrong system or exchanged axes.
pub(super) fn check_place(bounds: Bounds, crs: Crs, report: &mut Report) {
    let inside = bounds.west >= EUROPE.west
        && bounds.east <= EUROPE.east
        && bounds.south >= EUROPE.south
        && bounds.north <= EUROPE.north;
    if inside {
        return;
    }
    let place = format!(
        "Read as {} the regions reach from {:.2}° to {:.2}° east and {:.2}° to {:.2}° north, which is not in Europe",
        crs.name(),
        bounds.west,
        bounds.east,
        bounds.south,
        bounds.north
    );
    let exchanged = bounds.west >= 45.0 && bounds.east <= 60.0 && bounds.south >= 0.0 && bounds.north <= 20.0;
    let cause = if exchanged {
        "latitude and longitude are exchanged in the file"
    } else {
        "the coordinate system is the wrong one (see --crs) or a coordinate is damaged"
    };
    report.error(None, None, format!("{place}: {cause}."));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(min: (f64, f64), max: (f64, f64)) -> Extent {
        Extent { min: Coord { x: min.0, y: min.1 }, max: Coord { x: max.0, y: max.1 } }
    }

    #[test]
    fn the_user_is_right_before_the_file_and_the_file_before_the_default() {
        let utm = extent((400_000.0, 5_700_000.0), (500_000.0, 5_900_000.0));
        let known = DeclaredCrs::Known(Crs::Utm33);
        assert_eq!(choose(&known, Some(Crs::Utm32), utm), Ok(Crs::Utm32));
        assert_eq!(choose(&known, None, utm), Ok(Crs::Utm33));
        let degrees = extent((9.0, 52.0), (10.0, 53.0));
        assert_eq!(choose(&DeclaredCrs::Default(Crs::Wgs84), None, degrees), Ok(Crs::Wgs84));
    }

    #[test]
    fn coordinates_that_cannot_be_the_system_are_refused_with_one_that_can() {
        let default = DeclaredCrs::Default(Crs::Wgs84);
        for (extent, says) in [
            (extent((400_000.0, 5_700_000.0), (500_000.0, 5_900_000.0)), "EPSG:25832"),
            (extent((3_400_000.0, 5_700_000.0), (3_500_000.0, 5_900_000.0)), "EPSG:31467"),
            (extent((1_100_000.0, 6_900_000.0), (1_200_000.0, 7_000_000.0)), "EPSG:3857"),
            (extent((32_400_000.0, 5_700_000.0), (32_500_000.0, 5_900_000.0)), "4647"),
            (extent((4_200_000.0, 3_200_000.0), (4_300_000.0, 3_300_000.0)), "3035"),
            (extent((1e12, 0.0), (1e13, 1.0)), "--crs"),
        ] {
            assert!(choose(&default, None, extent).unwrap_err().contains(says));
            assert!(choose(&DeclaredCrs::Nothing, None, extent).unwrap_err().contains(says));
        }
        let (utm, zone_2) = (
            extent((600_000.0, 5_700_000.0), (700_000.0, 5_900_000.0)),
            extent((2_500_000.0, 5_700_000.0), (2_600_000.0, 5_900_000.0)),
        );
        let laea = extent((4_200_000.0, 3_200_000.0), (4_300_000.0, 3_300_000.0));
        let zone_4 = extent((4_400_000.0, 5_300_000.0), (4_500_000.0, 5_400_000.0));
        let zoned = extent((32_400_000.0, 5_700_000.0), (32_500_000.0, 5_900_000.0));
        for (crs, extent, says) in [
            (Crs::GaussKruger3, utm, "25832"),
            (Crs::GaussKruger3, zone_2, "31466"),
            (Crs::Utm32, zone_2, "31466"),
            (Crs::GaussKruger4, laea, "3035"),
            (Crs::Laea, zone_4, "31468"),
            (Crs::Utm32, zoned, "4647"),
        ] {
            assert!(choose(&default, Some(crs), extent).unwrap_err().contains(says));
        }
        let far_west = extent((-100_000.0, 5_600_000.0), (0.0, 5_700_000.0));
        assert_eq!(choose(&default, Some(Crs::Utm33), far_west), Ok(Crs::Utm33));
        let degrees = extent((9.0, 52.0), (10.0, 53.0));
        assert!(choose(&DeclaredCrs::Known(Crs::Utm32), None, degrees).unwrap_err().contains("4326"));
        assert!(choose(&DeclaredCrs::Foreign("X".to_owned()), None, degrees).is_err());
    }

    #[test]
    fn exchanged_axes_are_recognised() {
        let mut report = Report::new("a");
        let bounds = Bounds { west: 52.0, south: 9.0, east: 53.0, north: 11.0 };
        check_place(bounds, Crs::Wgs84, &mut report);
        assert!(report.problems[0].message.contains("exchanged"));
        check_place(Bounds { west: 9.0, south: 52.0, east: 11.0, north: 53.0 }, Crs::Wgs84, &mut report);
        assert_eq!(report.errors, 1);
    }
}
