//! Orders as a PoP's relay sends them: complete HTTP requests, made before the clock starts.
//!
//! Invariant: each is of an account, a session, a slot and a token of its own, signed by the PoP,
//! so that nothing in the origin can answer two of them with the work of one.

use crate::world::World;
use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt};
use kernel::ids::{AccountId, LeaseId, OrderId, SaleId};
use kernel::lease::{LEASE_SLOTS_MAX, LeaseRequest};
use kernel::pop_signature::{
    CLIENT_HEADER, NONCE_HEADER, POP_HEADER, SIGNATURE_HEADER, Signed, TIME_HEADER, signature,
};
use kernel::token::{PurchaseToken, TOKEN_LIFE_SECONDS, mint};
use kernel::wire::OrderRequest;
use origin::sales::Leases;

/// Sessions opened at the same time.
const OPENING_MAX: usize = 64;
const PATH: &str = "/api/orders";
const CLIENT: &str = "203.0.113.7";

/// Who will place an order: what takes time to make and stays valid for minutes.
pub struct Buyer {
    slot: OrderId,
    lease: LeaseId,
    account: AccountId,
    cookie: String,
}

/// Borrows a slot and opens a session for each of `count` buyers.
pub async fn buyers(world: &World, sale: SaleId, count: u32) -> anyhow::Result<Vec<Buyer>> {
    let slots = slots(world, sale, count).await?;
    futures::stream::iter(slots)
        .map(|(lease, slot)| async move {
            // Any number is an account's, and a slot's is used once.
            let account = AccountId(slot.0);
            let open = world.accounts.sessions().open(account).await?;
            let cookie = open.cookie.split(';').next().unwrap_or_default().to_owned();
            Ok(Buyer {
                slot,
                lease,
                account,
                cookie,
            })
        })
        .buffer_unordered(OPENING_MAX)
        .try_collect()
        .await
}

async fn slots(world: &World, sale: SaleId, count: u32) -> anyhow::Result<Vec<(LeaseId, OrderId)>> {
    let leases = Leases::default();
    let mut slots = Vec::new();
    let mut left = count;
    while left > 0 {
        let request = LeaseRequest {
            sale_id: sale,
            generation: "bench".to_owned(),
            want: left.min(LEASE_SLOTS_MAX),
            waiting: Vec::new(),
            returned: None,
        };
        let (ledger, ids) = (&world.stores.ledger, &world.stores.ids);
        let grant = leases.grant(ledger, ids, &world.keys.pop, &request).await?;
        ensure!(grant.count > 0, "the origin lends no slots");
        let first = grant.first_slot.0;
        let ids = first..first + u64::from(grant.count);
        slots.extend(ids.map(|slot| (grant.lease_id, OrderId(slot))));
        left -= grant.count;
    }
    Ok(slots)
}

/// The request of one buyer, signed now: the origin takes it for half a minute.
pub fn render(world: &World, sale: SaleId, buyer: &Buyer) -> anyhow::Result<Vec<u8>> {
    let now = origin::now();
    let token = mint(
        &world.keys,
        1,
        &PurchaseToken {
            account: buyer.account,
            sale,
            slot: buyer.slot,
            lease: buyer.lease,
            not_before: now,
            expires_at: now.plus_seconds(TOKEN_LIFE_SECONDS),
        },
    );
    let authorization = format!("Bearer {token}");
    let order = OrderRequest {
        sale_id: sale,
        quantity: 1,
    };
    let body = serde_json::to_string(&order).context("cannot write an order")?;
    let nonce = buyer.slot.to_string();
    let signed = Signed {
        time: now,
        nonce: &nonce,
        method: "POST",
        path_and_query: PATH,
        authorization: &authorization,
        client: CLIENT,
        body: body.as_bytes(),
    };
    let signature = signature(&world.keys, &signed);
    let Buyer { cookie, .. } = buyer;
    let (pop, host, length) = (&world.keys.pop, world.edge, body.len());
    let text = format!(
        "POST {PATH} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{POP_HEADER}: {pop}\r\n{TIME_HEADER}: {now}\r\n\
         {NONCE_HEADER}: {nonce}\r\n{CLIENT_HEADER}: {CLIENT}\r\n{SIGNATURE_HEADER}: {signature}\r\n\
         authorization: {authorization}\r\ncookie: {cookie}\r\n\r\n{body}",
        now = now.0,
    );
    Ok(text.into_bytes())
}
