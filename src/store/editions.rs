//! Editions: regions, their geometry, topology and arcs per zoom. Written once, never changed.

use geo_types::MultiPolygon;

use crate::domain::{Region, Slug};
use crate::store::{
    Bounds, EditionRow, Id, NewEdition, NewRegion, RegionRow, Store, StoreError,
    catalogue::{atlas_id, put_level, record_import},
    content,
    shape::Shape,
    sql::{Row, Tx, json, params},
};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Stores an edition and returns its id. If the same edition is there already, nothing is written.
    ///
    /// # Errors
    /// If level or atlas do not exist, if the regions are not sorted by key with each key once, or if there is another
    /// edition of this level and date.
    pub async fn insert_edition(&self, atlas: &Slug, edition: &NewEdition) -> Result<Id> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let (id, is_new) = insert(&mut tx, atlas_id, edition).await?;
        if is_new {
            tx.commit().await?;
        }
        Ok(id)
    }

    /// The regions of an edition by ordinal.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn regions(&self, edition: Id) -> Result<Vec<RegionRow>> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT key, name, short_name, inhabited, label_lon, label_lat, label_minzoom, label_rank \
                   FROM region WHERE edition_id = $1 ORDER BY ordinal";
        let rows = tx.rows(sql, params![edition]).await?;
        let mut regions = rows.iter().map(read_region).collect::<Result<Vec<_>>>()?;
        let sql =
            "SELECT ordinal, parent_level, parent_key FROM region_parent WHERE edition_id = $1 ORDER BY id";
        for row in tx.rows(sql, params![edition]).await? {
            let mut cells = row.cells();
            let ordinal: usize = cells.small()?;
            let region =
                regions.get_mut(ordinal).ok_or_else(|| StoreError::damaged("a parent without child"))?;
            region.parents.push((cells.parsed()?, cells.parsed()?));
        }
        Ok(regions)
    }

    /// The full geometry of a region in degrees; `None` for reference regions.
    ///
    /// # Errors
    /// If there is no such region.
    pub async fn region_geometry(&self, edition: Id, ordinal: u32) -> Result<Option<MultiPolygon<f64>>> {
        let sql = "SELECT geom FROM region WHERE edition_id = $1 AND ordinal = $2";
        let row = self.row(sql, params![edition, ordinal]).await?;
        let shape: Option<Shape> =
            row.ok_or_else(|| StoreError::unknown("region", &ordinal))?.cells().get()?;
        shape.map(|s| s.try_into().map_err(|e: &str| StoreError::damaged(&e))).transpose()
    }

    /// The topology of an edition, as `geometry` wrote it.
    ///
    /// # Errors
    /// If there is no such edition.
    pub async fn topology(&self, edition: Id) -> Result<Vec<u8>> {
        let sql = "SELECT topology FROM edition_topology WHERE edition_id = $1";
        let row = self.row(sql, params![edition]).await?;
        row.ok_or_else(|| StoreError::unknown("edition", &edition))?.cells().bytes()
    }

    /// The arcs of an edition at a zoom, as `geometry` wrote them.
    ///
    /// # Errors
    /// If there is no such edition or zoom.
    pub async fn zoom_arcs(&self, edition: Id, zoom: u8) -> Result<Vec<u8>> {
        let sql = "SELECT arcs FROM edition_zoom WHERE edition_id = $1 AND zoom = $2";
        let row = self.row(sql, params![edition, zoom]).await?;
        row.ok_or_else(|| StoreError::unknown("zoom", &zoom))?.cells().bytes()
    }
}

/// Stores an edition; its id, and whether it is new. The same edition may have got more parent levels since it was made.
pub(super) async fn insert(tx: &mut Tx, atlas_id: Id, edition: &NewEdition) -> Result<(Id, bool)> {
    if !edition.regions.is_sorted_by(|a, b| a.region.key < b.region.key) {
        return Err(StoreError::Invalid("the regions are not sorted by key, each key once".into()));
    }
    let (hash, parents) = (content::of_edition(edition)?, content::of_parents(edition)?);
    let levels =
        tx.rows("SELECT id FROM level WHERE atlas_id = $1 AND slug = $2", params![atlas_id, &edition.level]);
    if levels.await?.is_empty() {
        let new = edition.new_level.as_ref().filter(|level| level.slug == edition.level);
        let new = new.ok_or_else(|| StoreError::unknown("level", &edition.level))?;
        put_level(tx, atlas_id, new).await?;
    }
    let sql = "SELECT id, content_hash, parents FROM edition \
               WHERE atlas_id = $1 AND level = $2 AND valid_on = $3";
    if let Some(row) = tx.row(sql, params![atlas_id, &edition.level, edition.valid_on]).await? {
        let mut cells = row.cells();
        let (id, existing, known) = (cells.id()?, cells.text()?, cells.json::<Vec<(Slug, String)>>()?);
        let name = format!("{} {}", edition.level, edition.valid_on);
        return if existing == hash && parents.iter().all(|parent| known.contains(parent)) {
            Ok((id, false))
        } else {
            Err(StoreError::Exists { what: "edition", name })
        };
    }
    let id = insert_row(tx, atlas_id, edition, (hash, json(&parents)?)).await?;
    insert_regions(tx, atlas_id, id, &edition.regions).await?;
    insert_arcs(tx, atlas_id, id, edition).await?;
    extend_extent(tx, edition.bounds).await?;
    Ok((id, true))
}

