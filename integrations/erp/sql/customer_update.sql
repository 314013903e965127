-- Replaces profile, card and account of a customer. It must report the row as affected also when nothing changes, and
-- none when privacy_note.sql has noted the customer, or what it was created under, as ERASE.
--
-- Parameters: as in customer_create.sql, without :reference and :currency.
UPDATE cust_mst SET
  cust_nm = :name,
  phone_no = :phone,
  phone_flg = CASE WHEN CAST(:phone_verified AS INTEGER) = 1 THEN 'Y' ELSE 'N' END,
  email = :email,
  union_id = :union_id,
  birth_dt = :birthday,
  card_no = :card,
  acct_id = :account,
  upd_at = :now
WHERE cust_no = :number
  AND NOT EXISTS (SELECT 1 FROM prv_req r WHERE r.key_no IN (cust_mst.cust_no, cust_mst.ref_no) AND r.kind_cd = 'ERASE')
