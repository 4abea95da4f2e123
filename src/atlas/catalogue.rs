//! The catalogue in memory: which layers there are for which audience, and their versions.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use chrono::NaiveDate;

use crate::{
    atlas::{AtlasError, FacilityEntry},
    domain::{Audience, Classification, Indicator, Level, Period, Slug, Text, Theme},
    geometry::GridPoint,
    store::{AtlasCatalogue, AtlasRow, EditionRow, Id, ReleaseRow, Store},
};

/// Raised whenever the bytes of a tile change for the same content, so that copies held by browsers lose their name.
const ENCODER_VERSION: u32 = 1;

/// Names the content of a layer: equal versions mean equal bytes. Public ones depend on released content only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Hashes parts into a [`Version`]; each part is preceded by its length, so that no two lists of parts look alike.
pub(super) struct VersionHasher(blake3::Hasher);

impl VersionHasher {
    pub(super) fn new(audience: Audience) -> Self {
        let mut hasher = Self(blake3::Hasher::new());
        hasher.part(&ENCODER_VERSION.to_string());
        hasher.part(audience.as_str());
        hasher
    }

    pub(super) fn part(&mut self, part: &str) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part.as_bytes());
    }

    pub(super) fn finish(&self) -> Version {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0.finalize().as_bytes()[..8]);
        Version(u64::from_be_bytes(first))
    }
}

impl Version {
    /// The version of several layers taken together.
    pub(super) fn combined(parts: impl Iterator<Item = Self>) -> Self {
        let mut hasher = VersionHasher(blake3::Hasher::new());
        parts.for_each(|version| hasher.part(&version.to_string()));
        hasher.finish()
    }
}

/// Everything small of a store, read at once.
pub(super) struct Catalogue {
    pub(super) generation: i64,
    /// How many imports were purged.
    pub(super) purges: i64,
    pub(super) atlases: HashMap<Slug, Arc<AtlasEntry>>,
}

/// One atlas with what each audience sees of it.
pub(super) struct AtlasEntry {
    pub(super) row: AtlasRow,
    pub(super) themes: Vec<Theme>,
    pub(super) public: Area,
    pub(super) internal: Area,
}

/// What one audience sees of an atlas.
pub(super) struct Area {
    pub(super) levels: Vec<Arc<Level>>,
    /// Visible editions by level, newest first.
    pub(super) editions: HashMap<Slug, Vec<Arc<EditionEntry>>>,
    /// Layers by level and indicator.
    pub(super) layers: HashMap<Slug, HashMap<Slug, IndicatorLayers>>,
    /// Indicators with at least one layer, in the order of the catalogue.
    pub(super) indicators: Vec<Arc<Indicator>>,
    /// Categories with at least one visible facility, in their order.
    pub(super) facilities: Vec<Arc<FacilityEntry>>,
}

/// An edition as one audience sees it.
#[derive(Debug)]
pub struct EditionEntry {
    /// The edition.
    pub row: EditionRow,
    /// Its level.
    pub level: Arc<Level>,
    /// Parent levels that this audience sees, nearest first, as (slug, title).
    pub parents: Vec<(Slug, Text)>,
    /// Version of its geometry-only tiles.
    pub version: Version,
    /// North-western and south-eastern corner of its bounds.
    pub(super) corners: (GridPoint, GridPoint),
}

/// The periods of one indicator on one level.
pub(super) struct IndicatorLayers {
    /// By period slug; newest edition first.
    pub(super) by_period: HashMap<Box<str>, Vec<Arc<Layer>>>,
    /// All layers, by period.
    pub(super) layers: Vec<Arc<Layer>>,
    /// It is released to the public.
    pub(super) public: bool,
}

/// Where the numbers of a layer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ColumnSource {
    Series(Id),
    Release(Id),
}

/// One indicator, level and period as one audience sees it, without its values.
#[derive(Debug)]
pub struct Layer {
    /// The indicator.
    pub indicator: Arc<Indicator>,
    /// Title of its theme.
    pub theme_title: Text,
    /// The period.
    pub period: Period,
    /// The edition that its ordinals speak of.
    pub edition: Arc<EditionEntry>,
    /// The stored classes.
    pub classification: Arc<Classification>,
    /// Public remarks: of the indicator, then of the series.
    pub notes: Vec<Text>,
    /// A change of method lies between the period before and this one.
    pub break_before: bool,
    /// The layer's own release number; `None` for unreleased series.
    pub release: Option<u32>,
    /// Names its content.
    pub version: Version,
    pub(super) column: ColumnSource,
}

