//! People and what they are in atlases.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{Membership, PersonName, Secret, Slug};
use crate::store::{
    AccessStore, AuditEntry, Id, StoreError,
    audit_log::write_entry,
    sql::{Cells, Row, Tx, json, params},
};

type Result<T> = std::result::Result<T, StoreError>;

/// A person to be.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// What the person signs in with.
    pub name: PersonName,
    /// Name for people.
    pub display_name: String,
    /// Hash of the password; without one nobody can sign in by password.
    pub password_hash: Option<Secret>,
    /// The password must be changed first.
    pub must_change_password: bool,
    /// Operates the platform.
    pub operator: bool,
    /// Issuer and subject, if an identity provider vouches for the person.
    pub external: Option<(String, String)>,
    /// What the person is in atlases.
    pub memberships: Vec<Membership>,
    /// When.
    pub at: DateTime<Utc>,
}

/// A person with all that is needed to let them in.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "a row of independent facts about a person")]
pub struct PersonRow {
    /// Row.
    pub id: Id,
    /// What the person signs in with.
    pub name: PersonName,
    /// Name for people.
    pub display_name: String,
    /// Hash of the password.
    pub password_hash: Option<Secret>,
    /// The password must be changed first.
    pub must_change_password: bool,
    /// Second factor once it was confirmed, as the gate wants it stored: sealed.
    pub totp_secret: Option<Secret>,
    /// The same of one that is yet to be confirmed.
    pub totp_pending: Option<Secret>,
    /// Time step of the last code that was accepted.
    pub totp_step: i64,
    /// Operates the platform.
    pub operator: bool,
    /// Cannot sign in.
    pub disabled: bool,
    /// An identity provider vouches for the person.
    pub external: bool,
    /// When the person was added.
    pub created_at: DateTime<Utc>,
    /// When the person last came in.
    pub used_at: DateTime<Utc>,
    /// What the person is in atlases, by atlas.
    pub memberships: Vec<Membership>,
}

macro_rules! person_where {
    ($condition:literal) => {
        concat!(
            "SELECT id, name, display_name, password_hash, must_change_password, totp_secret, totp_pending, totp_step, \
             operator, disabled, CASE WHEN issuer IS NULL THEN CAST(0 AS BIGINT) ELSE CAST(1 AS BIGINT) END, \
             created_at, used_at FROM person ",
            $condition
        )
    };
}

impl AccessStore {
    /// Adds a person. Returns the row.
    ///
    /// # Errors
    /// If the name, or what the identity provider calls the person, is taken.
    pub async fn insert_person(&self, person: &NewPerson, entry: &AuditEntry) -> Result<Id> {
        let mut tx = self.begin_change_of_rights().await?;
        let id = insert(&mut tx, person).await?;
        write_entry(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// The person of a name.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn person(&self, name: &PersonName) -> Result<Option<PersonRow>> {
        let mut tx = self.begin_read().await?;
        let row = tx.row(person_where!("WHERE name = $1"), params![name.as_str()]).await?;
        one(&mut tx, row).await
    }

    /// The person that an identity provider calls so.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn external_person(&self, issuer: &str, subject: &str) -> Result<Option<PersonRow>> {
        let mut tx = self.begin_read().await?;
        let sql = person_where!("WHERE issuer = $1 AND subject = $2");
        let row = tx.row(sql, params![issuer, subject]).await?;
        one(&mut tx, row).await
    }

