//! Coordinate reference systems of boundary files, and the way from their coordinates to degrees (WGS 84).
//!
//! ETRS89 and WGS 84 are taken as equal (they differ by less than a metre in Europe, and every web map does so).
//! Coordinates come in the order of files, x = east or longitude first, whatever the system's official axis order is.

use proj4rs::Proj;

use super::ntv2::DatumGrid;

/// A coordinate reference system that boundary files may be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Crs {
    /// EPSG:4326, WGS 84 in degrees.
    Wgs84,
    /// OGC:CRS84, WGS 84 in degrees, longitude first.
    Crs84,
    /// EPSG:4258, ETRS89 in degrees.
    Etrs89,
    /// EPSG:3857, Web Mercator in metres.
    WebMercator,
    /// EPSG:25832, ETRS89 / UTM zone 32N.
    Utm32,
    /// EPSG:25833, ETRS89 / UTM zone 33N.
    Utm33,
    /// EPSG:4647, ETRS89 / UTM zone 32N with the zone before the easting (zE-N).
    Utm32Zone,
    /// EPSG:5650, ETRS89 / UTM zone 33N with the zone before the easting (zE-N).
    Utm33Zone,
    /// EPSG:31466, DHDN / 3-degree Gauss-Krüger zone 2.
    GaussKruger2,
    /// EPSG:31467, DHDN / 3-degree Gauss-Krüger zone 3.
    GaussKruger3,
    /// EPSG:31468, DHDN / 3-degree Gauss-Krüger zone 4.
    GaussKruger4,
    /// EPSG:3035, ETRS89-extended / LAEA Europe.
    Laea,
}

/// Why coordinates cannot be brought to degrees.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CrsError {
    /// The bytes given as an `NTv2` grid are none.
    #[error("The datum grid cannot be read: {0}")]
    Grid(&'static str),
    /// The projection library refused the system's definition.
    #[error("The coordinate system cannot be set up: {0}")]
    Setup(String),
    /// A coordinate is not finite or lies outside what the system can describe.
    #[error("The coordinate {x} {y} does not lie in {crs}")]
    Coordinate {
        /// East or longitude.
        x: f64,
        /// North or latitude.
        y: f64,
        /// Name of the system.
        crs: &'static str,
    },
}

/// Something the user should know about the accuracy of a reprojection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CrsWarning {
    /// The datum shift is a Helmert transformation, since there was no grid.
    #[error(
        "Without the datum grid BETA2007.gsb the coordinates of {crs} are shifted by Helmert transformations \
         and may be off by up to 2 m"
    )]
    NoGrid {
        /// Name of the system.
        crs: &'static str,
    },
}

impl Crs {
    const ALL: [Self; 12] = [
        Self::Wgs84,
        Self::Crs84,
        Self::Etrs89,
        Self::WebMercator,
        Self::Utm32,
        Self::Utm33,
        Self::Utm32Zone,
        Self::Utm33Zone,
        Self::GaussKruger2,
        Self::GaussKruger3,
        Self::GaussKruger4,
        Self::Laea,
    ];

    /// The system with an EPSG code, if it is a known one.
    pub fn from_epsg(code: u32) -> Option<Self> {
        match code {
            4326 => Some(Self::Wgs84),
            4258 => Some(Self::Etrs89),
            3857 | 900_913 => Some(Self::WebMercator),
            25832 => Some(Self::Utm32),
            25833 => Some(Self::Utm33),
            4647 => Some(Self::Utm32Zone),
            5650 => Some(Self::Utm33Zone),
            31466 => Some(Self::GaussKruger2),
            31467 => Some(Self::GaussKruger3),
            31468 => Some(Self::GaussKruger4),
            3035 => Some(Self::Laea),
            _ => None,
        }
    }

    /// The system that a text names: `25832`, `EPSG:25832`, `urn:ogc:def:crs:EPSG::25832`,
    /// `http://www.opengis.net/def/crs/OGC/1.3/CRS84` and the like.
    pub fn from_name(name: &str) -> Option<Self> {
        let upper = name.trim().to_ascii_uppercase();
        let last = upper.rsplit([':', '/', '#']).next().unwrap_or(&upper);
        if last == "CRS84" {
            return Some(Self::Crs84);
        }
        if last != upper && !upper.contains("EPSG") {
            return None;
        }
        Self::from_epsg(last.parse().ok()?)
    }

