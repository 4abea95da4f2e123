//! Boundary files: from GeoJSON, TopoJSON, FlatGeobuf, GeoPackage or shapefile, also zipped, to an edition with its
//! topology.
//!
//! Holds the readers, the way from features to regions, and the checks. Must not know: statistics, releases, HTTP.
//!
//! Invariant: no region of the file is dropped without a word, and nothing is stored while the report has an error.

mod archive;
mod composition;
mod coverage;
mod database;
mod dbf;
mod dissolve;
mod findings;
mod flatgeobuf;
mod geojson;
mod geopackage;
pub(super) mod grid_file;
mod minzoom;
mod options;
mod parents;
mod position;
mod references;
mod regions;
mod shape_file;
mod source;
mod table;
mod topojson;
mod wkb;

use std::path::Path;

use geo_types::MultiPolygon;
use serde_json::json;

pub use composition::{Composition, import_composition};
pub use options::{BoundaryOptions, Condition, DEFAULT_TILE_BUDGET, OptionError, ParentKey, ParentRule};

use self::{
    coverage::Stored,
    parents::{ParentEdition, Parents},
    position::Extent,
    regions::{Draft, Fields},
    source::{Format, Opened},
    table::{FeatureTable, ReadError, Shape},
};
use super::{IngestError, Progress, Report, Source, Target, on_worker, record};
use crate::{
    domain::{Level, RESERVED_LEVEL_SLUGS, Region},
    geometry::{BuildOptions, BuiltEdition, Crs, Reprojector, Step, build_edition},
    store::{AtlasCatalogue, Bounds, Id, ImportRecord, NewEdition, NewRegion, StoreError},
};

/// Imports boundaries from a file or a table of a database as an edition of a level, which is made if it is not there.
/// In a dry run everything is done except the storing.
///
/// # Errors
/// If the file cannot be opened or the store fails. What is wrong with the content is in the report, and then nothing is
/// stored.
pub async fn import_boundaries(
    target: &Target<'_>,
    source: Source<'_>,
    options: &BoundaryOptions,
) -> Result<Report, IngestError> {
    let mut report = source.begin();
    if report.rejected() {
        return Ok(report);
    }
    let (table, file_hash) = match source {
        Source::File(file) => {
            let table = read(file, options, &mut report, target.progress).await?;
            (table, source::hash(file).map_err(|error| IngestError::file(file, error))?)
        }
        Source::Table(_, table) => {
            let file_hash = table.hash.clone();
            (taken(database::features(table), Path::new(""), &mut report)?, file_hash)
        }
    };
    let Some(table) = table else { return Ok(report) };
    import_features(target, table, file_hash, options, report).await
}

/// Imports features that were read; the report has been begun.
async fn import_features(
    target: &Target<'_>,
    table: FeatureTable,
    file_hash: String,
    options: &BoundaryOptions,
    mut report: Report,
) -> Result<Report, IngestError> {
    let Target { store, editor, atlas, dry_run, now, progress } = *target;
    let catalogue = store.catalogue(atlas).await?;
    if RESERVED_LEVEL_SLUGS.contains(&options.level.as_str()) {
        report.error(
            None,
            None,
            format!("A level cannot be called '{}', which has a meaning of its own.", options.level),
        );
    }
    let parents = parents::load(store, &catalogue, options, &mut report).await?;
    let stored = coverage::load(store, &catalogue, options).await?;
    let references = references::read(options, &mut report, progress)?;
    let (mut report, prepared) = {
        let options = options.clone();
        on_worker(progress, move |progress| {
            let mut report = report;
            let input = Input { table, references, parents, stored };
            let prepared = prepare(input, &options, &mut report, progress);
            (report, prepared)
        })
        .await?
    };
    let Some(prepared) = prepared.filter(|_| !dry_run && !report.rejected()) else { return Ok(report) };
    progress.begin("storing");
    let import = record("boundaries", file_hash, editor, now, &mut report);
    let edition = prepared.into_edition(options, new_level(&catalogue, options), import);
    end(store.insert_edition(atlas, &edition).await, &edition, &mut report)?;
    Ok(report)
}

