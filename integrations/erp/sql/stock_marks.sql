-- Up to when the ERP has booked everything, by place. It is read before the balances that it dates.
--
-- Parameters: none.
-- Columns:
--   location        the place
--   as_of           instant, RFC 3339 text or a timestamp type
SELECT loc_cd AS location, as_of AS as_of
FROM ifc_stat
