-- Balances in the order in which they changed: the oldest changes after a position, one row per place and item.
--
-- Parameters:
--   :after          position of the last row already read, 0 at the start
--   :limit          rows wanted
-- Columns:
--   position        whole number that grows with every change, in commit order: a row committed later must never show a
--                   lower position than one already visible, or its change is lost; the row with the highest position
--                   stays, since an answer without it shows an ERP that lost data
--   location, sku   the place and the item
--   on_hand         book quantity, may be negative
--   pos_cut         the POS counter already contained in on_hand
--   safety          units never promised, 0 to 65535
--   ranged          1 when the place carries the item, else 0
--   version         whole number from 1, grows with every change of the row
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
WHERE chg_seq > :after
ORDER BY chg_seq
LIMIT :limit
