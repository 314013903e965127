-- Notes that somebody asked about a key: a correction, or to be forgotten. A known pair of reference and key must change
-- nothing and be no error. What is noted as ERASE is never written to again: customer_create.sql creates nothing under such a
-- reference, and customer_update.sql and privacy_correct.sql leave such a customer alone.
--
-- Parameters:
--   :reference      of the request, text
--   :key            customer number, or what a record is created under (:reference of customer_create.sql)
--   :kind           CORRECT or ERASE
--   :now            instant, text, RFC 3339 in UTC with milliseconds
INSERT INTO prv_req (req_no, key_no, kind_cd, at)
VALUES (:reference, :key, :kind, :now)
ON CONFLICT DO NOTHING
