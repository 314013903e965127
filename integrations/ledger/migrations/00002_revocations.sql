-- Tokens that were taken back: one by its id, or all of a subject in a role, in every role when that is empty, that were issued
-- until an instant. The other of the two is empty. Ids grow in the order in which rows become visible.
CREATE TABLE revocations (
    id         {serial},
    issuer     {key} NOT NULL,
    token_id   {key} NOT NULL,
    subject    {key} NOT NULL,
    role       {key} NOT NULL,
    until      BIGINT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revocations_past ON revocations (expires_at);
