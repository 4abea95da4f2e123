#!/usr/bin/env python3
"""The disclosure audit against HiGHS: random three-level trees, every bound of every suppressed cell for A0, A1 and A2.

Usage: disclosure_oracle.py BINARY [TREES [FIRST]]. Installs highspy from PyPI into target/venv on its first run; needs python3-venv.
Each tree is made from its number alone, so one that differs can be run again: disclosure_oracle.py BINARY 1 NUMBER.
"""

import itertools
import json
import os
import random
import subprocess
import sys
import venv
from concurrent.futures import ProcessPoolExecutor

TREES = 1000


def ensure_solver():
    """Runs this script again with the Python of target/venv, where the solver is, unless it does already."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "target", "venv")
    python = os.path.join(folder, "bin", "python")
    if os.path.realpath(sys.prefix) == os.path.realpath(folder):
        return
    if subprocess.run([python, "-c", "import highspy"], capture_output=True, check=False).returncode != 0 \
            if os.path.exists(python) else True:
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "highspy==1.*"], check=True)
    os.execv(python, [python, *sys.argv])


def tree(number):
    """A Land of Kreise of Gemeinden, by category and period, with all its sums; some cells withheld, some ratios shown."""
    rng = random.Random(number)
    kreise = [[f"g{k}{g}" for g in range(rng.randint(1, 3))] for k in range(rng.randint(2, 3))]
    regions = {g: [g] for kreis in kreise for g in kreis}
    regions |= {f"k{k}": kreis for k, kreis in enumerate(kreise)}
    regions["land"] = [g for kreis in kreise for g in kreis]
    categories = {c: [c] for c in "abc"[:rng.randint(2, 3)]}
    periods = {p: [p] for p in "123"[:rng.choice([1, 1, 2, 2, 3])]}
    everything = (list(categories), list(periods))
    if rng.random() < 0.9:
        categories["all"] = everything[0]
    if len(periods) > 1 and rng.random() < 0.7:
        periods["pool"] = everything[1]
    small = rng.choice([2, 4, 9])
    base = {"|".join(key): rng.choice([0, rng.randint(0, small), rng.randint(1, 2 * small)])
            for key in itertools.product(regions["land"], *everything)}
    cells = {}
    for (r, gs), (c, cs), (p, ps) in itertools.product(regions.items(), categories.items(), periods.items()):
        cells[f"{r}/{c}/{p}"] = {"|".join(key): 1 for key in itertools.product(gs, cs, ps)}
    value = {name: sum(base[b] for b in form) for name, form in cells.items()}
    zeros_public = rng.random() < 0.6
    primary = [name for name in cells if 1 - (not zeros_public) <= value[name] <= 2]
    others = [name for name in cells if name not in primary and (value[name] > 0 or not zeros_public)]
    suppressed = set(primary) | set(rng.sample(others, int(len(others) * rng.uniform(0, 0.35))))
    table = {"base": base, "cells": cells, "primary": primary, "suppressed": sorted(suppressed),
             "policy": {"zeros_public": zeros_public}}
    if "all" in categories and rng.random() < 0.3:
        table["ratios"] = ratios(rng, cells, value)
    return table


def ratios(rng, cells, value):
    """Rounded shares of a category, some of them with a withheld numerator or denominator."""
    shares = []
    for name in rng.sample(sorted(cells), len(cells) // 4):
        region, category, period = name.split("/")
        whole = f"{region}/all/{period}"
        if category != "all" and value[whole] > 0:
            shares.append({"num": name, "den": whole, "decimals": 1,
                           "published": round(100 * value[name] / value[whole], 1)})
    return shares


class Oracle:
    """The bounds of a table by HiGHS, over all base counts, without any reduction."""

    def __init__(self, table):
        import highspy

        self.solver = highspy.Highs()
        self.status = highspy.HighsModelStatus
        self.maximize, self.minimize = highspy.ObjSense.kMaximize, highspy.ObjSense.kMinimize
        self.infinity = highspy.kHighsInf
        for option, setting in [("output_flag", False), ("mip_rel_gap", 0.0), ("mip_abs_gap", 0.5), ("threads", 1),
                                ("mip_feasibility_tolerance", 1e-9), ("primal_feasibility_tolerance", 1e-9)]:
            self.solver.setOptionValue(option, setting)
        self.table = table
        self.column = {name: i for i, name in enumerate(table["base"])}
        self.truth = list(table["base"].values())
        for i in range(len(self.column)):
            self.solver.addVar(0, self.infinity)
            self.solver.changeColIntegrality(i, highspy.HighsVarType.kInteger)
        hidden = set(table["suppressed"])
        self.cells = {name: {self.column[b]: f for b, f in form.items()} for name, form in table["cells"].items()}
        for name, form in self.cells.items():
            if name not in hidden:
                self.add(form, self.value(form, self.truth), self.value(form, self.truth))
        for ratio in table.get("ratios", []):
            # 10 × decimals and percent: (2 × 10 × value ∓ 1) × den ≤ 2000 × num.
            doubled, num, den = round(20 * ratio["published"]), self.cells[ratio["num"]], self.cells[ratio["den"]]
            for end, low, high in [(doubled - 1, 0, self.infinity), (doubled + 1, -self.infinity, 0)]:
                self.add({i: 2000 * num.get(i, 0) - end * den.get(i, 0) for i in num.keys() | den.keys()}, low, high)

    def add(self, form, low, high):
        form = {i: f for i, f in form.items() if f}
        self.solver.addRow(low, high, len(form), list(form), [float(f) for f in form.values()])

    @staticmethod
    def value(form, point):
        return sum(f * point[i] for i, f in form.items())

    def end(self, form, sense):
        """An end of a form's interval and a solution there; None where there is no end."""
        costs = [float(form.get(i, 0)) for i in range(len(self.column))]
        self.solver.changeColsCost(len(costs), list(range(len(costs))), costs)
        self.solver.changeObjectiveSense(sense)
        self.solver.clearSolver()
        self.solver.run()
        status = self.solver.getModelStatus()
        if status in (self.status.kUnbounded, self.status.kUnboundedOrInfeasible):
            return None, None
        assert status == self.status.kOptimal, status
        point = [round(x) for x in self.solver.getSolution().col_value]
        return self.value(form, point), point

    def interval(self, name):
        form = self.cells[name]
        return [self.end(form, self.minimize), self.end(form, self.maximize)]

    def bounds(self):
        hidden = self.table["suppressed"]
        public_zeros = self.table["policy"]["zeros_public"]
        present = [name for name in hidden if self.value(self.cells[name], self.truth) >= 1]
        a0 = {name: self.interval(name) for name in hidden}
        a1 = a0
        if public_zeros:
            for name in present:
                self.add(self.cells[name], 1, self.infinity)
            a1 = {name: self.interval(name) for name in hidden}
        a2 = {name: self.narrowest(name, a1[name], [] if public_zeros else present) for name in hidden}
        ends = lambda pair: [end for end, _ in pair]
        return {name: {"A0": ends(a0[name]), "A1": ends(a1[name]), "A2": a2[name]} for name in hidden}

    def narrowest(self, name, known, own_units):
        """The narrowest interval over all who know that one cell of own_units is 1 or more."""
        intervals = [[end for end, _ in known]]
        for own in own_units:
            form = self.cells[own]
            if all(point and self.value(form, point) >= 1 for _, point in known):
                continue
            row = self.solver.getNumRow()
            self.add(form, 1, self.infinity)
            intervals.append([end for end, _ in self.interval(name)])
            self.solver.deleteRows(1, [row])
        infinity = float("inf")

        def width(interval):
            low, high = interval
            high = infinity if high is None else high
            return high - low, high, -low

        return min(intervals, key=width)


