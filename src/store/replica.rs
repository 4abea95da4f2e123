//! A copy of the database that follows it, for reading.
//!
//! Invariant: nothing is read from a replica that is older than anything that this program has seen or written. Each read
//! begins by asking the replica, in the same snapshot, how new it is; where it is behind, the database itself answers. So
//! nobody goes back in time, and whoever writes reads what was written, however far the replica is behind.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use sqlx::Postgres;

use crate::store::{
    Store, StoreError,
    open::{OpenMode, connection_options, is_server, schema_of, search_path},
    readers::{Readers, of_server},
    sql::{Row, Tx, params},
};

/// What is asked of a replica. One that does not follow any more is none: its numbers mean something else.
const GENERATION: &str = "SELECT generation FROM state WHERE pg_is_in_recovery()";

/// A copy of the database that follows it.
#[derive(Debug, Clone)]
pub(super) struct Replica {
    pub(super) readers: Readers<Postgres>,
    /// Its generation when it was last looked at; [`NOT_THERE`] if it did not answer.
    found: Arc<AtomicI64>,
}

const NOT_THERE: i64 = i64::MIN;

impl Store {
    /// The same store, read from a replica of its database where that is as new as anything that was seen or written here.
    /// The replica need not be there yet.
    ///
    /// # Errors
    /// If the store is no database, or the address cannot be read.
    pub async fn reading_from(
        &self,
        replica: &str,
        location: &str,
        mode: OpenMode,
    ) -> Result<Self, StoreError> {
        let (Self::Postgres(store), true) = (self, is_server(replica)) else {
            return Err(StoreError::Unusable(
                "only a store in PostgreSQL can be read from a replica: write postgres://… for both".into(),
            ));
        };
        let path = search_path(location, schema_of(mode), &store.limits).await?;
        let options = connection_options(replica, &path, &store.limits)?;
        let pool = of_server(store.limits.connections, store.limits.acquire).connect_lazy_with(options);
        let mut reading = store.clone();
        reading.replica =
            Some(Replica { readers: Readers::new(pool), found: Arc::new(AtomicI64::new(NOT_THERE)) });
        Ok(Self::Postgres(reading))
    }

    /// Notes a generation that was seen: nothing older is read from now on.
    pub(super) fn note_generation(&self, generation: i64) {
        if let Self::Postgres(store) = self {
            store.newest.fetch_max(generation, Ordering::AcqRel);
        }
    }

    /// Looks how new the replica is, if there is one; [`Store::replica_lag`] says so then.
    pub async fn look_at_replica(&self) {
        let Self::Postgres(store) = self else { return };
        let Some(replica) = &store.replica else { return };
        let found = async {
            let mut tx = store.begin_snapshot(&replica.readers).await?;
            generation(tx.row(GENERATION, params![]).await?.as_ref())
        };
        let found = found.await.unwrap_or_else(|error| {
            if replica.found.load(Ordering::Acquire) != NOT_THERE {
                tracing::warn!(error = &error as &dyn std::error::Error, "the replica cannot be read");
            }
            NOT_THERE
        });
        replica.found.store(found, Ordering::Release);
    }

    /// By how many generations the replica is behind: `None` without one, `Some(None)` if it does not answer.
    pub fn replica_lag(&self) -> Option<Option<i64>> {
        let Self::Postgres(store) = self else { return None };
        let found = store.replica.as_ref()?.found.load(Ordering::Acquire);
        Some((found != NOT_THERE).then(|| (store.newest.load(Ordering::Acquire) - found).max(0)))
    }

    /// Begins to read from the replica, if there is one that is new enough.
    pub(super) async fn begin_on_replica(&self) -> Option<Tx> {
        let Self::Postgres(store) = self else { return None };
        let replica = store.replica.as_ref()?;
        if replica.found.load(Ordering::Acquire) < store.newest.load(Ordering::Acquire) {
            return None;
        }
        let mut tx = store.begin_snapshot(&replica.readers).await.ok()?;
        let found = generation(tx.row(GENERATION, params![]).await.ok()?.as_ref()).ok()?;
        // What was written while this began counts too.
        (found >= store.newest.load(Ordering::Acquire)).then_some(tx)
    }
}

fn generation(row: Option<&Row>) -> Result<i64, StoreError> {
    let row = row.ok_or_else(|| StoreError::Unusable("what read_url names follows no database".into()))?;
    row.cells().get()
}