    /// Everybody, by name.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn people(&self) -> Result<Vec<PersonRow>> {
        let mut tx = self.begin_read().await?;
        let mut people = Vec::new();
        for row in tx.rows(person_where!("ORDER BY name"), params![]).await? {
            people.push(with_memberships(&mut tx, &row).await?);
        }
        Ok(people)
    }

    /// True if somebody operates the platform and can sign in.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn has_operator(&self) -> Result<bool> {
        let sql = "SELECT id FROM person WHERE operator = 1 AND disabled = 0 LIMIT 1";
        Ok(self.row(sql, params![]).await?.is_some())
    }

    /// Sets a password and ends the sessions of the person but `kept`. Good one-time tokens of the person end too.
    ///
    /// # Errors
    /// If there is no such person.
    pub async fn set_password(
        &self,
        person: Id,
        hash: &Secret,
        must_change: bool,
        kept: Option<Id>,
        entry: &AuditEntry,
    ) -> Result<()> {
        let mut tx = self.begin_change_of_rights().await?;
        let sql = "UPDATE person SET password_hash = $1, must_change_password = $2 WHERE id = $3";
        changed(tx.execute(sql, params![hash.expose(), must_change, person]).await?)?;
        let sql = "DELETE FROM session WHERE person_id = $1 AND id <> $2";
        tx.execute(sql, params![person, kept.unwrap_or_default()]).await?;
        tx.execute("DELETE FROM one_time_token WHERE person_id = $1", params![person]).await?;
        write_entry(&mut tx, entry).await?;
        tx.commit().await
    }

    /// Takes the password away, for instance because it is to be set anew; sessions end.
    ///
    /// # Errors
    /// If there is no such person.
    pub async fn forget_password(&self, person: Id, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.begin_change_of_rights().await?;
        let sql = "UPDATE person SET password_hash = NULL WHERE id = $1";
        changed(tx.execute(sql, params![person]).await?)?;
        tx.execute("DELETE FROM session WHERE person_id = $1", params![person]).await?;
        write_entry(&mut tx, entry).await?;
        tx.commit().await
    }

    /// Locks a person out, or lets them in again; sessions end.
    ///
    /// # Errors
    /// If there is no such person.
    pub async fn set_disabled(&self, person: Id, disabled: bool, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.begin_change_of_rights().await?;
        let sql = "UPDATE person SET disabled = $1 WHERE id = $2";
        changed(tx.execute(sql, params![disabled, person]).await?)?;
        tx.execute("DELETE FROM session WHERE person_id = $1", params![person]).await?;
        write_entry(&mut tx, entry).await?;
        tx.commit().await
    }

    /// Makes a person an operator of the platform, or no longer.
    ///
    /// # Errors
    /// If there is no such person.
    pub async fn set_operator(&self, person: Id, operator: bool, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.begin_change_of_rights().await?;
        let sql = "UPDATE person SET operator = $1 WHERE id = $2";
        changed(tx.execute(sql, params![operator, person]).await?)?;
        rotate_soon(&mut tx, person).await?;
        write_entry(&mut tx, entry).await?;
        tx.commit().await
    }

    /// Removes a person with all sessions, tokens and memberships. Records keep the name.
    ///
    /// # Errors
    /// If there is no such person.
    pub async fn remove_person(&self, person: Id, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.begin_change_of_rights().await?;
        changed(tx.execute("DELETE FROM person WHERE id = $1", params![person]).await?)?;
        write_entry(&mut tx, entry).await?;
        tx.commit().await
    }

    /// Makes a person what the membership says in its atlas; without a role, nothing.
    ///
    /// # Errors
    /// If there is no such person.
    pub async fn put_membership(
        &self,
        person: Id,
        membership: &Membership,
        entry: &AuditEntry,
    ) -> Result<()> {
        let mut tx = self.begin_change_of_rights().await?;
        rotate_soon(&mut tx, person).await?;
        put(&mut tx, person, membership).await?;
        write_entry(&mut tx, entry).await?;
        tx.commit().await
    }

    /// Makes a person what the memberships say, and nothing elsewhere. Changes nothing if that is so already.
    ///
    /// # Errors
    /// If there is no such person.
    pub async fn set_memberships(
        &self,
        person: &PersonRow,
        memberships: &[Membership],
        entry: &AuditEntry,
    ) -> Result<()> {
        if person.memberships == memberships {
            return Ok(());
        }
        let mut tx = self.begin_change_of_rights().await?;
        rotate_soon(&mut tx, person.id).await?;
        tx.execute("DELETE FROM membership WHERE person_id = $1", params![person.id]).await?;
        for membership in memberships {
            put(&mut tx, person.id, membership).await?;
        }
        write_entry(&mut tx, entry).await?;
        tx.commit().await
    }

    /// Deletes what has ended: sessions, one-time tokens, and addresses that nobody came from for half a year.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete_ended(&self, now: DateTime<Utc>) -> Result<()> {
        let mut tx = self.begin_write().await?;
        tx.execute("DELETE FROM session WHERE expires_at < $1", params![now]).await?;
        tx.execute("DELETE FROM one_time_token WHERE expires_at < $1", params![now]).await?;
        let sql = "DELETE FROM known_address WHERE used_at < $1";
        tx.execute(sql, params![now - TimeDelta::days(183)]).await?;
        tx.commit().await
    }

    /// Notes a second factor that is yet to be confirmed.
    ///
    /// # Errors
    /// If there is no such person.
    pub async fn set_pending_factor(&self, person: Id, secret: &Secret) -> Result<()> {
        let mut tx = self.begin_write().await?;
        let sql = "UPDATE person SET totp_pending = $1 WHERE id = $2";
        changed(tx.execute(sql, params![secret.expose(), person]).await?)?;
        tx.commit().await
    }

    /// Stores second factors of a person, in force and pending, in another form. False if they were changed meanwhile.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn replace_factors(
        &self,
        person: &PersonRow,
        [factor, pending]: &[Option<Secret>; 2],
    ) -> Result<bool> {
        let mut tx = self.begin_write().await?;
        let sql = "UPDATE person SET totp_secret = $1, totp_pending = $2 WHERE id = $3 \
                   AND coalesce(totp_secret, '') = $4 AND coalesce(totp_pending, '') = $5";
        let text = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        let present =
            [text(&person.totp_secret).unwrap_or_default(), text(&person.totp_pending).unwrap_or_default()];
        let params =
            params![text(factor).as_deref(), text(pending).as_deref(), person.id, &present[0], &present[1],];
        let replaced = tx.execute(sql, params).await? == 1;
        tx.commit().await?;
        Ok(replaced)
    }

    /// Puts the pending second factor in force, with the step of the code that confirmed it and hashes of recovery codes.
    ///
    /// # Errors
    /// If there is no such person or nothing to confirm.
    pub async fn confirm_factor(
        &self,
        person: Id,
        step: i64,
        codes: &[String],
        entry: &AuditEntry,
    ) -> Result<()> {
        let mut tx = self.begin_change_of_rights().await?;
        let sql = "UPDATE person SET totp_secret = totp_pending, totp_pending = NULL, totp_step = $1 \
                   WHERE id = $2 AND totp_pending IS NOT NULL";
        changed(tx.execute(sql, params![step, person]).await?)?;
        tx.execute("DELETE FROM recovery_code WHERE person_id = $1", params![person]).await?;
        let rows: Vec<_> = codes.iter().map(|code| params![person, code]).collect();
        tx.insert_rows("recovery_code (person_id, code_hash)", 2, rows).await?;
        write_entry(&mut tx, entry).await?;
        tx.commit().await
    }

    /// Takes the second factor and its recovery codes away; sessions end.
    ///
    /// # Errors
    /// If there is no such person.
    pub async fn remove_factor(&self, person: Id, entry: &AuditEntry) -> Result<()> {
        let mut tx = self.begin_change_of_rights().await?;
        let sql = "UPDATE person SET totp_secret = NULL, totp_pending = NULL WHERE id = $1";
        changed(tx.execute(sql, params![person]).await?)?;
        tx.execute("DELETE FROM recovery_code WHERE person_id = $1", params![person]).await?;
        tx.execute("DELETE FROM session WHERE person_id = $1", params![person]).await?;
        write_entry(&mut tx, entry).await?;
        tx.commit().await
    }

    /// Uses up the codes of a time step and of all before it; false if they were used up already.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn use_factor_step(&self, person: Id, step: i64) -> Result<bool> {
        let mut tx = self.begin_write().await?;
        let sql = "UPDATE person SET totp_step = $1 WHERE id = $2 AND totp_step < $1";
        let used = tx.execute(sql, params![step, person]).await? == 1;
        tx.commit().await?;
        Ok(used)
    }

    /// Uses up a recovery code; false if there is none of this hash.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn use_recovery_code(&self, person: Id, hash: &str) -> Result<bool> {
        let mut tx = self.begin_write().await?;
        let sql = "DELETE FROM recovery_code WHERE person_id = $1 AND code_hash = $2";
        let used = tx.execute(sql, params![person, hash]).await? == 1;
        tx.commit().await?;
        Ok(used)
    }
}

