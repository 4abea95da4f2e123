//! Bundles on their way to release, with who took which step when.
//!
//! Must not know: which steps are allowed, what a check finds. Invariant: every write names the revision that it was
//! decided on and raises it; of two that come at once, the second changes nothing. The releases of a bundle are stored
//! in the transaction that makes it released, and so is what the audit log says of every step.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::{BundleState, ReleaseRequest, Slug};
use crate::store::{
    Id, NewRelease, Store, StoreError,
    catalogue::atlas_id,
    outbox::{self, Act},
    publication::{AreaDecision, ReleaseMark, check_mark, decide},
    releases,
    sql::{Row, Tx, json as text, params, word},
};

type Result<T> = std::result::Result<T, StoreError>;

/// What is in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleContent {
    /// Name for people.
    pub title: String,
    /// What is released with it.
    #[serde(flatten)]
    pub request: ReleaseRequest,
    /// It is not released before; at once if there is none.
    pub embargo_until: Option<DateTime<Utc>>,
}

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stamp {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
}

/// A bundle as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundleRow {
    /// Row id, by which people name it.
    pub id: Id,
    /// What is in it.
    #[serde(flatten)]
    pub content: BundleContent,
    /// Where it stands.
    pub state: BundleState,
    /// Rises with every change.
    pub revision: i64,
    /// Who made it.
    pub created: Stamp,
    /// Who checked it as it is now.
    pub checked: Option<Stamp>,
    /// What the last check found, as JSON.
    pub findings: Option<Value>,
    /// Who approved it as it is now.
    pub approved: Option<Stamp>,
    /// Who released it.
    pub released: Option<Stamp>,
    /// Who took it back or gave it up.
    pub withdrawn: Option<Stamp>,
}

/// Something that happened to a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BundleEvent {
    /// What: `create`, `change`, `check`, `approve`, `release`, `withdraw`, or `fail` for a release that was due and did
    /// not pass.
    pub action: String,
    /// The state after it.
    pub state: BundleState,
    /// The revision after it.
    pub revision: i64,
    /// Who and when.
    #[serde(flatten)]
    pub stamp: Stamp,
}

/// A step of a bundle that releases nothing.
#[derive(Debug, Clone)]
pub struct BundleMove {
    /// The bundle.
    pub id: Id,
    /// The revision on which the step was decided.
    pub revision: i64,
    /// What is done, as in [`BundleEvent`].
    pub action: &'static str,
    /// The state after it.
    pub to: BundleState,
    /// What a check found, if this is one.
    pub findings: Option<Value>,
    /// Who and when.
    pub stamp: Stamp,
}

/// Releases that are put in force with their bundle.
#[derive(Debug, Clone)]
pub struct Publication<'a> {
    /// The releases.
    pub releases: &'a [NewRelease],
    /// What was released when they were prepared; if that has changed since, nothing is stored.
    pub since: ReleaseMark,
    /// What the check before them found.
    pub findings: Value,
    /// What becomes of the public area, if fewer indicators count then.
    pub area: Option<AreaDecision>,
    /// Who and when.
    pub stamp: Stamp,
}

const SELECT: &str = "SELECT id, title, audience, indicators, levels, periods, state, embargo_until, revision, created_at, \
     created_by, checked_at, checked_by, findings, approved_at, approved_by, released_at, released_by, withdrawn_at, withdrawn_by \
     FROM release_bundle WHERE atlas_id = $1 AND id = coalesce($2, id) ORDER BY id DESC";

