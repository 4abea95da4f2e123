//! The connections for reading, and those who wait for one.
//!
//! Must not know: what is read. Invariant: only so many wait at once, each only so long; who comes when that many are
//! waiting is turned away at once, so that a slow database does not fill the server with waiting requests.

use std::{sync::Arc, time::Duration};

use sqlx::{
    Connection, Database, PgConnection, Pool, Postgres,
    pool::{PoolConnection, PoolOptions},
};
use tokio::sync::Semaphore;

use crate::store::{StoreError, limits::Limits};

/// Most callers that wait for a connection at once.
const MOST_WAITING: usize = 64;

/// A connection that does not answer for so long when it comes back is given up.
const TEST: Duration = Duration::from_secs(2);

/// Connections of one database for reading.
#[derive(Debug)]
pub(super) struct Readers<DB: Database> {
    pub(super) pool: Pool<DB>,
    waiting: Arc<Semaphore>,
}

impl<DB: Database> Clone for Readers<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), waiting: self.waiting.clone() }
    }
}

/// A pool of connections at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// `readers`, `replica` or `writer`.
    pub name: &'static str,
    /// Connections that there are.
    pub size: u32,
    /// Connections that nobody uses.
    pub idle: u32,
    /// Callers that wait for one.
    pub waiting: u32,
}

impl<DB: Database> Readers<DB> {
    pub(super) fn new(pool: Pool<DB>) -> Self {
        Self { pool, waiting: Arc::new(Semaphore::new(MOST_WAITING)) }
    }

    /// A free connection.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if none becomes free in time, or if too many wait already.
    pub(super) async fn acquire(&self) -> Result<PoolConnection<DB>, StoreError> {
        if let Some(free) = self.pool.try_acquire() {
            return Ok(free);
        }
        let _place = self.waiting.try_acquire().map_err(|full| {
            metrics::counter!("kommunalatlas_pool_refused_total").increment(1);
            StoreError::Unavailable(Box::new(full))
        })?;
        Ok(self.pool.acquire().await?)
    }

    pub(super) fn state(&self, name: &'static str) -> PoolState {
        let waiting = MOST_WAITING - self.waiting.available_permits();
        PoolState { waiting: waiting as u32, ..state(name, &self.pool) }
    }
}

/// A pool whose callers are not counted.
pub(super) fn state<DB: Database>(name: &'static str, pool: &Pool<DB>) -> PoolState {
    PoolState { name, size: pool.size(), idle: pool.num_idle() as u32, waiting: 0 }
}

/// A pool of connections to a server, which may fall silent.
pub(super) fn of_server(connections: u32, wait: Duration) -> PoolOptions<Postgres> {
    let options = PoolOptions::new().max_connections(connections).acquire_timeout(wait);
    options.after_release(|connection: &mut PgConnection, _| {
        Box::pin(async move {
            // A silent connection would keep its place in the pool until the operating system gives it up.
            let answered = tokio::time::timeout(TEST, connection.ping()).await;
            answered.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(|()| true)
        })
    })
}

/// Runs something that a server is to do, for at most as long as the server itself would try, and a little more.
///
/// # Errors
/// [`StoreError::Unavailable`] if it does not answer by then.
pub(super) async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = sqlx::Result<T>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => Ok(done?),
        Err(late) => Err(StoreError::Unavailable(Box::new(late))),
    }
}

impl Limits {
    /// When a statement whose end the database does not announce is given up.
    pub(super) fn silence(&self) -> Duration {
        self.statement + Duration::from_secs(1)
    }
}
