//! What becomes due while nobody types: approved bundles at the end of their embargo, and public areas that were kept
//! open with too few indicators up to a day.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::{
    clock, release,
    store::{AccessStore, Store},
};

/// How often the server looks.
const PERIOD: Duration = Duration::from_secs(2);

/// Carries out what is due, as long as the server runs.
pub(super) async fn keep_promises(store: Store, people: AccessStore) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        match carry_out(&store, &people).await {
            Ok(done) => done.iter().for_each(|done| tracing::info!("{}", done.sentence)),
            Err(error) => tracing::warn!(error = %error, "what is due cannot be carried out now"),
        }
    }
}

/// Something that was due.
pub(super) struct Done {
    /// What happened, for people.
    pub(super) sentence: String,
    /// It could not be carried out.
    pub(super) failed: bool,
}

/// Carries out what is due now. The audit log takes over what the store noted of it, and of acts of programs that were
/// cut off before they could write the log.
pub(super) async fn carry_out(store: &Store, people: &AccessStore) -> Result<Vec<Done>> {
    let now = clock::now();
    let mut done = Vec::new();
    for one in release::bundle::release_due(store, now).await? {
        let (bundle, atlas) = (one.bundle, &one.atlas);
        let sentence = match &one.outcome {
            Ok(_) => format!("bundle {bundle} of {atlas} is released"),
            Err(error) => {
                format!("bundle {bundle} of {atlas} was not released and is a draft again:\n{error}")
            }
        };
        done.push(Done { sentence, failed: one.outcome.is_err() });
    }
    for atlas in release::close_expired(store, now).await? {
        let sentence = format!(
            "the public area of {atlas} is closed: it was to stay open with too few indicators until now"
        );
        done.push(Done { sentence, failed: false });
    }
    people
        .collect(store)
        .await
        .context("the audit log cannot be written; what was done waits in the store")?;
    Ok(done)
}
