-- The store as a GeoPackage 1.3. Every table of ours has one integer primary key and is registered in gpkg_contents, so
-- that GDAL and QGIS list it. There are no triggers and no R-tree: those need SQL functions that plain SQLite lacks.
-- Dates and times are ISO 8601 texts, yes and no are 1 and 0.

PRAGMA application_id = 1196444487; -- 'GPKG'
PRAGMA user_version = 10300;

CREATE TABLE gpkg_spatial_ref_sys (
    srs_name TEXT NOT NULL,
    srs_id INTEGER PRIMARY KEY NOT NULL,
    organization TEXT NOT NULL,
    organization_coordsys_id INTEGER NOT NULL,
    definition TEXT NOT NULL,
    description TEXT
);

INSERT INTO gpkg_spatial_ref_sys VALUES
    ('Undefined cartesian SRS', -1, 'NONE', -1, 'undefined', 'undefined cartesian coordinate reference system'),
    ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', 'undefined geographic coordinate reference system'),
    ('WGS 84 geodetic', 4326, 'EPSG', 4326,
     'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]',
     'longitude/latitude coordinates in decimal degrees on the WGS 84 spheroid');

CREATE TABLE gpkg_contents (
    table_name TEXT NOT NULL PRIMARY KEY,
    data_type TEXT NOT NULL,
    identifier TEXT UNIQUE,
    description TEXT DEFAULT '',
    last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
    min_x DOUBLE,
    min_y DOUBLE,
    max_x DOUBLE,
    max_y DOUBLE,
    srs_id INTEGER,
    CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id)
);

CREATE TABLE gpkg_geometry_columns (
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    geometry_type_name TEXT NOT NULL,
    srs_id INTEGER NOT NULL,
    z TINYINT NOT NULL,
    m TINYINT NOT NULL,
    CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
    CONSTRAINT uk_gc_table_name UNIQUE (table_name),
    CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents (table_name),
    CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id)
);

-- One row: the version of this schema, and a counter that every write raises.
CREATE TABLE state (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    schema_version INTEGER NOT NULL,
    generation INTEGER NOT NULL
);
INSERT INTO state (id, schema_version, generation) VALUES (1, 0, 0);

CREATE TABLE atlas (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    title_de TEXT NOT NULL,
    title_en TEXT,
    open INTEGER NOT NULL DEFAULT 0,
    required_indicators INTEGER NOT NULL,
    attribution TEXT NOT NULL
);

CREATE TABLE level (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    slug TEXT NOT NULL,
    title_de TEXT NOT NULL,
    title_en TEXT,
    position INTEGER NOT NULL,
    public_boundaries INTEGER NOT NULL,
    UNIQUE (atlas_id, slug)
);

CREATE TABLE theme (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    slug TEXT NOT NULL,
    title_de TEXT NOT NULL,
    title_en TEXT,
    position INTEGER NOT NULL,
    UNIQUE (atlas_id, slug)
);

CREATE TABLE source (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    slug TEXT NOT NULL,
    title_de TEXT NOT NULL,
    title_en TEXT,
    position INTEGER NOT NULL,
    restricted INTEGER NOT NULL,
    UNIQUE (atlas_id, slug)
);

-- `sheet` and `classification` are JSON. Other indicators are named by slug, because a catalogue may name one before
-- it defines it.
CREATE TABLE indicator (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    slug TEXT NOT NULL,
    title_de TEXT NOT NULL,
    title_en TEXT,
    position INTEGER NOT NULL,
    theme TEXT NOT NULL,
    kind TEXT NOT NULL,
    unit_de TEXT NOT NULL,
    unit_en TEXT,
    decimals INTEGER NOT NULL,
    per DOUBLE NOT NULL,
    polarity TEXT NOT NULL,
    part_of TEXT,
    numerator TEXT,
    denominator TEXT,
    denominator_rule TEXT NOT NULL,
    classification TEXT NOT NULL,
    palette TEXT,
    note_de TEXT,
    note_en TEXT,
    sheet TEXT NOT NULL,
    UNIQUE (atlas_id, slug),
    FOREIGN KEY (atlas_id, theme) REFERENCES theme (atlas_id, slug)
);

