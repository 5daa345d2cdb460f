//! How a PoP signs a request for the origin, and how the origin checks it.
//!
//! Invariant: the origin acts on nothing the signature does not cover, save what is signed itself
//! (the session in the cookie).

use crate::keys::{PopKeys, sign};
use crate::time::UnixMillis;
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Header: the PoP's id.
pub const POP_HEADER: &str = "doorbuster-pop";
/// Header: when the request was signed, Unix milliseconds.
pub const TIME_HEADER: &str = "doorbuster-time";
/// Header: random text, different in each request.
pub const NONCE_HEADER: &str = "doorbuster-nonce";
/// Header: the shopper's address; empty when the PoP asks for itself.
pub const CLIENT_HEADER: &str = "doorbuster-client";
/// Header: the signature, hexadecimal.
pub const SIGNATURE_HEADER: &str = "doorbuster-signature";
/// What all of these begin with; a relay strips what a client sends of them.
pub const HEADER_PREFIX: &str = "doorbuster-";
/// How far the signing time may lie from the origin's clock, in milliseconds.
pub const SKEW_MS_MAX: i64 = 30_000;

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// When, by the PoP's clock.
    pub time: UnixMillis,
    /// Different in each request.
    pub nonce: &'a str,
    /// `GET`, `POST`, ...
    pub method: &'a str,
    /// Path and query as sent.
    pub path_and_query: &'a str,
    /// The `authorization` header, or empty.
    pub authorization: &'a str,
    /// The shopper's address, or empty.
    pub client: &'a str,
    /// The whole body.
    pub body: &'a [u8],
}

/// Why the origin does not take a request from a PoP.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// The signature does not match.
    #[error("the PoP's signature is wrong")]
    Wrong,
    /// Signed too long ago, or in the future.
    #[error("the PoP's clock is off by more than {} s", SKEW_MS_MAX / 1_000)]
    Skew,
}

/// The value of [`SIGNATURE_HEADER`].
pub fn signature(keys: &PopKeys, request: &Signed<'_>) -> String {
    hex::encode(mac(keys, request))
}

/// Checks a signature made by the PoP that `keys` belong to.
pub fn verify(
    keys: &PopKeys,
    request: &Signed<'_>,
    signature_hex: &str,
    now: UnixMillis,
) -> Result<(), BadSignature> {
    let given = hex::decode(signature_hex).map_err(|_| BadSignature::Wrong)?;
    if !bool::from(given.ct_eq(&mac(keys, request))) {
        return Err(BadSignature::Wrong);
    }
    if now.since(request.time).abs() > SKEW_MS_MAX {
        return Err(BadSignature::Skew);
    }
    Ok(())
}

/// The value of [`SIGNATURE_HEADER`] of a request that one PoP hands on to another, `to`: Ed25519,
/// so that the snapshot can tell all PoPs how to check it.
pub fn peer_signature(keys: &PopKeys, to: &str, request: &Signed<'_>) -> String {
    let digest = peer_digest(&keys.pop, to, request);
    hex::encode(keys.peer.sign(&digest).to_bytes())
}

/// Checks a signature that the PoP `from`, whose key is `key`, made for the PoP `to`.
pub fn verify_peer(
    key: &VerifyingKey,
    (from, to): (&str, &str),
    request: &Signed<'_>,
    signature_hex: &str,
    now: UnixMillis,
) -> Result<(), BadSignature> {
    let given = hex::decode(signature_hex).map_err(|_| BadSignature::Wrong)?;
    let given = Signature::from_slice(&given).map_err(|_| BadSignature::Wrong)?;
    let digest = peer_digest(from, to, request);
    let checked = key.verify_strict(&digest, &given);
    checked.map_err(|_| BadSignature::Wrong)?;
    if now.since(request.time).abs() > SKEW_MS_MAX {
        return Err(BadSignature::Skew);
    }
    Ok(())
}