/// Reports that the level has other boundaries of that date, which is no failure of the store.
fn end(result: Result<Id, StoreError>, edition: &NewEdition, report: &mut Report) -> Result<(), IngestError> {
    match result {
        Ok(_) => Ok(()),
        Err(StoreError::Exists { .. }) => {
            report.committed = false;
            let message = format!(
                "The level '{}' already has other boundaries of {}: give these another date with --edition.",
                edition.level, edition.valid_on
            );
            report.error(None, None, message);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads the file; `None` if it cannot be understood, which is then in the report.
async fn read(
    file: &Path,
    options: &BoundaryOptions,
    report: &mut Report,
    progress: &dyn Progress,
) -> Result<Option<FeatureTable>, IngestError> {
    progress.begin("reading");
    let opened = {
        let (file, layer) = (file.to_owned(), options.layer.clone());
        on_worker(progress, move |_| source::open(&file, layer.as_deref())).await?
    };
    let table = match opened {
        Ok(opened) => read_opened(opened, report, progress).await?,
        Err(error) => Err(error),
    };
    taken(table, file, report)
}

/// What was read; `None` if its content cannot be used, which is then in the report.
fn taken(
    table: Result<FeatureTable, ReadError>,
    file: &Path,
    report: &mut Report,
) -> Result<Option<FeatureTable>, IngestError> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(ReadError::Io(error)) => Err(IngestError::file(file, error)),
        Err(ReadError::Content { line, message }) => {
            report.error(line, None, message);
            Ok(None)
        }
    }
}

/// Reads an opened file; of an archive the report names the file in it.
async fn read_opened(
    opened: Opened,
    report: &mut Report,
    progress: &dyn Progress,
) -> Result<Result<FeatureTable, ReadError>, IngestError> {
    if opened.unpacked.is_some() {
        let name = opened.path.file_name().unwrap_or_default().to_string_lossy();
        report.fact("unpacked", name.into_owned());
    }
    if opened.format == Format::GeoPackage {
        return Ok(geopackage::read(&opened.path, opened.layer.as_deref()).await);
    }
    on_worker(progress, move |_| source::read(&opened)).await
}

/// The level, if it is not there: behind its parents, or behind all others if it has none.
fn new_level(catalogue: &AtlasCatalogue, options: &BoundaryOptions) -> Option<Level> {
    if catalogue.levels.iter().any(|level| level.slug == options.level) {
        return None;
    }
    let is_parent = |level: &&Level| options.parents.iter().any(|rule| rule.level == level.slug);
    let parents = catalogue.levels.iter().filter(is_parent).map(|level| level.position).max();
    let behind = parents.or_else(|| catalogue.levels.iter().map(|level| level.position).max());
    Some(Level {
        slug: options.level.clone(),
        title: options.level_title.clone(),
        position: behind.map_or(0, |position| position + 1),
        public_boundaries: false,
    })
}

/// Everything of an edition but its record.
struct Prepared {
    regions: Vec<Region>,
    geometries: Vec<Option<MultiPolygon<f64>>>,
    parents: Parents,
    built: BuiltEdition,
    bounds: Bounds,
    minzoom: u8,
}

/// What an edition is made of.
struct Input {
    table: FeatureTable,
    references: Vec<Region>,
    parents: Vec<ParentEdition>,
    /// Boundaries of other levels to compare with.
    stored: Vec<Stored>,
}

/// From the features to the edition. `None` if something is in the way, which is then in the report.
fn prepare(
    input: Input,
    options: &BoundaryOptions,
    report: &mut Report,
    progress: &dyn Progress,
) -> Option<Prepared> {
    let (mut drafts, bounds) = regions_of(input.table, options, report, progress)?;
    references::add(&mut drafts, input.references, options, report);
    // A parent level without boundaries is reported already; the rules and editions would not match.
    let complete = input.parents.len() == options.parents.len();
    let parents = parents::resolve(&drafts, if complete { &input.parents } else { &[] }, report);
    if report.rejected() {
        return None;
    }
    let (regions, geometries): (Vec<_>, Vec<_>) =
        drafts.into_iter().map(|draft| (draft.region, draft.geometry)).unzip();
    let build = BuildOptions { snap_tolerance_m: options.snap_tolerance_m };
    let mut last = None;
    let mut tell = |step: Step, part: f64| {
        if last.replace(step) != Some(step) {
            progress.begin(step_name(step));
        }
        progress.done(part);
    };
    let built = build_edition(&geometries, &build, &mut tell)
        .map_err(|error| report.error(None, None, format!("{error}.")))
        .ok()?;
    findings::write(&built.report, &regions, report);
    coverage::check(&input.stored, options, &regions, &geometries, &parents, report, progress);
    progress.begin("measuring tiles");
    let ranks = built.topology.border_ranks(&parents.numbers);
    let minzoom = minzoom::find(&built, &regions, &ranks, bounds, options.tile_budget)
        .map_err(|error| report.error(None, None, format!("The topology contradicts itself: {error}.")))
        .ok()?;
    report.fact("minzoom", minzoom.zoom);
    report.fact("largest_tile_bytes", minzoom.largest);
    if minzoom.largest > options.tile_budget {
        let message = format!(
            "Tiles of zoom {} have up to {} bytes, more than the budget of {}.",
            minzoom.zoom, minzoom.largest, options.tile_budget
        );
        report.warning(None, None, message);
    }
    Some(Prepared { regions, geometries, parents, built, bounds, minzoom: minzoom.zoom })
}

const fn step_name(step: Step) -> &'static str {
    match step {
        Step::Repair => "repairing",
        Step::Match => "matching borders",
        Step::Measure => "measuring gaps and overlaps",
        Step::Label => "placing labels",
        Step::Simplify => "simplifying",
    }
}

