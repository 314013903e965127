-- Takes the person out of customers' records; number, tier, spend, points and coupons stay. It must report the rows as affected
-- also when nothing changes.
--
-- Parameters:
--   :numbers        list of customer numbers; an empty text is no number, and must match nothing
--   :references     list of what records are created under; an empty text is none, and must match nothing
--   :now            instant, text, RFC 3339 in UTC with milliseconds
UPDATE cust_mst SET
  cust_nm = NULL,
  phone_no = NULL,
  phone_flg = 'N',
  email = NULL,
  union_id = NULL,
  birth_dt = NULL,
  card_no = NULL,
  acct_id = NULL,
  upd_at = :now
WHERE cust_no IN (:numbers) AND cust_no <> '' OR ref_no IN (:references) AND ref_no <> ''
