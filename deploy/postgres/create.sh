#!/bin/sh
# Makes the database `atlas` and its roles, once, as an administrator of PostgreSQL:
#
#     OWNER_PASSWORD=… SERVER_PASSWORD=… create.sh [further arguments of psql, such as -h HOST -U postgres]
#
#   atlas_owner    owns the database, migrates it, runs roles.sql
#   atlas_server   the servers with the internal area, a member of kommunalatlas_staff
#
# DATABASE=… names another database. For a server with `--public-only` make a member of kommunalatlas_public the same way. Then come `kommunalatlas migrate` and
# roles.sql, as atlas_owner. compose.yaml runs this file at the first start of its database.
set -eu

: "${OWNER_PASSWORD:?}" "${SERVER_PASSWORD:?}"
DATABASE=${DATABASE:-atlas}
export OWNER_PASSWORD SERVER_PASSWORD DATABASE
# The image of PostgreSQL names its administrator in this variable.
PGUSER=${PGUSER:-${POSTGRES_USER:-postgres}}
export PGUSER

# Passwords come from the environment into variables of psql: arguments would be seen in the list of processes.
psql -X -q -v ON_ERROR_STOP=1 -d postgres "$@" <<'END'
\set owner_password `printf %s "$OWNER_PASSWORD"`
\set server_password `printf %s "$SERVER_PASSWORD"`
\set database `printf %s "$DATABASE"`
-- Another database of this server may have the groups already.
SELECT format('CREATE ROLE %I NOLOGIN', name) FROM unnest(ARRAY['kommunalatlas_staff', 'kommunalatlas_public', 'kommunalatlas_gis']) AS name
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
CREATE ROLE atlas_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE atlas_server LOGIN PASSWORD :'server_password' IN ROLE kommunalatlas_staff;
CREATE DATABASE :"database" OWNER atlas_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO atlas_server, kommunalatlas_public, kommunalatlas_gis;
\connect :"database"
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE EXTENSION IF NOT EXISTS postgis;
END
