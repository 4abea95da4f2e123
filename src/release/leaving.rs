//! An atlas under its agreement on use: kept with it, taken out complete, removed with a protocol.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    access::{Administrator, json_line},
    domain::Slug,
    release::{ReleaseError, settings::check_administrator},
    store::{AccessStore, Agreement, AtlasContent, AuditFilter, Erased, Id, Store, StoreError},
};

/// Largest file of an agreement, in bytes.
pub const MAX_AGREEMENT: usize = 10 << 20;

/// Keeps an agreement on use with its file; its id.
///
/// # Errors
/// If the atlas does not exist for this administrator, if the file is empty or larger than [`MAX_AGREEMENT`], or if
/// version or signatory are not named.
pub async fn keep_agreement(
    store: &Store,
    administrator: &Administrator,
    atlas: &Slug,
    agreement: &Agreement,
    file: &[u8],
) -> Result<Id, ReleaseError> {
    check_administrator(administrator, atlas)?;
    let unnamed = agreement.version.trim().is_empty() || agreement.signatory.trim().is_empty();
    if unnamed || file.is_empty() || file.len() > MAX_AGREEMENT {
        return Err(ReleaseError::UnfitAgreement);
    }
    Ok(store.put_agreement(atlas, agreement, file).await?)
}

/// What was taken out and removed when an atlas left: counts and hashes, no content.
#[derive(Debug, Clone, Serialize)]
pub struct Protocol {
    /// The atlas.
    pub atlas: Slug,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
    /// Name of the export; empty if it was made earlier.
    pub export: String,
    /// Hash over everything that was exported and read back.
    pub content_hash: String,
    /// What was exported, table by table.
    pub content: AtlasContent,
    /// It was removed from the store.
    pub removed: bool,
    /// What stands in the way of erasing what deleted rows left behind.
    pub hindrance: Option<String>,
    /// Copies of the store that may still hold it.
    pub backups: Vec<String>,
    /// The log of the database server may still hold it.
    pub server_log: bool,
}

impl Protocol {
    fn of(administrator: &Administrator, atlas: &Slug, content: AtlasContent, at: DateTime<Utc>) -> Self {
        Self {
            atlas: atlas.clone(),
            at,
            by: administrator.name().to_owned(),
            export: String::new(),
            content_hash: content.hash(),
            content,
            removed: false,
            hindrance: None,
            backups: Vec::new(),
            server_log: false,
        }
    }
}

/// What belongs to an atlas beside its content: who is what there, and what the audit log says of it.
#[derive(Debug, Clone)]
pub struct Beside {
    /// Members with their roles, as JSON.
    pub people: serde_json::Value,
    /// Entries of the audit log, the latest first: one JSON object a line.
    pub log: String,
}

/// Takes everything of an atlas out into a new GeoPackage, reads it back and compares it; what belongs to it beside its
/// content is returned.
///
/// # Errors
/// If the atlas does not exist for this administrator, or the file cannot be made or is not what was copied.
pub async fn take_out(
    (store, people): (&Store, &AccessStore),
    administrator: &Administrator,
    atlas: &Slug,
    file: &Path,
    now: DateTime<Utc>,
) -> Result<(Protocol, Beside), ReleaseError> {
    check_administrator(administrator, atlas)?;
    let content = store.export_atlas(atlas, file, now).await?;
    people.collect(store).await?;
    let beside = Beside { people: members(people, atlas).await?, log: log_of(people, atlas).await? };
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let export = name.unwrap_or_default();
    Ok((Protocol { export, ..Protocol::of(administrator, atlas, content, now) }, beside))
}

/// Who has which role in an atlas.
async fn members(people: &AccessStore, atlas: &Slug) -> Result<serde_json::Value, StoreError> {
    let mut members = Vec::new();
    for person in people.people().await? {
        for membership in person.memberships.iter().filter(|m| m.atlas == *atlas) {
            members.push(serde_json::json!({
                "name": person.name.as_str(), "display_name": person.display_name,
                "roles": membership.roles, "themes": membership.themes,
            }));
        }
    }
    Ok(members.into())
}

/// All that the audit log says of an atlas.
async fn log_of(people: &AccessStore, atlas: &Slug) -> Result<String, StoreError> {
    const PAGE: u32 = 1000;
    let filter = AuditFilter { atlas: Some(atlas.clone()), ..AuditFilter::default() };
    let (mut text, mut before) = (String::new(), None);
    loop {
        let page = people.audit_log(&filter, PAGE, before).await?;
        for row in &page {
            text += &json_line(row);
            text.push('\n');
        }
        before = page.last().map(|row| row.id);
        if page.len() < PAGE as usize {
            return Ok(text);
        }
    }
}

/// Removes an atlas that was taken out, physically, with all rights in it. The audit log keeps what it says of it.
///
/// # Errors
/// If the atlas does not exist for this administrator, or was changed since it was taken out.
pub async fn remove(
    (store, people): (&Store, &AccessStore),
    administrator: &Administrator,
    taken_out: Protocol,
) -> Result<Protocol, ReleaseError> {
    let atlas = &taken_out.atlas;
    check_administrator(administrator, atlas)?;
    store.remove_atlas(atlas, &taken_out.content, taken_out.at, administrator.name()).await?;
    people.forget_atlas(atlas).await?;
    let Erased { hindrance, backups, server_log } = store.erase().await?;
    let backups = backups.iter().map(|path| path.display().to_string()).collect();
    Ok(Protocol { removed: true, hindrance, backups, server_log, ..taken_out })
}

/// Removes an atlas of which an export has this hash, as [`remove`] does. The hash is told with the export only.
///
/// # Errors
/// As for [`remove`].
pub async fn remove_exported(
    (store, people): (&Store, &AccessStore),
    administrator: &Administrator,
    (atlas, hash): (&Slug, &str),
    now: DateTime<Utc>,
) -> Result<Protocol, ReleaseError> {
    check_administrator(administrator, atlas)?;
    let content = store.atlas_content(atlas).await?;
    if content.hash() != hash {
        return Err(StoreError::Changed { what: "atlas", name: atlas.to_string() }.into());
    }
    remove((store, people), administrator, Protocol::of(administrator, atlas, content, now)).await
}
