#!/usr/bin/env bash
# Imports every real table of the shared folder by one command without a mapping, and lets tests/check_cells.py compare
# what is stored with the tables. Where the folder is not there, it says so and does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

shared=${KOMMUNALATLAS_SHARED:-../shared}
tables=$shared/data/de-regionalstatistik
boundaries=$shared/data/de-vg5000-2021
if [ ! -d "$tables" ] || [ ! -d "$boundaries" ]; then
    echo "real files: skipped, $shared/data is not there"
    exit 0
fi

binary=${BINARY:-target/debug/kommunalatlas}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
store=$work/atlas.gpkg

# Runs a command whose output is shown only if it fails.
quietly() {
    "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
}

quietly "$binary" migrate --store "$store"
quietly "$binary" atlas create deutschland --store "$store"
level() {
    quietly "$binary" import boundaries "$boundaries/VG5000_$2.shp" --atlas deutschland --level "$1" \
        --key AGS --name GEN --edition 2021-01-01 --store "$store"
}
level kreis KRS
level gemeinde GEM

values() {
    "$binary" import values "$1" --atlas deutschland --level "$2" --draft-indicators --report json --store "$store"
}
for table in "$tables"/*.csv; do
    # The last part of the code says how deep a table goes: 5 is Gemeinden.
    case $(basename "$table") in
        *-5.csv | *-5_*) level=gemeinde ;;
        *) level=kreis ;;
    esac
    values "$table" "$level" >"$work/report" || { cat "$work/report" >&2; exit 1; }
    python3 tests/check_cells.py "$store" deutschland "$level" "$table"
done

# A table says the same in both encodings.
same_in_both() {
    iconv -f "$2" -t "$3" "$tables/$1" >"$work/$1"
    for file in "$tables/$1" "$work/$1"; do
        values "$file" kreis >"$work/report" || { cat "$work/report" >&2; exit 1; }
    done
    python3 - "$store" "$1" <<'PYTHON'
import sqlite3, sys
store, name = sys.argv[1:]
db = sqlite3.connect(store)
imports = db.execute("SELECT id, file_hash FROM import WHERE file_name = ? ORDER BY id DESC LIMIT 2", [name]).fetchall()
hashes = [sorted(db.execute("SELECT indicator, period, content_hash FROM series WHERE import_id = ?", [i])) for i, _ in imports]
assert imports[0][1] != imports[1][1], "the two files are the same"
assert hashes[0] and hashes[0] == hashes[1], f"{name}: the encodings differ in content"
print(f"{name}: {len(hashes[0])} series have the same content hash in both encodings")
PYTHON
}
same_in_both 12411-01-01-4.csv windows-1252 utf-8
same_in_both 22541-01-01-4_00.csv utf-8 windows-1252

# Drafts lack their sheets, so they cannot be released.
draft=$(python3 -c "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT slug FROM indicator').fetchone()[0])" "$store")
if "$binary" release "$draft" --atlas deutschland --level kreis --store "$store" >"$work/log" 2>&1; then
    echo "a draft indicator was released" >&2
    exit 1
fi
echo "real files: all imported; drafts are refused by release"
