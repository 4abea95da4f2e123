#!/usr/bin/env python3
"""How many cells secondary suppression withholds, compared with the fewest possible, on small random three-level trees.

Usage: disclosure_optimum.py BINARY [TREES [FIRST]]. The fewest are exact: a whole-number program chooses them, and whatever it chooses
that is not safe becomes a row of it (HiGHS, PyPI highspy, installed into target/venv on the first run). Every tree counts in which the
fewest are one or more, whatever is found; where none is needed, none may be withheld. Fails if a pattern is unsafe or the mean ratio is
above 1.15. Each tree is made from its number alone, so that one can be run again: disclosure_optimum.py BINARY 1 NUMBER.
"""

import itertools
import json
import os
import random
import subprocess
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from disclosure_oracle import ensure_solver

TREES = 100
MOST = 1.15
THRESHOLD = WIDTH = 3


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


class Judge:
    """Which patterns are safe from the strongest attacker, who knows that what is withheld is 1 or more, since zeros are public; the
    others know less. Withholding one cell more never makes a safe pattern unsafe: of a cell that is 1 or more less is known then."""

    def __init__(self, table):
        import highspy

        self.infinity = highspy.kHighsInf
        self.optimal = highspy.HighsModelStatus.kOptimal
        self.unbounded = (highspy.HighsModelStatus.kUnbounded, highspy.HighsModelStatus.kUnboundedOrInfeasible)
        self.senses = (highspy.ObjSense.kMinimize, highspy.ObjSense.kMaximize)
        self.solver = highspy.Highs()
        for option, setting in [("output_flag", False), ("mip_rel_gap", 0.0), ("mip_abs_gap", 0.5), ("threads", 1)]:
            self.solver.setOptionValue(option, setting)
        self.primary = table["primary"]
        column = {name: i for i, name in enumerate(table["base"])}
        truth = list(table["base"].values())
        self.forms = {name: [column[b] for b in form] for name, form in table["cells"].items()}
        self.value = {name: sum(truth[i] for i in form) for name, form in self.forms.items()}
        for i in range(len(column)):
            self.solver.addVar(0, self.infinity)
            self.solver.changeColIntegrality(i, highspy.HighsVarType.kInteger)
        self.row = {name: i for i, name in enumerate(self.forms)}
        for name, form in self.forms.items():
            self.solver.addRow(self.value[name], self.value[name], len(form), form, [1.0] * len(form))
        # Other tables, as the cells in which they differ from the true one and the values there.
        self.others = []

    def interval(self, cell, pattern):
        """The smallest and the largest value of a cell."""
        for name, row in self.row.items():
            low, high = (1, self.infinity) if name in pattern else (self.value[name], self.value[name])
            self.solver.changeRowBounds(row, low, high)
        costs = [0.0] * self.solver.getNumCol()
        for i in self.forms[cell]:
            costs[i] = 1.0
        self.solver.changeColsCost(len(costs), list(range(len(costs))), costs)
        ends = []
        for sense in self.senses:
            self.solver.changeObjectiveSense(sense)
            self.solver.clearSolver()
            self.solver.run()
            status = self.solver.getModelStatus()
            if status in self.unbounded:
                ends.append(self.infinity)
                continue
            assert status == self.optimal, status
            point = [round(x) for x in self.solver.getSolution().col_value]
            values = {name: sum(point[i] for i in form) for name, form in self.forms.items()}
            self.others.append({name: v for name, v in values.items() if v != self.value[name]})
            ends.append(values[cell])
        return ends

    def is_open(self, cell, pattern):
        """Whether a primary cell stays open enough."""
        fitting = [other.get(cell, self.value[cell]) for other in self.others if other.keys() <= pattern]
        if not self.is_enough([*fitting, self.value[cell]]):
            return self.is_enough(self.interval(cell, pattern))
        return True

    @staticmethod
    def is_enough(values):
        return max(values) >= THRESHOLD and max(values) - min(values) >= WIDTH

    def narrowed(self, pattern):
        """A primary cell that is not open enough, if there is one."""
        return next((cell for cell in self.primary if not self.is_open(cell, pattern)), None)


def fewest(judge):
    """The fewest secondary cells of a safe pattern, exactly. Of an unsafe pattern, as many further cells as possible are withheld while it
    stays unsafe: every safe pattern has one of the cells that are left."""
    import highspy

    others = [name for name in judge.forms if name not in judge.primary and judge.value[name] > 0]
    chooser = highspy.Highs()
    for option, setting in [("output_flag", False), ("mip_rel_gap", 0.0), ("mip_abs_gap", 0.5), ("threads", 1)]:
        chooser.setOptionValue(option, setting)
    for i in range(len(others)):
        chooser.addVar(0, 1)
        chooser.changeColIntegrality(i, highspy.HighsVarType.kInteger)
        chooser.changeColCost(i, 1.0)
    while True:
        chooser.run()
        assert chooser.getModelStatus() == highspy.HighsModelStatus.kOptimal
        chosen = {name for name, x in zip(others, chooser.getSolution().col_value) if x > 0.5}
        pattern = set(judge.primary) | chosen
        cell = judge.narrowed(pattern)
        if cell is None:
            return len(chosen)
        for name in others:
            if name not in pattern and not judge.is_open(cell, pattern | {name}):
                pattern.add(name)
        left = [i for i, name in enumerate(others) if name not in pattern]
        chooser.addRow(1, len(others), len(left), left, [1.0] * len(left))


def compare(job):
    """Secondary cells found and fewest possible; None where there is nothing to protect; or what is wrong."""
    binary, number = job
    table = tree(number)
    if not table["primary"]:
        return None
    done = subprocess.run([binary, "disclosure", "protect", "-"], input=json.dumps(table), capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        return f"tree {number}: status {done.returncode}: {done.stderr or done.stdout}"
    suppressed = set(json.loads(done.stdout)["suppressed"])
    judge = Judge(table)
    if not set(table["primary"]) <= suppressed or judge.narrowed(suppressed):
        return f"tree {number}: the pattern is not safe"
    best, secondary = fewest(judge), len(suppressed - set(table["primary"]))
    if secondary < best or (secondary and not best):
        return f"tree {number}: {secondary} cells are withheld and {best} are the fewest"
    return (number, secondary, best) if best else None


def main():
    binary = os.path.abspath(sys.argv[1])
    trees = int(sys.argv[2]) if len(sys.argv) > 2 else TREES
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    pairs, tried = [], 0
    with ProcessPoolExecutor() as pool:
        # In some trees nothing must be withheld: as many are tried as it takes.
        for start in itertools.count(first, trees):
            for found in pool.map(compare, ((binary, n) for n in range(start, start + trees)), chunksize=5):
                if isinstance(found, str):
                    sys.exit(found)
                tried += len(pairs) < trees
                if found and len(pairs) < trees:
                    pairs.append(found)
            if len(pairs) >= trees or trees < 10:
                break
    if not pairs:
        sys.exit("nothing to compare")
    ratio = sum(found / best for _, found, best in pairs) / len(pairs)
    found, best = sum(found for _, found, _ in pairs), sum(best for *_, best in pairs)
    print(f"disclosure protect: {len(pairs)} of {tried} trees, secondary cells divided by the fewest possible: {ratio:.3f} on average, "
          f"{found} and {best} altogether; fewest: {dict(sorted(Counter(best for *_, best in pairs).items()))}")
    print("more than the fewest:", ", ".join(f"{n} ({f} instead of {b})" for n, f, b in pairs if f > b) or "none")
    if ratio > MOST:
        sys.exit(f"that is above {MOST}")


if __name__ == "__main__":
    ensure_solver()
    main()
