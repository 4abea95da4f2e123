-- What makes imports repeatable, owed, traceable and removable.

-- A mapping that was saved for the files of one source. `headers` (JSON, a list of texts) and their `fingerprint`
-- recognise the next file; `mapping` is a mapping file (TOML).
CREATE TABLE source_profile (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    slug TEXT NOT NULL,
    level TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    headers TEXT NOT NULL,
    mapping TEXT NOT NULL,
    saved_at TEXT NOT NULL,
    saved_by TEXT NOT NULL,
    UNIQUE (atlas_id, slug),
    FOREIGN KEY (atlas_id, level) REFERENCES level (atlas_id, slug)
);

-- Which department owes which indicator on which level for which period, and by when.
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    indicator TEXT NOT NULL,
    level TEXT NOT NULL,
    period TEXT NOT NULL,
    department TEXT NOT NULL,
    due_on TEXT NOT NULL,
    UNIQUE (atlas_id, indicator, level, period),
    FOREIGN KEY (atlas_id, indicator) REFERENCES indicator (atlas_id, slug),
    FOREIGN KEY (atlas_id, level) REFERENCES level (atlas_id, slug)
);

-- How a series was made from others (JSON); NULL where it was delivered.
ALTER TABLE series ADD COLUMN derivation TEXT;

-- A purged import keeps its row, without file name and report.
ALTER TABLE import ADD COLUMN purged_at TEXT;
ALTER TABLE import ADD COLUMN purged_by TEXT;

-- Every import's successions stay: of the same keys and date those of the latest import count that was not undone.
-- `import_id` is NULL for those from before this column.
CREATE TABLE succession_of_import (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    import_id INTEGER REFERENCES import (id),
    level TEXT NOT NULL,
    valid_on TEXT NOT NULL,
    old_key TEXT NOT NULL,
    new_key TEXT NOT NULL,
    share DOUBLE NOT NULL CHECK (share > 0 AND share <= 1),
    UNIQUE (atlas_id, level, valid_on, old_key, new_key, import_id),
    FOREIGN KEY (atlas_id, level) REFERENCES level (atlas_id, slug)
);
INSERT INTO succession_of_import (id, atlas_id, level, valid_on, old_key, new_key, share)
    SELECT id, atlas_id, level, valid_on, old_key, new_key, share FROM succession;
DROP TABLE succession;
ALTER TABLE succession_of_import RENAME TO succession;

-- The facilities of such a category are persons at home: each needs a consent of its own.
ALTER TABLE facility_category ADD COLUMN personal INTEGER NOT NULL DEFAULT 0;

INSERT INTO gpkg_contents (table_name, data_type, identifier, description) VALUES
    ('source_profile', 'attributes', 'source_profile', 'Mappings saved for sources'),
    ('delivery', 'attributes', 'delivery', 'Who owes which indicator by when');