impl Catalogue {
    /// Reads all atlases. The generation is read first: a change in between leads to one more reading, never to a
    /// missed one.
    pub(super) async fn read(store: &Store) -> Result<Self, AtlasError> {
        let generation = store.generation().await?;
        let mut atlases = HashMap::new();
        for catalogue in store.catalogues().await? {
            let slug = catalogue.atlas.slug.clone();
            let mut entry = AtlasEntry::new(catalogue);
            entry.public.facilities = FacilityEntry::read(store, &slug, Audience::Public).await?;
            entry.internal.facilities = FacilityEntry::read(store, &slug, Audience::Internal).await?;
            atlases.insert(slug, Arc::new(entry));
        }
        Ok(Self { generation, purges: store.purges().await?, atlases })
    }
}

impl AtlasEntry {
    fn new(catalogue: AtlasCatalogue) -> Self {
        let public = AreaBuilder::new(&catalogue, Audience::Public).build();
        let internal = AreaBuilder::new(&catalogue, Audience::Internal).build();
        Self { row: catalogue.atlas, themes: catalogue.themes, public, internal }
    }

    pub(super) fn area(&self, audience: Audience) -> &Area {
        match audience {
            Audience::Public => &self.public,
            Audience::Internal => &self.internal,
        }
    }
}

struct AreaBuilder<'a> {
    catalogue: &'a AtlasCatalogue,
    audience: Audience,
    indicators: HashMap<&'a Slug, Arc<Indicator>>,
    editions: HashMap<Id, Arc<EditionEntry>>,
}

impl<'a> AreaBuilder<'a> {
    fn new(catalogue: &'a AtlasCatalogue, audience: Audience) -> Self {
        let indicators = catalogue.indicators.iter().map(|i| (&i.slug, Arc::new(i.clone()))).collect();
        let mut builder = Self { catalogue, audience, indicators, editions: HashMap::new() };
        builder.editions = builder.visible_editions();
        builder
    }

