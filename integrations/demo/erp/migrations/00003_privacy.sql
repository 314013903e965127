-- What people asked about their own data, see docs/wires.md.

-- +goose Up
CREATE TABLE prv_req (
    req_no  TEXT NOT NULL,
    key_no  TEXT NOT NULL,
    kind_cd TEXT NOT NULL,
    at      TEXT NOT NULL,
    PRIMARY KEY (req_no, key_no)
);
CREATE INDEX prv_req_key ON prv_req (key_no);

-- +goose Down
DROP TABLE prv_req;
