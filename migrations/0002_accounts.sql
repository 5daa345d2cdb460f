CREATE TABLE accounts (
    id            BIGINT UNSIGNED NOT NULL,
    contact       VARCHAR(254)    NOT NULL,
    name          VARCHAR(100)    NOT NULL,
    password_hash VARCHAR(200)    NOT NULL,
    created_at_ms BIGINT          NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY accounts_contact (contact)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
