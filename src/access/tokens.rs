//! API tokens: made, listed and revoked by whose they are; listed and revoked by who manages the person.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::{
    access::{
        AccessError, Gate, Manager, Session, Stage,
        gate::House,
        secrets::{self, TOKEN_PREFIX},
    },
    domain::{PersonName, Role, Secret, Slug},
    store::{AuditEntry, Id, NewToken, TokenRow},
};

/// Characters of a token that are shown in lists: its prefix and eight more.
const SHOWN: usize = TOKEN_PREFIX.len() + 8;

/// Somebody who may make and revoke the tokens of a person: the person, in a session of their own, or the command line.
#[derive(Debug, Clone)]
pub struct Owner {
    person: PersonName,
    by: String,
}

impl Owner {
    /// The person at the command line, who holds the store anyway, for the tokens of somebody.
    pub fn local(by: impl Into<String>, person: PersonName) -> Self {
        Self { person, by: by.into() }
    }
}

impl Session {
    /// The person as owner of tokens; `None` until the session has the person's rights.
    pub fn owner(&self) -> Option<Owner> {
        let full = self.stage() == Stage::Full;
        full.then(|| Owner { person: self.name.clone(), by: self.name.to_string() })
    }
}

/// A token that is asked for.
#[derive(Debug, Clone, Default)]
pub struct TokenRequest {
    /// What it is for.
    pub label: String,
    /// The atlas that it is limited to; `None` = all of the person's.
    pub atlas: Option<Slug>,
    /// The roles that it is limited to; `None` = all of the person's.
    pub roles: Option<BTreeSet<Role>>,
    /// It brings the right to operate the platform, if the person has it.
    pub operator: bool,
    /// How long it is good; `None` = until it is revoked.
    pub good_for: Option<TimeDelta>,
}

impl Gate {
    /// Makes a token. Returns its number and the token, which is shown once.
    ///
    /// # Errors
    /// If there is no such person.
    pub async fn add_token(
        &self,
        owner: &Owner,
        request: &TokenRequest,
        now: DateTime<Utc>,
    ) -> Result<(Id, Secret), AccessError> {
        let house = self.house()?;
        let person = house.store.person(&owner.person).await?.ok_or(AccessError::UnknownPerson)?;
        let token = secrets::random(TOKEN_PREFIX)?;
        let new = NewToken {
            person: person.id,
            label: request.label.clone(),
            hash: secrets::hash(token.expose()),
            prefix: token.expose().chars().take(SHOWN).collect(),
            atlas: request.atlas.clone(),
            roles: request.roles.clone(),
            operator: request.operator && person.operator,
            at: now,
            expires_at: request.good_for.and_then(|time| now.checked_add_signed(time)),
        };
        let scope = json!({
            "label": new.label, "atlas": new.atlas, "roles": new.roles, "operator": new.operator,
            "expires_at": new.expires_at,
        });
        let entry = AuditEntry::new(now, &owner.by, "token.added")
            .about(person.name.as_str())
            .changing(None, Some(scope));
        let id = house.store.insert_token(&new, &entry).await?;
        Ok((id, token))
    }

    /// The tokens of a person, also those that have ended.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn tokens(&self, owner: &Owner) -> Result<Vec<TokenRow>, AccessError> {
        Ok(self.house()?.store.tokens(Some(&owner.person)).await?)
    }

    /// Revokes a token, on this server at once, on others within a second.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] if the person has none such that is still good.
    pub async fn revoke_token(&self, owner: &Owner, id: Id, now: DateTime<Utc>) -> Result<(), AccessError> {
        let house = self.house()?;
        let entry = AuditEntry::new(now, &owner.by, "token.revoked")
            .about(owner.person.as_str())
            .changing(Some(json!({ "token": id })), None);
        house.revoke(&owner.person, id, &entry).await
    }

    /// The tokens of a person that a manager may revoke, also those that have ended: all of a person whom the manager may
    /// manage, of others those that are limited to an atlas of the manager.
    ///
    /// # Errors
    /// [`AccessError::UnknownPerson`] if there is no such person for this manager.
    pub async fn tokens_of(&self, by: &Manager, name: &PersonName) -> Result<Vec<TokenRow>, AccessError> {
        let house = self.house()?;
        let person = house.store.person(name).await?.ok_or(AccessError::UnknownPerson)?;
        if !by.is_operator() && !person.memberships.iter().any(|m| by.administers(&m.atlas)) {
            return Err(AccessError::UnknownPerson);
        }
        let whole = by.may_manage(person.operator, &person.memberships);
        let mut tokens = house.store.tokens(Some(name)).await?;
        tokens.retain(|token| whole || token.atlas.as_ref().is_some_and(|atlas| by.administers(atlas)));
        Ok(tokens)
    }

    /// Revokes a token of a person, as [`Gate::revoke_token`] does one's own.
    ///
    /// # Errors
    /// [`AccessError::UnknownPerson`] or [`AccessError::Unknown`] if there is no such person, or no such token that is still
    /// good, for this manager.
    pub async fn revoke_token_of(
        &self,
        by: &Manager,
        name: &PersonName,
        id: Id,
        now: DateTime<Utc>,
    ) -> Result<(), AccessError> {
        let tokens = self.tokens_of(by, name).await?;
        let token = tokens.iter().find(|token| token.id == id).ok_or(AccessError::Unknown)?;
        let mut entry = AuditEntry::new(now, by.name(), "token.revoked")
            .about(name.as_str())
            .changing(Some(json!({ "token": id, "label": token.label })), None);
        entry.atlas.clone_from(&token.atlas);
        self.house()?.revoke(name, id, &entry).await
    }
}

impl House {
    async fn revoke(&self, person: &PersonName, id: Id, entry: &AuditEntry) -> Result<(), AccessError> {
        let revoked = self.store.revoke_token(person, id, entry).await?;
        self.refresh().await?;
        if revoked { Ok(()) } else { Err(AccessError::Unknown) }
    }
}
