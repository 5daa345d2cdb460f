//! The rules that act where no operator has written any: version 0.
//!
//! Invariant: they shed nothing that a shop on one small machine can serve, and together leave the
//! PoPs' own requests room below what an origin handles at the same time.

use super::rules::{Adaptive, BreakerRule, Concurrency, Each, Limit, Mode, Period, Rate};
use super::rules::{Rule, RuleSet};

impl RuleSet {
    /// The rules of version 0.
    pub fn shipped() -> Self {
        let orders = Limit::Adaptive(Adaptive {
            initial: 200,
            min: 100,
            max: 512,
            smoothing_percent: 20,
            tolerance_percent: 150,
            frozen: false,
        });
        // Far above what a person does, below what a program that runs wild does.
        let of_account = |requests, burst| {
            let per = Period::Second;
            Limit::Rate(Rate {
                requests,
                per,
                burst,
            })
        };
        let in_flight = |in_flight| Limit::Concurrency(Concurrency { in_flight });
        let payments = Limit::Breaker(BreakerRule {
            window_ms: 10_000,
            min_calls: 20,
            error_percent: Some(50),
            slow_ms: Some(5_000),
            slow_percent: Some(80),
            open_ms: 2_000,
            probes: 3,
        });
        let reads = &["order-list", "order", "order-events"];
        let rules = vec![
            rule("place-load", &["place"], Each::All, orders),
            rule(
                "place-account",
                &["place"],
                Each::Account,
                of_account(50, 100),
            ),
            rule("reads-load", reads, Each::All, in_flight(256)),
            rule("reads-account", reads, Each::Account, of_account(100, 200)),
            // Each hashes a password, two at a time; who waits longer gives up.
            rule(
                "password-load",
                &["sign-in", "register", "password", "account-password"],
                Each::All,
                in_flight(128),
            ),
            rule("payment-breaker", &["payment"], Each::All, payments),
        ];
        Self { rules }
    }
}

fn rule(name: &str, routes: &[&str], each: Each, limit: Limit) -> Rule {
    Rule {
        name: name.to_owned(),
        routes: routes.iter().map(|route| (*route).to_owned()).collect(),
        each,
        mode: Mode::On,
        limit,
    }
}
