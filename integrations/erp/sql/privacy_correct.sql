-- Corrects what a customer's record says. It must report the row as affected also when nothing changes.
--
-- Parameters:
--   :number         customer number
--   :set_name, :set_email, :set_birthday
--                   1 to set what follows, 0 to leave it
--   :name, :email, :birthday
--                   text, null to remove; birthday is YYYY-MM-DD
--   :now            instant, text, RFC 3339 in UTC with milliseconds
UPDATE cust_mst SET
  cust_nm = CASE WHEN CAST(:set_name AS INTEGER) = 1 THEN CAST(:name AS VARCHAR(200)) ELSE cust_nm END,
  email = CASE WHEN CAST(:set_email AS INTEGER) = 1 THEN CAST(:email AS VARCHAR(254)) ELSE email END,
  birth_dt = CASE WHEN CAST(:set_birthday AS INTEGER) = 1 THEN CAST(:birthday AS VARCHAR(10)) ELSE birth_dt END,
  upd_at = :now
WHERE cust_no = :number
  AND NOT EXISTS (SELECT 1 FROM prv_req r WHERE r.key_no IN (cust_mst.cust_no, cust_mst.ref_no) AND r.kind_cd = 'ERASE')