async fn insert_row(
    tx: &mut Tx,
    atlas_id: Id,
    edition: &NewEdition,
    (content_hash, parents): (String, String),
) -> Result<Id> {
    let import_id = record_import(tx, atlas_id, &edition.import).await?;
    tx.insert(
        "INSERT INTO edition (atlas_id, level, valid_on, attribution, west, south, east, north, minzoom, regions, \
         content_hash, parents, import_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         RETURNING id",
        params![
            atlas_id,
            &edition.level,
            edition.valid_on,
            &edition.attribution,
            edition.bounds.west,
            edition.bounds.south,
            edition.bounds.east,
            edition.bounds.north,
            edition.minzoom,
            edition.regions.len() as i64,
            content_hash,
            parents,
            import_id,
        ],
    )
    .await
}

async fn insert_regions(tx: &mut Tx, atlas_id: Id, edition: Id, regions: &[NewRegion]) -> Result<()> {
    let rows = regions.iter().zip(0_i64..).map(|(new, ordinal)| {
        params![
            atlas_id,
            edition,
            ordinal,
            &new.region.key,
            &new.region.name,
            new.region.short_name.as_deref(),
            new.region.inhabited,
            new.label.map(|(lon, _)| lon),
            new.label.map(|(_, lat)| lat),
            new.label_minzoom,
            new.label_rank,
            Shape::of_region(new.geometry.as_ref()),
        ]
    });
    tx.insert_rows(
        "region (atlas_id, edition_id, ordinal, key, name, short_name, inhabited, label_lon, label_lat, \
         label_minzoom, label_rank, geom)",
        12,
        rows,
    )
    .await?;
    let parents = regions.iter().zip(0_i64..).flat_map(|(new, ordinal)| {
        new.parents.iter().map(move |(level, key)| params![atlas_id, edition, ordinal, level, key])
    });
    tx.insert_rows("region_parent (atlas_id, edition_id, ordinal, parent_level, parent_key)", 5, parents)
        .await
}

async fn insert_arcs(tx: &mut Tx, atlas_id: Id, edition: Id, new: &NewEdition) -> Result<()> {
    tx.execute(
        "INSERT INTO edition_topology (atlas_id, edition_id, topology) VALUES ($1, $2, $3)",
        params![atlas_id, edition, new.topology.clone()],
    )
    .await?;
    for (zoom, arcs) in &new.zooms {
        tx.execute(
            "INSERT INTO edition_zoom (atlas_id, edition_id, zoom, arcs) VALUES ($1, $2, $3, $4)",
            params![atlas_id, edition, *zoom, arcs.clone()],
        )
        .await?;
    }
    Ok(())
}

/// GeoPackage readers zoom to the extent that the file claims for a layer; PostGIS works it out itself.
async fn extend_extent(tx: &mut Tx, bounds: Bounds) -> Result<()> {
    if let Tx::Sqlite(_) = tx {
        tx.execute(
            "UPDATE gpkg_contents SET min_x = min(coalesce(min_x, $1), $1), min_y = min(coalesce(min_y, $2), $2), \
             max_x = max(coalesce(max_x, $3), $3), max_y = max(coalesce(max_y, $4), $4) WHERE table_name = 'region'",
            params![bounds.west, bounds.south, bounds.east, bounds.north],
        )
        .await?;
    }
    Ok(())
}

/// Works the extent out anew, after an edition was removed.
pub(super) async fn shrink_extent(tx: &mut Tx) -> Result<()> {
    if let Tx::Sqlite(_) = tx {
        tx.execute(
            "UPDATE gpkg_contents SET min_x = (SELECT min(west) FROM edition), min_y = (SELECT min(south) FROM edition), \
             max_x = (SELECT max(east) FROM edition), max_y = (SELECT max(north) FROM edition) \
             WHERE table_name = 'region'",
            params![],
        )
        .await?;
    }
    Ok(())
}

fn read_region(row: &Row) -> Result<RegionRow> {
    let mut cells = row.cells();
    let region = Region {
        key: cells.parsed()?,
        name: cells.text()?,
        short_name: cells.get()?,
        inhabited: cells.flag()?,
    };
    let (lon, lat): (Option<f64>, Option<f64>) = (cells.get()?, cells.get()?);
    Ok(RegionRow {
        region,
        label: lon.zip(lat),
        label_minzoom: cells.small()?,
        label_rank: cells.small()?,
        parents: Vec::new(),
    })
}

/// All editions of an atlas.
pub(super) async fn list(tx: &mut Tx, atlas_id: Id) -> Result<Vec<EditionRow>> {
    let sql = "SELECT id, level, valid_on, attribution, west, south, east, north, minzoom, regions, content_hash, \
               parents FROM edition WHERE atlas_id = $1";
    tx.rows(sql, params![atlas_id]).await?.iter().map(read_edition).collect()
}

fn read_edition(row: &Row) -> Result<EditionRow> {
    let mut cells = row.cells();
    Ok(EditionRow {
        id: cells.id()?,
        level: cells.parsed()?,
        valid_on: cells.parsed()?,
        attribution: cells.text()?,
        bounds: Bounds { west: cells.get()?, south: cells.get()?, east: cells.get()?, north: cells.get()? },
        minzoom: cells.small()?,
        regions: cells.small()?,
        content_hash: cells.text()?,
        parents: cells.json()?,
    })
}
