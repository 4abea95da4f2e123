//! One atlas as one caller sees it.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::{
    access::Scope,
    atlas::{
        Atlases, BoundaryView, EditionEntry, FacilityEntry, FacilityView, LayerView,
        area::Area,
        catalogue::{AtlasEntry, Layer},
        layer::SeriesView,
    },
    domain::{Audience, Indicator, Level, Slug, Text, Theme},
};

/// One atlas as one caller sees it: the only way to its values.
#[derive(Clone)]
pub struct View {
    atlases: Arc<Atlases>,
    entry: Arc<AtlasEntry>,
    area: Arc<Area>,
    audience: Audience,
}

/// Where an indicator has values: one level with its periods.
pub struct IndicatorLevel<'a> {
    /// The level.
    pub level: &'a Level,
    /// Its layers by period; newest edition first.
    pub layers: &'a [Arc<Layer>],
    /// It is released to the public on this level.
    pub public: bool,
}

impl View {
    /// The public sees an atlas only while it is open.
    pub(super) fn new(atlases: Arc<Atlases>, entry: Arc<AtlasEntry>, scope: &Scope) -> Option<Self> {
        let audience = scope.audience();
        (entry.row().open || audience == Audience::Internal).then(|| {
            let area = entry.area(scope);
            Self { atlases, entry, area, audience }
        })
    }

    /// Name in URLs.
    pub fn slug(&self) -> &Slug {
        &self.entry.row().slug
    }

    /// Name for people.
    pub fn title(&self) -> &Text {
        &self.entry.row().title
    }

    /// Attribution of its maps.
    pub fn attribution(&self) -> &str {
        &self.entry.row().attribution
    }

    /// Which area the caller sees.
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// Levels with at least one visible edition, from large to small regions.
    pub fn levels(&self) -> &[Arc<Level>] {
        &self.area.levels
    }

    /// Visible editions of a level, newest first.
    pub fn editions(&self, level: &str) -> &[Arc<EditionEntry>] {
        self.area.editions.get(level).map_or(&[], Vec::as_slice)
    }

    /// Themes with at least one visible indicator, in their order.
    pub fn themes(&self) -> impl Iterator<Item = &Theme> {
        self.area.themes.iter()
    }

    /// Indicators with at least one visible layer, in their order.
    pub fn indicators(&self) -> &[Arc<Indicator>] {
        &self.area.indicators
    }

    /// On which levels an indicator has values.
    pub fn levels_of(&self, indicator: &Slug) -> Vec<IndicatorLevel<'_>> {
        let of_level = |level: &'_ Arc<Level>| self.area.layers.get(&level.slug)?.get(indicator);
        let levels = self.levels().iter().filter_map(|l| Some((l, of_level(l)?)));
        levels
            .map(|(level, layers)| IndicatorLevel { level, layers: &layers.layers, public: layers.public })
            .collect()
    }

    /// One indicator, level and period; the newest edition unless one is asked for.
    pub fn layer(
        &self,
        level: &str,
        indicator: &str,
        period: &str,
        edition: Option<NaiveDate>,
    ) -> Option<LayerView> {
        let layer = self.area.layers.get(level)?.get(indicator)?.find(period, edition)?;
        Some(LayerView::new(self.atlases.clone(), self.audience, layer.clone()))
    }

    /// All periods of one indicator on one edition of a level: the newest edition that has any, or the one asked for.
    pub fn all_periods(
        &self,
        level: &str,
        indicator: &str,
        edition: Option<NaiveDate>,
    ) -> Option<SeriesView> {
        let layers = &self.area.layers.get(level)?.get(indicator)?.layers;
        let dates = layers.iter().map(|l| l.edition.row.valid_on);
        let date = dates.filter(|d| edition.is_none_or(|asked| asked == *d)).max()?;
        let of_edition = layers.iter().filter(|l| l.edition.row.valid_on == date).cloned().collect();
        SeriesView::new(&self.atlases, self.audience, of_edition)
    }

    /// Boundaries of a level without values.
    pub fn boundaries(&self, level: &str, edition: Option<NaiveDate>) -> Option<BoundaryView> {
        let mut editions = self.editions(level).iter();
        let entry = editions.find(|e| edition.is_none_or(|date| e.row.valid_on == date))?;
        Some(BoundaryView::new(self.atlases.clone(), self.audience, entry.clone()))
    }

    /// Categories with at least one visible facility, in their order.
    pub fn facilities(&self) -> &[Arc<FacilityEntry>] {
        &self.area.facilities
    }

    /// The visible facilities of a category.
    pub fn facilities_of(&self, category: &str) -> Option<FacilityView> {
        let entry = self.facilities().iter().find(|entry| entry.category.slug.as_str() == category)?;
        Some(FacilityView::new(self.atlases.clone(), self.audience, entry.clone()))
    }
}
