//! Sums of facilities and their places per region, which become series of count indicators.
//!
//! Must not know: files. Invariant: a facility counts in exactly one region: on a border in the one with the lowest key.

use chrono::{DateTime, NaiveDate, Utc};
use geo::{BoundingRect as _, Intersects as _};
use geo_types::{MultiPolygon, Point, Rect};
use serde_json::{Value, json};

use crate::{
    access::Editor,
    domain::{
        Audience, Column, Companions, Facility, Indicator, IndicatorKind, Period, Provenance, RegionKey,
        Slug, Status, Text,
    },
    ingest::{IngestError, NoProgress, Report, classes::Stored, record},
    store::{AtlasCatalogue, EditionRow, Id, NewSeries, Store},
};

/// So many regions are listed in a report.
const MOST_LISTED: usize = 50;

/// Which sums become series.
#[derive(Debug, Clone)]
pub struct SumOptions {
    /// On which level.
    pub level: Slug,
    /// Date of the edition; the newest of the level where absent.
    pub edition: Option<NaiveDate>,
    /// Of which category.
    pub category: Slug,
    /// The indicator of the number of facilities.
    pub count: Option<Slug>,
    /// The indicator of the number of places.
    pub places: Option<Slug>,
    /// For which period: facilities count that exist on its last day.
    pub period: Period,
}

/// Sums the current facilities of a category per region and stores the sums like an import of values. A region without
/// any has 0; where a facility does not say how many places it has, the region's places are unknown. What is wrong
/// stands in the report; then, or in a dry run, nothing is stored.
///
/// # Errors
/// If the store fails.
pub async fn sum_facilities(
    store: &Store,
    editor: &Editor,
    atlas: &Slug,
    options: &SumOptions,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Report, IngestError> {
    let mut report = Report::new(format!("facilities of {}", options.category));
    let catalogue = store.catalogue(atlas).await?;
    let wanted = [(&options.count, Sum::Facilities), (&options.places, Sum::Places)];
    let wanted: Vec<(&Slug, Sum)> = wanted.iter().filter_map(|(i, sum)| Some((i.as_ref()?, *sum))).collect();
    check_indicators(&catalogue, &wanted, &mut report);
    let facilities = counted(store, atlas, options, &mut report).await?;
    let Some(edition) = choose_edition(&catalogue, options, &mut report) else { return Ok(report) };
    let regions = Regions::read(store, edition.id).await?;
    let found = regions.find(&facilities);
    report.fact("level", edition.level.as_str());
    report.fact("edition", edition.valid_on.to_string());
    report.fact("facilities", facilities.len());
    for (facility, _) in facilities.iter().zip(&found).filter(|(_, region)| region.is_none()) {
        let sentence =
            format!("'{}' ({}) lies in no region and counts nowhere.", facility.name, facility.key);
        report.warning(None, None, sentence);
    }
    let series = wanted
        .iter()
        .map(|(indicator, sum)| {
            let column = regions.column(&facilities, &found, *sum, &mut report);
            new_series(options, edition, indicator, column)
        })
        .collect::<Vec<_>>();
    let stored = Stored::read(store, &catalogue, &edition.level, &series).await?;
    let internal = stored.classes(&series, &mut report, &NoProgress);
    if report.rejected() || dry_run {
        return Ok(report);
    }
    // There is no file: its hash is that of the facilities that were counted.
    let counted = serde_json::to_vec(&facilities).unwrap_or_default();
    let record = record("values", blake3::hash(&counted).to_hex().to_string(), editor, now, &mut report);
    store.insert_series(atlas, series, &record, &internal).await?;
    Ok(report)
}

/// What is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sum {
    Facilities,
    Places,
}

fn check_indicators(catalogue: &AtlasCatalogue, wanted: &[(&Slug, Sum)], report: &mut Report) {
    if wanted.is_empty() {
        report.error(None, None, "Nothing is to be summed: name an indicator with --count or --places.");
    }
    for (slug, _) in wanted {
        let indicator: Option<&Indicator> = catalogue.indicators.iter().find(|i| i.slug == **slug);
        match indicator.map(|i| i.kind) {
            Some(IndicatorKind::Count) => {}
            Some(_) => {
                let sentence = format!(
                    "'{slug}' is no count; sum into a count and name it as numerator of a rate, such as places per child."
                );
                report.error(None, None, sentence);
            }
            None => report.error(None, None, format!("The catalogue has no indicator '{slug}'.")),
        }
    }
}

