-- What people asked about their own data. Documents and sections are sealed.
CREATE TABLE data_requests (
    id           {key} PRIMARY KEY,
    subject      {key} NOT NULL,
    kind         {key} NOT NULL,
    status       {key} NOT NULL,
    requested_at BIGINT NOT NULL,
    finished_at  BIGINT,
    version      BIGINT NOT NULL,
    body         TEXT NOT NULL,
    document     {bytes}
);
CREATE INDEX data_requests_of ON data_requests (subject, requested_at, id);
CREATE INDEX data_requests_past ON data_requests (finished_at) WHERE document IS NOT NULL;

-- Parts of a document that is not finished.
CREATE TABLE data_sections (
    request_id {key} NOT NULL,
    holder     {key} NOT NULL,
    body       {bytes} NOT NULL,
    PRIMARY KEY (request_id, holder)
);

-- Owners of whom nothing new is recorded: while they are being erased, and until no session of theirs can be under way any more.
CREATE TABLE erasures (
    owner      {key} PRIMARY KEY,
    request_id {key} NOT NULL,
    anonymous  {key} NOT NULL,
    until_at   BIGINT
);
CREATE INDEX erasures_past ON erasures (until_at) WHERE until_at IS NOT NULL;