    /// The system that a WKT text describes (a `.prj` file, the `definition` of a GeoPackage).
    ///
    /// The outermost `AUTHORITY` (or `ID` of WKT 2) decides; without one, projection, spheroid and parameters do.
    pub fn from_wkt(wkt: &str) -> Option<Self> {
        let flat: String =
            wkt.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
        if let Some(code) = outermost_authority(&flat) {
            return Self::from_epsg(code);
        }
        let grs80 = flat.contains("GRS_1980") || flat.contains("GRS1980") || flat.contains("GRS80");
        let wgs84 = flat.contains("WGS_1984") || flat.contains("WGS84") || flat.contains("WGS_84");
        if flat.starts_with("GEOGCS[") {
            return match (wgs84, grs80) {
                (true, _) => Some(Self::Wgs84),
                (false, true) => Some(Self::Etrs89),
                _ => None,
            };
        }
        let mercator = flat.contains("MERCATOR_AUXILIARY_SPHERE") || flat.contains("PSEUDO-MERCATOR");
        if mercator && wgs84 {
            return Some(Self::WebMercator);
        }
        let parameters = Parameters(&flat);
        if flat.contains("LAMBERT_AZIMUTHAL_EQUAL_AREA") {
            return (grs80 && parameters.are_laea_europe()).then_some(Self::Laea);
        }
        let transverse = flat.contains("TRANSVERSE_MERCATOR") || flat.contains("GAUSS_KRUGER");
        if !transverse {
            return None;
        }
        parameters.transverse_mercator(grs80 || wgs84, flat.contains("BESSEL"))
    }

    /// The system's usual name, such as `EPSG:25832`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wgs84 => "EPSG:4326",
            Self::Crs84 => "OGC:CRS84",
            Self::Etrs89 => "EPSG:4258",
            Self::WebMercator => "EPSG:3857",
            Self::Utm32 => "EPSG:25832",
            Self::Utm33 => "EPSG:25833",
            Self::Utm32Zone => "EPSG:4647",
            Self::Utm33Zone => "EPSG:5650",
            Self::GaussKruger2 => "EPSG:31466",
            Self::GaussKruger3 => "EPSG:31467",
            Self::GaussKruger4 => "EPSG:31468",
            Self::Laea => "EPSG:3035",
        }
    }

    /// The names of all systems, for messages.
    pub fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|crs| crs.name()).collect()
    }

    /// True if [`Reprojector::new`] is more exact with the `NTv2` grid `BETA2007.gsb`.
    pub const fn wants_grid(self) -> bool {
        matches!(self, Self::GaussKruger2 | Self::GaussKruger3 | Self::GaussKruger4)
    }

    /// True if its coordinates are degrees.
    pub const fn is_geographic(self) -> bool {
        matches!(self, Self::Wgs84 | Self::Crs84 | Self::Etrs89)
    }

    /// Easting of the central meridian in metres, of systems that are zones of a transverse Mercator projection.
    pub const fn central_easting(self) -> Option<f64> {
        Some(match self {
            Self::Utm32 | Self::Utm33 => 500_000.0,
            Self::Utm32Zone => 32_500_000.0,
            Self::Utm33Zone => 33_500_000.0,
            Self::GaussKruger2 => 2_500_000.0,
            Self::GaussKruger3 => 3_500_000.0,
            Self::GaussKruger4 => 4_500_000.0,
            Self::Wgs84 | Self::Crs84 | Self::Etrs89 | Self::WebMercator | Self::Laea => return None,
        })
    }
}

/// The parameters of a projection in a WKT text without white space, in upper case.
struct Parameters<'a>(&'a str);

