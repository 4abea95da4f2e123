//! How long sessions last, who must have a second factor, and which proxies are believed.

use std::{
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use chrono::TimeDelta;

use crate::access::{FactorKey, OidcSettings};

/// Settings of the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessSettings {
    /// A session ends that is not used for so long.
    pub idle: TimeDelta,
    /// A session ends after so long, however much it is used.
    pub absolute: TimeDelta,
    /// A session gets a new secret after so long.
    pub rotation: TimeDelta,
    /// Operators and administrators do nothing before they have a second factor.
    pub require_second_factor: bool,
    /// What second factors are stored with; without it none can be set up.
    pub factor_key: Option<FactorKey>,
    /// The server is reached by https: cookies are for it only.
    pub secure: bool,
    /// Header in which a proxy names the person that it let in; `None` = no header is believed.
    pub trusted_header: Option<String>,
    /// Addresses of proxies that are believed.
    pub trusted_proxies: Vec<Network>,
    /// The identity provider that people may come in by; `None` = there is none.
    pub oidc: Option<OidcSettings>,
    /// Entries of the audit log are kept for so long; `None` = for ever.
    pub keep_log: Option<TimeDelta>,
    /// Accounts that nobody used for so long are removed; `None` = never.
    pub keep_unused_accounts: Option<TimeDelta>,
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self {
            idle: TimeDelta::minutes(30),
            absolute: TimeDelta::hours(12),
            rotation: TimeDelta::minutes(15),
            require_second_factor: false,
            factor_key: None,
            secure: false,
            trusted_header: None,
            trusted_proxies: Vec::new(),
            oidc: None,
            keep_log: None,
            keep_unused_accounts: None,
        }
    }
}

impl AccessSettings {
    /// Name of the session's cookie. Over https it has the prefix that makes browsers refuse one from elsewhere.
    pub const fn cookie_name(&self) -> &'static str {
        if self.secure { "__Host-kommunalatlas" } else { "kommunalatlas" }
    }

    /// Name of the cookie of a login that is under way at the identity provider.
    pub const fn login_cookie_name(&self) -> &'static str {
        if self.secure { "__Host-kommunalatlas-login" } else { "kommunalatlas-login" }
    }

    /// True if this address is a proxy that is believed.
    pub(super) fn believes(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(address))
    }
}

/// Addresses that begin alike: `10.0.0.0/8`, `2001:db8::/32`, or a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write an address such as 10.0.0.1 or a network such as 10.0.0.0/8")]
pub struct NetworkError;

impl Network {
    /// True if the address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let shift = |width: u8| u32::from(width - self.bits);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u32::from(own) ^ u32::from(other)).checked_shr(shift(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (u128::from(own) ^ u128::from(other)).checked_shr(shift(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), str::parse).map_err(|_| NetworkError)?;
        if bits > width {
            return Err(NetworkError);
        }
        Ok(Self { address, bits })
    }
}

/// Who comes from the same place: an IPv4 address, or an IPv6 network of 64 bits, of which a household has all. A loopback
/// address says nothing, because a proxy on this machine has it too.
pub(super) fn origin(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(address) => Some(IpAddr::V4(address)),
        IpAddr::V6(address) => Some(IpAddr::V6(Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_the_addresses_that_begin_like_it() {
        let holds = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.200.3.4") && !holds("10.0.0.0/8", "11.0.0.0"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("192.0.2.7", "::ffff:192.0.2.7"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::"));
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "::1"));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "x", "10.0.0.0/x", "::/129"] {
            assert_eq!(bad.parse::<Network>(), Err(NetworkError), "{bad}");
        }
    }

    #[test]
    fn a_household_is_one_origin_and_loopback_is_none() {
        let origin_of = |text: &str| origin(text.parse().unwrap()).map(|o| o.to_string());
        assert_eq!(origin_of("2001:db8::1:2:3:4"), Some("2001:db8::".into()));
        assert_eq!(origin_of("::ffff:192.0.2.7"), Some("192.0.2.7".into()));
        assert_eq!((origin_of("127.0.0.1"), origin_of("::1")), (None, None));
    }
}
