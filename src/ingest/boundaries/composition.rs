//! Regions composed of smaller ones: a table of parts → an edition of a coarser level.
//!
//! Holds the headers of the table and the checks of who belongs where. Must not know: the store's tables, values.
//!
//! Invariant: every part belongs to one region at most, and the borders of the composed regions are borders of their parts.

use std::{collections::BTreeMap, path::Path};

use chrono::NaiveDate;
use geo_types::MultiPolygon;

use super::{
    DEFAULT_TILE_BUDGET, Input, end,
    options::{BoundaryOptions, ParentKey, ParentRule},
    parents, prepare,
    table::{DeclaredCrs, Feature, FeatureTable, Shape},
};
use crate::{
    domain::{Level, RESERVED_LEVEL_SLUGS, RegionKey, Slug, Text},
    geometry::Crs,
    ingest::{
        IngestError, Progress, Report, Target, file_name, on_worker, plain_table, record,
        statistics::normal_header,
    },
    store::{AtlasCatalogue, EditionRow, RegionRow},
};

/// What the caller says about a composition.
#[derive(Debug, Clone)]
pub struct Composition {
    /// The level that gets the edition; made if it is not there.
    pub level: Slug,
    /// Title of the level if it is made.
    pub level_title: Text,
    /// Level of the parts.
    pub from: Slug,
    /// Date of the edition of the parts, and of the one that is made; the newest where absent.
    pub edition: Option<NaiveDate>,
}

/// The composed region of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    line: u64,
    part: RegionKey,
    key: RegionKey,
    name: String,
}

/// Fields of the features that are made of the parts.
const KEY: &str = "key";
const NAME: &str = "name";
const INHABITED: &str = "inhabited";

/// Imports a table of parts as an edition of a coarser level, with the date of the edition of the parts, and makes the
/// composed regions parents of their parts.
///
/// # Errors
/// If the file cannot be opened or the store fails. What is wrong with the file's content is in the report, and then
/// nothing is stored.
pub async fn import_composition(
    target: &Target<'_>,
    file: &Path,
    composition: &Composition,
) -> Result<Report, IngestError> {
    let Target { store, editor, atlas, dry_run, now, progress } = *target;
    let mut report = Report::new(file_name(file));
    let catalogue = store.catalogue(atlas).await?;
    let Some(edition) = edition_of_parts(&catalogue, composition, &mut report) else { return Ok(report) };
    let Some(bytes) = plain_table::load(file, &mut report).await? else { return Ok(report) };
    progress.begin("reading");
    let members = members(&bytes, &mut report, progress);
    let rows = store.regions(edition.id).await?;
    let of_part = assigned(&members, &rows, &composition.from, &mut report);
    if report.rejected() {
        return Ok(report);
    }
    let geometries = store.region_geometries(edition.id).await?;
    let options = options(&catalogue, composition, edition, &rows, &of_part);
    let table = table(&options, &rows, geometries, &of_part);
    let parent_editions = parents::load(store, &catalogue, &options, &mut report).await?;
    let (mut report, prepared) = {
        let options = options.clone();
        on_worker(progress, move |progress| {
            let input = Input { table, references: Vec::new(), parents: parent_editions, stored: Vec::new() };
            let prepared = prepare(input, &options, &mut report, progress);
            (report, prepared)
        })
        .await?
    };
    let Some(prepared) = prepared.filter(|_| !dry_run && !report.rejected()) else { return Ok(report) };
    progress.begin("storing");
    let file_hash = blake3::hash(&bytes).to_hex().to_string();
    let import = record("composition", file_hash, editor, now, &mut report);
    let made = prepared.into_edition(&options, new_level(&catalogue, composition), import);
    let links: Vec<Option<RegionKey>> = of_part.iter().map(|m| m.map(|member| member.key.clone())).collect();
    end(store.insert_composition(atlas, &made, edition.id, &links).await, &made, &mut report)?;
    Ok(report)
}

/// The edition whose regions are the parts; levels that cannot be are reported.
fn edition_of_parts<'c>(
    catalogue: &'c AtlasCatalogue,
    composition: &Composition,
    report: &mut Report,
) -> Option<&'c EditionRow> {
    let Composition { level, from, edition: date, .. } = composition;
    if RESERVED_LEVEL_SLUGS.contains(&level.as_str()) || level == from {
        let sentence = format!("A level of regions composed of '{from}' cannot be called '{level}'.");
        report.error(None, None, sentence);
        return None;
    }
    let of_level = || catalogue.editions.iter().filter(|edition| edition.level == *from);
    let found = match date {
        Some(date) => of_level().find(|edition| edition.valid_on == *date),
        None => of_level().max_by_key(|edition| edition.valid_on),
    };
    let Some(edition) = found else {
        let dates: Vec<String> = of_level().map(|edition| edition.valid_on.to_string()).collect();
        let sentence = format!("Level '{from}' has no such boundaries; it has: {}.", dates.join(", "));
        report.error(None, None, sentence);
        return None;
    };
    report.fact("edition", edition.valid_on.to_string());
    Some(edition)
}

