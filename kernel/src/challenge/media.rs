//! The `image` and `audio` challenges: six digits, drawn or spoken.
//!
//! Invariant: nothing is stored for a challenge. Its id is a sealed text of a nonce, what it is
//! bound to and its end; code, picture and sound follow from the nonce by HMAC, so that an id tells
//! nothing of its code, asking again shows the same picture, and either medium has the same code.
//!
//! A guess is right once in [`CODES`] times. It costs the challenge either way, and wrong ones are
//! counted by network: see `kit::challenge`.

use super::{BadAnswer, Binding, CHALLENGE_LIFE_SECONDS, Solved};
use crate::keys::{PopKeys, sign};
use crate::time::UnixMillis;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// How many digits a code has. Digits are what is told apart best by ear, in any accent.
pub const DIGITS: usize = 6;
/// How many codes there are.
pub const CODES: u64 = 1_000_000;

const NONCE: usize = 16;
const TAG: usize = 16;
/// End of life in Unix seconds, nonce, tag of the binding, seal.
const SEALED: usize = 8 + NONCE + TAG + TAG;

/// The randomness a challenge is made of.
pub type Randomness = [u8; NONCE];

/// What a component shows of a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The digits.
    pub code: [u8; DIGITS],
    /// What all distortions of the picture are drawn from.
    pub image_seed: [u8; 32],
    /// The same for the sound.
    pub audio_seed: [u8; 32],
    /// When it ends.
    pub expires_at: UnixMillis,
}

/// How a code is shown first; whoever has the id may ask for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// Drawn.
    Image,
    /// Spoken.
    Audio,
}

impl Medium {
    /// As it stands in addresses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
        }
    }
}

/// A challenge as it goes to the visitor, who answers `<challenge_id>.<code>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChallenge {
    /// Letters, digits, `-` and `_`.
    pub challenge_id: String,
    /// What was asked for.
    pub kind: Medium,
    /// Where it is to be seen or heard, below the site.
    pub media_url: String,
    /// When it ends.
    pub expires_at_ms: UnixMillis,
}

/// Makes a challenge.
pub fn make(
    keys: &PopKeys,
    kind: Medium,
    binding: &Binding,
    now: UnixMillis,
    nonce: &Randomness,
) -> CodeChallenge {
    let ends = now.plus_seconds(CHALLENGE_LIFE_SECONDS).seconds();
    let mut sealed = Vec::with_capacity(SEALED);
    sealed.extend(ends.to_be_bytes());
    sealed.extend(nonce);
    sealed.extend(tag(keys, binding));
    sealed.extend(seal(keys, &sealed));
    let challenge_id = BASE64.encode(sealed);
    CodeChallenge {
        media_url: format!("/gate/challenges/{challenge_id}/{}", kind.word()),
        challenge_id,
        kind,
        expires_at_ms: UnixMillis::from_seconds(ends),
    }
}

/// What to show for an id; its binding is not looked at, as a picture is worth nothing to others.
pub fn show(keys: &PopKeys, id: &str, now: UnixMillis) -> Result<Shown, BadAnswer> {
    let opened = open(keys, id, now)?;
    Ok(Shown {
        code: code(keys, &opened.nonce),
        image_seed: sign(&keys.media, &[b"image", &opened.nonce]),
        audio_seed: sign(&keys.media, &[b"audio", &opened.nonce]),
        expires_at: opened.expires_at,
    })
}

pub(super) fn verify(
    keys: &PopKeys,
    id: &str,
    answer: &str,
    binding: &Binding,
    now: UnixMillis,
) -> Result<Solved, BadAnswer> {
    let opened = open(keys, id, now)?;
    if !bool::from(opened.tag.ct_eq(&tag(keys, binding))) {
        return Err(BadAnswer::Wrong);
    }
    let solved = Solved {
        nonce: hex::encode(opened.nonce),
        expires_at: opened.expires_at,
        made_for: String::new(),
    };
    let right = digits(answer).is_some_and(|digits| {
        let code = code(keys, &opened.nonce);
        digits.ct_eq(&code).into()
    });
    if right {
        Ok(solved)
    } else {
        Err(BadAnswer::WrongCode(solved))
    }
}

struct Opened {
    nonce: [u8; NONCE],
    tag: [u8; TAG],
    expires_at: UnixMillis,
}

fn open(keys: &PopKeys, id: &str, now: UnixMillis) -> Result<Opened, BadAnswer> {
    let bytes = BASE64.decode(id).map_err(|_| BadAnswer::Wrong)?;
    let bytes: [u8; SEALED] = bytes.try_into().map_err(|_| BadAnswer::Wrong)?;
    let (said, given) = bytes.split_at(SEALED - TAG);
    if !bool::from(seal(keys, said).ct_eq(given)) {
        return Err(BadAnswer::Wrong);
    }
    let mut ends = [0; 8];
    let mut nonce = [0; NONCE];
    let mut tag = [0; TAG];
    ends.copy_from_slice(&said[..8]);
    nonce.copy_from_slice(&said[8..8 + NONCE]);
    tag.copy_from_slice(&said[8 + NONCE..]);
    let expires_at = UnixMillis::from_seconds(i64::from_be_bytes(ends));
    if now >= expires_at {
        return Err(BadAnswer::Expired);
    }
    Ok(Opened {
        nonce,
        tag,
        expires_at,
    })
}

fn tag(keys: &PopKeys, binding: &Binding) -> [u8; TAG] {
    first(
        [
            b"binding",
            binding.purpose.word().as_bytes(),
            binding.sale.as_bytes(),
            binding.account.as_bytes(),
            binding.prefix.as_bytes(),
        ]
        .as_slice(),
        keys,
    )
}

