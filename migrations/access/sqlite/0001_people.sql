-- People, their tokens and the audit log: a file of its own beside the GeoPackage, because the GeoPackage is passed on.
-- Secrets are stored as hashes only. Times are ISO 8601 texts, yes and no are 1 and 0. Atlases are named by slug.

CREATE TABLE state (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    access_version INTEGER NOT NULL
);
INSERT INTO state (id, access_version) VALUES (1, 1);

CREATE TABLE person (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    password_hash TEXT,
    disabled INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
);

CREATE TABLE token (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    person_id INTEGER NOT NULL REFERENCES person (id),
    label TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    revoked_at TEXT
);

-- Who did what to what; never with values of observations. `details` is JSON.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    happened_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    atlas TEXT,
    subject TEXT,
    details TEXT NOT NULL
);