/// The facilities of the category that exist on the last day of the period.
async fn counted(
    store: &Store,
    atlas: &Slug,
    options: &SumOptions,
    report: &mut Report,
) -> Result<Vec<Facility>, IngestError> {
    let mut facilities = store.facilities(atlas, Audience::Internal).await?;
    facilities.retain(|f| f.category == options.category);
    if facilities.is_empty() {
        let sentence = format!("The atlas has no facilities of the category '{}'.", options.category);
        report.error(None, None, sentence);
    }
    facilities.retain(|f| f.exists_on(options.period.end()));
    Ok(facilities)
}

/// The edition asked for, or the newest of the level.
fn choose_edition<'c>(
    catalogue: &'c AtlasCatalogue,
    options: &SumOptions,
    report: &mut Report,
) -> Option<&'c EditionRow> {
    let of_level = catalogue.editions.iter().filter(|e| e.level == options.level);
    let found =
        of_level.filter(|e| options.edition.is_none_or(|d| e.valid_on == d)).max_by_key(|e| e.valid_on);
    if found.is_none() {
        let sentence = format!("The atlas has no such boundaries of a level '{}'.", options.level);
        report.error(None, None, sentence);
    }
    found
}

fn new_series(options: &SumOptions, edition: &EditionRow, indicator: &Slug, column: Column) -> NewSeries {
    let note = Text::both(
        format!(
            "Summe der Einrichtungen ({}) am {}",
            options.category,
            options.period.end().format("%d.%m.%Y")
        ),
        format!("Sum of facilities ({}) on {}", options.category, options.period.end()),
    );
    NewSeries {
        indicator: indicator.clone(),
        level: edition.level.clone(),
        edition: edition.valid_on,
        period: options.period.clone(),
        column,
        companions: Companions::default(),
        provenance: Provenance::Exact,
        source: None,
        note: Some(note),
        value_notes: Vec::new(),
        break_before: false,
        derivation: None,
    }
}

/// The regions of an edition with their geometry, by ordinal.
pub(super) struct Regions {
    places: Vec<(RegionKey, String)>,
    shapes: Vec<Option<(Rect<f64>, MultiPolygon<f64>)>>,
}

impl Regions {
    /// Reads the regions of an edition.
    pub(super) async fn read(store: &Store, edition: Id) -> Result<Self, IngestError> {
        let rows = store.regions(edition).await?;
        let places = rows.into_iter().map(|row| (row.region.key, row.region.name)).collect();
        let geometries = store.region_geometries(edition).await?;
        let shape = |g: Option<MultiPolygon<f64>>| g.and_then(|g| Some((g.bounding_rect()?, g)));
        Ok(Self { places, shapes: geometries.into_iter().map(shape).collect() })
    }

    /// The region of each facility. Regions lie in the order of their keys, so the first that has the point is it.
    fn find(&self, facilities: &[Facility]) -> Vec<Option<usize>> {
        let holds = |shape: &Option<(Rect<f64>, MultiPolygon<f64>)>, point: Point<f64>| {
            shape.as_ref().is_some_and(|(rect, area)| rect.intersects(&point) && area.intersects(&point))
        };
        let find = |f: &Facility| self.shapes.iter().position(|shape| holds(shape, Point::new(f.lon, f.lat)));
        facilities.iter().map(find).collect()
    }

