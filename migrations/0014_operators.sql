-- People who run the shop, by name. A row is never deleted: what they did stays in operator_log.
-- `totp_secret` is sealed with a key that is not in the database; `totp_step` is the last 30 seconds
-- whose code was used, and only grows. `version` grows with every change and ends their sessions.
CREATE TABLE operators (
    name          VARCHAR(32)     NOT NULL,
    role          VARCHAR(16)     NOT NULL,
    disabled      BOOLEAN         NOT NULL DEFAULT FALSE,
    password_hash VARCHAR(200)    NOT NULL,
    totp_secret   VARBINARY(100)  NOT NULL,
    totp_step     BIGINT UNSIGNED NOT NULL DEFAULT 0,
    version       BIGINT UNSIGNED NOT NULL DEFAULT 1,
    created_at_ms BIGINT          NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- The log is read by who and by what, the newest lines first.
CREATE INDEX operator_log_actor ON operator_log (actor, id);
CREATE INDEX operator_log_action ON operator_log (action, id);
CREATE INDEX operator_log_at ON operator_log (at_ms, id);
