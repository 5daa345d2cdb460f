//! Tables as full as a shop's after some sales: 2,000 sales, 20 of them running with 1,000 orders
//! each.

use crate::support::World;
use std::fmt::Write;

pub const RUNNING: u64 = 20;
pub const ORDERS_A_SALE: u64 = 1_000;
/// Sales that closed long ago.
const FORMER: u64 = 2_000;
/// The first order's id; order `n` of a running sale follows in the order of the sales.
pub const FIRST_ORDER: u64 = 1_000_000;
/// Slots of a lease, all spent.
const LEASE_SLOTS: u64 = 10;
/// Leases of a sale that live.
pub const LIVE_LEASES: u64 = 3;

/// Inserts in statements of a thousand rows.
async fn insert(world: &World, into: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.collect();
    for rows in rows.chunks(1_000) {
        let mut statement = format!("INSERT INTO {into} VALUES ");
        write!(statement, "{}", rows.join(", ")).unwrap();
        world.sql(statement).await;
    }
}

/// How order `n` stands: three of ten are pending, four paid, three have ended.
fn state(n: u64) -> &'static str {
    match n % 10 {
        0..3 => "pending_payment",
        3..7 => "paid",
        7 => "expired",
        8 => "cancelled",
        _ => "refused",
    }
}

fn orders() -> impl Iterator<Item = (u64, u64, u64)> {
    (0..RUNNING * ORDERS_A_SALE).map(|n| (n, FIRST_ORDER + n, 1 + n / ORDERS_A_SALE))
}

/// Sets of rules, and origins of which three live.
async fn flow_control(world: &World, now: i64) {
    let sets = (1..=2_000).map(|version| format!("({version}, 'ada', 'a flood', '{{}}', 1)"));
    let columns = "rule_sets (version, author, why, rules, created_at_ms)";
    insert(world, columns, sets).await;
    let origins = (0..500).map(|n| {
        let seen = if n < 3 { now + 600_000 } else { 1 };
        format!("('origin-{n}', '127.0.0.1:{n}', 7, {seen})")
    });
    let columns = "origins (id, address, applied_version, last_seen_ms)";
    insert(world, columns, origins).await;
}

