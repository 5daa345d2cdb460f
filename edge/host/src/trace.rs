//! `traceparent` of W3C Trace Context: every request that reaches a component has one.
//!
//! A valid one of the client is passed on as it is. Else the host makes one, not sampled, so that the
//! access log, the component and what it calls can be told to belong together. Ids need to be unique,
//! not secret.

use std::{
    cell::Cell,
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
};

use http::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// `00-<32 hex>-<16 hex>-<2 hex>`.
const LENGTH: usize = 55;

/// A trace's id in hexadecimal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TraceId([u8; 32]);

impl TraceId {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The trace that a request belongs to. One that names none, or more than one, or in a wrong way, begins
/// a trace.
pub fn ensure(headers: &mut HeaderMap) -> TraceId {
    let mut named = headers.get_all(TRACEPARENT).iter();
    if let (Some(value), None) = (named.next(), named.next())
        && let Some(id) = parse(value.as_bytes())
    {
        return id;
    }
    let (id, value) = make();
    if let Ok(value) = HeaderValue::from_bytes(&value) {
        // What belongs to another trace must not go on with this one.
        if headers.insert(TRACEPARENT, value).is_some() {
            headers.remove(TRACESTATE);
        }
    }
    id
}

/// The trace id of a valid value. Versions above 00 may have more behind the flags.
fn parse(value: &[u8]) -> Option<TraceId> {
    let head = value.get(..LENGTH)?;
    let is_longer = value.len() > LENGTH;
    let (version, trace, parent, flags) = (&head[..2], &head[3..35], &head[36..52], &head[53..]);
    let lower_hex = |part: &[u8]| {
        part.iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_valid = [2, 35, 52].iter().all(|at| head[*at] == b'-')
        && [version, trace, parent, flags].into_iter().all(lower_hex)
        && version != b"ff"
        && [trace, parent]
            .iter()
            .all(|id| id.iter().any(|byte| *byte != b'0'))
        && (!is_longer || (version != b"00" && value[LENGTH] == b'-'));
    is_valid.then(|| trace.try_into().map(TraceId).ok())?
}

fn make() -> (TraceId, [u8; LENGTH]) {
    let (first, second) = random();
    let (span, _) = random();
    let mut value = *b"00-00000000000000000000000000000000-0000000000000000-00";
    write(&mut value[3..19], first);
    write(&mut value[19..35], second);
    write(&mut value[36..52], span);
    let mut id = [0; 32];
    id.copy_from_slice(&value[3..35]);
    (TraceId(id), value)
}

/// Writes a number as sixteen hexadecimal digits.
fn write(digits: &mut [u8], number: u64) {
    for (digit, byte) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        digit[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        digit[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
}

/// Two numbers, not both used before: `SplitMix64` (Steele, Lea and Flood, 2014) of two counters that start
/// where the system says, on each thread elsewhere. Neither is zero.
fn random() -> (u64, u64) {
    thread_local! {
        static STATE: Cell<(u64, u64)> = Cell::new((seed(), seed()));
    }
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    STATE.with(|state| {
        let (first, second) = state.get();
        let (first, second) = (first.wrapping_add(STEP), second.wrapping_add(STEP));
        state.set((first, second));
        (mix(first).max(1), mix(second).max(1))
    })
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// From the system; should it have none to give, from the keys of a hash map.
fn seed() -> u64 {
    getrandom::u64().unwrap_or_else(|_| RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_valid_traceparent_is_passed_on_and_any_other_replaced() {
        fn check(values: &[&str], passes: bool) {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
            }
            headers.insert(TRACESTATE, HeaderValue::from_static("a=b"));
            let id = ensure(&mut headers);
            let all: Vec<_> = headers.get_all(TRACEPARENT).iter().collect();
            assert_eq!(all.len(), 1, "{values:?}");
            let text = all[0].to_str().unwrap();
            assert_eq!(
                text == values.first().copied().unwrap_or_default(),
                passes,
                "{values:?}"
            );
            assert_eq!(&text[3..35], id.as_str(), "{values:?}");
            assert_eq!(parse(text.as_bytes()), Some(id), "{values:?}");
            if !passes {
                assert!(text.ends_with("-00"), "not sampled: {text}");
            }
            let keeps_state = passes || values.is_empty();
            assert_eq!(headers.contains_key(TRACESTATE), keeps_state, "{values:?}");
        }
        check(&[GIVEN], true);
        check(
            &["cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"],
            true,
        );
        check(&[], false);
        check(&[""], false);
        check(&[GIVEN, GIVEN], false);
        check(&[&GIVEN.to_uppercase()], false);
        check(&[&GIVEN.replace("-01", "-1")], false);
        check(&[&format!("{GIVEN}-more")], false);
        check(&[&GIVEN.replace("00-", "ff-")], false);
        check(
            &["cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more"],
            false,
        );
        check(
            &["00-00000000000000000000000000000000-b7ad6b7169203331-01"],
            false,
        );
        check(
            &["00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"],
            false,
        );
        check(
            &["00-0af7651916cd43dd8448eb211c80319cxb7ad6b7169203331-01"],
            false,
        );
    }

    #[test]
    fn ids_are_not_made_twice() {
        let threads = (0..4)
            .map(|_| std::thread::spawn(|| -> Vec<_> { (0..1000).map(|_| make().0.0).collect() }));
        let ids: HashSet<_> = threads
            .collect::<Vec<_>>()
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        assert_eq!(ids.len(), 4000);
    }
}
