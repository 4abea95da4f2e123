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
    /// EPSG:31467, DHDN / 3-degree Gauss-Krüger zone 3.
    GaussKruger3,
}

/// Why coordinates cannot be brought to degrees.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CrsError {
    /// The bytes given as an NTv2 grid are none.
    #[error("the datum grid cannot be read: {0}")]
    Grid(&'static str),
    /// The projection library refused the system's definition.
    #[error("the coordinate system cannot be set up: {0}")]
    Setup(String),
    /// A coordinate is not finite or lies outside what the system can describe.
    #[error("the coordinate {x} {y} does not lie in {crs}")]
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
        "without the datum grid BETA2007.gsb the coordinates of EPSG:31467 are shifted by Helmert transformations \
         and may be off by up to 2 m"
    )]
    NoGrid,
}

impl Crs {
    const ALL: [Self; 7] = [
        Self::Wgs84,
        Self::Crs84,
        Self::Etrs89,
        Self::WebMercator,
        Self::Utm32,
        Self::Utm33,
        Self::GaussKruger3,
    ];

    /// The system with an EPSG code, if it is a known one.
    pub fn from_epsg(code: u32) -> Option<Self> {
        match code {
            4326 => Some(Self::Wgs84),
            4258 => Some(Self::Etrs89),
            3857 | 900_913 => Some(Self::WebMercator),
            25832 => Some(Self::Utm32),
            25833 => Some(Self::Utm33),
            31467 => Some(Self::GaussKruger3),
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

    /// The system that a WKT 1 text describes (a `.prj` file, the `definition` of a GeoPackage).
    ///
    /// The outermost `AUTHORITY` decides; without one, projection, spheroid and parameters do.
    pub fn from_wkt(wkt: &str) -> Option<Self> {
        let flat: String =
            wkt.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
        if let Some(code) = outermost_authority(&flat) {
            return Self::from_epsg(code);
        }
        let number = |name: &str| {
            let start = flat.find(&format!("\"{name}\","))? + name.len() + 3;
            flat[start..].split([',', ']']).next()?.parse::<f64>().ok()
        };
        let is = |name: &str, value: f64| number(name).is_some_and(|v| (v - value).abs() < 1e-6);
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
        let transverse = flat.contains("TRANSVERSE_MERCATOR") || flat.contains("GAUSS_KRUGER");
        if !transverse {
            return None;
        }
        let utm = is("SCALE_FACTOR", 0.9996) && is("FALSE_EASTING", 500_000.0) && is("FALSE_NORTHING", 0.0);
        if utm && (grs80 || wgs84) {
            return match number("CENTRAL_MERIDIAN") {
                Some(9.0) => Some(Self::Utm32),
                Some(15.0) => Some(Self::Utm33),
                _ => None,
            };
        }
        let third_zone =
            is("SCALE_FACTOR", 1.0) && is("FALSE_EASTING", 3_500_000.0) && is("CENTRAL_MERIDIAN", 9.0);
        (third_zone && flat.contains("BESSEL")).then_some(Self::GaussKruger3)
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
            Self::GaussKruger3 => "EPSG:31467",
        }
    }

    /// The names of all systems, for messages.
    pub fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|crs| crs.name()).collect()
    }

    /// True if [`Reprojector::new`] is more exact with the NTv2 grid BETA2007.
    pub const fn wants_grid(self) -> bool {
        matches!(self, Self::GaussKruger3)
    }
}

