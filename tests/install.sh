#!/usr/bin/env bash
# Installs the programs that the tests talk to: PostGIS, Chromium, GDAL, QGIS, LibreOffice, nginx, Caddy, and what
# the scripts of the tests need. Does nothing where they are there.
set -euo pipefail

missing=()
[ -x /usr/lib/postgresql/15/bin/postgres ] || missing+=(postgresql-15)
ls /usr/share/postgresql/15/extension/postgis.control >/dev/null 2>&1 || missing+=(postgresql-15-postgis-3)
command -v chromium >/dev/null || missing+=(chromium)
command -v ogrinfo >/dev/null || missing+=(gdal-bin)
[ -f /usr/share/proj/BETA2007.gsb ] || missing+=(proj-data)
/usr/bin/python3 -c 'import qgis.core' 2>/dev/null || missing+=(python3-qgis qgis-providers)
command -v soffice >/dev/null && [ -f /usr/lib/libreoffice/program/libsclo.so ] || missing+=(libreoffice-calc)
/usr/bin/python3 -c 'import uno' 2>/dev/null || missing+=(python3-uno)
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
command -v patch >/dev/null || missing+=(patch)
for program in caddy curl openssl shellcheck sqlite3; do command -v "$program" >/dev/null || missing+=("$program"); done
[ -x /usr/sbin/nginx ] || missing+=(nginx-light)
command -v systemd-analyze >/dev/null || missing+=(systemd)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" != 0 ]; then
    echo "The tests need these Debian packages: ${missing[*]}. Install them as root, then run this again." >&2
    exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
{ apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    exit 1
}
