//! The small catalogue: atlases, levels, themes, sources, indicators, and everything small about an atlas read at once.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::domain::{Indicator, Level, RESERVED_ATLAS_SLUGS, RESERVED_LEVEL_SLUGS, Slug, Source, Theme};
use crate::store::{
    AtlasCatalogue, AtlasRow, EditionRow, Id, ImportRecord, ImportRow, InternalClassification, NewAtlas,
    ReleaseColumnRow, ReleaseRow, SeriesRow, Store, StoreError, editions, releases, series,
    sql::{Row, Tx, json, params, word},
};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Makes an atlas; it is closed.
    ///
    /// # Errors
    /// If there is one of that slug, or the slug has a meaning of its own in URLs.
    pub async fn create_atlas(&self, atlas: &NewAtlas) -> Result<Id> {
        refuse_reserved("an atlas", &atlas.slug, RESERVED_ATLAS_SLUGS)?;
        let mut tx = self.begin_write().await?;
        if find_atlas(&mut tx, &atlas.slug).await?.is_some() {
            return Err(StoreError::Exists { what: "atlas", name: atlas.slug.to_string() });
        }
        let id = tx
            .insert(
                "INSERT INTO atlas (slug, title_de, title_en, open, required_indicators, attribution) \
                 VALUES ($1, $2, $3, 0, $4, $5) RETURNING id",
                params![
                    &atlas.slug,
                    &atlas.title.de,
                    atlas.title.en.as_deref(),
                    atlas.required_indicators,
                    &atlas.attribution
                ],
            )
            .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// All atlases by slug.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn atlases(&self) -> Result<Vec<AtlasRow>> {
        self.rows(SELECT_ATLASES, params![]).await?.iter().map(read_atlas).collect()
    }

    /// Opens or closes the public area of an atlas.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn set_open(&self, atlas: &Slug, open: bool) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let changed = tx.execute("UPDATE atlas SET open = $2 WHERE slug = $1", params![atlas, open]).await?;
        if changed == 0 {
            return Err(StoreError::unknown("atlas", atlas));
        }
        tx.commit().await
    }

    /// Adds levels, or changes those of the same slug.
    ///
    /// # Errors
    /// If there is no such atlas, or a slug has a meaning of its own in URLs.
    pub async fn put_levels(&self, atlas: &Slug, levels: &[Level]) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        for level in levels {
            put_level(&mut tx, atlas_id, level).await?;
        }
        tx.commit().await
    }

    /// Adds themes, sources and indicators, or changes those of the same slug. Those named come to stand in the order
    /// in which they are named; nothing is deleted. Returns the id of the import.
    ///
    /// # Errors
    /// If there is no such atlas, if a slug is named twice, or if an indicator names a theme or an indicator that does
    /// not exist.
    pub async fn put_catalogue(
        &self,
        atlas: &Slug,
        themes: &[Theme],
        sources: &[Source],
        indicators: &[Indicator],
        import: &ImportRecord,
    ) -> Result<Id> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let import_id = record_import(&mut tx, atlas_id, import).await?;
        put_themes(&mut tx, atlas_id, themes).await?;
        put_sources(&mut tx, atlas_id, sources).await?;
        put_indicators(&mut tx, atlas_id, indicators).await?;
        tx.commit().await?;
        Ok(import_id)
    }

    /// Everything small about one atlas.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn catalogue(&self, atlas: &Slug) -> Result<AtlasCatalogue> {
        let mut tx = self.begin_read().await?;
        let row = find_atlas(&mut tx, atlas).await?.ok_or_else(|| StoreError::unknown("atlas", atlas))?;
        read_catalogue(&mut tx, row).await
    }

    /// Everything small about every atlas, as of one moment.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn catalogues(&self) -> Result<Vec<AtlasCatalogue>> {
        read_all(&mut self.begin_read().await?).await
    }

    /// The imports of an atlas, the latest first.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn imports(&self, atlas: &Slug) -> Result<Vec<ImportRow>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let every: Option<i64> = None;
        tx.rows(SELECT_IMPORTS, params![atlas_id, every]).await?.iter().map(read_import).collect()
    }
}

