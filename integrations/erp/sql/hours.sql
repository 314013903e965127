-- Weekly opening hours of all places; a day without a row is closed. Rows of unknown places are ignored.
--
-- Parameters: none.
-- Columns:
--   code            the place
--   weekday         1 Monday to 7 Sunday
--   opens, closes   HH:MM local; closes may be 24:00, or before opens when the place closes after midnight
SELECT loc_cd AS code, dow AS weekday, open_tm AS opens, close_tm AS closes
FROM loc_hrs
ORDER BY loc_cd, dow
