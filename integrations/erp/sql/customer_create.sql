-- Opens a customer's record. A known reference, or a known number, must change nothing and be no error.
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
VALUES (:number, :reference, :name, :phone, CASE WHEN CAST(:phone_verified AS INTEGER) = 1 THEN 'Y' ELSE 'N' END, :email, :union_id, :birthday,
  'SILVER', :card, :account, 0, :currency, :now)
ON CONFLICT DO NOTHING