    /// The sums as a column. Regions without geometry have none.
    fn column(
        &self,
        facilities: &[Facility],
        found: &[Option<usize>],
        sum: Sum,
        report: &mut Report,
    ) -> Column {
        let mut sums: Vec<Option<u64>> = vec![Some(0); self.shapes.len()];
        for (facility, region) in facilities.iter().zip(found) {
            let Some(region) = *region else { continue };
            let places = match sum {
                Sum::Facilities => Some(1),
                Sum::Places => facility.places.map(u64::from),
            };
            if places.is_none() {
                let (key, name) = &self.places[region];
                let sentence = format!(
                    "'{}' ({}) does not say how many places it has, so those of {key} {name} are unknown.",
                    facility.name, facility.key
                );
                report.warning(None, None, sentence);
            }
            sums[region] = sums[region].zip(places).map(|(a, b)| a + b);
        }
        let mut column = Column::missing(sums.len());
        for (ordinal, (sum, shape)) in sums.iter().zip(&self.shapes).enumerate() {
            match (shape, sum) {
                (None, _) => {}
                (Some(_), Some(sum)) => column.set(ordinal, Some(*sum as f64), Status::Valid),
                (Some(_), None) => column.set(ordinal, None, Status::Unknown),
            }
        }
        column
    }
}

/// How many facilities and places lie in which region, for a report.
pub(super) fn by_region(regions: &Regions, facilities: &[Facility], level: &Slug) -> Value {
    let found = regions.find(facilities);
    let mut sums = vec![(0_u32, 0_u64); regions.places.len()];
    for (facility, region) in facilities.iter().zip(&found) {
        if let Some((count, places)) = region.and_then(|ordinal| sums.get_mut(ordinal)) {
            *count += 1;
            *places += u64::from(facility.places.unwrap_or_default());
        }
    }
    let with_any = regions.places.iter().zip(sums).filter(|(_, (count, _))| *count > 0);
    let listed: serde_json::Map<String, Value> = with_any
        .take(MOST_LISTED)
        .map(|((key, name), (count, places))| {
            (format!("{key} {name}"), json!({"facilities": count, "places": places}))
        })
        .collect();
    let outside = found.iter().filter(|region| region.is_none()).count();
    json!({"level": level, "sums": listed, "in_no_region": outside})
}

#[cfg(test)]
mod tests {
    use geo_types::polygon;

    use super::*;

    fn square(west: f64) -> (Rect<f64>, MultiPolygon<f64>) {
        let area = MultiPolygon(vec![polygon![
            (x: west, y: 53.0), (x: west + 1.0, y: 53.0), (x: west + 1.0, y: 54.0), (x: west, y: 54.0)
        ]]);
        (area.bounding_rect().unwrap(), area)
    }

    fn regions() -> Regions {
        let place = |key: &str| (key.parse().unwrap(), format!("Gebiet {key}"));
        Regions {
            places: ["01", "02", "03"].map(place).to_vec(),
            shapes: vec![Some(square(10.0)), Some(square(11.0)), None],
        }
    }

    fn facility(lon: f64, places: Option<u32>) -> Facility {
        Facility {
            category: "kita".parse().unwrap(),
            key: lon.to_string(),
            name: "Haus".into(),
            operator: None,
            address: None,
            places,
            valid_from: None,
            valid_until: None,
            publishable: false,
            lon,
            lat: 53.5,
        }
    }

    #[test]
    fn a_point_on_a_border_counts_once_in_the_region_with_the_lowest_key() {
        let facilities = [10.5, 11.0, 11.5, 12.5].map(|lon| facility(lon, Some(10)));
        let found = regions().find(&facilities);
        assert_eq!(found, [Some(0), Some(0), Some(1), None]);
        let mut report = Report::new("f");
        let count = regions().column(&facilities, &found, Sum::Facilities, &mut report);
        let places = regions().column(&facilities, &found, Sum::Places, &mut report);
        assert_eq!((count.value(0), count.value(1), count.value(2)), (Some(2.0), Some(1.0), None));
        assert_eq!((places.value(0), places.value(1)), (Some(20.0), Some(10.0)));
        assert_eq!(by_region(&regions(), &facilities, &"l".parse().unwrap())["in_no_region"], 1);
    }

    #[test]
    fn places_are_unknown_where_one_facility_does_not_say_and_zero_where_there_is_none() {
        let facilities = [facility(10.2, Some(10)), facility(10.4, None)];
        let found = regions().find(&facilities);
        let mut report = Report::new("f");
        let column = regions().column(&facilities, &found, Sum::Places, &mut report);
        assert_eq!((column.value(0), column.status(0)), (None, Status::Unknown));
        assert_eq!((column.value(1), column.status(1)), (Some(0.0), Status::Valid));
        assert_eq!(report.problems.len(), 1);
    }
}
