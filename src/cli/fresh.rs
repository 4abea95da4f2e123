//! What a server does all the time beside answering: looking for changes, and deleting what is kept no longer.

use std::{sync::Arc, time::Duration};

use crate::{access::Gate, atlas::Atlases, clock};

/// How often the server looks for changes; imports on the command line are seen this way too.
const PERIOD: Duration = Duration::from_millis(250);

/// The longest pause after a look that failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Looks for changes of the store, as long as the server runs.
pub(super) async fn keep_fresh(atlases: Arc<Atlases>) {
    let (mut watch, mut pause) = (atlases.watch(), Pause::default());
    loop {
        match atlases.look(&mut watch).await {
            Ok(_) => {
                if pause.ends() {
                    tracing::info!("the store answers again");
                }
                watch.wait(PERIOD).await;
            }
            Err(error) => {
                if pause.begins() {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "the store cannot be read; the last state stays");
                }
                tokio::time::sleep(pause.next()).await;
            }
        }
    }
}

/// Looks for changes of rights, as long as the server runs.
pub(super) async fn keep_rights(gate: Gate) {
    let mut pause = Pause::default();
    loop {
        match gate.refresh().await {
            Ok(()) => {
                pause.ends();
                tokio::time::sleep(PERIOD).await;
            }
            Err(error) => {
                if pause.begins() {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "the store of people cannot be read");
                }
                tokio::time::sleep(pause.next()).await;
            }
        }
    }
}

/// Deletes every hour what is kept no longer of people and the audit log.
pub(super) async fn keep_tidy(gate: Gate) {
    let mut ticks = tokio::time::interval(Duration::from_hours(1));
    loop {
        ticks.tick().await;
        if let Err(error) = gate.prune(clock::now()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what is outdated of people cannot be deleted"
            );
        }
    }
}

/// Pauses between attempts that fail: each up to twice as long as the one before, and none quite as long as another server's,
/// so that a database that comes back is not asked by all at once.
#[derive(Debug, Default)]
struct Pause {
    failures: u32,
}

impl Pause {
    /// True if this is the first of several failures.
    const fn begins(&self) -> bool {
        self.failures == 0
    }

    /// True if there were failures before this success.
    fn ends(&mut self) -> bool {
        std::mem::take(&mut self.failures) > 0
    }

    fn next(&mut self) -> Duration {
        let longest = PERIOD.saturating_mul(1 << self.failures.min(8)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        let mut random = [0];
        // Without randomness every pause has its full length.
        let _ = getrandom::fill(&mut random);
        longest.mul_f64(1.0 - f64::from(random[0]) / 512.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit_and_begin_anew_after_a_success() {
        let mut pause = Pause::default();
        assert!(pause.begins());
        for longest in [250, 500, 1000, 2000, 2000, 2000].map(Duration::from_millis) {
            let next = pause.next();
            assert!(longest / 2 <= next && next <= longest, "{next:?}");
        }
        assert!(!pause.begins() && pause.ends() && pause.begins() && !pause.ends());
    }
}
