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
