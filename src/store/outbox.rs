//! What was done to releases and the public area, on its way into the audit log.
//!
//! The log must not lose that something became public, however a program ends. So the entry is written by the store itself,
//! in the transaction of the act. In PostgreSQL the log is a schema of the same database: the entry goes straight there.
//! Beside a GeoPackage the log is a second file, and no transaction spans two files: the entry waits in `audit_outbox` of
//! the first, and whoever next looks after the log takes it over ([`AccessStore::collect`]). Being cut off between the two
//! files costs nothing: the entry is written once, because the log knows it by the hash of where it stood.
//!
//! Must not know: what an act means. Invariant: an act and its entry are there both or neither.

use serde_json::Value;

use crate::store::{
    AccessStore, AuditEntry, Id, Stamp, Store, StoreError,
    audit_log::write_entry_to,
    sql::{Tx, json, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// Entries that are taken over at once.
const PAGE: usize = 500;

/// An act on an atlas, as the log tells it.
pub(super) struct Act<'a> {
    /// As `thing.verb`.
    pub(super) action: &'static str,
    /// To which object.
    pub(super) subject: String,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
    pub(super) stamp: &'a Stamp,
}

/// Notes an act in the caller's transaction.
pub(super) async fn note(tx: &mut Tx, atlas_id: Id, act: Act<'_>) -> Result<()> {
    let row = tx.row("SELECT slug FROM atlas WHERE id = $1", params![atlas_id]).await?;
    let atlas = row.ok_or_else(|| StoreError::unknown("atlas", &atlas_id))?.cells().parsed()?;
    let entry = AuditEntry::new(act.stamp.at, &act.stamp.by, act.action)
        .of_atlas(&atlas)
        .about(act.subject)
        .changing(act.before, act.after);
    if log_is_here(tx).await? {
        return write_entry_to(tx, "kommunalatlas_access.audit", &entry, None).await;
    }
    tx.execute("INSERT INTO audit_outbox (entry) VALUES ($1)", params![json(&entry)?]).await.map(drop)
}

/// True if the log is in the same database and this role may write it.
async fn log_is_here(tx: &mut Tx) -> Result<bool> {
    if matches!(tx, Tx::Sqlite(_)) {
        return Ok(false);
    }
    let sql = "SELECT c.oid::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = 'kommunalatlas_access' AND c.relname = 'audit' \
               AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'INSERT')";
    Ok(tx.row(sql, params![]).await?.is_some())
}

impl AccessStore {
    /// Takes over what waits in the outbox of the atlases; how many entries. To be called after acts, before the log is
    /// read, and from time to time: what another program left there comes too.
    ///
    /// # Errors
    /// If one of the databases fails; nothing is lost then.
    pub async fn collect(&self, store: &Store) -> Result<usize> {
        let mut taken = 0;
        loop {
            let waiting = waiting(store).await?;
            let Some((last, _)) = waiting.last() else { return Ok(taken) };
            self.take_over(&waiting).await?;
            // Nobody's catalogue shows the outbox.
            let mut tx = store.begin_unseen_write().await?;
            tx.execute("DELETE FROM audit_outbox WHERE id <= $1", params![*last]).await?;
            tx.commit().await?;
            taken += waiting.len();
        }
    }

    async fn take_over(&self, waiting: &[(Id, String)]) -> Result<()> {
        let mut tx = self.begin_write().await?;
        for (id, text) in waiting {
            let origin = blake3::hash(format!("{id} {text}").as_bytes()).to_hex().to_string();
            let known = "SELECT id FROM audit WHERE origin = $1";
            if tx.row(known, params![&origin]).await?.is_none() {
                let entry: AuditEntry =
                    serde_json::from_str(text).map_err(|error| StoreError::damaged(&error))?;
                write_entry_to(&mut tx, "audit", &entry, Some(&origin)).await?;
            }
        }
        tx.commit().await
    }
}

async fn waiting(store: &Store) -> Result<Vec<(Id, String)>> {
    let sql = "SELECT id, entry FROM audit_outbox ORDER BY id LIMIT $1";
    let rows = store.rows(sql, params![PAGE as i64]).await?;
    let read = |row: &crate::store::sql::Row| {
        let mut cells = row.cells();
        Ok((cells.id()?, cells.text()?))
    };
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Text,
        store::{AreaChange, AreaDecision, AuditFilter, NewAtlas, OpenMode},
    };

    #[tokio::test]
    async fn an_entry_is_written_once_though_a_program_is_cut_off_between_the_two_files() {
        let dir = tempfile::tempdir().unwrap();
        let location = dir.path().join("a.gpkg").to_str().unwrap().to_owned();
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let store = Store::open(&location, OpenMode::Create, now).await.unwrap();
        let slug: crate::domain::Slug = "a".parse().unwrap();
        let atlas = NewAtlas {
            slug: slug.clone(),
            title: Text::german("A"),
            required_indicators: 0,
            attribution: "©".into(),
        };
        store.create_atlas(&atlas).await.unwrap();
        let people = AccessStore::open(&location).await.unwrap();
        let since = store.release_mark(&slug).await.unwrap();
        let opened = AreaDecision {
            change: AreaChange::Opened,
            count: 0,
            required: 0,
            reason: None,
            until: None,
            at: now,
            by: "anna".into(),
        };
        // Twice the same, in the same moment: two acts.
        store.decide_area(&slug, &opened, since).await.unwrap();
        store.decide_area(&slug, &opened, since).await.unwrap();
        let before = store.generation().await.unwrap();
        people.take_over(&waiting(&store).await.unwrap()).await.unwrap();
        assert_eq!(people.collect(&store).await.unwrap(), 2);
        assert_eq!(people.collect(&store).await.unwrap(), 0);
        let log = people.audit_log(&AuditFilter::default(), 10, None).await.unwrap();
        assert_eq!(log.iter().map(|row| row.action.as_str()).collect::<Vec<_>>(), ["area.opened"; 2]);
        assert_eq!(log[0].after.as_ref().map(|after| after["change"].clone()), Some("opened".into()));
        assert_eq!(store.generation().await.unwrap(), before, "nobody reads the catalogue anew for it");
        store.close().await;
        people.close().await;
    }
}