pub async fn fill(world: &World) {
    let now = origin::now().0;
    world
        .sql(
            "INSERT INTO items (id, sku, title, description, attributes, list_price_minor, currency,
                                created_at_ms)
             VALUES (1, 'c-1', 'Console', 'A console', '[]', 1, 'USD', 1)"
                .into(),
        )
        .await;
    fill_images(world).await;
    let sales = "sales (id, item_id, slug, phase, price_minor, currency, total, reserved, sold,
                        limit_per_account, opens_at_ms, closes_at_ms, quota, rate_per_second,
                        payment_seconds, epoch, lobby_seed, frozen_at_ms, drawn_at_ms,
                        created_at_ms)";
    let sale = |id: u64, closes_at: i64| {
        format!(
            "({id}, 1, 'sale-{id}', 'published', 1, 'USD', 5000, 300, 400,
              1, 1, {closes_at}, 5, 9, 600, 1, REPEAT('7', 32), 1, 1, 1)"
        )
    };
    let running = (1..=RUNNING).map(|id| sale(id, now + 3_600_000));
    insert(world, sales, running).await;
    let former = (0..FORMER).map(|n| sale(100 + n, now - 864_000_000));
    insert(world, sales, former).await;
    let columns = "orders (id, sale_id, account_id, lease_id, quantity, amount_minor, currency,
                           state, created_at_ms, expires_at_ms)";
    let order = |(n, id, sale): (u64, u64, u64)| {
        let (account, lease) = (n % 5_000, 1 + n / LEASE_SLOTS);
        // Each sale has a few that are overdue.
        let expires = if n % ORDERS_A_SALE < 3 {
            1
        } else {
            now + 600_000
        };
        let state = state(n);
        format!("({id}, {sale}, {account}, {lease}, 1, 1, 'USD', '{state}', 1, {expires})")
    };
    insert(world, columns, orders().map(order)).await;
    let columns = "leases (id, sale_id, pop, generation, first_slot, slots, ends_at_ms,
                           created_at_ms)";
    let leases = (0..RUNNING * ORDERS_A_SALE / LEASE_SLOTS).map(|n| {
        let (sale, slot) = (
            1 + n * LEASE_SLOTS / ORDERS_A_SALE,
            FIRST_ORDER + n * LEASE_SLOTS,
        );
        let of_sale = n % (ORDERS_A_SALE / LEASE_SLOTS);
        let ends = if of_sale < LIVE_LEASES {
            now + 60_000
        } else {
            1
        };
        let lease = 1 + n;
        format!("({lease}, {sale}, 'pop-1', 'g', {slot}, {LEASE_SLOTS}, {ends}, 1)")
    });
    insert(world, columns, leases).await;
    flow_control(world, now).await;
    let accounts = orders().map(|(n, _, sale)| format!("({sale}, {}, 1)", n % 5_000));
    insert(
        world,
        "sale_accounts (sale_id, account_id, units)",
        accounts,
    )
    .await;
    let entries = "stock_entries (sale_id, order_id, source, target, units, created_at_ms)";
    let begun = orders().filter(|(n, ..)| state(*n) != "refused");
    let begun = begun.map(|(_, id, sale)| format!("({sale}, {id}, 'available', 'reserved', 1, 1)"));
    insert(world, entries, begun).await;
    let paid = || orders().filter(|(n, ..)| state(*n) == "paid");
    let sold = paid().map(|(_, id, sale)| format!("({sale}, {id}, 'reserved', 'sold', 1, 1)"));
    insert(world, entries, sold).await;
    fill_payments(world).await;
    let outbox = (0..2_000).map(|n| format!("({}, {}, 1, {now})", 1 + n % RUNNING, n));
    let into = "release_outbox (sale_id, order_id, epoch, created_at_ms)";
    insert(world, into, outbox).await;
    let changes = (0..2_000).map(|n| format!("({n}, {}, 'add', 1, 'done', 1)", 1 + n % RUNNING));
    let columns = "stock_changes (id, sale_id, direction, units, state, created_at_ms)";
    insert(world, columns, changes).await;
    fill_accounts(world).await;
    fill_lobbies(world).await;
    fill_told(world).await;
    let tables = "items, images, item_images, addresses, lobbies, draw_pops, pop_waiting, pops, sales, orders, leases, sale_accounts, stock_entries, payments, payment_events, refunds, \
                  release_outbox, stock_changes, accounts, notifications, webhook_deliveries";
    world.sql(format!("ANALYZE TABLE {tables}")).await;
}

async fn fill_payments(world: &World) {
    let paid = || orders().filter(|(n, ..)| state(*n) == "paid");
    let payments = paid().map(|(_, id, _)| {
        format!("({id}, {id}, 'pay_{id}', 'http://pay.test', 1, 'USD', 'paid', '', 1)")
    });
    let columns = "payments (id, order_id, provider_ref, checkout_url, amount_minor, currency,
                             state, ship_to, created_at_ms)";
    insert(world, columns, payments).await;
    let events = paid().map(|(_, id, _)| format!("('evt_{id}', {id}, 'paid', 'paid', 1)"));
    let columns = "payment_events (id, payment_id, kind, outcome, received_at_ms)";
    insert(world, columns, events).await;
    let refunds = paid().take(2_000).enumerate().map(|(n, (_, id, _))| {
        let state = if n % 100 == 0 { "pending" } else { "done" };
        format!("({id}, {id}, {id}, 'sandbox', 'pay_{id}', 1, 'USD', 'late', '{state}', 1, 1, 1, 'sandbox:pay_{id}')")
    });
    let columns = "refunds (id, payment_id, order_id, provider, payment_ref, amount_minor, currency,
                            reason, state, next_attempt_at_ms, due_at_ms, created_at_ms, automatic)";
    insert(world, columns, refunds).await;
}

