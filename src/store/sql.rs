//! One way to run a statement on either database: parameters, rows, connections and transactions.
//!
//! The same text with `$1` placeholders goes to both; only i64, f64, text, bytes and one geometry type are used.

use std::{
    fmt::Display,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{
    AssertSqlSafe, Decode, Executor, PgConnection, Postgres, Row as _, SqlSafeStr, SqlStr, Sqlite,
    SqliteConnection, Transaction, Type, pool::PoolConnection, postgres::PgRow, sqlite::SqliteRow,
};

use crate::domain::{Period, RegionKey, Slug, Text};
use crate::store::{Id, StoreError, readers::in_time, shape::Shape};

/// Where a database server tells that something was written.
pub(super) const CHANNEL: &str = "kommunalatlas";

type Result<T> = std::result::Result<T, StoreError>;

/// A value for a placeholder.
#[derive(Debug, Clone)]
pub(super) enum Param {
    Int(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Shape(Option<Shape>),
}

/// `params![a, b]`: values for `$1`, `$2`.
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::sql::Param::from($value)),*] };
}
pub(super) use params;

macro_rules! param_from {
    ($($type:ty => |$value:ident| $param:expr;)*) => { $(
        impl From<$type> for Param {
            fn from($value: $type) -> Self {
                $param
            }
        }
    )* };
}

param_from! {
    i64 => |v| Self::Int(Some(v));
    Option<i64> => |v| Self::Int(v);
    u32 => |v| Self::Int(Some(v.into()));
    u8 => |v| Self::Int(Some(v.into()));
    bool => |v| Self::Int(Some(v.into()));
    f64 => |v| Self::Real(Some(v));
    Option<f64> => |v| Self::Real(v);
    &str => |v| Self::Text(Some(v.to_owned()));
    String => |v| Self::Text(Some(v));
    &String => |v| Self::Text(Some(v.clone()));
    Option<&str> => |v| Self::Text(v.map(str::to_owned));
    &Slug => |v| Self::from(v.as_str());
    Option<&Slug> => |v| Self::from(v.map(Slug::as_str));
    &RegionKey => |v| Self::from(v.as_str());
    &Period => |v| Self::Text(Some(v.to_string()));
    NaiveDate => |v| Self::Text(Some(v.to_string()));
    DateTime<Utc> => |v| Self::Text(Some(v.to_rfc3339_opts(SecondsFormat::Micros, true)));
    Option<DateTime<Utc>> => |v| Self::Text(v.map(|v| v.to_rfc3339_opts(SecondsFormat::Micros, true)));
    Vec<u8> => |v| Self::Bytes(Some(v));
    Option<Vec<u8>> => |v| Self::Bytes(v);
    Option<Shape> => |v| Self::Shape(v);
}

impl Param {
    /// What one of the databases would refuse or change without a word is refused for both.
    fn check(&self) -> Result<()> {
        match self {
            Self::Real(Some(number)) if !number.is_finite() => {
                Err(StoreError::Invalid("a number that is not finite cannot be stored".into()))
            }
            Self::Text(Some(text)) if text.contains('\0') => {
                Err(StoreError::Invalid("a text with a NUL character cannot be stored".into()))
            }
            _ => Ok(()),
        }
    }
}

/// Something as JSON text for a column.
pub(super) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Invalid(e.to_string()))
}

/// The word by which an enumeration is written, for a column.
pub(super) fn word(value: &impl Serialize) -> Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        _ => Err(StoreError::Invalid("not a word".into())),
    }
}

/// A row of either database.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// Its cells from left to right.
    pub(super) fn cells(&self) -> Cells<'_> {
        Cells { row: self, next: 0 }
    }
}

/// Reads the cells of a row from left to right; so the order in SELECT is the order in the code that reads.
pub(super) struct Cells<'r> {
    row: &'r Row,
    next: usize,
}

