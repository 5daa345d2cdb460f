-- What people changed: who, what, and how it was before and after, as JSON. Rows are only added.
CREATE TABLE operator_log (
    id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    actor       VARCHAR(100)    NOT NULL,
    action      VARCHAR(64)     NOT NULL,
    subject     VARCHAR(100)    NOT NULL,
    before_json MEDIUMTEXT      NULL,
    after_json  MEDIUMTEXT      NULL,
    at_ms       BIGINT          NOT NULL,
    PRIMARY KEY (id),
    KEY operator_log_subject (subject, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci;
