//! Limits on attempts: account, network, sale.
//!
//! Invariant: every attempt counts against all of them in the one call that decides it, or, if one
//! is reached, against none. An IPv4 address counts as itself, an IPv6 address as its /64 and as
//! its /48, which one tenant may have all to itself.

use crate::settings::Gate;
use crate::store::key;
use kernel::client_address::{prefix, site};
use kernel::ids::{AccountId, SaleId};
use kernel::problem::{Problem, ProblemKind};
use kit::answer::{self, Answer, with_header};
use kit::pop_store::Reply;
use std::net::IpAddr;

/// All limits that an attempt counts against, in the order in which the scripts get them.
#[derive(Debug)]
pub(crate) struct Limits(Vec<Limit>);

#[derive(Debug)]
struct Limit {
    name: &'static str,
    key: String,
    per_minute: u32,
}

/// How much of the tightest limit is left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    name: &'static str,
    attempts: u32,
}

impl Limits {
    pub(crate) fn of(gate: &Gate, sale: SaleId, account: AccountId, client: IpAddr) -> Self {
        let limit = |name, what: String, per_minute| Limit {
            name,
            key: key(sale, &format!("{name}:{what}")),
            per_minute,
        };
        let mut limits = vec![
            limit("account", account.to_string(), gate.per_account),
            limit("network", prefix(client), gate.per_network),
        ];
        limits.extend(site(client).map(|site| limit("site", site, gate.per_site)));
        limits.push(limit("sale", String::new(), gate.per_sale));
        Self(limits)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|limit| limit.key.clone())
    }

    pub(crate) fn arguments(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|limit| limit.per_minute.to_string())
    }

    /// Reads `number, attempts left` at `index` of a reply; none when the limits were left out.
    pub(crate) fn left(&self, reply: &Reply, index: usize) -> Result<Option<Left>, Problem> {
        let number: usize = reply.number(index)?;
        let limit = number.checked_sub(1).and_then(|number| self.0.get(number));
        limit
            .map(|limit| {
                let attempts = reply.number(index + 1)?;
                Ok(Left {
                    name: limit.name,
                    attempts,
                })
            })
            .transpose()
    }

    /// The answer with the headers of draft-ietf-httpapi-ratelimit-headers-10.
    pub(crate) fn tell(&self, answer: Answer, left: Option<Left>) -> Answer {
        let answer = with_header(answer, "ratelimit-policy", &self.policy());
        match left {
            Some(Left { name, attempts }) => {
                with_header(answer, "ratelimit", &format!("\"{name}\";r={attempts}"))
            }
            None => answer,
        }
    }

    /// 429 for whoever reached limit `number`, from 1.
    pub(crate) fn reached(&self, number: usize, retry_ms: i64) -> Answer {
        let name = number.checked_sub(1).and_then(|number| self.0.get(number));
        let name = name.map_or("sale", |limit| limit.name);
        let retry = seconds(retry_ms);
        let problem = Problem::new(ProblemKind::SlowDown, "").retry_after(retry);
        let answer = with_header(
            answer::problem(&problem),
            "ratelimit-policy",
            &self.policy(),
        );
        with_header(answer, "ratelimit", &format!("\"{name}\";r=0;t={retry}"))
    }

    fn policy(&self) -> String {
        let policies = self.0.iter();
        let policies =
            policies.map(|limit| format!("\"{}\";q={};w=60", limit.name, limit.per_minute));
        policies.collect::<Vec<_>>().join(", ")
    }
}

/// Whole seconds, rounded up and at least one, for `Retry-After`.
pub(crate) fn seconds(ms: i64) -> u32 {
    let seconds = ms.max(1).saturating_add(999) / 1_000;
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_to_come_back_at_once() {
        let check = |ms, expected| assert_eq!(seconds(ms), expected, "{ms}");
        check(-5, 1);
        check(0, 1);
        check(1_000, 1);
        check(1_001, 2);
    }
}
