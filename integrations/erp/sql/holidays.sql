-- Days with other hours.
--
-- Parameters:
--   :from           YYYY-MM-DD, the first day wanted
-- Columns:
--   code            the place
--   day             YYYY-MM-DD
--   opens, closes   as in hours.sql; both null when the place is closed
--   name            what the day is called, nullable
SELECT loc_cd AS code, hol_dt AS day, open_tm AS opens, close_tm AS closes, hol_nm AS name
FROM loc_hol
WHERE hol_dt >= :from
ORDER BY loc_cd, hol_dt
