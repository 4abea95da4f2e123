//! Hashes over logical content: what is said, not the bytes of a file, not row ids, not times.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::domain::{RegionKey, Slug};
use crate::store::{
    AtlasCatalogue, Id, NewEdition, NewReleaseColumn, NewSeries, Store, StoreError, catalogue, deliveries,
    facilities, profiles,
    sql::{Tx, params},
    successions,
};

type Result<T> = std::result::Result<T, StoreError>;

/// Hashes a sequence of values; each is preceded by its length, so that no two sequences run together.
struct Fingerprint(blake3::Hasher);

impl Fingerprint {
    /// `what` names the kind of content and the version of its layout here.
    fn new(what: &str) -> Self {
        let mut fingerprint = Self(blake3::Hasher::new());
        fingerprint.bytes(what.as_bytes());
        fingerprint
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: impl AsRef<str>) {
        self.bytes(text.as_ref().as_bytes());
    }

    fn number(&mut self, number: f64) {
        self.0.update(&number.to_le_bytes());
    }

    fn count(&mut self, count: usize) {
        self.0.update(&(count as u64).to_le_bytes());
    }

    /// Something with a fixed order of fields.
    fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let bytes = serde_json::to_vec(value).map_err(|e| StoreError::Invalid(e.to_string()))?;
        self.bytes(&bytes);
        Ok(())
    }

    fn numbers(&mut self, numbers: Option<&[f64]>) {
        self.count(numbers.map_or(0, |n| n.len() + 1));
        for number in numbers.unwrap_or_default() {
            // Every NaN means the same here: unknown.
            self.number(if number.is_nan() { f64::NAN } else { *number });
        }
    }

    fn hex(self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

/// Hash of an edition: regions with names, labels and geometry, and the arcs made of them. Parents do not count: what
/// the public sees must not change with a parent level that it may not see.
pub(super) fn of_edition(edition: &NewEdition) -> Result<String> {
    let mut hash = Fingerprint::new("edition 1");
    hash.text(edition.level.as_str());
    hash.text(edition.valid_on.to_string());
    hash.text(&edition.attribution);
    hash.json(&(edition.bounds, edition.minzoom))?;
    hash.count(edition.regions.len());
    for new in &edition.regions {
        let region = &new.region;
        hash.json(&(&region.key, &region.name, &region.short_name, region.inhabited))?;
        hash.json(&(new.label, new.label_minzoom, new.label_rank))?;
        let polygons = new.geometry.as_ref().map_or(&[][..], |geometry| &geometry.0);
        hash.count(polygons.len());
        for polygon in polygons {
            hash.count(polygon.interiors().len());
            for ring in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
                hash.count(ring.0.len());
                for point in &ring.0 {
                    hash.number(point.x);
                    hash.number(point.y);
                }
            }
        }
    }
    hash.bytes(&edition.topology);
    for (zoom, arcs) in &edition.zooms {
        hash.count(usize::from(*zoom));
        hash.bytes(arcs);
    }
    Ok(hash.hex())
}

/// For each parent level of an edition, by slug, a hash of which region belongs to which parent.
pub(super) fn of_parents(edition: &NewEdition) -> Result<Vec<(Slug, String)>> {
    let mut levels: BTreeMap<&Slug, Vec<(&RegionKey, &RegionKey)>> = BTreeMap::new();
    for new in &edition.regions {
        for (level, parent) in &new.parents {
            levels.entry(level).or_default().push((&new.region.key, parent));
        }
    }
    levels.into_iter().map(|(level, pairs)| Ok((level.clone(), of_parent_pairs(pairs)?))).collect()
}

/// Hash of which region (first) belongs to which parent (second).
pub(super) fn of_parent_pairs(mut pairs: Vec<(&RegionKey, &RegionKey)>) -> Result<String> {
    pairs.sort_unstable();
    let mut hash = Fingerprint::new("parents 1");
    hash.json(&pairs)?;
    Ok(hash.hex())
}

/// Hash of all that a series says. Which indicator, edition and period it belongs to is not part of it.
pub(super) fn of_series(series: &NewSeries) -> Result<String> {
    let mut hash = Fingerprint::new("series 1");
    hash.bytes(&series.column.to_bytes());
    let companions = &series.companions;
    hash.numbers(companions.numerators.as_deref());
    hash.numbers(companions.denominators.as_deref());
    hash.numbers(companions.contributors.as_deref());
    hash.json(&companions.raw_signs)?;
    hash.json(&(series.provenance, &series.source, &series.note, &series.value_notes, series.break_before))?;
    if let Some(derivation) = &series.derivation {
        hash.json(derivation)?;
    }
    Ok(hash.hex())
}

impl NewSeries {
    /// Hash of all that the series says, as it will stand in [`SeriesRow::content_hash`](crate::store::SeriesRow).
    ///
    /// # Errors
    /// If the content cannot be written down.
    pub fn content_hash(&self) -> Result<String> {
        of_series(self)
    }
}

