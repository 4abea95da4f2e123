//! People as others manage them: added, made something, locked out, removed.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    access::{AccessError, Gate, Manager, SignIn, check_password, gate::House, secrets},
    domain::{Membership, PersonName, Role, Secret, Slug},
    store::{AuditEntry, Id, NewPerson, PersonRow, StoreError},
};

/// A one-time token is good for so long.
const ONE_TIME: TimeDelta = TimeDelta::hours(24);

/// An account to be.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// What the person signs in with.
    pub name: PersonName,
    /// Name for people.
    pub display_name: String,
    /// Password that the person must change; without one, the person sets it with a one-time token.
    pub password: Option<Secret>,
    /// The password need not be changed first.
    pub keeps_password: bool,
    /// Operates the platform.
    pub operator: bool,
    /// What the person is from the beginning. An administrator who is no operator names at least one.
    pub memberships: Vec<Membership>,
}

/// An account as those see it who manage it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "a list of independent facts about a person")]
pub struct Account {
    /// What the person signs in with.
    pub name: PersonName,
    /// Name for people.
    pub display_name: String,
    /// Operates the platform.
    pub operator: bool,
    /// Cannot sign in.
    pub disabled: bool,
    /// Has set up a second factor.
    pub second_factor: bool,
    /// An identity provider vouches for the person.
    pub external: bool,
    /// When the person was added.
    pub created_at: DateTime<Utc>,
    /// When the person last came in.
    pub used_at: DateTime<Utc>,
    /// What the person is, in the atlases of who asks.
    pub memberships: Vec<Membership>,
}

impl Gate {
    /// Adds a person. Without a password a one-time token is returned, with which the person sets it.
    ///
    /// # Errors
    /// If the name is taken, the password is not good enough, or the manager may not give what the person is to be.
    pub async fn add_person(
        &self,
        by: &Manager,
        new: &NewAccount,
        now: DateTime<Utc>,
    ) -> Result<Option<Secret>, AccessError> {
        let house = self.house()?;
        if !may_add(by, new) {
            return Err(AccessError::NotEntitled);
        }
        let hash = match &new.password {
            Some(password) => {
                check_password(&new.name, password)?;
                Some(house.hasher.hash(password).await?)
            }
            None => None,
        };
        let person = NewPerson {
            name: new.name.clone(),
            display_name: new.display_name.clone(),
            must_change_password: hash.is_some() && !new.keeps_password,
            password_hash: hash,
            operator: new.operator,
            external: None,
            memberships: new.memberships.clone(),
            at: now,
        };
        let id = house.insert(&person, by.name()).await?;
        if new.password.is_some() { Ok(None) } else { house.one_time_token(Some(id), now).await.map(Some) }
    }

