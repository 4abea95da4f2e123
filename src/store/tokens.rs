//! API tokens, and tokens that are good once.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::domain::{PersonName, Role, Slug};
use crate::store::{
    AccessStore, AuditEntry, Id, PersonRow, StoreError,
    accounts::person_of,
    audit_log::write_entry,
    sql::{Cells, Row, json, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// A token to be. It never brings more than its person has.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Whose.
    pub person: Id,
    /// What it is for.
    pub label: String,
    /// Its hash.
    pub hash: String,
    /// Its first characters, to tell it from others.
    pub prefix: String,
    /// The atlas that it is limited to; `None` = all of the person's.
    pub atlas: Option<Slug>,
    /// The roles that it is limited to; `None` = all of the person's.
    pub roles: Option<BTreeSet<Role>>,
    /// It brings the right to operate the platform.
    pub operator: bool,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Row.
    pub id: Id,
    /// Whose.
    pub person: PersonName,
    /// What it is for.
    pub label: String,
    /// Its first characters.
    pub prefix: String,
    /// The atlas that it is limited to.
    pub atlas: Option<Slug>,
    /// The roles that it is limited to.
    pub roles: Option<BTreeSet<Role>>,
    /// It brings the right to operate the platform.
    pub operator: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute.
    pub used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl AccessStore {
    /// Adds a token.
    ///
    /// # Errors
    /// If there is no such person.
    pub async fn insert_token(&self, token: &NewToken, entry: &AuditEntry) -> Result<Id> {
        let mut tx = self.begin_write().await?;
        let id = tx
            .insert(
                "INSERT INTO token (person_id, label, token_hash, prefix, atlas, roles, operator, created_at, expires_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
                params![
                    token.person,
                    &token.label,
                    &token.hash,
                    &token.prefix,
                    token.atlas.as_ref(),
                    token.roles.as_ref().map(json).transpose()?.as_deref(),
                    token.operator,
                    token.at,
                    token.expires_at,
                ],
            )
            .await?;
        write_entry(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// The token of a hash and whose it is, also if it has ended.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn token(&self, hash: &str) -> Result<Option<(TokenRow, PersonRow)>> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT p.id, t.id, p.name, t.label, t.prefix, t.atlas, t.roles, t.operator, t.created_at, \
                   t.expires_at, t.used_at, t.revoked_at FROM token t JOIN person p ON p.id = t.person_id \
                   WHERE t.token_hash = $1";
        let Some(row) = tx.row(sql, params![hash]).await? else { return Ok(None) };
        let mut cells = row.cells();
        let person = cells.id()?;
        let token = read(&mut cells)?;
        Ok(Some((token, person_of(&mut tx, person).await?)))
    }

    /// Tokens of a person, or of everybody, by person and age.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn tokens(&self, person: Option<&PersonName>) -> Result<Vec<TokenRow>> {
        let sql = "SELECT t.id, p.name, t.label, t.prefix, t.atlas, t.roles, t.operator, t.created_at, t.expires_at, \
                   t.used_at, t.revoked_at FROM token t JOIN person p ON p.id = t.person_id \
                   WHERE $1 = '' OR p.name = $1 ORDER BY p.name, t.id";
        let list = |row: &Row| read(&mut row.cells());
        let name = person.map_or("", PersonName::as_str);
        self.rows(sql, params![name]).await?.iter().map(list).collect()
    }

    /// Revokes a token of a person. False if the person has none such that is still good.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn revoke_token(&self, person: &PersonName, id: Id, entry: &AuditEntry) -> Result<bool> {
        let mut tx = self.begin_change_of_rights().await?;
        let sql = "UPDATE token SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL \
                   AND person_id IN (SELECT id FROM person WHERE name = $3)";
        if tx.execute(sql, params![entry.at, id, person.as_str()]).await? == 0 {
            return Ok(false);
        }
        write_entry(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Notes that a token was used.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn touch_token(&self, id: Id, at: DateTime<Utc>) -> Result<()> {
        let mut tx = self.begin_write().await?;
        tx.execute("UPDATE token SET used_at = $1 WHERE id = $2", params![at, id]).await?;
        let sql = "UPDATE person SET used_at = $1 WHERE id IN (SELECT person_id FROM token WHERE id = $2)";
        tx.execute(sql, params![at, id]).await?;
        tx.commit().await
    }

    /// Keeps a token that is good once, in place of earlier ones for the same: to set the password of a person, or without
    /// a person to become the first operator.
    ///
    /// # Errors
    /// If there is no such person.
    pub async fn put_one_time_token(
        &self,
        person: Option<Id>,
        hash: &str,
        expires_at: DateTime<Utc>,
    ) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let sql = "DELETE FROM one_time_token WHERE coalesce(person_id, 0) = $1";
        tx.execute(sql, params![person.unwrap_or_default()]).await?;
        let sql = "INSERT INTO one_time_token (person_id, token_hash, expires_at) VALUES ($1, $2, $3)";
        tx.execute(sql, params![person, hash, expires_at]).await?;
        tx.commit().await
    }

    /// Whose password a one-time token sets: `Some(None)` if it makes the first operator, `None` if it is not good.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn one_time_token(&self, hash: &str, now: DateTime<Utc>) -> Result<Option<Option<PersonRow>>> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT person_id FROM one_time_token WHERE token_hash = $1 AND expires_at > $2";
        let Some(row) = tx.row(sql, params![hash, now]).await? else { return Ok(None) };
        match row.cells().get::<Option<Id>>()? {
            Some(person) => Ok(Some(Some(person_of(&mut tx, person).await?))),
            None => Ok(Some(None)),
        }
    }

    /// Uses up a one-time token; false if it was used up in the meantime.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn use_one_time_token(&self, hash: &str) -> Result<bool> {
        let mut tx = self.begin_write().await?;
        let sql = "DELETE FROM one_time_token WHERE token_hash = $1";
        let used = tx.execute(sql, params![hash]).await? == 1;
        tx.commit().await?;
        Ok(used)
    }
}

fn read(cells: &mut Cells<'_>) -> Result<TokenRow> {
    Ok(TokenRow {
        id: cells.id()?,
        person: cells.parsed()?,
        label: cells.text()?,
        prefix: cells.text()?,
        atlas: cells.parsed_if_any()?,
        roles: cells.json_if_any()?,
        operator: cells.flag()?,
        created_at: cells.parsed()?,
        expires_at: cells.parsed_if_any()?,
        used_at: cells.parsed_if_any()?,
        revoked_at: cells.parsed_if_any()?,
    })
}
