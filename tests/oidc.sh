#!/usr/bin/env bash
# The login by an identity provider: the built binary against npm `oidc-provider`, both on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${BINARY:-target/debug/kommunalatlas}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$binary" atlas create kreis-a --title "Kreis A" --store "$work/atlas.gpkg" >/dev/null
node tests/oidc_provider.mjs "$binary" "$work/atlas.gpkg"