    /// The people that a manager sees, by name: operators everybody (what they are only where the operator administers),
    /// administrators those who are something in their atlases.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn people(&self, by: &Manager) -> Result<Vec<Account>, AccessError> {
        let people = self.house()?.store.people().await?;
        Ok(people.into_iter().filter_map(|person| seen(by, person)).collect())
    }

    /// Gives a person a role in an atlas. `themes` limits the whole membership; `None` leaves a limit as it is.
    ///
    /// # Errors
    /// If there is no such person, or the manager may not give this role.
    pub async fn grant(
        &self,
        by: &Manager,
        name: &PersonName,
        (atlas, role): (&Slug, Role),
        themes: Option<BTreeSet<Slug>>,
        now: DateTime<Utc>,
    ) -> Result<(), AccessError> {
        // A limit to themes is about internal data: nothing for an operator, who sees none.
        if !by.may_grant(atlas, role) || (themes.is_some() && !by.administers(atlas)) {
            return Err(AccessError::NotEntitled);
        }
        let change = |membership: &mut Membership| {
            membership.roles.insert(role);
            if themes.is_some() {
                membership.themes.clone_from(&themes);
            }
        };
        self.house()?.change_membership(by, name, atlas, "role.granted", now, change).await
    }

    /// Takes a role of a person in an atlas; without a role the person is nothing there any more.
    ///
    /// # Errors
    /// If there is no such person, or the manager may not take this role.
    pub async fn revoke(
        &self,
        by: &Manager,
        name: &PersonName,
        (atlas, role): (&Slug, Role),
        now: DateTime<Utc>,
    ) -> Result<(), AccessError> {
        if !by.may_grant(atlas, role) {
            return Err(AccessError::NotEntitled);
        }
        let change = |membership: &mut Membership| {
            membership.roles.remove(&role);
        };
        self.house()?.change_membership(by, name, atlas, "role.revoked", now, change).await
    }

    /// Takes the limit to themes of a membership away.
    ///
    /// # Errors
    /// If there is no such person, or the manager does not administer the atlas.
    pub async fn lift_themes(
        &self,
        by: &Manager,
        name: &PersonName,
        atlas: &Slug,
        now: DateTime<Utc>,
    ) -> Result<(), AccessError> {
        if !by.administers(atlas) {
            return Err(AccessError::NotEntitled);
        }
        let change = |membership: &mut Membership| membership.themes = None;
        self.house()?.change_membership(by, name, atlas, "role.themes-lifted", now, change).await
    }

    /// Makes a person an operator of the platform, or no longer.
    ///
    /// # Errors
    /// If there is no such person, the manager is no operator, or nobody would be left.
    pub async fn set_operator(
        &self,
        by: &Manager,
        name: &PersonName,
        operator: bool,
        now: DateTime<Utc>,
    ) -> Result<(), AccessError> {
        let house = self.house()?;
        if !by.is_operator() {
            return Err(AccessError::NotEntitled);
        }
        let person = house.managed(by, name).await?;
        if !operator {
            house.keep_an_operator(&person).await?;
        }
        let entry = about(&person, by, "person.operator", now)
            .changing(Some(json!(person.operator)), Some(json!(operator)));
        house.store.set_operator(person.id, operator, &entry).await?;
        Ok(house.refresh().await?)
    }

    /// Locks a person out, or lets them in again.
    ///
    /// # Errors
    /// If there is no such person for this manager, or no operator would be left.
    pub async fn set_disabled(
        &self,
        by: &Manager,
        name: &PersonName,
        disabled: bool,
        now: DateTime<Utc>,
    ) -> Result<(), AccessError> {
        let house = self.house()?;
        let person = house.managed(by, name).await?;
        if disabled {
            house.keep_an_operator(&person).await?;
        }
        let action = if disabled { "person.disabled" } else { "person.enabled" };
        house.store.set_disabled(person.id, disabled, &about(&person, by, action, now)).await?;
        Ok(house.refresh().await?)
    }

    /// Removes a person with sessions, tokens and memberships; records keep the name.
    ///
    /// # Errors
    /// If there is no such person for this manager, or no operator would be left.
    pub async fn remove_person(
        &self,
        by: &Manager,
        name: &PersonName,
        now: DateTime<Utc>,
    ) -> Result<(), AccessError> {
        let house = self.house()?;
        let person = house.managed(by, name).await?;
        house.keep_an_operator(&person).await?;
        let entry = about(&person, by, "person.removed", now).changing(Some(description(&person)), None);
        house.store.remove_person(person.id, &entry).await?;
        Ok(house.refresh().await?)
    }

    /// Takes the password of a person away. Returns a one-time token with which the person sets a new one.
    ///
    /// # Errors
    /// If there is no such person for this manager.
    pub async fn reset_password(
        &self,
        by: &Manager,
        name: &PersonName,
        now: DateTime<Utc>,
    ) -> Result<Secret, AccessError> {
        let house = self.house()?;
        let person = house.managed(by, name).await?;
        house.store.forget_password(person.id, &about(&person, by, "person.password-reset", now)).await?;
        house.refresh().await?;
        house.one_time_token(Some(person.id), now).await
    }

    /// Sets the password of a person, who must change it first unless `keeps` is true.
    ///
    /// # Errors
    /// If there is no such person for this manager, or the password is not good enough.
    pub async fn set_password(
        &self,
        by: &Manager,
        name: &PersonName,
        (password, keeps): (&Secret, bool),
        now: DateTime<Utc>,
    ) -> Result<(), AccessError> {
        let house = self.house()?;
        let person = house.managed(by, name).await?;
        check_password(name, password)?;
        let hash = house.hasher.hash(password).await?;
        let entry = about(&person, by, "person.password-set", now);
        house.store.set_password(person.id, &hash, !keeps, None, &entry).await?;
        Ok(house.refresh().await?)
    }

    /// Takes the second factor of a person away, who lost the device and the recovery codes.
    ///
    /// # Errors
    /// If there is no such person for this manager.
    pub async fn reset_second_factor(
        &self,
        by: &Manager,
        name: &PersonName,
        now: DateTime<Utc>,
    ) -> Result<(), AccessError> {
        let house = self.house()?;
        let person = house.managed(by, name).await?;
        house.store.remove_factor(person.id, &about(&person, by, "person.second-factor-reset", now)).await?;
        Ok(house.refresh().await?)
    }

    /// Sets a password with a one-time token. Returns the name of the person, who then signs in.
    ///
    /// # Errors
    /// If the token is not good or the password is not good enough; in the latter case the token stays good.
    pub async fn set_password_by_token(
        &self,
        token: &Secret,
        password: &Secret,
        now: DateTime<Utc>,
    ) -> Result<PersonName, AccessError> {
        let house = self.house()?;
        let hash = secrets::hash(token.expose());
        let person =
            house.store.one_time_token(&hash, now).await?.flatten().ok_or(AccessError::WrongToken)?;
        check_password(&person.name, password)?;
        let password = house.hasher.hash(password).await?;
        if !house.store.use_one_time_token(&hash).await? {
            return Err(AccessError::WrongToken);
        }
        let entry =
            AuditEntry::new(now, person.name.as_str(), "person.password-set").about(person.name.as_str());
        house.store.set_password(person.id, &password, false, None, &entry).await?;
        house.refresh().await?;
        Ok(person.name)
    }

    /// A one-time token to become the first operator, if nobody operates the platform yet. Earlier ones end. A closed gate
    /// has no use for operators.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn first_operator_token(&self, now: DateTime<Utc>) -> Result<Option<Secret>, AccessError> {
        let Ok(house) = self.house() else { return Ok(None) };
        if house.store.has_operator().await? {
            return Ok(None);
        }
        house.one_time_token(None, now).await.map(Some)
    }

    /// Makes the first operator with the one-time token of the server's first start, and lets the person in.
    ///
    /// # Errors
    /// If the token is not good, the name is taken, or the password is not good enough; in the latter two cases the token
    /// stays good.
    pub async fn claim_first_operator(
        &self,
        token: &Secret,
        (name, display_name): (&PersonName, &str),
        password: &Secret,
        now: DateTime<Utc>,
    ) -> Result<SignIn, AccessError> {
        let house = self.house()?;
        let hash = secrets::hash(token.expose());
        let good = matches!(house.store.one_time_token(&hash, now).await?, Some(None));
        if !good || house.store.has_operator().await? {
            return Err(AccessError::WrongToken);
        }
        check_password(name, password)?;
        if house.store.person(name).await?.is_some() {
            return Err(AccessError::NameTaken);
        }
        let password = house.hasher.hash(password).await?;
        if !house.store.use_one_time_token(&hash).await? {
            return Err(AccessError::WrongToken);
        }
        let person = NewPerson {
            name: name.clone(),
            display_name: display_name.to_owned(),
            password_hash: Some(password),
            must_change_password: false,
            operator: true,
            external: None,
            memberships: Vec::new(),
            at: now,
        };
        house.insert(&person, name.as_str()).await?;
        let person = house.store.person(name).await?.ok_or(AccessError::UnknownPerson)?;
        house.let_in(&person, Vec::new(), None, "session.signed-in", now).await
    }
}