impl Store {
    /// Makes a draft; its id.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn create_bundle(&self, atlas: &Slug, content: &BundleContent, stamp: &Stamp) -> Result<Id> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let id = insert(&mut tx, atlas_id, content, stamp).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// The bundles of an atlas, the latest first.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn bundles(&self, atlas: &Slug) -> Result<Vec<BundleRow>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let every: Option<i64> = None;
        tx.rows(SELECT, params![atlas_id, every]).await?.iter().map(read).collect()
    }

    /// A bundle.
    ///
    /// # Errors
    /// If the atlas has no such bundle.
    pub async fn bundle(&self, atlas: &Slug, id: Id) -> Result<BundleRow> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        find(&mut tx, atlas_id, id).await
    }

    /// All that happened to a bundle, the earliest first.
    ///
    /// # Errors
    /// If the atlas has no such bundle.
    pub async fn bundle_history(&self, atlas: &Slug, id: Id) -> Result<Vec<BundleEvent>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        find(&mut tx, atlas_id, id).await?;
        let sql = "SELECT action, state, revision, happened_at, actor FROM bundle_event \
                   WHERE atlas_id = $1 AND bundle_id = $2 ORDER BY id";
        let read = |row: &Row| {
            let mut cells = row.cells();
            Ok(BundleEvent {
                action: cells.text()?,
                state: cells.word()?,
                revision: cells.get()?,
                stamp: Stamp { at: cells.parsed()?, by: cells.text()? },
            })
        };
        tx.rows(sql, params![atlas_id, id]).await?.iter().map(read).collect()
    }

    /// Puts other content into a bundle, which is a draft afterwards.
    ///
    /// # Errors
    /// If the atlas has no such bundle, or it has another revision.
    pub async fn change_bundle(
        &self,
        atlas: &Slug,
        (id, revision): (Id, i64),
        content: &BundleContent,
        stamp: &Stamp,
    ) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let before = find(&mut tx, atlas_id, id).await?.content;
        raise(&mut tx, atlas_id, id, revision).await?;
        tx.execute(
            "UPDATE release_bundle SET title = $3, audience = $4, indicators = $5, levels = $6, periods = $7, \
             embargo_until = $8, state = 'draft', checked_at = NULL, checked_by = NULL, findings = NULL, \
             approved_at = NULL, approved_by = NULL WHERE atlas_id = $1 AND id = $2",
            params![
                atlas_id,
                id,
                &content.title,
                content.request.audience.as_str(),
                text(&content.request.indicators)?,
                text(&content.request.levels)?,
                text(&content.request.periods)?,
                content.embargo_until.map(moment).as_deref(),
            ],
        )
        .await?;
        let event = Event { action: "change", state: BundleState::Draft, revision: revision + 1, stamp };
        record(&mut tx, atlas_id, id, &event, (Some(json!(before)), json!(content))).await?;
        tx.commit().await
    }

    /// Takes a step that releases nothing.
    ///
    /// # Errors
    /// If the atlas has no such bundle, or it has another revision.
    pub async fn move_bundle(&self, atlas: &Slug, step: &BundleMove) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        advance(&mut tx, atlas_id, step).await?;
        tx.commit().await
    }

    /// Stores the releases of a bundle and makes it released, or does neither. Their ids.
    ///
    /// # Errors
    /// If the atlas has no such bundle, if it has another revision, if something else was released since they were
    /// prepared, or if one of them cannot be stored.
    pub async fn publish_bundle(
        &self,
        atlas: &Slug,
        (id, revision): (Id, i64),
        publication: &Publication<'_>,
    ) -> Result<Vec<Id>> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let ids = publish(&mut tx, atlas_id, (id, revision), publication).await?;
        tx.commit().await?;
        Ok(ids)
    }

    /// Makes a bundle that is checked, approved and released by the same person in one moment; its id.
    ///
    /// # Errors
    /// As for [`Store::publish_bundle`].
    pub async fn publish_at_once(
        &self,
        atlas: &Slug,
        content: &BundleContent,
        publication: &Publication<'_>,
    ) -> Result<Id> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let id = insert(&mut tx, atlas_id, content, &publication.stamp).await?;
        let step = |revision, action, to, findings| BundleMove {
            id,
            revision,
            action,
            to,
            findings,
            stamp: publication.stamp.clone(),
        };
        let findings = Some(publication.findings.clone());
        advance(&mut tx, atlas_id, &step(1, "check", BundleState::Checked, findings)).await?;
        advance(&mut tx, atlas_id, &step(2, "approve", BundleState::Approved, None)).await?;
        publish(&mut tx, atlas_id, (id, 3), publication).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Approved bundles of all atlases whose embargo has ended: atlas and id, the earliest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn due_bundles(&self, now: DateTime<Utc>) -> Result<Vec<(Slug, Id)>> {
        let sql = "SELECT a.slug, b.id FROM release_bundle b JOIN atlas a ON a.id = b.atlas_id \
                   WHERE b.state = 'approved' AND b.embargo_until <= $1 ORDER BY b.embargo_until, b.id";
        let read = |row: &Row| {
            let mut cells = row.cells();
            Ok((cells.parsed()?, cells.id()?))
        };
        self.rows(sql, params![now]).await?.iter().map(read).collect()
    }
}