fn seal(keys: &PopKeys, said: &[u8]) -> [u8; TAG] {
    first(&[b"id", said], keys)
}

fn first(fields: &[&[u8]], keys: &PopKeys) -> [u8; TAG] {
    let mut tag = [0; TAG];
    tag.copy_from_slice(&sign(&keys.media, fields)[..TAG]);
    tag
}

fn code(keys: &PopKeys, nonce: &[u8; NONCE]) -> [u8; DIGITS] {
    let drawn = sign(&keys.media, &[b"code", nonce]);
    // 64 bits of it: even to within 10⁶ / 2⁶⁴.
    let mut rest = drawn[..8]
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        % CODES;
    let mut code = [0; DIGITS];
    for place in code.iter_mut().rev() {
        *place = u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    code
}

/// Reads what a person typed: digits, and between them blanks or hyphens.
fn digits(text: &str) -> Option<[u8; DIGITS]> {
    let mut digits = Vec::with_capacity(DIGITS);
    for letter in text.chars() {
        match letter.to_digit(10) {
            Some(digit) => digits.push(u8::try_from(digit).ok()?),
            None if letter.is_whitespace() || letter == '-' => {}
            None => return None,
        }
    }
    digits.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::{Purpose, verify};
    use crate::ids::{AccountId, SaleId};

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    fn keys() -> PopKeys {
        PopKeys::derive("pop-1", &"5a".repeat(32)).unwrap()
    }

    fn binding() -> Binding {
        bound(Purpose::Token, 5, 6, "127.0.0.1/32")
    }

    fn bound(purpose: Purpose, sale: u64, account: u64, prefix: &str) -> Binding {
        Binding::new(
            purpose,
            Some(SaleId(sale)),
            Some(AccountId(account)),
            prefix.into(),
        )
    }

    fn id() -> String {
        make(&keys(), Medium::Image, &binding(), NOON, &[7; 16]).challenge_id
    }

    fn text(code: [u8; DIGITS]) -> String {
        code.iter().map(u8::to_string).collect()
    }

    #[test]
    fn the_code_shown_is_the_answer_however_it_is_typed() {
        let id = id();
        let code = text(show(&keys(), &id, NOON).unwrap().code);
        let (left, right) = code.split_at(3);
        for typed in [
            code.clone(),
            format!(" {left} {right} "),
            format!("{left}-{right}"),
        ] {
            let solved = verify(&keys(), &format!("{id}.{typed}"), &binding(), NOON).unwrap();
            assert_eq!(solved.nonce, "07".repeat(16));
            assert_eq!(solved.expires_at, NOON.plus_seconds(CHALLENGE_LIFE_SECONDS));
        }
    }

    #[test]
    fn a_wrong_code_names_the_challenge_that_it_costs() {
        let id = id();
        let code = text(show(&keys(), &id, NOON).unwrap().code);
        let other = if code == "123456" { "123457" } else { "123456" };
        for typed in [
            other,
            "",
            "x",
            &format!("{code}0"),
            &code[1..],
            &format!("{code}."),
        ] {
            let result = verify(&keys(), &format!("{id}.{typed}"), &binding(), NOON);
            let Err(BadAnswer::WrongCode(solved)) = result else {
                panic!("{typed}: {result:?}");
            };
            assert_eq!(solved.nonce, "07".repeat(16));
        }
    }

    #[test]
    fn a_code_counts_for_what_it_was_made_for() {
        let id = id();
        let answer = format!("{id}.{}", text(show(&keys(), &id, NOON).unwrap().code));
        let check = |keys: &PopKeys, binding, now, expected| {
            assert_eq!(verify(keys, &answer, &binding, now), Err(expected));
        };
        let here = "127.0.0.1/32";
        check(
            &keys(),
            bound(Purpose::Place, 5, 6, here),
            NOON,
            BadAnswer::Wrong,
        );
        check(
            &keys(),
            bound(Purpose::Token, 4, 6, here),
            NOON,
            BadAnswer::Wrong,
        );
        check(
            &keys(),
            bound(Purpose::Token, 5, 7, here),
            NOON,
            BadAnswer::Wrong,
        );
        check(
            &keys(),
            bound(Purpose::Token, 5, 6, "127.0.0.2/32"),
            NOON,
            BadAnswer::Wrong,
        );
        let late = NOON.plus_seconds(CHALLENGE_LIFE_SECONDS);
        check(&keys(), binding(), late, BadAnswer::Expired);
        let others = PopKeys::derive("pop-2", &"5a".repeat(32)).unwrap();
        check(&others, binding(), NOON, BadAnswer::Wrong);
    }

    #[test]
    fn no_letter_of_an_id_can_be_changed() {
        let id = id();
        for place in 0..id.len() {
            let mut changed = id.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(
                show(&keys(), &changed, NOON),
                Err(BadAnswer::Wrong),
                "{place}"
            );
        }
        for other in ["", "x", &id[1..], &format!("{id}A")] {
            assert_eq!(show(&keys(), other, NOON), Err(BadAnswer::Wrong), "{other}");
        }
    }

    #[test]
    fn codes_are_spread_evenly() {
        let mut counts = [[0_u32; 10]; DIGITS];
        for number in 0..5_000_u128 {
            for (place, digit) in code(&keys(), &number.to_be_bytes()).iter().enumerate() {
                counts[place][usize::from(*digit)] += 1;
            }
        }
        // 500 expected; five standard deviations are 106.
        let all = counts.iter().flatten();
        assert!(
            all.clone().all(|count| (394..=606).contains(count)),
            "{counts:?}"
        );
    }
}