/// The rows of the table; mistakes are reported.
fn members(bytes: &[u8], report: &mut Report, progress: &dyn Progress) -> Vec<Member> {
    let Some((columns, rows)) = plain_table::read(bytes, columns, report, progress) else {
        return Vec::new();
    };
    report.fact("rows", rows.len());
    let mut members = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut key = |column: usize, name: &str| {
            let parsed = row.text(column).parse::<RegionKey>();
            parsed.map_err(|error| report.error(Some(row.line), Some(name), format!("{error}."))).ok()
        };
        let (part, region) = (key(columns[0], "part key"), key(columns[1], "key"));
        let Some((part, key)) = part.zip(region) else { continue };
        let name = match row.text(columns[2]) {
            "" => key.to_string(),
            name => name.to_owned(),
        };
        members.push(Member { line: row.line, part, key, name });
    }
    members
}

/// Columns of the part's key, the region's key and its name, if this row is the header.
fn columns(headers: &[String]) -> Option<[usize; 3]> {
    const PART: &[&str] = &[
        "partkey",
        "part",
        "teil",
        "teilschluessel",
        "schluesselteil",
        "teilgebiet",
        "schluesselteilgebiet",
        "ags",
        "ars",
        "gemeindeschluessel",
        "gemeinde",
        "baustein",
    ];
    const REGION: &[&str] = &[
        "key",
        "schluessel",
        "gebietsschluessel",
        "sozialraumschluessel",
        "schluesselsozialraum",
        "sozialraum",
        "gebiet",
        "regionkey",
        "nummer",
    ];
    const NAME: &[&str] =
        &["name", "bezeichnung", "gebietsname", "sozialraumname", "namesozialraum", "regionname"];
    let normal: Vec<String> = headers.iter().map(|header| normal_header(header)).collect();
    let find = |names: &[&str]| normal.iter().position(|header| names.contains(&header.as_str()));
    Some([find(PART)?, find(REGION)?, find(NAME)?])
}

/// The row of each part by ordinal. Unknown parts and parts of two regions are mistakes; parts of none are warned of.
fn assigned<'m>(
    members: &'m [Member],
    rows: &[RegionRow],
    from: &Slug,
    report: &mut Report,
) -> Vec<Option<&'m Member>> {
    let ordinals: BTreeMap<&RegionKey, usize> =
        rows.iter().enumerate().map(|(ordinal, row)| (&row.region.key, ordinal)).collect();
    let mut of_part: Vec<Option<&Member>> = vec![None; rows.len()];
    for member in members {
        let Some(ordinal) = ordinals.get(&member.part) else {
            let sentence = format!("The level '{from}' has no region '{}' of that date.", member.part);
            report.error(Some(member.line), Some("part key"), sentence);
            continue;
        };
        match of_part[*ordinal] {
            Some(first) => {
                let sentence = format!(
                    "The part '{}' belongs to '{}' in line {} already; each part belongs to one region.",
                    member.part, first.key, first.line
                );
                report.error(Some(member.line), Some("part key"), sentence);
            }
            None => of_part[*ordinal] = Some(member),
        }
    }
    let without: Vec<&str> = rows
        .iter()
        .zip(&of_part)
        .filter(|(_, member)| member.is_none())
        .map(|(row, _)| row.region.key.as_str())
        .collect();
    report.fact("parts", rows.len() - without.len());
    report.fact("parts_without_region", without.len());
    if without.len() == rows.len() && !report.rejected() {
        report.error(None, None, "No part belongs to any region.");
    } else if !without.is_empty() {
        let shown = without[..without.len().min(20)].join(", ");
        let more = if without.len() > 20 { " …" } else { "" };
        let sentence = format!("{} regions of '{from}' belong to no region: {shown}{more}.", without.len());
        report.warning(None, None, sentence);
    }
    of_part
}

/// How the edition is made of the features. Parents of the parts are those of the region where all parts agree.
fn options(
    catalogue: &AtlasCatalogue,
    composition: &Composition,
    edition: &EditionRow,
    rows: &[RegionRow],
    of_part: &[Option<&Member>],
) -> BoundaryOptions {
    let shared = edition.parents.iter().map(|(level, _)| level).filter(|level| {
        **level != composition.level
            && catalogue.editions.iter().any(|edition| edition.level == **level)
            && agrees(level, rows, of_part)
    });
    BoundaryOptions {
        level: composition.level.clone(),
        level_title: composition.level_title.clone(),
        key_field: KEY.to_owned(),
        name_field: NAME.to_owned(),
        short_name_field: None,
        filter: Vec::new(),
        edition: edition.valid_on,
        parents: shared
            .map(|level| ParentRule { level: level.clone(), key: ParentKey::Field(parent_field(level)) })
            .collect(),
        crs: None,
        inhabited: format!("{INHABITED}=yes").parse().ok(),
        uninhabited_keys: Vec::new(),
        attribution: edition.attribution.clone(),
        layer: None,
        references: None,
        snap_tolerance_m: 0.0,
        tile_budget: DEFAULT_TILE_BUDGET,
    }
}

