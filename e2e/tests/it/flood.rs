//! Tens of thousands ask for a token, and one in a hundred has done what it takes.

mod asker;

use crate::shop::Shop;
use asker::{Asker, Kind};
use futures::{StreamExt, stream};
use kernel::lease::LEASE_HANDOUT_SECONDS;
use kernel::time::UnixMillis;
use kernel::token::{self, PurchaseToken};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

const VALID_PER_CENT: usize = 1;
const AT_ONCE: usize = 64;
/// Of the valid requests, so many come first: what they spent is replayed later.
const EARLY: usize = 50;
/// Of a hundred requests, so many may find the PoP's Redis too slow on a busy machine.
const SLOW_PER_CENT_MAX: usize = 5;

const QUOTA_REQUESTS: usize = 50_000;
const QUOTA: usize = 5;
const QUOTA_UNITS: u32 = 40;

const RATE_REQUESTS: usize = 10_000;
const RATE_PER_SECOND: i64 = 2;
const RATE_UNITS: u32 = 1_000;
/// Tokens are given ten seconds before their turn, so that so many can be had at once.
const AHEAD: usize = 20;

/// What else may be said to a challenge that was sent before.
const REPLAYED: [&str; 2] = ["/problems/challenge-expired", "/problems/slow-down"];

/// What came of a flood.
struct Outcome {
    tokens: Vec<PurchaseToken>,
    time: Duration,
    /// Requests at the origin meanwhile, by the metric's labels.
    at_origin: BTreeMap<String, u64>,
}

