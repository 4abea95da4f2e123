//! What is public of an atlas as a whole: which releases there are and were, withdrawals, and decisions on the public
//! area.
//!
//! Must not know: how many indicators are enough. Invariant: what a decision was made on is still true when it is
//! written.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{Audience, Classification, Policies, Slug};
use crate::store::{
    BundleMove, Id, ReleaseColumnRow, Stamp, Store, StoreError, bundles,
    catalogue::atlas_id,
    lineage,
    outbox::{self, Act},
    releases::columns_of,
    sql::{Row, Tx, json, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// Which releases an atlas had at a moment; two equal marks mean that none was added or taken back in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseMark {
    latest: Id,
    in_force: i64,
}

/// What was decided about the public area of an atlas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AreaChange {
    /// It was opened.
    Opened,
    /// It was closed.
    Closed,
    /// It stays open though fewer indicators count than are required.
    KeptOpen,
}

/// A decision about the public area of an atlas, with its ground.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AreaDecision {
    /// What was decided.
    pub change: AreaChange,
    /// How many indicators counted then.
    pub count: u32,
    /// How many were required.
    pub required: u32,
    /// Why it stays open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The last day on which it stays open for that reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<NaiveDate>,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
}

/// Releases that are taken back.
#[derive(Debug, Clone)]
pub struct Withdrawal<'a> {
    /// Indicators and levels.
    pub layers: &'a [(Slug, Slug)],
    /// From whom.
    pub audience: Audience,
    /// What becomes of the public area.
    pub area: Option<AreaDecision>,
    /// The bundle that is withdrawn as a whole.
    pub bundle: Option<BundleMove>,
    /// What was released when this was decided.
    pub since: ReleaseMark,
    /// Who and when.
    pub stamp: Stamp,
}

/// A release, in force or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReleaseRecord {
    /// Row id.
    #[serde(skip)]
    pub id: Id,
    /// Indicator's slug.
    pub indicator: Slug,
    /// Level's slug.
    pub level: Slug,
    /// Audience.
    pub audience: Audience,
    /// Its number, from 1.
    pub number: u32,
    /// It is what the audience sees at present.
    pub in_force: bool,
    /// It has a certificate of disclosure control.
    pub certified: bool,
    /// Who released it.
    pub released: Stamp,
    /// Who took it back; `None` while it is in force or if another superseded it.
    pub withdrawn: Option<Stamp>,
    /// The bundle that it came with.
    pub bundle: Option<Id>,
}

/// What administrators set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AtlasSettings {
    /// What disclosure control demands.
    pub policies: Policies,
    /// Who imported values may not release them.
    pub four_eyes: bool,
    /// By when the required number of indicators must be released.
    pub indicators_due_on: Option<NaiveDate>,
}

