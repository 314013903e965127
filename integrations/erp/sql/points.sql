-- The latest movements of a customer's points.
--
-- Parameters:
--   :number         customer number
--   :limit          rows wanted
-- Columns:
--   reference       text; unique for the customer
--   source          ERP, POS or SHOP: where it happened
--   points          whole number, negative when used, taken back or expired
--   at, expires     instant, RFC 3339 text or a timestamp type; expires is null when the points stay
--   title, title_en text, nullable
SELECT
  ref_no    AS reference,
  src_cd    AS source,
  pts       AS points,
  at        AS at,
  expire_at AS expires,
  pts_nm    AS title,
  pts_nm_en AS title_en
FROM pts_led
WHERE cust_no = :number
ORDER BY at DESC, ref_no
LIMIT :limit
