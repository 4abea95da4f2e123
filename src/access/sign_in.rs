//! Signing in and out, and what people do with their own account.
//!
//! Invariant: whether a name exists shows neither in the answer nor in the work done: the same limits, the same
//! verification of a password.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::{
    access::{
        AccessError, Enrolment, Gate, Session, Stage, check_password, factor_key, gate::House, second_factor,
        secrets, settings::origin,
    },
    domain::{Membership, PersonName, Secret},
    store::{AttemptLimit, AuditEntry, Id, NewPerson, NewSession, PersonRow},
};

/// Somebody who wants to come in.
#[derive(Debug, Clone, Copy)]
pub struct SignInAttempt<'a> {
    /// The name as typed.
    pub name: &'a str,
    /// The password as typed.
    pub password: &'a Secret,
    /// A code of the second factor or a recovery code, if it was asked for.
    pub factor: Option<&'a Secret>,
    /// Where the person is: see [`Gate::client_address`].
    pub address: Option<IpAddr>,
}

/// What became of an attempt.
#[derive(Debug)]
pub enum SignIn {
    /// The person is in.
    SignedIn {
        /// Value of the session's cookie.
        secret: Secret,
        /// What is to be done before the session has the person's rights.
        stage: Stage,
    },
    /// Name and password are right; try again with a code.
    SecondFactorNeeded,
    /// Something is wrong, and nothing says what.
    Refused,
    /// Too many attempts failed.
    TooMany {
        /// How long to wait.
        retry_after: TimeDelta,
    },
}

/// Somebody for whom an identity provider vouches.
#[derive(Debug, Clone)]
pub struct ExternalIdentity {
    /// The provider.
    pub issuer: String,
    /// What the provider calls the person, for ever.
    pub subject: String,
    /// What the person would like to be called; another name is found if it is taken.
    pub name: String,
    /// Name for people.
    pub display_name: String,
    /// What the provider's claims make the person in atlases; they count in place of those before. A limit to themes
    /// comes from administrators of the atlas only, and stays for as long as the membership does.
    pub memberships: Vec<Membership>,
}

/// A session in the list of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionView {
    /// Its number.
    pub id: Id,
    /// When the person signed in.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub seen_at: DateTime<Utc>,
    /// When it ends, however much it is used.
    pub expires_at: DateTime<Utc>,
    /// It is the one that asks.
    pub current: bool,
}

/// Failures that are free of waiting, and the longest wait: of a person at one address, of an address with whoever comes
/// from there, of a person from everywhere. Strangers can delay somebody who comes from a new address by the last only.
const OF_BOTH: (u32, TimeDelta) = (5, TimeDelta::minutes(15));
const OF_ADDRESS: (u32, TimeDelta) = (30, TimeDelta::minutes(15));
const OF_PERSON: (u32, TimeDelta) = (10, TimeDelta::seconds(30));

impl Gate {
    /// Lets a person in by name, password and, where there is one, second factor.
    ///
    /// # Errors
    /// If the gate is closed or the store fails.
    pub async fn sign_in(
        &self,
        attempt: &SignInAttempt<'_>,
        now: DateTime<Utc>,
    ) -> Result<SignIn, AccessError> {
        let house = self.house()?;
        let person = house.person_typed(attempt.name).await?;
        let limits = house.limits(attempt.name, person.as_ref(), attempt.address).await?;
        if let Some(until) = house.store.begin_attempt(&limits, now).await? {
            return Ok(SignIn::TooMany { retry_after: until - now });
        }
        let hash = person.as_ref().filter(|p| !p.disabled).and_then(|p| p.password_hash.as_ref());
        if !house.hasher.verify(hash, attempt.password).await? {
            return house.refuse(person.as_ref(), "password", now).await;
        }
        // Nobody's password is right, so there is a person here.
        let Some(person) = person else { return Ok(SignIn::Refused) };
        if let Some(stored) = &person.totp_secret {
            let Some(code) = attempt.factor else {
                house.store.take_back_attempt(&limits, now).await?;
                return Ok(SignIn::SecondFactorNeeded);
            };
            let secret = factor_key::opened(house.settings.factor_key.as_ref(), person.id, stored)?;
            if !house.uses_factor(&person, &secret, code, now).await? {
                return house.refuse(Some(&person), "second factor", now).await;
            }
        }
        house.let_in(&person, limits, attempt.address, "session.signed-in", now).await
    }

