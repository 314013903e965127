-- Orders whose review is open, by when it began.
ALTER TABLE orders ADD COLUMN review_since BIGINT;
CREATE INDEX orders_review ON orders (review_since, id) WHERE review_since IS NOT NULL;

-- The cart that an order came from, until it is given up before it was placed: a cart becomes one order.
ALTER TABLE orders ADD COLUMN cart_id {key};
CREATE UNIQUE INDEX orders_cart ON orders (cart_id) WHERE cart_id IS NOT NULL;

-- For a day, whose phone an order names, as a digest: one person under several names.
CREATE TABLE recent_contacts (
    order_id  {key} PRIMARY KEY,
    digest    {key} NOT NULL,
    placed_at BIGINT NOT NULL
);
CREATE INDEX recent_contacts_of ON recent_contacts (digest, placed_at);
CREATE INDEX recent_contacts_past ON recent_contacts (placed_at);

-- The holds that a shopper made lately.
CREATE INDEX claims_made ON claims (owner, created_at) WHERE order_id = '';

-- Whose guest made a claim for no order, as a digest: what guests of one address hold together.
ALTER TABLE claims ADD COLUMN household {key};
CREATE INDEX claims_of_household ON claims (household, expires_at) WHERE household IS NOT NULL AND state = 'HELD';
CREATE INDEX claims_made_in_household ON claims (household, created_at) WHERE household IS NOT NULL;

-- Orders that hold goods and nobody has paid, and the household of the guest, as a digest, until somebody does.
ALTER TABLE orders ADD COLUMN unpaid_household {key};
CREATE INDEX orders_unpaid ON orders (owner) WHERE status IN ('PLACING', 'PENDING_PAYMENT');
CREATE INDEX orders_unpaid_household ON orders (unpaid_household) WHERE unpaid_household IS NOT NULL;
