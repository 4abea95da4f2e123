-- What the public may see of a GeoPackage: views of the tables' own names in the connection's temporary schema, where SQLite
-- looks first. Through such a connection the file is one into which only public things were ever put. No migration: nothing
-- of it is written to the file. The same views are the schema `kommunalatlas_public` of a PostGIS database; see there.

CREATE TEMP VIEW state AS
    SELECT id, schema_version, generation FROM main.state;

CREATE TEMP VIEW atlas AS
    SELECT id, slug, title_de, title_en, open, CAST(0 AS BIGINT) AS required_indicators, attribution,
        '{}' AS policies, CAST(0 AS BIGINT) AS four_eyes, CAST(NULL AS TEXT) AS indicators_due_on, CAST(NULL AS TEXT) AS decision
    FROM main.atlas WHERE open = 1;

CREATE TEMP VIEW release AS
    SELECT r.id, r.atlas_id, r.indicator, r.level, r.audience, r.number, r.in_force, r.released_at, '' AS released_by,
        r.classification, CAST(NULL AS TEXT) AS withdrawn_at, CAST(NULL AS TEXT) AS withdrawn_by, r.certified
    FROM main.release r JOIN temp.atlas a ON a.id = r.atlas_id WHERE r.in_force = 1 AND r.audience = 'public';

CREATE TEMP VIEW release_column AS
    SELECT c.id, c.atlas_id, c.release_id, c.edition_id, c.period, c.period_start, c.period_end, c.break_before, c.content_hash,
        c.note_de, c.note_en, c.observations
    FROM main.release_column c JOIN temp.release r ON r.id = c.release_id;

CREATE TEMP VIEW level AS
    SELECT l.id, l.atlas_id, l.slug, l.title_de, l.title_en,
        row_number() OVER (PARTITION BY l.atlas_id ORDER BY l.position, l.slug) - 1 AS position, l.public_boundaries
    FROM main.level l JOIN temp.atlas a ON a.id = l.atlas_id
    WHERE EXISTS (SELECT 1 FROM main.edition e WHERE e.atlas_id = l.atlas_id AND e.level = l.slug
        AND (l.public_boundaries = 1 OR e.id IN (SELECT edition_id FROM temp.release_column)));

CREATE TEMP VIEW edition AS
    SELECT e.id, e.atlas_id, e.level, e.valid_on, e.attribution, e.west, e.south, e.east, e.north, e.minzoom, e.regions,
        e.content_hash, coalesce((SELECT '[' || group_concat(p.value, ',') || ']' FROM json_each(e.parents) p
            JOIN temp.level s ON s.atlas_id = e.atlas_id AND s.slug = json_extract(p.value, '$[0]')), '[]') AS parents, CAST(1 AS BIGINT) AS import_id
    FROM main.edition e JOIN temp.level l ON l.atlas_id = e.atlas_id AND l.slug = e.level
    WHERE l.public_boundaries = 1 OR e.id IN (SELECT edition_id FROM temp.release_column);

CREATE TEMP VIEW region AS
    SELECT g.id, g.geom, g.atlas_id, g.edition_id, g.ordinal, g.key, g.name, g.short_name, g.inhabited, g.label_lon, g.label_lat,
        g.label_minzoom, g.label_rank
    FROM main.region g JOIN temp.edition e ON e.id = g.edition_id;

CREATE TEMP VIEW region_parent AS
    SELECT p.id, p.atlas_id, p.edition_id, p.ordinal, p.parent_level, p.parent_key
    FROM main.region_parent p JOIN temp.edition e ON e.id = p.edition_id
    JOIN temp.level l ON l.atlas_id = p.atlas_id AND l.slug = p.parent_level;

CREATE TEMP VIEW edition_topology AS
    SELECT t.id, t.atlas_id, t.edition_id, t.topology
    FROM main.edition_topology t JOIN temp.edition e ON e.id = t.edition_id;

CREATE TEMP VIEW edition_zoom AS
    SELECT z.id, z.atlas_id, z.edition_id, z.zoom, z.arcs
    FROM main.edition_zoom z JOIN temp.edition e ON e.id = z.edition_id;

