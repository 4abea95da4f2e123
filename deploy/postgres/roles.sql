-- Roles of a Kommunalatlas database. To be run by its owner, the role that also runs `kommunalatlas migrate`, after each
-- migration:
--
--     psql postgres://OWNER@HOST/DATABASE -v ON_ERROR_STOP=1 -f roles.sql
--
--   the owner             migrates; nobody else changes tables
--   kommunalatlas_staff   the server with the internal area: reads and writes rows
--   kommunalatlas_public  the server with `--public-only`: reads what is public, through views, and nothing else
--   kommunalatlas_gis     people with QGIS: read the rows of `kommunalatlas.indicator_value`, without restricted sources, and
--                         what is public
--
-- The last three are groups without a password of their own: let the role that a server signs in with be a member of one of
-- them (GRANT kommunalatlas_public TO somebody). Making them needs the right CREATEROLE; where the owner has not got it, let
-- an administrator run the first statement.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kommunalatlas_staff') THEN
        CREATE ROLE kommunalatlas_staff NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kommunalatlas_public') THEN
        CREATE ROLE kommunalatlas_public NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kommunalatlas_gis') THEN
        CREATE ROLE kommunalatlas_gis NOLOGIN;
    END IF;
END
$$;

-- Every schema of the program but that for the public: people and the audit log have one of their own.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT nspname FROM pg_namespace
        WHERE nspname LIKE 'kommunalatlas%' AND nspname <> 'kommunalatlas_public'
    LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC, kommunalatlas_public, kommunalatlas_gis', name);
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM PUBLIC, kommunalatlas_public, kommunalatlas_gis', name);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO kommunalatlas_staff', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO kommunalatlas_staff', name);
        EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO kommunalatlas_staff', name);
    END LOOP;
END
$$;

REVOKE ALL ON SCHEMA kommunalatlas_public FROM PUBLIC;
GRANT USAGE ON SCHEMA kommunalatlas_public TO kommunalatlas_public, kommunalatlas_staff;
GRANT SELECT ON ALL TABLES IN SCHEMA kommunalatlas_public TO kommunalatlas_public, kommunalatlas_staff;

-- A function that a later migration makes opens nothing by itself.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT EXECUTE ON FUNCTION kommunalatlas_public.packed_number(BYTEA), kommunalatlas_public.packed_status(INTEGER)
    TO kommunalatlas_public, kommunalatlas_staff, kommunalatlas_gis;

GRANT USAGE ON SCHEMA kommunalatlas, kommunalatlas_public TO kommunalatlas_gis;
GRANT SELECT ON kommunalatlas.indicator_value, kommunalatlas_public.indicator_value TO kommunalatlas_gis;