/// The EPSG code of the `AUTHORITY` that closes the outermost bracket.
fn outermost_authority(flat: &str) -> Option<u32> {
    let inner = flat.strip_suffix("]]")?;
    let (rest, code) = inner.rsplit_once("AUTHORITY[\"EPSG\",")?;
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

const GAUSS_KRUGER_3: &str = "+proj=tmerc +lat_0=0 +lon_0=9 +k=1 +x_0=3500000 +y_0=0 +ellps=bessel +units=m";
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
            (Crs::Utm32, _) => projected("+proj=utm +zone=32 +ellps=GRS80", "+proj=longlat +ellps=GRS80")?,
            (Crs::Utm33, _) => projected("+proj=utm +zone=33 +ellps=GRS80", "+proj=longlat +ellps=GRS80")?,
            (Crs::GaussKruger3, bytes) => Way::Dhdn {
                from: definition(GAUSS_KRUGER_3)?,
                to: definition("+proj=longlat +ellps=bessel")?,
                grid: bytes.map(DatumGrid::from_bytes).transpose()?,
                helmert: DHDN_HELMERT
                    .iter()
                    .map(|shift| Ok(*definition(&format!("+proj=longlat +ellps=bessel +towgs84={shift}"))?))
                    .collect::<Result<_, CrsError>>()?,
                wgs84: definition("+proj=longlat +datum=WGS84")?,
            },
        };
        Ok(Self { crs, way })
    }

    /// What the user should know about the accuracy, if anything.
    pub fn warning(&self) -> Option<CrsWarning> {
        matches!(self.way, Way::Dhdn { grid: None, .. }).then_some(CrsWarning::NoGrid)
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

fn projected(from: &str, to: &str) -> Result<Way, CrsError> {
    Ok(Way::Projected { from: definition(from)?, to: definition(to)? })
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Metres between two positions in degrees, near enough for small distances.
    fn metres(a: (f64, f64), b: (f64, f64)) -> f64 {
        let degree = 111_320.0;
        ((a.0 - b.0) * degree * a.1.to_radians().cos()).hypot((a.1 - b.1) * degree)
    }

    #[test]
    fn systems_are_found_by_all_the_names_files_use() {
        for (text, crs) in [
            ("25832", Crs::Utm32),
            ("EPSG:25833", Crs::Utm33),
            ("epsg:4326", Crs::Wgs84),
            ("urn:ogc:def:crs:EPSG::31467", Crs::GaussKruger3),
            ("urn:ogc:def:crs:OGC:1.3:CRS84", Crs::Crs84),
            ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", Crs::Crs84),
            ("http://www.opengis.net/def/crs/EPSG/0/3857", Crs::WebMercator),
            ("http://www.opengis.net/gml/srs/epsg.xml#4258", Crs::Etrs89),
        ] {
            assert_eq!(Crs::from_name(text), Some(crs), "{text}");
        }
        for text in ["", "EPSG:", "EPSG:1", "ESRI:25832", "WGS84", "EPSG:99999999999"] {
            assert_eq!(Crs::from_name(text), None, "{text}");
        }
    }

    #[test]
    fn systems_are_found_in_prj_files() {
        let esri_gk3 = r#"PROJCS["DHDN_3_Degree_Gauss_Zone_3",GEOGCS["GCS_Deutsches_Hauptdreiecksnetz",
            DATUM["D_Deutsches_Hauptdreiecksnetz",SPHEROID["Bessel_1841",6377397.155,299.1528128]],
            PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],
            PARAMETER["False_Easting",3500000.0],PARAMETER["False_Northing",0.0],
            PARAMETER["Central_Meridian",9.0],PARAMETER["Scale_Factor",1.0],
            PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]"#;
        assert_eq!(Crs::from_wkt(&format!("{esri_gk3}]")), Some(Crs::GaussKruger3));
        let with_code = format!("{esri_gk3},AUTHORITY[\"EPSG\",31467]]");
        assert_eq!(Crs::from_wkt(&with_code), Some(Crs::GaussKruger3));
        let utm = r#"PROJCS["ETRS_1989_UTM_Zone_32N",GEOGCS["GCS_ETRS_1989",DATUM["D_ETRS_1989",
            SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],
            UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],
            PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],
            PARAMETER["Central_Meridian",9.0],PARAMETER["Scale_Factor",0.9996],
            PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#;
        assert_eq!(Crs::from_wkt(utm), Some(Crs::Utm32));
        assert_eq!(Crs::from_wkt(&utm.replace("9.0]", "15.0]")), Some(Crs::Utm33));
        assert_eq!(Crs::from_wkt(&utm.replace("9.0]", "3.0]")), None);
        let wgs = r#"GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],
            PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]"#;
        assert_eq!(Crs::from_wkt(wgs), Some(Crs::Wgs84));
        assert_eq!(Crs::from_wkt("LOCAL_CS[\"somewhere\"]"), None);
    }

    #[test]
    fn projected_coordinates_land_where_proj_puts_them() {
        // Reference numbers by gdaltransform (PROJ 9) to EPSG:4326.
        for (crs, x, y, lon, lat) in [
            (Crs::Utm32, 500_000.0, 5_500_000.0, 9.0, 49.652_542_923_556_8),
            (Crs::Utm32, 300_000.0, 6_000_000.0, 5.940_406_316_595_37, 54.109_206_448_753_9),
            (Crs::Utm33, 500_000.0, 5_500_000.0, 15.0, 49.652_542_923_556_8),
            (Crs::Utm33, 300_000.0, 6_000_000.0, 11.940_406_316_595_4, 54.109_206_448_753_9),
            (Crs::WebMercator, 1_000_000.0, 6_500_000.0, 8.983_152_841_195_21, 50.309_217_030_289_7),
        ] {
            let found = Reprojector::new(crs, None).unwrap().to_degrees(x, y).unwrap();
            assert!(metres(found, (lon, lat)) < 0.001, "{crs:?} {found:?}");
        }
    }

    /// Gauss-Krüger coordinates and where PROJ puts them by BETA2007.gsb.
    const GAUSS_KRUGER: [((f64, f64), (f64, f64)); 4] = [
        ((3_500_000.0, 5_500_000.0), (8.998_958_968_391_23, 49.636_708_261_708_7)),
        ((3_400_000.0, 5_400_000.0), (7.639_655_324_060_06, 48.729_504_552_643_9)),
        ((3_600_000.0, 6_000_000.0), (10.528_383_708_006_3, 54.120_772_617_641_5)),
        ((3_280_000.0, 5_700_000.0), (5.837_852_750_235_94, 51.391_982_769_094_8)),
    ];

    #[test]
    fn gauss_kruger_without_a_grid_is_shifted_by_helmert_and_says_so() {
        let way = Reprojector::new(Crs::GaussKruger3, None).unwrap();
        assert_eq!(way.warning(), Some(CrsWarning::NoGrid));
        for ((x, y), exact) in GAUSS_KRUGER {
            let found = way.to_degrees(x, y).unwrap();
            assert!(metres(found, exact) < 2.0, "{found:?} {exact:?}");
        }
    }

    #[test]
    fn gauss_kruger_with_the_grid_lands_within_a_decimetre_of_proj() {
        let Ok(grid) = std::fs::read("/usr/share/proj/BETA2007.gsb") else {
            eprintln!("skipped: no /usr/share/proj/BETA2007.gsb (Debian: proj-data)");
            return;
        };
        let way = Reprojector::new(Crs::GaussKruger3, Some(&grid)).unwrap();
        assert_eq!(way.warning(), None);
        for ((x, y), exact) in GAUSS_KRUGER {
            let found = way.to_degrees(x, y).unwrap();
            assert!(metres(found, exact) < 0.001, "{found:?}");
        }
        let truncated = Reprojector::new(Crs::GaussKruger3, Some(&grid[..grid.len() - 100]));
        assert!(matches!(truncated, Err(CrsError::Grid(_))));
    }

    #[test]
    fn the_helmert_transformations_blend_into_each_other() {
        let way = Reprojector::new(Crs::GaussKruger3, None).unwrap();
        let mut last = way.to_degrees(3_650_000.0, 5_250_000.0).unwrap();
        for step in 1..=900 {
            let found =
                way.to_degrees(3_650_000.0 + f64::from(step) * 100.0, 5_250_000.0 + f64::from(step) * 1000.0);
            let found = found.unwrap();
            let moved = metres(found, last);
            assert!((moved - 1005.0).abs() < 5.0, "{moved}");
            last = found;
        }
        for (lon, lat) in [(6.0, 47.0), (12.0, 50.33), (11.9, 52.4), (14.0, 54.0)] {
            assert!((helmert_weights(lon, lat).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn metres_taken_for_degrees_are_refused() {
        let way = Reprojector::new(Crs::Wgs84, None).unwrap();
        assert!(matches!(way.to_degrees(500_000.0, 5_500_000.0), Err(CrsError::Coordinate { .. })));
        assert!(way.to_degrees(f64::NAN, 1.0).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_no_grid_and_no_panic(tail in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = DatumGrid::from_bytes(&tail);
            let mut bytes = b"NUM_OREC\x0b\0\0\0\0\0\0\0NUM_SREC\x0b\0\0\0\0\0\0\0NUM_FILE\x01\0\0\0\0\0\0\0GS_TYPE SECONDS ".to_vec();
            bytes.extend(tail);
            let _ = DatumGrid::from_bytes(&bytes);
        }

        #[test]
        fn arbitrary_numbers_never_panic(x in any::<f64>(), y in any::<f64>()) {
            for crs in Crs::ALL {
                let _ = Reprojector::new(crs, None).unwrap().to_degrees(x, y);
            }
        }

        #[test]
        fn arbitrary_text_is_no_system_and_no_panic(text in ".{0,80}") {
            let _ = (Crs::from_wkt(&text), Crs::from_name(&text));
            let _ = Crs::from_wkt(&format!("PROJCS[\"{text}\",AUTHORITY[\"EPSG\",{text}]]"));
        }
    }
}
