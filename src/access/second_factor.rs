//! The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when the app is lost.

use chrono::{DateTime, Utc};
use subtle::ConstantTimeEq as _;
use totp_rs::{Algorithm, TOTP};

use crate::{
    access::{AccessError, secrets},
    domain::{PersonName, Secret},
    store::Id,
};

/// A code is good for this many seconds; those of the step before and after are taken too.
const STEP: i64 = 30;
const DIGITS: usize = 6;

/// Bytes of the secret, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;

const RECOVERY_CODES: usize = 10;

/// Letters and digits of recovery codes: those that are not taken for another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A second factor that is being set up.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The secret in base 32, for typing it.
    pub secret: Secret,
    /// The same as `otpauth://` URL, for a QR code.
    pub url: Secret,
}

/// Begins to set up a second factor. `issuer` is what the app shows beside the name.
pub(super) fn enrol(name: &PersonName, issuer: &str) -> Result<Enrolment, AccessError> {
    let mut bytes = vec![0_u8; SECRET_BYTES];
    secrets::fill(&mut bytes)?;
    let secret = totp(bytes)?.get_secret_base32();
    let (issuer, name) = (percent(issuer), percent(name.as_str()));
    let url = format!(
        "otpauth://totp/{issuer}:{name}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP}"
    );
    Ok(Enrolment { secret: Secret::new(secret), url: Secret::new(url) })
}

/// The time step that a code belongs to: the present one, the one before or the one after; `None` if the code is wrong.
pub(super) fn step_of(secret: &Secret, code: &str, now: DateTime<Utc>) -> Option<i64> {
    let bytes = totp_rs::Secret::Encoded(secret.expose().to_owned()).to_bytes().ok()?;
    let totp = totp(bytes).ok()?;
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let present = now.timestamp() / STEP;
    (present - 1..=present + 1).find(|step| {
        let seconds = u64::try_from(step * STEP).unwrap_or_default();
        totp.generate(seconds).as_bytes().ct_eq(code.as_bytes()).into()
    })
}

fn totp(secret: Vec<u8>) -> Result<TOTP, AccessError> {
    TOTP::new(Algorithm::SHA1, DIGITS, 0, STEP as u64, secret).map_err(|_| AccessError::NoRandomness)
}

/// New recovery codes, each of 80 random bits.
pub(super) fn recovery_codes() -> Result<Vec<Secret>, AccessError> {
    (0..RECOVERY_CODES).map(|_| recovery_code()).collect()
}

fn recovery_code() -> Result<Secret, AccessError> {
    let mut bytes = [0_u8; 16];
    secrets::fill(&mut bytes)?;
    let letters: Vec<u8> = bytes.iter().map(|byte| ALPHABET[usize::from(byte % 32)]).collect();
    let groups: Vec<String> =
        letters.chunks(4).map(|group| group.iter().map(|b| char::from(*b)).collect()).collect();
    Ok(Secret::new(groups.join("-")))
}

/// The hash of a recovery code of a person, however it is typed.
pub(super) fn recovery_hash(person: Id, code: &str) -> String {
    let code: String = code.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    secrets::hash(&format!("{person}:{code}"))
}

/// A text for a URL.
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B: the secret "12345678901234567890", and the last six digits of its codes for SHA-1.
        let secret = Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(step_of(&secret, code, at(seconds)), Some(seconds / 30));
        }
        assert_eq!(step_of(&secret, "287 082", at(89)), Some(1), "one step late");
        assert_eq!(step_of(&secret, "287082", at(29)), Some(1), "one step early");
        assert_eq!(step_of(&secret, "287082", at(120)), None);
        assert_eq!(step_of(&secret, "", at(59)), None);
        assert_eq!(step_of(&Secret::new("§"), "287082", at(59)), None);
    }

    #[test]
    fn an_enrolment_has_a_url_for_apps() {
        let enrolment = enrol(&"anna@kreis".parse().unwrap(), "Atlas Süd").unwrap();
        let url = enrolment.url.expose();
        assert!(url.starts_with("otpauth://totp/Atlas%20S%C3%BCd:anna%40kreis?secret="), "{url}");
        assert_eq!(enrolment.secret.expose().len(), 32);
    }

    #[test]
    fn recovery_codes_may_be_typed_in_any_way() {
        let codes = recovery_codes().unwrap();
        assert_eq!(codes.len(), 10);
        let code = codes[0].expose();
        assert_eq!(code.len(), 19, "{code}");
        assert_eq!(
            recovery_hash(7, code),
            recovery_hash(7, &format!(" {}", code.to_uppercase().replace('-', " ")))
        );
        assert_ne!(recovery_hash(7, code), recovery_hash(8, code));
    }
}