-- Who brought what from which file, and whether it was taken back. `report` is JSON.
CREATE TABLE import (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    kind TEXT NOT NULL,
    file_name TEXT NOT NULL,
    file_hash TEXT NOT NULL,
    imported_at TEXT NOT NULL,
    imported_by TEXT NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0,
    report TEXT NOT NULL
);

-- `parents` is JSON: each parent level with a hash of who belongs to whom.
CREATE TABLE edition (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    level TEXT NOT NULL,
    valid_on TEXT NOT NULL,
    attribution TEXT NOT NULL,
    west DOUBLE NOT NULL,
    south DOUBLE NOT NULL,
    east DOUBLE NOT NULL,
    north DOUBLE NOT NULL,
    minzoom INTEGER NOT NULL,
    regions INTEGER NOT NULL,
    content_hash TEXT NOT NULL,
    parents TEXT NOT NULL,
    import_id INTEGER NOT NULL REFERENCES import (id),
    UNIQUE (atlas_id, level, valid_on),
    FOREIGN KEY (atlas_id, level) REFERENCES level (atlas_id, slug)
);

-- Regions of all editions. `ordinal` is the rank of the key in its edition; reference regions have no geometry.
CREATE TABLE region (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    geom MULTIPOLYGON,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    edition_id INTEGER NOT NULL REFERENCES edition (id),
    ordinal INTEGER NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    short_name TEXT,
    inhabited INTEGER NOT NULL,
    label_lon DOUBLE,
    label_lat DOUBLE,
    label_minzoom INTEGER NOT NULL,
    label_rank INTEGER NOT NULL,
    UNIQUE (edition_id, ordinal),
    UNIQUE (edition_id, key)
);

-- A region may have one parent or several on each parent level; the parents' edition may be imported later.
CREATE TABLE region_parent (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    edition_id INTEGER NOT NULL REFERENCES edition (id),
    ordinal INTEGER NOT NULL,
    parent_level TEXT NOT NULL,
    parent_key TEXT NOT NULL,
    UNIQUE (edition_id, ordinal, parent_level, parent_key)
);

CREATE TABLE edition_topology (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    edition_id INTEGER NOT NULL UNIQUE REFERENCES edition (id),
    topology BLOB NOT NULL
);

CREATE TABLE edition_zoom (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    edition_id INTEGER NOT NULL REFERENCES edition (id),
    zoom INTEGER NOT NULL,
    arcs BLOB NOT NULL,
    UNIQUE (edition_id, zoom)
);

-- One indicator, period and edition: a packed column of values and statuses, and what stands beside it. Small columns
-- come first, so that listing series does not read the blobs. `provenance`, `raw_signs`, `value_notes` are JSON.
CREATE TABLE series (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    import_id INTEGER NOT NULL REFERENCES import (id),
    indicator TEXT NOT NULL,
    edition_id INTEGER NOT NULL REFERENCES edition (id),
    period TEXT NOT NULL,
    period_start TEXT NOT NULL,
    period_end TEXT NOT NULL,
    source TEXT,
    break_before INTEGER NOT NULL,
    content_hash TEXT NOT NULL,
    provenance TEXT NOT NULL,
    note_de TEXT,
    note_en TEXT,
    observations BLOB NOT NULL,
    numerators BLOB,
    denominators BLOB,
    contributors BLOB,
    raw_signs TEXT NOT NULL,
    value_notes TEXT NOT NULL,
    FOREIGN KEY (atlas_id, indicator) REFERENCES indicator (atlas_id, slug),
    FOREIGN KEY (atlas_id, source) REFERENCES source (atlas_id, slug)
);
CREATE INDEX series_of ON series (atlas_id, indicator, edition_id, period);
CREATE INDEX series_import ON series (import_id);

