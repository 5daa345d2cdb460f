//! Shoppers as an edge meets them: complete HTTP requests, made before the clock starts.
//!
//! Invariant: whoever asks for a token has an account, a session and a solved challenge of their
//! own; whoever forges has everything right but the one signature.

use crate::world::World;
use anyhow::Context;
use futures::{StreamExt, TryStreamExt};
use kernel::challenge::{self, Binding, Purpose};
use kernel::client_address::prefix;
use kernel::ids::{AccountId, LeaseId, OrderId, SaleId};
use kernel::keys::PopKeys;
use kernel::session::{
    SESSION_COOKIE, SESSION_LIFE_SECONDS, SealKey, Session, SigningKey, session_cookie,
    sign_session,
};
use kernel::token::{PurchaseToken, TOKEN_LIFE_SECONDS, mint};
use kernel::wire::{OrderRequest, TokenRequest};
use std::net::SocketAddr;

/// Sessions opened at the same time.
const OPENING_MAX: usize = 64;
/// The least that a proof can cost: it was paid for before, and checking costs the same.
const DIFFICULTY: u32 = 1;

/// Somebody who asks for a token.
pub struct Asking {
    /// Their account.
    pub account: AccountId,
    /// Of their solved challenge.
    pub nonce: String,
    /// The whole request.
    pub request: Vec<u8>,
}

/// Somebody who looks at a page.
pub fn visit(edge: SocketAddr, page: &str) -> Vec<u8> {
    format!("GET {page} HTTP/1.1\r\nhost: {edge}\r\n\r\n").into_bytes()
}

/// Somebody without a session who asks for a token.
pub fn nobody(edge: SocketAddr, sale: SaleId) -> Vec<u8> {
    post(edge, &tokens(sale), "", "{}")
}

/// So many who ask for a token, each for the first time.
pub async fn asking(
    world: &World,
    edge: SocketAddr,
    sale: SaleId,
    count: u32,
) -> anyhow::Result<Vec<Asking>> {
    let members = members(world, count).await?;
    members
        .into_iter()
        .map(|(account, cookie)| {
            let session = session_cookie(&cookie).context("a cookie without a session")?;
            let (nonce, answer) = solved(world, edge, sale, account, session)?;
            let body = serde_json::to_string(&TokenRequest { challenge: answer })?;
            let headers = format!("cookie: {cookie}\r\n");
            Ok(Asking {
                account,
                nonce,
                request: post(edge, &tokens(sale), &headers, &body),
            })
        })
        .collect()
}

/// Orders by signed-in members, with tokens that are ours in everything but the signature.
pub async fn forged_orders(
    world: &World,
    edge: SocketAddr,
    sale: SaleId,
    members_count: u32,
    count: u32,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let members = members(world, members_count).await?;
    let other_keys = PopKeys::derive(&world.keys.pop, &hex::encode(origin::random_bytes::<32>()))?;
    let body = serde_json::to_string(&OrderRequest {
        sale_id: sale,
        quantity: 1,
    })?;
    let now = origin::now();
    let forged = members.iter().cycle().zip(1..=u64::from(count));
    let forged = forged.map(|((account, cookie), number)| {
        let token = PurchaseToken {
            account: *account,
            sale,
            slot: OrderId(number),
            lease: LeaseId(number),
            not_before: now,
            expires_at: now.plus_seconds(TOKEN_LIFE_SECONDS),
        };
        let token = mint(&other_keys, 1, &token);
        let headers = format!("cookie: {cookie}\r\nauthorization: Bearer {token}\r\n");
        post(edge, "/api/orders", &headers, &body)
    });
    Ok(forged.collect())
}

/// Requests for a token with sessions and answers that are ours in everything but the signature.
pub fn forged_sessions(
    world: &World,
    edge: SocketAddr,
    sale: SaleId,
    count: u32,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let key = SigningKey::from_bytes(&origin::random_bytes::<32>());
    let seal = SealKey::derive(&key);
    let now = origin::now();
    let forge = |number| {
        let account = AccountId(number);
        let session = Session {
            account,
            id: hex::encode(origin::random_bytes::<16>()),
            expires_at: now.plus_seconds(SESSION_LIFE_SECONDS),
            renewable_until: now.plus_seconds(SESSION_LIFE_SECONDS),
        };
        let session = sign_session(&key, &seal, &session);
        // Right, but made for no session: the gate makes one only for a session that it checked.
        let (_, answer) = solved(world, edge, sale, account, "")?;
        let body = serde_json::to_string(&TokenRequest { challenge: answer })?;
        let headers = format!("cookie: {SESSION_COOKIE}={session}\r\n");
        Ok(post(edge, &tokens(sale), &headers, &body))
    };
    (1..=u64::from(count)).map(forge).collect()
}

/// Accounts that are signed in, and their cookies.
async fn members(world: &World, count: u32) -> anyhow::Result<Vec<(AccountId, String)>> {
    let open = async |_| {
        // Any number is an account's; the gate asks nobody whether there is a row.
        let account = AccountId(world.stores.ids.next().await?);
        let open = world.accounts.sessions().open(account).await?;
        let cookie = open.cookie.split(';').next().unwrap_or_default().to_owned();
        anyhow::Ok((account, cookie))
    };
    futures::stream::iter(0..count)
        .map(open)
        .buffer_unordered(OPENING_MAX)
        .try_collect()
        .await
}

/// The nonce and the answer of a challenge that the gate itself might have made.
fn solved(
    world: &World,
    edge: SocketAddr,
    sale: SaleId,
    account: AccountId,
    session: &str,
) -> anyhow::Result<(String, String)> {
    let prefix = prefix(edge.ip());
    let binding = Binding::new(Purpose::Token, Some(sale), Some(account), prefix);
    let binding = binding.made_for(session);
    let random = origin::random_bytes::<40>();
    let made = challenge::pow::make(&world.keys, binding, DIFFICULTY, origin::now(), &random);
    let solution = challenge::solve(&made, DIFFICULTY).context("a challenge without solution")?;
    Ok((
        hex::encode(&random[..16]),
        challenge::answer(made, solution),
    ))
}

fn tokens(sale: SaleId) -> String {
    format!("/gate/sales/{sale}/tokens")
}

fn post(edge: SocketAddr, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {edge}\r\norigin: http://{edge}\r\n{headers}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