async fn insert(tx: &mut Tx, person: &NewPerson) -> Result<Id> {
    let taken = StoreError::Exists { what: "person", name: person.name.to_string() };
    if tx.row("SELECT id FROM person WHERE name = $1", params![person.name.as_str()]).await?.is_some() {
        return Err(taken);
    }
    let (issuer, subject) = person.external.as_ref().map(|(i, s)| (i.as_str(), s.as_str())).unzip();
    let sql = "SELECT id FROM person WHERE issuer = $1 AND subject = $2";
    if tx.row(sql, params![issuer, subject]).await?.is_some() {
        return Err(taken);
    }
    let id = tx
        .insert(
            "INSERT INTO person (name, display_name, password_hash, must_change_password, operator, issuer, subject, \
             created_at, used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING id",
            params![
                person.name.as_str(),
                &person.display_name,
                person.password_hash.as_ref().map(Secret::expose),
                person.must_change_password,
                person.operator,
                issuer,
                subject,
                person.at,
            ],
        )
        .await?;
    for membership in &person.memberships {
        put(tx, id, membership).await?;
    }
    Ok(id)
}

async fn put(tx: &mut Tx, person: Id, membership: &Membership) -> Result<()> {
    let Membership { atlas, roles, themes } = membership;
    let sql = "DELETE FROM membership WHERE person_id = $1 AND atlas = $2";
    tx.execute(sql, params![person, atlas]).await?;
    if roles.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO membership (person_id, atlas, roles, themes) VALUES ($1, $2, $3, $4)";
    let themes = themes.as_ref().map(json).transpose()?;
    tx.execute(sql, params![person, atlas, json(roles)?, themes.as_deref()]).await.map(drop)
}

