CREATE TABLE payments (
    id               BIGINT UNSIGNED NOT NULL,
    order_id         BIGINT UNSIGNED NOT NULL,
    provider_ref     VARCHAR(64)     NULL,
    checkout_url     VARCHAR(500)    NULL,
    amount_minor     BIGINT          NOT NULL,
    currency         CHAR(3)         NOT NULL,
    state            VARCHAR(16)     NOT NULL,
    ship_to          TEXT            NOT NULL,
    created_at_ms    BIGINT          NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY payments_order (order_id),
    UNIQUE KEY payments_provider_ref (provider_ref)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- Webhooks already acted on, so that one that comes again has no effect. `outcome` says what the
-- event did.
CREATE TABLE payment_events (
    id             VARCHAR(64) NOT NULL,
    payment_id     BIGINT UNSIGNED NULL,
    kind           VARCHAR(32) NOT NULL,
    outcome        VARCHAR(32) NOT NULL,
    received_at_ms BIGINT      NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