/// Sends `requests`, and checks that each is answered for what is wrong with it.
async fn flood(shop: &Shop, sale: &str, requests: usize) -> Outcome {
    let valid = requests * VALID_PER_CENT / 100;
    let mut askers = Asker::many(shop, sale, valid);
    let before = shop.origin_requests().await;
    let began = Instant::now();

    let mut answers: Vec<_> = stream::iter(&mut askers[..EARLY])
        .map(async |asker| asker.ask().await)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let askers = &askers;
    let rest = EARLY..requests;
    let rest: Vec<_> = stream::iter(rest)
        .map(async |number| {
            // The valid ones come in the first quarter, while the first leases live: one in so many
            // is the next of them, and the others go through all that is wrong.
            let (which, step) = (number - EARLY, (requests - EARLY) / (valid - EARLY) / 4);
            if which % step == 0 && EARLY + which / step < valid {
                return askers[EARLY + which / step].ask_again(Kind::Valid).await;
            }
            let kind = Kind::WRONG[number % Kind::WRONG.len()];
            askers[number % EARLY].ask_again(kind).await
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    answers.extend(rest);
    let time = began.elapsed();

    let mut by_kind = BTreeMap::<String, usize>::new();
    let (mut tokens, mut slow) = (Vec::new(), 0);
    for (kind, status, body) in &answers {
        let word = body["type"].as_str().unwrap_or("a token");
        *by_kind
            .entry(format!("{kind:?}: {status} {word}"))
            .or_default() += 1;
        match kind.problem() {
            // An instance may know a sale a moment later than another.
            _ if *status == 503 || *status == 404 => slow += 1,
            // A flood on a slow machine takes longer than a challenge lives, and what got no token
            // was not spent.
            Some(_) if *kind == Kind::Replayed && REPLAYED.contains(&word) => {}
            // Who was told to wait need not solve another.
            Some(_) if *kind == Kind::Replayed && body["token"].is_string() => {
                tokens.push(read(shop, body));
            }
            Some(problem) => assert_eq!(word, format!("/problems/{problem}"), "{kind:?} {body}"),
            None if matches!(status, 200 | 201) => tokens.push(read(shop, body)),
            None => assert_eq!((*status, word), (429, "/problems/slow-down"), "{body}"),
        }
    }
    println!(
        "{} requests in {time:?}, {:.0} a second: {by_kind:#?}",
        answers.len(),
        answers.len() as f64 / time.as_secs_f64()
    );
    assert_eq!(answers.len(), requests);
    assert!(
        slow <= requests * SLOW_PER_CENT_MAX / 100,
        "{slow} answers of 503"
    );
    let asked = answers.iter().filter(|answer| answer.0 == Kind::Valid);
    assert_eq!(asked.count(), valid);

    let mut at_origin = shop.origin_requests().await;
    for (labels, count) in &mut at_origin {
        *count -= before.get(labels).copied().unwrap_or_default();
    }
    at_origin.retain(|_, count| *count > 0);
    Outcome {
        tokens,
        time,
        at_origin,
    }
}

fn read(shop: &Shop, body: &Value) -> PurchaseToken {
    let text = body["token"].as_str().unwrap();
    let valid_at = UnixMillis(body["not_before_ms"].as_i64().unwrap());
    token::verify(&shop.pop_keys(), token::KeyVersions::FIRST, text, valid_at).unwrap()
}

fn assert_each_its_own(tokens: &[PurchaseToken]) {
    let slots: HashSet<_> = tokens.iter().map(|token| token.slot.0).collect();
    let accounts: HashSet<_> = tokens.iter().map(|token| token.account.0).collect();
    assert_eq!((slots.len(), accounts.len()), (tokens.len(), tokens.len()));
}

/// The PoP asked for itself alone, and not more often for being asked more often.
fn assert_quiet_at_origin(outcome: &Outcome) {
    println!("at the origin: {:?}", outcome.at_origin);
    let seconds = outcome.time.as_secs() + 1;
    for (labels, count) in &outcome.at_origin {
        assert!(labels.contains("/internal/"), "{labels}: {count}");
        assert!(
            *count <= 3 * seconds + 10,
            "{labels}: {count} in {seconds} s"
        );
    }
}

/// No window of any length holds more than the rate allows.
fn assert_paced(outcome: &Outcome) {
    let mut turns: Vec<UnixMillis> = outcome
        .tokens
        .iter()
        .map(|token| token.not_before)
        .collect();
    turns.sort_unstable();
    let each_ms = 1_000 / RATE_PER_SECOND;
    let gaps_ms = turns.windows(2).map(|pair| pair[1].since(pair[0]));
    for gap_ms in gaps_ms {
        assert!(gap_ms >= each_ms - 1, "{gap_ms} ms");
    }
    let (first, last) = (turns[0], turns[turns.len() - 1]);
    let seconds = last.since(first) as f64 / 1_000.0;
    println!("{} tokens over {seconds} s", turns.len());
    let most_seconds = outcome.time.as_secs_f64() + LEASE_HANDOUT_SECONDS as f64;
    assert!(
        seconds <= most_seconds + 1.0,
        "{seconds} of {most_seconds} s"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_gets_exactly_what_quota_and_rate_allow() {
    // What binds here is the quota and the rate, not how often one account may ask.
    let variables = [
        ("TOKENS_PER_ACCOUNT_PER_MINUTE", "60000"),
        ("TOKENS_PER_PREFIX_PER_MINUTE", "60000"),
    ];
    let shop = Shop::with("flood", 1, &variables);

    let sale = shop.sale(QUOTA_UNITS, 1).await;
    let outcome = flood(&shop, &sale, QUOTA_REQUESTS).await;
    assert_eq!(outcome.tokens.len(), QUOTA * QUOTA_UNITS as usize);
    assert_each_its_own(&outcome.tokens);
    assert_quiet_at_origin(&outcome);

    let rate = RATE_PER_SECOND.to_string();
    let sale = shop.sale_with(RATE_UNITS, 1, &["--rate", &rate]).await;
    let outcome = flood(&shop, &sale, RATE_REQUESTS).await;
    assert_each_its_own(&outcome.tokens);
    assert_paced(&outcome);
    assert_quiet_at_origin(&outcome);
    let early = outcome.tokens.len();
    assert!(
        early >= AHEAD,
        "{early} tokens: those who came first have one"
    );
    shop.audit();
}