/// Adds a level, or changes the one of the same slug.
pub(super) async fn put_level(tx: &mut Tx, atlas_id: Id, level: &Level) -> Result<()> {
    refuse_reserved("a level", &level.slug, RESERVED_LEVEL_SLUGS)?;
    let title = &level.title;
    tx.execute(
        "INSERT INTO level (atlas_id, slug, title_de, title_en, position, public_boundaries) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (atlas_id, slug) DO UPDATE SET title_de = excluded.title_de, title_en = excluded.title_en, \
         position = excluded.position, public_boundaries = excluded.public_boundaries",
        params![atlas_id, &level.slug, &title.de, title.en.as_deref(), level.position, level.public_boundaries],
    )
    .await?;
    Ok(())
}

fn refuse_reserved(what: &str, slug: &Slug, reserved: &[&str]) -> Result<()> {
    if reserved.contains(&slug.as_str()) {
        return Err(StoreError::Invalid(format!("{what} cannot be called '{slug}': URLs use that word")));
    }
    Ok(())
}

const SELECT_ATLASES: &str = "SELECT id, slug, title_de, title_en, open, required_indicators, attribution, policies, four_eyes, \
     indicators_due_on FROM atlas ORDER BY slug";

fn read_atlas(row: &Row) -> Result<AtlasRow> {
    let mut cells = row.cells();
    Ok(AtlasRow {
        id: cells.id()?,
        slug: cells.parsed()?,
        title: cells.wording()?,
        open: cells.flag()?,
        required_indicators: cells.small()?,
        attribution: cells.text()?,
        policies: cells.json()?,
        four_eyes: cells.flag()?,
        indicators_due_on: cells.parsed_if_any()?,
    })
}

/// The imports of an atlas, or one of them by its id, the latest first.
pub(super) const SELECT_IMPORTS: &str = "SELECT id, undone, purged_at, purged_by, kind, file_name, file_hash, imported_at, imported_by, report FROM import \
     WHERE atlas_id = $1 AND id = coalesce($2, id) ORDER BY id DESC";

/// Reads a row of [`SELECT_IMPORTS`].
pub(super) fn read_import(row: &Row) -> Result<ImportRow> {
    let mut cells = row.cells();
    let (id, undone) = (cells.id()?, cells.flag()?);
    let (purged_at, purged_by): (_, Option<String>) = (cells.parsed_if_any()?, cells.get()?);
    Ok(ImportRow {
        id,
        undone,
        purged: purged_at.zip(purged_by),
        record: ImportRecord {
            kind: cells.text()?,
            file_name: cells.text()?,
            file_hash: cells.text()?,
            at: cells.parsed()?,
            by: cells.text()?,
            report: cells.json()?,
        },
    })
}

async fn find_atlas(tx: &mut Tx, atlas: &Slug) -> Result<Option<AtlasRow>> {
    let sql = "SELECT id, slug, title_de, title_en, open, required_indicators, attribution, policies, four_eyes, \
               indicators_due_on FROM atlas WHERE slug = $1";
    tx.row(sql, params![atlas]).await?.as_ref().map(read_atlas).transpose()
}

/// Id of an atlas that must exist.
pub(super) async fn atlas_id(tx: &mut Tx, atlas: &Slug) -> Result<Id> {
    let row = tx.row("SELECT id FROM atlas WHERE slug = $1", params![atlas]).await?;
    row.ok_or_else(|| StoreError::unknown("atlas", atlas))?.cells().id()
}

/// Stores who imports what.
pub(super) async fn record_import(tx: &mut Tx, atlas_id: Id, import: &ImportRecord) -> Result<Id> {
    tx.insert(
        "INSERT INTO import (atlas_id, kind, file_name, file_hash, imported_at, imported_by, report) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        params![
            atlas_id,
            &import.kind,
            &import.file_name,
            &import.file_hash,
            import.at,
            &import.by,
            json(&import.report)?
        ],
    )
    .await
}

