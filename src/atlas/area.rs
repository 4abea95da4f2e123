//! What one kind of caller sees of an atlas, made from its catalogue.
//!
//! A public area is made from public releases in force, and from nothing else. An internal one is made from the series
//! that the caller may see; where one is restricted to statisticians, the internal release stands for it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    access::Scope,
    atlas::{
        EditionEntry, FacilityEntry, Layer,
        catalogue::{ColumnSource, IndicatorLayers, VersionHasher},
    },
    domain::{Audience, Classification, Indicator, Level, Period, Slug, Text, Theme},
    geometry::GridPoint,
    store::{AtlasCatalogue, EditionRow, Id, InternalClassification, SeriesRow},
};

/// What callers of one scope see of an atlas.
#[derive(Default)]
pub(super) struct Area {
    /// Themes with at least one visible indicator, in their order.
    pub(super) themes: Vec<Theme>,
    /// Levels with at least one visible edition, from large to small regions.
    pub(super) levels: Vec<Arc<Level>>,
    /// Visible editions by level, newest first.
    pub(super) editions: HashMap<Slug, Vec<Arc<EditionEntry>>>,
    /// Layers by level and indicator.
    pub(super) layers: HashMap<Slug, HashMap<Slug, Arc<IndicatorLayers>>>,
    /// Indicators with at least one layer, in the order of the catalogue.
    pub(super) indicators: Vec<Arc<Indicator>>,
    /// Categories with at least one visible facility, in their order.
    pub(super) facilities: Vec<Arc<FacilityEntry>>,
}

impl Area {
    /// What an atlas itself has for this scope.
    pub(super) fn of_atlas(catalogue: &AtlasCatalogue, scope: &Scope) -> Self {
        let chosen = |indicator: &Indicator, _: &Slug| {
            scope.audience() == Audience::Public || scope.sees_theme(&indicator.theme)
        };
        let mut editions = BTreeSet::new();
        if scope.audience() == Audience::Internal && !scope.is_limited() {
            editions.extend(catalogue.editions.iter().map(|e| e.id));
        } else if scope.audience() == Audience::Public || catalogue.atlas.open {
            editions = public_editions(catalogue);
        }
        AreaBuilder {
            audience: scope.audience(),
            sees_restricted: scope.sees_restricted(),
            takes_internal_releases: true,
            chosen: &chosen,
            editions,
            parents: BTreeSet::new(),
            indicators: catalogue.indicators.iter().map(|i| (&i.slug, Arc::new(i.clone()))).collect(),
            levels: catalogue.levels.iter().map(|l| (&l.slug, Arc::new(l.clone()))).collect(),
            themes: catalogue.themes.clone(),
            catalogue,
        }
        .build()
    }

    /// Adds what another area has and this one lacks: layers by indicator and level, editions by level and date.
    pub(super) fn add(&mut self, other: &Self) {
        for (level, of_level) in &other.layers {
            let own = self.layers.entry(level.clone()).or_default();
            for (indicator, layers) in of_level {
                own.entry(indicator.clone()).or_insert_with(|| layers.clone());
            }
        }
        for (level, editions) in &other.editions {
            let own = self.editions.entry(level.clone()).or_default();
            let known: BTreeSet<_> = own.iter().map(|e| e.row.valid_on).collect();
            own.extend(editions.iter().filter(|e| !known.contains(&e.row.valid_on)).cloned());
            own.sort_by_key(|e| std::cmp::Reverse(e.row.valid_on));
        }
        add_new(&mut self.levels, &other.levels, |level| &level.slug);
        add_new(&mut self.indicators, &other.indicators, |indicator| &indicator.slug);
        add_new(&mut self.themes, &other.themes, |theme| &theme.slug);
    }

    /// Puts everything into the order of the atlas; what is borrowed follows in the order in which it came.
    pub(super) fn sort(&mut self, catalogue: &AtlasCatalogue) {
        let levels: Vec<_> = catalogue.levels.iter().map(|l| &l.slug).collect();
        let indicators: Vec<_> = catalogue.indicators.iter().map(|i| &i.slug).collect();
        let themes: Vec<_> = catalogue.themes.iter().map(|t| &t.slug).collect();
        let place = |list: &[&Slug]| -> HashMap<Slug, usize> {
            list.iter().enumerate().map(|(at, slug)| ((*slug).clone(), at)).collect()
        };
        let (levels, indicators, themes) = (place(&levels), place(&indicators), place(&themes));
        let at = |places: &HashMap<Slug, usize>, slug: &Slug| places.get(slug).copied().unwrap_or(usize::MAX);
        self.levels.sort_by_key(|level| at(&levels, &level.slug));
        self.indicators.sort_by_key(|indicator| at(&indicators, &indicator.slug));
        self.themes.sort_by_key(|theme| at(&themes, &theme.slug));
    }
}

