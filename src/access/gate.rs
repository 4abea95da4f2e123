//! The gate: turns credentials into [`Access`].

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    access::{
        Access, AccessError, AccessSettings, Credentials,
        caller::Person,
        credentials::{Authorization, cookie},
        oidc::Provider,
        password::Hasher,
        secrets::{self, TOKEN_PREFIX},
    },
    domain::{Membership, PersonName, Role, Secret},
    store::{AccessStore, Id, PersonRow, SessionRow, StoreError, TokenRow},
};

/// Why nobody is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The credentials are wrong or have expired.
    Unauthorized,
    /// The store of people does not answer, and the caller was not verified shortly before.
    Unavailable,
}

/// Knows the people of a store.
#[derive(Debug, Clone)]
pub struct Gate {
    house: Option<Arc<House>>,
}

/// What is behind an open gate.
#[derive(Debug)]
pub(super) struct House {
    pub(super) store: AccessStore,
    pub(super) settings: AccessSettings,
    pub(super) hasher: Hasher,
    pub(super) provider: Option<Provider>,
    /// The number of the last change of rights that this server knows of.
    rights: AtomicI64,
    known: Mutex<HashMap<String, Known>>,
}

/// A caller who was verified a moment ago.
#[derive(Debug, Clone)]
struct Known {
    /// The change of rights after which it was verified.
    rights: i64,
    until: DateTime<Utc>,
    /// While the store of people does not answer it holds until here.
    without_store: DateTime<Utc>,
    name: PersonName,
    caller: Identified,
}

impl Known {
    /// Somebody who was verified now, with credentials that end at `ends`.
    fn new(
        rights: i64,
        now: DateTime<Utc>,
        ends: Option<DateTime<Utc>>,
        name: PersonName,
        caller: Identified,
    ) -> Self {
        let at_most = |time: DateTime<Utc>| ends.map_or(time, |ends| ends.min(time));
        let (until, without_store) = (at_most(now + KNOWN_FOR), at_most(now + KNOWN_WITHOUT_STORE));
        Self { rights, until, without_store, name, caller }
    }
}

/// A verified caller is asked for again after so long at the latest.
const KNOWN_FOR: TimeDelta = TimeDelta::seconds(60);

/// While the store of people does not answer, a caller who was verified is let in for so long.
const KNOWN_WITHOUT_STORE: TimeDelta = TimeDelta::minutes(5);

/// Then it is asked again after so long: each question costs the caller a wait.
const ASK_AGAIN: TimeDelta = TimeDelta::seconds(5);

/// Most callers that are known at once.
const MOST_KNOWN: usize = 10_000;

/// The secret before the last rotation is good for so long, for requests that were under way.
const GRACE: TimeDelta = TimeDelta::seconds(60);

/// Who is asking, and by which session.
#[derive(Debug, Clone)]
pub struct Identified {
    /// What the caller may do.
    pub access: Access,
    /// The caller's session; `None` for tokens and for callers without credentials.
    pub session: Option<Session>,
}

/// What stands between a session and its rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing.
    Full,
    /// The password must be changed; until then the caller is the public.
    PasswordDue,
    /// A second factor must be set up; until then the caller is the public.
    SecondFactorDue,
}

/// A session that is in force. Whoever has one is that person at a browser.
#[derive(Debug, Clone)]
pub struct Session {
    pub(super) row: SessionRow,
    pub(super) person: Id,
    pub(super) name: PersonName,
    pub(super) hash: String,
    display_name: String,
    external: bool,
    stage: Stage,
    due: DateTime<Utc>,
}

impl Session {
    /// What the person signed in with.
    pub const fn name(&self) -> &PersonName {
        &self.name
    }

    /// Name for people.
    pub fn display_name(&self) -> &str {
        &self.display_name
    }

    /// An identity provider vouches for the person.
    pub const fn is_external(&self) -> bool {
        self.external
    }

    /// What stands between it and the person's rights.
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// Its number among all sessions.
    pub const fn id(&self) -> Id {
        self.row.id
    }

    /// True if it should get a new secret: see [`Gate::renew`].
    pub fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.due <= now && !self.row.by_previous
    }

    /// When it ends, however much it is used.
    pub const fn expires_at(&self) -> DateTime<Utc> {
        self.row.expires_at
    }
}

impl Gate {
    /// A gate that nobody passes: everybody is the public, and every credential is wrong.
    pub const fn closed() -> Self {
        Self { house: None }
    }

