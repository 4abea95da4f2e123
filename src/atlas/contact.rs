//! How the catalogue in memory stands to the store.
//!
//! Must not know: what is in either. Invariant: a generation that was shown is never followed by a lower one.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

/// How the catalogue in memory stands to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Generation of the catalogue.
    pub generation: i64,
    /// The latest generation of the store that was seen.
    pub seen: i64,
    /// Since somebody last found the catalogue up to date.
    pub since: Duration,
    /// The store does not answer.
    pub cut_off: bool,
    /// By how many generations the replica is behind: `None` without one, `Some(None)` if it does not answer.
    pub replica_behind: Option<Option<i64>>,
}

/// What is known of the store's answers.
#[derive(Debug)]
pub(super) struct Contact {
    lost: AtomicBool,
    seen: AtomicI64,
    last: Mutex<Instant>,
    turn: tokio::sync::Mutex<()>,
}

impl Contact {
    /// The catalogue was read just now.
    pub(super) fn new(generation: i64) -> Self {
        Self {
            lost: AtomicBool::new(false),
            seen: AtomicI64::new(generation),
            last: Mutex::new(Instant::now()),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Waits until nobody else reads the catalogue.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    pub(super) fn saw(&self, generation: i64) {
        self.seen.store(generation, Ordering::Release);
    }

    /// Somebody who looks all the time found the catalogue up to date, or did not get an answer.
    pub(super) fn note(&self, up_to_date: bool) {
        self.lost.store(!up_to_date, Ordering::Release);
        if up_to_date {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    #[expect(clippy::option_option, reason = "there may be no replica, or one that does not answer")]
    pub(super) fn standing(&self, generation: i64, replica_behind: Option<Option<i64>>) -> Standing {
        Standing {
            generation,
            seen: self.seen.load(Ordering::Acquire),
            since: self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed(),
            cut_off: self.is_lost(),
            replica_behind,
        }
    }
}
