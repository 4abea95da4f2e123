//! Tables of somebody else's PostgreSQL or PostGIS database, read only.
//!
//! Must not know: what the columns mean. Invariant: nothing is written there. Everything runs in one read-only
//! transaction of a session that is read-only by default, with a time limit; a query is one sub-select, so that it
//! cannot be two statements. No password and no address but host and database becomes part of a text.

use std::fmt;

use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection, Executor, PgConnection, Row as _, SqlSafeStr,
    Statement as _, TypeInfo as _,
    postgres::{PgConnectOptions, PgRow},
};

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignSource {
    /// A table or view: `name` or `schema.name`, each as it is written, or in double quotes as in SQL.
    Table(String),
    /// One SELECT.
    Query(String),
}

/// A report and the history name the table, but not the text of a query.
impl fmt::Display for ForeignSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(f, "table {name}"),
            Self::Query(_) => f.write_str("query"),
        }
    }
}

/// A column that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignColumn {
    /// Its name.
    pub name: String,
    /// Its texts are numbers: the database says so.
    pub is_number: bool,
}

/// Rows as texts, and geometries beside them.
#[derive(Debug, Default)]
pub struct ForeignTable {
    /// Columns but the geometry.
    pub columns: Vec<ForeignColumn>,
    /// Rows by column; exact texts of numbers, ISO texts of dates, `None` for NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// Geometry of each row as WKB in two dimensions, if there is a geometry column.
    pub geometry: Option<Vec<Option<Vec<u8>>>>,
    /// The EPSG code of the geometries' spatial reference, if the database knows it.
    pub srid: Option<i32>,
    /// BLAKE3 over columns and rows, hexadecimal.
    pub hash: String,
}

/// Why a table was not read. The texts are for the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// The address is none.
    #[error("the address of the database cannot be read: write postgres://USER@HOST/DATABASE")]
    Address,
    /// The server does not answer or does not let us in.
    #[error("{place} cannot be reached: {reason}")]
    Unreachable {
        /// Database and host.
        place: String,
        /// What was said.
        reason: String,
    },
    /// The database refuses to answer.
    #[error("{place} refuses: {reason}")]
    Refused {
        /// Database and host.
        place: String,
        /// What was said.
        reason: String,
    },
    /// What was asked for cannot be read.
    #[error("{0}")]
    Unfit(String),
}

/// Most rows that are read, and most bytes of all of them.
const MAX_ROWS: usize = 20_000_000;
const MAX_BYTES: usize = 1 << 30;

/// Rows that are asked for at once.
const FETCH: &str = "FETCH 5000 FROM rows_read";

/// A statement may take this long.
const TIME_LIMIT: &str = "10min";

/// Reads a table or a query of the database at `address` (`postgres://…`).
///
/// # Errors
/// If the database cannot be reached or refuses, or if the result has two columns of one name, two geometry columns, or
/// more than 20 million rows or 1 GiB.
pub async fn read_foreign(address: &str, source: &ForeignSource) -> Result<ForeignTable, ForeignError> {
    let options: PgConnectOptions = address.parse().map_err(|_| ForeignError::Address)?;
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    let place = format!("the database '{database}' at {}", options.get_host());
    let options = options.application_name("kommunalatlas").disable_statement_logging().options([
        ("default_transaction_read_only", "on"),
        ("statement_timeout", TIME_LIMIT),
        ("datestyle", "ISO"),
    ]);
    let mut connection = options
        .connect()
        .await
        .map_err(|error| ForeignError::Unreachable { place: place.clone(), reason: reason(&error) })?;
    let result = read(&mut connection, source).await;
    // What was read is complete; a server that hangs up first does not change that.
    let _ = connection.close().await;
    result.map_err(|fault| match fault {
        Fault::Sql(error) => ForeignError::Refused { place, reason: reason(&error) },
        Fault::Unfit(sentence) => ForeignError::Unfit(sentence),
    })
}

/// What the database or the network says, without the wrapping.
fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(said) => said.message().to_owned(),
        other => other.to_string(),
    }
}