/// Places for the listed slugs: those that have one share out their places again, new ones add places at the end, and
/// all are given out in the order of the list. What is not listed stays where it is.
fn places(existing: &HashMap<String, i64>, listed: &[&Slug]) -> Result<Vec<i64>> {
    let mut seen = HashSet::new();
    if let Some(twice) = listed.iter().find(|slug| !seen.insert(slug.as_str())) {
        return Err(StoreError::Invalid(format!("'{twice}' is listed twice")));
    }
    let mut next = existing.values().max().map_or(0, |last| last + 1);
    let mut places: Vec<i64> = listed
        .iter()
        .map(|slug| {
            existing.get(slug.as_str()).copied().unwrap_or_else(|| {
                next += 1;
                next - 1
            })
        })
        .collect();
    places.sort_unstable();
    Ok(places)
}

async fn existing_places(tx: &mut Tx, sql: &'static str, atlas_id: Id) -> Result<HashMap<String, i64>> {
    let rows = tx.rows(sql, params![atlas_id]).await?;
    let read = |row: &Row| {
        let mut cells = row.cells();
        Ok((cells.text()?, cells.get()?))
    };
    rows.iter().map(read).collect()
}

pub(super) async fn put_themes(tx: &mut Tx, atlas_id: Id, themes: &[Theme]) -> Result<()> {
    let existing =
        existing_places(tx, "SELECT slug, position FROM theme WHERE atlas_id = $1", atlas_id).await?;
    let listed: Vec<&Slug> = themes.iter().map(|t| &t.slug).collect();
    for (theme, place) in themes.iter().zip(places(&existing, &listed)?) {
        tx.execute(
            "INSERT INTO theme (atlas_id, slug, title_de, title_en, position) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (atlas_id, slug) DO UPDATE SET title_de = excluded.title_de, \
             title_en = excluded.title_en, position = excluded.position",
            params![atlas_id, &theme.slug, &theme.title.de, theme.title.en.as_deref(), place],
        )
        .await?;
    }
    Ok(())
}

async fn put_sources(tx: &mut Tx, atlas_id: Id, sources: &[Source]) -> Result<()> {
    let existing =
        existing_places(tx, "SELECT slug, position FROM source WHERE atlas_id = $1", atlas_id).await?;
    let listed: Vec<&Slug> = sources.iter().map(|s| &s.slug).collect();
    for (source, place) in sources.iter().zip(places(&existing, &listed)?) {
        tx.execute(
            "INSERT INTO source (atlas_id, slug, title_de, title_en, position, restricted, policies) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (atlas_id, slug) DO UPDATE SET title_de = excluded.title_de, \
             title_en = excluded.title_en, position = excluded.position, restricted = excluded.restricted, \
             policies = excluded.policies",
            params![
                atlas_id,
                &source.slug,
                &source.title.de,
                source.title.en.as_deref(),
                place,
                source.restricted,
                source.policies.as_ref().map(json).transpose()?.as_deref(),
            ],
        )
        .await?;
    }
    Ok(())
}

pub(super) async fn put_indicators(tx: &mut Tx, atlas_id: Id, indicators: &[Indicator]) -> Result<()> {
    let themes =
        existing_places(tx, "SELECT slug, position FROM theme WHERE atlas_id = $1", atlas_id).await?;
    let existing =
        existing_places(tx, "SELECT slug, position FROM indicator WHERE atlas_id = $1", atlas_id).await?;
    let listed: Vec<&Slug> = indicators.iter().map(|i| &i.slug).collect();
    let places = places(&existing, &listed)?;
    let listed: HashSet<&Slug> = listed.into_iter().collect();
    for (indicator, place) in indicators.iter().zip(places) {
        if !themes.contains_key(indicator.theme.as_str()) {
            return Err(StoreError::unknown("theme", &indicator.theme));
        }
        let named = [&indicator.part_of, &indicator.numerator, &indicator.denominator];
        let known = |slug: &&Slug| listed.contains(slug) || existing.contains_key(slug.as_str());
        if let Some(missing) = named.into_iter().flatten().find(|slug| !known(slug)) {
            return Err(StoreError::unknown("indicator", missing));
        }
        put_indicator(tx, atlas_id, indicator, place).await?;
    }
    Ok(())
}

