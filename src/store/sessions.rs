//! Sessions of people in browsers. A session is found by the hash of its secret.

use chrono::{DateTime, Utc};

use crate::store::{
    AccessStore, AttemptLimit, AuditEntry, Id, PersonRow, StoreError,
    accounts::person_of,
    attempts,
    audit_log::write_entry,
    sql::{Cells, Row, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// A session to be.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Whose.
    pub person: Id,
    /// Hash of its secret.
    pub secret_hash: String,
    /// When.
    pub at: DateTime<Utc>,
    /// When it ends, however much it is used.
    pub expires_at: DateTime<Utc>,
    /// What the attempt was counted for.
    pub limits: Vec<AttemptLimit>,
    /// Hash of the address, from which the person is known from now on.
    pub address_hash: Option<String>,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Row.
    pub id: Id,
    /// When the person signed in.
    pub created_at: DateTime<Utc>,
    /// When it got its present secret.
    pub rotated_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub seen_at: DateTime<Utc>,
    /// When it ends, however much it is used.
    pub expires_at: DateTime<Utc>,
    /// It was found by the secret it had before.
    pub by_previous: bool,
}

impl AccessStore {
    /// Begins a session.
    ///
    /// # Errors
    /// If there is no such person.
    pub async fn insert_session(&self, session: &NewSession, entry: &AuditEntry) -> Result<Id> {
        let NewSession { person, secret_hash, at, expires_at, limits, address_hash } = session;
        let mut tx = self.begin_write().await?;
        let id = tx
            .insert(
                "INSERT INTO session (person_id, secret_hash, created_at, rotated_at, seen_at, expires_at) \
                 VALUES ($1, $2, $3, $3, $3, $4) RETURNING id",
                params![*person, secret_hash, *at, *expires_at],
            )
            .await?;
        tx.execute("UPDATE person SET used_at = $1 WHERE id = $2", params![*at, *person]).await?;
        attempts::forgive(&mut tx, limits, *at).await?;
        if let Some(address) = address_hash {
            let sql = "INSERT INTO known_address (person_id, address_hash, used_at) VALUES ($1, $2, $3) \
                       ON CONFLICT (person_id, address_hash) DO UPDATE SET used_at = excluded.used_at";
            tx.execute(sql, params![*person, address, *at]).await?;
        }
        write_entry(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// The session of a secret, or of the secret before, and whose it is.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn session(&self, hash: &str) -> Result<Option<(SessionRow, PersonRow)>> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT person_id, id, created_at, rotated_at, seen_at, expires_at, \
                   CASE WHEN secret_hash = $1 THEN CAST(0 AS BIGINT) ELSE CAST(1 AS BIGINT) END \
                   FROM session WHERE secret_hash = $1 OR previous_hash = $1";
        let Some(row) = tx.row(sql, params![hash]).await? else { return Ok(None) };
        let mut cells = row.cells();
        let person = cells.id()?;
        let session = read(&mut cells)?;
        Ok(Some((session, person_of(&mut tx, person).await?)))
    }

    /// The sessions of a person, the latest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sessions(&self, person: Id) -> Result<Vec<SessionRow>> {
        let sql = "SELECT id, created_at, rotated_at, seen_at, expires_at, CAST(0 AS BIGINT) FROM session \
                   WHERE person_id = $1 ORDER BY id DESC";
        let list = |row: &Row| read(&mut row.cells());
        self.rows(sql, params![person]).await?.iter().map(list).collect()
    }

    /// Notes that a session was used.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn touch_session(&self, id: Id, at: DateTime<Utc>) -> Result<()> {
        let mut tx = self.begin_write().await?;
        tx.execute("UPDATE session SET seen_at = $1 WHERE id = $2", params![at, id]).await?;
        let sql = "UPDATE person SET used_at = $1 WHERE id IN (SELECT person_id FROM session WHERE id = $2)";
        tx.execute(sql, params![at, id]).await?;
        tx.commit().await
    }

    /// Gives a session a new secret in place of `from`; false if it has another one since.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn rotate_session(&self, id: Id, from: &str, to: &str, at: DateTime<Utc>) -> Result<bool> {
        let mut tx = self.begin_write().await?;
        let sql = "UPDATE session SET previous_hash = secret_hash, secret_hash = $1, rotated_at = $2, seen_at = $2 \
                   WHERE id = $3 AND secret_hash = $4";
        let rotated = tx.execute(sql, params![to, at, id, from]).await? == 1;
        tx.commit().await?;
        Ok(rotated)
    }

    /// Ends a session of a person. False if the person has none such.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn end_session(&self, person: Id, id: Id, entry: &AuditEntry) -> Result<bool> {
        let mut tx = self.begin_change_of_rights().await?;
        let sql = "DELETE FROM session WHERE person_id = $1 AND id = $2";
        if tx.execute(sql, params![person, id]).await? == 0 {
            return Ok(false);
        }
        write_entry(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Ends all sessions of a person. Returns how many.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn end_sessions(&self, person: Id, entry: &AuditEntry) -> Result<u64> {
        let mut tx = self.begin_change_of_rights().await?;
        let ended = tx.execute("DELETE FROM session WHERE person_id = $1", params![person]).await?;
        write_entry(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(ended)
    }
}

fn read(cells: &mut Cells<'_>) -> Result<SessionRow> {
    Ok(SessionRow {
        id: cells.id()?,
        created_at: cells.parsed()?,
        rotated_at: cells.parsed()?,
        seen_at: cells.parsed()?,
        expires_at: cells.parsed()?,
        by_previous: cells.flag()?,
    })
}