fn parent_field(level: &Slug) -> String {
    format!("parent-{level}")
}

fn parent<'r>(row: &'r RegionRow, level: &Slug) -> Option<&'r RegionKey> {
    let mut keys = row.parents.iter().filter(|(parent, _)| parent == level).map(|(_, key)| key);
    keys.next().filter(|_| keys.next().is_none())
}

/// True if all parts of each region lie in one and the same region of the level.
fn agrees(level: &Slug, rows: &[RegionRow], of_part: &[Option<&Member>]) -> bool {
    let mut of_region: BTreeMap<&RegionKey, Option<&RegionKey>> = BTreeMap::new();
    rows.iter()
        .zip(of_part)
        .filter_map(|(row, member)| Some((parent(row, level), (*member)?)))
        .all(|(parent, member)| parent.is_some() && *of_region.entry(&member.key).or_insert(parent) == parent)
}

/// The parts as features of one file, in the order of the table's rows.
fn table(
    options: &BoundaryOptions,
    rows: &[RegionRow],
    geometries: Vec<Option<MultiPolygon<f64>>>,
    of_part: &[Option<&Member>],
) -> FeatureTable {
    let levels: Vec<&Slug> = options.parents.iter().map(|rule| &rule.level).collect();
    let mut fields = vec![KEY.to_owned(), NAME.to_owned(), INHABITED.to_owned()];
    fields.extend(levels.iter().map(|level| parent_field(level)));
    let mut features = Vec::new();
    for ((row, geometry), member) in rows.iter().zip(geometries).zip(of_part) {
        let Some(member) = member else { continue };
        let lives = row.region.inhabited.then(|| "yes".into());
        let mut values: Vec<Option<Box<str>>> =
            vec![Some(member.key.as_str().into()), Some(member.name.as_str().into()), lives];
        values.extend(levels.iter().map(|level| parent(row, level).map(|key| key.as_str().into())));
        let shape = geometry.map_or(Shape::Missing, Shape::Polygons);
        features.push(Feature { number: member.line, values, shape });
    }
    features.sort_by_key(|feature| feature.number);
    FeatureTable {
        format: "composition",
        encoding: "utf-8".to_owned(),
        crs: DeclaredCrs::Default(Crs::Wgs84),
        fields,
        features,
        warnings: Vec::new(),
    }
}

/// The level, if it is not there: right before its parts.
fn new_level(catalogue: &AtlasCatalogue, composition: &Composition) -> Option<Level> {
    if catalogue.levels.iter().any(|level| level.slug == composition.level) {
        return None;
    }
    let parts = catalogue.levels.iter().find(|level| level.slug == composition.from)?;
    Some(Level {
        slug: composition.level.clone(),
        title: composition.level_title.clone(),
        position: parts.position,
        public_boundaries: false,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{domain::Region, ingest::NoProgress};

    fn rows(keys: &[(&str, &str)]) -> Vec<RegionRow> {
        let row = |(key, kreis): &(&str, &str)| RegionRow {
            region: Region {
                key: key.parse().unwrap(),
                name: (*key).to_owned(),
                short_name: None,
                inhabited: true,
            },
            label: None,
            label_minzoom: 0,
            label_rank: 0,
            parents: vec![("kreis".parse().unwrap(), kreis.parse().unwrap())],
        };
        keys.iter().map(row).collect()
    }

    fn read(text: &str) -> (Vec<Member>, Report) {
        let mut report = Report::new("test");
        (members(text.as_bytes(), &mut report, &NoProgress), report)
    }

    #[test]
    fn parts_are_read_and_parents_on_which_all_agree_are_known() {
        let (found, report) = read("AGS;Sozialraum;Bezeichnung\n1;N;Nord\n2;N;Nord\n3;S;\n");
        assert_eq!((found.len(), found[2].name.as_str()), (3, "S"), "{report}");
        let kreis: Slug = "kreis".parse().unwrap();
        for (parts, agree) in
            [([("1", "a"), ("2", "a"), ("3", "b")], true), ([("1", "a"), ("2", "b"), ("3", "b")], false)]
        {
            let rows = rows(&parts);
            let of_part = assigned(&found, &rows, &kreis, &mut Report::new("test"));
            assert_eq!(agrees(&kreis, &rows, &of_part), agree);
        }
    }

    #[test]
    fn unknown_and_doubled_parts_are_mistakes_and_forgotten_ones_are_warned_of() {
        let (found, mut report) = read("part key,key,name\n1,N,Nord\n1,S,Süd\n9,S,Süd\n");
        let rows = rows(&[("1", "a"), ("2", "a")]);
        assigned(&found, &rows, &"gemeinde".parse().unwrap(), &mut report);
        let lines: Vec<_> = report.problems.iter().map(|p| p.line).collect();
        assert_eq!((report.errors, lines), (2, vec![Some(3), Some(4), None]), "{report}");
    }

    proptest! {
        #[test]
        fn arbitrary_tables_never_panic(text in "(part key;key;name\n)?[a-z0-9;\"\n]{0,60}") {
            let _ = read(&text);
        }
    }
}