enum Fault {
    Sql(sqlx::Error),
    Unfit(String),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

async fn read(connection: &mut PgConnection, source: &ForeignSource) -> Result<ForeignTable, Fault> {
    let mut tx = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let from = match source {
        ForeignSource::Table(name) => format!("SELECT * FROM {}", find_table(&mut tx, name).await?),
        ForeignSource::Query(sql) => sql.trim().trim_end_matches(';').to_owned(),
    };
    let plan = plan(&mut tx, &from).await?;
    let sql = format!("DECLARE rows_read NO SCROLL CURSOR FOR {}", plan.select(&from));
    // The text is the person's own, and runs with that person's own rights.
    sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await?;
    let mut reader = RowReader::new(plan);
    loop {
        let rows = sqlx::query(FETCH).fetch_all(&mut *tx).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            reader.take(row)?;
        }
    }
    tx.rollback().await?;
    reader.finish()
}

/// The quoted name of a table that exists: as it is written, or else in lower case.
async fn find_table(connection: &mut PgConnection, name: &str) -> Result<String, Fault> {
    let parts = name_parts(name)
        .ok_or_else(|| Fault::Unfit(format!("'{name}' is no name of a table: write schema.table")))?;
    let written = parts.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(".");
    let lower = parts.iter().map(|part| quoted(&part.to_lowercase())).collect::<Vec<_>>().join(".");
    for candidate in [written, lower] {
        let found: Option<String> = sqlx::query_scalar("SELECT to_regclass($1)::text")
            .bind(&candidate)
            .fetch_one(&mut *connection)
            .await?;
        if found.is_some() {
            return Ok(candidate);
        }
    }
    Err(Fault::Unfit(format!("the database has no table '{name}' that this user may see")))
}

