-- In which role a subject's tokens were taken back; empty in every one.
ALTER TABLE revocations ADD COLUMN role {key} NOT NULL DEFAULT '';
