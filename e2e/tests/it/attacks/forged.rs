//! Tokens as somebody makes them who has not the key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

pub struct Forger {
    claims: Value,
}

impl Forger {
    /// With the claims of a real token.
    pub fn of(token: &str) -> Self {
        Self {
            claims: super::claims(token),
        }
    }

    /// With another claim; one that was a number stays one.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut claims = self.claims.clone();
        claims[name] = match claims[name] {
            Value::Number(_) => value.parse::<i64>().unwrap().into(),
            _ => value.into(),
        };
        Self { claims }
    }

    pub fn unsigned(&self, header: &Value) -> String {
        format!("{}.", self.message(header))
    }

    pub fn hs256(&self, header: &Value, key: &[u8]) -> String {
        let message = self.message(header);
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(message.as_bytes());
        format!("{message}.{}", BASE64.encode(mac.finalize().into_bytes()))
    }

    /// A signature of the right form, by nobody we know.
    pub fn eddsa(&self, header: &Value) -> String {
        let message = self.message(header);
        let ticket = kernel::session::Ticket {
            id: message.clone(),
            expires_at: origin::now().plus_seconds(60),
        };
        let key = kernel::session::SigningKey::from_bytes(&[66; 32]);
        let signed = kernel::session::sign_ticket(&key, &ticket);
        format!("{message}.{}", signed.rsplit('.').next().unwrap())
    }

    fn message(&self, header: &Value) -> String {
        let part = |value: &Value| BASE64.encode(value.to_string());
        format!("{}.{}", part(header), part(&self.claims))
    }
}

/// The token with one character changed in the middle of a part.
pub fn tamper(token: &str, part: usize) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let middle = parts[part].len() / 2;
    let other = if &parts[part][middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    parts[part].replace_range(middle..=middle, other);
    parts.join(".")
}
