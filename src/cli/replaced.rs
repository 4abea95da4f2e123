//! The file of a server for the public only, which another one takes the place of at every release.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Result;
use tokio::time::{Instant, MissedTickBehavior};

use super::{run::open, serve::refuse_exposed};
use crate::{
    atlas::Atlases,
    store::{FileId, OpenMode},
};

/// How often the server looks.
const PERIOD: Duration = Duration::from_millis(250);

/// After so long a file that could not be used is tried again, though it did not change.
const PAUSE: Duration = Duration::from_secs(5);

/// Answers that were begun with the old file are finished by then.
const LAST_ANSWERS: Duration = Duration::from_mins(1);

/// Shows the file that lies at the place of the store whenever it is another one, as long as the server runs. A file that
/// cannot be used, or that holds more than what is public, is not shown: the one before stays. `shown` is what was there
/// before the store was opened.
pub(super) async fn follow(location: String, mut shown: FileId, atlases: Arc<Atlases>) {
    let path = PathBuf::from(&location);
    let mut failed: Option<(FileId, Instant)> = None;
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        // Between two files there may be none.
        let Ok(found) = FileId::of(&path) else { continue };
        let is_tried = failed.is_some_and(|(file, at)| file == found && at.elapsed() < PAUSE);
        if shown == found || is_tried {
            continue;
        }
        match show(&location, &atlases).await {
            Ok(()) => {
                tracing::info!("the store was replaced by a newer file, which is shown from now on");
                (shown, failed) = (found, None);
            }
            Err(error) => {
                tracing::error!(
                    "the store was replaced by a file that cannot be shown; the one before stays: {error:#}"
                );
                failed = Some((found, Instant::now()));
            }
        }
    }
}

async fn show(location: &str, atlases: &Arc<Atlases>) -> Result<()> {
    let store = open(location, OpenMode::Public).await?;
    refuse_exposed(&store).await?;
    let before = atlases.change_store(store).await?;
    tokio::spawn(async move {
        tokio::time::sleep(LAST_ANSWERS).await;
        before.close().await;
    });
    Ok(())
}