CREATE TEMP VIEW indicator AS
    SELECT i.id, i.atlas_id, i.slug, i.title_de, i.title_en,
        row_number() OVER (PARTITION BY i.atlas_id ORDER BY i.position, i.slug) - 1 AS position, i.theme, i.kind, i.unit_de,
        i.unit_en, i.decimals, i.per, i.polarity, CAST(NULL AS TEXT) AS part_of, CAST(NULL AS TEXT) AS numerator,
        CAST(NULL AS TEXT) AS denominator, i.denominator_rule, i.classification, i.palette, i.note_de, i.note_en, i.sheet,
        i.sensitive
    FROM main.indicator i
    WHERE EXISTS (SELECT 1 FROM temp.release r WHERE r.atlas_id = i.atlas_id AND r.indicator = i.slug);

CREATE TEMP VIEW theme AS
    SELECT t.id, t.atlas_id, t.slug, t.title_de, t.title_en,
        row_number() OVER (PARTITION BY t.atlas_id ORDER BY t.position, t.slug) - 1 AS position
    FROM main.theme t
    WHERE EXISTS (SELECT 1 FROM temp.indicator i WHERE i.atlas_id = t.atlas_id AND i.theme = t.slug);

CREATE TEMP VIEW facility_category AS
    SELECT c.id, c.atlas_id, c.slug, c.title_de, c.title_en,
        row_number() OVER (PARTITION BY c.atlas_id ORDER BY c.position, c.slug) - 1 AS position, c.public, c.personal
    FROM main.facility_category c JOIN temp.atlas a ON a.id = c.atlas_id WHERE c.public = 1;

CREATE TEMP VIEW facility AS
    SELECT f.id, f.geom, f.atlas_id, CAST(1 AS BIGINT) AS import_id, f.category, f.key, f.name, f.operator, f.address, f.places,
        f.valid_from, f.valid_until, f.publishable
    FROM main.facility f JOIN temp.facility_category c ON c.atlas_id = f.atlas_id AND c.slug = f.category
    JOIN main.import i ON i.id = f.import_id
    WHERE f.publishable = 1 AND (f.valid_until IS NULL OR f.valid_until >= substr(i.imported_at, 1, 10))
        AND f.import_id = (SELECT max(g.import_id) FROM main.facility g JOIN main.import h ON h.id = g.import_id
            WHERE h.undone = 0 AND g.atlas_id = f.atlas_id AND g.category = f.category);

CREATE TEMP VIEW import AS
    SELECT CAST(1 AS BIGINT) AS id, min(a.id) AS atlas_id, 'export' AS kind, '' AS file_name, '' AS file_hash,
        '1970-01-01T00:00:00.000000Z' AS imported_at, '' AS imported_by, CAST(0 AS BIGINT) AS undone, '{}' AS report,
        CAST(NULL AS TEXT) AS purged_at, CAST(NULL AS TEXT) AS purged_by
    FROM temp.atlas a HAVING count(*) > 0
    UNION ALL
    SELECT -i.id, CAST(NULL AS BIGINT), 'purge', '', '', '1970-01-01T00:00:00.000000Z', '', CAST(1 AS BIGINT), '{}', i.purged_at, ''
    FROM main.import i WHERE i.purged_at IS NOT NULL;

CREATE TEMP VIEW share AS
    SELECT s.id, s.atlas_id, s.borrower, s.indicator, s.level, s.may_release, s.granted_at, '' AS granted_by, s.ended_at, s.ended_by
    FROM main.share s JOIN temp.release r ON r.atlas_id = s.atlas_id AND r.indicator = s.indicator AND r.level = s.level
    JOIN temp.atlas b ON b.slug = s.borrower
    WHERE s.may_release = 1 AND s.ended_at IS NULL;

-- The catalogue is read from these too; the public has nothing of them.
CREATE TEMP VIEW source AS SELECT * FROM main.source WHERE FALSE;
CREATE TEMP VIEW series AS SELECT * FROM main.series WHERE FALSE;
CREATE TEMP VIEW current_series AS SELECT * FROM main.current_series WHERE FALSE;
CREATE TEMP VIEW internal_classification AS SELECT * FROM main.internal_classification WHERE FALSE;
