//! A login that is under way at the provider, as the browser keeps it meanwhile.
//!
//! The server remembers nothing, so any server of the same client ends what another one began. The key of the cookie is
//! derived from the client's secret.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::domain::Secret;

/// A person has so long to sign in at the provider.
const GOOD_FOR: TimeDelta = TimeDelta::minutes(10);

/// Longest path to return to, in bytes: all of it must fit into a cookie.
const LONGEST_PATH: usize = 1024;

/// A login that is under way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    state: String,
    pub(super) nonce: String,
    /// The verifier of PKCE.
    pub(super) verifier: String,
    pub(super) return_to: String,
    /// When it was begun, in seconds since 1970.
    begun: i64,
}

/// The key that authenticates cookies.
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) fn derive(client_secret: &Secret) -> Self {
        let context = "kommunalatlas 2026-11-22 cookie of a login under way";
        Self(blake3::derive_key(context, client_secret.expose().as_bytes()))
    }
}

impl Pending {
    pub(super) fn new(state: &str, nonce: &str, verifier: &str, return_to: &str, now: DateTime<Utc>) -> Self {
        Self {
            state: state.to_owned(),
            nonce: nonce.to_owned(),
            verifier: verifier.to_owned(),
            return_to: return_to.to_owned(),
            begun: now.timestamp(),
        }
    }

    /// As the value of a cookie; `None` if it cannot be written.
    pub(super) fn seal(&self, key: &Key) -> Option<Secret> {
        let content = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).ok()?);
        let mark = blake3::keyed_hash(&key.0, content.as_bytes());
        Some(Secret::new(format!("{content}.{}", mark.to_hex())))
    }

    /// What [`Pending::seal`] wrote with the same key, not too long ago, for the login of this state.
    pub(super) fn open(cookie: &str, key: &Key, state: &str, now: DateTime<Utc>) -> Option<Self> {
        let (content, mark) = cookie.split_once('.')?;
        // Hashes are compared in constant time.
        if blake3::Hash::from_hex(mark).ok()? != blake3::keyed_hash(&key.0, content.as_bytes()) {
            return None;
        }
        let pending: Self = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(content).ok()?).ok()?;
        let same = bool::from(pending.state.as_bytes().ct_eq(state.as_bytes()));
        let age = now.timestamp().checked_sub(pending.begun)?;
        (same && (0..GOOD_FOR.num_seconds()).contains(&age)).then_some(pending)
    }
}

/// True for a path with or without a query that leads to this server whatever a browser makes of it: one slash at the
/// beginning, no backslash, nothing that would have to be escaped.
pub(super) fn is_path(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&b);
    text.starts_with('/') && !text.starts_with("//") && text.len() <= LONGEST_PATH && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-01-02T12:00:00Z".parse().unwrap()
    }

    fn key(secret: &str) -> Key {
        Key::derive(&Secret::new(secret))
    }

    fn sealed() -> (Pending, Secret) {
        let pending = Pending::new("state", "nonce", "verifier", "/a?x=1", noon());
        let cookie = pending.seal(&key("one")).unwrap();
        (pending, cookie)
    }

    #[test]
    fn a_login_comes_back_for_its_own_state_key_and_time_only() {
        let (pending, cookie) = sealed();
        let open = |key: &Key, state: &str, seconds: i64| {
            Pending::open(cookie.expose(), key, state, noon() + TimeDelta::seconds(seconds))
        };
        assert!(open(&key("one"), "state", 599) == Some(pending));
        assert!(open(&key("two"), "state", 0).is_none());
        assert!(open(&key("one"), "other", 0).is_none() && open(&key("one"), "", 0).is_none());
        assert!(open(&key("one"), "state", 600).is_none() && open(&key("one"), "state", -1).is_none());
    }

    #[test]
    fn a_changed_cookie_is_refused() {
        let (_, cookie) = sealed();
        for at in 0..cookie.expose().len() {
            let mut bytes = cookie.expose().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(Pending::open(&changed, &key("one"), "state", noon()).is_none(), "byte {at}");
        }
    }

    #[test]
    fn only_paths_of_this_server_are_returned_to() {
        for good in ["/", "/a", "/karten/a?level=l&period=2020#map=9/53.1/11.2", "/a/%C3%A4"] {
            assert!(is_path(good), "{good}");
        }
        let long = format!("/{}", "a".repeat(LONGEST_PATH));
        for bad in [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example",
            ".evil",
            "/\tevil",
            "/ a",
            "/\r\nSet-Cookie: a=b",
            "/ä",
            "@evil.example",
            &long,
        ] {
            assert!(!is_path(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_cookie_is_read_or_refused(cookie in ".{0,100}", state in ".{0,10}") {
            prop_assert!(Pending::open(&cookie, &key("one"), &state, noon()).is_none());
        }
    }
}
