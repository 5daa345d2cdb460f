//! One-time codes of an app on a phone: TOTP (RFC 6238), SHA-1, six digits, 30 seconds.
//!
//! Invariant: the database has a secret sealed alone (ChaCha20-Poly1305, the operator's name as
//! associated data): whoever reads it, or moves it to another row, has no code.

use crate::settings::AdminKey;
use kernel::time::UnixMillis;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use totp_rs::{Algorithm, Builder, Secret, Totp};

/// How long a code is shown, in seconds; those of the step before and after count too.
pub const CODE_SECONDS: u64 = 30;
/// How many steps a phone's clock may be off.
const SKEW_STEPS: u16 = 1;
/// Bytes of a secret: as many as SHA-1 gives (RFC 4226, 4).
const SECRET_LENGTH: usize = 20;
/// Bytes of the seal.
const TAG_LENGTH: usize = 16;
/// Who the app says the code is for.
const ISSUER: &str = "Doorbuster";

/// The secret behind an operator's codes.
pub struct CodeSecret {
    bytes: [u8; SECRET_LENGTH],
    name: String,
}

impl std::fmt::Debug for CodeSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl CodeSecret {
    /// A new one.
    pub fn random(name: &str) -> Self {
        Self {
            bytes: crate::random_bytes(),
            name: name.to_owned(),
        }
    }

    /// What [`Self::text`] says, as an app reads it.
    pub fn read(name: &str, text: &str) -> Option<Self> {
        let secret = Secret::try_from_base32(text).ok()?;
        Some(Self {
            bytes: secret.as_ref().try_into().ok()?,
            name: name.to_owned(),
        })
    }

    /// Nonce, secret, tag: as the database keeps it.
    pub fn seal(&self, key: &AdminKey) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = crate::random_bytes();
        let mut sealed = self.bytes;
        let aad = Aad::from(self.name.as_bytes());
        let cipher = cipher(key);
        let tag = cipher.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            aad,
            &mut sealed,
        );
        let Ok(tag) = tag else {
            unreachable!("twenty bytes are not too many to seal")
        };
        [&nonce[..], &sealed[..], tag.as_ref()].concat()
    }

    /// Opens what [`Self::seal`] made; `None` if the key or the name is another.
    pub fn open(key: &AdminKey, name: &str, sealed: &[u8]) -> Option<Self> {
        if sealed.len() != NONCE_LEN + SECRET_LENGTH + TAG_LENGTH {
            return None;
        }
        let (nonce, rest) = sealed.split_at(NONCE_LEN);
        let mut rest = rest.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = cipher(key).open_in_place(nonce, Aad::from(name.as_bytes()), &mut rest);
        let bytes = opened.ok()?;
        Some(Self {
            bytes: <[u8; SECRET_LENGTH]>::try_from(&*bytes).ok()?,
            name: name.to_owned(),
        })
    }

    /// The step whose code this is, if it is one of now.
    pub fn step_of(&self, code: &str, now: UnixMillis) -> Option<u64> {
        let now = u64::try_from(now.seconds()).ok()?;
        self.totp().check(code, now)
    }

    /// The code of an instant, for tests and for who has no app.
    pub fn code_at(&self, now: UnixMillis) -> String {
        let now = u64::try_from(now.seconds()).unwrap_or_default();
        self.totp().generate(now).to_string()
    }

    /// For people who type it: base 32.
    pub fn text(&self) -> String {
        Secret::from(self.bytes.to_vec()).to_base32()
    }

    /// For apps: `otpauth://totp/…`.
    pub fn url(&self) -> String {
        let (name, secret) = (&self.name, self.text());
        format!(
            "otpauth://totp/{ISSUER}:{name}?secret={secret}&issuer={ISSUER}&algorithm=SHA1\
             &digits=6&period={CODE_SECONDS}"
        )
    }

    fn totp(&self) -> Totp {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_skew(SKEW_STEPS)
            .with_step_duration(CODE_SECONDS)
            .with_secret(self.bytes.to_vec())
            .build_noncompliant()
    }
}

fn cipher(key: &AdminKey) -> LessSafeKey {
    match UnboundKey::new(&CHACHA20_POLY1305, &key.0) {
        Ok(key) => LessSafeKey::new(key),
        Err(_) => unreachable!("the key has 32 bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, SHA-1, the last six of its eight digits.
        let secret = CodeSecret {
            bytes: *b"12345678901234567890",
            name: "ada".into(),
        };
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (20_000_000_000, "353130"),
        ] {
            let now = UnixMillis::from_seconds(seconds);
            assert_eq!(secret.code_at(now), code);
            let step = u64::try_from(seconds).unwrap() / CODE_SECONDS;
            let check = |ms: i64, expected| {
                assert_eq!(
                    secret.step_of(code, now.plus_ms(ms)),
                    expected,
                    "{code} {ms}"
                );
            };
            check(0, Some(step));
            check(30_000, Some(step));
            check(-30_000, Some(step));
            check(90_000, None);
            check(-90_000, None);
        }
        for bad in ["", "28708", "2870822", "28708x"] {
            assert_eq!(
                secret.step_of(bad, UnixMillis::from_seconds(59)),
                None,
                "{bad}"
            );
        }
    }

    #[test]
    fn a_sealed_secret_opens_with_its_key_and_for_its_operator_alone() {
        let (key, other) = (AdminKey([1; 32]), AdminKey([2; 32]));
        let secret = CodeSecret::random("ada");
        let sealed = secret.seal(&key);
        assert!(!sealed.windows(20).any(|window| window == secret.bytes));
        let opened = CodeSecret::open(&key, "ada", &sealed).unwrap();
        assert_eq!(opened.text(), secret.text());
        assert!(CodeSecret::open(&other, "ada", &sealed).is_none());
        assert!(CodeSecret::open(&key, "eve", &sealed).is_none());
        let mut broken = sealed.clone();
        broken[20] ^= 1;
        assert!(CodeSecret::open(&key, "ada", &broken).is_none());
        assert!(CodeSecret::open(&key, "ada", &sealed[1..]).is_none());
    }
}