    /// Lets somebody in for whom an identity provider vouches, who becomes known with the first time. The caller has
    /// verified what the provider said.
    ///
    /// # Errors
    /// If the gate is closed or the store fails.
    pub async fn sign_in_external(
        &self,
        identity: &ExternalIdentity,
        address: Option<IpAddr>,
        now: DateTime<Utc>,
    ) -> Result<SignIn, AccessError> {
        let house = self.house()?;
        let known = house.store.external_person(&identity.issuer, &identity.subject).await?;
        let person = match known {
            Some(person) if person.disabled => return Ok(SignIn::Refused),
            Some(person) => person,
            None => house.welcome(identity, now).await?,
        };
        let mut memberships = identity.memberships.clone();
        for membership in &mut memberships {
            let present = person.memberships.iter().find(|present| present.atlas == membership.atlas);
            membership.themes = present.and_then(|present| present.themes.clone());
        }
        memberships.retain(|membership| !membership.roles.is_empty());
        memberships.sort_by(|a, b| a.atlas.cmp(&b.atlas));
        let entry = AuditEntry::new(now, person.name.as_str(), "person.claims-changed")
            .about(person.name.as_str())
            .changing(as_json(&person.memberships), as_json(&memberships));
        house.store.set_memberships(&person, &memberships, &entry).await?;
        let person = PersonRow { memberships, ..person };
        house.refresh().await?;
        house.let_in(&person, Vec::new(), address, "session.signed-in-external", now).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn sign_out(&self, session: &Session, now: DateTime<Utc>) -> Result<(), AccessError> {
        self.end_session(session, session.id(), now).await
    }

    /// Ends one session of the person who asks.
    ///
    /// # Errors
    /// [`AccessError::Unknown`] if the person has none of this number.
    pub async fn end_session(
        &self,
        session: &Session,
        id: Id,
        now: DateTime<Utc>,
    ) -> Result<(), AccessError> {
        let house = self.house()?;
        let entry =
            AuditEntry::new(now, session.name.as_str(), "session.signed-out").about(session.name.as_str());
        let ended = house.store.end_session(session.person, id, &entry).await?;
        house.refresh().await?;
        if ended { Ok(()) } else { Err(AccessError::Unknown) }
    }

    /// Ends all sessions of the person who asks. Returns how many.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn sign_out_everywhere(
        &self,
        session: &Session,
        now: DateTime<Utc>,
    ) -> Result<u64, AccessError> {
        let house = self.house()?;
        let name = session.name.as_str();
        let entry = AuditEntry::new(now, name, "session.signed-out-everywhere").about(name);
        let ended = house.store.end_sessions(session.person, &entry).await?;
        house.refresh().await?;
        Ok(ended)
    }

