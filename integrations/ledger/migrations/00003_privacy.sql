-- Consents are proofs: a record changes once at most, when it is withdrawn or another version takes its place.
CREATE TABLE consents (
    id           {serial},
    subject      {key} NOT NULL,
    purpose      {key} NOT NULL,
    version      {key} NOT NULL,
    given_at     BIGINT NOT NULL,
    withdrawn_at BIGINT
);
CREATE UNIQUE INDEX consents_live ON consents (subject, purpose) WHERE withdrawn_at IS NULL;
CREATE INDEX consents_of ON consents (subject, id);

-- Who read whose personal data. Rows are appended, each with the hash of the one before; nothing else is possible.
CREATE TABLE audit (
    seq     BIGINT PRIMARY KEY,
    at      BIGINT NOT NULL,
    subject {key} NOT NULL,
    key_id  {key} NOT NULL,
    body    TEXT NOT NULL,
    prev    {bytes} NOT NULL,
    hash    {bytes} NOT NULL
);
CREATE INDEX audit_of ON audit (subject, seq);
{auditguard}

-- Where the audit log ends: changed with each append, so that an end that was cut off shows.
CREATE TABLE audit_mark (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    seq    BIGINT NOT NULL,
    hash   {bytes} NOT NULL,
    key_id {key} NOT NULL,
    sum    {bytes} NOT NULL
);