async fn insert(tx: &mut Tx, atlas_id: Id, content: &BundleContent, stamp: &Stamp) -> Result<Id> {
    let id = tx
        .insert(
            "INSERT INTO release_bundle (atlas_id, title, audience, indicators, levels, periods, state, embargo_until, \
             revision, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, 'draft', $7, 1, $8, $9) RETURNING id",
            params![
                atlas_id,
                &content.title,
                content.request.audience.as_str(),
                text(&content.request.indicators)?,
                text(&content.request.levels)?,
                text(&content.request.periods)?,
                content.embargo_until.map(moment).as_deref(),
                stamp.at,
                &stamp.by,
            ],
        )
        .await?;
    let event = Event { action: "create", state: BundleState::Draft, revision: 1, stamp };
    record(tx, atlas_id, id, &event, (None, json!(content))).await?;
    Ok(id)
}

/// A moment as [`params`] writes one: texts in the order of time.
fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

struct Event<'a> {
    action: &'static str,
    state: BundleState,
    revision: i64,
    stamp: &'a Stamp,
}

/// Writes what happened into the history of the bundle and, with what was and what is, into the audit log.
async fn record(
    tx: &mut Tx,
    atlas_id: Id,
    bundle: Id,
    event: &Event<'_>,
    (before, after): (Option<Value>, Value),
) -> Result<()> {
    let action = match event.action {
        "create" => "bundle.created",
        "change" => "bundle.changed",
        "check" => "bundle.checked",
        "approve" => "bundle.approved",
        "release" => "bundle.released",
        "withdraw" => "bundle.withdrawn",
        _ => "bundle.failed",
    };
    let subject = format!("bundle {bundle}");
    outbox::note(tx, atlas_id, Act { action, subject, before, after: Some(after), stamp: event.stamp })
        .await?;
    tx.execute(
        "INSERT INTO bundle_event (atlas_id, bundle_id, action, state, revision, happened_at, actor) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            atlas_id,
            bundle,
            event.action,
            word(&event.state)?,
            event.revision,
            event.stamp.at,
            &event.stamp.by
        ],
    )
    .await?;
    Ok(())
}

/// Raises the revision, which must be the one on which the caller decided.
async fn raise(tx: &mut Tx, atlas_id: Id, id: Id, revision: i64) -> Result<()> {
    let sql =
        "UPDATE release_bundle SET revision = revision + 1 WHERE atlas_id = $1 AND id = $2 AND revision = $3";
    if tx.execute(sql, params![atlas_id, id, revision]).await? == 0 {
        find(tx, atlas_id, id).await?;
        return Err(StoreError::Changed { what: "bundle", name: id.to_string() });
    }
    Ok(())
}

