// Makes the numbers and the catalogue of the demo. Every number but the population of 31.12.2015 is made up.
//
//     node demo/generate.mjs [TARGET_FOLDER]
//
// Deterministic: each draw has its own generator, seeded by what is drawn (indicator, region, year), so that a new
// indicator does not change the others. Only additions, multiplications, divisions and square roots are used, which
// give the same bits on every machine.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { demoCatalogue } from "./catalogue.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? here;
const SEED = "kommunalatlas-demo-1";
const YEARS = [2015, 2016, 2017, 2018, 2019, 2020];
const KREIS = "03354";

/** Population on 31.12.2015. © Statistische Ämter des Bundes und der Länder, dl-de/by-2-0. */
const POPULATION_2015 = {
  "03354001": 1595, "03354002": 2382, "03354003": 294, "03354004": 8932, "03354005": 1397, "03354006": 611,
  "03354007": 625, "03354008": 1204, "03354009": 4904, "03354010": 656, "03354011": 1028, "03354012": 745,
  "03354013": 1363, "03354014": 676, "03354015": 1390, "03354016": 631, "03354017": 822, "03354018": 9481,
  "03354019": 1393, "03354020": 439, "03354021": 564, "03354022": 1320, "03354023": 1002, "03354024": 942,
  "03354025": 1228, "03354026": 2866, "03354027": 1638,
};

// ---- chance -----------------------------------------------------------------------------------------------------

