//! The `pow` challenge: a proof of work in ALTCHA's v2 format, deterministic mode.
//!
//! Invariant: checking costs two HMACs and no search, however hard the challenge was.
//!
//! The solver looks for the counter whose key, SHA-256(salt ‖ nonce ‖ counter as u32 big-endian),
//! begins with `keyPrefix`. The maker drew that counter itself and signed the whole key. Source:
//! ALTCHA's proof-of-work v2 as in altcha-lib 2.8.

use super::{BadAnswer, Binding, CHALLENGE_LIFE_SECONDS, Solved};
use crate::keys::{PopKeys, hmac};
use crate::time::UnixMillis;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::Mac;
use serde::{Deserialize, Serialize};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use std::ops::Range;
use subtle::ConstantTimeEq;

/// The public parameters, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameters {
    algorithm: String,
    cost: u32,
    data: Binding,
    expires_at: i64,
    key_length: u32,
    key_prefix: String,
    key_signature: String,
    nonce: String,
    salt: String,
}

/// A challenge as it goes to the solver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// What is to be solved.
    pub parameters: Parameters,
    signature: String,
}

/// What a solver found. ALTCHA's widget also sends how long it took.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Solution {
    /// The counter that makes the key.
    pub counter: u64,
    /// The whole key in hexadecimal.
    pub derived_key: String,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    challenge: Challenge,
    solution: Solution,
}

/// The randomness a challenge is made of: 16 bytes of nonce, 16 of salt, 8 for the counter.
pub type Randomness = [u8; 40];

/// Makes a challenge whose solution takes `difficulty / 2` hashes on average, `difficulty` at most.
pub fn make(
    keys: &PopKeys,
    binding: Binding,
    difficulty: u32,
    now: UnixMillis,
    random: &Randomness,
) -> Challenge {
    let (nonce, rest) = random.split_at(16);
    let (salt, draw) = rest.split_at(16);
    let draw = draw
        .iter()
        .fold(0_u64, |draw, byte| draw << 8 | u64::from(*byte));
    // Multiply and shift: even to within 2^-32, which nobody can exploit.
    let counter = (u128::from(draw) * u128::from(difficulty.max(1))) >> 64;
    let counter = u32::try_from(counter).unwrap_or(u32::MAX);
    let key = derive_key(salt, nonce, counter);
    let parameters = Parameters {
        algorithm: "SHA-256".to_owned(),
        cost: 1,
        data: binding,
        expires_at: now.plus_seconds(CHALLENGE_LIFE_SECONDS).seconds(),
        key_length: 32,
        key_prefix: hex::encode(&key[..16]),
        key_signature: hex::encode(hmac_of(&keys.challenge_key, &key)),
        nonce: hex::encode(nonce),
        salt: hex::encode(salt),
    };
    let signature = hex::encode(sign_parameters(keys, &parameters));
    Challenge {
        parameters,
        signature,
    }
}

/// Checks an answer (base64 of challenge and solution) against what it must be bound to.
pub fn verify(
    keys: &PopKeys,
    answer: &str,
    binding: &Binding,
    now: UnixMillis,
) -> Result<Solved, BadAnswer> {
    let json = BASE64.decode(answer).map_err(|_| BadAnswer::Wrong)?;
    let Answer {
        challenge,
        solution,
    } = serde_json::from_slice(&json).map_err(|_| BadAnswer::Wrong)?;
    let Challenge {
        parameters,
        signature,
    } = challenge;

    let signed = same(&signature, &sign_parameters(keys, &parameters));
    let key = hex::decode(&solution.derived_key).map_err(|_| BadAnswer::Wrong)?;
    let solved = same(
        &parameters.key_signature,
        &hmac_of(&keys.challenge_key, &key),
    );
    if !signed || !solved || !parameters.data.is_good_for(binding) {
        return Err(BadAnswer::Wrong);
    }
    let expires_at = UnixMillis::from_seconds(parameters.expires_at);
    if now >= expires_at {
        return Err(BadAnswer::Expired);
    }
    Ok(Solved {
        nonce: parameters.nonce,
        expires_at,
        made_for: parameters.data.session,
    })
}

/// A search that can be run in slices.
#[derive(Debug)]
pub struct Search {
    /// Salt, nonce, room for the counter, and the padding of FIPS 180-4: with ALTCHA's lengths one
    /// block of SHA-256, and so a third cheaper than hashing a text of any length.
    block: [u8; BLOCK],
    counter_at: usize,
    prefix: Vec<u8>,
}

const BLOCK: usize = 64;
/// What padding needs at the least: a bit, and the length.
const PADDING: usize = 9;
/// The state SHA-256 begins with.
const BEGIN: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

impl Search {
    /// What these parameters ask for; `None` if it is not what [`make`] makes.
    pub fn of(parameters: &Parameters) -> Option<Self> {
        let Parameters {
            algorithm,
            cost: 1,
            key_length: 32,
            key_prefix,
            nonce,
            salt,
            ..
        } = parameters
        else {
            return None;
        };
        if algorithm != "SHA-256" {
            return None;
        }
        let message = [hex::decode(salt).ok()?, hex::decode(nonce).ok()?].concat();
        let counter_at = message.len();
        let length = counter_at + 4;
        if length + PADDING > BLOCK {
            return None;
        }
        let mut block = [0; BLOCK];
        block[..counter_at].copy_from_slice(&message);
        block[length] = 0x80;
        block[BLOCK - 8..].copy_from_slice(&(length as u64 * 8).to_be_bytes());
        Some(Self {
            block,
            counter_at,
            prefix: hex::decode(key_prefix).ok()?,
        })
    }