async fn put_indicator(tx: &mut Tx, atlas_id: Id, indicator: &Indicator, place: i64) -> Result<()> {
    tx.execute(
        "INSERT INTO indicator (atlas_id, slug, position, title_de, title_en, theme, kind, unit_de, unit_en, decimals, \
         per, polarity, part_of, numerator, denominator, denominator_rule, classification, palette, note_de, note_en, \
         sheet, sensitive) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
         $21, $22) ON CONFLICT (atlas_id, slug) DO UPDATE SET position = excluded.position, \
         title_de = excluded.title_de, title_en = excluded.title_en, theme = excluded.theme, kind = excluded.kind, \
         unit_de = excluded.unit_de, unit_en = excluded.unit_en, decimals = excluded.decimals, per = excluded.per, \
         polarity = excluded.polarity, part_of = excluded.part_of, numerator = excluded.numerator, \
         denominator = excluded.denominator, denominator_rule = excluded.denominator_rule, \
         classification = excluded.classification, palette = excluded.palette, note_de = excluded.note_de, \
         note_en = excluded.note_en, sheet = excluded.sheet, sensitive = excluded.sensitive",
        params![
            atlas_id,
            &indicator.slug,
            place,
            &indicator.title.de,
            indicator.title.en.as_deref(),
            &indicator.theme,
            word(&indicator.kind)?,
            &indicator.unit.de,
            indicator.unit.en.as_deref(),
            indicator.decimals,
            indicator.per,
            word(&indicator.polarity)?,
            indicator.part_of.as_ref(),
            indicator.numerator.as_ref(),
            indicator.denominator.as_ref(),
            word(&indicator.denominator_rule)?,
            json(&indicator.classification)?,
            indicator.palette.as_ref(),
            indicator.note.as_ref().map(|n| n.de.as_str()),
            indicator.note.as_ref().and_then(|n| n.en.as_deref()),
            json(&indicator.sheet)?,
            indicator.sensitive,
        ],
    )
    .await?;
    Ok(())
}

/// The catalogues of all atlases, by slug.
pub(super) async fn read_all(tx: &mut Tx) -> Result<Vec<AtlasCatalogue>> {
    let mut catalogues = Vec::new();
    for row in tx.rows(SELECT_ATLASES, params![]).await? {
        catalogues.push(read_catalogue(tx, read_atlas(&row)?).await?);
    }
    Ok(catalogues)
}

async fn read_catalogue(tx: &mut Tx, atlas: AtlasRow) -> Result<AtlasCatalogue> {
    let id = atlas.id;
    let themes = tx
        .rows("SELECT slug, title_de, title_en FROM theme WHERE atlas_id = $1 ORDER BY position", params![id])
        .await?;
    let sources = tx
        .rows(
            "SELECT slug, title_de, title_en, restricted, policies FROM source WHERE atlas_id = $1 ORDER BY position",
            params![id],
        )
        .await?;
    let levels = tx
        .rows(
            "SELECT slug, title_de, title_en, position, public_boundaries FROM level WHERE atlas_id = $1 \
             ORDER BY position, slug",
            params![id],
        )
        .await?;
    let mut catalogue = AtlasCatalogue {
        atlas,
        themes: themes.iter().map(read_theme).collect::<Result<_>>()?,
        sources: sources.iter().map(read_source).collect::<Result<_>>()?,
        indicators: read_indicators(tx, id).await?,
        levels: levels.iter().map(read_level).collect::<Result<_>>()?,
        editions: editions::list(tx, id).await?,
        series: series::list_current(tx, id).await?,
        internal_classifications: series::list_classifications(tx, id).await?,
        releases: releases::list_in_force(tx, id).await?,
    };
    sort(&mut catalogue);
    Ok(catalogue)
}

fn read_theme(row: &Row) -> Result<Theme> {
    let mut cells = row.cells();
    Ok(Theme { slug: cells.parsed()?, title: cells.wording()? })
}

fn read_source(row: &Row) -> Result<Source> {
    let mut cells = row.cells();
    Ok(Source {
        slug: cells.parsed()?,
        title: cells.wording()?,
        restricted: cells.flag()?,
        policies: cells.json_if_any()?,
    })
}

