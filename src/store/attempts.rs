//! Attempts to sign in that failed, and how long the next one must wait.
//!
//! Invariant: an attempt counts as failed from its beginning on and is forgiven when it succeeds, so that attempts made
//! at the same time cannot pass together.

use chrono::{DateTime, TimeDelta, Utc};

use crate::store::{
    AccessStore, Id, StoreError,
    sql::{Tx, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// Something that failures are counted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptLimit {
    /// Its name, unique among all that are counted.
    pub subject: String,
    /// After so many failures the next attempt must wait one second, then twice as long each time.
    pub free: u32,
    /// Longest time to wait.
    pub longest: TimeDelta,
    /// It belongs to several people: a success of one does not forgive the failures of others.
    pub shared: bool,
}

/// After a day without failures nothing is remembered.
const REMEMBERED: TimeDelta = TimeDelta::days(1);

impl AccessStore {
    /// Begins an attempt: counts it for all limits, unless one of them says to wait; then it returns until when.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn begin_attempt(
        &self,
        limits: &[AttemptLimit],
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>> {
        let mut tx = self.begin_write().await?;
        tx.execute("DELETE FROM login_failure WHERE last_at < $1", params![now - REMEMBERED]).await?;
        let mut counts = Vec::with_capacity(limits.len());
        let mut blocked = None;
        for limit in limits {
            let sql = "SELECT failures, blocked_until FROM login_failure WHERE subject = $1";
            let (mut failures, mut until) = (0_u32, now);
            if let Some(row) = tx.row(sql, params![&limit.subject]).await? {
                let mut cells = row.cells();
                (failures, until) = (cells.small()?, cells.parsed()?);
            }
            if until > now {
                blocked = blocked.max(Some(until));
            }
            counts.push(failures.saturating_add(1));
        }
        if blocked.is_some() {
            return Ok(blocked);
        }
        for (limit, failures) in limits.iter().zip(counts) {
            let until = now + wait(failures, limit);
            let sql = "INSERT INTO login_failure (subject, failures, last_at, blocked_until) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at, \
                       blocked_until = excluded.blocked_until";
            tx.execute(sql, params![&limit.subject, failures, now, until]).await?;
        }
        tx.commit().await?;
        Ok(None)
    }

    /// Takes back that an attempt was counted: it was no failure, but earlier ones are not forgiven for it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn take_back_attempt(&self, limits: &[AttemptLimit], now: DateTime<Utc>) -> Result<()> {
        let mut tx = self.begin_write().await?;
        for limit in limits {
            take_back(&mut tx, &limit.subject, now).await?;
        }
        tx.commit().await
    }

    /// True if the person signed in from the address of this hash before.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn knows_address(&self, person: Id, address_hash: &str) -> Result<bool> {
        let sql = "SELECT id FROM known_address WHERE person_id = $1 AND address_hash = $2";
        Ok(self.row(sql, params![person, address_hash]).await?.is_some())
    }
}

/// Ends an attempt that succeeded. Failures of the person are forgotten; those of an address, from which others come too,
/// are not.
pub(super) async fn forgive(tx: &mut Tx, limits: &[AttemptLimit], now: DateTime<Utc>) -> Result<()> {
    for limit in limits {
        if limit.shared {
            take_back(tx, &limit.subject, now).await?;
        } else {
            tx.execute("DELETE FROM login_failure WHERE subject = $1", params![&limit.subject]).await?;
        }
    }
    Ok(())
}

async fn take_back(tx: &mut Tx, subject: &str, now: DateTime<Utc>) -> Result<()> {
    let sql = "UPDATE login_failure SET failures = failures - 1, blocked_until = $1 WHERE subject = $2 AND failures > 0";
    tx.execute(sql, params![now, subject]).await.map(drop)
}

/// How long to wait after so many failures.
fn wait(failures: u32, limit: &AttemptLimit) -> TimeDelta {
    match failures.checked_sub(limit.free) {
        None | Some(0) => TimeDelta::zero(),
        Some(more) => TimeDelta::seconds(1_i64 << (more - 1).min(20)).min(limit.longest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_and_has_an_end() {
        let limit =
            AttemptLimit { subject: "x".into(), free: 3, longest: TimeDelta::seconds(30), shared: false };
        let waits: Vec<i64> = (1..12).map(|n| wait(n, &limit).num_seconds()).collect();
        assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(wait(u32::MAX, &limit).num_seconds(), 30);
    }
}
