#!/usr/bin/env python3
"""How many cells secondary suppression withholds, compared with the fewest possible, on small random three-level trees.

Usage: disclosure_optimum.py BINARY [TREES [FIRST]]. The fewest are found by trying all patterns, each judged by HiGHS (PyPI highspy,
installed into target/venv on the first run). Fails if a pattern is unsafe or the mean ratio is above 1.15.
Each tree is made from its number alone, so that one can be run again: disclosure_optimum.py BINARY 1 NUMBER.
"""

import itertools
import json
import os
import random
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

from disclosure_oracle import Oracle, ensure_solver

TREES = 100
MOST = 1.15
THRESHOLD = WIDTH = 3
# Trees with more secondary cells are left out: trying all patterns takes too long.
LARGEST = 4


def tree(number):
    """A Land of Kreise of Gemeinden, half of the time by two categories, with all its sums."""
    rng = random.Random(number)
    categories = {"a": ["a"]} if rng.random() < 0.5 else {"a": ["a"], "b": ["b"], "all": ["a", "b"]}
    most = 4 if len(categories) == 1 else 2
    kreise = [[f"g{k}{g}" for g in range(rng.randint(2, most))] for k in range(rng.randint(2, 3))]
    regions = {g: [g] for kreis in kreise for g in kreis}
    regions |= {f"k{k}": kreis for k, kreis in enumerate(kreise)}
    regions["land"] = [g for kreis in kreise for g in kreis]
    singles = [c for c in categories if c != "all"]
    base = {f"{g}|{c}": rng.randint(0, 3) if rng.random() < 0.3 else rng.randint(0, 25)
            for g in regions["land"] for c in singles}
    cells = {f"{r}/{c}": {f"{g}|{s}": 1 for g in gs for s in cs}
             for (r, gs), (c, cs) in itertools.product(regions.items(), categories.items())}
    value = {name: sum(base[b] for b in form) for name, form in cells.items()}
    primary = [name for name in cells if 1 <= value[name] < THRESHOLD]
    return {"base": base, "cells": cells, "primary": primary,
            "policy": {"threshold": THRESHOLD, "width": WIDTH, "zeros_public": True}}


def is_safe(table, suppressed):
    """Whether every primary cell stays open enough. Where zeros are public the strongest attacker knows that what is withheld
    is 1 or more; the others know less."""
    oracle = Oracle({**table, "suppressed": suppressed})
    for name in suppressed:
        oracle.add(oracle.cells[name], 1, oracle.infinity)
    for name in table["primary"]:
        (low, _), (high, _) = oracle.interval(name)
        if high is not None and (high < THRESHOLD or high - low < WIDTH):
            return False
    return True


def fewest(table, most):
    """The fewest secondary cells of a safe pattern, at most `most`."""
    value = {name: sum(table["base"][b] for b in form) for name, form in table["cells"].items()}
    others = [name for name in table["cells"] if name not in table["primary"] and value[name] > 0]
    for count in range(most):
        if any(is_safe(table, table["primary"] + list(more)) for more in itertools.combinations(others, count)):
            return count
    return most


def compare(job):
    """Secondary cells found and fewest possible; None where there is nothing to compare; or what is wrong."""
    binary, number = job
    table = tree(number)
    done = subprocess.run([binary, "disclosure", "protect", "-"], input=json.dumps(table), capture_output=True, text=True,
                          check=False)
    if done.returncode not in (0, 3):
        return f"tree {number}: status {done.returncode}: {done.stderr}"
    answer = json.loads(done.stdout)
    secondary = len(set(answer["suppressed"]) - set(table["primary"]))
    if not table["primary"] or not answer["suppressed"] or secondary > LARGEST:
        return None
    if not is_safe(table, answer["suppressed"]):
        return f"tree {number}: the pattern is not safe"
    best = fewest(table, secondary)
    return (secondary, best) if best else None


def main():
    binary = os.path.abspath(sys.argv[1])
    trees = int(sys.argv[2]) if len(sys.argv) > 2 else TREES
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    pairs = []
    with ProcessPoolExecutor() as pool:
        # Some trees have nothing to compare: as many are tried as it takes.
        for start in itertools.count(first, trees):
            for found in pool.map(compare, ((binary, n) for n in range(start, start + trees)), chunksize=5):
                if isinstance(found, str):
                    sys.exit(found)
                if found:
                    pairs.append(found)
            if len(pairs) >= trees or trees < 10:
                break
    pairs = pairs[:trees]
    if not pairs:
        sys.exit("nothing to compare")
    ratio = sum(found / best for found, best in pairs) / len(pairs)
    print(f"disclosure protect: {len(pairs)} trees, secondary cells divided by the fewest possible: {ratio:.3f} on average")
    if ratio > MOST:
        sys.exit(f"that is above {MOST}")


if __name__ == "__main__":
    ensure_solver()
    main()
