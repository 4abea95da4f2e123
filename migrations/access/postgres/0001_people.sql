-- People and the audit log: a schema of its own, on which a role that reads public data only gets no right. The same
-- tables as in the file beside a GeoPackage; those of its first version were never used and are not made here.

REVOKE ALL ON SCHEMA kommunalatlas_access FROM PUBLIC;

CREATE TABLE state (
    id BIGINT PRIMARY KEY NOT NULL CHECK (id = 1),
    access_version BIGINT NOT NULL
);
INSERT INTO state (id, access_version) VALUES (1, 1);
