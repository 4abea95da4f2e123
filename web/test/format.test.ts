import assert from "node:assert/strict";
import { test } from "node:test";
import type { ValueRow } from "../src/contract.ts";
import { byName, formatDate, formatDifference, formatNumber, formatPeriod, matches, showValue, unitPhrase, withUnit } from "../src/format.ts";
import { filterRows, rankOf, sortRows } from "../src/ui/rows.ts";

test("numbers are written as each language writes them", () => {
  assert.equal(formatNumber(12345.678, 1, "de"), "12.345,7");
  assert.equal(formatNumber(12345.678, 1, "en"), "12,345.7");
  assert.equal(formatNumber(-3, 0, "de"), "−3");
  assert.equal(formatNumber(-0.04, 1, "de"), "0,0");
  assert.equal(withUnit("12,5", "%"), "12,5\u00a0%");
  assert.equal(withUnit("12,5", ""), "12,5");
});

test("a difference shows its sign, and none when it rounds to zero", () => {
  assert.equal(formatDifference(2.54, 1, "de"), "+2,5");
  assert.equal(formatDifference(-2.54, 1, "de"), "−2,5");
  assert.equal(formatDifference(0.04, 1, "de"), "±0,0");
});

test("each kind of period is written in words", () => {
  const expected: [string, string, string][] = [
    ["2023", "2023", "2023"],
    ["2023-12-31", "31.12.2023", "31 Dec 2023"],
    ["2023-Q2", "2. Quartal 2023", "Q2 2023"],
    ["2023-04", "April 2023", "April 2023"],
    ["2022-08..2023-07", "2022/23", "2022/23"],
    ["2019..2023", "2019–2023", "2019–2023"],
    ["2035-forecast-g2", "2035 (Prognose G2)", "2035 (forecast G2)"],
    ["?", "?", "?"],
  ];
  for (const [slug, de, en] of expected) {
    assert.equal(formatPeriod(slug, "de"), de);
    assert.equal(formatPeriod(slug, "en"), en);
  }
  assert.equal(formatDate("2015-12-31", "de"), "31.12.2015");
});

test("only units that are signs follow an 'in'", () => {
  assert.equal(unitPhrase("%", "de"), "in %");
  assert.equal(unitPhrase("je 1.000", "de"), "je 1.000");
});

const row = (key: string, name: string, value: number | null, inhabited = true): ValueRow => ({
  key,
  name,
  value,
  status: value === null ? "suppressed" : "valid",
  class: value === null ? null : 0,
  inhabited,
  reference: false,
});

test("a region without a number shows a word", () => {
  assert.deepEqual(showValue(row("1", "A", null), 1, "en"), { remark: "withheld to protect privacy" });
  assert.deepEqual(showValue(row("1", "A", null, false), 1, "de"), { remark: "unbewohnt" });
  assert.deepEqual(showValue({ ...row("1", "A", null), status: "valid" }, 1, "de"), { remark: "kein Wert" });
  assert.deepEqual(showValue({ ...row("1", "A", 2), status: "estimated" }, 1, "de"), { number: "2,0", remark: "geschätzt" });
});

test("names are found without regard to case and umlaut dots, in any order of words", () => {
  assert.ok(matches("Lüchow (Wendland)", "wend luchow"));
  assert.ok(matches("Großgoltern", "gross"));
  assert.ok(matches("Küsten", ""));
  assert.ok(!matches("Küsten", "lüchow"));
  assert.ok(byName("de")("Göhrde", "Gorleben") < 0);
});

const ROWS = [row("3", "Zernien", 5), row("1", "Göhrde", null), row("2", "Gorleben", 9), row("4", "Clenze", 5), row("5", "Wald", 99, false)];

test("regions without a number stand at the end whichever way the numbers go", () => {
  const keys = (descending: boolean) => sortRows(ROWS, { column: "value", descending }, "de").map((one) => one.key);
  assert.deepEqual(keys(false), ["4", "3", "2", "5", "1"]);
  assert.deepEqual(keys(true), ["5", "2", "4", "3", "1"]);
  assert.deepEqual(sortRows(ROWS, { column: "name", descending: false }, "de").map((one) => one.name)[1], "Göhrde");
});

test("rows are found by name and by key", () => {
  assert.deepEqual(filterRows(ROWS, "gohr").map((one) => one.key), ["1"]);
  assert.deepEqual(filterRows(ROWS, "4").map((one) => one.key), ["4"]);
  assert.equal(filterRows(ROWS, " ").length, ROWS.length);
});

test("equal values share a rank, and only inhabited regions with a number are ranked", () => {
  assert.deepEqual(ROWS.map((one) => rankOf(one, ROWS)), [
    { rank: 2, of: 3 },
    undefined,
    { rank: 1, of: 3 },
    { rank: 2, of: 3 },
    undefined,
  ]);
});
