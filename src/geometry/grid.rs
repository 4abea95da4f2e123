//! The fixed-point Web Mercator grid on which all stored geometry lies, and tile coordinates.

/// World width in grid units: 2³¹, so that one unit is 1.9 cm at the equator and a coordinate fits an `i32`.
pub const WORLD_BITS: u32 = 31;

/// Latitude where Web Mercator is cut off, in degrees.
const MAX_LATITUDE: f64 = 85.051_128_779_806_59;

/// A point of the grid; x grows to the east, y to the south, both 0 … 2³¹−1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct GridPoint {
    /// Eastward.
    pub x: i32,
    /// Southward.
    pub y: i32,
}

impl GridPoint {
    /// The grid point of a position in degrees (WGS 84); longitude and latitude are clamped to the Mercator world.
    pub fn from_degrees(lon: f64, lat: f64) -> Self {
        let x = lon.clamp(-180.0, 180.0) / 360.0 + 0.5;
        let sin = lat.clamp(-MAX_LATITUDE, MAX_LATITUDE).to_radians().sin();
        let y = 0.5 - ((1.0 + sin) / (1.0 - sin)).ln() / (4.0 * std::f64::consts::PI);
        let world = 2_f64.powi(WORLD_BITS as i32);
        let fixed = |part: f64| (part * world).round().clamp(0.0, world - 1.0) as i32;
        Self { x: fixed(x), y: fixed(y) }
    }

    /// Longitude and latitude in degrees (WGS 84).
    pub fn to_degrees(self) -> (f64, f64) {
        let world = 2_f64.powi(WORLD_BITS as i32);
        let (x, y) = (f64::from(self.x) / world, f64::from(self.y) / world);
        let lat = (std::f64::consts::PI * (1.0 - 2.0 * y)).sinh().atan();
        (x * 360.0 - 180.0, lat.to_degrees())
    }
}

/// A tile of the Web Mercator pyramid, at most at [`super::MAX_ZOOM`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileCoord {
    z: u8,
    x: u32,
    y: u32,
}

/// Why three numbers are no tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no tile {z}/{x}/{y}: z is 0 to 22, x and y are below 2^z")]
pub struct TileCoordError {
    z: u8,
    x: u32,
    y: u32,
}

impl TileCoord {
    /// The tile `z/x/y`.
    ///
    /// # Errors
    /// If z is above 22 or x or y is not below 2^z.
    pub fn new(z: u8, x: u32, y: u32) -> Result<Self, TileCoordError> {
        if z <= 22 && x < 1 << z && y < 1 << z {
            Ok(Self { z, x, y })
        } else {
            Err(TileCoordError { z, x, y })
        }
    }

    /// The tile of zoom `z` (at most 22) that holds a grid point.
    pub fn containing(z: u8, point: GridPoint) -> Self {
        let shift = WORLD_BITS - u32::from(z.min(22));
        Self { z: z.min(22), x: (point.x >> shift) as u32, y: (point.y >> shift) as u32 }
    }

    /// Zoom.
    pub fn z(self) -> u8 {
        self.z
    }

    /// Column, from the west.
    pub fn x(self) -> u32 {
        self.x
    }

    /// Row, from the north.
    pub fn y(self) -> u32 {
        self.y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_come_back_to_within_a_centimetre_or_two() {
        for (lon, lat) in [(11.15, 52.97), (-179.9, -80.0), (0.0, 0.0), (6.0, 55.05)] {
            let (lon2, lat2) = GridPoint::from_degrees(lon, lat).to_degrees();
            assert!((lon - lon2).abs() < 2e-7 && (lat - lat2).abs() < 2e-7, "{lon} {lat} {lon2} {lat2}");
        }
    }

    #[test]
    fn a_tile_must_lie_in_its_pyramid() {
        assert!(TileCoord::new(0, 0, 0).is_ok());
        assert!(TileCoord::new(3, 8, 0).is_err());
        assert!(TileCoord::new(23, 0, 0).is_err());
    }

    #[test]
    fn dannenberg_lies_in_its_tile() {
        let tile = TileCoord::containing(8, GridPoint::from_degrees(11.1, 53.1));
        assert_eq!((tile.z(), tile.x(), tile.y()), (8, 135, 83));
    }
}
