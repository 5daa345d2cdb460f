-- Items and sales. The counters of a sale are the second check of the stock: the constraint holds
-- whatever the code does.
CREATE TABLE items (
    id               BIGINT UNSIGNED NOT NULL,
    title            VARCHAR(200)    NOT NULL,
    description      TEXT            NOT NULL,
    image_url        VARCHAR(500)    NULL,
    list_price_minor BIGINT          NOT NULL,
    currency         CHAR(3)         NOT NULL,
    created_at_ms    BIGINT          NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

CREATE TABLE sales (
    id                BIGINT UNSIGNED NOT NULL,
    item_id           BIGINT UNSIGNED NOT NULL,
    slug              VARCHAR(100)    NOT NULL,
    phase             VARCHAR(16)     NOT NULL,
    price_minor       BIGINT          NOT NULL,
    currency          CHAR(3)         NOT NULL,
    total             INT UNSIGNED    NOT NULL,
    reserved          INT UNSIGNED    NOT NULL DEFAULT 0,
    sold              INT UNSIGNED    NOT NULL DEFAULT 0,
    limit_per_account INT UNSIGNED    NOT NULL,
    opens_at_ms       BIGINT          NOT NULL,
    closes_at_ms      BIGINT          NOT NULL,
    quota             INT UNSIGNED    NOT NULL,
    rate_per_second   INT UNSIGNED    NOT NULL,
    payment_seconds   INT UNSIGNED    NOT NULL,
    epoch             BIGINT UNSIGNED NOT NULL DEFAULT 0,
    version           BIGINT UNSIGNED NOT NULL DEFAULT 1,
    created_at_ms     BIGINT          NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY sales_slug (slug),
    KEY sales_phase_closes (phase, closes_at_ms),
    CONSTRAINT sales_item FOREIGN KEY (item_id) REFERENCES items (id),
    CONSTRAINT never_oversold CHECK (reserved + sold <= total)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- Every movement of units, double entry: from one pot to another. `supply` is the outside world.
CREATE TABLE stock_entries (
    id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    sale_id       BIGINT UNSIGNED NOT NULL,
    order_id      BIGINT UNSIGNED NULL,
    source        VARCHAR(16)     NOT NULL,
    target        VARCHAR(16)     NOT NULL,
    units         INT UNSIGNED    NOT NULL,
    created_at_ms BIGINT          NOT NULL,
    PRIMARY KEY (id),
    KEY stock_entries_sale (sale_id, source, target, units)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- Slots lent to PoPs. `generation` names the PoP's store; a store that lost its data says another.
CREATE TABLE leases (
    id            BIGINT UNSIGNED NOT NULL,
    sale_id       BIGINT UNSIGNED NOT NULL,
    pop           VARCHAR(64)     NOT NULL,
    generation    VARCHAR(64)     NOT NULL,
    first_slot    BIGINT UNSIGNED NOT NULL,
    slots         INT UNSIGNED    NOT NULL,
    ends_at_ms    BIGINT          NOT NULL,
    revoked       BOOLEAN         NOT NULL DEFAULT FALSE,
    created_at_ms BIGINT          NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY leases_first_slot (first_slot),
    KEY leases_sale_ends (sale_id, ends_at_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- Who may mint ids with which worker number, and until when.
CREATE TABLE workers (
    number     SMALLINT UNSIGNED NOT NULL,
    holder     CHAR(32)          NOT NULL,
    ends_at_ms BIGINT            NOT NULL,
    PRIMARY KEY (number)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
