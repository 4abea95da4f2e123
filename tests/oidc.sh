#!/usr/bin/env bash
# The login by an identity provider: the built binary against npm `oidc-provider`, both on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${BINARY:-target/debug/kommunalatlas}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$binary" atlas create kreis-a --title "Kreis A" --store "$work/atlas.gpkg" >/dev/null

# An authority in the house, and a certificate of it for this machine.
quietly() { "$@" >"$work/openssl.log" 2>&1 || { cat "$work/openssl.log" >&2; exit 1; }; }
quietly openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=Authority of the test" \
    -addext basicConstraints=critical,CA:TRUE -keyout "$work/ca-key.pem" -out "$work/ca.pem"
quietly openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout "$work/key.pem" -out "$work/request.pem"
printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n' >"$work/extensions"
quietly openssl x509 -req -in "$work/request.pem" -CA "$work/ca.pem" -CAkey "$work/ca-key.pem" -CAcreateserial -days 2 \
    -extfile "$work/extensions" -out "$work/cert.pem"
NODE_EXTRA_CA_CERTS="$work/ca.pem" node tests/oidc_provider.mjs "$binary" "$work/atlas.gpkg" "$work"