    /// A gate for the people of a store.
    pub fn open(store: AccessStore, settings: AccessSettings) -> Self {
        let known = Mutex::new(HashMap::new());
        let hasher = Hasher::new();
        let provider = settings.oidc.clone().and_then(Provider::new);
        let house = House { store, settings, hasher, provider, rights: AtomicI64::new(0), known };
        Self { house: Some(Arc::new(house)) }
    }

    /// The store of people, for what is not about letting in: audit log and idempotent requests.
    ///
    /// # Errors
    /// [`AccessError::Closed`] if the gate knows no people.
    pub fn store(&self) -> Result<&AccessStore, AccessError> {
        self.house().map(|house| &house.store)
    }

    /// Its settings; those of a server without people by default.
    pub fn settings(&self) -> AccessSettings {
        self.house.as_ref().map(|house| house.settings.clone()).unwrap_or_default()
    }

    /// Name of the header in which a believed proxy names the person, for [`Credentials::trusted`].
    pub fn trusted_header(&self) -> Option<&str> {
        self.house.as_ref()?.settings.trusted_header.as_deref()
    }

    /// How many passwords were verified, rightly or wrongly.
    pub fn verifications(&self) -> u64 {
        self.house.as_ref().map_or(0, |house| house.hasher.verifications())
    }

    /// The address that a request really comes from: behind believed proxies the last one in `X-Forwarded-For` that is
    /// none of them, else that of the connection.
    pub fn client_address(&self, connection: IpAddr, forwarded_for: Option<&[u8]>) -> IpAddr {
        let Some(house) = &self.house else { return connection };
        let chain = forwarded_for.and_then(|header| std::str::from_utf8(header).ok()).unwrap_or_default();
        let mut address = connection;
        for before in chain.rsplit(',') {
            match before.trim().parse() {
                Ok(before) if house.settings.believes(address) => address = before,
                _ => break,
            }
        }
        address
    }

    /// Asks whether somebody's rights changed elsewhere, and forgets then whom it knows. To be called several times a
    /// second, as for the catalogue.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn refresh(&self) -> Result<(), AccessError> {
        match &self.house {
            Some(house) => Ok(house.refresh().await?),
            None => Ok(()),
        }
    }

    /// Who is asking. No header is an anonymous caller; a cookie of no session counts as none. The password of HTTP Basic
    /// is an API token (QGIS sends Basic); a person's own password is never taken there.
    ///
    /// # Errors
    /// [`Refused::Unauthorized`] for a wrong or expired credential in the `Authorization` header, and for a person whom a
    /// believed proxy names and nobody knows. [`Refused::Unavailable`] if the store cannot be asked and the caller was not
    /// verified in the last five minutes.
    pub async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Access, Refused> {
        self.identify(credentials).await.map(|caller| caller.access)
    }

    /// As [`Gate::authenticate`], with the session.
    ///
    /// # Errors
    /// As [`Gate::authenticate`].
    pub async fn identify(&self, credentials: &Credentials<'_>) -> Result<Identified, Refused> {
        let Some(house) = &self.house else {
            return if credentials.authorization.is_some() {
                Err(Refused::Unauthorized)
            } else {
                Ok(Identified::public())
            };
        };
        let caller = if let Some(header) = credentials.authorization {
            house.by_token(header, credentials.now).await.map(|caller| caller.ok_or(Refused::Unauthorized))
        } else if let Some(name) = house.named_by_proxy(credentials) {
            house.by_name(name, credentials.now).await.map(|caller| caller.ok_or(Refused::Unauthorized))
        } else if let Some(secret) =
            credentials.cookie.and_then(|header| cookie(header, house.settings.cookie_name()))
        {
            let caller = house.by_session(secret, credentials.now).await;
            caller.map(|caller| Ok(caller.unwrap_or_else(Identified::public)))
        } else {
            return Ok(Identified::public());
        };
        caller.unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "the store of people cannot be asked");
            Err(Refused::Unavailable)
        })
    }

    /// Gives a session a new secret for its cookie, if it is time for it. Only to be called where the answer surely
    /// reaches the browser (a page, the JSON API), not for tiles, whose requests browsers break off.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn renew(&self, session: &Session, now: DateTime<Utc>) -> Result<Option<Secret>, AccessError> {
        if session.is_due(now) { self.house()?.rotate(session, now).await } else { Ok(None) }
    }

    pub(super) fn house(&self) -> Result<&Arc<House>, AccessError> {
        self.house.as_ref().ok_or(AccessError::Closed)
    }
}

