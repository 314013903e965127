-- Present balances of some items at some places. Pairs that were not asked for are ignored.
--
-- Parameters:
--   :locations      list of places
--   :skus           list of items
-- Columns: as in stock_feed.sql.
SELECT
  chg_seq    AS position,
  loc_cd     AS location,
  item_cd    AS sku,
  qty        AS on_hand,
  pos_cut    AS pos_cut,
  safety_qty AS safety,
  CASE WHEN ranged_flg = 'Y' THEN 1 ELSE 0 END AS ranged,
  ver        AS version
FROM stk_bal
WHERE loc_cd IN (:locations) AND item_cd IN (:skus)
