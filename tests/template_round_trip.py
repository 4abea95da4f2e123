#!/usr/bin/python3
"""A template of the demo atlas goes out, is filled in LibreOffice and saved as XLSX and as ODS, and comes back.

Usage: template_round_trip.py BINARY. Needs LibreOffice Calc and its Python bridge (Debian: libreoffice-calc, python3-uno).
"""

import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

import uno
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException

BINARY = os.path.abspath(sys.argv[1])
ATLAS, LEVEL, PERIOD = "luechow-dannenberg", "gemeinde", "2031-12-31"
COUNT, SHARE, UNFILLED = "population", "daycare-rate-under-3", "births"
FORMATS = {"xlsx": "Calc MS Excel 2007 XML", "ods": "calc8"}
# Bytes of the packed columns; see src/domain/column.rs and status.rs.
VALID, MISSING, UNKNOWN = 0, 1, 6


def run(*arguments):
    done = subprocess.run([BINARY, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def option(name, value):
    return PropertyValue(Name=name, Value=value)


class Office:
    """LibreOffice without a window, reached through a pipe, with a profile of its own."""

    def __init__(self, folder):
        pipe = f"kommunalatlas{os.getpid()}"
        self.process = subprocess.Popen(
            ["soffice", f"-env:UserInstallation=file://{folder}/office", "--headless", "--norestore", "--nologo",
             f"--accept=pipe,name={pipe};urp;"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        local = uno.getComponentContext()
        resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
        for _ in range(600):
            try:
                context = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
                break
            except NoConnectException:
                if self.process.poll() is not None:
                    sys.exit("LibreOffice did not start")
                time.sleep(0.1)
        else:
            sys.exit("LibreOffice does not answer")
        self.desktop = context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)

    def open(self, path):
        return self.desktop.loadComponentFromURL(uno.systemPathToFileUrl(path), "_blank", 0, (option("Hidden", True),))

    def close(self):
        try:
            self.desktop.terminate()
        except Exception:  # The bridge breaks while it answers.
            pass
        self.process.wait(60)


def fill(book):
    """Fills in the template as a person would; returns what must be stored: {slug: {key: (value, status)}}."""
    sheet = book.Sheets.getByName("Werte")
    cursor = sheet.createCursor()
    cursor.gotoEndOfUsedArea(False)
    last_row, last_column = cursor.RangeAddress.EndRow, cursor.RangeAddress.EndColumn
    names = {}
    header = next(r for r in range(20) if sheet.getCellByPosition(0, r).String == "kommunalatlas:key")
    for column in range(last_column + 1):
        names[sheet.getCellByPosition(column, header).String] = column
    expected = {COUNT: {}, SHARE: {}}
    for number, row in enumerate(range(header + 1, last_row + 1)):
        def cell(name):
            return sheet.getCellByPosition(names[name], row)

        key = cell("kommunalatlas:key").String
        assert len(key) == 8, key
        for name in names:
            asked = name.rsplit(":")[-1] in ("value", "numerator", "denominator")
            assert cell(name).CellProtection.IsLocked != asked, name
        if number == 0:
            cell(f"{COUNT}:value").String = "."
            expected[COUNT][key] = (None, UNKNOWN)
        elif number == 1:
            expected[COUNT][key] = (None, MISSING)
        else:
            cell(f"{COUNT}:value").Value = 1234 + number
            expected[COUNT][key] = (1234.0 + number, VALID)
        cell(f"{SHARE}:numerator").Value = number
        cell(f"{SHARE}:denominator").Formula = "=20*2"
        expected[SHARE][key] = (number * 100 / 40, VALID)
    assert sheet.isProtected() and not book.Sheets.getByName("_kommunalatlas").IsVisible
    assert len(expected[COUNT]) == 27, "the uninhabited regions are not asked for"
    return expected


def stored(path):
    """The current values of the period: {slug: {key: (value, status)}}."""
    store = sqlite3.connect(path)
    found = {}
    rows = store.execute(
        "SELECT s.indicator, s.edition_id, s.observations FROM current_series c JOIN series s ON s.id = c.series_id "
        "WHERE c.period = ?", (PERIOD,)).fetchall()
    for slug, edition, column in rows:
        keys = [k for (k,) in store.execute("SELECT key FROM region WHERE edition_id = ? ORDER BY ordinal", (edition,))]
        (count,) = struct.unpack_from("<I", column, 1)
        assert count == len(keys)
        values = struct.unpack_from(f"<{count}d", column, 5)
        statuses = column[5 + 8 * count:]
        found[slug] = {k: (None if v != v else v, s) for k, v, s in zip(keys, values, statuses)}
    return found


def main():
    folder = tempfile.mkdtemp()
    office = None
    try:
        demo, template = f"{folder}/demo.gpkg", f"{folder}/bogen.xlsx"
        run("demo", "--store", demo, "--no-serve")
        for slug in (COUNT, SHARE, UNFILLED):
            run("delivery", "set", "--atlas", ATLAS, "--store", demo, "--level", LEVEL, "--period", PERIOD,
                "--department", "Fachdienst Jugend", "--due", "2032-03-31", slug)
        run("template", template, "--atlas", ATLAS, "--store", demo, "--level", LEVEL, "--period", PERIOD,
            "--department", "Fachdienst Jugend")
        office = Office(folder)
        book = office.open(template)
        expected = fill(book)
        for ending, form in FORMATS.items():
            url = uno.systemPathToFileUrl(f"{folder}/filled.{ending}")
            book.storeToURL(url, (option("FilterName", form),))
        book.close(True)
        for ending in FORMATS:
            store = f"{folder}/{ending}.gpkg"
            shutil.copy(demo, store)
            run("import", "values", f"{folder}/filled.{ending}", "--atlas", ATLAS, "--store", store)
            found = stored(store)
            assert set(found) == {COUNT, SHARE}, f"{ending}: {set(found)}"
            for slug, regions in expected.items():
                for key, what in regions.items():
                    assert found[slug][key] == what, f"{ending}, {slug}, {key}: {found[slug][key]} instead of {what}"
            print(f"template: filled in LibreOffice, saved as {ending}, "
                  f"{sum(map(len, expected.values()))} cells stored as they were filled in")
    finally:
        if office:
            office.close()
        shutil.rmtree(folder, ignore_errors=True)


main()
