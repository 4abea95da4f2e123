//! Random secrets and their hashes. Everything here has at least 80 random bits, so a plain hash keeps it.

use crate::{access::AccessError, domain::Secret};

/// What an API token begins with.
pub(super) const TOKEN_PREFIX: &str = "ka_";

/// Random bytes of a session or token: 256 bits.
const BYTES: usize = 32;

/// A new random secret that begins with `prefix`.
pub(super) fn random(prefix: &str) -> Result<Secret, AccessError> {
    let mut bytes = [0_u8; BYTES];
    fill(&mut bytes)?;
    // They are no hash, but as many bytes as one, which knows how to be printed in hexadecimal.
    let hex = blake3::Hash::from_bytes(bytes).to_hex();
    Ok(Secret::new(format!("{prefix}{hex}")))
}

pub(super) fn fill(bytes: &mut [u8]) -> Result<(), AccessError> {
    getrandom::fill(bytes).map_err(|_| AccessError::NoRandomness)
}

/// The hash by which a secret is found again.
pub(super) fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// True if a text has the form of what [`random`] makes, so that it is worth asking the database.
pub(super) fn has_form(text: &str, prefix: &str) -> bool {
    let hex = text.strip_prefix(prefix).unwrap_or_default();
    hex.len() == 2 * BYTES && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_have_their_form() {
        let (one, other) = (random(TOKEN_PREFIX).unwrap(), random(TOKEN_PREFIX).unwrap());
        assert_ne!(one, other);
        assert!(has_form(one.expose(), TOKEN_PREFIX) && !has_form(one.expose(), ""));
        assert!(!has_form("ka_", TOKEN_PREFIX) && !has_form("", ""));
    }
}
