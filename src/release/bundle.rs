//! Bundles: several indicators released in one act, by persons who take one step each.
//!
//! Invariant: a step is taken on the revision that the person has seen, and only by a publisher whose reach covers every
//! indicator in the bundle; for others it does not exist. What is released was checked and approved exactly as it is.

use chrono::{DateTime, Utc};

use crate::{
    access::Publisher,
    domain::{BundleState, BundleStep, ReleaseRequest, Slug},
    release::{
        Decision, Findings, Problem, ReleaseError, Released,
        area::{Change, decision_on, shortfall},
        findings::{Examined, examine, indicators},
        prepare::chosen_series,
    },
    store::{
        AtlasCatalogue, BundleContent, BundleMove, BundleRow, Id, Publication, Stamp, Store, StoreError,
        Withdrawal,
    },
};

/// Makes a draft.
///
/// # Errors
/// If an indicator or a level does not exist for this publisher, or nothing is named.
pub async fn create(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    content: &BundleContent,
    now: DateTime<Utc>,
) -> Result<BundleRow, ReleaseError> {
    let catalogue = store.catalogue(atlas).await?;
    check_content(publisher, &catalogue, content)?;
    let id = store.create_bundle(atlas, content, &stamp(publisher, now)).await?;
    Ok(store.bundle(atlas, id).await?)
}

/// Puts other content into a bundle that is not yet released; it is a draft afterwards.
///
/// # Errors
/// As for [`create`]; if the bundle does not exist for this publisher, has another revision, or was released.
pub async fn change(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    at: (Id, i64),
    content: &BundleContent,
    now: DateTime<Utc>,
) -> Result<BundleRow, ReleaseError> {
    begin(store, publisher, atlas, at, BundleStep::Change).await?;
    check_content(publisher, &store.catalogue(atlas).await?, content)?;
    store.change_bundle(atlas, at, content, &stamp(publisher, now)).await?;
    Ok(store.bundle(atlas, at.0).await?)
}

/// Looks whether a bundle can be released, and stores what was found. Without problems it is checked, else a draft.
///
/// # Errors
/// If the bundle does not exist for this publisher, has another revision, or was released.
pub async fn check(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    at: (Id, i64),
    now: DateTime<Utc>,
) -> Result<(BundleRow, Findings), ReleaseError> {
    let row = begin(store, publisher, atlas, at, BundleStep::Check).await?;
    let findings = examine(store, atlas, &row.content.request, publisher.name(), now).await?.findings;
    let to = if findings.problems.is_empty() { BundleState::Checked } else { BundleState::Draft };
    let step = BundleMove {
        findings: Some(findings.to_json()?),
        ..step_of(&row, "check", to, stamp(publisher, now))
    };
    store.move_bundle(atlas, &step).await?;
    Ok((store.bundle(atlas, row.id).await?, findings))
}

/// Decides that a checked bundle be released: at once by [`release`], or when its embargo ends.
///
/// # Errors
/// If the bundle does not exist for this publisher, has another revision or is not checked; if the atlas wants four eyes
/// and this publisher made the bundle or imported some of its values.
pub async fn approve(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    at: (Id, i64),
    now: DateTime<Utc>,
) -> Result<BundleRow, ReleaseError> {
    let row = begin(store, publisher, atlas, at, BundleStep::Approve).await?;
    let catalogue = store.catalogue(atlas).await?;
    if catalogue.atlas.four_eyes && row.created.by == publisher.name() {
        return Err(ReleaseError::OwnBundle { who: publisher.name().to_owned() });
    }
    four_eyes(store, &catalogue, &row.content.request, publisher.name()).await?;
    let step = step_of(&row, "approve", BundleState::Approved, stamp(publisher, now));
    store.move_bundle(atlas, &step).await?;
    Ok(store.bundle(atlas, row.id).await?)
}

/// Releases an approved bundle. If something stands in the way now, it becomes a draft again, with what was found.
///
/// # Errors
/// If the bundle does not exist for this publisher, has another revision, is not approved or waits for its embargo; if
/// this publisher imported some of its values and the atlas wants four eyes; if something stands in the way; if fewer
/// indicators would count for an open public area than it needs and nothing is decided about it: then it stays approved.
pub async fn release(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    at: (Id, i64),
    decision: Option<&Decision>,
    now: DateTime<Utc>,
) -> Result<Vec<Released>, ReleaseError> {
    let row = begin(store, publisher, atlas, at, BundleStep::Release).await?;
    if let Some(until) = row.content.embargo_until.filter(|until| now < *until) {
        return Err(ReleaseError::Embargo { until });
    }
    four_eyes(store, &store.catalogue(atlas).await?, &row.content.request, publisher.name()).await?;
    carry_out(store, atlas, &row, decision, &stamp(publisher, now)).await
}

