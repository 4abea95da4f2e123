//! Releases in one go, withdraws layers, puts an earlier release in force again.

use chrono::{DateTime, Utc};

use crate::{
    access::Publisher,
    domain::{Audience, ReleaseRequest, Slug},
    release::{
        Decision, Findings, ReleaseError, Released,
        area::{Change, decision_on, shortfall},
        bundle::{check_reach, refuse_importer, stamp},
        findings::{Examined, examine},
    },
    store::{
        BundleContent, Id, NewRelease, NewReleaseColumn, Publication, ReleaseRecord, ReleaseRow, Store,
        Withdrawal,
    },
};

/// Releases indicators on levels in one go, as a bundle that one person makes, checks, approves and releases. All are
/// checked before the first is written, and all are written or none.
///
/// # Errors
/// If an indicator or a level is unknown, if something stands in the way, or if the atlas wants four eyes; if fewer
/// indicators would count for an open public area than it needs and nothing is decided about it.
pub async fn release(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    request: &ReleaseRequest,
    decision: Option<&Decision>,
    now: DateTime<Utc>,
) -> Result<Vec<Released>, ReleaseError> {
    let catalogue = store.catalogue(atlas).await?;
    check_reach(publisher, &catalogue, request)?;
    if catalogue.atlas.four_eyes {
        return Err(ReleaseError::OwnBundle { who: publisher.name().to_owned() });
    }
    let Examined { findings, releases, since } =
        examine(store, atlas, request, publisher.name(), now).await?;
    if !findings.problems.is_empty() {
        return Err(ReleaseError::Problems(findings.problems));
    }
    let content = BundleContent { title: title_of(request), request: request.clone(), embargo_until: None };
    let stamp = stamp(publisher, now);
    let area = decision_on(findings.shortfall, decision, &stamp)?;
    let publication = Publication { releases: &releases, since, findings: findings.to_json()?, area, stamp };
    store.publish_at_once(atlas, &content, &publication).await?;
    Ok(releases.iter().map(Released::of).collect())
}

/// What [`release()`] would find and show. Nothing is written.
///
/// # Errors
/// If an indicator or a level is unknown, or the store fails.
pub async fn preview(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    request: &ReleaseRequest,
    now: DateTime<Utc>,
) -> Result<Findings, ReleaseError> {
    check_reach(publisher, &store.catalogue(atlas).await?, request)?;
    Ok(examine(store, atlas, request, publisher.name(), now).await?.findings)
}

/// A title for a bundle that nobody has given one: its first indicators.
pub fn title_of(request: &ReleaseRequest) -> String {
    const NAMED: usize = 3;
    let names: Vec<&str> = request.indicators.iter().take(NAMED).map(Slug::as_str).collect();
    match request.indicators.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} + {more}", names.join(", ")),
    }
}

/// Takes indicators back from an audience on levels.
///
/// # Errors
/// If one of them is not released there; then none is withdrawn. If too few indicators would be left for an open public
/// area and nothing is decided about it.
pub async fn withdraw(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    request: &ReleaseRequest,
    decision: Option<&Decision>,
    now: DateTime<Utc>,
) -> Result<(), ReleaseError> {
    let since = store.release_mark(atlas).await?;
    let catalogue = store.catalogue(atlas).await?;
    check_reach(publisher, &catalogue, request)?;
    let mut layers = Vec::new();
    for level in &request.levels {
        for indicator in &request.indicators {
            let in_force = |r: &ReleaseRow| {
                r.indicator == *indicator && r.level == *level && r.audience == request.audience
            };
            if !catalogue.releases.iter().any(in_force) {
                return Err(ReleaseError::NotReleased { indicator: indicator.clone(), level: level.clone() });
            }
            layers.push((indicator.clone(), level.clone()));
        }
    }
    let stamp = stamp(publisher, now);
    let audience = request.audience;
    let change = Change { gone: &layers, ..Change::default() };
    let area = decision_on(shortfall(store, &catalogue, change, audience).await?, decision, &stamp)?;
    let withdrawal = Withdrawal { layers: &layers, audience, area, bundle: None, since, stamp };
    store.withdraw(atlas, &withdrawal).await?;
    Ok(())
}

/// Puts an earlier release of an indicator on a level in force again, as a new release with the next number. What it
/// shows was public before, so that nothing new can be computed from it; a release without certificate of disclosure
/// control is not shown again.
///
/// # Errors
/// If there is no release of that number, if it is in force, has no certificate, or lost periods by a purge; if the atlas
/// wants four eyes and this publisher imported its values; if fewer indicators would count for an open public area than it
/// needs and nothing is decided about it.
pub async fn rollback(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    (layer, to): ((&Slug, &Slug, Audience), u32),
    decision: Option<&Decision>,
    now: DateTime<Utc>,
) -> Result<Released, ReleaseError> {
    let (indicator, level, audience) = layer;
    let since = store.release_mark(atlas).await?;
    let catalogue = store.catalogue(atlas).await?;
    let request = ReleaseRequest {
        indicators: vec![indicator.clone()],
        levels: vec![level.clone()],
        periods: Vec::new(),
        audience,
    };
    check_reach(publisher, &catalogue, &request)?;
    let history = store.release_history(atlas).await?;
    let is_it = |r: &&ReleaseRecord| {
        r.number == to && r.indicator == *indicator && r.level == *level && r.audience == audience
    };
    let refuse = |why| ReleaseError::NoRollback { indicator: indicator.clone(), number: to, why };
    let record = history.iter().find(is_it).ok_or_else(|| refuse("there is none of that number"))?;
    if record.in_force {
        return Err(refuse("it is in force"));
    }
    let earlier = earlier_release(store, record, publisher, now).await?;
    let earlier =
        earlier.ok_or_else(|| refuse("it has no certificate, or its numbers were purged; release anew"))?;
    if catalogue.atlas.four_eyes {
        refuse_importer(store, &earlier.inputs, indicator, publisher.name()).await?;
    }
    let change = Change { new: std::slice::from_ref(&earlier), ..Change::default() };
    let shortfall = shortfall(store, &catalogue, change, audience).await?;
    let area = decision_on(shortfall, decision, &stamp(publisher, now))?;
    store.restore(atlas, &earlier, area.as_ref(), since).await?;
    Ok(Released::of(&earlier))
}

/// An earlier release with all that it was; `None` if it is no longer complete or never was certified.
async fn earlier_release(
    store: &Store,
    record: &ReleaseRecord,
    publisher: &Publisher,
    now: DateTime<Utc>,
) -> Result<Option<NewRelease>, ReleaseError> {
    let (certificate, inputs): (_, Vec<Id>) = store.release_grounds(record.id).await?;
    let (classification, rows) = store.release_parts(record.id).await?;
    let complete = classification.base_periods.iter().all(|p| rows.iter().any(|row| row.period == *p));
    if certificate.is_none() || rows.is_empty() || !complete {
        return Ok(None);
    }
    let mut columns = Vec::with_capacity(rows.len());
    for row in rows {
        columns.push(NewReleaseColumn {
            column: store.release_column(row.id).await?,
            period: row.period,
            edition: row.edition,
            note: row.note,
            break_before: row.break_before,
        });
    }
    Ok(Some(NewRelease {
        indicator: record.indicator.clone(),
        level: record.level.clone(),
        audience: record.audience,
        columns,
        classification,
        certificate,
        inputs,
        at: now,
        by: publisher.name().to_owned(),
    }))
}
