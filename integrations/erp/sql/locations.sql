-- Every active place.
--
-- Parameters: none.
-- Columns (nullable ones may also be empty):
--   code            text, 1 to 24 of A-Z a-z 0-9 - _ . /, unique
--   kind            STORE, FRONT_WAREHOUSE or WAREHOUSE
--   name, name_en   text, nullable; Chinese and English
--   country         ISO 3166-1 alpha-2, nullable
--   province, city, district, address, postal_code   text, nullable
--   latitude, longitude   degrees, WGS-84
--   time_zone       IANA name
--   pickup, curbside, instant   1 or 0
--   picking_minutes minutes to pick one order, 0 to 1440
--   cutoff          HH:MM local, nullable; last order time for collection on the same day
--   capacity        open pick tasks that the place can carry, nullable or 0 when unlimited
SELECT
  loc_cd     AS code,
  CASE loc_typ WHEN 'S' THEN 'STORE' WHEN 'F' THEN 'FRONT_WAREHOUSE' WHEN 'W' THEN 'WAREHOUSE' ELSE loc_typ END AS kind,
  loc_nm     AS name,
  loc_nm_en  AS name_en,
  ctry_cd    AS country,
  prov_nm    AS province,
  city_nm    AS city,
  dist_nm    AS district,
  addr_ln    AS address,
  post_cd    AS postal_code,
  lat        AS latitude,
  lon        AS longitude,
  tz_nm      AS time_zone,
  CASE WHEN pickup_flg = 'Y' THEN 1 ELSE 0 END  AS pickup,
  CASE WHEN curb_flg = 'Y' THEN 1 ELSE 0 END    AS curbside,
  CASE WHEN instant_flg = 'Y' THEN 1 ELSE 0 END AS instant,
  pick_min   AS picking_minutes,
  cutoff_tm  AS cutoff,
  pick_cap   AS capacity
FROM loc_mst
WHERE status_cd = 'A'
ORDER BY loc_cd