async fn fill_accounts(world: &World) {
    let accounts = (0..5_000).map(|n| format!("({n}, 'shopper-{n}@shop.test', 'Ada', '', 1)"));
    let columns = "accounts (id, contact, name, password_hash, created_at_ms)";
    insert(world, columns, accounts).await;
    let addresses = (0..10_000).map(|n| format!("({n}, {}, '{{}}', 1)", n % 5_000));
    let columns = "addresses (id, account_id, address, created_at_ms)";
    insert(world, columns, addresses).await;
}

/// A thousand items, each with a picture in three widths.
async fn fill_images(world: &World) {
    let columns = "items (id, sku, title, description, attributes, list_price_minor, currency,
                          created_at_ms)";
    let items = (2..=1_000).map(|n| format!("({n}, 'c-{n}', 'Console', '', '[]', 1, 'USD', 1)"));
    insert(world, columns, items).await;
    let files = || (1..=1_000).flat_map(|n| [320, 640, 1_280].map(|width| (n, width)));
    let images = files()
        .map(|(n, width)| format!("(MD5('{n} {width}'), 'jpg', {width}, 9, REPEAT('x', 9000), 1)"));
    let columns = "images (hash, format, width, height, bytes, created_at_ms)";
    insert(world, columns, images).await;
    let of_items =
        files().map(|(n, width)| format!("({n}, 0, {width}, MD5('{n} {width}'), 'A console')"));
    let columns = "item_images (item_id, position, width, hash, alt)";
    insert(world, columns, of_items).await;
}

/// Lobbies and draws of all sales, with two PoPs each.
async fn fill_lobbies(world: &World) {
    let now = origin::now().0;
    let pops = [1, 2].map(|pop| format!("('pop-{pop}')"));
    insert(world, "pops (id)", pops.into_iter()).await;
    let all = || (1..=RUNNING).chain(100..100 + FORMER);
    let of_pops = || all().flat_map(|sale| [1, 2].map(|pop| format!("{sale}, 'pop-{pop}'")));
    let lobbies = of_pops().map(|of| format!("({of}, 'g', 0, 5)"));
    let columns = "lobbies (sale_id, pop, generation, continue_above, arrivals)";
    insert(world, columns, lobbies).await;
    let drawn = of_pops().map(|of| format!("({of}, 5, 5, REPEAT('7', 32))"));
    insert(
        world,
        "draw_pops (sale_id, pop, arrivals, size, root)",
        drawn,
    )
    .await;
    let waiting = of_pops().map(|of| format!("({of}, '1,2', {now})"));
    insert(
        world,
        "pop_waiting (sale_id, pop, places, asked_at_ms)",
        waiting,
    )
    .await;
}

/// Mails and deliveries to two subscribers: of a hundred one is due, 49 wait, and 50 are done.
async fn fill_told(world: &World) {
    let now = origin::now().0;
    let state = |n: u64| match n % 100 {
        0 => "'waiting', 1, NULL".to_owned(),
        1..50 => format!("'waiting', {}, NULL", now + 600_000),
        _ => format!("'sent', NULL, {now}"),
    };
    let mails = (0..2_000).map(|n| format!("('order-{n}-paid', {n}, 'paid', 1, {})", state(n)));
    let columns =
        "notifications (name, order_id, kind, created_at_ms, state, due_at_ms, done_at_ms)";
    insert(world, columns, mails).await;
    let columns = "webhook_deliveries (subscription_id, event_id, order_id, kind, happened_at_ms,
                                       tries_since_ms, state, due_at_ms, done_at_ms)";
    let deliveries = (0..4_000).map(|n| {
        let (subscription, event) = (1 + n % 2, n / 2);
        format!(
            "({subscription}, {event}, {event}, 'paid', 1, 1, {})",
            state(event)
        )
    });
    insert(world, columns, deliveries).await;
}
