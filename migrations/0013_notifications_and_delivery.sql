-- Mails about orders, one a row. `due_at_ms` is when it is tried next, and NULL once it is done: sent,
-- failed for good, or `no-address`. While it is `sending`, its sender has until then.
CREATE TABLE notifications (
    id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    name          VARCHAR(64)     NOT NULL,
    order_id      BIGINT UNSIGNED NOT NULL,
    kind          VARCHAR(32)     NOT NULL,
    state         VARCHAR(16)     NOT NULL DEFAULT 'waiting',
    attempts      INT UNSIGNED    NOT NULL DEFAULT 0,
    error         VARCHAR(200)    NULL,
    created_at_ms BIGINT          NOT NULL,
    due_at_ms     BIGINT          NULL,
    done_at_ms    BIGINT          NULL,
    PRIMARY KEY (id),
    UNIQUE KEY notifications_name (name),
    KEY notifications_due (due_at_ms, created_at_ms),
    KEY notifications_done (done_at_ms),
    KEY notifications_order (order_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- The way of a paid order to the buyer.
CREATE TABLE shipments (
    order_id        BIGINT UNSIGNED NOT NULL,
    carrier         VARCHAR(64)     NULL,
    tracking        VARCHAR(100)    NULL,
    packed_at_ms    BIGINT          NOT NULL,
    shipped_at_ms   BIGINT          NULL,
    delivered_at_ms BIGINT          NULL,
    PRIMARY KEY (order_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- Who else is told of orders. `kinds` are words separated by commas; `failures` are attempts in a row.
CREATE TABLE webhook_subscriptions (
    id               BIGINT UNSIGNED NOT NULL,
    url              VARCHAR(500)    NOT NULL,
    secret           VARCHAR(100)    NOT NULL,
    kinds            VARCHAR(200)    NOT NULL,
    active           BOOLEAN         NOT NULL DEFAULT TRUE,
    failures         INT UNSIGNED    NOT NULL DEFAULT 0,
    failing_since_ms BIGINT          NULL,
    created_at_ms    BIGINT          NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- What one of them is told of one event. `body` is fixed by the first attempt. `tries_since_ms` is when it
-- was first due, or due anew after a replay: from then on it is tried for three days.
CREATE TABLE webhook_deliveries (
    id              BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    subscription_id BIGINT UNSIGNED NOT NULL,
    event_id        BIGINT UNSIGNED NOT NULL,
    order_id        BIGINT UNSIGNED NOT NULL,
    kind            VARCHAR(32)     NOT NULL,
    state           VARCHAR(16)     NOT NULL DEFAULT 'waiting',
    attempts        INT UNSIGNED    NOT NULL DEFAULT 0,
    body            TEXT            NULL,
    happened_at_ms  BIGINT          NOT NULL,
    tries_since_ms  BIGINT          NOT NULL,
    due_at_ms       BIGINT          NULL,
    done_at_ms      BIGINT          NULL,
    PRIMARY KEY (id),
    UNIQUE KEY webhook_deliveries_event (subscription_id, event_id),
    KEY webhook_deliveries_subscription_due (subscription_id, due_at_ms),
    KEY webhook_deliveries_due (due_at_ms, happened_at_ms),
    KEY webhook_deliveries_done (done_at_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- Each attempt of a delivery: the answer's status, or why there was none.
CREATE TABLE webhook_attempts (
    id          BIGINT UNSIGNED   NOT NULL AUTO_INCREMENT,
    delivery_id BIGINT UNSIGNED   NOT NULL,
    status      SMALLINT UNSIGNED NULL,
    error       VARCHAR(200)      NULL,
    took_ms     BIGINT            NOT NULL,
    at_ms       BIGINT            NOT NULL,
    PRIMARY KEY (id),
    KEY webhook_attempts_delivery (delivery_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