-- Which series counts: the latest one whose import was not undone.
CREATE TABLE current_series (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    indicator TEXT NOT NULL,
    edition_id INTEGER NOT NULL REFERENCES edition (id),
    period TEXT NOT NULL,
    series_id INTEGER NOT NULL UNIQUE REFERENCES series (id),
    UNIQUE (atlas_id, indicator, edition_id, period)
);

-- Classes of unreleased layers, one row per import; the latest one whose import was not undone counts.
CREATE TABLE internal_classification (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    import_id INTEGER NOT NULL REFERENCES import (id),
    indicator TEXT NOT NULL,
    level TEXT NOT NULL,
    classification TEXT NOT NULL,
    UNIQUE (atlas_id, indicator, level, import_id),
    FOREIGN KEY (atlas_id, indicator) REFERENCES indicator (atlas_id, slug),
    FOREIGN KEY (atlas_id, level) REFERENCES level (atlas_id, slug)
);

-- What an audience gets. A release holds its own values and names no series: whoever may read only these tables sees
-- nothing that was not released. `classification` and `certificate` are JSON.
CREATE TABLE release (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    indicator TEXT NOT NULL,
    level TEXT NOT NULL,
    audience TEXT NOT NULL CHECK (audience IN ('public', 'internal')),
    number INTEGER NOT NULL,
    in_force INTEGER NOT NULL,
    released_at TEXT NOT NULL,
    released_by TEXT NOT NULL,
    classification TEXT NOT NULL,
    certificate TEXT,
    UNIQUE (atlas_id, indicator, level, audience, number),
    FOREIGN KEY (atlas_id, indicator) REFERENCES indicator (atlas_id, slug),
    FOREIGN KEY (atlas_id, level) REFERENCES level (atlas_id, slug)
);
CREATE UNIQUE INDEX release_in_force ON release (atlas_id, indicator, level, audience) WHERE in_force = 1;

CREATE TABLE release_column (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    atlas_id INTEGER NOT NULL REFERENCES atlas (id),
    release_id INTEGER NOT NULL REFERENCES release (id),
    edition_id INTEGER NOT NULL REFERENCES edition (id),
    period TEXT NOT NULL,
    period_start TEXT NOT NULL,
    period_end TEXT NOT NULL,
    break_before INTEGER NOT NULL,
    content_hash TEXT NOT NULL,
    note_de TEXT,
    note_en TEXT,
    observations BLOB NOT NULL,
    UNIQUE (release_id, edition_id, period)
);

INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id) VALUES
    ('region', 'features', 'region', 'Regions of all editions', 4326);
INSERT INTO gpkg_geometry_columns VALUES ('region', 'geom', 'MULTIPOLYGON', 4326, 0, 0);
INSERT INTO gpkg_contents (table_name, data_type, identifier, description) VALUES
    ('state', 'attributes', 'state', 'Version of the schema, counter of writes'),
    ('atlas', 'attributes', 'atlas', 'Atlases'),
    ('level', 'attributes', 'level', 'Levels of regions'),
    ('theme', 'attributes', 'theme', 'Themes'),
    ('source', 'attributes', 'source', 'Sources'),
    ('indicator', 'attributes', 'indicator', 'Indicators with their sheets'),
    ('import', 'attributes', 'import', 'Imports'),
    ('edition', 'attributes', 'edition', 'Boundary vintages of levels'),
    ('region_parent', 'attributes', 'region_parent', 'Parents of regions'),
    ('edition_topology', 'attributes', 'edition_topology', 'Shared arcs of editions'),
    ('edition_zoom', 'attributes', 'edition_zoom', 'Arcs simplified per zoom'),
    ('series', 'attributes', 'series', 'Observations as packed columns'),
    ('current_series', 'attributes', 'current_series', 'Series that count'),
    ('internal_classification', 'attributes', 'internal_classification', 'Classes of unreleased layers'),
    ('release', 'attributes', 'release', 'Releases'),
    ('release_column', 'attributes', 'release_column', 'Released values as packed columns');
