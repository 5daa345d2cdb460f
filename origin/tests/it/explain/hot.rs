//! Statements that run for each request, order, lease or batch, or every second.

use super::{Case, built, known, sorted};

pub const CASES: &[Case] = &[
    // Deciding a batch.
    built(
        "SELECT id, state FROM orders WHERE id IN (1006000, 1006010, 9)",
        &[("orders", "PRIMARY")],
        6,
    ),
    known(
        "SELECT epoch, limit_per_account, price_minor, currency, payment_seconds,",
        &["7"],
        &[("sales", "PRIMARY")],
        2,
    ),
    built(
        "INSERT INTO sale_accounts (sale_id, account_id, units) VALUES (7, 1000, 1), (7, 9, 1)
         ON DUPLICATE KEY UPDATE units = units + VALUES(units)",
        &[],
        4,
    ),
    built(
        "SELECT COUNT(*) FROM sale_accounts
         WHERE sale_id = 7 AND units > 1 AND account_id IN (1000, 1001)",
        &[("sale_accounts", "PRIMARY")],
        4,
    ),
    known(
        "UPDATE sales SET reserved = reserved + ?",
        &["1", "7", "1", "1"],
        &[("sales", "PRIMARY")],
        2,
    ),
    known(
        "SELECT units FROM sale_accounts WHERE sale_id = ? AND account_id = ?",
        &["7", "1000"],
        &[("sale_accounts", "PRIMARY")],
        2,
    ),
    // Ends of orders. Each sale has three overdue, 60 in all.
    known(
        "SELECT id AS `order`, sale_id AS sale, account_id AS account, quantity AS units FROM orders \
         WHERE state = 'pending_payment' AND expires_at_ms <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) ORDER BY expires_at_ms",
        &["20"],
        &[("orders", "orders_state_expires")],
        50,
    ),
    built(
        "UPDATE orders SET version = version + 1, state = 'expired'
         WHERE state = 'pending_payment' AND id IN (1006000, 1006001)",
        &[("orders", "PRIMARY")],
        4,
    ),
    known(
        "UPDATE orders SET state = 'paid', version = version + 1",
        &["1006000"],
        &[("orders", "PRIMARY")],
        2,
    ),
    known(
        "SELECT sale_id, quantity, state FROM orders WHERE id = ? AND account_id = ? FOR UPDATE",
        &["1006000", "1000"],
        &[("orders", "PRIMARY")],
        2,
    ),
    known(
        "UPDATE sale_accounts SET units = units - ?",
        &["1", "7", "1000", "1"],
        &[("sale_accounts", "PRIMARY")],
        2,
    ),
    known(
        "FROM payments WHERE provider_ref = ? AND provider = ? FOR UPDATE",
        &["'pay_1006003'", "'sandbox'"],
        &[("payments", "payments_provider_ref")],
        2,
    ),
    known(
        "checkout_url FROM payments WHERE order_id = ?",
        &["1006003"],
        &[("payments", "payments_order")],
        2,
    ),
    // All are paid: none is to be closed.
    sorted(known(
        "FROM payments p JOIN orders o ON o.id = p.order_id",
        &["'sandbox'", "100"],
        &[("o", "PRIMARY"), ("p", "payments_unclosed")],
        4,
    )),
    // Refunds: 2,000, of which 20 are due.
    known(
        "SELECT id FROM refunds WHERE automatic = ?",
        &["'sandbox:pay_1000003'"],
        &[("refunds", "refunds_automatic")],
        2,
    ),
    sorted(known(
        "FROM refunds WHERE state IN ('pending', 'sent') AND provider = ?",
        &["'sandbox'", "32"],
        &[("refunds", "refunds_state_next")],
        70,
    )),
    known(
        "FROM refunds WHERE state IN ('pending', 'sent', 'failed')",
        &[],
        &[("refunds", "refunds_state_next")],
        60,
    ),
    sorted(known(
        "FROM refunds WHERE order_id = ? ORDER BY id",
        &["1006003"],
        &[("refunds", "refunds_order")],
        4,
    )),
    // Releases.
    built(
        "INSERT INTO release_outbox (sale_id, order_id, epoch, created_at_ms)
         SELECT orders.sale_id, orders.id, sales.epoch, 1
         FROM orders JOIN sales ON sales.id = orders.sale_id
         WHERE orders.id IN (1006000, 1006001)",
        &[("orders", "PRIMARY"), ("sales", "PRIMARY")],
        8,
    ),
    known(
        "SELECT id, sale_id, order_id, epoch, kind, units FROM release_outbox WHERE id > ? \
         ORDER BY id LIMIT ?",
        &["0", "100"],
        &[("release_outbox", "PRIMARY")],
        100,
    ),
    built(
        "DELETE FROM release_outbox WHERE id IN (1, 2, 3)",
        &[("release_outbox", "PRIMARY")],
        6,
    ),
    // Leases. Of a sale's 100 leases, 3 live, with 10 orders each.
    known(
        "pop = ? AND generation <> ?",
        &["7", "1000", "'pop-1'", "'g2'"],
        &[("leases", "leases_sale_ends")],
        12,
    ),
    known(
        "AS \"lent!: u64\" FROM leases",
        &["7", "1000"],
        &[("leases", "leases_sale_ends")],
        12,
    ),
    known(
        "AS \"spent!: u64\" FROM orders JOIN leases",
        &["7", "1000"],
        &[("leases", "leases_sale_ends"), ("orders", "orders_lease")],
        50,
    ),
    known(
        "FROM leases WHERE id = ? AND sale_id = ? AND pop = ?",
        &["601", "7", "'pop-1'"],
        &[("leases", "PRIMARY")],
        2,
    ),
    known(
        "AS \"over!: bool\" FROM leases WHERE first_slot <= ?",
        &["1006005"],
        &[("leases", "leases_first_slot")],
        2,
    ),
    known(
        "LEFT JOIN orders ON orders.id = ?",
        &["1006005", "1006005"],
        &[("leases", "leases_first_slot"), ("orders", "PRIMARY")],
        6,
    ),
    known(
        "SELECT MAX(id) AS \"last: u64\" FROM orders WHERE lease_id = ?",
        &["601"],
        &[],
        12,
    ),
    known(
        "UPDATE leases SET slots = LEAST",
        &["2", "0", "0", "601", "7", "'pop-1'", "1000"],
        &[("leases", "PRIMARY")],
        2,
    ),
    known(
        "SELECT places FROM pop_waiting",
        &["7", "'pop-1'", "0"],
        &[("pop_waiting", "PRIMARY")],
        6,
    ),
    known(
        "AS \"revoked!: bool\" FROM pops WHERE id = ?",
        &["'pop-1'"],
        &[("pops", "PRIMARY")],
        2,
    ),
    // Lobbies and draws. Each sale has those of two PoPs.
    known(
        "FROM lobbies JOIN sales ON",
        &["7", "'pop-1'"],
        &[("lobbies", "PRIMARY"), ("sales", "PRIMARY")],
        4,
    ),
    known(
        "UPDATE lobbies SET generation = ?",
        &[
            "'g'", "0", "9", "NULL", "NULL", "NULL", "NULL", "7", "'pop-1'",
        ],
        &[("lobbies", "PRIMARY")],
        2,
    ),
    built(
        "SELECT sale_id, CAST(SUM(arrivals) AS UNSIGNED) FROM lobbies WHERE sale_id IN (1, 2, 3)
         GROUP BY sale_id",
        &[("lobbies", "PRIMARY")],
        20,
    ),
    built(
        "SELECT sale_id, pop, arrivals, size, root FROM draw_pops WHERE sale_id IN (1, 2, 3)
         ORDER BY sale_id, pop",
        &[("draw_pops", "PRIMARY")],
        20,
    ),
    sorted(known(
        "AND frozen_at_ms IS NULL AND opens_at_ms <=",
        &["100"],
        &[("sales", "sales_closes")],
        100,
    )),
    sorted(known(
        "AND drawn_at_ms IS NULL AND beacon_round IS NOT NULL",
        &["60000", "100"],
        &[("sales", "sales_closes")],
        100,
    )),
    // Looking at orders. An account has four.
    known(
        "WHERE orders.id = ? AND orders.account_id = ?",
        &["1006003", "1003"],
        &[
            ("orders", "PRIMARY"),
            ("payments", "payments_order"),
            ("refunds", "refunds_order"),
            ("shipments", "PRIMARY"),
        ],
        8,
    ),
    known(
        "WHERE orders.account_id = ? AND orders.id < ? ORDER BY orders.id DESC LIMIT ?",
        &["1003", "9000000000000000000", "20"],
        &[
            ("orders", "orders_account"),
            ("payments", "payments_order"),
            ("refunds", "refunds_order"),
            ("shipments", "PRIMARY"),
        ],
        24,
    ),
    built(
        "SELECT id FROM orders WHERE id IN (1006000, 1006010, 9)",
        &[("orders", "PRIMARY")],
        6,
    ),
    built(
        "SELECT id, version FROM orders WHERE id IN (1006000, 1006010, 9)",
        &[("orders", "PRIMARY")],
        6,
    ),
    // Telling others. Of 2,000 mails 20 are due, and as many deliveries of each subscriber.
    known(
        "SELECT id, name, order_id, kind, attempts, created_at_ms FROM notifications",
        &["16"],
        &[("notifications", "notifications_due")],
        40,
    ),
    known(
        "SELECT id, event_id, order_id, kind, attempts, body, happened_at_ms, tries_since_ms",
        &["1", "8"],
        &[("webhook_deliveries", "webhook_deliveries_subscription_due")],
        20,
    ),
    known(
        "FROM orders JOIN sales ON sales.id = orders.sale_id JOIN items ON items.id = sales.item_id \
         JOIN payments",
        &["7", "'paid'", "1006500", "50"],
        &[
            ("items", "PRIMARY"),
            ("orders", "orders_sale_state"),
            ("payments", "payments_order"),
            ("sales", "PRIMARY"),
            ("shipments", "PRIMARY"),
        ],
        450,
    ),
    // The orders of a sale in pages, as a rebuild reads them.
    known(
        "SELECT id, account_id, quantity, lease_id, created_at_ms FROM orders \
         WHERE sale_id = ? AND state = ? AND id > ? ORDER BY id",
        &["7", "'paid'", "1006500", "50"],
        &[("orders", "orders_sale_state")],
        110,
    ),
    // Sales. Twenty run, 2,000 are over.
    known(
        "SELECT total, reserved, sold, quota, phase, drawn_at_ms, \
         CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AS \"now_ms!: i64\" FROM sales WHERE id = ? FOR UPDATE",
        &["7"],
        &[("sales", "PRIMARY")],
        2,
    ),
    known(
        "SELECT id, sale_id, direction, units FROM stock_changes WHERE state = 'asked'",
        &["1000"],
        &[("stock_changes", "stock_changes_state")],
        4,
    ),
    sorted(known(
        "SELECT id, epoch, phase, rebuild_above FROM sales WHERE phase <> 'draft' AND",
        &["1000"],
        &[("sales", "sales_closes")],
        100,
    )),
    sorted(known(
        "SELECT id FROM sales WHERE phase <> 'draft' AND closes_at_ms > ",
        &["1000"],
        &[("sales", "sales_closes")],
        100,
    )),
    sorted(known(
        "ORDER BY opens_at_ms, id LIMIT 1000",
        &["1000"],
        &[("sales", "sales_closes")],
        100,
    )),
    built(
        "SELECT id, sku, title, description, attributes, image_url, list_price_minor, currency,
                version, archived_at_ms
         FROM items WHERE id IN (1, 2)",
        &[("items", "PRIMARY")],
        4,
    ),
    built(
        "SELECT item_images.item_id, item_images.position, item_images.alt, images.hash,
                images.format, images.width, images.height
         FROM item_images JOIN images ON images.hash = item_images.hash
         WHERE item_images.item_id IN (1, 2)
         ORDER BY item_images.item_id, item_images.position, item_images.width",
        &[("item_images", "PRIMARY"), ("images", "PRIMARY")],
        20,
    ),
    // Flow control: there are 2,000 sets of rules; 3 origins of 500 live.
    known(
        "SELECT CAST(COALESCE((SELECT MAX(version) FROM rule_sets), 0)",
        &["5000"],
        &[("origins", "origins_last_seen")],
        8,
    ),
    known(
        "FROM rule_sets WHERE version <= ? ORDER BY version DESC LIMIT ?",
        &["1000", "10"],
        &[("rule_sets", "PRIMARY")],
        11,
    ),
    known(
        "UPDATE origins SET applied_version = ?, refused_version = ?,",
        &["7", "NULL", "'origin-7'"],
        &[("origins", "PRIMARY")],
        2,
    ),
    // Accounts.
    known(
        "FROM accounts WHERE contact = ?",
        &["'shopper-7@shop.test'"],
        &[("accounts", "accounts_contact")],
        2,
    ),
    known(
        "password_hash, language FROM accounts WHERE id = ?",
        &["7"],
        &[("accounts", "PRIMARY")],
        2,
    ),
    known(
        "FROM addresses JOIN accounts",
        &["7"],
        &[("addresses", "addresses_account"), ("accounts", "PRIMARY")],
        8,
    ),
    known(
        "SELECT payments.order_id, payments.ship_to FROM orders JOIN payments",
        &["1000", "21"],
        &[("orders", "orders_account"), ("payments", "payments_order")],
        60,
    ),
];
