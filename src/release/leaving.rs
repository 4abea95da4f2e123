//! An atlas under its agreement on use: kept with it, taken out complete, removed with a protocol.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    access::Administrator,
    domain::Slug,
    release::{ReleaseError, settings::check_administrator},
    store::{Agreement, AtlasContent, Erased, Id, Store},
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
    /// Name of the export.
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

/// Takes everything of an atlas out into a new GeoPackage, reads it back and compares it.
///
/// # Errors
/// If the atlas does not exist for this administrator, or the file cannot be made or is not what was copied.
pub async fn take_out(
    store: &Store,
    administrator: &Administrator,
    atlas: &Slug,
    file: &Path,
    now: DateTime<Utc>,
) -> Result<Protocol, ReleaseError> {
    check_administrator(administrator, atlas)?;
    let content = store.export_atlas(atlas, file, now).await?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(Protocol {
        atlas: atlas.clone(),
        at: now,
        by: administrator.name().to_owned(),
        export: name.unwrap_or_default(),
        content_hash: content.hash(),
        content,
        removed: false,
        hindrance: None,
        backups: Vec::new(),
        server_log: false,
    })
}

/// Removes an atlas that was taken out, physically.
///
/// # Errors
/// If the atlas does not exist for this administrator, or was changed since it was taken out.
pub async fn remove(
    store: &Store,
    administrator: &Administrator,
    taken_out: Protocol,
) -> Result<Protocol, ReleaseError> {
    let atlas = &taken_out.atlas;
    check_administrator(administrator, atlas)?;
    store.remove_atlas(atlas, &taken_out.content, taken_out.at, administrator.name()).await?;
    let Erased { hindrance, backups, server_log } = store.erase().await?;
    let backups = backups.iter().map(|path| path.display().to_string()).collect();
    Ok(Protocol { removed: true, hindrance, backups, server_log, ..taken_out })
}
