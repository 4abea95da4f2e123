//! Answers to requests that carried an idempotency key, so that a repeated request does nothing again.

use chrono::{DateTime, TimeDelta, Utc};

use crate::store::{AccessStore, StoreError, sql::params};

type Result<T> = std::result::Result<T, StoreError>;

/// What is known of a request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Idempotency {
    /// Nothing until now; it is noted as under way and must be finished or given up.
    New,
    /// It is under way.
    UnderWay,
    /// It was answered.
    Done {
        /// Status of the answer.
        status: u16,
        /// Body of the answer.
        body: Vec<u8>,
    },
    /// The key was used for another request.
    Other,
}

/// A key is remembered for a day.
const REMEMBERED: TimeDelta = TimeDelta::days(1);

/// A request that is under way for longer has been given up by a server that ended.
const UNDER_WAY: TimeDelta = TimeDelta::minutes(10);

impl AccessStore {
    /// Looks a key of a person up and notes it, if it is new. `target` is method and path, `request_hash` a hash over the
    /// body.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn begin_request(
        &self,
        person: &str,
        key_hash: &str,
        target: &str,
        request_hash: &str,
        now: DateTime<Utc>,
    ) -> Result<Idempotency> {
        let mut tx = self.begin_write().await?;
        let sql = "DELETE FROM idempotency WHERE created_at < $1 OR (status IS NULL AND created_at < $2)";
        tx.execute(sql, params![now - REMEMBERED, now - UNDER_WAY]).await?;
        let sql =
            "SELECT target, request_hash, status, body FROM idempotency WHERE person = $1 AND key_hash = $2";
        let row = tx.row(sql, params![person, key_hash]).await?;
        let Some(row) = row else {
            let sql = "INSERT INTO idempotency (key_hash, person, target, request_hash, created_at) \
                       VALUES ($1, $2, $3, $4, $5)";
            tx.execute(sql, params![key_hash, person, target, request_hash, now]).await?;
            tx.commit().await?;
            return Ok(Idempotency::New);
        };
        let mut cells = row.cells();
        if cells.text()? != target || cells.text()? != request_hash {
            return Ok(Idempotency::Other);
        }
        let status: Option<i64> = cells.get()?;
        let body: Option<Vec<u8>> = cells.get()?;
        let Some(status) = status else { return Ok(Idempotency::UnderWay) };
        let status = u16::try_from(status).map_err(|e| StoreError::damaged(&e))?;
        Ok(Idempotency::Done { status, body: body.unwrap_or_default() })
    }

    /// Keeps the answer to a request that was noted.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn finish_request(&self, person: &str, key_hash: &str, status: u16, body: &[u8]) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let sql = "UPDATE idempotency SET status = $1, body = $2 WHERE person = $3 AND key_hash = $4";
        tx.execute(sql, params![u32::from(status), body.to_vec(), person, key_hash]).await?;
        tx.commit().await
    }

    /// Forgets a request that was noted and came to nothing, so that it can be tried again.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn give_up_request(&self, person: &str, key_hash: &str) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let sql = "DELETE FROM idempotency WHERE person = $1 AND key_hash = $2";
        tx.execute(sql, params![person, key_hash]).await?;
        tx.commit().await
    }
}
