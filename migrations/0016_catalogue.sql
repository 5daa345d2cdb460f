-- Items that change, with attributes and pictures. `sku` is the shop's own name of an item; those
-- that have none are named by their id. `attributes` is a JSON list of [name, value], in one column so
-- that a search reads one row an item.
ALTER TABLE items
    ADD COLUMN sku            VARCHAR(64)     NULL AFTER id,
    ADD COLUMN attributes     TEXT            NOT NULL AFTER description,
    ADD COLUMN version        BIGINT UNSIGNED NOT NULL DEFAULT 1,
    ADD COLUMN archived_at_ms BIGINT          NULL;

UPDATE items SET sku = CAST(id AS CHAR), attributes = '[]';

ALTER TABLE items
    MODIFY COLUMN sku VARCHAR(64) NOT NULL,
    ADD UNIQUE KEY items_sku (sku);

-- Files of pictures, each under the first half of the SHA-256 of what is in it. They never change.
CREATE TABLE images (
    hash          CHAR(32)     NOT NULL,
    format        VARCHAR(8)   NOT NULL,
    width         INT UNSIGNED NOT NULL,
    height        INT UNSIGNED NOT NULL,
    bytes         MEDIUMBLOB   NOT NULL,
    created_at_ms BIGINT       NOT NULL,
    PRIMARY KEY (hash)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- The pictures of an item, in order; rows of the same position are the widths of one.
CREATE TABLE item_images (
    item_id  BIGINT UNSIGNED  NOT NULL,
    position TINYINT UNSIGNED NOT NULL,
    width    INT UNSIGNED     NOT NULL,
    hash     CHAR(32)         NOT NULL,
    alt      VARCHAR(250)     NOT NULL,
    PRIMARY KEY (item_id, position, width),
    KEY item_images_hash (hash),
    CONSTRAINT item_images_item FOREIGN KEY (item_id) REFERENCES items (id),
    CONSTRAINT item_images_file FOREIGN KEY (hash) REFERENCES images (hash)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
