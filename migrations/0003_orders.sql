-- An order's id is the id of the slot it came from, so a retry meets the primary key.
CREATE TABLE orders (
    id             BIGINT UNSIGNED NOT NULL,
    sale_id        BIGINT UNSIGNED NOT NULL,
    account_id     BIGINT UNSIGNED NOT NULL,
    lease_id       BIGINT UNSIGNED NOT NULL,
    quantity       INT UNSIGNED    NOT NULL,
    amount_minor   BIGINT          NOT NULL,
    currency       CHAR(3)         NOT NULL,
    state          VARCHAR(16)     NOT NULL,
    reason         VARCHAR(16)     NULL,
    created_at_ms  BIGINT          NOT NULL,
    expires_at_ms  BIGINT          NULL,
    version        BIGINT UNSIGNED NOT NULL DEFAULT 1,
    PRIMARY KEY (id),
    KEY orders_account (account_id, id),
    KEY orders_state_expires (state, expires_at_ms),
    KEY orders_lease (lease_id),
    KEY orders_sale_state (sale_id, state)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- Units of a sale that an account holds: the limit's second check.
CREATE TABLE sale_accounts (
    sale_id    BIGINT UNSIGNED NOT NULL,
    account_id BIGINT UNSIGNED NOT NULL,
    units      INT UNSIGNED    NOT NULL,
    PRIMARY KEY (sale_id, account_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- Units that MySQL has committed to be free and that Redis does not know of yet. `epoch` is the
-- sale's at that moment.
CREATE TABLE release_outbox (
    id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    sale_id       BIGINT UNSIGNED NOT NULL,
    order_id      BIGINT UNSIGNED NOT NULL,
    epoch         BIGINT UNSIGNED NOT NULL,
    created_at_ms BIGINT          NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
