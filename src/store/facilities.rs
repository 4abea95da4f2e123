//! Facilities: points by category. The rows of an import stay; of each category those of the latest import that was
//! not undone are current.

use std::collections::{BTreeMap, HashSet};

use geo::BoundingRect as _;
use geo_types::{Geometry, MultiPoint, Point};

use crate::domain::{Audience, Facility, FacilityCategory, Slug};
use crate::store::{
    Id, ImportRecord, Store, StoreError,
    catalogue::{atlas_id, record_import},
    shape::Shape,
    sql::{Param, Row, Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// Adds categories of facilities, or changes those of the same slug; new ones come last. What waits in one that is
    /// public now is shown.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn put_facility_categories(&self, atlas: &Slug, categories: &[FacilityCategory]) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        put_categories(&mut tx, atlas_id, categories).await?;
        for category in categories.iter().filter(|category| category.public) {
            let sql = "UPDATE facility SET publishable = $3 WHERE atlas_id = $1 AND category = $2 AND publishable = $4";
            tx.execute(sql, params![atlas_id, &category.slug, CONSENTED, WAITING]).await?;
        }
        tx.commit().await
    }

    /// The categories of an atlas in their order, those without any facility too.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn facility_categories(&self, atlas: &Slug) -> Result<Vec<FacilityCategory>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        list_categories(&mut tx, atlas_id).await
    }

    /// Stores the facilities of one import, and the categories that are new or change with it, in one transaction. They
    /// replace all current facilities of their categories, whose rows stay. In a category that is public already, those
    /// that the public does not see yet wait until it is published again. Returns the id of the import.
    ///
    /// # Errors
    /// If atlas or category do not exist, or if two facilities of a category have the same key.
    pub async fn insert_facilities(
        &self,
        atlas: &Slug,
        categories: &[FacilityCategory],
        facilities: &[Facility],
        import: &ImportRecord,
    ) -> Result<Id> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let import_id = record_import(&mut tx, atlas_id, import).await?;
        let shown = Shown::read(&mut tx, atlas_id).await?;
        put_categories(&mut tx, atlas_id, categories).await?;
        check(&list_categories(&mut tx, atlas_id).await?, facilities)?;
        tx.insert_rows(
            "facility (atlas_id, import_id, category, key, name, operator, address, places, valid_from, valid_until, \
             publishable, geom)",
            12,
            facilities.iter().map(|facility| row_of(atlas_id, import_id, facility, shown.mark(facility))),
        )
        .await?;
        extend_extent(&mut tx, facilities).await?;
        tx.commit().await?;
        Ok(import_id)
    }

    /// The current facilities of an atlas that an audience may see, in the order of categories and keys.
    ///
    /// The public sees facilities of public categories whose publication is consented to and which had not ended when
    /// they were imported.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn facilities(&self, atlas: &Slug, audience: Audience) -> Result<Vec<Facility>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        list(&mut tx, atlas_id, audience).await
    }
}

async fn put_categories(tx: &mut Tx, atlas_id: Id, categories: &[FacilityCategory]) -> Result<()> {
    for category in categories {
        tx.execute(
            "INSERT INTO facility_category (atlas_id, slug, title_de, title_en, position, public, personal) \
             SELECT $1, $2, $3, $4, coalesce(max(position) + 1, 0), $5, $6 FROM facility_category \
             WHERE atlas_id = $1 \
             ON CONFLICT (atlas_id, slug) DO UPDATE SET title_de = excluded.title_de, \
             title_en = excluded.title_en, public = excluded.public, personal = excluded.personal",
            params![
                atlas_id,
                &category.slug,
                &category.title.de,
                category.title.en.as_deref(),
                category.public,
                category.personal
            ],
        )
        .await?;
    }
    Ok(())
}

pub(super) async fn list_categories(tx: &mut Tx, atlas_id: Id) -> Result<Vec<FacilityCategory>> {
    let sql = "SELECT slug, title_de, title_en, public, personal FROM facility_category WHERE atlas_id = $1 \
               ORDER BY position, slug";
    let read = |row: &Row| {
        let mut cells = row.cells();
        Ok(FacilityCategory {
            slug: cells.parsed()?,
            title: cells.wording()?,
            public: cells.flag()?,
            personal: cells.flag()?,
        })
    };
    tx.rows(sql, params![atlas_id]).await?.iter().map(read).collect()
}

/// Publication is consented to.
const CONSENTED: i64 = 1;

/// Publication is consented to, but the category was public before the facility came: a publisher must publish it again.
const WAITING: i64 = 2;

/// What the public sees before an import.
struct Shown {
    categories: HashSet<Slug>,
    facilities: HashSet<(Slug, String)>,
}

impl Shown {
    async fn read(tx: &mut Tx, atlas_id: Id) -> Result<Self> {
        let categories = list_categories(tx, atlas_id).await?.into_iter().filter(|c| c.public);
        let facilities = list(tx, atlas_id, Audience::Public).await?;
        Ok(Self {
            categories: categories.map(|c| c.slug).collect(),
            facilities: facilities.into_iter().map(|f| (f.category, f.key)).collect(),
        })
    }

