import assert from "node:assert/strict";
import { test } from "node:test";
import type { Catalog, Indicator } from "../src/contract.ts";
import { change, levelsOf, parse, resolve, type State, serialise } from "../src/state.ts";

const FULL: State = {
  indicator: "kita-quote",
  level: "gemeinde",
  period: "2022-08..2023-07",
  region: "03354013",
  view: "table",
  sort: { column: "value", descending: true },
  lang: "en",
  theme: "dark",
  map: { zoom: 9.25, latitude: 53.012, longitude: -11.2 },
};

test("a state comes back from the query that it was written to", () => {
  assert.deepEqual(parse(serialise(FULL)), FULL);
  assert.deepEqual(parse(serialise({})), {});
  for (const sort of [undefined, { column: "name", descending: false }, { column: "name", descending: true }] as const) {
    assert.deepEqual(parse(serialise(change({}, { sort }))), change({}, { sort }));
  }
});

test("an empty state is an empty query", () => {
  assert.equal(serialise({}), "");
});

test("a map position is written readably and as exactly as its zoom needs", () => {
  const map = { zoom: 9.123456, latitude: 53.01234567, longitude: 11.12345678 };
  assert.equal(serialise({ map }), "?map=9.12/53.012/11.123");
});

test("what is malformed counts as not said", () => {
  const bad = "?indicator=A/B&level=%00&period=..&region=a%20b&lang=fr&theme=blue&view=x&sort=key&map=1/2";
  assert.deepEqual(parse(bad), {});
  assert.deepEqual(parse("?map=9/95/11"), {});
  assert.deepEqual(parse("?map=9/1e3/11"), {});
  assert.deepEqual(parse("?unknown=1&lang=en"), { lang: "en" });
});

test("a field is taken away by undefined", () => {
  assert.deepEqual(change({ region: "1", lang: "en" }, { region: undefined }), { lang: "en" });
});

const indicator = (slug: string, theme: string, levels: Record<string, string[]>): Indicator => ({
  slug,
  title: slug,
  theme,
  unit: "%",
  kind: "share",
  decimals: 1,
  sheet: {},
  levels: Object.fromEntries(
    Object.entries(levels).map(([level, periods]) => [level, { periods, edition: "2015-12-31", visibility: "public" }]),
  ),
});

const CATALOG: Catalog = {
  atlas: "a",
  title: "A",
  attribution: "",
  audience: "public",
  levels: [
    { slug: "gemeinde", title: "Gemeinden", position: 2, editions: [] },
    { slug: "kreis", title: "Kreis", position: 0, editions: [] },
  ],
  themes: [
    { slug: "bildung", title: "Bildung" },
    { slug: "demografie", title: "Demografie" },
  ],
  indicators: [
    indicator("einwohner", "demografie", { kreis: ["2014", "2015"], gemeinde: ["2015"] }),
    indicator("leer", "bildung", { gemeinde: [] }),
    indicator("kita", "bildung", { kreis: ["2013", "2014"] }),
  ],
};

test("without wishes the first indicator of the first theme is shown, on its finest level, at its latest period", () => {
  const found = resolve({}, CATALOG);
  assert.equal(found?.selection.indicator.slug, "kita");
  assert.equal(found?.selection.level, "kreis");
  assert.equal(found?.selection.period, "2014");
  assert.deepEqual(found?.missed, []);
  assert.equal(resolve({ indicator: "einwohner" }, CATALOG)?.selection.level, "gemeinde");
});

test("what an address asks for is shown, and what it cannot get is told", () => {
  const wish = { indicator: "einwohner", level: "kreis", period: "2014" };
  const found = resolve(wish, CATALOG);
  assert.deepEqual([found?.selection.level, found?.selection.period, found?.missed], ["kreis", "2014", []]);
  assert.deepEqual(resolve({ ...wish, period: "1999" }, CATALOG)?.missed, ["period"]);
  assert.deepEqual(resolve({ indicator: "leer" }, CATALOG)?.missed, ["indicator"]);
});

test("an atlas without values has nothing to select", () => {
  assert.equal(resolve({}, { ...CATALOG, indicators: [] }), undefined);
});

test("levels go from large regions to small ones, without those that have no values", () => {
  assert.deepEqual(CATALOG.indicators.map((one) => levelsOf(one, CATALOG)), [["kreis", "gemeinde"], [], ["kreis"]]);
});
