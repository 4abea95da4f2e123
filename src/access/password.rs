//! Passwords: which ones are good enough, and how they are verified.
//!
//! Invariant: every verification costs the same, also of a person that does not exist.

use std::sync::atomic::{AtomicU64, Ordering};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use crate::{
    access::AccessError,
    domain::{PersonName, Secret},
};

/// Cost of argon2id: 19 MiB, two passes, one lane, which OWASP's Password Storage Cheat Sheet recommends at least.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What is verified for somebody who does not exist: a hash of the same cost that no password has.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LW5vYm9keS1ubw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Verifications that run at once; each takes a thread and 19 MiB.
const AT_ONCE: usize = 2;

/// Least number of characters.
const LEAST: usize = 12;

/// Largest number of bytes.
const MOST: usize = 1024;

/// The commonest passwords that are long enough, in lower case.
const COMMON: &str = include_str!("common_passwords.txt");

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRule {
    /// It is too short.
    #[error("a password has at least 12 characters")]
    TooShort,
    /// It is too long.
    #[error("a password has at most 1024 bytes")]
    TooLong,
    /// It is little more than the name.
    #[error("a password is not the user name with something added")]
    IsName,
    /// Everybody tries it first.
    #[error("this password is one of those that are tried first")]
    Common,
}

/// Checks a new password: long enough, not the name, not one of the commonest. There are no rules about kinds of
/// characters.
///
/// # Errors
/// With the first rule that it breaks.
pub fn check_password(name: &PersonName, password: &Secret) -> Result<(), PasswordRule> {
    let text = password.expose();
    if text.len() > MOST {
        return Err(PasswordRule::TooLong);
    }
    if text.chars().count() < LEAST {
        return Err(PasswordRule::TooShort);
    }
    let lower = text.to_lowercase();
    if lower.replace(name.as_str(), "").chars().count() < LEAST / 2 {
        return Err(PasswordRule::IsName);
    }
    let mut distinct: Vec<char> = lower.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let trivial = distinct.len() < 4 || COMMON.lines().any(|common| common == lower);
    if trivial { Err(PasswordRule::Common) } else { Ok(()) }
}

/// Hashes and verifies passwords, few at a time.
#[derive(Debug)]
pub(super) struct Hasher {
    permits: Semaphore,
    verifications: AtomicU64,
}

impl Hasher {
    pub(super) fn new() -> Self {
        Self { permits: Semaphore::new(AT_ONCE), verifications: AtomicU64::new(0) }
    }

    /// How many verifications there were.
    pub(super) fn verifications(&self) -> u64 {
        self.verifications.load(Ordering::Relaxed)
    }

    pub(super) async fn hash(&self, password: &Secret) -> Result<Secret, AccessError> {
        let _permit = self.permits.acquire().await.map_err(|_| AccessError::Stopping)?;
        let password = password.clone();
        let hash = tokio::task::spawn_blocking(move || {
            let hash = argon2()?.hash_password(password.expose().as_bytes()).ok()?;
            Some(Secret::new(hash.to_string()))
        });
        hash.await.map_err(|_| AccessError::Stopping)?.ok_or(AccessError::NoRandomness)
    }

    /// True if the password has this hash. Without a hash the same work is done, and the answer is no.
    pub(super) async fn verify(&self, hash: Option<&Secret>, password: &Secret) -> Result<bool, AccessError> {
        let _permit = self.permits.acquire().await.map_err(|_| AccessError::Stopping)?;
        self.verifications.fetch_add(1, Ordering::Relaxed);
        let known = hash.is_some();
        let hash = hash.map_or_else(|| NOBODY.to_owned(), |hash| hash.expose().to_owned());
        let password = password.clone();
        let right = tokio::task::spawn_blocking(move || {
            let text = password.expose().as_bytes();
            let text = text.get(..MOST).unwrap_or(text);
            let hash = PasswordHash::new(&hash).ok()?;
            argon2()?.verify_password(text, &hash).ok()
        });
        Ok(right.await.map_err(|_| AccessError::Stopping)?.is_some() && known)
    }
}

fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(password: &str) -> Result<(), PasswordRule> {
        check_password(&"anna.meier".parse().unwrap(), &Secret::new(password))
    }

    #[test]
    fn length_counts_and_nothing_about_kinds_of_characters() {
        assert_eq!(rule("vier bunte esel"), Ok(()));
        assert_eq!(rule("über-öde äpfel"), Ok(()));
        assert_eq!(rule("elf zeichen"), Err(PasswordRule::TooShort));
        assert_eq!(rule(&"lang".repeat(300)), Err(PasswordRule::TooLong));
    }

    #[test]
    fn the_name_and_what_everybody_tries_are_refused() {
        assert_eq!(rule("Anna.Meier2026"), Err(PasswordRule::IsName));
        assert_eq!(rule("anna.meieranna.meier"), Err(PasswordRule::IsName));
        for common in ["passwort1234", "Password1234", "123456789012", "aaaaaaaaaaaa", "ababababababab"] {
            assert_eq!(rule(common), Err(PasswordRule::Common), "{common}");
        }
    }

    #[tokio::test]
    async fn a_password_is_verified_and_nobody_costs_a_verification_too() {
        let hasher = Hasher::new();
        let (right, wrong) = (Secret::new("vier bunte esel"), Secret::new("fünf bunte esel"));
        let hash = hasher.hash(&right).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hasher.verify(Some(&hash), &right).await.unwrap());
        assert!(!hasher.verify(Some(&hash), &wrong).await.unwrap());
        assert!(!hasher.verify(None, &right).await.unwrap());
        assert_eq!(hasher.verifications(), 3);
    }

    #[test]
    fn the_hash_of_nobody_costs_what_a_new_hash_costs() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let params = Params::try_from(&nobody).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (MEMORY_KIB, PASSES, LANES));
        assert_eq!(nobody.hash.unwrap().len(), 32);
    }
}
