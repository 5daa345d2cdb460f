-- A sale whose stock in Redis must be counted anew says so here: under an epoch above this one, and
-- above its own and Redis'.
ALTER TABLE sales ADD COLUMN rebuild_above BIGINT UNSIGNED NULL;

-- Units an operator adds to a running sale or withdraws from it. Written before anything happens, so
-- that whoever finds one that is still `asked` can finish it.
CREATE TABLE stock_changes (
    id            BIGINT UNSIGNED NOT NULL,
    sale_id       BIGINT UNSIGNED NOT NULL,
    direction     VARCHAR(16)     NOT NULL,
    units         INT UNSIGNED    NOT NULL,
    state         VARCHAR(16)     NOT NULL,
    created_at_ms BIGINT          NOT NULL,
    PRIMARY KEY (id),
    KEY stock_changes_state (state, created_at_ms),
    KEY stock_changes_sale (sale_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- The outbox tells Redis of these changes too; `order_id` is then the change's id.
ALTER TABLE release_outbox ADD COLUMN kind VARCHAR(16) NOT NULL DEFAULT 'release';
ALTER TABLE release_outbox ADD COLUMN units INT UNSIGNED NOT NULL DEFAULT 0;
