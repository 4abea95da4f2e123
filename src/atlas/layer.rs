//! One layer as one caller sees it: values, rows and tiles.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    atlas::{
        AtlasError, Atlases, EditionEntry, Layer, Version,
        caches::{TileContent, TileKey},
        catalogue::ColumnSource,
    },
    domain::{Audience, Column, Lang, Region, RegionKey, Status},
    geometry::{MAX_ZOOM, TileCoord},
    store::RegionRow,
    tile::{Encoding, Join, LayerValues, NO_CLASS},
};

/// Values of a layer and their classes, by ordinal.
pub(super) struct LayerColumn {
    column: Column,
    classes: Vec<u8>,
}

impl LayerColumn {
    async fn read(atlases: &Atlases, layer: &Layer) -> Result<Self, AtlasError> {
        let column = match layer.column {
            ColumnSource::Series(id) => atlases.store.column(id).await?,
            ColumnSource::Release(id) => atlases.store.release_column(id).await?,
        };
        let edition = atlases.edition(&layer.edition).await?;
        let class = |ordinal: usize, value: f64| {
            let counts = edition.regions.get(ordinal).is_some_and(RegionRow::counts);
            layer.classification.class_of(value).filter(|_| counts).unwrap_or(NO_CLASS)
        };
        let classes = column.values().iter().enumerate().map(|(ordinal, v)| class(ordinal, *v)).collect();
        Ok(Self { column, classes })
    }

    pub(super) fn weight(&self) -> usize {
        self.column.len() * (size_of::<f64>() + 2)
    }

    fn values(&self) -> LayerValues<'_> {
        LayerValues { column: &self.column, classes: &self.classes }
    }
}

impl Atlases {
    async fn column(&self, layer: &Layer) -> Result<Arc<LayerColumn>, AtlasError> {
        if let Some(column) = self.caches.columns.get(&layer.version).await {
            return Ok(column);
        }
        let compute = async { Ok(Arc::new(LayerColumn::read(self, layer).await?)) };
        self.caches.columns.get_or_compute(layer.version, compute).await
    }
}

/// True if a tile lies inside the bounds and zooms of an edition.
fn covers(edition: &EditionEntry, minzoom: u8, coord: TileCoord) -> bool {
    let tile = |corner| TileCoord::containing(coord.z(), corner);
    let (first, last) = (tile(edition.corners.0), tile(edition.corners.1));
    (minzoom..=MAX_ZOOM).contains(&coord.z())
        && (first.x()..=last.x()).contains(&coord.x())
        && (first.y()..=last.y()).contains(&coord.y())
}

/// One region of a layer, as tables show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Official or own key.
    pub key: RegionKey,
    /// Name.
    pub name: String,
    /// False for regions where nobody lives.
    pub inhabited: bool,
    /// True for regions for comparison, without geometry: they have no class and no rank.
    pub reference: bool,
    /// The number, if there is one.
    pub value: Option<f64>,
    /// What is known about it.
    pub status: Status,
    /// Class of the stored classification.
    pub class: Option<u8>,
}

/// One indicator, level and period as one caller sees it.
#[derive(Clone)]
pub struct LayerView {
    atlases: Arc<Atlases>,
    audience: Audience,
    layer: Arc<Layer>,
}

impl LayerView {
    pub(super) fn new(atlases: Arc<Atlases>, audience: Audience, layer: Arc<Layer>) -> Self {
        Self { atlases, audience, layer }
    }

    /// What it is.
    pub fn layer(&self) -> &Layer {
        &self.layer
    }

    /// Who is looking.
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// Names its content.
    pub fn version(&self) -> Version {
        self.layer.version
    }

    /// True if the tile lies inside the level's bounds and zooms.
    pub fn covers(&self, coord: TileCoord) -> bool {
        covers(&self.layer.edition, self.layer.edition.row.minzoom, coord)
    }

    /// Its remarks in a language: of the indicator, then of the series.
    pub fn note(&self, lang: Lang) -> Option<String> {
        let notes: Vec<&str> = self.layer.notes.iter().map(|n| n.get(lang)).collect();
        (!notes.is_empty()).then(|| notes.join(" "))
    }

    /// Its values and statuses, by ordinal.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn column(&self) -> Result<Column, AtlasError> {
        Ok(self.atlases.column(&self.layer).await?.column.clone())
    }

    /// By ordinal: does anybody live there? `None` for reference regions, which are not on the map.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn inhabited(&self) -> Result<Vec<Option<bool>>, AtlasError> {
        let edition = self.atlases.edition(&self.layer.edition).await?;
        Ok(edition.regions.iter().map(|r| (!r.is_reference()).then_some(r.region.inhabited)).collect())
    }

    /// Its rows, by key.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn rows(&self) -> Result<Vec<Row>, AtlasError> {
        let values = self.atlases.column(&self.layer).await?;
        let edition = self.atlases.edition(&self.layer.edition).await?;
        let row = |(ordinal, row): (usize, &RegionRow)| Row {
            key: row.region.key.clone(),
            name: row.region.name.clone(),
            inhabited: row.region.inhabited,
            reference: row.is_reference(),
            value: values.column.value(ordinal),
            status: values.column.status(ordinal),
            class: values.classes.get(ordinal).copied().filter(|c| *c != NO_CLASS),
        };
        Ok(edition.regions.iter().enumerate().map(row).collect())
    }

    /// A tile with values; empty bytes if no region lies in it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn tile(&self, coord: TileCoord, encoding: Encoding) -> Result<Bytes, AtlasError> {
        let key = TileKey { version: self.layer.version, content: TileContent::Period, coord, encoding };
        if let Some(tile) = self.atlases.caches.tiles.get(&key).await {
            return Ok(tile);
        }
        let compute = async {
            let skeleton = self.atlases.skeleton(&self.layer.edition, coord).await?;
            if skeleton.is_empty() {
                return Ok(Bytes::new());
            }
            let column = self.atlases.column(&self.layer).await?;
            Ok(Bytes::from(skeleton.encode(&Join::One(column.values()), encoding)))
        };
        self.atlases.caches.tiles.get_or_compute(key, compute).await
    }
}

