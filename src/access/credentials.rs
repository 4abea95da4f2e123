//! What a request brings to show who is asking, and how it is read.

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};

use crate::domain::{PersonName, Secret};

/// What a request brings to show who is asking.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// Its `Authorization` header.
    pub authorization: Option<&'a [u8]>,
    /// Its `Cookie` header.
    pub cookie: Option<&'a [u8]>,
    /// The header in which a proxy names the person, if the gate has one: see `Gate::trusted_header`.
    pub trusted: Option<&'a [u8]>,
    /// Where the connection comes from.
    pub address: Option<IpAddr>,
    /// When.
    pub now: DateTime<Utc>,
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

/// An `Authorization` header that can be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Authorization {
    Bearer(Secret),
    /// A token as the password of HTTP Basic.
    Basic(PersonName, Secret),
}

impl Authorization {
    pub(super) fn read(header: &[u8]) -> Option<Self> {
        let (scheme, rest) = std::str::from_utf8(header).ok()?.trim().split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Bearer(Secret::new(rest)));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        let (name, password) = text.split_once(':')?;
        Some(Self::Basic(name.parse().ok()?, Secret::new(password)))
    }
}

/// The value of a cookie.
pub(super) fn cookie<'a>(header: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(header).ok()?;
    text.split(';').find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bearer_and_basic_are_read() {
        let secret = || Secret::new("ka_1");
        assert_eq!(Authorization::read(b"Bearer ka_1"), Some(Authorization::Bearer(secret())));
        let anna = || "anna".parse().unwrap();
        let basic = Authorization::Basic(anna(), secret());
        assert_eq!(Authorization::read(b"basic QW5uYTprYV8x"), Some(basic));
        for bad in [&b"Basic ?"[..], b"Basic YQ==", b"Digest x", b"Bearer", b"", b"\xff"] {
            assert_eq!(Authorization::read(bad), None);
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let header = b"xkommunalatlas=1; kommunalatlas2=2; kommunalatlas=3";
        assert_eq!(cookie(header, "kommunalatlas"), Some("3"));
        assert_eq!(cookie(b"kommunalatlas", "kommunalatlas"), None);
    }

    #[test]
    fn credentials_are_not_printed() {
        let now = DateTime::UNIX_EPOCH;
        let it = Credentials { authorization: Some(b"x"), cookie: None, trusted: None, address: None, now };
        assert_eq!(format!("{it:?}"), "Credentials");
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(bytes: Vec<u8>) {
            let _ = Authorization::read(&bytes);
            let _ = Authorization::read(&[b"Basic ", &*bytes].concat());
            let _ = cookie(&bytes, "kommunalatlas");
        }
    }
}
