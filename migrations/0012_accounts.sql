-- An account has a language, addresses, and an end: an erased one keeps its id, which orders name,
-- and nothing of a person.
ALTER TABLE accounts
    ADD COLUMN language        CHAR(2)         NOT NULL DEFAULT 'en',
    ADD COLUMN default_address BIGINT UNSIGNED NULL,
    ADD COLUMN erased_at_ms    BIGINT          NULL;

-- Where parcels of an account go. `address` is JSON, as in `payments.ship_to`, which copies it.
CREATE TABLE addresses (
    id            BIGINT UNSIGNED NOT NULL,
    account_id    BIGINT UNSIGNED NOT NULL,
    address       TEXT            NOT NULL,
    created_at_ms BIGINT          NOT NULL,
    PRIMARY KEY (id),
    KEY addresses_account (account_id, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