fn add_new<T: Clone>(own: &mut Vec<T>, other: &[T], slug: impl Fn(&T) -> &Slug) {
    let known: BTreeSet<Slug> = own.iter().map(|one| slug(one).clone()).collect();
    own.extend(other.iter().filter(|one| !known.contains(slug(one))).cloned());
}

/// Editions that public releases use, and all of levels whose boundaries are public.
pub(super) fn public_editions(catalogue: &AtlasCatalogue) -> BTreeSet<Id> {
    let released = catalogue.releases.iter().filter(|r| r.audience == Audience::Public);
    let used = released.flat_map(|r| r.columns.iter().map(|c| c.edition));
    let public = |level: &Slug| catalogue.levels.iter().any(|l| l.slug == *level && l.public_boundaries);
    used.chain(catalogue.editions.iter().filter(|e| public(&e.level)).map(|e| e.id)).collect()
}

/// Makes an area from a catalogue. Indicators, levels and themes may have other names in the area than in the catalogue.
pub(super) struct AreaBuilder<'a> {
    pub(super) catalogue: &'a AtlasCatalogue,
    pub(super) audience: Audience,
    pub(super) sees_restricted: bool,
    /// Internal releases stand for what is restricted.
    pub(super) takes_internal_releases: bool,
    /// Which indicators on which levels come into the area.
    pub(super) chosen: &'a dyn Fn(&Indicator, &Slug) -> bool,
    /// Editions that are visible even if no layer uses them.
    pub(super) editions: BTreeSet<Id>,
    /// Levels whose borders are drawn in editions of their parts, beside those that have visible editions here.
    pub(super) parents: BTreeSet<&'a Slug>,
    /// As they are called in the area, by their slug in the catalogue.
    pub(super) indicators: HashMap<&'a Slug, Arc<Indicator>>,
    /// As they are called in the area, by their slug in the catalogue.
    pub(super) levels: HashMap<&'a Slug, Arc<Level>>,
    /// As they are called in the area.
    pub(super) themes: Vec<Theme>,
}

/// A layer before its edition is known to be visible.
struct LayerParts<'a> {
    indicator: &'a Slug,
    edition: &'a EditionRow,
    period: &'a Period,
    classification: Arc<Classification>,
    note: Option<&'a Text>,
    break_before: bool,
    release: Option<u32>,
    content_hash: &'a str,
    column: ColumnSource,
}

/// The layers of one indicator on one level, and whether it is released there.
type LayersOfOne = (Vec<Arc<Layer>>, bool);

impl<'a> AreaBuilder<'a> {
    pub(super) fn build(mut self) -> Area {
        let parts = match self.audience {
            Audience::Public => self.released(Audience::Public),
            Audience::Internal => self.internal(),
        };
        self.editions.extend(parts.iter().map(|part| part.edition.id));
        let entries = self.edition_entries();
        let mut found: HashMap<(Slug, Slug), LayersOfOne> = HashMap::new();
        for part in parts {
            let public = self.is_public(part.indicator, &part.edition.level);
            let Some(layer) = self.layer(part, &entries) else { continue };
            let key = (layer.edition.level.slug.clone(), layer.indicator.slug.clone());
            found.entry(key).or_insert_with(|| (Vec::new(), public)).0.push(Arc::new(layer));
        }
        let mut area = Area::default();
        for ((level, indicator), (layers, public)) in found {
            let layers = Arc::new(IndicatorLayers::new(layers, public));
            area.layers.entry(level).or_default().insert(indicator, layers);
        }
        let shown = |slug: &Slug| area.layers.values().any(|of_level| of_level.contains_key(slug));
        let indicators = self.catalogue.indicators.iter().filter_map(|i| self.indicators.get(&i.slug));
        area.indicators = indicators.filter(|i| shown(&i.slug)).cloned().collect();
        self.themes.retain(|theme| area.indicators.iter().any(|i| i.theme == theme.slug));
        area.themes = self.themes;
        for entry in entries.into_values() {
            area.editions.entry(entry.level.slug.clone()).or_default().push(entry);
        }
        for of_level in area.editions.values_mut() {
            of_level.sort_by_key(|e| std::cmp::Reverse(e.row.valid_on));
            area.levels.push(of_level[0].level.clone());
        }
        area.levels.sort_by(|a, b| (a.position, &a.slug).cmp(&(b.position, &b.slug)));
        area
    }

    fn is_public(&self, indicator: &Slug, level: &Slug) -> bool {
        let mut releases = self.catalogue.releases.iter();
        releases.any(|r| r.audience == Audience::Public && r.indicator == *indicator && r.level == *level)
    }

    fn is_chosen(&self, indicator: &Slug, level: &Slug) -> bool {
        let found = self.catalogue.indicators.iter().find(|i| i.slug == *indicator);
        found.is_some_and(|indicator| (self.chosen)(indicator, level))
    }

