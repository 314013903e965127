-- Uses a coupon for a reference, if it is the customer's, open and in its time; one that is used for the same reference
-- stays as it is and must be reported as affected. One statement decides, so that of two orders only one wins.
--
-- Parameters:
--   :coupon         coupon number
--   :customer       customer number
--   :reference      what uses it
--   :at             instant, text, RFC 3339 in UTC with milliseconds
UPDATE cpn_mst SET
  stat_cd = 'U',
  used_ref = :reference,
  used_at = COALESCE(used_at, :at)
WHERE cpn_no = :coupon AND cust_no = :customer
  AND ((stat_cd = 'O' AND valid_from <= :at AND valid_to > :at) OR (stat_cd = 'U' AND used_ref = :reference))
