#!/usr/bin/env bash
# Backup and restore as an administrator runs them, on a GeoPackage and on PostGIS: while a server serves and somebody
# writes, and with what must be refused. Usage: backup.sh (starts a PostgreSQL of its own by postgres.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${KOMMUNALATLAS_TEST_POSTGRES:-}" ]; then
    exec tests/postgres.sh "$0"
fi

binary=$(realpath "${BINARY:-target/debug/kommunalatlas}")
export ATLAS_PROGRAM=$binary
PATH=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1):$PATH
work=$(mktemp -d)
server=
writer=
databases=()
admin=$KOMMUNALATLAS_TEST_POSTGRES
stop() {
    for process in $server $writer; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    server='' writer=''
}
tidy() {
    stop
    for name in "${databases[@]}"; do
        psql -X -q -d "$admin" -c "DROP DATABASE IF EXISTS $name" >/dev/null || true
    done
    rm -rf "$work"
}
trap tidy EXIT

fail() {
    echo "backup: $1" >&2
    exit 1
}

database() {
    local name="backup_$$_$1"
    databases+=("$name")
    psql -X -q -v ON_ERROR_STOP=1 -d "$admin" -c "CREATE DATABASE $name TEMPLATE atlas_template" >&2
    made=${admin%/*}/$name
}

serve() {
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    # The same public address for all, because documents name it.
    "$binary" serve --store "$1" --listen "127.0.0.1:$port" --public-url http://atlas.test >"$work/server.log" 2>&1 &
    server=$!
    url=http://127.0.0.1:$port
    for _ in $(seq 300); do
        curl -fsS "$url/health/ready" >/dev/null 2>&1 && return
        kill -0 "$server" 2>/dev/null || break
        sleep 0.2
    done
    cat "$work/server.log" >&2
    exit 1
}

# What the public gets: documents, tables, tiles, with their status and headers that say what may be kept.
answers() {
    local paths=(catalog.json regions/gemeinde.json)
    local indicator level period
    while IFS=$'\t' read -r indicator level period; do
        paths+=("values/$level/$indicator.csv" "tiles/$level/$indicator/$period.json" "styles/$level/$indicator/$period.json")
        paths+=("tiles/$level/$indicator/$period/9/271/166.mvt" "tiles/$level/$indicator/$period/8/135/83.mvt")
    done < <(curl -fsS "$url/luechow-dannenberg/catalog.json" | python3 -c '
import json, sys
for indicator in json.load(sys.stdin)["indicators"]:
    for level, found in indicator["levels"].items():
        print(indicator["slug"], level, found["periods"][-1], sep="\t")')
    for path in "${paths[@]}"; do
        echo "== $path $(curl -sS -o "$work/answer" -w '%{http_code} %header{etag} %header{cache-control}' "$url/luechow-dannenberg/$path")"
        sha256sum <"$work/answer"
    done
}

# People and audit log, row by row, but for what the restored store leaves out on purpose.
people_of_file() {
    sqlite3 "file:${1%.*}.access.sqlite?mode=ro" .dump | grep -v -e 'INTO session ' -e "sqlite_sequence VALUES('session'" | sort
}
people_of_database() {
    pg_dump --data-only --inserts --no-owner --schema=kommunalatlas_access --exclude-table-data='*.session' "$1" |
        grep '^INSERT' | sort
}

content() { { "$binary" check --store "$1" || true; } | sed -n 's/^store: content //p'; }

refused() {
    local why=$1
    shift
    if "$@" >"$work/said" 2>&1; then fail "not refused: $*"; fi
    grep -q "$why" "$work/said" || fail "refused for another reason ('$why' expected): $(cat "$work/said")"
}

# The whole way of one store: demo, people, server, backup with and without a writer, restore, comparison.
examine() {
    local kind=$1 store=$2 target=$3 second=$4 people=people_of_$1 backup during before
    "$binary" demo --no-serve --store "$store" >"$work/demo.log" 2>&1 || fail "no demo: $(cat "$work/demo.log")"
    echo "ein langes Kennwort für den Test" | "$binary" user add anna --keep --operator --store "$store" >/dev/null
    mkdir "$work/$kind"

    serve "$store"
    answers >"$work/$kind.before"
    [ "$(grep -c '^== ' "$work/$kind.before")" -gt 20 ] || fail "too few answers to compare"
    grep -q '^== tiles/.*mvt 200' "$work/$kind.before" || fail "no tile among the answers"
    before=$(content "$store")
    backup=$(deploy/backup.sh "$store" "$work/$kind")
    [ "$(cat "$backup/content")" = "$before" ] || fail "$kind: the backup says something else than the store"
    "$people" "$store" >"$work/$kind.people"
    grep -q anna "$work/$kind.people" || fail "$kind: nobody to compare"

    # Somebody writes all the time; what comes out is one state of the store.
    (n=0 && while :; do "$binary" atlas create "a-$n" --title "A $n" --store "$store" >/dev/null && n=$((n + 1)); done) &
    writer=$!
    sleep 0.5
    during=$(deploy/backup.sh "$store" "$work/$kind" 0)
    stop
    [ -d "$backup" ] || fail "$kind: a backup of today was removed"
    [ "$(stat -c %a "$during")" = 700 ] || fail "$kind: others may read the backup"

    deploy/restore.sh "$backup" "$target" >"$work/said"
    grep -q "as in the backup" "$work/said" || fail "$kind: not compared: $(cat "$work/said")"
    [ "$(content "$target")" = "$before" ] || fail "$kind: the restored store says something else"
    "$people" "$target" >"$work/$kind.restored"
    cmp "$work/$kind.people" "$work/$kind.restored"
    serve "$target"
    answers >"$work/$kind.after"
    stop
    cmp "$work/$kind.before" "$work/$kind.after"

    deploy/restore.sh "$during" "$second" >/dev/null
    "$binary" atlas list --store "$second" | grep a-0 >"$work/said" || fail "$kind: what was written before the second backup is lacking"

    refused already deploy/restore.sh "$backup" "$target"
    cp -r "$backup" "$work/$kind.damaged"
    printf x | dd of="$(find "$work/$kind.damaged" -name 'atlas.*')" bs=1 seek=5000 conv=notrunc 2>/dev/null
    refused damaged deploy/restore.sh "$work/$kind.damaged" "$work/none.gpkg"
    [ ! -e "$work/none.gpkg" ] || fail "$kind: something of a damaged backup was restored"
    echo "backup: $kind: $(grep -c '^== ' "$work/$kind.before") answers, $(grep -c . "$work/$kind.people") rows of people and the content are equal"
}

examine file "$work/atlas.gpkg" "$work/restored.gpkg" "$work/second.gpkg"
[ "$(stat -c %a "$work/restored.access.sqlite")" = 600 ] || fail "others may read the people"

database store && store=$made
database target && target=$made
database second && second=$made
examine database "$store" "$target" "$second"
psql -X -q -v ON_ERROR_STOP=1 -d "$target" -f deploy/postgres/roles.sql

refused "no store" deploy/backup.sh "$work/nothing.gpkg" "$work"
refused "no folder" deploy/backup.sh "$work/atlas.gpkg" "$work/nothing"
refused "backup of a file" deploy/restore.sh "$(find "$work/file" -name 'kommunalatlas-*' | head -n 1)" "$second"
[ -z "$(find "$work" -name '.part-*')" ] || fail "parts of backups are left"
