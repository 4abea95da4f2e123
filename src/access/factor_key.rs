//! The key that second factors are stored with: whoever has a copy of the store of people has no second factor of anybody.
//!
//! The key is 32 random bytes in a file of its own, written in hexadecimal. Beside a GeoPackage it is made at the first start;
//! for PostgreSQL, which several servers may share, whoever runs them makes it. A factor is sealed by XChaCha20-Poly1305
//! together with the number of its person, so that a row cannot be given to somebody else.
//!
//! Must not know: what a second factor is. Invariant: the key is in no log, error or database.

use std::{
    fmt,
    io::{ErrorKind, Write as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};

use crate::{
    access::{AccessError, secrets},
    domain::Secret,
    store::Id,
};

/// What a sealed factor begins with. Base 32, in which factors were stored before, has no colon.
const SEALED: &str = "x1:";

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// The key that second factors are stored with.
#[derive(Clone, PartialEq, Eq)]
pub struct FactorKey([u8; KEY_BYTES]);

impl fmt::Debug for FactorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FactorKey")
    }
}

/// Why a key cannot be had. No text repeats what the file holds.
#[derive(Debug, thiserror::Error)]
pub enum FactorKeyError {
    /// The file cannot be read or made.
    #[error(
        "the key of second factors in {path} cannot be read: {source}; make one with `openssl rand -hex 32`"
    )]
    File {
        /// The file.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("{0} holds no key: it must hold 64 hexadecimal digits, as `openssl rand -hex 32` makes them")]
    NoKey(String),
    /// The operating system gives no random bytes.
    #[error("no key can be made on this machine")]
    NoRandomness,
}

impl FactorKey {
    /// A new key.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub fn random() -> Result<Self, FactorKeyError> {
        let mut bytes = [0; KEY_BYTES];
        secrets::fill(&mut bytes).map_err(|_| FactorKeyError::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// The key of a file.
    ///
    /// # Errors
    /// If it cannot be read or holds something else.
    pub fn read(path: &Path) -> Result<Self, FactorKeyError> {
        let text = std::fs::read_to_string(path).map_err(|source| file_error(path, source))?;
        blake3::Hash::from_hex(text.trim())
            .map(|bytes| Self(*bytes.as_bytes()))
            .map_err(|_| FactorKeyError::NoKey(path.display().to_string()))
    }

    /// The key of a file, which is made where there is none; only its owner may read it. Of two programs that make it at
    /// once both get the same key.
    ///
    /// # Errors
    /// As for [`FactorKey::read`]; if the file cannot be made.
    pub fn read_or_make(path: &Path) -> Result<Self, FactorKeyError> {
        if !path.exists() {
            Self::random()?.write_new(path).map_err(|source| file_error(path, source))?;
        }
        Self::read(path)
    }

    /// Writes it to a file beside and gives that the name, so that nobody reads half a key. Leaves a file that is there.
    fn write_new(&self, path: &Path) -> std::io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Temporary files are readable by their owner only, and this one stays so.
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        writeln!(file, "{}", blake3::Hash::from_bytes(self.0).to_hex())?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error),
            _ => Ok(()),
        }
    }

    /// What is stored of a person's factor.
    pub(super) fn seal(&self, person: Id, factor: &Secret) -> Result<Secret, AccessError> {
        let mut nonce = [0; NONCE_BYTES];
        secrets::fill(&mut nonce)?;
        let payload = Payload { msg: factor.expose().as_bytes(), aad: &person.to_le_bytes() };
        let sealed = XChaCha20Poly1305::new(&self.0.into())
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| AccessError::FactorKey)?;
        Ok(Secret::new(format!("{SEALED}{}", STANDARD_NO_PAD.encode([&nonce[..], &sealed].concat()))))
    }

    /// The factor of a person from what is stored.
    fn open(&self, person: Id, sealed: &str) -> Option<Secret> {
        let bytes = STANDARD_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: &person.to_le_bytes() };
        let opened = XChaCha20Poly1305::new(&self.0.into()).decrypt(&XNonce::from(*nonce), payload).ok()?;
        String::from_utf8(opened).ok().map(Secret::new)
    }
}

/// True if a factor is stored as before there was a key.
pub(super) fn is_bare(stored: &Secret) -> bool {
    !stored.expose().starts_with(SEALED)
}

/// The factor of a person from what is stored. One that was stored before there was a key is read as it is.
///
/// # Errors
/// [`AccessError::FactorKey`] if there is no key, or another one.
pub(super) fn opened(key: Option<&FactorKey>, person: Id, stored: &Secret) -> Result<Secret, AccessError> {
    let Some(sealed) = stored.expose().strip_prefix(SEALED) else { return Ok(stored.clone()) };
    key.and_then(|key| key.open(person, sealed)).ok_or(AccessError::FactorKey)
}

fn file_error(path: &Path, source: std::io::Error) -> FactorKeyError {
    FactorKeyError::File { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_opened_by_its_key_for_its_person_only() {
        let (key, other) = (FactorKey::random().unwrap(), FactorKey::random().unwrap());
        let factor = Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let sealed = key.seal(7, &factor).unwrap();
        assert!(!sealed.expose().contains(factor.expose()) && !is_bare(&sealed));
        assert_eq!(opened(Some(&key), 7, &sealed).unwrap(), factor);
        assert_ne!(key.seal(7, &factor).unwrap(), sealed, "each time with another nonce");
        for (key, person) in [(Some(&other), 7), (Some(&key), 8), (None, 7)] {
            assert!(matches!(opened(key, person, &sealed), Err(AccessError::FactorKey)));
        }
        for broken in ["x1:", "x1:AAAA", &sealed.expose()[..20], &format!("{}A", sealed.expose())] {
            assert!(opened(Some(&key), 7, &Secret::new(broken)).is_err(), "{broken}");
        }
        assert_eq!(opened(None, 7, &factor).unwrap(), factor, "stored before there was a key");
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("atlas.access.key");
        assert!(FactorKey::read(&path).is_err());
        let key = FactorKey::read_or_make(&path).unwrap();
        assert_eq!(FactorKey::read_or_make(&path).unwrap(), key);
        FactorKey::random().unwrap().write_new(&path).unwrap();
        assert_eq!(FactorKey::read(&path).unwrap(), key, "a key that is there is never replaced");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, "no key").unwrap();
        let error = FactorKey::read(&path).unwrap_err().to_string();
        assert!(error.contains("64 hexadecimal digits") && !error.contains("no key\""), "{error}");
        assert_eq!(format!("{key:?}"), "FactorKey");
    }
}
