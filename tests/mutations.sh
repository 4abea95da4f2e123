#!/usr/bin/env bash
# Breaks the program on purpose, in seven ways that would each show the public something that was not released, and makes sure
# that the test of non-interference notices every one of them:
#
#     tests/mutations.sh
#
# All of tests/mutations/*.patch are applied to a copy of the sources, which is compiled once; each break waits for its name in
# the variable MUTATION. A patch that no longer fits, a test that fails without any break, and a break that stays unnoticed
# are failures. The copy shares the folder `target`, so that only this crate is compiled again.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
tree=$root/target/mutations/tree
test=audience::stores_that_differ_only_in_unreleased_data_give_identical_answers_on_every_route
rm -rf "$tree"
mkdir -p "$tree"
tar -c --exclude=./target --exclude=./.git --exclude=node_modules . | tar -x -C "$tree"

cd "$tree"
names=()
for patch in tests/mutations/*.patch; do
    patch --quiet --fuzz=0 -p1 <"$patch" || { echo "$patch no longer fits the sources" >&2; exit 1; }
    name=$(basename "$patch" .patch)
    [ "$name" = switch ] || names+=("$name")
done
[ "${#names[@]}" = 7 ] || { echo "there are ${#names[@]} mutations, not 7" >&2; exit 1; }

export CARGO_TARGET_DIR=$root/target
binary=$(cargo test --config profile.dev.package.kommunalatlas.opt-level=0 --locked --test http --no-run --message-format=json |
    python3 -c 'import json, sys
for line in sys.stdin:
    m = json.loads(line)
    if m.get("executable") and m["target"]["name"] == "http": print(m["executable"])')

if ! "$binary" --exact "$test" >"$tree/none.log" 2>&1; then
    cat "$tree/none.log" >&2
    echo "the test fails though nothing is broken" >&2
    exit 1
fi
unnoticed=0
for name in "${names[@]}"; do
    if MUTATION=$name "$binary" --exact "$test" >"$tree/$name.log" 2>&1; then
        echo "$name: NOT noticed" >&2
        unnoticed=1
    else
        echo "$name: noticed at $(grep -m 1 -oE '(GET|HEAD|OPTIONS|PUT|PATCH) [^ ]+' "$tree/$name.log" || echo 'an error')"
    fi
done
exit "$unnoticed"