def compare(job):
    """The number of bounds of a tree that were compared and what differs."""
    binary, number = job
    table = tree(number)
    done = subprocess.run([binary, "disclosure", "audit", "-"], input=json.dumps(table), capture_output=True, text=True,
                          check=False)
    if done.returncode not in (0, 3):
        return 0, [f"tree {number}: status {done.returncode}: {done.stderr}"]
    answer = json.loads(done.stdout)
    expected = Oracle(table).bounds()
    differ = [f"tree {number}, {name}: audit {answer['cells'].get(name)}, HiGHS {bounds}"
              for name, bounds in expected.items() if answer["cells"].get(name) != bounds]
    if set(answer["cells"]) != set(expected):
        differ.append(f"tree {number}: the audit answers about other cells")
    return 6 * len(expected), differ


def main():
    binary = os.path.abspath(sys.argv[1])
    trees = int(sys.argv[2]) if len(sys.argv) > 2 else TREES
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    bounds, differ = 0, []
    with ProcessPoolExecutor() as pool:
        for count, found in pool.map(compare, ((binary, n) for n in range(first, first + trees)), chunksize=5):
            bounds += count
            differ += found
    for line in differ[:20]:
        print(line, file=sys.stderr)
    if differ or not bounds:
        sys.exit(f"disclosure audit: {len(differ)} cells differ from HiGHS")
    print(f"disclosure audit: {bounds} bounds of {trees} trees as HiGHS finds them")


if __name__ == "__main__":
    ensure_solver()
    main()