    /// Releases of this area in force. Public ones for the public; for staff those that stand for restricted sources.
    fn releases(&self) -> impl Iterator<Item = &'a ReleaseRow> {
        let audience = self.audience;
        self.catalogue.releases.iter().filter(move |r| r.audience == audience)
    }

    /// The public sees the editions that its releases use, and all of levels whose boundaries are public.
    fn visible_editions(&self) -> HashMap<Id, Arc<EditionEntry>> {
        let used: BTreeSet<Id> = self.releases().flat_map(|r| r.columns.iter().map(|c| c.edition)).collect();
        let levels: HashMap<&Slug, Arc<Level>> =
            self.catalogue.levels.iter().map(|l| (&l.slug, Arc::new(l.clone()))).collect();
        let visible = |edition: &&EditionRow| {
            self.audience == Audience::Internal
                || used.contains(&edition.id)
                || levels.get(&edition.level).is_some_and(|l| l.public_boundaries)
        };
        let editions: Vec<&EditionRow> = self.catalogue.editions.iter().filter(visible).collect();
        let seen: BTreeSet<&Slug> = editions.iter().map(|e| &e.level).collect();
        let entry = |row: &EditionRow| {
            let level = levels.get(&row.level)?.clone();
            Some((row.id, Arc::new(self.edition_entry(row, level, &seen))))
        };
        editions.iter().filter_map(|row| entry(row)).collect()
    }

    fn edition_entry(&self, row: &EditionRow, level: Arc<Level>, seen: &BTreeSet<&Slug>) -> EditionEntry {
        let mut parents: Vec<&Level> = self
            .catalogue
            .levels
            .iter()
            .filter(|l| seen.contains(&l.slug) && row.parents.iter().any(|(slug, _)| *slug == l.slug))
            .collect();
        parents.sort_by_key(|l| std::cmp::Reverse(l.position));
        let mut hasher = VersionHasher::new(self.audience);
        hasher.part(&row.content_hash);
        hasher.part(&row.attribution);
        for parent in &parents {
            hasher.part(parent.slug.as_str());
            let mapping = row.parents.iter().find(|(slug, _)| *slug == parent.slug);
            hasher.part(mapping.map_or("", |(_, hash)| hash));
        }
        let parents = parents.into_iter().map(|l| (l.slug.clone(), l.title.clone())).collect();
        let b = row.bounds;
        let corners = (GridPoint::from_degrees(b.west, b.north), GridPoint::from_degrees(b.east, b.south));
        EditionEntry { row: row.clone(), level, parents, version: hasher.finish(), corners }
    }

    fn build(self) -> Area {
        let mut layers: HashMap<Slug, HashMap<Slug, IndicatorLayers>> = HashMap::new();
        for layer in self.released_layers().chain(self.series_layers()) {
            let of_level = layers.entry(layer.edition.level.slug.clone()).or_default();
            let public = || {
                let mut releases = self.catalogue.releases.iter();
                releases.any(|r| {
                    r.audience == Audience::Public
                        && r.indicator == layer.indicator.slug
                        && r.level == layer.edition.level.slug
                })
            };
            let of_indicator = of_level.entry(layer.indicator.slug.clone()).or_insert_with(|| {
                IndicatorLayers { by_period: HashMap::new(), layers: Vec::new(), public: public() }
            });
            of_indicator.layers.push(Arc::new(layer));
        }
        for of_indicator in layers.values_mut().flat_map(HashMap::values_mut) {
            of_indicator.sort();
        }
        let shown = |slug: &Slug| layers.values().any(|of_level| of_level.contains_key(slug));
        let indicators = self.catalogue.indicators.iter().filter(|i| shown(&i.slug));
        let indicators = indicators.filter_map(|i| self.indicators.get(&i.slug).cloned()).collect();
        let mut editions: HashMap<Slug, Vec<Arc<EditionEntry>>> = HashMap::new();
        for edition in self.editions.into_values() {
            editions.entry(edition.level.slug.clone()).or_default().push(edition);
        }
        let mut levels = BTreeMap::new();
        for of_level in editions.values_mut() {
            of_level.sort_by_key(|e| std::cmp::Reverse(e.row.valid_on));
            let level = &of_level[0].level;
            levels.insert((level.position, level.slug.clone()), level.clone());
        }
        Area { levels: levels.into_values().collect(), editions, layers, indicators, facilities: Vec::new() }
    }

    fn released_layers(&self) -> impl Iterator<Item = Layer> {
        self.releases().flat_map(move |release| {
            let classification = Arc::new(release.classification.clone());
            release.columns.iter().filter_map(move |column| {
                self.layer(LayerParts {
                    indicator: &release.indicator,
                    edition: column.edition,
                    period: &column.period,
                    classification: classification.clone(),
                    note: column.note.as_ref(),
                    break_before: column.break_before,
                    release: Some(release.number),
                    content_hash: &column.content_hash,
                    column: ColumnSource::Release(column.id),
                })
            })
        })
    }

    /// Series are for staff only, and of restricted sources not even for all staff.
    fn series_layers(&self) -> impl Iterator<Item = Layer> {
        let internal = self.audience == Audience::Internal;
        let mut classifications = HashMap::new();
        for row in &self.catalogue.internal_classifications {
            classifications.insert((&row.indicator, &row.level), Arc::new(row.classification.clone()));
        }
        self.catalogue.series.iter().filter(move |s| internal && !s.restricted).filter_map(move |series| {
            let level = &self.editions.get(&series.edition)?.row.level;
            self.layer(LayerParts {
                indicator: &series.indicator,
                edition: series.edition,
                period: &series.period,
                classification: classifications.get(&(&series.indicator, level))?.clone(),
                note: series.note.as_ref(),
                break_before: series.break_before,
                release: None,
                content_hash: &series.content_hash,
                column: ColumnSource::Series(series.id),
            })
        })
    }

    fn layer(&self, parts: LayerParts<'_>) -> Option<Layer> {
        let indicator = self.indicators.get(parts.indicator)?.clone();
        let edition = self.editions.get(&parts.edition)?.clone();
        let mut hasher = VersionHasher::new(self.audience);
        hasher.part(&edition.version.to_string());
        hasher.part(&parts.period.to_string());
        hasher.part(parts.content_hash);
        hasher.part(&parts.release.map_or_else(String::new, |n| n.to_string()));
        // The classes decide the attribute `class`; their exact bits count, not how they are written.
        parts.classification.breaks.iter().for_each(|b| hasher.part(&b.to_bits().to_string()));
        let theme = self.catalogue.themes.iter().find(|t| t.slug == indicator.theme);
        Some(Layer {
            theme_title: theme.map(|t| t.title.clone()).unwrap_or_default(),
            notes: indicator.note.iter().chain(parts.note).cloned().collect(),
            period: parts.period.clone(),
            classification: parts.classification,
            break_before: parts.break_before,
            release: parts.release,
            version: hasher.finish(),
            column: parts.column,
            indicator,
            edition,
        })
    }
}

struct LayerParts<'a> {
    indicator: &'a Slug,
    edition: Id,
    period: &'a Period,
    classification: Arc<Classification>,
    note: Option<&'a Text>,
    break_before: bool,
    release: Option<u32>,
    content_hash: &'a str,
    column: ColumnSource,
}

impl IndicatorLayers {
    fn sort(&mut self) {
        self.layers.sort_by(|a, b| {
            (&a.period, std::cmp::Reverse(a.edition.row.valid_on))
                .cmp(&(&b.period, std::cmp::Reverse(b.edition.row.valid_on)))
        });
        for layer in &self.layers {
            self.by_period.entry(layer.period.to_string().into()).or_default().push(layer.clone());
        }
    }

    /// The layer of a period: the newest edition, or the one asked for.
    pub(super) fn find(&self, period: &str, edition: Option<NaiveDate>) -> Option<&Arc<Layer>> {
        let mut layers = self.by_period.get(period)?.iter();
        layers.find(|l| edition.is_none_or(|date| l.edition.row.valid_on == date))
    }
}