impl Parameters<'_> {
    fn number(&self, name: &str) -> Option<f64> {
        let start = self.0.find(&format!("\"{name}\","))? + name.len() + 3;
        self.0[start..].split([',', ']']).next()?.parse::<f64>().ok()
    }

    fn is(&self, name: &str, value: f64) -> bool {
        self.number(name).is_some_and(|v| (v - value).abs() < 1e-6)
    }

    /// ESRI calls the centre's coordinates like those of other projections, OGC does not.
    fn are_laea_europe(&self) -> bool {
        let longitude = self.is("LONGITUDE_OF_CENTER", 10.0) || self.is("CENTRAL_MERIDIAN", 10.0);
        let latitude = self.is("LATITUDE_OF_CENTER", 52.0) || self.is("LATITUDE_OF_ORIGIN", 52.0);
        longitude
            && latitude
            && self.is("FALSE_EASTING", 4_321_000.0)
            && self.is("FALSE_NORTHING", 3_210_000.0)
    }

    fn transverse_mercator(&self, etrs: bool, bessel: bool) -> Option<Crs> {
        let fits = |crs: &Crs| {
            let (meridian, scale) = match crs {
                Crs::Utm32 | Crs::Utm32Zone => (9.0, 0.9996),
                Crs::Utm33 | Crs::Utm33Zone => (15.0, 0.9996),
                Crs::GaussKruger2 => (6.0, 1.0),
                Crs::GaussKruger3 => (9.0, 1.0),
                Crs::GaussKruger4 => (12.0, 1.0),
                _ => return false,
            };
            (if crs.wants_grid() { bessel } else { etrs })
                && crs.central_easting().is_some_and(|easting| self.is("FALSE_EASTING", easting))
                && self.is("CENTRAL_MERIDIAN", meridian)
                && self.is("SCALE_FACTOR", scale)
                && self.is("FALSE_NORTHING", 0.0)
        };
        Crs::ALL.into_iter().find(fits)
    }
}

/// The EPSG code of the `AUTHORITY` or `ID` that closes the outermost bracket.
fn outermost_authority(flat: &str) -> Option<u32> {
    let inner = flat.strip_suffix("]]")?;
    let (rest, code) =
        inner.rsplit_once("AUTHORITY[\"EPSG\",").or_else(|| inner.rsplit_once("ID[\"EPSG\","))?;
    let open = rest.matches('[').count();
    let closed = rest.matches(']').count();
    (open == closed + 1).then(|| code.trim_matches('"').parse().ok()).flatten()
}

/// Brings coordinates of one system to degrees (WGS 84).
#[derive(Debug)]
pub struct Reprojector {
    crs: Crs,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Degrees,
    WebMercator,
    /// Projection to its own geographic system, which counts as WGS 84.
    Projected {
        from: Box<Proj>,
        to: Box<Proj>,
    },
    /// Projection to DHDN, then its shift.
    Dhdn {
        from: Box<Proj>,
        to: Box<Proj>,
        /// The exact shift; points outside the grid and all points without one are shifted by `helmert`.
        grid: Option<DatumGrid>,
        helmert: Vec<Proj>,
        wgs84: Box<Proj>,
    },
}

/// Half the length of the equator on the sphere of Web Mercator, in metres.
const HALF_EQUATOR: f64 = 20_037_508.342_789_244;

/// Helmert transformations from DHDN to ETRS89 for parts of Germany: EPSG 1778 (west, to the south of 50°20′), 1779
/// (west, the middle), 1780 (west, to the north of 52°20′) and 15869 (east).
const DHDN_HELMERT: [&str; 4] = [
    "597.1,71.4,412.1,0.894,0.068,-1.563,7.58",
    "584.8,67.0,400.3,0.105,0.013,-2.378,10.29",
    "590.5,69.5,411.6,-0.796,-0.052,-3.601,8.3",
    "612.4,77.0,440.2,-0.054,0.057,-2.797,2.55",
];

/// The weights of [`DHDN_HELMERT`] at a position; they sum to 1. Half a degree wide ramps between the parts keep the
/// transformation continuous.
fn helmert_weights(lon: f64, lat: f64) -> [f64; 4] {
    let beyond = |value: f64, border: f64| ((value - border) * 2.0 + 0.5).clamp(0.0, 1.0);
    let (not_south, north, east) = (beyond(lat, 50.33), beyond(lat, 52.33), beyond(lon, 12.0));
    let west = not_south * (1.0 - east);
    [1.0 - not_south, west * (1.0 - north), west * north, not_south * east]
}

impl Reprojector {
    /// The way from `crs` to degrees. `grid` are the bytes of `BETA2007.gsb`, used where
    /// [`wants_grid`](Crs::wants_grid) is true.
    ///
    /// # Errors
    /// If the grid is damaged.
    pub fn new(crs: Crs, grid: Option<&[u8]>) -> Result<Self, CrsError> {
        let way = match (crs, grid) {
            (Crs::Wgs84 | Crs::Crs84 | Crs::Etrs89, _) => Way::Degrees,
            (Crs::WebMercator, _) => Way::WebMercator,
            (Crs::Utm32, _) => projected("+proj=utm +zone=32 +ellps=GRS80")?,
            (Crs::Utm33, _) => projected("+proj=utm +zone=33 +ellps=GRS80")?,
            (Crs::Utm32Zone, _) => projected("+proj=tmerc +lon_0=9 +k=0.9996 +x_0=32500000 +ellps=GRS80")?,
            (Crs::Utm33Zone, _) => projected("+proj=tmerc +lon_0=15 +k=0.9996 +x_0=33500000 +ellps=GRS80")?,
            (Crs::Laea, _) => {
                projected("+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80")?
            }
            (Crs::GaussKruger2, grid) => dhdn("+proj=tmerc +lon_0=6 +x_0=2500000 +ellps=bessel", grid)?,
            (Crs::GaussKruger3, grid) => dhdn("+proj=tmerc +lon_0=9 +x_0=3500000 +ellps=bessel", grid)?,
            (Crs::GaussKruger4, grid) => dhdn("+proj=tmerc +lon_0=12 +x_0=4500000 +ellps=bessel", grid)?,
        };
        Ok(Self { crs, way })
    }

