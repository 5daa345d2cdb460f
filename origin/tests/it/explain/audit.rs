//! Statements of the audit: each reads its own sale, and no other.

use super::{Case, built, known, sorted};

pub const CASES: &[Case] = &[
    known(
        "SELECT id FROM sales WHERE id < ? AND phase <> 'draft' ORDER BY id DESC",
        &["9000000000000000000", "50"],
        &[("sales", "PRIMARY")],
        60,
    ),
    // A sale has 1,000 orders, 700 of them live, 1,300 entries and 1,000 accounts.
    sorted(known(
        "SELECT sales.total, sales.reserved, sales.sold, CAST(",
        &["7", "7", "7", "7"],
        &[
            ("orders", "orders_sale_state"),
            ("sale_accounts", "PRIMARY"),
            ("sales", "PRIMARY"),
            ("stock_entries", "stock_entries_sale_order"),
        ],
        5_000,
    )),
    known(
        "SELECT total, reserved, sold, limit_per_account, epoch, rebuild_above",
        &["1000", "7"],
        &[("sales", "PRIMARY")],
        2,
    ),
    known(
        "FROM orders LEFT JOIN leases",
        &["7", "100"],
        &[("leases", "PRIMARY"), ("orders", "orders_sale_state")],
        2_100,
    ),
    known(
        "GROUP BY order_id HAVING",
        &["7", "100"],
        &[("stock_entries", "stock_entries_sale_order")],
        1_400,
    ),
    known(
        "FROM stock_entries LEFT JOIN orders",
        &["7", "5000", "100"],
        &[
            ("orders", "PRIMARY"),
            ("stock_entries", "stock_entries_sale_order"),
        ],
        2_900,
    ),
    known(
        "AS settled WHERE acted > 1",
        &["7", "100"],
        &[
            ("orders", "orders_sale_state"),
            ("payment_events", "payment_events_payment"),
            ("payments", "payments_order"),
            ("refunds", "refunds_order"),
            ("refunds", "refunds_order"),
        ],
        7_000,
    ),
    // An account has four orders over all sales.
    known(
        "AS holders WHERE units > limit_per_account",
        &["7", "100"],
        &[
            ("orders", "orders_account"),
            ("sale_accounts", "PRIMARY"),
            ("sales", "PRIMARY"),
        ],
        7_100,
    ),
    built(
        "SELECT id, state FROM orders WHERE id IN (1006000, 1006010, 9)",
        &[("orders", "PRIMARY")],
        6,
    ),
    // What waits. Nothing but 60 orders is late; 2,000 releases are new, and no change is asked for.
    known(
        "expires_at_ms < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ? LIMIT",
        &["1000", "100"],
        &[("orders", "orders_state_expires")],
        130,
    ),
    known(
        "FROM release_outbox ORDER BY id LIMIT ?) AS oldest",
        &["100", "1000"],
        &[("release_outbox", "PRIMARY")],
        320,
    ),
    known(
        "SELECT id, sale_id FROM stock_changes WHERE state = 'asked'",
        &["1000", "100"],
        &[("stock_changes", "stock_changes_state")],
        4,
    ),
];
