#!/bin/sh
# A backup of a store, made while its server runs:
#
#     backup.sh STORE FOLDER [DAYS]
#
# STORE is a GeoPackage file or a postgres:// address (as its owner; keep the password in ~/.pgpass, because the list of
# processes shows addresses). In FOLDER a new folder `kommunalatlas-TIME` appears, complete or not at all. With DAYS, older
# backups of FOLDER are removed afterwards.
#
# What is in it: atlas.gpkg and people.sqlite, or atlas.dump with all schemas of the program; SHA256SUMS; and `content`, the
# program's hash of what the store says, unless somebody was writing meanwhile. Deleted rows and free pages are not in it.
# It holds internal numbers and people: only its owner may read it; keep it where internal data may be kept.
#
# Needs sqlite3 (3.27 or newer) or pg_dump (as new as the server), and the program, whose path ATLAS_PROGRAM may name.
set -eu
umask 077

usage() {
    echo "usage: backup.sh STORE FOLDER [DAYS]" >&2
    exit 2
}
case $# in 2 | 3) ;; *) usage ;; esac
store=$1 folder=$2 days=${3:-}
case $days in *[!0-9]*) usage ;; esac
program=${ATLAS_PROGRAM:-kommunalatlas}

# The hash of what a store says. `check` may find faults and still tell it.
content() {
    { "$program" check --store "$1" || true; } | sed -n 's/^store: content //p'
}

[ -d "$folder" ] || { echo "backup.sh: there is no folder $folder" >&2; exit 1; }
folder=$(cd "$folder" && pwd)
# To the microsecond: two backups at once have two names.
name=kommunalatlas-$(date -u +%Y-%m-%dT%H%M%S.%6NZ)
part=$(mktemp -d "$folder/.part-XXXXXX")
trap 'rm -rf "$part"' EXIT
trap 'exit 130' INT TERM HUP

# What stands in a quoted SQL text.
quoted() { printf %s "$1" | sed "s/'/''/g"; }

# One statement is one transaction: the copy is the store as it was at that moment.
copy_file() {
    sqlite3 -bail "$1" ".timeout 60000" "VACUUM INTO '$(quoted "$2")'"
    [ "$(sqlite3 "$2" 'PRAGMA integrity_check')" = ok ] || { echo "backup.sh: $1 is damaged" >&2; exit 1; }
}

case $store in
*://*)
    before=$(content "$store")
    [ -n "$before" ] || { echo "backup.sh: the store cannot be read; see: $program check" >&2; exit 1; }
    pg_dump --format=custom --no-owner --no-privileges --schema='kommunalatlas*' --file="$part/atlas.dump" "$store"
    after=$(content "$store")
    [ "$before" != "$after" ] || printf '%s\n' "$after" >"$part/content"
    ;;
*)
    [ -f "$store" ] || { echo "backup.sh: there is no store $store" >&2; exit 1; }
    copy_file "$store" "$part/atlas.gpkg"
    people=${store%.*}.access.sqlite
    [ ! -f "$people" ] || copy_file "$people" "$part/people.sqlite"
    content "$part/atlas.gpkg" >"$part/content"
    [ -s "$part/content" ] || { echo "backup.sh: the copy cannot be read; see: $program check" >&2; exit 1; }
    ;;
esac

(cd "$part" && sha256sum -- * >SUMS && mv SUMS SHA256SUMS)
sync "$part"/*
mv -T "$part" "$folder/$name"
trap - EXIT
echo "$folder/$name"

if [ -n "$days" ]; then
    find "$folder" -mindepth 1 -maxdepth 1 -type d -name 'kommunalatlas-*Z' -mtime "+$days" -exec rm -rf {} +
fi