    fn edition(&self, id: Id) -> Option<&'a EditionRow> {
        self.catalogue.editions.iter().find(|e| e.id == id)
    }

    /// Releases in force for an audience.
    fn released(&self, audience: Audience) -> Vec<LayerParts<'a>> {
        let of_audience = self.catalogue.releases.iter().filter(|r| r.audience == audience);
        let chosen = of_audience.filter(|r| self.is_chosen(&r.indicator, &r.level));
        let parts = chosen.flat_map(|release| {
            let classification = Arc::new(release.classification.clone());
            release.columns.iter().filter_map(move |column| {
                Some(LayerParts {
                    indicator: &release.indicator,
                    edition: self.edition(column.edition)?,
                    period: &column.period,
                    classification: classification.clone(),
                    note: column.note.as_ref(),
                    break_before: column.break_before,
                    release: Some(release.number),
                    content_hash: &column.content_hash,
                    column: ColumnSource::Release(column.id),
                })
            })
        });
        parts.collect()
    }

    /// Series that may be seen, and internal releases where none may.
    fn internal(&self) -> Vec<LayerParts<'a>> {
        let mut parts = self.series();
        if self.takes_internal_releases {
            let key = |part: &LayerParts<'a>| (part.indicator, part.edition.id, part.period);
            let seen: BTreeSet<_> = parts.iter().map(key).collect();
            let released = self.released(Audience::Internal);
            parts.extend(released.into_iter().filter(|part| !seen.contains(&key(part))));
        }
        parts
    }

    fn hides(&self, series: &SeriesRow) -> bool {
        series.restricted && !self.sees_restricted
    }

    fn series(&self) -> Vec<LayerParts<'a>> {
        let classes = self.classes();
        let seen = self.catalogue.series.iter().filter(|s| !self.hides(s));
        let parts = seen.filter_map(|series| {
            let edition = self.edition(series.edition)?;
            let classification = classes.get(&(&series.indicator, &edition.level))?.clone();
            self.is_chosen(&series.indicator, &edition.level).then(|| LayerParts {
                indicator: &series.indicator,
                edition,
                period: &series.period,
                classification,
                note: series.note.as_ref(),
                break_before: series.break_before,
                release: None,
                content_hash: &series.content_hash,
                column: ColumnSource::Series(series.id),
            })
        });
        parts.collect()
    }

    /// Classes of series by indicator and level. Stored classes speak of all current series: where one of these is hidden
    /// they would give it away, and those of the internal release take their place.
    fn classes(&self) -> HashMap<(&'a Slug, &'a Slug), Arc<Classification>> {
        let hidden = self.catalogue.series.iter().filter(|s| self.hides(s));
        let hidden: BTreeSet<_> =
            hidden.filter_map(|s| Some((&s.indicator, &self.edition(s.edition)?.level))).collect();
        let of = |c: &'a InternalClassification| (&c.indicator, &c.level);
        let stored = self.catalogue.internal_classifications.iter().filter(|c| !hidden.contains(&of(c)));
        let mut classes: HashMap<_, _> =
            stored.map(|c| (of(c), Arc::new(c.classification.clone()))).collect();
        if self.takes_internal_releases {
            for release in self.catalogue.releases.iter().filter(|r| r.audience == Audience::Internal) {
                let key = (&release.indicator, &release.level);
                classes.entry(key).or_insert_with(|| Arc::new(release.classification.clone()));
            }
        }
        classes
    }

    fn edition_entries(&self) -> HashMap<Id, Arc<EditionEntry>> {
        let visible: Vec<_> =
            self.catalogue.editions.iter().filter(|e| self.editions.contains(&e.id)).collect();
        let seen = visible.iter().map(|e| &e.level);
        let seen: BTreeSet<&Slug> = seen.chain(self.parents.iter().copied()).collect();
        let entry = |row: &&EditionRow| {
            let level = self.levels.get(&row.level)?.clone();
            Some((row.id, Arc::new(self.edition_entry(row, level, &seen))))
        };
        visible.iter().filter_map(entry).collect()
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

    fn layer(&self, parts: LayerParts<'a>, editions: &HashMap<Id, Arc<EditionEntry>>) -> Option<Layer> {
        let indicator = self.indicators.get(parts.indicator)?.clone();
        let edition = editions.get(&parts.edition.id)?.clone();
        let mut hasher = VersionHasher::new(self.audience);
        hasher.part(&edition.version.to_string());
        hasher.part(&parts.period.to_string());
        hasher.part(parts.content_hash);
        hasher.part(&parts.release.map_or_else(String::new, |n| n.to_string()));
        // The classes decide the attribute `class`; their exact bits count, not how they are written.
        parts.classification.breaks.iter().for_each(|b| hasher.part(&b.to_bits().to_string()));
        let theme = self.themes.iter().find(|t| t.slug == indicator.theme);
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
