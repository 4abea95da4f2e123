//! The rows of the store as the rest of the program sees them.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{
    Audience, Classification, Column, Companions, Derivation, Indicator, Level, Period, Policies, Provenance,
    Region, RegionKey, Slug, Source, Text, Theme,
};
use crate::store::SourceProfile;

/// Id of a row; never leaves the server.
pub type Id = i64;

/// An atlas as listed.
#[derive(Debug, Clone, PartialEq)]
pub struct AtlasRow {
    /// Row id.
    pub id: Id,
    /// Name in URLs.
    pub slug: Slug,
    /// Name for people.
    pub title: Text,
    /// Its public area is open.
    pub open: bool,
    /// How many indicators must be released before it may open.
    pub required_indicators: u32,
    /// Attribution of its maps.
    pub attribution: String,
    /// What disclosure control demands.
    pub policies: Policies,
    /// Who imported values may not release them.
    pub four_eyes: bool,
    /// By when the required number of indicators must be released.
    pub indicators_due_on: Option<NaiveDate>,
}

/// An atlas to be made.
#[derive(Debug, Clone)]
pub struct NewAtlas {
    /// Name in URLs.
    pub slug: Slug,
    /// Name for people.
    pub title: Text,
    /// How many indicators must be released before it may open.
    pub required_indicators: u32,
    /// Attribution of its maps.
    pub attribution: String,
}

/// Who imports what from where; stored with each import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRecord {
    /// `boundaries`, `catalogue`, `values`, `facilities`, `successions` or `deliveries`.
    pub kind: String,
    /// Name of the file, without its folder.
    pub file_name: String,
    /// BLAKE3 of the file's bytes, hexadecimal.
    pub file_hash: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
    /// The report as JSON.
    pub report: serde_json::Value,
}

/// An import as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Row id, by which it can be undone.
    pub id: Id,
    /// It was undone.
    pub undone: bool,
    /// It was purged: when, and by whom. Then its record has neither file name nor report.
    pub purged: Option<(DateTime<Utc>, String)>,
    /// What was stored with it.
    pub record: ImportRecord,
}

/// Bounding box in degrees: west, south, east, north.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// Western edge.
    pub west: f64,
    /// Southern edge.
    pub south: f64,
    /// Eastern edge.
    pub east: f64,
    /// Northern edge.
    pub north: f64,
}

/// A region with its geometry and parents, for an edition to be made.
#[derive(Debug, Clone)]
pub struct NewRegion {
    /// Key, names, inhabited.
    pub region: Region,
    /// Full geometry in degrees (WGS 84); `None` for reference regions.
    pub geometry: Option<geo_types::MultiPolygon<f64>>,
    /// Label point in degrees; `None` without geometry.
    pub label: Option<(f64, f64)>,
    /// Zoom from which its label can be placed, 0 to 10.
    pub label_minzoom: u8,
    /// Rank among labels, 0 = most important.
    pub label_rank: u32,
    /// Its parents: (slug of the parent level, key of the parent).
    pub parents: Vec<(Slug, RegionKey)>,
}

/// A boundary vintage to be made. Regions must be sorted by key, each key once: index = ordinal.
#[derive(Debug, Clone)]
pub struct NewEdition {
    /// Level it belongs to; must exist, or be described by `new_level`.
    pub level: Slug,
    /// That level, if it does not exist yet: it is made in the same transaction.
    pub new_level: Option<Level>,
    /// Date of the boundaries (Gebietsstand); one edition per level and date.
    pub valid_on: NaiveDate,
    /// Whose boundaries these are, as must be cited.
    pub attribution: String,
    /// Regions by ordinal.
    pub regions: Vec<NewRegion>,
    /// Bounding box of all regions.
    pub bounds: Bounds,
    /// Least zoom at which every tile fits the budget.
    pub minzoom: u8,
    /// Topology as bytes (see `geometry`).
    pub topology: Vec<u8>,
    /// Arcs per zoom as bytes.
    pub zooms: Vec<(u8, Vec<u8>)>,
    /// The import's record.
    pub import: ImportRecord,
}

/// An edition as listed, without its regions and geometry.
#[derive(Debug, Clone, PartialEq)]
pub struct EditionRow {
    /// Row id.
    pub id: Id,
    /// Its level's slug.
    pub level: Slug,
    /// Date of the boundaries.
    pub valid_on: NaiveDate,
    /// Whose boundaries these are.
    pub attribution: String,
    /// Bounding box.
    pub bounds: Bounds,
    /// Least zoom of its tiles.
    pub minzoom: u8,
    /// Number of regions.
    pub regions: u32,
    /// Hash of keys, names, label points, zooms and geometry, but not of parents: an unreleased parent level must not
    /// change what the public sees. Part of every layer version.
    pub content_hash: String,
    /// Each parent level with a hash of the mapping (key → parent key), by slug.
    pub parents: Vec<(Slug, String)>,
}

/// A region as read for serving, by ordinal, without full geometry.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionRow {
    /// Key, names, inhabited.
    pub region: Region,
    /// Label point in degrees.
    pub label: Option<(f64, f64)>,
    /// Zoom from which its label can be placed.
    pub label_minzoom: u8,
    /// Rank among labels.
    pub label_rank: u32,
    /// Parents: (level slug, key).
    pub parents: Vec<(Slug, RegionKey)>,
}

impl RegionRow {
    /// True for regions without geometry: they are in tables and charts, but not on maps.
    pub fn is_reference(&self) -> bool {
        // A region with geometry always has a label.
        self.label.is_none()
    }

    /// True if its value counts for classes, ranks and "x of y": somebody lives there, and it is no reference region.
    pub fn counts(&self) -> bool {
        self.region.inhabited && !self.is_reference()
    }
}

