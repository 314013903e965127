-- Persons, points and coupons of docs/wires.md.

-- +goose Up
CREATE TABLE cust_mst (
    cust_no   TEXT NOT NULL PRIMARY KEY,
    ref_no    TEXT UNIQUE,
    cust_nm   TEXT,
    phone_no  TEXT,
    phone_flg TEXT NOT NULL,
    email     TEXT,
    union_id  TEXT,
    birth_dt  TEXT,
    tier_cd   TEXT NOT NULL,
    card_no   TEXT,
    acct_id   TEXT,
    year_amt  NUMERIC(14,2) NOT NULL,
    curr_cd   TEXT NOT NULL,
    upd_at    TEXT NOT NULL
);
CREATE INDEX cust_mst_phone ON cust_mst (phone_no);
CREATE INDEX cust_mst_union ON cust_mst (union_id);
CREATE INDEX cust_mst_card ON cust_mst (card_no);
CREATE INDEX cust_mst_acct ON cust_mst (acct_id);

CREATE TABLE tier_rule (
    tier_cd    TEXT NOT NULL PRIMARY KEY,
    tier_nm    TEXT NOT NULL,
    tier_nm_en TEXT NOT NULL,
    min_amt    NUMERIC(14,2) NOT NULL,
    curr_cd    TEXT NOT NULL
);

CREATE TABLE pts_led (
    cust_no   TEXT NOT NULL,
    ref_no    TEXT NOT NULL,
    src_cd    TEXT NOT NULL,
    pts       BIGINT NOT NULL,
    at        TEXT NOT NULL,
    expire_at TEXT,
    pts_nm    TEXT,
    pts_nm_en TEXT,
    PRIMARY KEY (cust_no, ref_no)
);

-- The demo ERP's own: entries whose spend is in year_amt. No adapter reads it.
CREATE TABLE pts_cnt (
    cust_no TEXT NOT NULL,
    ref_no  TEXT NOT NULL,
    PRIMARY KEY (cust_no, ref_no)
);

CREATE TABLE cpn_mst (
    cpn_no     TEXT NOT NULL PRIMARY KEY,
    cust_no    TEXT NOT NULL,
    cpn_typ    TEXT NOT NULL,
    amt        NUMERIC(12,2),
    pct        INTEGER,
    min_amt    NUMERIC(12,2),
    curr_cd    TEXT NOT NULL,
    dept_cd    TEXT,
    chan_cds   TEXT,
    stack_flg  TEXT NOT NULL,
    valid_from TEXT NOT NULL,
    valid_to   TEXT NOT NULL,
    stat_cd    TEXT NOT NULL,
    used_ref   TEXT,
    used_at    TEXT,
    cpn_nm     TEXT NOT NULL,
    cpn_nm_en  TEXT
);
CREATE INDEX cpn_mst_cust ON cpn_mst (cust_no);

-- +goose Down
DROP TABLE cpn_mst;
DROP TABLE pts_cnt;
DROP TABLE pts_led;
DROP TABLE tier_rule;
DROP TABLE cust_mst;
