-- Rows for a GIS department: one row for each region, indicator and period, with the geometry, so that QGIS and every other
-- program that reads PostGIS draws and filters them without the server. `kommunalatlas.indicator_value` holds the current
-- values of all sources but restricted ones and what was derived from these; `kommunalatlas_public.indicator_value`, with the same columns, what is released
-- in open atlases. The names of regions, levels and indicators make `id`, which so stays the same from year to year.

-- The eight bytes of a packed column (little endian, IEEE 754) as a number; NULL for NaN, which stands for no number. A power
-- of two times a mantissa of 53 bits is exact, so the number is the very one that was stored.
CREATE FUNCTION kommunalatlas_public.packed_number(bytes BYTEA) RETURNS DOUBLE PRECISION
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN e.exponent = 2047 THEN NULL
        WHEN e.exponent = 0 AND e.mantissa = 0 THEN 0.0
        ELSE (1 - 2 * (get_byte(bytes, 7) >> 7))
            * (CASE WHEN e.exponent = 0 THEN 0.0 ELSE 1.0 END + e.mantissa::double precision / 4503599627370496.0)::double precision
            * power(2.0::double precision, greatest(e.exponent, 1) - 1023)
        END
    FROM (SELECT ((get_byte(bytes, 7) & 127) << 4) + (get_byte(bytes, 6) >> 4) AS exponent,
        ((get_byte(bytes, 6) & 15)::bigint << 48) + (get_byte(bytes, 5)::bigint << 40) + (get_byte(bytes, 4)::bigint << 32)
            + (get_byte(bytes, 3)::bigint << 24) + (get_byte(bytes, 2) << 16) + (get_byte(bytes, 1) << 8) + get_byte(bytes, 0)
            AS mantissa) e
$$;

-- The name of a status byte.
CREATE FUNCTION kommunalatlas_public.packed_status(byte INTEGER) RETURNS TEXT
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE byte
        WHEN 0 THEN 'valid' WHEN 1 THEN 'missing' WHEN 2 THEN 'suppressed' WHEN 3 THEN 'not-applicable'
        WHEN 4 THEN 'not-yet-available' WHEN 5 THEN 'unreliable' WHEN 6 THEN 'unknown' WHEN 7 THEN 'not-meaningful'
        WHEN 16 THEN 'estimated' WHEN 17 THEN 'preliminary' WHEN 18 THEN 'revised' WHEN 19 THEN 'limited'
        WHEN 20 THEN 'derived' WHEN 21 THEN 'pooled' END
$$;

-- Series that only statisticians may read: those of restricted sources, and whatever was derived from one of them, over any
-- number of steps (as in `src/store/restricted.rs`).
CREATE VIEW restricted_series WITH (security_barrier) AS
    WITH RECURSIVE derived AS MATERIALIZED (
        SELECT s.atlas_id, s.id, i ->> 'indicator' AS indicator, i ->> 'level' AS level, i ->> 'edition' AS edition,
            i ->> 'period' AS period, i ->> 'hash' AS hash
        FROM series s CROSS JOIN LATERAL json_array_elements(s.derivation::json -> 'inputs') i
        WHERE s.derivation IS NOT NULL
    ), restricted (atlas_id, id) AS (
        SELECT s.atlas_id, s.id
        FROM series s JOIN source o ON o.atlas_id = s.atlas_id AND o.slug = s.source WHERE o.restricted = 1
        UNION
        SELECT d.atlas_id, d.id
        FROM restricted r
        JOIN series s ON s.atlas_id = r.atlas_id AND s.id = r.id
        JOIN edition e ON e.atlas_id = s.atlas_id AND e.id = s.edition_id
        JOIN derived d ON d.atlas_id = s.atlas_id AND d.indicator = s.indicator AND d.level = e.level
            AND d.edition = e.valid_on AND d.period = s.period AND d.hash = s.content_hash
    )
    SELECT atlas_id, id FROM restricted;

-- A packed column is a version byte, the number of regions (4 bytes), the values (8 bytes each), then the statuses. Pieces of
-- it are cut out, not the whole read for each region.
CREATE VIEW indicator_value WITH (security_barrier) AS
    SELECT a.slug || '/' || e.level || '/' || e.valid_on || '/' || s.indicator || '/' || s.period || '/' || g.key AS id,
        g.geom, a.slug AS atlas, e.level, e.valid_on AS edition, g.key, g.name, s.indicator, i.title_de AS title, i.unit_de AS unit,
        s.period, s.period_start, s.period_end,
        kommunalatlas_public.packed_number(substring(s.observations FROM 6 + 8 * g.ordinal::integer FOR 8)) AS value,
        kommunalatlas_public.packed_number(substring(s.numerators FROM 1 + 8 * g.ordinal::integer FOR 8)) AS numerator,
        kommunalatlas_public.packed_number(substring(s.denominators FROM 1 + 8 * g.ordinal::integer FOR 8)) AS denominator,
        kommunalatlas_public.packed_status(
            get_byte(substring(s.observations FROM 6 + 8 * e.regions::integer + g.ordinal::integer FOR 1), 0)) AS status
    FROM current_series c
    JOIN series s ON s.atlas_id = c.atlas_id AND s.id = c.series_id
    JOIN edition e ON e.atlas_id = c.atlas_id AND e.id = c.edition_id
    JOIN region g ON g.atlas_id = e.atlas_id AND g.edition_id = e.id
    JOIN indicator i ON i.atlas_id = s.atlas_id AND i.slug = s.indicator
    JOIN atlas a ON a.id = c.atlas_id
    WHERE NOT EXISTS (SELECT 1 FROM restricted_series r WHERE r.atlas_id = s.atlas_id AND r.id = s.id);

CREATE VIEW kommunalatlas_public.indicator_value WITH (security_barrier) AS
    SELECT a.slug || '/' || e.level || '/' || e.valid_on || '/' || r.indicator || '/' || c.period || '/' || g.key AS id,
        g.geom, a.slug AS atlas, e.level, e.valid_on AS edition, g.key, g.name, r.indicator, i.title_de AS title, i.unit_de AS unit,
        c.period, c.period_start, c.period_end,
        kommunalatlas_public.packed_number(substring(c.observations FROM 6 + 8 * g.ordinal::integer FOR 8)) AS value,
        CAST(NULL AS DOUBLE PRECISION) AS numerator, CAST(NULL AS DOUBLE PRECISION) AS denominator,
        kommunalatlas_public.packed_status(
            get_byte(substring(c.observations FROM 6 + 8 * e.regions::integer + g.ordinal::integer FOR 1), 0)) AS status
    FROM kommunalatlas_public.release_column c
    JOIN kommunalatlas_public.release r ON r.atlas_id = c.atlas_id AND r.id = c.release_id
    JOIN kommunalatlas_public.edition e ON e.atlas_id = c.atlas_id AND e.id = c.edition_id
    JOIN kommunalatlas_public.region g ON g.atlas_id = e.atlas_id AND g.edition_id = e.id
    JOIN kommunalatlas_public.indicator i ON i.atlas_id = r.atlas_id AND i.slug = r.indicator
    JOIN kommunalatlas_public.atlas a ON a.id = c.atlas_id;
