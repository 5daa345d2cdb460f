//! Faults to be planted in the world of an audit.

/// A fault, as commands; and the invariants it breaks.
pub const FAULTS: &[(&str, &[&str], &[&str])] = &[
    ("a world in order", &[], &[]),
    (
        "more units given away than there are",
        &[
            "ALTER TABLE sales DROP CONSTRAINT never_oversold",
            "UPDATE sales SET total = 2",
        ],
        &["never-oversold", "ledger-first", "books-balance"],
    ),
    (
        "a unit that Redis has twice",
        &["redis HINCRBY sale: available 1"],
        &["never-oversold", "ledger-first"],
    ),
    (
        "a reservation given back before MySQL has freed it",
        &[
            "redis HDEL sale::held :pending",
            "redis HINCRBY sale: available 2",
        ],
        &["never-oversold", "ledger-first"],
    ),
    (
        "units that Redis has lost",
        &["redis HINCRBY sale: available -1"],
        &["nothing-leaks"],
    ),
    (
        "a reservation that Redis has lost",
        &["redis HDEL sale::held :pending"],
        &["nothing-leaks"],
    ),
    (
        "a reservation that never was decided",
        &["redis HSET sale::held :undecided 3:3:1:1000:1"],
        &["nothing-leaks"],
    ),
    (
        "a reservation whose release was lost",
        &[
            "UPDATE orders SET state = 'cancelled' WHERE id = :pending",
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, :pending, 'reserved', 'available', 2, 1)",
            "UPDATE sale_accounts SET units = 0 WHERE account_id = 2",
            "UPDATE sales SET reserved = 0",
        ],
        &["nothing-leaks"],
    ),
    (
        "a release that nobody makes",
        &[
            "INSERT INTO release_outbox (sale_id, order_id, epoch, created_at_ms)
           VALUES (:sale, 5, 1, 1)",
        ],
        &["nothing-leaks"],
    ),
    (
        "a change of units that nobody finishes",
        &["INSERT INTO stock_changes VALUES (1, :sale, 'withdraw', 1, 'asked', 1)"],
        &["nothing-leaks"],
    ),
    (
        "an order that nobody expires",
        &["UPDATE orders SET expires_at_ms = 1 WHERE id = :pending"],
        &["nothing-leaks"],
    ),
    (
        "a Redis of another epoch",
        &["redis HSET sale: epoch 9"],
        &["nothing-leaks"],
    ),
    (
        "a Redis that forgot the sale",
        &["redis DEL sale:"],
        &["nothing-leaks"],
    ),
    (
        "a rebuild that does not end",
        &["redis HSET sale: state counting"],
        &["nothing-leaks"],
    ),
    (
        "a rebuild that does not begin",
        &["UPDATE sales SET rebuild_above = epoch"],
        &["nothing-leaks"],
    ),
    (
        "an order of no lease",
        &["DELETE FROM leases WHERE id = :pending"],
        &["only-tokened"],
    ),
    (
        "an order of another sale's lease",
        &["UPDATE leases SET sale_id = 1 WHERE id = :pending"],
        &["only-tokened"],
    ),
    (
        "an order outside its lease's slots",
        &["UPDATE leases SET first_slot = first_slot + 1 WHERE id = :pending"],
        &["only-tokened"],
    ),
    (
        "an order accepted twice",
        &[
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, :pending, 'available', 'reserved', 2, 1)",
        ],
        &["once", "books-balance"],
    ),
    (
        "an order ended twice",
        &[
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, :paid, 'reserved', 'sold', 1, 1)",
        ],
        &["once", "books-balance"],
    ),
    (
        "a payment acted on twice",
        &["INSERT INTO payment_events
             SELECT 'evt_again', payment_id, kind, outcome, 1 FROM payment_events"],
        &["once"],
    ),
    (
        "an order paid after its time",
        &["UPDATE orders SET expires_at_ms = 1 WHERE id = :paid"],
        &["one-clock"],
    ),
    (
        "an order expired before its time",
        &[
            "UPDATE orders SET state = 'expired' WHERE id = :pending",
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, :pending, 'reserved', 'available', 2, 1)",
            "UPDATE sale_accounts SET units = 0 WHERE account_id = 2",
            "UPDATE sales SET reserved = 0",
            "INSERT INTO release_outbox (sale_id, order_id, epoch, created_at_ms)
             VALUES (:sale, :pending, 1, 9000000000000)",
        ],
        &["one-clock"],
    ),
    (
        "a counter that was tampered with",
        &["UPDATE sales SET reserved = 1"],
        &["books-balance"],
    ),
    (
        "an entry of other units than its order",
        &[
            "UPDATE stock_entries SET units = units + 1 WHERE order_id = :pending",
            "UPDATE stock_entries SET units = units - 1
             WHERE order_id = :paid AND source = 'available'",
        ],
        &["books-balance"],
    ),
    (
        "an entry without its order",
        &[
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, 7, 'available', 'reserved', 0, 1)",
        ],
        &["books-balance"],
    ),
    (
        "an account above its limit",
        &["UPDATE sales SET limit_per_account = 1"],
        &["limit-per-account"],
    ),
    (
        "an account whose units nobody counted",
        &["DELETE FROM sale_accounts WHERE account_id = 2"],
        &["limit-per-account"],
    ),
    (
        "an order paid without money",
        &["UPDATE payments SET state = 'open'"],
        &["paid-once"],
    ),
    (
        "a payment without the provider's word",
        &["DELETE FROM payment_events"],
        &["paid-once"],
    ),
    (
        "more money on its way back than came",
        &[
            "INSERT INTO refunds (id, payment_id, order_id, provider, payment_ref, amount_minor,
                                  currency, reason, state, next_attempt_at_ms, due_at_ms,
                                  created_at_ms)
             SELECT 1, id, order_id, provider, provider_ref, amount_minor + 1, currency, 'operator',
                    'done', 1, 1, 1 FROM payments",
        ],
        &["paid-once"],
    ),
    (
        "late money that does not go back",
        &[
            "UPDATE orders SET state = 'expired', expires_at_ms = 1 WHERE id = :paid",
            "UPDATE stock_entries SET target = 'available'
             WHERE order_id = :paid AND source = 'reserved'",
            "UPDATE sale_accounts SET units = 0 WHERE account_id = 1",
            "UPDATE sales SET sold = 0",
            "INSERT INTO release_outbox (sale_id, order_id, epoch, created_at_ms)
             VALUES (:sale, :paid, 1, 9000000000000)",
        ],
        &["paid-once"],
    ),
    (
        "an order refunded without its money",
        &[
            "UPDATE orders SET state = 'refunded' WHERE id = :paid",
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, :paid, 'sold', 'available', 1, 1)",
            "UPDATE sale_accounts SET units = 0 WHERE account_id = 1",
            "UPDATE sales SET sold = 0",
            "INSERT INTO release_outbox (sale_id, order_id, epoch, created_at_ms)
             VALUES (:sale, :paid, 1, 9000000000000)",
        ],
        &["paid-once"],
    ),
    (
        "units of an order given back twice",
        &[
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, :paid, 'sold', 'available', 1, 1),
                    (:sale, :paid, 'sold', 'supply', 1, 1)",
        ],
        &["once", "books-balance"],
    ),
    (
        "money for another order",
        &["UPDATE payments SET order_id = :pending"],
        &["paid-once"],
    ),
];
