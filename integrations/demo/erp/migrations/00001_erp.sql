-- The legacy ERP of docs/wires.md. One file serves SQLite and PostgreSQL: SQLite reads these type names as affinities.

-- +goose Up
CREATE TABLE item_mst (
    item_cd    TEXT NOT NULL PRIMARY KEY,
    gtin_cd    TEXT,
    item_nm    TEXT NOT NULL,
    item_nm_en TEXT NOT NULL,
    brand_cd   TEXT,
    dept_cd    TEXT,
    status_cd  TEXT NOT NULL
);

CREATE TABLE price_lst (
    price_id    BIGINT NOT NULL PRIMARY KEY,
    item_cd     TEXT NOT NULL,
    price_typ   TEXT NOT NULL,
    chan_cd     TEXT NOT NULL,
    tier_cd     TEXT NOT NULL,
    amt         NUMERIC(12,2) NOT NULL,
    curr_cd     TEXT NOT NULL,
    valid_from  TEXT NOT NULL,
    valid_to    TEXT,
    promo_nm    TEXT,
    promo_nm_en TEXT
);
CREATE INDEX price_lst_item ON price_lst (item_cd);

CREATE TABLE loc_mst (
    loc_cd      TEXT NOT NULL PRIMARY KEY,
    loc_typ     TEXT NOT NULL,
    loc_nm      TEXT NOT NULL,
    loc_nm_en   TEXT NOT NULL,
    ctry_cd     TEXT,
    prov_nm     TEXT,
    city_nm     TEXT,
    dist_nm     TEXT,
    addr_ln     TEXT,
    post_cd     TEXT,
    phone_no    TEXT,
    lat         DOUBLE PRECISION NOT NULL,
    lon         DOUBLE PRECISION NOT NULL,
    tz_nm       TEXT NOT NULL,
    pickup_flg  TEXT NOT NULL,
    curb_flg    TEXT NOT NULL,
    instant_flg TEXT NOT NULL,
    pick_min    INTEGER NOT NULL,
    cutoff_tm   TEXT,
    pick_cap    INTEGER NOT NULL,
    status_cd   TEXT NOT NULL
);

CREATE TABLE loc_hrs (
    loc_cd   TEXT NOT NULL,
    dow      INTEGER NOT NULL,
    open_tm  TEXT NOT NULL,
    close_tm TEXT NOT NULL,
    PRIMARY KEY (loc_cd, dow)
);

CREATE TABLE loc_hol (
    loc_cd   TEXT NOT NULL,
    hol_dt   TEXT NOT NULL,
    open_tm  TEXT,
    close_tm TEXT,
    hol_nm   TEXT,
    PRIMARY KEY (loc_cd, hol_dt)
);

CREATE TABLE stk_bal (
    loc_cd     TEXT NOT NULL,
    item_cd    TEXT NOT NULL,
    qty        BIGINT NOT NULL,
    pos_cut    BIGINT NOT NULL,
    safety_qty INTEGER NOT NULL,
    ranged_flg TEXT NOT NULL,
    ver        BIGINT NOT NULL,
    chg_seq    BIGINT NOT NULL,
    PRIMARY KEY (loc_cd, item_cd)
);
CREATE UNIQUE INDEX stk_bal_chg ON stk_bal (chg_seq);

CREATE TABLE ifc_stat (
    loc_cd TEXT NOT NULL PRIMARY KEY,
    as_of  TEXT NOT NULL
);

-- One row, locked by every change of stk_bal, gives out chg_seq in commit order.
CREATE TABLE chg_ctl (
    id       INTEGER NOT NULL PRIMARY KEY,
    last_seq BIGINT NOT NULL
);
INSERT INTO chg_ctl (id, last_seq) VALUES (1, 0);

-- +goose Down
DROP TABLE chg_ctl;
DROP TABLE ifc_stat;
DROP TABLE stk_bal;
DROP TABLE loc_hol;
DROP TABLE loc_hrs;
DROP TABLE loc_mst;
DROP TABLE price_lst;
DROP TABLE item_mst;