/** A generator of uniform numbers in 0…1 (mulberry32), seeded by a text (FNV-1a). */
function random(...what) {
  let state = 0x811c9dc5;
  for (const char of [SEED, ...what].join("|")) {
    state = Math.imul(state ^ char.codePointAt(0), 0x01000193);
  }
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A draw of about the standard normal distribution: the sum of twelve uniform ones. */
function normal(...what) {
  const next = random(...what);
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += next();
  return sum;
}

/** How many of `n` it hits, each with probability `p`. */
function binomial(n, p, ...what) {
  const next = random(...what);
  let hits = 0;
  for (let i = 0; i < n; i++) if (next() < p) hits++;
  return hits;
}

const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

// ---- regions ----------------------------------------------------------------------------------------------------

const features = JSON.parse(readFileSync(join(here, "gemeinden.geojson"), "utf8")).features;
const gemeinden = features
  .map(({ properties, geometry }) => {
    const ring = geometry.type === "Polygon" ? geometry.coordinates[0] : geometry.coordinates[0][0];
    const mean = (axis) => ring.reduce((sum, point) => sum + point[axis], 0) / ring.length;
    return { key: properties.AGS, verband: properties.RS.slice(0, 9), lon: mean(0), lat: mean(1) };
  })
  .sort((a, b) => (a.key < b.key ? -1 : 1));
const inhabited = gemeinden.filter(({ key }) => key in POPULATION_2015);
const uninhabited = gemeinden.filter(({ key }) => !(key in POPULATION_2015));

/** What makes a Gemeinde special, and stays over the years. All three are about 0 on average. */
for (const g of inhabited) {
  const size = POPULATION_2015[g.key];
  g.town = clamp((Math.sqrt(size) - 35) / 45, -0.4, 1.4);
  // Towards the east, along the former inner-German border, fewer families and more old people.
  g.remote = clamp((g.lon - 11.13) / 0.22, -1.2, 1.6);
  g.strain = 0.55 * g.town + 0.3 * g.remote + 0.45 * normal("strain", g.key);
  g.young = clamp(0.05 * g.town - 0.12 * g.remote + 0.09 * normal("young", g.key), -0.32, 0.25);
}

// ---- population -------------------------------------------------------------------------------------------------

const AGES = { "under-3": 0.0222, "3-to-5": 0.022, "6-to-9": 0.0318, "10-to-14": 0.048, "15-to-17": 0.0314 };
const AGE_TREND = { "under-3": 0.012, "3-to-5": 0.014, "6-to-9": 0.004, "10-to-14": -0.018, "15-to-17": -0.021 };

/** Counts of one Gemeinde and year that all other numbers are made of. */
function people(g, year) {
  const t = year - 2015;
  const growth = -0.0045 + 0.004 * g.young - 0.003 * g.remote;
  // 2016 the municipalities took in refugees, most of them the towns.
  const arrivals = t > 0 ? 0.006 * clamp(g.town + 0.3, 0, 1.5) : 0;
  const drift = t === 0 ? 0 : 0.004 * normal("population", g.key, year);
  const population = t === 0 ? POPULATION_2015[g.key] : Math.round(POPULATION_2015[g.key] * (1 + growth * t + arrivals + drift));
  const ages = {};
  for (const [age, share] of Object.entries(AGES)) {
    const own = 1 + g.young + 0.08 * normal("age", age, g.key);
    const expected = population * share * own * (1 + AGE_TREND[age] * t);
    ages[age] = Math.max(1, Math.round(expected + 0.35 * Math.sqrt(expected) * normal("age", age, g.key, year)));
  }
  const minors = Object.values(ages).reduce((a, b) => a + b, 0);
  const of = (share, name) => Math.round(population * share * (1 + 0.5 * g.young + 0.05 * normal(name, g.key)) * (1 - 0.012 * t));
  const young = { "18-to-20": of(0.03, "18-to-20"), "21-to-24": of(0.038, "21-to-24"), "30-to-49": of(0.21, "30-to-49") };
  const households = Math.round(minors / (1.62 + 0.05 * normal("household", g.key)));
  return { population, ...ages, ...young, minors, "under-21": minors + young["18-to-20"], families: Math.max(1, households) };
}

const counted = new Map(inhabited.map((g) => [g.key, new Map(YEARS.map((year) => [year, people(g, year)]))]));
const at = (g, year) => counted.get(g.key).get(year);

// ---- indicators -------------------------------------------------------------------------------------------------

const yearEnd = (year) => `${year}-12-31`;
const march = (year) => `${year + 1}-03-01`;
const december = (year) => `${year}-12`;
const schoolYear = (year) => `${year}-08..${year + 1}-07`;
const sameYear = (year) => `${year}`;
const nextYear = (year) => `${year + 1}`;

const count = (period, number) => ({ kind: "count", period, number });
/** `parts` gives numerator and denominator. `signs`: what stands in the place of some numbers, and which are preliminary. */
const ratio = (period, per, decimals, parts, signs = {}) => ({ kind: "ratio", period, per, decimals, parts, ...signs });
/** A share of `base` people, hit with probability `p`. */
const drawn = (name, base, p) => (g, year, t) => {
  const n = base(g, year, t);
  return [binomial(n, clamp(p(g, t), 0, 0.99), name, g.key, year), n];
};

const sgb2 = drawn("sgb2-minors", (g, y) => at(g, y).minors, (g, t) => (0.148 - 0.006 * t) * (1 + 0.45 * g.strain));
const jobless = drawn(
  "unemployed-youth",
  (g, y) => at(g, y)["15-to-17"] + at(g, y)["18-to-20"] + at(g, y)["21-to-24"],
  (g, t) => [0.047, 0.045, 0.041, 0.038, 0.036, 0.046][t] * (1 + 0.4 * g.strain),
);
const creche = drawn("daycare-under-3", (g, y) => at(g, y)["under-3"], (g, t) => 0.3 + 0.017 * t + 0.05 * g.town - 0.02 * g.remote);
const kindergarten = drawn("daycare-3-to-5", (g, y) => at(g, y)["3-to-5"], (g, t) => 0.935 + 0.004 * t - 0.02 * g.strain);
const cohort = (part, name) => (g, y) => binomial(Math.max(1, Math.round(at(g, y)["6-to-9"] / 4)), part, "cohort", name, g.key, y);
const examined = cohort(0.97, "examined");

/** 2020 the examinations were broken off in March; only one Samtgemeinde had been finished. */
const pandemic = (g, year) => (year === 2020 && g.verband !== "033545407" ? "" : null);
const fewChildren = (numerator, denominator) => (denominator < 5 ? "/" : null);
const fewCases = (numerator) => (numerator === 1 || numerator === 2 ? "*" : null);

const INDICATORS = {
  population: count(yearEnd, (g, y) => at(g, y).population),
  "population-under-21": count(yearEnd, (g, y) => at(g, y)["under-21"]),
  "population-under-18": count(yearEnd, (g, y) => at(g, y).minors),
  ...Object.fromEntries(Object.keys(AGES).map((age) => [`population-${age}`, count(yearEnd, (g, y) => at(g, y)[age])])),
  births: count(sameYear, (g, y) => binomial(at(g, y).population, 0.0074 * (1 + 1.2 * g.young), "births", g.key, y)),
  "share-under-18": ratio(yearEnd, 100, 1, (g, y) => [at(g, y).minors, at(g, y).population]),
  "mean-age": {
    kind: "mean",
    period: yearEnd,
    decimals: 1,
    mean: (g, y, t) => 47.3 + 0.16 * t - 9 * g.young + 0.7 * g.remote + 0.15 * normal("mean-age", g.key, y),
  },
  "migration-background-under-18": ratio(yearEnd, 100, 1,
    drawn("migration", (g, y) => at(g, y).minors, (g, t) => (t === 0 ? 0.105 : 0.125 + 0.006 * t) * (1 + 0.4 * g.town))),
  "family-migration-balance": ratio(nextYear, 1000, 1, (g, y, t) => {
    const base = at(g, y).minors + at(g, y)["30-to-49"];
    const expected = base * (0.003 + 0.0012 * t + 0.02 * g.young + (t === 0 ? 0.004 * g.town : 0));
    return [Math.round(expected + 0.28 * Math.sqrt(base) * normal("balance", g.key, y)), base];
  }),
  "single-parent-households": ratio(yearEnd, 100, 1,
    drawn("single-parents", (g, y) => at(g, y).families, (g, t) => (0.205 + 0.003 * t) * (1 + 0.3 * g.strain))),
  "sgb2-minors": { ...count(december, (g, y, t) => sgb2(g, y, t)[0]), sign: (n) => fewCases(n), protect: true },
  "sgb2-minors-share": ratio(december, 100, 1, sgb2, { sign: (n) => fewCases(n), protect: true }),
  "unemployed-youth": { ...count(december, (g, y, t) => jobless(g, y, t)[0]), sign: (n) => fewCases(n), protect: true },
  "youth-unemployment": ratio(december, 100, 1, jobless, { sign: (n) => fewCases(n), protect: true }),
  "daycare-under-3": count(march, (g, y, t) => creche(g, y, t)[0]),
  "daycare-rate-under-3": ratio(march, 100, 1, creche),
  "daycare-3-to-5": count(march, (g, y, t) => kindergarten(g, y, t)[0]),
  "daycare-rate-3-to-5": ratio(march, 100, 1, kindergarten),
  "school-entry-language": ratio(sameYear, 100, 1,
    drawn("language", examined, (g, t) => (0.17 + 0.006 * t) * (1 + 0.45 * g.strain)), { sign: fewChildren, absent: pandemic }),
  "school-entry-overweight": ratio(sameYear, 100, 1,
    drawn("overweight", examined, (g, t) => (0.104 + 0.001 * t) * (1 + 0.4 * g.strain)), { sign: fewChildren, absent: pandemic }),
  "school-entry-checkups": ratio(sameYear, 100, 1,
    drawn("checkups", cohort(0.9, "booklet"), (g, t) => 0.9 + 0.006 * t - 0.05 * g.strain), { sign: fewChildren, absent: pandemic }),
  "transition-gymnasium": ratio(schoolYear, 100, 1,
    drawn("gymnasium", (g, y) => Math.max(1, Math.round(at(g, y)["10-to-14"] / 5)), (g, t) => 0.34 + 0.004 * t + 0.06 * g.town - 0.1 * g.strain),
    { sign: fewChildren, preliminary: 2020 }),
  "help-for-upbringing": ratio(sameYear, 1000, 1,
    drawn("help", (g, y) => at(g, y)["under-21"], (g, t) => (0.037 + 0.0016 * t) * (1 + 0.5 * g.strain)), { sign: (n) => fewCases(n), protect: true }),
};

// ---- levels -----------------------------------------------------------------------------------------------------

/** The regions of each level with the inhabited Gemeinden of which they consist. */
const LEVELS = {
  gemeinde: gemeinden.map((g) => ({ key: g.key, members: inhabited.filter((m) => m === g) })),
  samtgemeinde: [...new Set(gemeinden.map((g) => g.verband))].sort()
    .map((key) => ({ key, members: inhabited.filter((m) => m.verband === key) })),
  kreis: [{ key: KREIS, members: inhabited }],
};

const sum = (list) => list.reduce((a, b) => a + b, 0);
const comma = (number, decimals) => {
  // Half away from zero, and no "-0".
  const factor = 10 ** decimals;
  const rounded = (Math.sign(number) * Math.round(Math.abs(number) * factor)) / factor + 0;
  return rounded.toFixed(decimals).replace(".", ",");
};

/** Value, numerator and denominator of a region as text, not yet signed. */
function cells(indicator, members, year) {
  const t = year - YEARS[0];
  if (members.length === 0) return { text: ["x", "", ""] }; // nobody lives there
  if (indicator.absent && members.some((g) => indicator.absent(g, year) !== null)) return { text: ["", "", ""] };
  switch (indicator.kind) {
    case "count": {
      const total = sum(members.map((g) => indicator.number(g, year, t)));
      return { numerator: total, text: [String(total), "", ""] };
    }
    case "mean": {
      const weights = members.map((g) => at(g, year).population);
      const mean = sum(members.map((g, i) => indicator.mean(g, year, t) * weights[i])) / sum(weights);
      return { text: [comma(mean, indicator.decimals), "", ""] };
    }
    default: {
      const parts = members.map((g) => indicator.parts(g, year, t));
      const [numerator, denominator] = [sum(parts.map((p) => p[0])), sum(parts.map((p) => p[1]))];
      const value = comma((numerator / denominator) * indicator.per, indicator.decimals);
      const flag = indicator.preliminary === year ? "p" : "";
      return { numerator, denominator, text: [value + flag, String(numerator), String(denominator)] };
    }
  }
}

/** Puts signs in the place of small numbers; with `protect` a second Gemeinde of the Samtgemeinde where one is alone. */
function sign(indicator, rows) {
  if (!indicator.sign) return;
  const shown = rows.filter((row) => row.numerator !== undefined);
  const hidden = new Map();
  for (const row of shown) {
    const text = indicator.sign(row.numerator, row.denominator);
    if (text) hidden.set(row, text);
  }
  if (indicator.protect) {
    for (const verband of new Set(shown.map((row) => row.verband))) {
      const members = shown.filter((row) => row.verband === verband);
      const alone = members.filter((row) => hidden.has(row));
      const others = members.filter((row) => !hidden.has(row) && row.numerator > 0);
      if (alone.length === 1 && others.length > 0) {
        others.sort((a, b) => a.numerator - b.numerator || (a.key < b.key ? -1 : 1));
        hidden.set(others[0], hidden.get(alone[0]));
      }
    }
  }
  for (const [row, text] of hidden) row.text = [text, "", row.text[2]];
}

const HEADER = "key;indicator;period;value;numerator;denominator";

function table(level, wanted) {
  const lines = [HEADER];
  for (const [slug, indicator] of Object.entries(INDICATORS)) {
    for (const year of YEARS) {
      if (!wanted(slug, year)) continue;
      const rows = LEVELS[level].map(({ key, members }) => ({ key, verband: members[0]?.verband, ...cells(indicator, members, year) }));
      if (level === "gemeinde") sign(indicator, rows);
      for (const { key, text } of rows) lines.push([key, slug, indicator.period(year), ...text].join(";"));
    }
  }
  return `${lines.join("\n")}\n`;
}

// ---- files ------------------------------------------------------------------------------------------------------

const official = (slug, year) => slug === "population" && year === 2015;
mkdirSync(target, { recursive: true });
const write = (name, text) => writeFileSync(join(target, name), text);
for (const level of Object.keys(LEVELS)) {
  write(`population-2015-${level}.csv`, table(level, official));
  write(`values-${level}.csv`, table(level, (slug, year) => !official(slug, year)));
}
const starter = readFileSync(join(here, "..", "catalogue", "starter.toml"), "utf8");
write("catalogue.toml", demoCatalogue(starter, Object.keys(INDICATORS)));
