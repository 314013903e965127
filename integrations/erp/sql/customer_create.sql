-- Opens a customer's record. A known reference, a known number, or a reference that privacy_note.sql has noted as ERASE must
-- change nothing and be no error.
--
-- Parameters:
--   :number         number proposed by the gateway, the same whenever the reference is; an ERP may give its own
--   :reference      what the record is created under; customers.sql must find it by that afterwards
--   :name, :phone, :email, :union_id, :birthday, :card, :account
--                   text, null when unknown; phone is E.164, birthday YYYY-MM-DD
--   :phone_verified 1 or 0
--   :currency       ISO 4217, of the spend that the record begins with, which is zero
--   :now            instant, text, RFC 3339 in UTC with milliseconds
INSERT INTO cust_mst (cust_no, ref_no, cust_nm, phone_no, phone_flg, email, union_id, birth_dt, tier_cd, card_no, acct_id, year_amt, curr_cd, upd_at)
SELECT CAST(:number AS VARCHAR(200)), CAST(:reference AS VARCHAR(200)), CAST(:name AS VARCHAR(200)), CAST(:phone AS VARCHAR(200)),
  CASE WHEN CAST(:phone_verified AS INTEGER) = 1 THEN 'Y' ELSE 'N' END, CAST(:email AS VARCHAR(254)), CAST(:union_id AS VARCHAR(200)),
  CAST(:birthday AS VARCHAR(10)), 'SILVER', CAST(:card AS VARCHAR(200)), CAST(:account AS VARCHAR(200)), 0,
  CAST(:currency AS VARCHAR(3)), CAST(:now AS VARCHAR(40))
WHERE NOT EXISTS (SELECT 1 FROM prv_req r WHERE r.key_no = CAST(:reference AS VARCHAR(200)) AND r.kind_cd = 'ERASE')
ON CONFLICT DO NOTHING
