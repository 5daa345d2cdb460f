-- Sets of rules for flow control, as JSON. Rows are only added, and the highest version acts; where
-- there is none, the rules that the program ships do.
CREATE TABLE rule_sets (
    version       BIGINT UNSIGNED NOT NULL,
    author        VARCHAR(100)    NOT NULL,
    why           VARCHAR(500)    NOT NULL,
    rules         MEDIUMTEXT      NOT NULL,
    created_at_ms BIGINT          NOT NULL,
    PRIMARY KEY (version)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;

-- The origins that answer PoPs, which version of the rules each applies, and which it could not read.
CREATE TABLE origins (
    id              VARCHAR(64)     NOT NULL,
    address         VARCHAR(100)    NOT NULL,
    applied_version BIGINT UNSIGNED NOT NULL,
    refused_version BIGINT UNSIGNED NULL,
    last_seen_ms    BIGINT          NOT NULL,
    PRIMARY KEY (id),
    KEY origins_last_seen (last_seen_ms)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