/// Withdraws a bundle: its releases that are in force are taken back; one that was not yet released is given up.
/// Releases that others have superseded stay what they are.
///
/// # Errors
/// If the bundle does not exist for this publisher or has another revision; if too few indicators would be left for an
/// open public area and nothing is decided about it.
pub async fn withdraw(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    at: (Id, i64),
    decision: Option<&Decision>,
    now: DateTime<Utc>,
) -> Result<BundleRow, ReleaseError> {
    let row = begin(store, publisher, atlas, at, BundleStep::Withdraw).await?;
    let since = store.release_mark(atlas).await?;
    let of_bundle = |r: &&crate::store::ReleaseRecord| r.bundle == Some(row.id) && r.in_force;
    let history = store.release_history(atlas).await?;
    let layers: Vec<(Slug, Slug)> =
        history.iter().filter(of_bundle).map(|r| (r.indicator.clone(), r.level.clone())).collect();
    let (catalogue, audience) = (store.catalogue(atlas).await?, row.content.request.audience);
    let by = stamp(publisher, now);
    let change = Change { gone: &layers, ..Change::default() };
    let area = decision_on(shortfall(store, &catalogue, change, audience).await?, decision, &by)?;
    let step = step_of(&row, "withdraw", BundleState::Withdrawn, by.clone());
    let withdrawal = Withdrawal { layers: &layers, audience, area, bundle: Some(step), since, stamp: by };
    store.withdraw(atlas, &withdrawal).await?;
    Ok(store.bundle(atlas, row.id).await?)
}

/// A bundle, as this publisher may see it.
///
/// # Errors
/// If it does not exist for this publisher.
pub async fn find(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    id: Id,
) -> Result<BundleRow, ReleaseError> {
    let catalogue = store.catalogue(atlas).await?;
    let row = store.bundle(atlas, id).await?;
    if covers(publisher, &catalogue, &row.content.request) {
        return Ok(row);
    }
    Err(StoreError::Unknown { what: "bundle", name: id.to_string() }.into())
}

/// The bundles that this publisher may see, the latest first.
///
/// # Errors
/// If there is no such atlas.
pub async fn list(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
) -> Result<Vec<BundleRow>, ReleaseError> {
    let catalogue = store.catalogue(atlas).await?;
    let mut rows = store.bundles(atlas).await?;
    rows.retain(|row| covers(publisher, &catalogue, &row.content.request));
    Ok(rows)
}

/// Who released something on time, or why not.
#[derive(Debug)]
pub struct Due {
    /// The atlas.
    pub atlas: Slug,
    /// The bundle.
    pub bundle: Id,
    /// Who had approved it.
    pub approved_by: String,
    /// What was released, or what stood in the way; then the bundle is a draft again.
    pub outcome: Result<Vec<Released>, ReleaseError>,
}

/// Releases every approved bundle whose embargo has ended, in the name of who approved it: what publishers decided is
/// carried out, nothing else. Bundles that another server was quicker with are left out.
///
/// # Errors
/// If the store fails.
pub async fn release_due(store: &Store, now: DateTime<Utc>) -> Result<Vec<Due>, ReleaseError> {
    let mut done = Vec::new();
    for (atlas, id) in store.due_bundles(now).await? {
        let row = store.bundle(&atlas, id).await?;
        let Some(approved) = row.approved.clone().filter(|_| row.state == BundleState::Approved) else {
            continue;
        };
        let by = Stamp { at: now, by: approved.by };
        let outcome = match release_one_due(store, &atlas, &row, &by).await {
            Err(ReleaseError::Store(StoreError::Changed { .. })) => continue,
            Err(ReleaseError::Store(error)) => return Err(error.into()),
            outcome => outcome,
        };
        done.push(Due { atlas, bundle: id, approved_by: by.by, outcome });
    }
    Ok(done)
}

async fn release_one_due(
    store: &Store,
    atlas: &Slug,
    row: &BundleRow,
    by: &Stamp,
) -> Result<Vec<Released>, ReleaseError> {
    let catalogue = store.catalogue(atlas).await?;
    let problem = match four_eyes(store, &catalogue, &row.content.request, &by.by).await {
        Err(ReleaseError::Store(error)) => return Err(error.into()),
        Err(refusal) => Problem::SamePerson { reason: refusal.to_string() },
        Ok(()) => match carry_out(store, atlas, row, None, by).await {
            Err(ReleaseError::DecisionNeeded { count, required }) => {
                Problem::DecisionNeeded { count, required }
            }
            outcome => return outcome,
        },
    };
    Err(fail(store, atlas, row, vec![problem], by).await?)
}