impl House {
    async fn insert(&self, person: &NewPerson, by: &str) -> Result<Id, AccessError> {
        let entry = AuditEntry::new(person.at, by, "person.added")
            .about(person.name.as_str())
            .changing(None, Some(json!({ "operator": person.operator, "memberships": person.memberships })));
        let id = self.store.insert_person(person, &entry).await.map_err(|error| match error {
            StoreError::Exists { .. } => AccessError::NameTaken,
            other => AccessError::Store(other),
        })?;
        self.refresh().await?;
        Ok(id)
    }

    async fn one_time_token(&self, person: Option<Id>, now: DateTime<Utc>) -> Result<Secret, AccessError> {
        let token = secrets::random("")?;
        self.store.put_one_time_token(person, &secrets::hash(token.expose()), now + ONE_TIME).await?;
        Ok(token)
    }

    /// A person that the manager may manage.
    async fn managed(&self, by: &Manager, name: &PersonName) -> Result<PersonRow, AccessError> {
        let person = self.store.person(name).await?;
        let person = person.filter(|person| by.may_manage(person.operator, &person.memberships));
        person.ok_or(AccessError::UnknownPerson)
    }

    pub(super) async fn keep_an_operator(&self, person: &PersonRow) -> Result<(), AccessError> {
        let other = |other: &PersonRow| other.operator && !other.disabled && other.id != person.id;
        let needed = person.operator && !person.disabled;
        if needed && !self.store.people().await?.iter().any(other) {
            return Err(AccessError::LastOperator);
        }
        Ok(())
    }

