-- Makes a coupon usable again that was used for the reference. Any other stays as it is.
--
-- Parameters:
--   :coupon         coupon number
--   :reference      what used it
UPDATE cpn_mst SET
  stat_cd = 'O',
  used_ref = NULL,
  used_at = NULL
WHERE cpn_no = :coupon AND stat_cd = 'U' AND used_ref = :reference