    /// Tries these counters.
    pub fn run(&self, counters: Range<u32>) -> Option<Solution> {
        let mut block = self.block;
        for counter in counters {
            block[self.counter_at..self.counter_at + 4].copy_from_slice(&counter.to_be_bytes());
            let mut words = BEGIN;
            compress256(&mut words, &[block]);
            let mut key = [0; 32];
            for (bytes, word) in key.chunks_exact_mut(4).zip(words) {
                bytes.copy_from_slice(&word.to_be_bytes());
            }
            if key.starts_with(&self.prefix) {
                return Some(Solution {
                    counter: u64::from(counter),
                    derived_key: hex::encode(key),
                });
            }
        }
        None
    }
}

/// Solves a challenge by trying counters from 0; `None` if none below `limit` fits. For load
/// generators and tests; a page searches in slices.
pub fn solve(challenge: &Challenge, limit: u32) -> Option<Solution> {
    Search::of(&challenge.parameters)?.run(0..limit)
}

/// The text of an answer, as it goes into the field `challenge` of a request.
pub fn answer(challenge: Challenge, solution: Solution) -> String {
    match serde_json::to_vec(&Answer {
        challenge,
        solution,
    }) {
        Ok(json) => BASE64.encode(json),
        Err(_) => unreachable!("an answer is plain data"),
    }
}

fn derive_key(salt: &[u8], nonce: &[u8], counter: u32) -> [u8; 32] {
    let hash = Sha256::new().chain_update(salt).chain_update(nonce);
    hash.chain_update(counter.to_be_bytes()).finalize().into()
}

fn sign_parameters(keys: &PopKeys, parameters: &Parameters) -> [u8; 32] {
    match serde_json::to_vec(parameters) {
        Ok(json) => hmac_of(&keys.challenge, &json),
        Err(_) => unreachable!("parameters are plain data"),
    }
}

fn hmac_of(secret: &str, message: &[u8]) -> [u8; 32] {
    let mut mac = hmac(secret.as_bytes());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn same(hex_text: &str, expected: &[u8; 32]) -> bool {
    hex::decode(hex_text).is_ok_and(|bytes| bytes.ct_eq(expected).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::Purpose;
    use crate::ids::{AccountId, SaleId};

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    fn keys() -> PopKeys {
        PopKeys::derive("pop-1", &"5a".repeat(32)).unwrap()
    }

    fn binding(purpose: Purpose) -> Binding {
        Binding::new(
            purpose,
            Some(SaleId(5)),
            Some(AccountId(6)),
            "127.0.0.1/32".into(),
        )
    }

    fn solved(purpose: Purpose) -> String {
        let challenge = make(&keys(), binding(purpose), 50, NOON, &[9; 40]);
        let solution = solve(&challenge, 50).unwrap();
        answer(challenge, solution)
    }

    #[test]
    fn a_solution_counts_for_what_it_was_made_for() {
        let answer = solved(Purpose::Token);
        let result = verify(&keys(), &answer, &binding(Purpose::Token), NOON).unwrap();
        assert_eq!(result.nonce, "09".repeat(16));
        let other = verify(&keys(), &answer, &binding(Purpose::Place), NOON);
        assert_eq!(other, Err(BadAnswer::Wrong));
    }

    #[test]
    fn a_session_is_recognised_and_binds_nobody() {
        let made = |binding: Binding| {
            let challenge = make(&keys(), binding, 50, NOON, &[9; 40]);
            let solution = solve(&challenge, 50).unwrap();
            answer(challenge, solution)
        };
        let for_one = made(binding(Purpose::Token).made_for("one"));
        let for_nobody = made(binding(Purpose::Token));
        let check = |answer: &str, asked: Binding, session: &str, expected| {
            let solved = verify(&keys(), answer, &asked, NOON).unwrap();
            assert_eq!(solved.was_made_for(session), expected, "{session}");
        };
        let token = || binding(Purpose::Token);
        check(&for_one, token(), "one", true);
        check(&for_one, token().made_for("two"), "one", true);
        check(&for_one, token().made_for("two"), "two", false);
        check(&for_nobody, token().made_for("one"), "one", false);
        check(&for_nobody, token(), "", false);
    }

    #[test]
    fn a_late_answer_is_expired_and_a_changed_one_wrong() {
        let text = solved(Purpose::Token);
        let late = NOON.plus_seconds(CHALLENGE_LIFE_SECONDS);
        let check = |text: &str, now, expected| {
            assert_eq!(
                verify(&keys(), text, &binding(Purpose::Token), now),
                Err(expected)
            );
        };
        check(&text, late, BadAnswer::Expired);
        check("", NOON, BadAnswer::Wrong);
        check("bm90IGpzb24=", NOON, BadAnswer::Wrong);
        let json = String::from_utf8(BASE64.decode(&text).unwrap()).unwrap();
        let longer = json.replace("\"expiresAt\":18", "\"expiresAt\":19");
        assert_ne!(json, longer);
        check(&BASE64.encode(longer), NOON, BadAnswer::Wrong);
    }

    #[test]
    fn the_widget_may_send_how_long_it_took() {
        let json = String::from_utf8(BASE64.decode(solved(Purpose::Code)).unwrap()).unwrap();
        let with_time = json.replace("\"counter\":", "\"time\":12.5,\"counter\":");
        let text = BASE64.encode(with_time);
        assert!(verify(&keys(), &text, &binding(Purpose::Code), NOON).is_ok());
    }

    #[test]
    fn the_counter_lies_below_the_difficulty() {
        for byte in [0_u8, 1, 127, 255] {
            let challenge = make(&keys(), binding(Purpose::Token), 20, NOON, &[byte; 40]);
            assert!(solve(&challenge, 20).is_some());
        }
    }
}