    async fn change_membership(
        &self,
        by: &Manager,
        name: &PersonName,
        atlas: &Slug,
        action: &str,
        now: DateTime<Utc>,
        change: impl FnOnce(&mut Membership),
    ) -> Result<(), AccessError> {
        let person = self.store.person(name).await?.ok_or(AccessError::UnknownPerson)?;
        let before = person.memberships.iter().find(|m| m.atlas == *atlas);
        let mut after = before.cloned().unwrap_or_else(|| Membership {
            atlas: atlas.clone(),
            roles: BTreeSet::new(),
            themes: None,
        });
        change(&mut after);
        let entry = about(&person, by, action, now)
            .of_atlas(atlas)
            .changing(before.map(|m| json!(m)), Some(json!(after)));
        self.store.put_membership(person.id, &after, &entry).await?;
        Ok(self.refresh().await?)
    }
}

fn about(person: &PersonRow, by: &Manager, action: &str, now: DateTime<Utc>) -> AuditEntry {
    AuditEntry::new(now, by.name(), action).about(person.name.as_str())
}

fn description(person: &PersonRow) -> Value {
    json!({ "operator": person.operator, "memberships": person.memberships })
}

/// The manager may give everything that a new person is to be.
fn may_add(by: &Manager, new: &NewAccount) -> bool {
    let grantable = |m: &Membership| m.roles.iter().all(|role| by.may_grant(&m.atlas, *role));
    let entitled = by.is_operator() || (!new.operator && !new.memberships.is_empty());
    entitled && new.memberships.iter().all(grantable)
}

fn seen(by: &Manager, person: PersonRow) -> Option<Account> {
    let own: Vec<Membership> =
        person.memberships.iter().filter(|m| by.administers(&m.atlas)).cloned().collect();
    if own.is_empty() && !by.is_operator() {
        return None;
    }
    Some(Account {
        name: person.name,
        display_name: person.display_name,
        operator: person.operator,
        disabled: person.disabled,
        second_factor: person.totp_secret.is_some(),
        external: person.external,
        created_at: person.created_at,
        used_at: person.used_at,
        memberships: own,
    })
}
