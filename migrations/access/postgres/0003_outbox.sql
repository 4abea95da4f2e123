-- Entries that came through the outbox of the atlases carry a hash of where they stood, so that none is written twice.
ALTER TABLE audit ADD COLUMN origin TEXT COLLATE "C";
CREATE UNIQUE INDEX audit_by_origin ON audit (origin) WHERE origin IS NOT NULL;