    /// The sessions of the person who asks that have not ended, the latest first.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn sessions(
        &self,
        session: &Session,
        now: DateTime<Utc>,
    ) -> Result<Vec<SessionView>, AccessError> {
        let house = self.house()?;
        let rows = house.store.sessions(session.person).await?;
        let good = rows.into_iter().filter(|row| house.session_ends(row) > now);
        let view = |row: crate::store::SessionRow| SessionView {
            id: row.id,
            created_at: row.created_at,
            seen_at: row.seen_at,
            expires_at: row.expires_at,
            current: row.id == session.id(),
        };
        Ok(good.map(view).collect())
    }

    /// Changes the password of the person who asks. All other sessions end; this one gets the secret that is returned.
    ///
    /// # Errors
    /// If the present password is wrong, tried too often, or the new one is not good enough.
    pub async fn change_password(
        &self,
        session: &Session,
        present: &Secret,
        new: &Secret,
        now: DateTime<Utc>,
    ) -> Result<Secret, AccessError> {
        let house = self.house()?;
        let limits = [limit(format!("change:{}", session.person), OF_BOTH, false)];
        if let Some(until) = house.store.begin_attempt(&limits, now).await? {
            return Err(AccessError::TooMany { retry_after: until - now });
        }
        let person = house.store.person(&session.name).await?.ok_or(AccessError::UnknownPerson)?;
        if !house.hasher.verify(person.password_hash.as_ref(), present).await? {
            return Err(AccessError::WrongPassword);
        }
        house.store.take_back_attempt(&limits, now).await?;
        check_password(&session.name, new)?;
        let hash = house.hasher.hash(new).await?;
        let entry = AuditEntry::new(now, session.name.as_str(), "person.password-changed")
            .about(session.name.as_str());
        house.store.set_password(session.person, &hash, false, Some(session.id()), &entry).await?;
        house.refresh().await?;
        house.rotate(session, now).await?.ok_or(AccessError::Unknown)
    }

    /// Begins to set up a second factor for the person who asks; it is in force once it is confirmed. `issuer` is what the
    /// app shows beside the name.
    ///
    /// # Errors
    /// If this server has no key to store it with, or the store fails.
    pub async fn enrol_second_factor(
        &self,
        session: &Session,
        issuer: &str,
    ) -> Result<Enrolment, AccessError> {
        let house = self.house()?;
        let key = house.settings.factor_key.as_ref().ok_or(AccessError::FactorKey)?;
        let enrolment = second_factor::enrol(&session.name, issuer)?;
        let sealed = key.seal(session.person, &enrolment.secret)?;
        house.store.set_pending_factor(session.person, &sealed).await?;
        Ok(enrolment)
    }

    /// Puts the second factor in force with a code of it, in place of an earlier one. Returns the recovery codes, which
    /// are shown once, and the session's new secret.
    ///
    /// # Errors
    /// If the code is wrong, tried too often, or nothing is being set up.
    pub async fn confirm_second_factor(
        &self,
        session: &Session,
        code: &Secret,
        now: DateTime<Utc>,
    ) -> Result<(Vec<Secret>, Secret), AccessError> {
        let house = self.house()?;
        let limits = [limit(format!("confirm:{}", session.person), OF_BOTH, false)];
        if let Some(until) = house.store.begin_attempt(&limits, now).await? {
            return Err(AccessError::TooMany { retry_after: until - now });
        }
        let person = house.store.person(&session.name).await?.ok_or(AccessError::UnknownPerson)?;
        let pending = person.totp_pending.as_ref().ok_or(AccessError::WrongCode)?;
        let secret = factor_key::opened(house.settings.factor_key.as_ref(), person.id, pending)?;
        let step = second_factor::step_of(&secret, code.expose(), now);
        let step = step.ok_or(AccessError::WrongCode)?;
        house.store.take_back_attempt(&limits, now).await?;
        let codes = second_factor::recovery_codes()?;
        let hashes: Vec<String> =
            codes.iter().map(|code| second_factor::recovery_hash(person.id, code.expose())).collect();
        let name = session.name.as_str();
        let entry = AuditEntry::new(now, name, "person.second-factor-set").about(name);
        house.store.confirm_factor(person.id, step, &hashes, &entry).await?;
        house.refresh().await?;
        let secret = house.rotate(session, now).await?.ok_or(AccessError::Unknown)?;
        Ok((codes, secret))
    }
}

impl Gate {
    /// Seals second factors that were stored before there was a key, and makes sure that the key opens all others. To be
    /// called when a server starts. Returns how many were sealed.
    ///
    /// # Errors
    /// [`AccessError::FactorKey`] if factors were stored with another key; if the store fails.
    pub async fn seal_second_factors(&self) -> Result<usize, AccessError> {
        let house = self.house()?;
        let key = house.settings.factor_key.as_ref();
        let mut sealed = 0;
        for person in house.store.people().await? {
            let stored = [person.totp_secret.as_ref(), person.totp_pending.as_ref()];
            for factor in stored.into_iter().flatten() {
                factor_key::opened(key, person.id, factor)?;
            }
            let Some(key) = key else { continue };
            let seal = |factor: Option<&Secret>| match factor {
                Some(factor) if factor_key::is_bare(factor) => key.seal(person.id, factor).map(Some),
                other => Ok(other.cloned()),
            };
            if stored.into_iter().flatten().any(factor_key::is_bare) {
                let now = [seal(stored[0])?, seal(stored[1])?];
                sealed += usize::from(house.store.replace_factors(&person, &now).await?);
            }
        }
        Ok(sealed)
    }
}

impl House {
    async fn person_typed(&self, name: &str) -> Result<Option<PersonRow>, AccessError> {
        match name.parse::<PersonName>() {
            Ok(name) => Ok(self.store.person(&name).await?),
            Err(_) => Ok(None),
        }
    }

