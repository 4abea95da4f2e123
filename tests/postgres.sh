#!/bin/sh
# Runs a command with a private PostgreSQL + PostGIS, for tests:
#
#     tests/postgres.sh cargo test
#
# A cluster is made in a temporary folder, listens on the loopback interface only, and is removed afterwards. The
# command finds its address in KOMMUNALATLAS_TEST_POSTGRES: a database whose role is no superuser but may create
# databases, roles for deploy/postgres/roles.sql, and beside it the template database `atlas_template` with PostGIS. If the variable is already set, that
# server is used.
set -eu

if [ -n "${KOMMUNALATLAS_TEST_POSTGRES:-}" ]; then
    exec "$@"
fi

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$bin" ] || [ ! -x "$bin/initdb" ]; then
    echo "postgres.sh: PostgreSQL is not installed (Debian: postgresql postgresql-15-postgis-3)" >&2
    exit 1
fi

dir=$(mktemp -d /tmp/kommunalatlas-postgres.XXXXXX)

# PostgreSQL refuses to run as root.
if [ "$(id -u)" = 0 ]; then
    chown postgres "$dir"
    as_server() { runuser -u postgres -- "$@"; }
else
    as_server() { "$@"; }
fi

stop() {
    status=$?
    trap - EXIT INT TERM HUP
    if [ -f "$dir/data/postmaster.pid" ]; then
        (cd "$dir" && as_server "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1) || true
    fi
    rm -rf "$dir"
    exit "$status"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

cd_back=$(pwd)
cd "$dir"
as_server "$bin/initdb" -D "$dir/data" -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync \
    >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }

# A port may be taken: try others.
started=
for attempt in 1 2 3 4 5 6 7 8; do
    port=$(shuf -i 20000-60000 -n 1)
    if as_server "$bin/pg_ctl" -D "$dir/data" -w -t 30 -l "$dir/server.log" -o "-p $port -k $dir \
        -c listen_addresses=127.0.0.1 -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
        -c max_connections=200 -c autovacuum=off -c max_wal_size=4GB" start >/dev/null 2>&1; then
        started=yes
        break
    fi
done
if [ -z "$started" ]; then
    cat "$dir/server.log" >&2
    exit 1
fi

admin() { as_server "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$dir" -p "$port" -U postgres "$@"; }
# Tests drop their databases with FORCE, which must end connections of the other roles that are still closing: hence the
# right to signal.
admin -d postgres \
    -c "CREATE ROLE atlas LOGIN CREATEDB" \
    -c "CREATE ROLE kommunalatlas_staff NOLOGIN" \
    -c "CREATE ROLE kommunalatlas_public NOLOGIN" \
    -c "CREATE ROLE kommunalatlas_gis NOLOGIN" \
    -c "CREATE ROLE atlas_staff LOGIN IN ROLE kommunalatlas_staff" \
    -c "CREATE ROLE atlas_public LOGIN IN ROLE kommunalatlas_public" \
    -c "CREATE ROLE atlas_gis LOGIN IN ROLE kommunalatlas_gis" \
    -c "GRANT pg_signal_backend TO atlas" \
    -c "CREATE DATABASE atlas_template OWNER atlas"
admin -d atlas_template -c "SET client_min_messages = warning" -c "CREATE EXTENSION postgis"
admin -d postgres -c "CREATE DATABASE atlas OWNER atlas TEMPLATE atlas_template"

export KOMMUNALATLAS_TEST_POSTGRES="postgres://atlas@127.0.0.1:$port/atlas"
cd "$cd_back"
"$@"
