//! What becomes due while nobody types: approved bundles at the end of their embargo, and public areas that were kept
//! open with too few indicators up to a day.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::recorded::{entry, write};
use crate::{
    clock,
    release::{self, ReleaseError},
    store::Store,
};

/// How often the server looks.
const PERIOD: Duration = Duration::from_secs(2);

/// Carries out what is due, as long as the server runs.
pub(super) async fn keep_promises(store: Store, location: String) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        match carry_out(&store, &location).await {
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

/// Carries out what is due now, and writes it into the audit log.
pub(super) async fn carry_out(store: &Store, location: &str) -> Result<Vec<Done>> {
    let now = clock::now();
    let mut done = Vec::new();
    for one in release::bundle::release_due(store, now).await? {
        let (bundle, atlas) = (one.bundle, &one.atlas);
        let (action, after, sentence) = match &one.outcome {
            Ok(released) => {
                ("bundle.released", json!(released), format!("bundle {bundle} of {atlas} is released"))
            }
            Err(error) => (
                "bundle.failed",
                problems(error),
                format!("bundle {bundle} of {atlas} was not released and is a draft again:\n{error}"),
            ),
        };
        let entry = entry(&one.approved_by, action, atlas, format!("bundle {bundle}"));
        write(location, &entry.changing(None, Some(after))).await?;
        done.push(Done { sentence, failed: one.outcome.is_err() });
    }
    for atlas in release::close_expired(store, now).await? {
        let decision = store.area_decision(&atlas).await?;
        let by = decision.as_ref().map_or("", |decision| decision.by.as_str());
        let entry = entry(by, "area.closed", &atlas, atlas.to_string());
        write(location, &entry.changing(None, Some(json!(decision)))).await?;
        let sentence = format!(
            "the public area of {atlas} is closed: it was to stay open with too few indicators until now"
        );
        done.push(Done { sentence, failed: false });
    }
    Ok(done)
}

fn problems(error: &ReleaseError) -> serde_json::Value {
    match error {
        ReleaseError::Problems(problems) => json!(problems),
        other => json!(other.to_string()),
    }
}