/// A series to be stored. It replaces the current series of the same indicator, edition and period.
#[derive(Debug, Clone)]
pub struct NewSeries {
    /// Indicator; must exist.
    pub indicator: Slug,
    /// Level and date of the edition its ordinals speak of.
    pub level: Slug,
    /// Date of that edition.
    pub edition: NaiveDate,
    /// Period.
    pub period: Period,
    /// Values and statuses by ordinal.
    pub column: Column,
    /// What stands beside them.
    pub companions: Companions,
    /// How the numbers came about.
    pub provenance: Provenance,
    /// Source, if it is a known one.
    pub source: Option<Slug>,
    /// Public remark on the whole series.
    pub note: Option<Text>,
    /// Public remarks on single values: (ordinal, text).
    pub value_notes: Vec<(u32, Text)>,
    /// A change of method or census base lies between the period before and this one.
    pub break_before: bool,
    /// How it was made from other series; `None` if it was delivered.
    pub derivation: Option<Derivation>,
}

/// What an import of values stores beside them.
#[derive(Debug, Clone, Default)]
pub struct BesideValues {
    /// Themes; those that exist stay as they are.
    pub themes: Vec<Theme>,
    /// The indicators; none of them may exist.
    pub indicators: Vec<Indicator>,
    /// The profile by which the next file of the source is recognised; it replaces the one of its name.
    pub profile: Option<SourceProfile>,
}

/// A current series as listed, without its column.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRow {
    /// Row id.
    pub id: Id,
    /// Indicator's slug.
    pub indicator: Slug,
    /// Edition's row id.
    pub edition: Id,
    /// Period.
    pub period: Period,
    /// Hash of the column; part of the version of internal layers.
    pub content_hash: String,
    /// How the numbers came about.
    pub provenance: Provenance,
    /// Source, if it is a known one.
    pub source: Option<Slug>,
    /// Only statisticians may read it: because of its source, or because it was derived from a series of such a source.
    pub restricted: bool,
    /// Public remark.
    pub note: Option<Text>,
    /// A break lies before it.
    pub break_before: bool,
    /// How it was made from other series; `None` if it was delivered.
    pub derivation: Option<Derivation>,
}

/// One period of a release.
#[derive(Debug, Clone)]
pub struct NewReleaseColumn {
    /// Period.
    pub period: Period,
    /// Edition's row id.
    pub edition: Id,
    /// Values after disclosure control, rounded.
    pub column: Column,
    /// Public remark.
    pub note: Option<Text>,
    /// A break lies before it.
    pub break_before: bool,
}

/// A release to be stored. It supersedes the present release of the same indicator, level and audience.
#[derive(Debug, Clone)]
pub struct NewRelease {
    /// Indicator.
    pub indicator: Slug,
    /// Level.
    pub level: Slug,
    /// Audience.
    pub audience: Audience,
    /// Its periods.
    pub columns: Vec<NewReleaseColumn>,
    /// Classes, for all its periods.
    pub classification: Classification,
    /// Certificate of disclosure control; `None` = released without one.
    pub certificate: Option<serde_json::Value>,
    /// The series that it was made from.
    pub inputs: Vec<Id>,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
}

/// A release in force, without its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleaseRow {
    /// Row id.
    pub id: Id,
    /// Indicator's slug.
    pub indicator: Slug,
    /// Level's slug.
    pub level: Slug,
    /// Audience.
    pub audience: Audience,
    /// The layer's own release number, from 1: order between versions.
    pub number: u32,
    /// Classes.
    pub classification: Classification,
    /// It has a certificate of disclosure control.
    pub certified: bool,
    /// When it was released.
    pub at: DateTime<Utc>,
    /// Its periods.
    pub columns: Vec<ReleaseColumnRow>,
}

/// One period of a release in force, without its values.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleaseColumnRow {
    /// Row id.
    pub id: Id,
    /// Period.
    pub period: Period,
    /// Edition's row id.
    pub edition: Id,
    /// Hash of the column.
    pub content_hash: String,
    /// Public remark.
    pub note: Option<Text>,
    /// A break lies before it.
    pub break_before: bool,
}

/// Classes of the unreleased (internal) layer of an indicator on a level.
#[derive(Debug, Clone, PartialEq)]
pub struct InternalClassification {
    /// Indicator's slug.
    pub indicator: Slug,
    /// Level's slug.
    pub level: Slug,
    /// Classes over all periods.
    pub classification: Classification,
}

/// Everything small about one atlas, read at once for the read model.
#[derive(Debug, Clone, PartialEq)]
pub struct AtlasCatalogue {
    /// The atlas.
    pub atlas: AtlasRow,
    /// Themes in their order.
    pub themes: Vec<Theme>,
    /// Sources.
    pub sources: Vec<Source>,
    /// Indicators in their order.
    pub indicators: Vec<Indicator>,
    /// Levels by position.
    pub levels: Vec<Level>,
    /// Editions by level and date.
    pub editions: Vec<EditionRow>,
    /// Current series.
    pub series: Vec<SeriesRow>,
    /// Classes of internal layers.
    pub internal_classifications: Vec<InternalClassification>,
    /// Releases in force, both audiences.
    pub releases: Vec<ReleaseRow>,
}

/// What became of a region: from `valid_on` on, the part `share` of `old_key` belongs to `new_key`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Succession {
    /// Level of both regions.
    pub level: Slug,
    /// First day of the new boundaries.
    pub valid_on: NaiveDate,
    /// Key before.
    pub old_key: RegionKey,
    /// Key after.
    pub new_key: RegionKey,
    /// Part of the old region's inhabitants, above 0 and at most 1.
    pub share: f64,
}
