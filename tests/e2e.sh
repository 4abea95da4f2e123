#!/usr/bin/env bash
# Starts the built binary with the demo atlas on a free port and looks at it in a real browser and in QGIS.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${BINARY:-target/debug/kommunalatlas}
work=$(mktemp -d)
pictures=${PICTURES:-$work}
mkdir -p "$pictures"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url="http://localhost:$port"

"$binary" demo --store "$work/demo.gpkg" --listen "127.0.0.1:$port" >"$work/server.log" 2>&1 &
server=$!
stop() {
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT

for _ in $(seq 300); do
    curl -fsS "$url/health/ready" >/dev/null 2>&1 && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.2
done
curl -fsS "$url/health/ready" >/dev/null || {
    cat "$work/server.log" >&2
    exit 1
}

node tests/read_tiles.mjs "$url" luechow-dannenberg
(cd web && KOMMUNALATLAS_URL="$url" KOMMUNALATLAS_SHOTS="$pictures" npm run --silent e2e)
/usr/bin/python3 tests/qgis_check.py "$work/demo.gpkg" "$url" luechow-dannenberg gemeinde "$pictures" $(node tests/demo_layers.mjs "$url" luechow-dannenberg gemeinde)
