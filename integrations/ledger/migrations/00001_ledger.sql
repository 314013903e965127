-- One text for SQLite and PostgreSQL; migrate.go fills in what differs: {key} text compared by its bytes, {bytes} a byte
-- string, {serial} a growing primary key, {jobkey} the key of a River job. Times are microseconds since 1970 in UTC, and
-- documents are JSON whose columns, where it has both, win.

CREATE TABLE orders (
    id        {key} PRIMARY KEY,
    number    {key} NOT NULL UNIQUE,
    owner     {key} NOT NULL,
    member_id {key} NOT NULL,
    status    {key} NOT NULL,
    placed_at BIGINT NOT NULL,
    wake_at   BIGINT,
    version   BIGINT NOT NULL,
    body      TEXT NOT NULL
);
CREATE INDEX orders_of ON orders (owner, placed_at, number);
CREATE INDEX orders_wake ON orders (wake_at) WHERE wake_at IS NOT NULL;

-- The fulfillments that are not final.
CREATE TABLE order_places (
    order_id       {key} NOT NULL,
    fulfillment_id {key} NOT NULL,
    location       {key} NOT NULL,
    promise        BIGINT NOT NULL,
    PRIMARY KEY (order_id, fulfillment_id)
);
CREATE INDEX order_places_at ON order_places (location, promise);
CREATE INDEX order_places_due ON order_places (promise);

CREATE TABLE claims (
    id         {key} PRIMARY KEY,
    owner      {key} NOT NULL,
    order_id   {key} NOT NULL,
    location   {key} NOT NULL,
    state      {key} NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    lines      TEXT NOT NULL,
    requested  TEXT NOT NULL
);
CREATE INDEX claims_live ON claims (location, id) WHERE state IN ('HELD', 'ALLOCATED');
CREATE INDEX claims_held ON claims (owner, expires_at) WHERE state = 'HELD';
CREATE INDEX claims_past ON claims (expires_at) WHERE order_id = '' AND state <> 'ALLOCATED';

CREATE TABLE allocations (
    location {key} NOT NULL,
    sku      {key} NOT NULL,
    open     BIGINT NOT NULL CHECK (open >= 0),
    closings BIGINT NOT NULL,
    PRIMARY KEY (location, sku)
);

CREATE TABLE slots (
    location  {key} NOT NULL,
    starts_at BIGINT NOT NULL,
    taken     BIGINT NOT NULL CHECK (taken >= 0),
    PRIMARY KEY (location, starts_at)
);
CREATE TABLE slot_bookings (
    reference {key} PRIMARY KEY,
    location  {key} NOT NULL,
    starts_at BIGINT NOT NULL
);
CREATE INDEX slots_past ON slots (starts_at);
CREATE INDEX slot_bookings_past ON slot_bookings (starts_at);

CREATE TABLE answers (
    owner       {key} NOT NULL,
    key         {key} NOT NULL,
    fingerprint {bytes} NOT NULL,
    token       {key} NOT NULL,
    leased_to   BIGINT NOT NULL,
    answer      {bytes},
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (owner, key)
);
CREATE INDEX answers_past ON answers (created_at);

CREATE TABLE attempts (
    key     {key} PRIMARY KEY,
    tries   BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX attempts_past ON attempts (ends_at);

CREATE TABLE notices (
    event_id {key} PRIMARY KEY,
    at       BIGINT NOT NULL
);
CREATE INDEX notices_past ON notices (at);

CREATE TABLE feeds (
    feed     {key} PRIMARY KEY,
    position TEXT NOT NULL
);

-- seq is given afterwards, in the order in which transactions have become visible.
CREATE TABLE events (
    id      {serial},
    seq     BIGINT UNIQUE,
    kind    {key} NOT NULL,
    subject {key} NOT NULL,
    at      BIGINT NOT NULL,
    data    TEXT NOT NULL
);
CREATE INDEX events_new ON events (id) WHERE seq IS NULL;
CREATE INDEX events_past ON events (at);
CREATE TABLE counters (
    name  {key} PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('events', 0);

CREATE TABLE alerts (
    id             {key} PRIMARY KEY,
    kind           {key} NOT NULL,
    order_id       {key} NOT NULL,
    order_number   {key} NOT NULL,
    fulfillment_id {key} NOT NULL,
    location       {key} NOT NULL,
    due_at         BIGINT,
    raised_at      BIGINT NOT NULL,
    cleared_at     BIGINT
);
CREATE INDEX alerts_at ON alerts (location, raised_at, id);
CREATE INDEX alerts_all ON alerts (raised_at, id);
CREATE INDEX alerts_open ON alerts (raised_at, id) WHERE cleared_at IS NULL;

CREATE TABLE members (
    id      {key} PRIMARY KEY,
    version BIGINT NOT NULL,
    body    TEXT NOT NULL
);
CREATE TABLE identities (
    system    {key} NOT NULL,
    key       {key} NOT NULL,
    member_id {key} NOT NULL,
    PRIMARY KEY (system, key)
);
CREATE INDEX identities_of ON identities (member_id);
CREATE TABLE merges (
    id   {key} PRIMARY KEY,
    body TEXT NOT NULL
);
-- What a merge gave to another owner, so that its undoing takes back that and no more.
CREATE TABLE merge_moves (
    merge_id {key} NOT NULL,
    kind     {key} NOT NULL,
    id       {key} NOT NULL,
    PRIMARY KEY (merge_id, kind, id)
);

CREATE TABLE feedback (
    id         {key} PRIMARY KEY,
    kind       {key} NOT NULL,
    owner      {key} NOT NULL,
    subject    {key} NOT NULL,
    location   {key} NOT NULL,
    sku        {key} NOT NULL,
    order_id   {key} NOT NULL,
    status     {key} NOT NULL,
    score      BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    body       TEXT NOT NULL
);
CREATE INDEX feedback_all ON feedback (created_at, id);
CREATE INDEX feedback_of ON feedback (owner, kind, subject);
CREATE INDEX feedback_at ON feedback (location, created_at, id);
CREATE INDEX feedback_sku ON feedback (sku, created_at, id) WHERE sku <> '';
CREATE INDEX feedback_order ON feedback (order_id) WHERE order_id <> '';

-- River's table has come first. The ledger looks for a job that waits already before it adds one.
CREATE INDEX river_job_waiting ON river_job (kind, ({jobkey})) WHERE state IN ('available', 'scheduled', 'retryable');
