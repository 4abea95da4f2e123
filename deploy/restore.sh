#!/bin/sh
# Puts a backup of `backup.sh` back:
#
#     restore.sh BACKUP STORE
#
# STORE is the path of a GeoPackage that does not exist, or the postgres:// address (as owner) of a database that has PostGIS
# and nothing of the program. Nothing is overwritten: stop the servers, move the old store away or make a new database first.
# After a database, run `deploy/postgres/roles.sql`, which gives the servers their rights.
#
# The backup is compared with its checksums before, and the restored store with the hash of its content afterwards. Everybody
# must sign in again, because sessions of the day of the backup do not come back.
set -eu
umask 077

[ $# -eq 2 ] || { echo "usage: restore.sh BACKUP STORE" >&2; exit 2; }
backup=$1 store=$2
program=${ATLAS_PROGRAM:-kommunalatlas}

fail() {
    echo "restore.sh: $1" >&2
    exit 1
}

[ -f "$backup/SHA256SUMS" ] || fail "$backup is no backup: it has no SHA256SUMS"
(cd "$backup" && sha256sum --check --strict --quiet SHA256SUMS) || fail "$backup is damaged; take an older one"

restore_database() {
    [ -f "$backup/atlas.dump" ] || fail "$backup is a backup of a file; restore it to a file"
    found=$(psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$store" \
        -c "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'kommunalatlas%'") || fail "the database cannot be reached"
    [ "$found" = 0 ] || fail "the database holds a store already; make a new one: nothing is overwritten"
    pg_restore --no-owner --no-privileges --exit-on-error --single-transaction -d "$store" "$backup/atlas.dump"
    psql -X -q -v ON_ERROR_STOP=1 -d "$store" -c "
        DO \$\$ BEGIN
            IF to_regclass('kommunalatlas_access.session') IS NOT NULL THEN
                DELETE FROM kommunalatlas_access.session;
            END IF;
        END \$\$"
}

restore_file() {
    [ -f "$backup/atlas.gpkg" ] || fail "$backup is a backup of a database; restore it to one"
    people=${store%.*}.access.sqlite
    for path in "$store" "$people"; do
        for end in "" -wal -shm; do
            [ ! -e "$path$end" ] || fail "$path$end is there already; move it away: nothing is overwritten"
        done
    done
    # Complete or not there: people first, because a store without them lets nobody in and offers a first operator.
    if [ -f "$backup/people.sqlite" ]; then
        cp "$backup/people.sqlite" "$people.part"
        sqlite3 -bail "$people.part" "DELETE FROM session"
        sync "$people.part"
        mv "$people.part" "$people"
    fi
    cp "$backup/atlas.gpkg" "$store.part"
    sync "$store.part"
    mv "$store.part" "$store"
}

case $store in
*://*) restore_database ;;
*) restore_file ;;
esac

found=$({ "$program" check --store "$store" || true; } | sed -n 's/^store: content //p')
[ -n "$found" ] || fail "the store is restored, but the program cannot read it (of an older version? then: $program migrate); see: $program check"
if [ ! -f "$backup/content" ]; then
    echo "restored; content $found (somebody was writing during the backup, so there is nothing to compare it with)"
elif [ "$found" = "$(cat "$backup/content")" ]; then
    echo "restored; content $found, as in the backup"
else
    fail "the restored store says something else than the backup: $found. Was it made by another version of the program?"
fi
