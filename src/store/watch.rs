//! Looking for changes of a store.
//!
//! Must not know: what is done when there is one. Invariant: the number in the database is the truth. A notification only
//! makes somebody look earlier; it may be lost without harm.

use std::time::Duration;

use sqlx::{PgPool, postgres::PgListener};

use crate::store::{
    Store, StoreError,
    readers::{in_time, of_server},
    sql::{CHANNEL, params},
};

/// A look at the store takes longer than this only if something is wrong.
const LOOK: Duration = Duration::from_secs(1);

/// Looks for changes of a store, on a connection of its own: requests that wait for the database do not keep it waiting.
pub struct Watch {
    store: Store,
    /// Of a database server, as long as it answers.
    listener: Option<PgListener>,
    pool: Option<PgPool>,
}

impl Store {
    /// Somebody who looks for changes.
    pub fn watch(&self) -> Watch {
        Watch { store: self.clone(), listener: None, pool: pool_of(self) }
    }

    /// A number that every write raises; two equal numbers mean that nothing was written in between. It never comes from a
    /// replica.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn generation(&self) -> Result<i64, StoreError> {
        let rows = self.primary_rows("SELECT generation FROM state", params![]).await?;
        let row = rows.first().ok_or_else(|| StoreError::damaged("no generation"))?;
        let generation = row.cells().get()?;
        self.note_generation(generation);
        Ok(generation)
    }
}

/// For the one connection of a watch.
fn pool_of(store: &Store) -> Option<PgPool> {
    let Store::Postgres(store) = store else { return None };
    let options = store.writer.connect_options().as_ref().clone();
    Some(of_server(1, LOOK).max_lifetime(None).idle_timeout(None).connect_lazy_with(options))
}

impl Watch {
    /// The store's generation: see [`Store::generation`]. Tells the store how new its replica must be.
    ///
    /// # Errors
    /// If the database fails or does not answer in time.
    pub async fn generation(&mut self) -> Result<i64, StoreError> {
        let Some(pool) = &self.pool else { return self.store.generation().await };
        let listener = match self.listener.take() {
            Some(listener) => listener,
            None => in_time(2 * LOOK, listen(pool)).await?,
        };
        let listener = self.listener.insert(listener);
        // What was told until now is answered by this look.
        while listener.next_buffered().is_some() {}
        let sql = sqlx::query_scalar("SELECT generation FROM state");
        let generation = in_time(LOOK, sql.fetch_one(&mut *listener)).await;
        match generation {
            Ok(generation) => {
                self.store.note_generation(generation);
                self.store.look_at_replica().await;
                Ok(generation)
            }
            Err(error) => {
                self.hang_up();
                Err(error)
            }
        }
    }

    /// Waits until the store says that something was written, or for this long.
    pub async fn wait(&mut self, at_most: Duration) {
        let Some(listener) = &mut self.listener else { return tokio::time::sleep(at_most).await };
        let heard = tokio::time::timeout(at_most, listener.try_recv()).await;
        if let Ok(Err(_) | Ok(None)) = heard {
            self.hang_up();
        }
    }

    /// Gives up a connection that may be dead; the pool behind it too, because it would wait for that one.
    fn hang_up(&mut self) {
        self.listener = None;
        self.pool = pool_of(&self.store);
    }
}

async fn listen(pool: &PgPool) -> sqlx::Result<PgListener> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    // A replica cannot tell of changes; there, looking has to do.
    if let Err(error) = listener.listen(CHANNEL).await {
        tracing::debug!(%error, "the database cannot tell of changes; they are looked for");
    }
    Ok(listener)
}