    /// What the user should know about the accuracy, if anything.
    pub fn warning(&self) -> Option<CrsWarning> {
        let crs = self.crs.name();
        matches!(self.way, Way::Dhdn { grid: None, .. }).then_some(CrsWarning::NoGrid { crs })
    }

    /// Longitude and latitude in degrees of the point `x` (east or longitude), `y` (north or latitude).
    ///
    /// # Errors
    /// If the coordinate is not finite or has no position on the earth.
    pub fn to_degrees(&self, x: f64, y: f64) -> Result<(f64, f64), CrsError> {
        let outside = || CrsError::Coordinate { x, y, crs: self.crs.name() };
        if !(x.is_finite() && y.is_finite()) {
            return Err(outside());
        }
        let (lon, lat) = match &self.way {
            Way::Degrees => (x, y),
            Way::WebMercator => {
                let part = std::f64::consts::PI / HALF_EQUATOR;
                ((x * part).to_degrees(), (y * part).sinh().atan().to_degrees())
            }
            Way::Projected { from, to } => unproject(from, to, x, y).ok_or_else(outside)?,
            Way::Dhdn { from, to, grid, helmert, wgs84 } => {
                let (lon, lat) = unproject(from, to, x, y).ok_or_else(outside)?;
                let exact = grid.as_ref().and_then(|grid| grid.shift(lon, lat));
                exact.or_else(|| shift_by_helmert(helmert, wgs84, lon, lat)).ok_or_else(outside)?
            }
        };
        // A little beyond the poles and the date line is rounding; more is another system's coordinate.
        if lon.abs() <= 180.000_001 && lat.abs() <= 90.000_001 { Ok((lon, lat)) } else { Err(outside()) }
    }
}

fn definition(text: &str) -> Result<Box<Proj>, CrsError> {
    Proj::from_proj_string(text).map(Box::new).map_err(|error| CrsError::Setup(error.to_string()))
}

fn projected(from: &str) -> Result<Way, CrsError> {
    Ok(Way::Projected { from: definition(from)?, to: definition("+proj=longlat +ellps=GRS80")? })
}

fn dhdn(from: &str, grid: Option<&[u8]>) -> Result<Way, CrsError> {
    Ok(Way::Dhdn {
        from: definition(from)?,
        to: definition("+proj=longlat +ellps=bessel")?,
        grid: grid.map(DatumGrid::from_bytes).transpose()?,
        helmert: DHDN_HELMERT
            .iter()
            .map(|shift| Ok(*definition(&format!("+proj=longlat +ellps=bessel +towgs84={shift}"))?))
            .collect::<Result<_, CrsError>>()?,
        wgs84: definition("+proj=longlat +datum=WGS84")?,
    })
}

fn unproject(from: &Proj, to: &Proj, x: f64, y: f64) -> Option<(f64, f64)> {
    let mut point = (x, y, 0.0);
    proj4rs::transform::transform(from, to, &mut point).ok()?;
    let (lon, lat) = (point.0.to_degrees(), point.1.to_degrees());
    (lon.is_finite() && lat.is_finite()).then_some((lon, lat))
}

fn shift_by_helmert(helmert: &[Proj], wgs84: &Proj, lon: f64, lat: f64) -> Option<(f64, f64)> {
    let mut shifted = (0.0, 0.0);
    for (weight, from) in
        helmert_weights(lon, lat).into_iter().zip(helmert).filter(|(weight, _)| *weight > 0.0)
    {
        let part = unproject(from, wgs84, lon.to_radians(), lat.to_radians())?;
        shifted = (shifted.0 + weight * part.0, shifted.1 + weight * part.1);
    }
    Some(shifted)
}

#[cfg(test)]
mod tests;
