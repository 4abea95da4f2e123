-- Who decides what about publication: policies, bundles on their way to release, certificates, what was taken into account,
-- agreements on use, shares between atlases.

-- `policies` is JSON. `decision` (JSON) is the latest decision about the public area: who opened or closed it, or why it
-- stays open with fewer indicators than required.
ALTER TABLE atlas ADD COLUMN policies TEXT NOT NULL DEFAULT '{}';
ALTER TABLE atlas ADD COLUMN four_eyes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE atlas ADD COLUMN indicators_due_on TEXT;
ALTER TABLE atlas ADD COLUMN decision TEXT;

-- Stricter than the atlas, because of a contract with the source (JSON); NULL where the policy of the atlas is enough.
ALTER TABLE source ADD COLUMN policies TEXT;

-- 0 where the numbers do not speak of persons (playgrounds, areas, public population figures).
ALTER TABLE indicator ADD COLUMN sensitive INTEGER NOT NULL DEFAULT 1;

-- Indicators that are released in one act, on their way: draft, checked, approved (waits for its embargo), released,
-- withdrawn. `indicators`, `levels`, `periods` and `findings` are JSON; `revision` rises with every change. Internal: the
-- public role reads no row of it.
CREATE TABLE release_bundle (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    title TEXT NOT NULL,
    audience TEXT NOT NULL CHECK (audience IN ('public', 'internal')),
    indicators TEXT NOT NULL,
    levels TEXT NOT NULL,
    periods TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('draft', 'checked', 'approved', 'released', 'withdrawn')),
    embargo_until TEXT,
    revision INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    checked_at TEXT,
    checked_by TEXT,
    findings TEXT,
    approved_at TEXT,
    approved_by TEXT,
    released_at TEXT,
    released_by TEXT,
    withdrawn_at TEXT,
    withdrawn_by TEXT
);

-- All that happened to a bundle: who, when, and where it stood afterwards.
CREATE TABLE bundle_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    bundle_id INTEGER NOT NULL REFERENCES release_bundle (id),
    action TEXT NOT NULL,
    state TEXT NOT NULL,
    revision INTEGER NOT NULL,
    happened_at TEXT NOT NULL,
    actor TEXT NOT NULL
);

-- Which releases a bundle brought. A table of its own, because the public role reads `release`.
CREATE TABLE bundle_release (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    bundle_id INTEGER NOT NULL REFERENCES release_bundle (id),
    release_id INTEGER NOT NULL UNIQUE REFERENCES release (id)
);

-- Who took a release back, and when; NULL while it is in force or was superseded.
ALTER TABLE release ADD COLUMN withdrawn_at TEXT;
ALTER TABLE release ADD COLUMN withdrawn_by TEXT;
ALTER TABLE release ADD COLUMN certified INTEGER NOT NULL DEFAULT 0;

-- The certificate of disclosure control (JSON). It tells how much was hidden: internal, like what follows.
CREATE TABLE release_certificate (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    release_id INTEGER NOT NULL UNIQUE REFERENCES release (id),
    document TEXT NOT NULL
);

-- From which series a release was made: what was once public stays part of every later check.
CREATE TABLE release_input (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    release_id INTEGER NOT NULL REFERENCES release (id),
    series_id INTEGER NOT NULL REFERENCES series (id),
    UNIQUE (release_id, series_id)
);

-- The agreement between municipality and operator.
CREATE TABLE agreement (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    version TEXT NOT NULL,
    signed_on TEXT NOT NULL,
    signatory TEXT NOT NULL,
    file_name TEXT NOT NULL,
    file_hash TEXT NOT NULL,
    document BLOB NOT NULL,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL
);

-- An atlas lends an indicator on a level to another atlas of this store, until it ends it. `may_release`: the borrower may
-- show in its public area what the lender has released.
CREATE TABLE share (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    borrower TEXT NOT NULL,
    indicator TEXT NOT NULL,
    level TEXT NOT NULL,
    may_release INTEGER NOT NULL DEFAULT 0,
    granted_at TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    ended_at TEXT,
    ended_by TEXT,
    FOREIGN KEY (atlas_id, indicator) REFERENCES indicator (atlas_id, slug),
    FOREIGN KEY (atlas_id, level) REFERENCES level (atlas_id, slug)
);
CREATE UNIQUE INDEX share_in_force ON share (atlas_id, borrower, indicator, level) WHERE ended_at IS NULL;

-- Releases from before disclosure control become drafts, and the public areas that showed them close.
INSERT INTO release_bundle (atlas_id, title, audience, indicators, levels, periods, state, created_at, created_by)
    SELECT atlas_id, indicator, audience, '["' || indicator || '"]', '["' || level || '"]', '[]', 'draft', released_at,
        released_by
    FROM release WHERE in_force = 1 AND certificate IS NULL ORDER BY id;
INSERT INTO bundle_event (atlas_id, bundle_id, action, state, revision, happened_at, actor)
    SELECT atlas_id, id, 'create', 'draft', 1, created_at, created_by FROM release_bundle ORDER BY id;
UPDATE atlas SET open = 0
    WHERE id IN (SELECT atlas_id FROM release WHERE in_force = 1 AND certificate IS NULL AND audience = 'public');
UPDATE release SET in_force = 0 WHERE certificate IS NULL;
ALTER TABLE release DROP COLUMN certificate;

INSERT INTO gpkg_contents (table_name, data_type, identifier, description) VALUES
    ('release_bundle', 'attributes', 'release_bundle', 'Indicators on their way to release'),
    ('bundle_event', 'attributes', 'bundle_event', 'What happened to bundles'),
    ('bundle_release', 'attributes', 'bundle_release', 'Which releases bundles brought'),
    ('release_certificate', 'attributes', 'release_certificate', 'Certificates of disclosure control'),
    ('release_input', 'attributes', 'release_input', 'From which series releases were made'),
    ('agreement', 'attributes', 'agreement', 'Agreements on use'),
    ('share', 'attributes', 'share', 'What an atlas lends to another');
