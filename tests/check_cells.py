#!/usr/bin/env python3
"""Compares stored series with the table they came from, cell by cell, by a reading of its own.

    tests/check_cells.py STORE.gpkg ATLAS LEVEL TABLE.csv [SEED]

Reads the table (an export of the Regionalstatistik) and the packed columns of the GeoPackage without the program, picks
20 cells at random by key, and says where value or status differ. Draft indicators are found by their title. Only the
standard library is used.
"""

import csv
import io
import math
import random
import re
import sqlite3
import struct
import sys

CELLS = 20
SIGNS = {"": 1, ".": 6, "...": 4, "/": 5, "x": 7, "X": 7}
NOT_APPLICABLE = 3


def rows_of(path):
    data = open(path, "rb").read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))


def period_of(text):
    text = text.strip()
    if re.fullmatch(r"\d{4}", text):
        return text
    date = re.fullmatch(r"(\d\d)\.(\d\d)\.(\d{4})", text)
    return f"{date[3]}-{date[2]}-{date[1]}" if date else None


def is_key(text):
    return text == "DG" or bool(re.fullmatch(r"\d{2}|\d{3}|\d{5,12}", text))


def without_repetition(parts):
    return [part for at, part in enumerate(parts) if at == 0 or parts[at - 1] != part]


def cells_of_table(rows):
    """(key, period, title of the indicator, text) of every value cell of a GENESIS table."""
    head, body, dated = [], [], False
    for row in rows:
        if row and row[0].startswith("_____"):
            break
        if not body and not (len(row) > 2 and (is_key(row[0]) or (period_of(row[0]) and is_key(row[1])))):
            head.append(row)
            continue
        dated = dated or not is_key(row[0])
        body.append(row)
    width = len(body[0])
    stack = [row for row in head if len(row) == width and row[0] == ""]
    alone = [row[0] for row in head if row and row[0] and not any(row[1:])]
    key_at = 1 if dated else 0
    first = next(at for at in range(key_at + 2, width) if any(row[at] for row in stack))
    units = {"Anzahl", "Prozent", "qkm"}
    has_units = len(stack) > 1 and {cell for cell in stack[-1] if cell} <= units
    of_title = next((period_of(line) for line in alone if period_of(line)), None)
    name = [] if has_units else [m[1] for m in (re.fullmatch(r"(.*) \((\w+)\)", a) for a in alone) if m and m[2] in units]
    columns = []
    for at in range(first, width):
        cells = [row[at].strip() for row in (stack[:-1] if has_units else stack) if row[at].strip()]
        period = next((period_of(cell) for cell in cells if period_of(cell)), None)
        path = without_repetition([cell for cell in cells if not period_of(cell)])
        columns.append((at, name[-1:] + path, period))
    for row in body:
        classes = [" | ".join(row[key_at + 2 : first])] if first > key_at + 2 else []
        for at, path, period in columns:
            when = period_of(row[0]) if dated else period or of_title
            yield row[key_at], when, " – ".join(path + classes), row[at].strip()


def cells_of_flat_file(rows):
    """The same of a flat file whose first variable is the region."""
    head = {name: at for at, name in enumerate(rows[0])}
    for row in rows[1:]:
        key, label = row[head["1_variable_attribute_code"]], row[head["value_variable_label"]]
        yield key, period_of(row[head["time"]]), label, row[head["value"]].strip()


class Stored:
    """The current series of a level."""

    def __init__(self, path, atlas, level):
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        (self.atlas,) = db.execute("SELECT id FROM atlas WHERE slug = ?", [atlas]).fetchone()
        (edition,) = db.execute(
            "SELECT id FROM edition WHERE atlas_id = ? AND level = ? ORDER BY valid_on DESC", [self.atlas, level]
        ).fetchone()
        regions = db.execute("SELECT key, ordinal FROM region WHERE edition_id = ?", [edition])
        self.ordinals = dict(regions.fetchall())
        sql = """SELECT i.title_de, c.period, i.slug, s.observations FROM current_series c
                 JOIN series s ON s.id = c.series_id
                 JOIN indicator i ON i.atlas_id = c.atlas_id AND i.slug = c.indicator
                 WHERE c.atlas_id = ? AND c.edition_id = ?"""
        self.series = {}
        for title, period, slug, column in db.execute(sql, [self.atlas, edition]):
            self.series.setdefault((title, period), []).append((slug, column))

    def region(self, key, verbaende):
        """The region's key, or None for larger regions and dissolved ones."""
        forms = {
            2: [key + "000000", key + "000"],
            5: [key, key + "000"],
            8: [] if key in verbaende else [key],
            11: [key[:5] + key[8:]],
        }
        return next((form for form in forms.get(len(key), []) if form in self.ordinals), None)


def cell(column, ordinal):
    version, count = struct.unpack_from("<BI", column)
    assert version == 1 and len(column) == 5 + 9 * count
    (value,) = struct.unpack_from("<d", column, 5 + 8 * ordinal)
    return value, column[5 + 8 * count + ordinal]


def says(text, value, status):
    """True if value and status are what the text says."""
    if text == "-":
        return (value, status) == (0.0, 0) or (math.isnan(value) and status == NOT_APPLICABLE)
    if text in SIGNS:
        return math.isnan(value) and status == SIGNS[text]
    return status == 0 and value == float(text.replace(",", "."))


def main():
    store, atlas, level, table = sys.argv[1:5]
    seed = int(sys.argv[5]) if len(sys.argv) > 5 else random.SystemRandom().randrange(10**6)
    stored = Stored(store, atlas, level)
    rows = rows_of(table)
    flat = "value_variable_code" in rows[0]
    code = rows[0][0].rsplit(" ", 1)[-1] if not flat else rows[1][0]
    cells = list(cells_of_flat_file(rows) if flat else cells_of_table(rows))
    keys = {key for key, *_ in cells}
    # 03354403 is no Gemeinde: 03354403005 lies in it.
    verbaende = {key[:8] for key in keys if len(key) == 11}
    regions = {key: stored.region(key, verbaende) for key in keys}
    by_region = {}
    for key, *rest in cells:
        if region := regions[key]:
            by_region.setdefault(region, []).append((key, *rest))
    # Where a region has rows of two Verbände, or a total beside its own row, which one counts is not this script's to say.
    single = sorted(region for region, found in by_region.items() if len({key for key, *_ in found}) == 1)
    pick = random.Random(seed)
    wrong = 0
    prefix = re.sub(r"[^a-z0-9]+", "-", code.lower())
    for _ in range(CELLS):
        region = pick.choice(single)
        key, period, title, text = pick.choice(by_region[region])
        found = [column for slug, column in stored.series.get((title, period), []) if slug.startswith(prefix)]
        if len(found) != 1:
            print(f"  {key} {period} '{title}': {len(found)} series are stored")
            wrong += 1
            continue
        value, status = cell(found[0], stored.ordinals[region])
        if not says(text, value, status):
            print(f"  {key} {period} '{title}': the table says '{text}', stored is {value} with status {status}")
            wrong += 1
    name = table.rsplit("/", 1)[-1]
    print(f"{name}: {CELLS - wrong} of {CELLS} cells of {len(single)} regions are as the table says (seed {seed})")
    sys.exit(1 if wrong else 0)


main()
