//! A whole store into another one, of either kind, and the people that belong to it.
//!
//! Must not know: what the rows mean. Invariant: ids stay as they are, so that links, versions and entity tags do too. What
//! was written is read back in the transaction that wrote it, and compared row by row with what was read; only then does it
//! become permanent.

use serde::Serialize;

use crate::store::{
    AccessStore, Store, StoreError, TableContent,
    copying::{self, Rows, Told},
    leaving,
    sql::{Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// Every table with rows of people; each comes after those that its rows refer to.
const TABLES_OF_PEOPLE: [&str; 10] = [
    "person",
    "membership",
    "recovery_code",
    "session",
    "token",
    "one_time_token",
    "login_failure",
    "known_address",
    "idempotency",
    "audit",
];

/// Tables of a store that no atlas has rows of: what is on its way into the audit log arrives at the destination.
const WITHOUT_ATLAS: [&str; 1] = ["audit_outbox"];

/// Every table of a store.
fn tables() -> Vec<&'static str> {
    leaving::TABLES.into_iter().chain(WITHOUT_ATLAS).collect()
}

/// What was copied from one store into another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// What the atlases hold, table by table.
    pub tables: Vec<TableContent>,
    /// What is known of people, table by table; empty if they were not copied.
    pub people: Vec<TableContent>,
    /// The content hash of both stores.
    pub content_hash: String,
}

/// The people of the source and the place for them.
pub type People<'a> = (&'a AccessStore, &'a AccessStore);

impl Store {
    /// Copies everything that `source` holds into this store, which must hold nothing: atlases, imports, releases, what was
    /// withdrawn and undone too; and, from the first to the second of `people`, accounts, sessions, tokens and the audit
    /// log. Whoever waits is `told` how many rows of which table are copied.
    ///
    /// # Errors
    /// If there is anything at the destination, or if what was written is not what was read; then nothing was written.
    pub async fn fill_from(
        &self,
        source: &Self,
        people: Option<People<'_>>,
        told: Told<'_>,
    ) -> Result<Moved> {
        let (mut from, mut to) = (source.begin_read().await?, self.begin_write().await?);
        let tables = copy_all(&mut from, &mut to, &tables(), told).await?;
        let content_hash = from.content_hash().await?;
        if to.content_hash().await? != content_hash {
            return Err(different());
        }
        keep_generation(&mut from, &mut to).await?;
        let people = match people {
            None => Vec::new(),
            Some((source, target)) => {
                let (mut from, mut to) = (source.begin_read().await?, target.begin_change_of_rights().await?);
                let people = copy_all(&mut from, &mut to, &TABLES_OF_PEOPLE, told).await?;
                to.commit().await?;
                people
            }
        };
        to.commit().await?;
        Ok(Moved { tables, people, content_hash })
    }
}

/// Servers that are pointed from the one store to the other never see a smaller number than before.
async fn keep_generation(from: &mut Tx, to: &mut Tx) -> Result<()> {
    let row = from.row("SELECT generation FROM state", params![]).await?;
    let generation = row.map_or(Ok(0), |row| row.cells().id())?;
    let sql = "UPDATE state SET generation = $1 + 1 WHERE generation <= $1";
    to.execute(sql, params![generation]).await.map(drop)
}

fn different() -> StoreError {
    StoreError::damaged("the copy is not what was read; nothing was written")
}

async fn copy_all(
    from: &mut Tx,
    to: &mut Tx,
    tables: &[&'static str],
    told: Told<'_>,
) -> Result<Vec<TableContent>> {
    if let Some(found) =
        copying::content(to, tables, Rows::All).await?.into_iter().find(|table| table.rows > 0)
    {
        return Err(StoreError::NotEmpty { table: found.table });
    }
    let copied = copying::copy(from, to, tables, Rows::All, told).await?;
    for table in tables {
        let last = copying::last_id(from, table).await?;
        copying::begin_ids_behind(to, table, last).await?;
    }
    if copying::content(to, tables, Rows::All).await? != copied {
        return Err(different());
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::OpenMode;

    /// The tables of a file that hold rows of ours.
    const TABLES: &str = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'state' \
                          AND name NOT LIKE 'gpkg\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";

    fn sorted(tables: impl IntoIterator<Item = &'static str>) -> Vec<&'static str> {
        let mut tables: Vec<_> = tables.into_iter().collect();
        tables.sort_unstable();
        tables
    }

    #[tokio::test]
    async fn no_table_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.gpkg");
        let location = path.to_str().unwrap();
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let store = Store::open(location, OpenMode::Create, now).await.unwrap();
        let found = store.rows(TABLES, params![]).await.unwrap();
        let found: Vec<String> = found.iter().map(|row| row.cells().text().unwrap()).collect();
        assert_eq!(found, sorted(tables()), "a new table belongs into `leaving::TABLES`");
        let people = AccessStore::open(location).await.unwrap();
        let found = people.rows(TABLES, params![]).await.unwrap();
        let found: Vec<String> = found.iter().map(|row| row.cells().text().unwrap()).collect();
        assert_eq!(found, sorted(TABLES_OF_PEOPLE), "a new table of people belongs into `TABLES_OF_PEOPLE`");
        store.close().await;
        people.close().await;
    }
}