/// Hash of one period of a release.
pub(super) fn of_release_column(column: &NewReleaseColumn) -> Result<String> {
    let mut hash = Fingerprint::new("release column 1");
    hash.bytes(&column.column.to_bytes());
    hash.json(&(&column.note, column.break_before))?;
    Ok(hash.hex())
}

impl Store {
    /// Hash over everything that the store says at present: catalogues, editions, current series, classes, releases in
    /// force, successions, saved profiles, the delivery list. Two stores with the same content have the same hash on both databases; row ids,
    /// times, authors, reports, undone and superseded rows do not count.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn content_hash(&self) -> Result<String> {
        self.begin_read().await?.content_hash().await
    }

    /// Hash of everything that the public sees. To be asked of a store opened for the public; two stores of which one was
    /// made from the other have the same.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn public_hash(&self) -> Result<String> {
        let mut hash = Fingerprint::new("public 1");
        let mut tx = self.begin_read().await?;
        for catalogue in &catalogue::read_all(&mut tx).await? {
            hash_catalogue(&mut hash, catalogue)?;
            hash.json(&facilities::list_categories(&mut tx, catalogue.atlas.id).await?)?;
            hash.json(&facilities::content(&mut tx, catalogue.atlas.id).await?)?;
        }
        let lent = "SELECT a.slug, s.borrower, s.indicator, s.level FROM share s JOIN atlas a ON a.id = s.atlas_id \
                    ORDER BY a.slug, s.borrower, s.indicator, s.level";
        for row in tx.rows(lent, params![]).await? {
            let mut cells = row.cells();
            hash.json(&[cells.text()?, cells.text()?, cells.text()?, cells.text()?])?;
        }
        Ok(hash.hex())
    }
}

impl Tx {
    /// As [`Store::content_hash`], of what this transaction sees.
    pub(super) async fn content_hash(&mut self) -> Result<String> {
        let mut hash = Fingerprint::new("store 1");
        let catalogues = catalogue::read_all(self).await?;
        hash.count(catalogues.len());
        for catalogue in &catalogues {
            hash_catalogue(&mut hash, catalogue)?;
            hash.json(&successions::list(self, catalogue.atlas.id).await?)?;
            let facilities = facilities::content(self, catalogue.atlas.id).await?;
            if !facilities.is_empty() {
                hash.json(&facilities)?;
            }
            hash_agreements(&mut hash, self, catalogue.atlas.id).await?;
        }
        Ok(hash.hex())
    }
}

/// Profiles and deliveries count only where there are any: a store without them keeps the hash of earlier versions.
async fn hash_agreements(hash: &mut Fingerprint, tx: &mut Tx, atlas_id: Id) -> Result<()> {
    let profiles = profiles::list(tx, atlas_id).await?;
    if !profiles.is_empty() {
        hash.text("profiles 1");
        hash.count(profiles.len());
        for profile in &profiles {
            hash.json(&(&profile.slug, &profile.level, &profile.headers, &profile.mapping))?;
        }
    }
    let deliveries = deliveries::list(tx, atlas_id).await?;
    if !deliveries.is_empty() {
        hash.text("deliveries 1");
        hash.json(&deliveries)?;
    }
    Ok(())
}

fn hash_catalogue(hash: &mut Fingerprint, catalogue: &AtlasCatalogue) -> Result<()> {
    let atlas = &catalogue.atlas;
    hash.json(&(&atlas.slug, &atlas.title, atlas.open, atlas.required_indicators, &atlas.attribution))?;
    hash.json(&(&catalogue.themes, &catalogue.sources, &catalogue.indicators, &catalogue.levels))?;
    hash.count(catalogue.editions.len());
    for edition in &catalogue.editions {
        hash.text(&edition.content_hash);
        hash.json(&edition.parents)?;
    }
    let editions: HashMap<Id, &str> =
        catalogue.editions.iter().map(|e| (e.id, e.content_hash.as_str())).collect();
    let edition = |id: Id| editions.get(&id).copied().unwrap_or_default();
    hash.count(catalogue.series.len());
    for series in &catalogue.series {
        hash.json(&(&series.indicator, edition(series.edition), &series.period, &series.content_hash))?;
    }
    hash.count(catalogue.internal_classifications.len());
    for classes in &catalogue.internal_classifications {
        hash.json(&(&classes.indicator, &classes.level, &classes.classification))?;
    }
    hash.count(catalogue.releases.len());
    for release in &catalogue.releases {
        hash.json(&(&release.indicator, &release.level, release.audience, release.number))?;
        hash.json(&(&release.classification, release.certified))?;
        hash.count(release.columns.len());
        for column in &release.columns {
            hash.json(&(edition(column.edition), &column.period, &column.content_hash))?;
        }
    }
    Ok(())
}