/// All periods of one indicator on one edition.
pub struct SeriesView {
    layers: Vec<LayerView>,
}

impl SeriesView {
    /// `None` without a period.
    pub(super) fn new(atlases: &Arc<Atlases>, audience: Audience, layers: Vec<Arc<Layer>>) -> Option<Self> {
        let view = |layer| LayerView::new(atlases.clone(), audience, layer);
        (!layers.is_empty()).then(|| Self { layers: layers.into_iter().map(view).collect() })
    }

    /// Its layers, by period; never empty.
    pub fn layers(&self) -> &[LayerView] {
        &self.layers
    }

    fn first(&self) -> &LayerView {
        &self.layers[0]
    }

    /// Names its content: follows from the versions of its layers.
    pub fn version(&self) -> Version {
        Version::combined(self.layers.iter().map(LayerView::version))
    }

    /// Least zoom at which the values of all periods fit a tile's budget.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn minzoom(&self) -> Result<u8, AtlasError> {
        /// Compressed bytes of value, class and their tags for one region and period, rounded up.
        const BYTES_PER_VALUE: usize = 10;
        /// What is left of the tile budget (500 kB) for values.
        const VALUE_BUDGET: usize = 300_000;
        let edition = &self.first().layer.edition;
        let data = self.first().atlases.edition(edition).await?;
        let fits =
            |z: &u8| data.most_regions_in_a_tile(*z) * self.layers.len() * BYTES_PER_VALUE <= VALUE_BUDGET;
        Ok((edition.row.minzoom..MAX_ZOOM).find(fits).unwrap_or(MAX_ZOOM))
    }

    /// True if the tile lies inside the level's bounds and the zooms of all periods.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn covers(&self, coord: TileCoord) -> Result<bool, AtlasError> {
        Ok(covers(&self.first().layer.edition, self.minzoom().await?, coord))
    }

    /// A tile with the values of every period; empty bytes if no region lies in it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn tile(&self, coord: TileCoord, encoding: Encoding) -> Result<Bytes, AtlasError> {
        let atlases = &self.first().atlases;
        let key = TileKey { version: self.version(), content: TileContent::AllPeriods, coord, encoding };
        let compute = async {
            let skeleton = atlases.skeleton(&self.first().layer.edition, coord).await?;
            if skeleton.is_empty() {
                return Ok(Bytes::new());
            }
            let mut columns = Vec::with_capacity(self.layers.len());
            for view in &self.layers {
                columns.push((view.layer.period.to_string(), atlases.column(&view.layer).await?));
            }
            let values: Vec<_> =
                columns.iter().map(|(slug, column)| (slug.clone(), column.values())).collect();
            Ok(Bytes::from(skeleton.encode(&Join::All(&values), encoding)))
        };
        atlases.caches.tiles.get_or_compute(key, compute).await
    }
}

/// Boundaries of one edition without values.
pub struct BoundaryView {
    atlases: Arc<Atlases>,
    audience: Audience,
    edition: Arc<EditionEntry>,
}

impl BoundaryView {
    pub(super) fn new(atlases: Arc<Atlases>, audience: Audience, edition: Arc<EditionEntry>) -> Self {
        Self { atlases, audience, edition }
    }

    /// The edition.
    pub fn edition(&self) -> &EditionEntry {
        &self.edition
    }

    /// Who is looking.
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// Names its content.
    pub fn version(&self) -> Version {
        self.edition.version
    }

    /// True if the tile lies inside the level's bounds and zooms.
    pub fn covers(&self, coord: TileCoord) -> bool {
        covers(&self.edition, self.edition.row.minzoom, coord)
    }

    /// Its regions that have a boundary and are inhabited, by key.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn counting_regions(&self) -> Result<Vec<Region>, AtlasError> {
        let edition = self.atlases.edition(&self.edition).await?;
        Ok(edition.regions.iter().filter(|row| row.counts()).map(|row| row.region.clone()).collect())
    }

    /// A tile with geometry, keys and names; empty bytes if no region lies in it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn tile(&self, coord: TileCoord, encoding: Encoding) -> Result<Bytes, AtlasError> {
        let key = TileKey { version: self.edition.version, content: TileContent::Geometry, coord, encoding };
        let compute = async {
            let skeleton = self.atlases.skeleton(&self.edition, coord).await?;
            if skeleton.is_empty() {
                return Ok(Bytes::new());
            }
            Ok(Bytes::from(skeleton.encode(&Join::GeometryOnly, encoding)))
        };
        self.atlases.caches.tiles.get_or_compute(key, compute).await
    }
}
