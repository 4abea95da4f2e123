//! What an administrator wants to know of a store: versions, rights, clock.
//!
//! Must not know: what of it is good or bad.

use chrono::{DateTime, Utc};

use crate::store::{Store, StoreError, sql::params};

type Result<T> = std::result::Result<T, StoreError>;

/// What a database server says of itself and of us.
#[derive(Debug, Clone)]
pub struct ServerFacts {
    /// Version of PostgreSQL as a number: 150004 is 15.4.
    pub version: i64,
    /// Version of PostGIS.
    pub postgis: String,
    /// The role that we are.
    pub role: String,
    /// The database lets this role pass by row security.
    pub superuser: bool,
    /// The server's clock.
    pub clock: DateTime<Utc>,
}

impl Store {
    /// The schema of the store.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn schema_version(&self) -> Result<i64> {
        let row = self.row("SELECT schema_version FROM state", params![]).await?;
        row.ok_or_else(|| StoreError::damaged("no schema"))?.cells().get()
    }

    /// What the database server says; `None` for a file.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn server_facts(&self) -> Result<Option<ServerFacts>> {
        if self.path().is_some() {
            return Ok(None);
        }
        let sql = "SELECT current_setting('server_version_num')::bigint, e.extversion::text, current_user::text, \
                   CASE WHEN r.rolsuper OR r.rolbypassrls THEN 1::bigint ELSE 0 END, \
                   to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') \
                   FROM pg_roles r LEFT JOIN pg_extension e ON e.extname = 'postgis' WHERE r.rolname = current_user";
        let row = self.row(sql, params![]).await?.ok_or_else(|| StoreError::damaged("no role"))?;
        let mut cells = row.cells();
        Ok(Some(ServerFacts {
            version: cells.get()?,
            postgis: cells.get::<Option<String>>()?.unwrap_or_else(|| "none".to_owned()),
            role: cells.text()?,
            superuser: cells.flag()?,
            clock: cells.parsed()?,
        }))
    }
}
