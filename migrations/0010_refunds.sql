-- Which provider has a payment. Its ids are compared byte by byte, and no two providers share them.
ALTER TABLE payments
    ADD COLUMN provider VARCHAR(16) NOT NULL DEFAULT 'sandbox',
    MODIFY COLUMN provider_ref VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    DROP KEY payments_provider_ref,
    ADD UNIQUE KEY payments_provider_ref (provider_ref, provider),
    ADD KEY payments_created (created_at_ms);
ALTER TABLE payment_events
    MODIFY COLUMN id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL;

-- Money on its way back: written in the transaction that finds that it must go back, and worked off
-- by the outboxes. `payment_ref` is the provider's payment that the money is taken from; `try_number`
-- makes the idempotency key of a refund that failed there and is tried anew. `automatic` names that
-- payment too where nobody asked for the refund, so that it is made once.
CREATE TABLE refunds (
    id                 BIGINT UNSIGNED NOT NULL,
    payment_id         BIGINT UNSIGNED NOT NULL,
    order_id           BIGINT UNSIGNED NOT NULL,
    provider           VARCHAR(16)     NOT NULL,
    payment_ref        VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    amount_minor       BIGINT          NOT NULL,
    currency           CHAR(3)         NOT NULL,
    reason             VARCHAR(16)     NOT NULL,
    restock            BOOLEAN         NOT NULL DEFAULT FALSE,
    state              VARCHAR(16)     NOT NULL,
    try_number         INT UNSIGNED    NOT NULL DEFAULT 1,
    attempts           INT UNSIGNED    NOT NULL DEFAULT 0,
    next_attempt_at_ms BIGINT          NOT NULL,
    due_at_ms          BIGINT          NOT NULL,
    refund_ref         VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    actor              VARCHAR(100)    NULL,
    last_error         VARCHAR(500)    NULL,
    created_at_ms      BIGINT          NOT NULL,
    done_at_ms         BIGINT          NULL,
    automatic          VARCHAR(81)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    PRIMARY KEY (id),
    UNIQUE KEY refunds_automatic (automatic),
    KEY refunds_order (order_id, state, currency, amount_minor),
    KEY refunds_state_next (state, next_attempt_at_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- What is done once a period, whichever process comes first. Who takes it puts `next_at_ms` off
-- while at it, so that another takes over if it dies.
CREATE TABLE periodic_runs (
    name       VARCHAR(32) NOT NULL,
    next_at_ms BIGINT      NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
INSERT INTO periodic_runs (name, next_at_ms) VALUES ('payments-compare', 0);