/// The receiver stands where a key does elsewhere: it is a name, and the secret is in Ed25519.
fn peer_digest(from: &str, to: &str, request: &Signed<'_>) -> [u8; 32] {
    let time = request.time.0.to_be_bytes();
    let body = Sha256::digest(request.body);
    sign(to.as_bytes(), &fields(from, request, &time, &body))
}

fn mac(keys: &PopKeys, request: &Signed<'_>) -> [u8; 32] {
    let time = request.time.0.to_be_bytes();
    let body = Sha256::digest(request.body);
    sign(&keys.request, &fields(&keys.pop, request, &time, &body))
}

fn fields<'a>(
    from: &'a str,
    request: &Signed<'a>,
    time: &'a [u8; 8],
    body: &'a [u8],
) -> [&'a [u8]; 8] {
    [
        from.as_bytes(),
        time,
        request.nonce.as_bytes(),
        request.method.as_bytes(),
        request.path_and_query.as_bytes(),
        request.authorization.as_bytes(),
        request.client.as_bytes(),
        body,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    #[test]
    fn every_signed_part_counts() {
        let keys = PopKeys::derive("pop-1", &"5a".repeat(32)).unwrap();
        let request = Signed {
            time: NOON,
            nonce: "n",
            method: "POST",
            path_and_query: "/api/orders",
            authorization: "Bearer t",
            client: "127.0.0.1",
            body: b"{}",
        };
        let signed = signature(&keys, &request);
        let check = |changed: Signed<'_>, expected| {
            assert_eq!(verify(&keys, &changed, &signed, NOON), expected);
        };
        check(request, Ok(()));
        let wrong = Err(BadSignature::Wrong);
        check(
            Signed {
                method: "PUT",
                ..request
            },
            wrong,
        );
        check(
            Signed {
                path_and_query: "/api/orders?",
                ..request
            },
            Err(BadSignature::Wrong),
        );
        check(
            Signed {
                authorization: "Bearer u",
                ..request
            },
            Err(BadSignature::Wrong),
        );
        check(
            Signed {
                client: "127.0.0.2",
                ..request
            },
            Err(BadSignature::Wrong),
        );
        check(
            Signed {
                body: b"{ }",
                ..request
            },
            Err(BadSignature::Wrong),
        );
        check(
            Signed {
                time: NOON.plus_ms(1),
                ..request
            },
            Err(BadSignature::Wrong),
        );
        let late = NOON.plus_ms(SKEW_MS_MAX + 1);
        assert_eq!(
            verify(&keys, &request, &signed, late),
            Err(BadSignature::Skew)
        );
    }

    #[test]
    fn a_peers_signature_counts_for_one_sender_one_receiver_and_one_request() {
        let keys = PopKeys::derive("pop-1", &"5a".repeat(32)).unwrap();
        let request = Signed {
            time: NOON,
            nonce: "n",
            method: "POST",
            path_and_query: "/gate/sales/5/tokens",
            authorization: "",
            client: "127.0.0.1",
            body: b"{}",
        };
        let signed = peer_signature(&keys, "pop-2", &request);
        let key = keys.peer.verifying_key();
        let check = |names, request: Signed<'_>, now, expected| {
            assert_eq!(verify_peer(&key, names, &request, &signed, now), expected);
        };
        check(("pop-1", "pop-2"), request, NOON, Ok(()));
        check(("pop-1", "pop-3"), request, NOON, Err(BadSignature::Wrong));
        check(("pop-3", "pop-2"), request, NOON, Err(BadSignature::Wrong));
        let other = Signed {
            client: "127.0.0.2",
            ..request
        };
        check(("pop-1", "pop-2"), other, NOON, Err(BadSignature::Wrong));
        let late = NOON.plus_ms(SKEW_MS_MAX + 1);
        check(("pop-1", "pop-2"), request, late, Err(BadSignature::Skew));
    }
}
