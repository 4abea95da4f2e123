//! Areas of polygons in degrees: the Lambert cylindrical equal-area projection of the ellipsoid.
//!
//! Formulas 3-12, 10-1 and 10-2 of Snyder, *Map Projections: A Working Manual* (USGS 1395), with the equator as standard
//! parallel. Areas are those on the ellipsoid GRS 80; only the edges between vertices are straight in another sense than
//! on a map, which is far below the exactness of boundaries.

use geo::MapCoords;
use geo_types::{Coord, MultiPolygon};

/// Half axis of GRS 80, in metres.
const AXIS: f64 = 6_378_137.0;

/// Eccentricity of GRS 80.
const ECCENTRICITY: f64 = 0.081_819_191_042_815_79;

/// Polygons in degrees, on a plane in metres on which every area is the one on the ellipsoid.
pub fn to_equal_area(polygons: &MultiPolygon<f64>) -> MultiPolygon<f64> {
    polygons.map_coords(|Coord { x, y }| {
        let sine = ECCENTRICITY * y.to_radians().sin();
        // The authalic function q without its constant factor.
        let part = sine / (1.0 - sine * sine) + sine.atanh();
        let height = (1.0 - ECCENTRICITY * ECCENTRICITY) / (2.0 * ECCENTRICITY);
        Coord { x: AXIS * x.to_radians(), y: AXIS * height * part }
    })
}

#[cfg(test)]
mod tests {
    use geo::Area;
    use geo_types::polygon;

    use super::*;

    #[test]
    fn the_surface_of_the_whole_ellipsoid_is_known() {
        let earth =
            polygon![(x: -180.0, y: -90.0), (x: 180.0, y: -90.0), (x: 180.0, y: 90.0), (x: -180.0, y: 90.0)];
        let area = to_equal_area(&MultiPolygon(vec![earth])).unsigned_area();
        assert!((area / 510_065_621.724e6 - 1.0).abs() < 1e-9, "{area}");
    }

    #[test]
    fn a_rectangle_in_germany_is_as_large_as_the_integral_over_the_ellipsoid() {
        let square =
            polygon![(x: 10.0, y: 52.0), (x: 10.25, y: 52.0), (x: 10.25, y: 52.25), (x: 10.0, y: 52.25)];
        let area = to_equal_area(&MultiPolygon(vec![square])).unsigned_area();
        assert!((area - 476_279_682.922).abs() < 0.01, "{area}");
    }
}