impl Store {
    /// Which releases there are now.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn release_mark(&self, atlas: &Slug) -> Result<ReleaseMark> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        mark(&mut tx, atlas_id).await
    }

    /// Every release there ever was, the latest first.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn release_history(&self, atlas: &Slug) -> Result<Vec<ReleaseRecord>> {
        let mut tx = self.begin_read().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let sql = "SELECT r.id, r.indicator, r.level, r.audience, r.number, r.in_force, r.certified, r.released_at, \
                   r.released_by, r.withdrawn_at, r.withdrawn_by, b.bundle_id FROM release r \
                   LEFT JOIN bundle_release b ON b.release_id = r.id WHERE r.atlas_id = $1 ORDER BY r.id DESC";
        tx.rows(sql, params![atlas_id]).await?.iter().map(read_record).collect()
    }

    /// Classes and periods of a release, in force or not, without values. There is no period if all were purged.
    ///
    /// # Errors
    /// If there is no such release.
    pub async fn release_parts(&self, release: Id) -> Result<(Classification, Vec<ReleaseColumnRow>)> {
        let mut tx = self.begin_read().await?;
        let row = tx.row("SELECT classification FROM release WHERE id = $1", params![release]).await?;
        let classes = row.ok_or_else(|| StoreError::unknown("release", &release))?.cells().json()?;
        Ok((classes, columns_of(&mut tx, release).await?))
    }

    /// The certificate of a release, and the series that it was made from.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn release_grounds(&self, release: Id) -> Result<(Option<serde_json::Value>, Vec<Id>)> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT document FROM release_certificate WHERE release_id = $1";
        let row = tx.row(sql, params![release]).await?;
        let certificate = row.map(|row| row.cells().json()).transpose()?;
        let sql = "SELECT series_id FROM release_input WHERE release_id = $1 ORDER BY series_id";
        let inputs = tx.rows(sql, params![release]).await?;
        Ok((certificate, inputs.iter().map(|row| row.cells().id()).collect::<Result<_>>()?))
    }

    /// Takes releases back, in one transaction with the decision on the public area and the step of the bundle. Their
    /// rows stay, as the record of what was public. Returns how many there were.
    ///
    /// # Errors
    /// If there is no such atlas, if releases were added or taken back since this was decided, or if the bundle has
    /// another revision.
    pub async fn withdraw(&self, atlas: &Slug, withdrawal: &Withdrawal<'_>) -> Result<u64> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        check_mark(&mut tx, atlas_id, withdrawal.since).await?;
        if let Some(step) = &withdrawal.bundle {
            bundles::advance(&mut tx, atlas_id, step).await?;
        }
        let mut ended = 0;
        for (indicator, level) in withdrawal.layers {
            let sql = "UPDATE release SET in_force = 0, withdrawn_at = $5, withdrawn_by = $6 WHERE atlas_id = $1 \
                       AND indicator = $2 AND level = $3 AND audience = $4 AND in_force = 1";
            let Stamp { at, by } = &withdrawal.stamp;
            let audience = withdrawal.audience.as_str();
            ended += tx.execute(sql, params![atlas_id, indicator, level, audience, *at, by]).await?;
            let act = Act {
                action: "release.withdrawn",
                subject: format!("{level}/{indicator}"),
                before: Some(serde_json::json!({ "audience": withdrawal.audience })),
                after: None,
                stamp: &withdrawal.stamp,
            };
            outbox::note(&mut tx, atlas_id, act).await?;
        }
        if let Some(decision) = &withdrawal.area {
            decide(&mut tx, atlas_id, decision).await?;
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Opens or closes the public area, or keeps it open, and records why.
    ///
    /// # Errors
    /// If there is no such atlas, or if releases were added or taken back since this was decided.
    pub async fn decide_area(&self, atlas: &Slug, decision: &AreaDecision, since: ReleaseMark) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        check_mark(&mut tx, atlas_id, since).await?;
        decide(&mut tx, atlas_id, decision).await?;
        tx.commit().await
    }

    /// The latest decision about the public area.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn area_decision(&self, atlas: &Slug) -> Result<Option<AreaDecision>> {
        let row = self.row("SELECT decision FROM atlas WHERE slug = $1", params![atlas]).await?;
        row.ok_or_else(|| StoreError::unknown("atlas", atlas))?.cells().json_if_any()
    }

    /// Changes what administrators set.
    ///
    /// # Errors
    /// If there is no such atlas.
    pub async fn put_settings(&self, atlas: &Slug, settings: &AtlasSettings) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let atlas_id = atlas_id(&mut tx, atlas).await?;
        let due = settings.indicators_due_on.map(|day| day.to_string());
        tx.execute(
            "UPDATE atlas SET policies = $2, four_eyes = $3, indicators_due_on = $4 WHERE id = $1",
            params![atlas_id, json(&settings.policies)?, settings.four_eyes, due.as_deref()],
        )
        .await?;
        tx.commit().await
    }

    /// Who imported these series, and all that they were derived from.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn importers(&self, series: &[Id]) -> Result<BTreeSet<String>> {
        let mut tx = self.begin_read().await?;
        let mut names = BTreeSet::new();
        for id in lineage::with_inputs(&mut tx, series).await? {
            let sql =
                "SELECT i.imported_by FROM series s JOIN import i ON i.id = s.import_id WHERE s.id = $1";
            let row = tx.row(sql, params![id]).await?;
            names.insert(row.ok_or_else(|| StoreError::unknown("series", &id))?.cells().text()?);
        }
        Ok(names)
    }
}

async fn mark(tx: &mut Tx, atlas_id: Id) -> Result<ReleaseMark> {
    let sql = "SELECT coalesce(max(id), 0), count(CASE WHEN in_force = 1 THEN 1 END) FROM release WHERE atlas_id = $1";
    let row = tx.row(sql, params![atlas_id]).await?.ok_or_else(|| StoreError::damaged("no mark"))?;
    let mut cells = row.cells();
    Ok(ReleaseMark { latest: cells.id()?, in_force: cells.get()? })
}

/// Refuses if releases were added or taken back since the mark.
pub(super) async fn check_mark(tx: &mut Tx, atlas_id: Id, since: ReleaseMark) -> Result<()> {
    if mark(tx, atlas_id).await? == since {
        return Ok(());
    }
    Err(StoreError::Changed { what: "list of releases", name: "of this atlas".into() })
}

/// Opens or closes the public area, or keeps it open, in the caller's transaction.
pub(super) async fn decide(tx: &mut Tx, atlas_id: Id, decision: &AreaDecision) -> Result<()> {
    let open = decision.change != AreaChange::Closed;
    let sql = "UPDATE atlas SET open = $2, decision = $3 WHERE id = $1";
    tx.execute(sql, params![atlas_id, open, json(decision)?]).await?;
    let action = match decision.change {
        AreaChange::Opened => "area.opened",
        AreaChange::Closed => "area.closed",
        AreaChange::KeptOpen => "area.kept-open",
    };
    let stamp = Stamp { at: decision.at, by: decision.by.clone() };
    let after = Some(serde_json::json!(decision));
    let subject = "public area".to_owned();
    outbox::note(tx, atlas_id, Act { action, subject, before: None, after, stamp: &stamp }).await
}

fn read_record(row: &Row) -> Result<ReleaseRecord> {
    let mut cells = row.cells();
    let record = ReleaseRecord {
        id: cells.id()?,
        indicator: cells.parsed()?,
        level: cells.parsed()?,
        audience: cells.word()?,
        number: cells.small()?,
        in_force: cells.flag()?,
        certified: cells.flag()?,
        released: Stamp { at: cells.parsed()?, by: cells.text()? },
        withdrawn: None,
        bundle: None,
    };
    let (at, by): (_, Option<String>) = (cells.parsed_if_any()?, cells.get()?);
    let withdrawn = at.zip(by).map(|(at, by)| Stamp { at, by });
    Ok(ReleaseRecord { withdrawn, bundle: cells.get()?, ..record })
}
