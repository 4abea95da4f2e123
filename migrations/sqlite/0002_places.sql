-- What became of regions between editions, and facilities as points.

-- Of `old_key` the part `share` (0 to 1) belongs to `new_key` from `valid_on` on.
CREATE TABLE succession (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    level TEXT NOT NULL,
    valid_on TEXT NOT NULL,
    old_key TEXT NOT NULL,
    new_key TEXT NOT NULL,
    share DOUBLE NOT NULL CHECK (share > 0 AND share <= 1),
    UNIQUE (atlas_id, level, valid_on, old_key, new_key),
    FOREIGN KEY (atlas_id, level) REFERENCES level (atlas_id, slug)
);

CREATE TABLE facility_category (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    slug TEXT NOT NULL,
    title_de TEXT NOT NULL,
    title_en TEXT,
    position INTEGER NOT NULL,
    public INTEGER NOT NULL,
    UNIQUE (atlas_id, slug)
);

-- `publishable` records consent: without it a facility is never public, whatever its category says.
CREATE TABLE facility (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    geom POINT,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    import_id INTEGER NOT NULL REFERENCES import (id),
    category TEXT NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    operator TEXT,
    address TEXT,
    places INTEGER,
    valid_from TEXT,
    valid_until TEXT,
    publishable INTEGER NOT NULL,
    UNIQUE (atlas_id, category, key, import_id),
    FOREIGN KEY (atlas_id, category) REFERENCES facility_category (atlas_id, slug)
);

INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id) VALUES
    ('facility', 'features', 'facility', 'Facilities', 4326);
INSERT INTO gpkg_geometry_columns VALUES ('facility', 'geom', 'POINT', 4326, 0, 0);
INSERT INTO gpkg_contents (table_name, data_type, identifier, description) VALUES
    ('succession', 'attributes', 'succession', 'What became of regions'),
    ('facility_category', 'attributes', 'facility_category', 'Categories of facilities');