/// Takes a step in the caller's transaction.
pub(super) async fn advance(tx: &mut Tx, atlas_id: Id, step: &BundleMove) -> Result<()> {
    raise(tx, atlas_id, step.id, step.revision).await?;
    let sql = match step.to {
        // A draft again after a check that found something. Who approved did so for an earlier revision.
        BundleState::Draft | BundleState::Checked => {
            "UPDATE release_bundle SET state = $3, checked_at = $4, checked_by = $5, approved_at = NULL, \
             approved_by = NULL WHERE atlas_id = $1 AND id = $2"
        }
        BundleState::Approved => {
            "UPDATE release_bundle SET state = $3, approved_at = $4, approved_by = $5 WHERE atlas_id = $1 AND id = $2"
        }
        BundleState::Released => {
            "UPDATE release_bundle SET state = $3, released_at = $4, released_by = $5 WHERE atlas_id = $1 AND id = $2"
        }
        BundleState::Withdrawn => {
            "UPDATE release_bundle SET state = $3, withdrawn_at = $4, withdrawn_by = $5 WHERE atlas_id = $1 AND id = $2"
        }
    };
    let Stamp { at, by } = &step.stamp;
    tx.execute(sql, params![atlas_id, step.id, step.to.as_str(), *at, by]).await?;
    if let Some(findings) = &step.findings {
        let sql = "UPDATE release_bundle SET findings = $3 WHERE atlas_id = $1 AND id = $2";
        tx.execute(sql, params![atlas_id, step.id, text(findings)?]).await?;
    }
    let event =
        Event { action: step.action, state: step.to, revision: step.revision + 1, stamp: &step.stamp };
    let problems = step.findings.as_ref().and_then(|findings| findings.get("problems"));
    let after = json!({ "state": step.to, "revision": event.revision, "problems": problems });
    record(tx, atlas_id, step.id, &event, (None, after)).await
}

async fn publish(
    tx: &mut Tx,
    atlas_id: Id,
    (id, revision): (Id, i64),
    publication: &Publication<'_>,
) -> Result<Vec<Id>> {
    let step = BundleMove {
        id,
        revision,
        action: "release",
        to: BundleState::Released,
        findings: Some(publication.findings.clone()),
        stamp: publication.stamp.clone(),
    };
    advance(tx, atlas_id, &step).await?;
    check_mark(tx, atlas_id, publication.since).await?;
    let ids = releases::insert_all(tx, atlas_id, publication.releases, "release.published").await?;
    if let Some(decision) = &publication.area {
        decide(tx, atlas_id, decision).await?;
    }
    for release in &ids {
        let sql = "INSERT INTO bundle_release (atlas_id, bundle_id, release_id) VALUES ($1, $2, $3)";
        tx.execute(sql, params![atlas_id, id, *release]).await?;
    }
    Ok(ids)
}

async fn find(tx: &mut Tx, atlas_id: Id, id: Id) -> Result<BundleRow> {
    let row = tx.row(SELECT, params![atlas_id, id]).await?;
    read(&row.ok_or_else(|| StoreError::unknown("bundle", &id))?)
}

fn read(row: &Row) -> Result<BundleRow> {
    let mut cells = row.cells();
    let (id, title, audience) = (cells.id()?, cells.text()?, cells.word()?);
    let request =
        ReleaseRequest { audience, indicators: cells.json()?, levels: cells.json()?, periods: cells.json()? };
    let (state, embargo_until, revision) = (cells.word()?, cells.parsed_if_any()?, cells.get()?);
    let created = Stamp { at: cells.parsed()?, by: cells.text()? };
    let checked = stamp_if_any(cells.parsed_if_any()?, cells.get()?);
    let findings = cells.json_if_any()?;
    let approved = stamp_if_any(cells.parsed_if_any()?, cells.get()?);
    let released = stamp_if_any(cells.parsed_if_any()?, cells.get()?);
    let withdrawn = stamp_if_any(cells.parsed_if_any()?, cells.get()?);
    let content = BundleContent { title, request, embargo_until };
    Ok(BundleRow { id, content, state, revision, created, checked, findings, approved, released, withdrawn })
}

fn stamp_if_any(at: Option<DateTime<Utc>>, by: Option<String>) -> Option<Stamp> {
    at.zip(by).map(|(at, by)| Stamp { at, by })
}
