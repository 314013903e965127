-- Price conditions of some items. Conditions that are not in force may be among them; they are left out.
--
-- Parameters:
--   :skus           list of items, 500 at most
-- Columns:
--   sku             the item
--   kind            LIST or PROMO
--   channel         * or APP, MINI_PROGRAM, WEB, POS, PARTNER
--   tier            * or SILVER, GOLD, PLATINUM
--   amount          text in major units with a point, for example 19.90
--   currency        ISO 4217
--   starts, ends    instant, RFC 3339 text or a timestamp type; ends is exclusive, null when open
--   title, title_en text, nullable; what a promotion is called, Chinese and English
-- A LIST row for all channels and tiers is the base price; of several in force the one that started last wins.
SELECT
  item_cd    AS sku,
  price_typ  AS kind,
  chan_cd    AS channel,
  tier_cd    AS tier,
  CAST(amt AS VARCHAR(40)) AS amount,
  curr_cd    AS currency,
  valid_from AS starts,
  valid_to   AS ends,
  promo_nm   AS title,
  promo_nm_en AS title_en
FROM price_lst
WHERE item_cd IN (:skus)
ORDER BY price_id
