-- Where the audit log ends: changed with each append, so that an end that was cut off shows.
CREATE TABLE audit_mark (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    seq    BIGINT NOT NULL,
    hash   {bytes} NOT NULL,
    key_id {key} NOT NULL,
    sum    {bytes} NOT NULL
);