    /// What an attempt counts for. Names that nobody has share 65,536 counters, so that what was typed (a password in the
    /// wrong field) cannot be found out from them.
    async fn limits(
        &self,
        typed: &str,
        person: Option<&PersonRow>,
        address: Option<IpAddr>,
    ) -> Result<Vec<AttemptLimit>, AccessError> {
        let who = person.map_or_else(
            || {
                let typed = typed.trim().to_ascii_lowercase();
                format!("nobody:{}", secrets::hash(&typed).get(..4).unwrap_or_default())
            },
            |person| format!("person:{}", person.id),
        );
        let Some(origin) = address.and_then(origin) else {
            return Ok(vec![limit(who, OF_PERSON, false)]);
        };
        let mut limits = vec![
            limit(format!("{who}@{origin}"), OF_BOTH, false),
            limit(format!("address:{origin}"), OF_ADDRESS, true),
        ];
        let known = match person {
            Some(person) => self.store.knows_address(person.id, &address_hash(person.id, origin)).await?,
            None => false,
        };
        if !known {
            limits.push(limit(who, OF_PERSON, false));
        }
        Ok(limits)
    }

    async fn refuse(
        &self,
        person: Option<&PersonRow>,
        what: &str,
        now: DateTime<Utc>,
    ) -> Result<SignIn, AccessError> {
        // What was typed as a name that nobody has may be a password: it is not repeated.
        let name = person.map(|person| person.name.as_str());
        let mut entry = AuditEntry::new(now, name.unwrap_or("(unknown)"), "session.refused");
        entry.subject = name.map(str::to_owned);
        self.store.record(&entry.changing(None, Some(serde_json::json!({ "wrong": what })))).await?;
        Ok(SignIn::Refused)
    }

    /// True if a code is right and was not used before; it is used up then.
    async fn uses_factor(
        &self,
        person: &PersonRow,
        secret: &Secret,
        code: &Secret,
        now: DateTime<Utc>,
    ) -> Result<bool, AccessError> {
        if let Some(step) = second_factor::step_of(secret, code.expose(), now) {
            return Ok(self.store.use_factor_step(person.id, step).await?);
        }
        let hash = second_factor::recovery_hash(person.id, code.expose());
        Ok(self.store.use_recovery_code(person.id, &hash).await?)
    }

    /// Adds somebody for whom an identity provider vouches, under a name that is free.
    async fn welcome(
        &self,
        identity: &ExternalIdentity,
        now: DateTime<Utc>,
    ) -> Result<PersonRow, AccessError> {
        let name = self.free_name(&identity.name).await?;
        let person = NewPerson {
            name: name.clone(),
            display_name: identity.display_name.clone(),
            password_hash: None,
            must_change_password: false,
            operator: false,
            external: Some((identity.issuer.clone(), identity.subject.clone())),
            memberships: Vec::new(),
            at: now,
        };
        let entry = AuditEntry::new(now, name.as_str(), "person.added").about(name.as_str());
        self.store.insert_person(&person, &entry).await?;
        self.store.person(&name).await?.ok_or(AccessError::UnknownPerson)
    }

    async fn free_name(&self, wanted: &str) -> Result<PersonName, AccessError> {
        let wanted: PersonName = match wanted.parse() {
            Ok(name) => name,
            Err(_) => "person".parse()?,
        };
        if self.store.person(&wanted).await?.is_none() {
            return Ok(wanted);
        }
        let mut bytes = [0_u8; 4];
        secrets::fill(&mut bytes)?;
        let stem: String = wanted.as_str().chars().take(54).collect();
        Ok(format!("{stem}-{:08x}", u32::from_be_bytes(bytes)).parse()?)
    }

    pub(super) async fn let_in(
        &self,
        person: &PersonRow,
        limits: Vec<AttemptLimit>,
        address: Option<IpAddr>,
        action: &str,
        now: DateTime<Utc>,
    ) -> Result<SignIn, AccessError> {
        let secret = secrets::random("")?;
        let session = NewSession {
            person: person.id,
            secret_hash: secrets::hash(secret.expose()),
            at: now,
            expires_at: now + self.settings.absolute,
            limits,
            address_hash: address.and_then(origin).map(|origin| address_hash(person.id, origin)),
        };
        let entry = AuditEntry::new(now, person.name.as_str(), action).about(person.name.as_str());
        self.store.insert_session(&session, &entry).await?;
        Ok(SignIn::SignedIn { secret, stage: self.stage(person) })
    }
}

fn limit(subject: String, (free, longest): (u32, TimeDelta), shared: bool) -> AttemptLimit {
    AttemptLimit { subject, free, longest, shared }
}

/// An address without its text; with the person in it, so that those of two people cannot be compared.
fn address_hash(person: Id, origin: IpAddr) -> String {
    secrets::hash(&format!("{person}@{origin}"))
}

fn as_json(memberships: &[Membership]) -> Option<serde_json::Value> {
    serde_json::to_value(memberships).ok()
}
