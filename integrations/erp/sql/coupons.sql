-- Coupons of a customer, or one by its number. An empty key matches nothing.
--
-- Parameters:
--   :customer       customer number
--   :coupon         coupon number
--   :limit          rows wanted
-- Columns:
--   number, customer text
--   kind            AMOUNT_OFF, PERCENT_OFF or FREE_DELIVERY
--   amount          text in major units with a point, of AMOUNT_OFF; else null
--   percent         whole number from 1 to 100, of PERCENT_OFF; else null
--   min_spend       text in major units with a point, null when none
--   currency        ISO 4217
--   category        text, null for all
--   channels        channels with commas between, null for all
--   stackable       1 when it may be used with other coupons, else 0
--   starts, ends    instant, RFC 3339 text or a timestamp type; ends is exclusive
--   used            1 when it is used, else 0
--   used_for        reference that used it, null when none
--   title, title_en text, title_en nullable
SELECT
  cpn_no     AS number,
  cust_no    AS customer,
  CASE cpn_typ WHEN 'AMT' THEN 'AMOUNT_OFF' WHEN 'PCT' THEN 'PERCENT_OFF' WHEN 'DLV' THEN 'FREE_DELIVERY' ELSE cpn_typ END AS kind,
  CAST(amt AS VARCHAR(40)) AS amount,
  pct        AS percent,
  CAST(min_amt AS VARCHAR(40)) AS min_spend,
  curr_cd    AS currency,
  dept_cd    AS category,
  chan_cds   AS channels,
  CASE WHEN stack_flg = 'Y' THEN 1 ELSE 0 END AS stackable,
  valid_from AS starts,
  valid_to   AS ends,
  CASE WHEN stat_cd = 'U' THEN 1 ELSE 0 END AS used,
  used_ref   AS used_for,
  cpn_nm     AS title,
  cpn_nm_en  AS title_en
FROM cpn_mst
WHERE cust_no = NULLIF(:customer, '') OR cpn_no = NULLIF(:coupon, '')
ORDER BY valid_to DESC, cpn_no
LIMIT :limit
