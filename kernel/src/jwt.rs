//! The two forms of JSON Web Token we use (RFC 7519): HS256 and EdDSA (RFC 8037), nothing else.
//!
//! Invariant: the verifier says which algorithm it expects; what the token's header says about it
//! only has to agree. So `alg` games (none, HS256 with a public key) have nothing to play with.

use crate::keys::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hmac::Mac;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The longest token we look at, in bytes.
pub(crate) const TOKEN_BYTES_MAX: usize = 1_024;

/// Why a token was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// Not three base64url parts with the header and claims we know.
    #[error("not a token of ours")]
    Malformed,
    /// The signature does not match, or the algorithm or key is not the expected one.
    #[error("the signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// It is for another audience.
    #[error("made for another purpose")]
    Audience,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
}

fn part(value: &impl Serialize) -> String {
    match serde_json::to_vec(value) {
        Ok(json) => BASE64.encode(json),
        Err(_) => unreachable!("headers and claims are plain structs"),
    }
}

fn unsigned(alg: &str, kid: &str, claims: &impl Serialize) -> String {
    let header = Header {
        alg: alg.to_owned(),
        typ: Some("JWT".to_owned()),
        kid: Some(kid.to_owned()),
    };
    format!("{}.{}", part(&header), part(claims))
}

pub(crate) fn sign_hs256(key: &[u8], kid: &str, claims: &impl Serialize) -> String {
    let message = unsigned("HS256", kid, claims);
    let mut mac = hmac(key);
    mac.update(message.as_bytes());
    format!("{message}.{}", BASE64.encode(mac.finalize().into_bytes()))
}

pub(crate) fn sign_eddsa(key: &SigningKey, kid: &str, claims: &impl Serialize) -> String {
    let message = unsigned("EdDSA", kid, claims);
    let signature = key.sign(message.as_bytes());
    format!("{message}.{}", BASE64.encode(signature.to_bytes()))
}

/// A token taken apart, its signature not yet checked.
pub(crate) struct Parts<'a> {
    header: Header,
    message: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    pub(crate) fn split(token: &'a str) -> Result<Self, BadToken> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(BadToken::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(BadToken::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(BadToken::Malformed)?;
        let signature = BASE64.decode(signature).map_err(|_| BadToken::Malformed)?;
        Ok(Self {
            header: decode(header)?,
            message,
            claims,
            signature,
        })
    }

    pub(crate) fn kid(&self) -> &str {
        self.header.kid.as_deref().unwrap_or_default()
    }

    /// What it says, its signature not looked at: for who checks the claims by other means.
    pub(crate) fn unverified<T: DeserializeOwned>(&self) -> Result<T, BadToken> {
        decode(self.claims)
    }

    pub(crate) fn verify_hs256<T: DeserializeOwned>(&self, key: &[u8]) -> Result<T, BadToken> {
        if self.header.alg != "HS256" {
            return Err(BadToken::Signature);
        }
        let mut mac = hmac(key);
        mac.update(self.message.as_bytes());
        mac.verify_slice(&self.signature)
            .map_err(|_| BadToken::Signature)?;
        decode(self.claims)
    }

    pub(crate) fn verify_eddsa<T: DeserializeOwned>(
        &self,
        key: &VerifyingKey,
    ) -> Result<T, BadToken> {
        let signature = Signature::from_slice(&self.signature).map_err(|_| BadToken::Signature)?;
        if self.header.alg != "EdDSA"
            || key
                .verify_strict(self.message.as_bytes(), &signature)
                .is_err()
        {
            return Err(BadToken::Signature);
        }
        decode(self.claims)
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, BadToken> {
    let json = BASE64.decode(part).map_err(|_| BadToken::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| BadToken::Malformed)
}