impl Cells<'_> {
    /// The next cell.
    pub(super) fn get<T>(&mut self) -> Result<T>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        let at = self.next;
        self.next += 1;
        Ok(match self.row {
            Row::Sqlite(row) => row.try_get(at)?,
            Row::Postgres(row) => row.try_get(at)?,
        })
    }

    pub(super) fn id(&mut self) -> Result<Id> {
        self.get()
    }

    pub(super) fn flag(&mut self) -> Result<bool> {
        Ok(self.get::<i64>()? != 0)
    }

    /// A number that must fit a smaller type.
    pub(super) fn small<T: TryFrom<i64>>(&mut self) -> Result<T> {
        T::try_from(self.get()?).map_err(|_| StoreError::damaged("a number is out of its range"))
    }

    pub(super) fn text(&mut self) -> Result<String> {
        self.get()
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>> {
        self.get()
    }

    /// A text that is the written form of something: slug, key, period, date.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self) -> Result<T> {
        self.text()?.parse().map_err(|e: T::Err| StoreError::damaged(&e))
    }

    pub(super) fn parsed_if_any<T: FromStr<Err: Display>>(&mut self) -> Result<Option<T>> {
        let text: Option<String> = self.get()?;
        text.map(|t| t.parse().map_err(|e: T::Err| StoreError::damaged(&e))).transpose()
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        serde_json::from_str(&self.text()?).map_err(|e| StoreError::damaged(&e))
    }

    /// Something as JSON, if there is any.
    pub(super) fn json_if_any<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let text: Option<String> = self.get()?;
        text.map(|t| serde_json::from_str(&t).map_err(|e| StoreError::damaged(&e))).transpose()
    }

    /// A word written by [`word`].
    pub(super) fn word<T: DeserializeOwned>(&mut self) -> Result<T> {
        serde_json::from_value(serde_json::Value::String(self.text()?)).map_err(|e| StoreError::damaged(&e))
    }

    /// Two cells: German, and English if there is one.
    pub(super) fn wording(&mut self) -> Result<Text> {
        Ok(Text { de: self.get()?, en: self.get()? })
    }

    /// Two cells as in [`Cells::wording`]; without German there is no text.
    pub(super) fn wording_if_any(&mut self) -> Result<Option<Text>> {
        let (de, en): (Option<String>, Option<String>) = (self.get()?, self.get()?);
        Ok(de.map(|de| Text { de, en }))
    }
}

macro_rules! query {
    ($sql:expr, $params:expr) => {{
        let mut query = sqlx::query($sql);
        for param in $params {
            query = match param {
                Param::Int(value) => query.bind(value),
                Param::Real(value) => query.bind(value),
                Param::Text(value) => query.bind(value),
                Param::Bytes(value) => query.bind(value),
                Param::Shape(value) => query.bind(value),
            };
        }
        query
    }};
}

/// A borrowed connection of either database; a server has this long for a statement.
enum Connection<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection, Duration),
}

impl Connection<'_> {
    async fn execute(self, sql: SqlStr, params: Vec<Param>) -> Result<u64> {
        params.iter().try_for_each(Param::check)?;
        Ok(match self {
            Self::Sqlite(c) => c.execute(query!(sql, params)).await?.rows_affected(),
            Self::Postgres(c, limit) => in_time(limit, c.execute(query!(sql, params))).await?.rows_affected(),
        })
    }

    async fn rows(self, sql: SqlStr, params: Vec<Param>) -> Result<Vec<Row>> {
        params.iter().try_for_each(Param::check)?;
        Ok(match self {
            Self::Sqlite(c) => c.fetch_all(query!(sql, params)).await?.into_iter().map(Row::Sqlite).collect(),
            Self::Postgres(c, limit) => {
                let rows = in_time(limit, c.fetch_all(query!(sql, params))).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }
}

/// A connection taken from the pool, for a single statement that only reads.
pub(super) enum Reader {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>, Duration),
}

impl Reader {
    pub(super) async fn rows(&mut self, sql: &'static str, params: Vec<Param>) -> Result<Vec<Row>> {
        let connection = match self {
            Self::Sqlite(c) => Connection::Sqlite(c),
            Self::Postgres(c, limit) => Connection::Postgres(c, *limit),
        };
        connection.rows(sql.into_sql_str(), params).await
    }
}

/// A transaction; dropped without [`Tx::commit`] it never happened.
pub(super) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(ServerTx),
}

/// A transaction on a server.
pub(super) struct ServerTx {
    tx: Transaction<'static, Postgres>,
    /// How long each statement may take.
    limit: Duration,
    /// The generation that it brings, and where it is noted when it is in force.
    brings: Option<(i64, Arc<AtomicI64>)>,
}

impl ServerTx {
    pub(super) const fn new(tx: Transaction<'static, Postgres>, limit: Duration) -> Self {
        Self { tx, limit, brings: None }
    }
}

/// Bound values per statement that inserts many rows. SQLite searches named placeholders one by one, so longer
/// statements are slower to prepare; shorter ones cost more round trips.
const PARAMS_PER_STATEMENT: usize = 600;

