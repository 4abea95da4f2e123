//! Features as a file holds them: fields as text and polygons in the file's own coordinates.

use geo_types::MultiPolygon;

use crate::geometry::Crs;

/// Most values of all features together (a few GB): a small file can name many fields and then have many features that
/// fill the last one only.
const MAX_VALUES: usize = 100_000_000;

/// What is said of a file with more.
pub(super) const TOO_MANY_VALUES: &str = "the file has more than 100 million values, features times fields";

/// True if a table of so many features and fields can be held.
pub(super) const fn has_room(features: usize, fields: usize) -> bool {
    features.saturating_mul(fields) <= MAX_VALUES
}

/// The refusal of a file with more.
pub(super) fn too_many_values() -> ReadError {
    let (first, rest) = TOO_MANY_VALUES.split_at(1);
    ReadError::content(None, format!("{}{rest}.", first.to_uppercase()))
}

/// What is read of a boundary file, whatever its format.
#[derive(Debug)]
pub(super) struct FeatureTable {
    /// Name of the format, for the report.
    pub format: &'static str,
    /// Encoding of the texts, for the report.
    pub encoding: String,
    /// What the file says about its coordinates.
    pub crs: DeclaredCrs,
    /// Names of the fields in the order in which they were met.
    pub fields: Vec<String>,
    /// Features in the order of the file.
    pub features: Vec<Feature>,
    /// What should be known about the file as a whole.
    pub warnings: Vec<String>,
}

/// What a file says about its coordinates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DeclaredCrs {
    /// It names a system that can be read.
    Known(Crs),
    /// Its format has a default, and the file says nothing else.
    Default(Crs),
    /// It names a system that cannot be read; its name.
    Foreign(String),
    /// It says nothing.
    Nothing,
}

/// One feature.
#[derive(Debug)]
pub(super) struct Feature {
    /// Number in the file, from 1.
    pub number: u64,
    /// Values by field; may be shorter than the table's fields.
    pub values: Vec<Option<Box<str>>>,
    /// Its area.
    pub shape: Shape,
}

/// The geometry of a feature, as far as it is of use.
#[derive(Debug, PartialEq)]
pub(super) enum Shape {
    /// Polygons in the coordinates of the file.
    Polygons(MultiPolygon<f64>),
    /// No geometry, or one without any point.
    Missing,
    /// Something else; why it cannot be taken.
    Unusable(String),
}

/// Why a file could not be read at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The operating system refuses.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The content is damaged or of no known kind.
    #[error("{message}")]
    Content {
        /// Line or number of the feature.
        line: Option<u64>,
        /// One sentence: what is wrong and what to do.
        message: String,
    },
}

impl ReadError {
    pub(super) fn content(line: Option<u64>, message: impl Into<String>) -> Self {
        Self::Content { line, message: message.into() }
    }
}

impl FeatureTable {
    /// Index of a field.
    pub(super) fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field == name)
    }
}

impl Feature {
    /// Text of a field without white space at its ends; `None` where there is nothing.
    pub(super) fn text(&self, field: usize) -> Option<&str> {
        self.values.get(field)?.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
}

impl Shape {
    /// Polygons without those that have no point.
    pub(super) fn from_polygons(polygons: Vec<geo_types::Polygon<f64>>) -> Self {
        let polygons: Vec<_> = polygons.into_iter().filter(|p| !p.exterior().0.is_empty()).collect();
        if polygons.is_empty() { Self::Missing } else { Self::Polygons(MultiPolygon(polygons)) }
    }
}
