-- Customers by any of several keys. An empty key matches nothing.
--
-- Parameters:
--   :number         customer number
--   :reference      what the gateway created the record under
--   :phone          phone number in E.164; only records whose number is verified match
--   :union_id       WeChat union id
--   :card           loyalty card
--   :account        account in the shop
--   :now            instant, text, RFC 3339 in UTC with milliseconds
-- Columns:
--   number, name, phone, email, union_id, birthday, card, account
--                   text, nullable but for the number; birthday is YYYY-MM-DD
--   phone_verified  1 when the number is verified, else 0
--   tier            SILVER, GOLD or PLATINUM
--   year_spend      text in major units with a point: what counts for the tier
--   currency        ISO 4217
--   points          whole number: the balance of points now
--   updated_at      instant, RFC 3339 text or a timestamp type
-- At most 10 rows are used, the first by number.
SELECT
  c.cust_no   AS number,
  c.cust_nm   AS name,
  c.phone_no  AS phone,
  CASE WHEN c.phone_flg = 'Y' THEN 1 ELSE 0 END AS phone_verified,
  c.email     AS email,
  c.union_id  AS union_id,
  c.birth_dt  AS birthday,
  c.tier_cd   AS tier,
  c.card_no   AS card,
  c.acct_id   AS account,
  CAST(c.year_amt AS VARCHAR(40)) AS year_spend,
  c.curr_cd   AS currency,
  (SELECT CAST(COALESCE(SUM(p.pts), 0) AS BIGINT) FROM pts_led p
    WHERE p.cust_no = c.cust_no AND (p.expire_at IS NULL OR p.expire_at > :now)) AS points,
  c.upd_at    AS updated_at
FROM cust_mst c
WHERE c.cust_no = NULLIF(:number, '')
  OR c.ref_no = NULLIF(:reference, '')
  OR (c.phone_no = NULLIF(:phone, '') AND c.phone_flg = 'Y')
  OR c.union_id = NULLIF(:union_id, '')
  OR c.card_no = NULLIF(:card, '')
  OR c.acct_id = NULLIF(:account, '')
ORDER BY c.cust_no
LIMIT 10