impl Tx {
    fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Sqlite(tx) => Connection::Sqlite(tx),
            Self::Postgres(server) => Connection::Postgres(&mut server.tx, server.limit),
        }
    }

    /// Raises the generation and tells whoever listens, as part of this transaction. Raising it first makes writers of other
    /// processes wait. Where it is in force, it is noted in `newest`.
    pub(super) async fn raise_generation(&mut self, newest: &Arc<AtomicI64>) -> Result<()> {
        let sql = "UPDATE state SET generation = generation + 1 RETURNING generation";
        let row = self.row(sql, params![]).await?.ok_or_else(|| StoreError::damaged("no generation"))?;
        if let Self::Postgres(server) = self {
            server.brings = Some((row.cells().get()?, newest.clone()));
            self.execute("NOTIFY kommunalatlas", params![]).await?;
        }
        Ok(())
    }

    /// Runs a statement; returns how many rows it changed.
    pub(super) async fn execute(&mut self, sql: &'static str, params: Vec<Param>) -> Result<u64> {
        self.connection().execute(sql.into_sql_str(), params).await
    }

    /// All rows of a query.
    pub(super) async fn rows(&mut self, sql: &'static str, params: Vec<Param>) -> Result<Vec<Row>> {
        self.connection().rows(sql.into_sql_str(), params).await
    }

    /// As [`Tx::execute`], for a text that is put together from names of the schema only.
    pub(super) async fn execute_text(&mut self, sql: String, params: Vec<Param>) -> Result<u64> {
        self.connection().execute(AssertSqlSafe(sql).into_sql_str(), params).await
    }

    /// As [`Tx::rows`], for a text that is put together from names of the schema only.
    pub(super) async fn rows_of_text(&mut self, sql: String, params: Vec<Param>) -> Result<Vec<Row>> {
        self.connection().rows(AssertSqlSafe(sql).into_sql_str(), params).await
    }

    /// The first row of a query, if there is one.
    pub(super) async fn row(&mut self, sql: &'static str, params: Vec<Param>) -> Result<Option<Row>> {
        Ok(self.rows(sql, params).await?.into_iter().next())
    }

    /// As [`Tx::row`], of a statement with names in it that the database itself gave.
    pub(super) async fn row_of(&mut self, sql: SqlStr, params: Vec<Param>) -> Result<Option<Row>> {
        Ok(self.connection().rows(sql, params).await?.into_iter().next())
    }

    /// Runs an INSERT that ends in `RETURNING id`.
    pub(super) async fn insert(&mut self, sql: &'static str, params: Vec<Param>) -> Result<Id> {
        let row = self.row(sql, params).await?;
        row.ok_or_else(|| StoreError::damaged("an insert returned no id"))?.cells().id()
    }

    /// Inserts many rows of `columns` values each, several per statement. `into` is `table (column, …)`.
    pub(super) async fn insert_rows(
        &mut self,
        into: &str,
        columns: usize,
        rows: impl IntoIterator<Item = Vec<Param>>,
    ) -> Result<()> {
        let per_statement = (PARAMS_PER_STATEMENT / columns).max(1);
        let mut rows = rows.into_iter();
        loop {
            let params: Vec<Param> = rows.by_ref().take(per_statement).flatten().collect();
            if params.is_empty() {
                return Ok(());
            }
            // Only numbers of placeholders are made up here, no value becomes part of the text.
            let sql = format!("INSERT INTO {into} VALUES {}", placeholders(params.len() / columns, columns));
            self.connection().execute(AssertSqlSafe(sql).into_sql_str(), params).await?;
        }
    }

    /// Runs a script of several statements, each database its own.
    pub(super) async fn script(&mut self, sqlite: &'static str, postgres: &'static str) -> Result<()> {
        match self {
            Self::Sqlite(tx) => sqlx::raw_sql(sqlite).execute(&mut **tx).await.map(drop)?,
            Self::Postgres(server) => sqlx::raw_sql(postgres).execute(&mut *server.tx).await.map(drop)?,
        }
        Ok(())
    }

    /// Makes it permanent.
    pub(super) async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(server) => {
                in_time(server.limit, server.tx.commit()).await?;
                if let Some((generation, newest)) = server.brings {
                    newest.fetch_max(generation, Ordering::AcqRel);
                }
            }
        }
        Ok(())
    }
}

/// `($1, $2), ($3, $4)` for two rows of two columns.
fn placeholders(rows: usize, columns: usize) -> String {
    let row = |r: usize| {
        let numbers: Vec<String> = (1..=columns).map(|c| format!("${}", r * columns + c)).collect();
        format!("({})", numbers.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_through() {
        assert_eq!(placeholders(2, 3), "($1, $2, $3), ($4, $5, $6)");
    }

    #[test]
    fn what_one_database_would_change_is_refused_for_both() {
        for bad in params![f64::NAN, f64::INFINITY, "a\0b"] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        for good in params![0.0, "", 7_i64, Option::<f64>::None] {
            assert!(good.check().is_ok(), "{good:?}");
        }
    }
}
