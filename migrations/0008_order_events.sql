-- What happened to orders, written in the transaction in which it happens: what mails and webhooks
-- tell of. A row goes when everybody who is to be told has a row of their own.
CREATE TABLE order_events (
    id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    order_id      BIGINT UNSIGNED NOT NULL,
    kind          VARCHAR(32)     NOT NULL,
    created_at_ms BIGINT          NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