/// Releases what was approved if it is still what was checked, and if nothing stands in the way.
async fn carry_out(
    store: &Store,
    atlas: &Slug,
    row: &BundleRow,
    decision: Option<&Decision>,
    by: &Stamp,
) -> Result<Vec<Released>, ReleaseError> {
    let Examined { mut findings, releases, since } =
        examine(store, atlas, &row.content.request, &by.by, by.at).await?;
    let checked = row.findings.as_ref().map(Findings::from_json).transpose()?;
    if checked.is_none_or(|checked| checked.fingerprint != findings.fingerprint) {
        findings.problems.push(Problem::ChangedSinceCheck);
    }
    if !findings.problems.is_empty() {
        return Err(fail(store, atlas, row, findings.problems, by).await?);
    }
    let area = decision_on(findings.shortfall, decision, by)?;
    let publication =
        Publication { releases: &releases, since, findings: findings.to_json()?, area, stamp: by.clone() };
    store.publish_bundle(atlas, (row.id, row.revision), &publication).await?;
    Ok(releases.iter().map(Released::of).collect())
}

/// Makes a bundle that cannot be released a draft again, and records why. Returns the error that says so.
async fn fail(
    store: &Store,
    atlas: &Slug,
    row: &BundleRow,
    problems: Vec<Problem>,
    by: &Stamp,
) -> Result<ReleaseError, ReleaseError> {
    let findings = Findings { problems, previews: Vec::new(), fingerprint: String::new(), shortfall: None };
    let step = BundleMove {
        findings: Some(findings.to_json()?),
        ..step_of(row, "fail", BundleState::Draft, by.clone())
    };
    store.move_bundle(atlas, &step).await?;
    Ok(ReleaseError::Problems(findings.problems))
}

fn step_of(row: &BundleRow, action: &'static str, to: BundleState, stamp: Stamp) -> BundleMove {
    BundleMove { id: row.id, revision: row.revision, action, to, findings: None, stamp }
}

pub(super) fn stamp(publisher: &Publisher, now: DateTime<Utc>) -> Stamp {
    Stamp { at: now, by: publisher.name().to_owned() }
}

/// The bundle, if this publisher may take this step on the revision that he or she has seen.
async fn begin(
    store: &Store,
    publisher: &Publisher,
    atlas: &Slug,
    (id, revision): (Id, i64),
    step: BundleStep,
) -> Result<BundleRow, ReleaseError> {
    let row = find(store, publisher, atlas, id).await?;
    if row.revision != revision {
        return Err(StoreError::Changed { what: "bundle", name: id.to_string() }.into());
    }
    row.state.allows(step)?;
    Ok(row)
}

fn covers(publisher: &Publisher, catalogue: &AtlasCatalogue, request: &ReleaseRequest) -> bool {
    let mut themes = request
        .indicators
        .iter()
        .map(|slug| catalogue.indicators.iter().find(|i| i.slug == *slug).map(|indicator| &indicator.theme));
    themes.all(|theme| publisher.may(&catalogue.atlas.slug, theme))
}

/// Refuses what does not exist for this publisher.
pub(super) fn check_reach(
    publisher: &Publisher,
    catalogue: &AtlasCatalogue,
    request: &ReleaseRequest,
) -> Result<(), ReleaseError> {
    for indicator in indicators(catalogue, request)? {
        if !publisher.may(&catalogue.atlas.slug, Some(&indicator.theme)) {
            return Err(ReleaseError::UnknownIndicator(indicator.slug.clone()));
        }
    }
    let unknown = request.levels.iter().find(|slug| !catalogue.levels.iter().any(|l| l.slug == **slug));
    unknown.map_or(Ok(()), |level| Err(ReleaseError::UnknownLevel(level.clone())))
}

fn check_content(
    publisher: &Publisher,
    catalogue: &AtlasCatalogue,
    content: &BundleContent,
) -> Result<(), ReleaseError> {
    let request = &content.request;
    let named_once = |slugs: &[Slug]| {
        !slugs.is_empty() && slugs.iter().enumerate().all(|(at, slug)| !slugs[..at].contains(slug))
    };
    if content.title.trim().is_empty() || !named_once(&request.indicators) || !named_once(&request.levels) {
        return Err(ReleaseError::EmptyBundle);
    }
    check_reach(publisher, catalogue, request)
}

/// Where the atlas wants four eyes, who imported values of a request may not release them.
pub(super) async fn four_eyes(
    store: &Store,
    catalogue: &AtlasCatalogue,
    request: &ReleaseRequest,
    name: &str,
) -> Result<(), ReleaseError> {
    if !catalogue.atlas.four_eyes {
        return Ok(());
    }
    for level in &request.levels {
        for slug in &request.indicators {
            let series = chosen_series(catalogue, level, slug, &request.periods)?;
            let ids: Vec<Id> = series.iter().map(|row| row.id).collect();
            refuse_importer(store, &ids, slug, name).await?;
        }
    }
    Ok(())
}

/// Refuses somebody who imported one of these series.
pub(super) async fn refuse_importer(
    store: &Store,
    series: &[Id],
    indicator: &Slug,
    name: &str,
) -> Result<(), ReleaseError> {
    if store.importers(series).await?.contains(name) {
        return Err(ReleaseError::OwnImport { who: name.to_owned(), indicator: indicator.clone() });
    }
    Ok(())
}
