-- Books a movement of points. A known reference of the customer, or an unknown customer, must change nothing and be no
-- error; no row is affected then.
--
-- Parameters:
--   :number         customer number
--   :reference      of the movement, unique for the customer
--   :source         ERP, POS or SHOP
--   :points         whole number
--   :at, :expires   instant, text, RFC 3339 in UTC with milliseconds; expires is null when the points stay
--   :title, :title_en text, nullable
INSERT INTO pts_led (cust_no, ref_no, src_cd, pts, at, expire_at, pts_nm, pts_nm_en)
SELECT cust_no, CAST(:reference AS VARCHAR(200)), CAST(:source AS VARCHAR(10)), CAST(:points AS BIGINT), CAST(:at AS VARCHAR(40)),
  CAST(:expires AS VARCHAR(40)), CAST(:title AS VARCHAR(200)), CAST(:title_en AS VARCHAR(200))
FROM cust_mst
WHERE cust_no = :number
ON CONFLICT (cust_no, ref_no) DO NOTHING
