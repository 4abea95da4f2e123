//! Rows for a GIS department on PostGIS, and what the public role may touch: everything in the catalogue is listed here.

use kommunalatlas::{
    domain::{Audience, Column, Companions, Status},
    store::OpenMode,
};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use crate::{
    fixtures::{filled, import, release, series, slug},
    places::{Place, in_ci},
};

const ROLES: &str = include_str!("../../deploy/postgres/roles.sql");

/// Tables and views of the schema `kommunalatlas`; the public role is refused each.
const INTERNAL: &[&str] = &[
    "agreement",
    "atlas",
    "audit_outbox",
    "bundle_event",
    "bundle_release",
    "current_series",
    "delivery",
    "edition",
    "edition_topology",
    "edition_zoom",
    "facility",
    "facility_category",
    "import",
    "indicator",
    "indicator_value",
    "internal_classification",
    "level",
    "region",
    "region_parent",
    "release",
    "release_bundle",
    "release_certificate",
    "release_column",
    "release_input",
    "restricted_series",
    "series",
    "share",
    "source",
    "source_profile",
    "state",
    "succession",
    "theme",
];

/// Views of the schema `kommunalatlas_public`; the public role reads each and changes none.
const PUBLIC: &[&str] = &[
    "atlas",
    "current_series",
    "edition",
    "edition_topology",
    "edition_zoom",
    "facility",
    "facility_category",
    "import",
    "indicator",
    "indicator_value",
    "internal_classification",
    "level",
    "region",
    "region_parent",
    "release",
    "release_column",
    "series",
    "share",
    "source",
    "state",
    "theme",
];

/// Period, value and status of one cell.
type Cell = (String, Option<f64>, String);

/// Numbers whose bits are easily lost, and each status by turns.
fn column(turn: usize) -> Column {
    let numbers = [-0.1, 5e-324, f64::MAX, f64::MIN_POSITIVE, 1.0 / 3.0, 0.0, -1e300, 123_456.789];
    let statuses: Vec<Status> = (0..=u8::MAX).filter_map(Status::from_byte).collect();
    let mut column = Column::missing(3);
    for ordinal in 0..3 {
        let at = turn * 3 + ordinal;
        column.set(ordinal, Some(numbers[at % numbers.len()]), statuses[at % statuses.len()]);
    }
    column
}

fn cells(period: &str, column: &Column) -> Vec<Cell> {
    (0..column.len())
        .map(|i| (period.to_owned(), column.value(i), column.status(i).as_str().to_owned()))
        .collect()
}