impl Identified {
    const fn public() -> Self {
        Self { access: Access::public(), session: None }
    }
}

impl House {
    pub(super) async fn refresh(&self) -> Result<(), StoreError> {
        let rights = self.store.rights().await?;
        if self.rights.fetch_max(rights, Ordering::AcqRel) < rights {
            self.known().clear();
        }
        Ok(())
    }

    /// Gives a session a new secret.
    pub(super) async fn rotate(
        &self,
        session: &Session,
        now: DateTime<Utc>,
    ) -> Result<Option<Secret>, AccessError> {
        let secret = secrets::random("")?;
        let hash = secrets::hash(secret.expose());
        let rotated = self.store.rotate_session(session.row.id, &session.hash, &hash, now).await?;
        self.known().remove(&session.hash);
        Ok(rotated.then_some(secret))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A caller whose credential of this hash was verified, and whose name is this one if one is given: a moment ago, or now.
    /// Where the store does not answer, a longer while ago must do.
    async fn once_verified(
        &self,
        hash: &str,
        name: Option<&PersonName>,
        now: DateTime<Utc>,
        verify: impl Future<Output = Result<Option<Identified>, StoreError>>,
    ) -> Result<Option<Identified>, StoreError> {
        if let Some(caller) = self.remembered(hash, name, |known| now < known.until) {
            return Ok(Some(caller));
        }
        match verify.await {
            Err(error) if error.is_passing() => {
                let caller = self.remembered(hash, name, |known| now < known.without_store).ok_or(error)?;
                if let Some(known) = self.known().get_mut(hash) {
                    known.until = known.without_store.min(now + ASK_AGAIN);
                }
                Ok(Some(caller))
            }
            verified => verified,
        }
    }

    fn remembered(
        &self,
        hash: &str,
        name: Option<&PersonName>,
        in_time: impl Fn(&Known) -> bool,
    ) -> Option<Identified> {
        let known = self.known();
        let known = known.get(hash)?;
        let good = known.rights == self.rights.load(Ordering::Acquire)
            && in_time(known)
            && name.is_none_or(|name| *name == known.name);
        good.then(|| known.caller.clone())
    }

    fn remember(&self, hash: &str, known: Known) {
        let mut all = self.known();
        if all.len() >= MOST_KNOWN {
            all.clear();
        }
        all.insert(hash.to_owned(), known);
    }

    async fn by_token(&self, header: &[u8], now: DateTime<Utc>) -> Result<Option<Identified>, StoreError> {
        let (name, secret) = match Authorization::read(header) {
            Some(Authorization::Bearer(secret)) => (None, secret),
            Some(Authorization::Basic(name, secret)) => (Some(name), secret),
            None => return Ok(None),
        };
        if !secrets::has_form(secret.expose(), TOKEN_PREFIX) {
            return Ok(None);
        }
        let hash = secrets::hash(secret.expose());
        let name = name.as_ref();
        // The future of a question to the database is large, and seldom needed.
        self.once_verified(&hash, name, now, Box::pin(self.verify_token(&hash, name, now))).await
    }

    async fn verify_token(
        &self,
        hash: &str,
        name: Option<&PersonName>,
        now: DateTime<Utc>,
    ) -> Result<Option<Identified>, StoreError> {
        let rights = self.rights.load(Ordering::Acquire);
        let Some((token, person)) = self.store.token(hash).await? else { return Ok(None) };
        let ended = token.revoked_at.is_some() || token.expires_at.is_some_and(|at| at <= now);
        if ended || person.disabled || name.is_some_and(|name| *name != person.name) {
            return Ok(None);
        }
        if token.used_at.is_none_or(|at| at + KNOWN_FOR <= now) {
            noted(self.store.touch_token(token.id, now).await);
        }
        let caller = Identified { access: token_access(&token, &person), session: None };
        self.remember(hash, Known::new(rights, now, token.expires_at, person.name, caller.clone()));
        Ok(Some(caller))
    }

    /// The person whom a believed proxy names.
    fn named_by_proxy<'a>(&self, credentials: &Credentials<'a>) -> Option<&'a [u8]> {
        self.settings.trusted_header.as_ref()?;
        let named = credentials.trusted?;
        if credentials.address.is_some_and(|address| self.settings.believes(address)) {
            return Some(named);
        }
        // Whom it names is not repeated: anybody can write anything there.
        tracing::warn!(address = ?credentials.address, "a header that names a person comes from no believed proxy; ignored");
        None
    }

    async fn by_name(&self, name: &[u8], now: DateTime<Utc>) -> Result<Option<Identified>, StoreError> {
        let name = std::str::from_utf8(name).ok().and_then(|name| name.parse::<PersonName>().ok());
        let Some(name) = name else { return Ok(None) };
        // No hash of a credential looks like this.
        let key = format!("named:{name}");
        let verify = async {
            let rights = self.rights.load(Ordering::Acquire);
            let Some(person) = self.store.person(&name).await?.filter(|person| !person.disabled) else {
                return Ok(None);
            };
            let caller = Identified { access: full_access(&person), session: None };
            self.remember(&key, Known::new(rights, now, None, name, caller.clone()));
            Ok(Some(caller))
        };
        self.once_verified(&key, None, now, verify).await
    }

    async fn by_session(&self, secret: &str, now: DateTime<Utc>) -> Result<Option<Identified>, StoreError> {
        if !secrets::has_form(secret, "") {
            return Ok(None);
        }
        let hash = secrets::hash(secret);
        self.once_verified(&hash, None, now, Box::pin(self.verify_session(&hash, now))).await
    }

    async fn verify_session(&self, hash: &str, now: DateTime<Utc>) -> Result<Option<Identified>, StoreError> {
        let rights = self.rights.load(Ordering::Acquire);
        let Some((row, person)) = self.store.session(hash).await? else { return Ok(None) };
        let until = self.session_ends(&row);
        if until <= now || person.disabled {
            return Ok(None);
        }
        if row.seen_at + KNOWN_FOR <= now {
            noted(self.store.touch_session(row.id, now).await);
        }
        let caller = self.session_caller(row, &person, hash);
        self.remember(hash, Known::new(rights, now, Some(until), person.name, caller.clone()));
        Ok(Some(caller))
    }

    /// Until when a session is good if it is not used any more.
    pub(super) fn session_ends(&self, row: &SessionRow) -> DateTime<Utc> {
        let ends = row.expires_at.min(row.seen_at + self.settings.idle);
        if row.by_previous { ends.min(row.rotated_at + GRACE) } else { ends }
    }

    fn session_caller(&self, row: SessionRow, person: &PersonRow, hash: &str) -> Identified {
        let stage = self.stage(person);
        let access = if stage == Stage::Full { full_access(person) } else { Access::public() };
        let session = Session {
            due: row.rotated_at + self.settings.rotation,
            row,
            person: person.id,
            name: person.name.clone(),
            hash: hash.to_owned(),
            display_name: person.display_name.clone(),
            external: person.external,
            stage,
        };
        Identified { access, session: Some(session) }
    }

    pub(super) fn stage(&self, person: &PersonRow) -> Stage {
        let powerful =
            person.operator || person.memberships.iter().any(|m| m.roles.contains(&Role::Administrator));
        if person.must_change_password {
            Stage::PasswordDue
        } else if self.settings.require_second_factor
            && powerful
            && person.totp_secret.is_none()
            && !person.external
        {
            Stage::SecondFactorDue
        } else {
            Stage::Full
        }
    }
}

/// That something was used is worth noting, but no reason to turn anybody away.
fn noted(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::warn!(error = &error as &dyn std::error::Error, "the use of a credential cannot be noted");
    }
}

fn full_access(person: &PersonRow) -> Access {
    Access::person(Person {
        name: person.name.to_string(),
        operator: person.operator,
        memberships: person.memberships.clone(),
    })
}

/// What a token brings: what its person is at present, within its limits. A member with a role that the token leaves out
/// still reads.
fn token_access(token: &TokenRow, person: &PersonRow) -> Access {
    let within = |m: &&Membership| token.atlas.as_ref().is_none_or(|atlas| *atlas == m.atlas);
    let limited = |m: &Membership| {
        let roles =
            m.roles.iter().filter(|role| token.roles.as_ref().is_none_or(|roles| roles.contains(role)));
        Membership { roles: roles.copied().collect(), ..m.clone() }
    };
    Access::person(Person {
        name: person.name.to_string(),
        operator: person.operator && token.operator,
        memberships: person.memberships.iter().filter(within).map(limited).collect(),
    })
}