/// The regions in degrees with their bounding box. `None` if nothing can be made of the file.
fn regions_of(
    mut table: FeatureTable,
    options: &BoundaryOptions,
    report: &mut Report,
    progress: &dyn Progress,
) -> Option<(Vec<Draft>, Bounds)> {
    report.fact("format", table.format);
    report.fact("encoding", table.encoding.as_str());
    report.fact("features", table.features.len());
    for warning in std::mem::take(&mut table.warnings) {
        report.warning(None, None, warning);
    }
    if table.features.is_empty() {
        report.error(None, None, "The file has no features.");
        return None;
    }
    let fields = Fields::find(&table, options, report)?;
    regions::filter(&mut table, &fields, &options.filter, report);
    let crs = to_degrees(&mut table, options, report, progress);
    let drafts = regions::drafts(table, &fields, options, report, progress);
    report.fact("regions", drafts.len());
    report.fact("uninhabited", drafts.iter().filter(|draft| !draft.region.inhabited).count());
    let bounds = Extent::of(drafts.iter().filter_map(|draft| draft.geometry.as_ref()))?.bounds();
    position::check_place(bounds, crs?, report);
    report.fact("bounds", json!([bounds.west, bounds.south, bounds.east, bounds.north]));
    Some((drafts, bounds))
}

/// Brings all features to degrees; the system that was used, or `None` if it is not clear.
fn to_degrees(
    table: &mut FeatureTable,
    options: &BoundaryOptions,
    report: &mut Report,
    progress: &dyn Progress,
) -> Option<Crs> {
    progress.begin("reprojecting");
    let polygons = table.features.iter().filter_map(|feature| match &feature.shape {
        Shape::Polygons(polygons) => Some(polygons),
        Shape::Missing | Shape::Unusable(_) => None,
    });
    // Without any coordinate each feature is reported for itself.
    let extent = Extent::of(polygons)?;
    let crs = position::choose(&table.crs, options.crs, extent)
        .map_err(|message| report.error(None, None, message))
        .ok()?;
    report.fact("crs", crs.name());
    let grid = if crs.wants_grid() { grid_file::find() } else { None };
    let reprojector = Reprojector::new(crs, grid.as_deref())
        .or_else(|error| {
            report.warning(None, None, format!("{error}."));
            Reprojector::new(crs, None)
        })
        .map_err(|error| report.error(None, None, format!("{error}.")))
        .ok()?;
    if let Some(warning) = reprojector.warning() {
        report.warning(None, None, format!("{warning}; {}.", grid_file::HOW_TO));
    }
    position::reproject(&mut table.features, &reprojector, report);
    Some(crs)
}

impl Prepared {
    fn into_edition(
        self,
        options: &BoundaryOptions,
        new_level: Option<Level>,
        import: ImportRecord,
    ) -> NewEdition {
        let labels = self.built.labels;
        let regions = self.regions.into_iter().zip(self.geometries).zip(self.parents.of_region).enumerate();
        let regions = regions.map(|(ordinal, ((region, geometry), parents))| {
            let label = labels.get(ordinal).copied().flatten();
            NewRegion {
                region,
                geometry,
                label: label.map(|label| label.point.to_degrees()),
                label_minzoom: label.map_or(0, |label| label.minzoom),
                label_rank: label.map_or(0, |label| label.rank),
                parents,
            }
        });
        NewEdition {
            level: options.level.clone(),
            new_level,
            valid_on: options.edition,
            attribution: options.attribution.clone(),
            regions: regions.collect(),
            bounds: self.bounds,
            minzoom: self.minzoom,
            topology: self.built.topology.to_bytes(),
            zooms: self.built.zooms.iter().map(|zoom| (zoom.zoom(), zoom.to_bytes())).collect(),
            import,
        }
    }
}
