-- The draw of a sale. The seed is made with the sale and shown after the draw; `frozen_at_ms` says
-- since when no lobby enters the draw any more. A sale that names a beacon has a round from its
-- publishing on, and its value once that was read.
ALTER TABLE sales
    ADD COLUMN lobby_seed       BINARY(32)      NULL,
    ADD COLUMN with_beacon      BOOLEAN         NOT NULL DEFAULT FALSE,
    ADD COLUMN beacon_round     BIGINT UNSIGNED NULL,
    ADD COLUMN beacon_due_at_ms BIGINT          NULL,
    ADD COLUMN beacon_value     VARBINARY(64)   NULL,
    ADD COLUMN frozen_at_ms     BIGINT          NULL,
    ADD COLUMN drawn_at_ms      BIGINT          NULL;
UPDATE sales SET lobby_seed = RANDOM_BYTES(32);
ALTER TABLE sales MODIFY COLUMN lobby_seed BINARY(32) NOT NULL;

-- What a PoP has told of its lobby of a sale. Ids of PoPs are compared byte by byte.
CREATE TABLE lobbies (
    sale_id        BIGINT UNSIGNED NOT NULL,
    pop            VARCHAR(64)     NOT NULL,
    generation     VARCHAR(64)     NOT NULL,
    continue_above BIGINT UNSIGNED NOT NULL,
    arrivals       BIGINT UNSIGNED NOT NULL,
    closed_count   BIGINT UNSIGNED NULL,
    size           BIGINT UNSIGNED NULL,
    root           BINARY(32)      NULL,
    closed_at_ms   BIGINT          NULL,
    PRIMARY KEY (sale_id, pop)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Who takes part in the draw of a sale and with what: fixed when the lobbies are frozen.
CREATE TABLE draw_pops (
    sale_id  BIGINT UNSIGNED NOT NULL,
    pop      VARCHAR(64)     NOT NULL,
    arrivals BIGINT UNSIGNED NOT NULL,
    size     BIGINT UNSIGNED NOT NULL,
    root     BINARY(32)      NOT NULL,
    PRIMARY KEY (sale_id, pop)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The PoPs that an origin knows: the version of the key they sign tokens with, and when any origin
-- heard from them last.
CREATE TABLE pops (
    id            VARCHAR(64)  NOT NULL,
    key_version   INT UNSIGNED NOT NULL DEFAULT 1,
    rotated_at_ms BIGINT       NOT NULL DEFAULT 0,
    revoked       BOOLEAN      NOT NULL DEFAULT FALSE,
    url           VARCHAR(200) NULL,
    heard_at_ms   BIGINT       NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The lowest places that wait at a PoP, as it last said: decimal numbers with commas, ascending.
CREATE TABLE pop_waiting (
    sale_id     BIGINT UNSIGNED NOT NULL,
    pop         VARCHAR(64)     NOT NULL,
    places      TEXT            NOT NULL,
    asked_at_ms BIGINT          NOT NULL,
    PRIMARY KEY (sale_id, pop)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
