//! What the person at the terminal did, written into the audit log of the store.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::run::user;
use crate::{
    clock,
    domain::Slug,
    store::{AccessStore, AuditEntry, Store},
};

/// Takes what the store noted of acts over into the audit log beside the store at `location`.
pub(super) async fn collect(store: &Store, location: &str) -> Result<()> {
    let people =
        AccessStore::open(location).await.context("it was done, but the audit log cannot be opened")?;
    let collected = people.collect(store).await.context("it was done, and waits for the audit log");
    people.close().await;
    collected.map(drop)
}

/// Writes an entry of an atlas: what was done, to which object, and what it is now.
pub(super) async fn record(
    location: &str,
    action: &str,
    atlas: &Slug,
    subject: impl Into<String>,
    after: Option<Value>,
) -> Result<()> {
    let entry =
        AuditEntry::new(clock::now(), user(), action).of_atlas(atlas).about(subject).changing(None, after);
    let people =
        AccessStore::open(location).await.context("it was done, but the audit log cannot be opened")?;
    let written = people.record(&entry).await.context("it was done, but the audit log cannot be written");
    people.close().await;
    written
}
