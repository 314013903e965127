-- What each tier asks for.
--
-- Columns:
--   tier            SILVER, GOLD or PLATINUM
--   title, title_en text; what the tier is called, Chinese and English
--   year_spend      text in major units with a point: spend in a year from which on the tier is given
--   currency        ISO 4217
SELECT
  tier_cd    AS tier,
  tier_nm    AS title,
  tier_nm_en AS title_en,
  CAST(min_amt AS VARCHAR(40)) AS year_spend,
  curr_cd    AS currency
FROM tier_rule
ORDER BY min_amt
