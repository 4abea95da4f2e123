//! The audit log: who did what to what. It only grows; the database refuses everything else but what retention deletes.
//! What is done to people is written in the transaction that does it; what is done to releases, see `outbox.rs`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::Slug;
use crate::store::{
    AccessStore, Id, StoreError,
    sql::{Row, Tx, json, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// Something that somebody did. Neither secrets nor values of observations belong into it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// Who: the name of a person, or who the operating system says is at the command line.
    pub actor: String,
    /// What, as `thing.verb`: `session.signed-in`, `release.published`.
    pub action: String,
    /// In which atlas, if it belongs to one.
    pub atlas: Option<Slug>,
    /// To which object: the name of a person, `level/indicator` …
    pub subject: Option<String>,
    /// What it was before.
    pub before: Option<Value>,
    /// What it is now.
    pub after: Option<Value>,
}

impl AuditEntry {
    /// An entry that says who did what, and no more.
    pub fn new(at: DateTime<Utc>, actor: impl Into<String>, action: impl Into<String>) -> Self {
        let (actor, action) = (actor.into(), action.into());
        Self { at, actor, action, atlas: None, subject: None, before: None, after: None }
    }

    /// With the atlas that it belongs to.
    #[must_use]
    pub fn of_atlas(mut self, atlas: &Slug) -> Self {
        self.atlas = Some(atlas.clone());
        self
    }

    /// With the object that it was done to.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// With what was and what is.
    #[must_use]
    pub fn changing(mut self, before: Option<Value>, after: Option<Value>) -> Self {
        (self.before, self.after) = (before, after);
        self
    }
}

/// An entry as it stands in the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditRow {
    /// Its number; later entries have larger ones.
    pub id: Id,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// In which atlas.
    pub atlas: Option<Slug>,
    /// To which object.
    pub subject: Option<String>,
    /// What it was before.
    pub before: Option<Value>,
    /// What it is now.
    pub after: Option<Value>,
}

/// Which entries are asked for; what is `None` is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this atlas only.
    pub atlas: Option<Slug>,
    /// Those that belong to no atlas only.
    pub without_atlas: bool,
    /// By this actor.
    pub actor: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// From then on.
    pub since: Option<DateTime<Utc>>,
}

impl AccessStore {
    /// Writes an entry.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn record(&self, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.begin_write().await?;
        write_entry(&mut tx, entry).await?;
        tx.commit().await
    }

    /// At most `limit` entries, the latest first; only those before number `before` if it is given.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn audit_log(
        &self,
        filter: &AuditFilter,
        limit: u32,
        before: Option<Id>,
    ) -> Result<Vec<AuditRow>> {
        let sql = "SELECT id, happened_at, actor, action, atlas, subject, before_json, after_json FROM audit \
                   WHERE id < $1 AND ($2 = '' OR atlas = $2) AND ($3 = 0 OR atlas IS NULL) \
                   AND ($4 = '' OR actor = $4) AND ($5 = '' OR action = $5) AND happened_at >= $6 \
                   ORDER BY id DESC LIMIT $7";
        let params = params![
            before.unwrap_or(i64::MAX),
            filter.atlas.as_ref().map_or("", Slug::as_str),
            filter.without_atlas,
            filter.actor.as_deref().unwrap_or_default(),
            filter.action.as_deref().unwrap_or_default(),
            filter.since.unwrap_or(DateTime::UNIX_EPOCH),
            limit,
        ];
        self.rows(sql, params).await?.iter().map(read).collect()
    }

    /// Deletes entries older than `before`, in the name of `actor`, and writes an entry about it. Returns how many.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn prune_audit_log(
        &self,
        before: DateTime<Utc>,
        actor: &str,
        now: DateTime<Utc>,
    ) -> Result<u64> {
        let mut tx = self.begin_write().await?;
        tx.execute("UPDATE state SET pruning_before = $1", params![before]).await?;
        let deleted = tx.execute("DELETE FROM audit WHERE happened_at < $1", params![before]).await?;
        tx.execute("UPDATE state SET pruning_before = NULL", params![]).await?;
        if deleted > 0 {
            let what = serde_json::json!({ "entries": deleted, "before": before });
            let entry = AuditEntry::new(now, actor, "audit.pruned").changing(Some(what), None);
            write_entry(&mut tx, &entry).await?;
        }
        tx.commit().await?;
        Ok(deleted)
    }
}

/// Writes an entry in the transaction of what it is about.
pub(super) async fn write_entry(tx: &mut Tx, entry: &AuditEntry) -> Result<()> {
    write_entry_to(tx, "audit", entry, None).await
}

/// The same, in a table that is named; `origin` says where the entry came from, if it stood elsewhere before.
pub(super) async fn write_entry_to(
    tx: &mut Tx,
    table: &'static str,
    entry: &AuditEntry,
    origin: Option<&str>,
) -> Result<()> {
    let text = |value: &Option<Value>| value.as_ref().map(json).transpose();
    let sql = format!(
        "INSERT INTO {table} (happened_at, actor, action, atlas, subject, before_json, after_json, origin) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
    );
    let params = params![
        entry.at,
        &entry.actor,
        &entry.action,
        entry.atlas.as_ref(),
        entry.subject.as_deref(),
        text(&entry.before)?.as_deref(),
        text(&entry.after)?.as_deref(),
        origin,
    ];
    tx.execute_text(sql, params).await.map(drop)
}

fn read(row: &Row) -> Result<AuditRow> {
    let mut cells = row.cells();
    Ok(AuditRow {
        id: cells.id()?,
        at: cells.parsed()?,
        actor: cells.text()?,
        action: cells.text()?,
        atlas: cells.parsed_if_any()?,
        subject: cells.get()?,
        before: cells.json_if_any()?,
        after: cells.json_if_any()?,
    })
}