/// The rows of a view by period, then ordinal.
async fn rows(owner: &mut PgConnection, schema: &str) -> Vec<Cell> {
    let sql = format!(
        "SELECT v.period, v.value, v.status FROM {schema}.indicator_value v JOIN kommunalatlas.region g ON g.key = v.key \
         ORDER BY v.period, g.ordinal"
    );
    let rows = owner.fetch_all(AssertSqlSafe(sql)).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

/// A restricted source has the series of 2001; that of 2002 was derived from it, and from this one that of 2003.
const RESTRICTED: &str = "
    INSERT INTO kommunalatlas.source (atlas_id, slug, title_de, position, restricted)
        SELECT id, 'amt', 'Amt', 9, 1 FROM kommunalatlas.atlas WHERE slug = 'wendland';
    UPDATE kommunalatlas.series SET source = 'amt' WHERE period = '2001';
    UPDATE kommunalatlas.series d SET derivation = json_build_object('inputs', json_build_array(json_build_object(
            'indicator', s.indicator, 'level', e.level, 'edition', e.valid_on, 'period', s.period, 'hash', s.content_hash)))
        FROM kommunalatlas.series s JOIN kommunalatlas.edition e ON e.id = s.edition_id
        WHERE s.indicator = d.indicator AND (s.period, d.period) IN (('2001', '2002'), ('2002', '2003'))";

#[tokio::test]
async fn rows_for_the_gis_are_what_the_program_answers_cell_by_cell() {
    let Some(place) = Place::server().await else { return };
    let store = place.open(OpenMode::Create).await;
    let atlas = slug("wendland");
    let used = filled(&store).await;
    let list = (0..12).map(|turn| {
        let mut one = series("quote", &(2001 + turn).to_string(), &[0.0; 3]);
        one.column = column(turn);
        one.companions = Companions { numerators: Some(vec![1.5, f64::NAN, 3.0]), ..Companions::default() };
        one
    });
    store.insert_series(&atlas, list.collect(), &import("values"), &[]).await.unwrap();
    let mut public = release(used, Audience::Public, &[1.0, 2.0, 3.0]);
    public.columns[0].column = column(2);
    store.publish(&atlas, &public).await.unwrap();

    let mut owner = PgConnection::connect(&place.location).await.unwrap();
    assert!(rows(&mut owner, "kommunalatlas_public").await.is_empty(), "the atlas is closed");
    store.set_open(&atlas, true).await.unwrap();
    let catalogue = store.catalogue(&atlas).await.unwrap();
    let mut internal = Vec::new();
    for row in &catalogue.series {
        internal.extend(cells(&row.period.to_string(), &store.column(row.id).await.unwrap()));
    }
    internal.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(internal.len(), 36);
    assert_eq!(rows(&mut owner, "kommunalatlas").await, internal);
    let mut released = Vec::new();
    for row in catalogue.releases.iter().flat_map(|r| &r.columns) {
        released.extend(cells(&row.period.to_string(), &store.release_column(row.id).await.unwrap()));
    }
    released.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(released.len(), 6);
    assert_eq!(rows(&mut owner, "kommunalatlas_public").await, released);

    let sql = "SELECT count(*), count(geom), count(*) FILTER (WHERE NOT ST_IsValid(geom) OR ST_SRID(geom) <> 4326), \
               count(DISTINCT id), count(numerator) FROM kommunalatlas.indicator_value";
    let row = owner.fetch_one(sql).await.unwrap();
    let counts: Vec<i64> = (0..5).map(|i| row.get(i)).collect();
    assert_eq!(counts, [36, 24, 0, 36, 24]);
    store.close().await;
    owner.execute(RESTRICTED).await.unwrap();
    let left: Vec<Cell> =
        internal.into_iter().filter(|cell| !["2001", "2002", "2003"].contains(&cell.0.as_str())).collect();
    assert_eq!(rows(&mut owner, "kommunalatlas").await, left);
    owner.close().await.unwrap();
    place.clear().await;
}

#[tokio::test]
async fn the_public_role_reads_what_is_listed_and_nothing_else_of_the_catalogue() {
    let Some(place) = Place::server().await else { return };
    place.open(OpenMode::Create).await.close().await;
    let mut owner = PgConnection::connect(&place.location).await.unwrap();
    owner.execute(ROLES).await.unwrap();
    let (_, rest) = place.location.split_once('@').unwrap();
    let Ok(mut public) = PgConnection::connect(&format!("postgres://atlas_public@{rest}")).await else {
        assert!(!in_ci(), "the role atlas_public is missing: run under tests/postgres.sh");
        return;
    };
    let listed =
        |schema: &str, names: &[&str]| names.iter().map(|n| format!("{schema}.{n}")).collect::<Vec<_>>();
    let (internal, open) = (listed("kommunalatlas", INTERNAL), listed("kommunalatlas_public", PUBLIC));
    let sql = "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname LIKE 'kommunalatlas%' AND c.relkind IN ('r', 'v', 'm', 'p', 'f') \
               ORDER BY n.nspname, c.relname";
    let found: Vec<String> = owner.fetch_all(sql).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(found, [internal.clone(), open.clone()].concat(), "a new table or view must be listed here");
    for table in &internal {
        let refused = public.execute(AssertSqlSafe(format!("SELECT 1 FROM {table}"))).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{table}: {refused}");
    }
    for view in &open {
        public.execute(AssertSqlSafe(format!("SELECT * FROM {view}"))).await.unwrap();
        let refused = public.execute(AssertSqlSafe(format!("DELETE FROM {view}"))).await.unwrap_err();
        let code = refused.as_database_error().unwrap().code().unwrap().into_owned();
        // 55000: a view of joined tables takes no rows from anybody.
        assert!(["42501", "55000"].contains(&code.as_str()), "{view}: {refused}");
    }
    let sql = "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname LIKE 'kommunalatlas%' AND c.relkind = 'S' \
               AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'SELECT, USAGE, UPDATE') ELSE FALSE END";
    assert_eq!(public.fetch_all(sql).await.unwrap().len(), 0, "no sequence");
    let sql = "SELECT p.proname::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
               WHERE n.nspname LIKE 'kommunalatlas%' AND has_schema_privilege(n.oid, 'USAGE') ORDER BY 1";
    let functions: Vec<String> = public.fetch_all(sql).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(functions, ["packed_number", "packed_status"]);

    let mut gis = PgConnection::connect(&format!("postgres://atlas_gis@{rest}")).await.unwrap();
    let sql = "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname LIKE 'kommunalatlas%' AND c.relkind IN ('r', 'v', 'm', 'p', 'f') \
               AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') \
               AND NOT has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE') ORDER BY n.nspname, c.relname";
    let read: Vec<String> = gis.fetch_all(sql).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(read, ["kommunalatlas.indicator_value", "kommunalatlas_public.indicator_value"]);
    gis.close().await.unwrap();
    public.close().await.unwrap();
    owner.close().await.unwrap();
    place.clear().await;
}