fn read_level(row: &Row) -> Result<Level> {
    let mut cells = row.cells();
    Ok(Level {
        slug: cells.parsed()?,
        title: cells.wording()?,
        position: cells.get()?,
        public_boundaries: cells.flag()?,
    })
}

async fn read_indicators(tx: &mut Tx, atlas_id: Id) -> Result<Vec<Indicator>> {
    let sql = "SELECT slug, title_de, title_en, theme, kind, unit_de, unit_en, decimals, per, polarity, part_of, \
               numerator, denominator, denominator_rule, classification, palette, note_de, note_en, sheet, sensitive \
               FROM indicator WHERE atlas_id = $1 ORDER BY position";
    tx.rows(sql, params![atlas_id]).await?.iter().map(read_indicator).collect()
}

fn read_indicator(row: &Row) -> Result<Indicator> {
    let mut cells = row.cells();
    Ok(Indicator {
        slug: cells.parsed()?,
        title: cells.wording()?,
        theme: cells.parsed()?,
        kind: cells.word()?,
        unit: cells.wording()?,
        decimals: cells.small()?,
        per: cells.get()?,
        polarity: cells.word()?,
        part_of: cells.parsed_if_any()?,
        numerator: cells.parsed_if_any()?,
        denominator: cells.parsed_if_any()?,
        denominator_rule: cells.word()?,
        classification: cells.json()?,
        palette: cells.parsed_if_any()?,
        note: cells.wording_if_any()?,
        sheet: cells.json()?,
        sensitive: cells.flag()?,
    })
}

/// Puts editions, series, classes and releases into the order of levels and indicators, the same on both databases.
fn sort(catalogue: &mut AtlasCatalogue) {
    let rank = |slugs: Vec<&Slug>| -> BTreeMap<Slug, usize> {
        slugs.into_iter().enumerate().map(|(i, slug)| (slug.clone(), i)).collect()
    };
    let levels = rank(catalogue.levels.iter().map(|l| &l.slug).collect());
    let indicators = rank(catalogue.indicators.iter().map(|i| &i.slug).collect());
    catalogue.editions.sort_by_key(|e: &EditionRow| (levels.get(&e.level).copied(), e.valid_on));
    let editions: HashMap<Id, usize> =
        catalogue.editions.iter().enumerate().map(|(i, edition)| (edition.id, i)).collect();
    catalogue.series.sort_by_cached_key(|s: &SeriesRow| {
        (indicators.get(&s.indicator).copied(), editions.get(&s.edition).copied(), s.period.clone())
    });
    catalogue.internal_classifications.sort_by_key(|c: &InternalClassification| {
        (indicators.get(&c.indicator).copied(), levels.get(&c.level).copied())
    });
    catalogue.releases.sort_by_key(|r: &ReleaseRow| {
        (indicators.get(&r.indicator).copied(), levels.get(&r.level).copied(), r.audience)
    });
    for release in &mut catalogue.releases {
        release
            .columns
            .sort_by_cached_key(|c: &ReleaseColumnRow| (editions.get(&c.edition).copied(), c.period.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slugs(names: &[&str]) -> Vec<Slug> {
        names.iter().map(|n| n.parse().unwrap()).collect()
    }

    fn placed(existing: &[&str], listed: &[&str]) -> Vec<i64> {
        let existing = existing.iter().enumerate().map(|(i, n)| ((*n).to_owned(), i as i64)).collect();
        let listed = slugs(listed);
        places(&existing, &listed.iter().collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_whole_list_is_stored_in_its_own_order() {
        assert_eq!(placed(&[], &["a", "b"]), [0, 1]);
        assert_eq!(placed(&["a", "b"], &["b", "new", "a"]), [0, 1, 2]);
    }

    #[test]
    fn what_is_not_listed_stays_where_it_is() {
        assert_eq!(placed(&["a", "b", "c"], &["b"]), [1]);
        assert_eq!(placed(&["a", "b", "c"], &["c", "a"]), [0, 2]);
    }

    #[test]
    fn a_slug_that_is_listed_twice_is_refused() {
        let listed = slugs(&["a", "a"]);
        assert!(places(&HashMap::new(), &listed.iter().collect::<Vec<_>>()).is_err());
    }
}