/// The parts of `schema.table`, at most two; a part in double quotes may contain dots.
fn name_parts(name: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = name.trim();
    loop {
        let part;
        if let Some(inner) = rest.strip_prefix('"') {
            let mut text = String::new();
            let mut chars = inner.char_indices().peekable();
            let end = loop {
                match chars.next()? {
                    (at, '"') => match chars.peek() {
                        Some((_, '"')) => {
                            chars.next();
                            text.push('"');
                        }
                        _ => break at + 1,
                    },
                    (_, c) => text.push(c),
                }
            };
            (part, rest) = (text, &inner[end..]);
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            (part, rest) = (rest[..end].to_owned(), &rest[end..]);
        }
        if part.is_empty() || part.contains('\0') {
            return None;
        }
        parts.push(part);
        match rest.strip_prefix('.') {
            Some(next) if parts.len() < 2 => rest = next,
            None if rest.is_empty() => return Some(parts),
            _ => return None,
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Which columns a result has, and how they are asked for.
struct Plan {
    columns: Vec<ForeignColumn>,
    /// Column with geometries, and the schema of PostGIS, quoted.
    geometry: Option<(String, String)>,
}

/// Numbers of PostgreSQL by the names of their types.
const NUMBERS: [&str; 6] = ["INT2", "INT4", "INT8", "FLOAT4", "FLOAT8", "NUMERIC"];

async fn plan(connection: &mut PgConnection, from: &str) -> Result<Plan, Fault> {
    let sql = format!("SELECT * FROM (\n{from}\n) AS q");
    let statement = connection.prepare(AssertSqlSafe(sql).into_sql_str()).await?;
    let (mut columns, mut geometries) = (Vec::<ForeignColumn>::new(), Vec::new());
    for column in statement.columns() {
        let (name, kind) = (column.name().to_owned(), column.type_info().name());
        if columns.iter().any(|c| c.name == name) || geometries.contains(&name) {
            return Err(Fault::Unfit(format!(
                "the query has two columns '{name}': name one of them otherwise"
            )));
        }
        if ["geometry", "geography"].iter().any(|g| kind.eq_ignore_ascii_case(g)) {
            geometries.push(name);
        } else if kind != "BYTEA" {
            columns.push(ForeignColumn { is_number: NUMBERS.contains(&kind), name });
        }
    }
    if geometries.len() > 1 {
        return Err(Fault::Unfit(format!(
            "there are several columns with geometries ({}): select one of them with --query",
            geometries.join(", ")
        )));
    }
    let geometry = match geometries.pop() {
        Some(name) => Some((name, postgis_schema(connection).await?)),
        None => None,
    };
    Ok(Plan { columns, geometry })
}

async fn postgis_schema(connection: &mut PgConnection) -> Result<String, Fault> {
    let schema: Option<String> = sqlx::query_scalar(
        "SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
         WHERE e.extname = 'postgis'",
    )
    .fetch_optional(connection)
    .await?;
    schema.ok_or_else(|| Fault::Unfit("the database has geometries but no PostGIS to read them".into()))
}

impl Plan {
    /// Every column as text, then the geometry as WKB and its spatial reference.
    fn select(&self, from: &str) -> String {
        let mut list: Vec<String> =
            self.columns.iter().map(|column| format!("q.{}::text", quoted(&column.name))).collect();
        if let Some((name, postgis)) = &self.geometry {
            let geometry = format!("q.{}::{postgis}.geometry", quoted(name));
            list.push(format!("{postgis}.ST_AsBinary({postgis}.ST_Force2D({geometry}))"));
            list.push(format!("{postgis}.ST_SRID({geometry})"));
        }
        if list.is_empty() {
            list.push("1".to_owned());
        }
        format!("SELECT {} FROM (\n{from}\n) AS q", list.join(", "))
    }
}

/// Takes rows, counts and hashes them.
struct RowReader {
    table: ForeignTable,
    has_geometry: bool,
    srids: Vec<i32>,
    bytes: usize,
    hash: blake3::Hasher,
}

impl RowReader {
    fn new(plan: Plan) -> Self {
        let mut hash = blake3::Hasher::new();
        for column in &plan.columns {
            hash_part(&mut hash, Some(column.name.as_bytes()));
        }
        let has_geometry = plan.geometry.is_some();
        let geometry = has_geometry.then(Vec::new);
        let table = ForeignTable { columns: plan.columns, geometry, ..ForeignTable::default() };
        Self { table, has_geometry, srids: Vec::new(), bytes: 0, hash }
    }

    fn take(&mut self, row: &PgRow) -> Result<(), Fault> {
        let width = self.table.columns.len();
        let mut cells = Vec::with_capacity(width);
        for at in 0..width {
            let text: Option<String> = row.try_get(at)?;
            hash_part(&mut self.hash, text.as_deref().map(str::as_bytes));
            self.bytes += text.as_ref().map_or(0, String::len) + size_of::<Option<String>>();
            cells.push(text);
        }
        self.table.rows.push(cells);
        if self.has_geometry {
            let (shape, srid): (Option<Vec<u8>>, Option<i32>) =
                (row.try_get(width)?, row.try_get(width + 1)?);
            hash_part(&mut self.hash, shape.as_deref());
            self.bytes += shape.as_ref().map_or(0, Vec::len);
            self.srids.extend(srid.filter(|srid| !self.srids.contains(srid)));
            self.table.geometry.get_or_insert_default().push(shape);
        }
        if self.table.rows.len() > MAX_ROWS || self.bytes > MAX_BYTES {
            return Err(Fault::Unfit(format!(
                "the result has more than {MAX_ROWS} rows or {MAX_BYTES} bytes: select less with --query"
            )));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<ForeignTable, Fault> {
        // PostGIS writes 0 where nothing is known.
        self.table.srid = match self.srids[..] {
            [] | [0] => None,
            [srid] => Some(srid),
            _ => {
                let sentence = "the geometries have different spatial references: bring them to one with ST_Transform in a \
                                --query";
                return Err(Fault::Unfit(sentence.into()));
            }
        };
        self.table.hash = self.hash.finalize().to_hex().to_string();
        Ok(self.table)
    }
}

/// Each part is preceded by its length, and NULL differs from an empty text.
fn hash_part(hash: &mut blake3::Hasher, part: Option<&[u8]>) {
    hash.update(&part.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
    hash.update(part.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_table_is_named_with_and_without_schema_and_quotes() {
        let parts = |name: &str| name_parts(name).map(|parts| parts.join("|"));
        assert_eq!(parts("gemeinden"), Some("gemeinden".into()));
        assert_eq!(parts("gis.Gemeinden 2020"), Some("gis|Gemeinden 2020".into()));
        assert_eq!(parts("\"a.b\".\"c\"\"d\""), Some("a.b|c\"d".into()));
        for bad in ["", ".", "a.", ".a", "a.b.c", "\"a", "\"a\"b"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_name_stays_inside_its_quotes(name in ".{0,40}") {
            if let Some(parts) = name_parts(&name) {
                for part in parts {
                    let inner = quoted(&part);
                    let inner = &inner[1..inner.len() - 1];
                    prop_assert!(!inner.replace("\"\"", "").contains('"'));
                }
            }
        }
    }
}