    /// What stands in the column `publishable` of a new row.
    fn mark(&self, facility: &Facility) -> i64 {
        let name = (facility.category.clone(), facility.key.clone());
        match facility.publishable {
            false => 0,
            true if self.categories.contains(&name.0) && !self.facilities.contains(&name) => WAITING,
            true => CONSENTED,
        }
    }
}

/// What the database would refuse without a sentence.
fn check(categories: &[FacilityCategory], facilities: &[Facility]) -> Result<()> {
    let known: HashSet<&Slug> = categories.iter().map(|c| &c.slug).collect();
    let mut seen = HashSet::new();
    for Facility { category, key, .. } in facilities {
        if !known.contains(category) {
            return Err(StoreError::unknown("category", category));
        }
        if !seen.insert((category, key)) {
            return Err(StoreError::Invalid(format!("two facilities of '{category}' have the key '{key}'")));
        }
    }
    Ok(())
}

fn row_of(atlas_id: Id, import_id: Id, facility: &Facility, publishable: i64) -> Vec<Param> {
    let date = |day: Option<chrono::NaiveDate>| Param::Text(day.map(|d| d.to_string()));
    params![
        atlas_id,
        import_id,
        &facility.category,
        &facility.key,
        &facility.name,
        facility.operator.as_deref(),
        facility.address.as_deref(),
        Param::Int(facility.places.map(i64::from)),
        date(facility.valid_from),
        date(facility.valid_until),
        publishable,
        Some(Shape(Geometry::Point(Point::new(facility.lon, facility.lat)))),
    ]
}

/// GeoPackage readers zoom to the extent that the file claims for a layer; PostGIS works it out itself.
async fn extend_extent(tx: &mut Tx, facilities: &[Facility]) -> Result<()> {
    let points: MultiPoint<f64> = facilities.iter().map(|f| (f.lon, f.lat)).collect();
    if let (Tx::Sqlite(_), Some(bounds)) = (&*tx, points.bounding_rect()) {
        let (least, greatest) = (bounds.min(), bounds.max());
        tx.execute(
            "UPDATE gpkg_contents SET min_x = min(coalesce(min_x, $1), $1), min_y = min(coalesce(min_y, $2), $2), \
             max_x = max(coalesce(max_x, $3), $3), max_y = max(coalesce(max_y, $4), $4) WHERE table_name = 'facility'",
            params![least.x, least.y, greatest.x, greatest.y],
        )
        .await?;
    }
    Ok(())
}

/// The current facilities that an audience may see; those for the public are chosen by the database, so that no others
/// are read for it.
pub(super) async fn list(tx: &mut Tx, atlas_id: Id, audience: Audience) -> Result<Vec<Facility>> {
    macro_rules! current {
        ($condition:literal) => {
            concat!(
                "SELECT f.category, f.key, f.name, f.operator, f.address, f.places, f.valid_from, f.valid_until, \
                 f.publishable, f.geom FROM facility f \
                 JOIN facility_category c ON c.atlas_id = f.atlas_id AND c.slug = f.category \
                 JOIN import i ON i.id = f.import_id \
                 JOIN (SELECT g.category, max(g.import_id) AS import_id FROM facility g \
                 JOIN import h ON h.id = g.import_id AND h.undone = 0 WHERE g.atlas_id = $1 \
                 GROUP BY g.category) n ON n.category = f.category AND n.import_id = f.import_id \
                 WHERE f.atlas_id = $1 ",
                $condition,
                " ORDER BY c.position, f.category, f.key"
            )
        };
    }
    let sql = match audience {
        // Times of imports are ISO 8601 in UTC: their first ten characters are the day.
        Audience::Public => current!(
            "AND c.public = 1 AND f.publishable = 1 \
             AND (f.valid_until IS NULL OR f.valid_until >= substr(i.imported_at, 1, 10))"
        ),
        Audience::Internal => current!(""),
    };
    tx.rows(sql, params![atlas_id]).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Facility> {
    let mut cells = row.cells();
    let (category, key, name) = (cells.parsed()?, cells.text()?, cells.text()?);
    let (operator, address) = (cells.get()?, cells.get()?);
    let places: Option<i64> = cells.get()?;
    let places = places.map(u32::try_from).transpose();
    let (valid_from, valid_until) = (cells.parsed_if_any()?, cells.parsed_if_any()?);
    let publishable = cells.flag()?;
    let Geometry::Point(point) = cells.get::<Shape>()?.0 else {
        return Err(StoreError::damaged("a facility's geometry is no point"));
    };
    Ok(Facility {
        category,
        key,
        name,
        operator,
        address,
        places: places.map_err(|_| StoreError::damaged("a number of places is out of its range"))?,
        valid_from,
        valid_until,
        publishable,
        lon: point.x(),
        lat: point.y(),
    })
}

/// What an atlas says of facilities: categories that have any, with their facilities by key.
pub(super) async fn content(tx: &mut Tx, atlas_id: Id) -> Result<Vec<(FacilityCategory, Vec<Facility>)>> {
    let mut by_category: BTreeMap<Slug, Vec<Facility>> = BTreeMap::new();
    for facility in list(tx, atlas_id, Audience::Internal).await? {
        by_category.entry(facility.category.clone()).or_default().push(facility);
    }
    let categories = list_categories(tx, atlas_id).await?.into_iter();
    Ok(categories.filter_map(|c| by_category.remove(&c.slug).map(|list| (c, list))).collect())
}