/// Sessions of the person get a new secret with their next request.
async fn rotate_soon(tx: &mut Tx, person: Id) -> Result<()> {
    let sql = "UPDATE session SET rotated_at = $1 WHERE person_id = $2";
    tx.execute(sql, params![DateTime::UNIX_EPOCH, person]).await.map(drop)
}

fn changed(rows: u64) -> Result<()> {
    if rows == 1 { Ok(()) } else { Err(StoreError::unknown("person", "of this row")) }
}

async fn one(tx: &mut Tx, row: Option<Row>) -> Result<Option<PersonRow>> {
    match row {
        Some(row) => with_memberships(tx, &row).await.map(Some),
        None => Ok(None),
    }
}

/// The person of a row, for other tables that name the person.
pub(super) async fn person_of(tx: &mut Tx, id: Id) -> Result<PersonRow> {
    let row = tx.row(person_where!("WHERE id = $1"), params![id]).await?;
    one(tx, row).await?.ok_or_else(|| StoreError::damaged("a person is missing"))
}

async fn with_memberships(tx: &mut Tx, row: &Row) -> Result<PersonRow> {
    let mut cells = row.cells();
    let id = cells.id()?;
    let sql = "SELECT atlas, roles, themes FROM membership WHERE person_id = $1 ORDER BY atlas";
    let memberships = tx.rows(sql, params![id]).await?.iter().map(membership).collect::<Result<_>>()?;
    Ok(PersonRow {
        id,
        name: cells.parsed()?,
        display_name: cells.text()?,
        password_hash: secret(&mut cells)?,
        must_change_password: cells.flag()?,
        totp_secret: secret(&mut cells)?,
        totp_pending: secret(&mut cells)?,
        totp_step: cells.get()?,
        operator: cells.flag()?,
        disabled: cells.flag()?,
        external: cells.flag()?,
        created_at: cells.parsed()?,
        used_at: cells.parsed()?,
        memberships,
    })
}

fn membership(row: &Row) -> Result<Membership> {
    let mut cells = row.cells();
    let (atlas, roles) = (cells.parsed::<Slug>()?, cells.json()?);
    let themes: Option<BTreeSet<Slug>> = cells.json_if_any()?;
    Ok(Membership { atlas, roles, themes })
}

fn secret(cells: &mut Cells<'_>) -> Result<Option<Secret>> {
    Ok(cells.get::<Option<String>>()?.map(Secret::new))
}
