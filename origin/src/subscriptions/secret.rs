//! What webhooks are signed with: HMAC-SHA-256 as Standard Webhooks 1.0 has it.
//!
//! Invariant: no `Debug` shows a secret; it has 24 to 64 bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

const PREFIX: &str = "whsec_";
const LENGTH: RangeInclusive<usize> = 24..=64;

/// A secret that both sides know.
#[derive(Clone)]
pub struct SigningSecret(Vec<u8>);

/// A text that is no secret.
#[derive(Debug, thiserror::Error)]
#[error("a secret is `whsec_` and the base64 of 24 to 64 bytes")]
pub struct BadSecret;

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl FromStr for SigningSecret {
    type Err = BadSecret;

    fn from_str(text: &str) -> Result<Self, BadSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(BadSecret)?;
        let bytes = BASE64.decode(encoded).map_err(|_| BadSecret)?;
        if LENGTH.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(BadSecret)
        }
    }
}

impl SigningSecret {
    /// A new one of 32 bytes.
    pub fn draw() -> Self {
        Self(crate::random_bytes::<32>().to_vec())
    }

    /// As it is handed to a subscriber.
    pub fn to_text(&self) -> String {
        format!("{PREFIX}{}", BASE64.encode(&self.0))
    }

    /// The header `webhook-signature` of a message.
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        // HMAC takes keys of any length.
        let mac = Hmac::<Sha256>::new_from_slice(&self.0);
        let mut mac = mac.unwrap_or_else(|error| unreachable!("{error}"));
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let secret: SigningSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_long_enough_and_shows_itself_to_nobody() {
        let drawn = SigningSecret::draw();
        let read: SigningSecret = drawn.to_text().parse().unwrap();
        assert_eq!(read.to_text(), drawn.to_text());
        assert_eq!(format!("{drawn:?}"), "[secret]");
        for bad in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "whsec_?",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            assert!(bad.parse::<SigningSecret>().is_err(), "{bad}");
        }
    }
}
