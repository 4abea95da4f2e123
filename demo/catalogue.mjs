// Makes the demo's catalogue out of the starter catalogue: the indicators that the demo has numbers for, with a note
// that the numbers are made up, wherever a reader could take them for real ones.

const NOTE = {
  de: "Erfundene Beispieldaten, keine Aussage über den Landkreis Lüchow-Dannenberg.",
  en: "Illustrative data, made up; they say nothing about the district of Lüchow-Dannenberg.",
};
const POPULATION_NOTE = {
  de: "31.12.2015: amtliche Zahlen, © Statistische Ämter des Bundes und der Länder. Spätere Stichtage: erfundene Beispieldaten.",
  en: "31.12.2015: official figures, © Statistische Ämter des Bundes und der Länder. Later dates: illustrative data, made up.",
};
const CONTACT = {
  de: "Erfundene Beispielstelle: Sozialplanung Musterlandkreis, Telefon 000 0000, demo@example.org",
  en: "Made-up example office: social planning of a model district, telephone 000 0000, demo@example.org",
};
const SOURCE_PREFIX = { de: "Erfundene Beispieldaten; echte kämen aus: ", en: "Illustrative data, made up; real ones would come from: " };
const POPULATION_SOURCE = {
  de: "31.12.2015: © Statistische Ämter des Bundes und der Länder, Fortschreibung des Bevölkerungsstandes (Tabelle 12411-01-01-5); spätere Stichtage: erfundene Beispieldaten",
  en: "31.12.2015: © Statistische Ämter des Bundes und der Länder, intercensal population update (table 12411-01-01-5); later dates: illustrative data, made up",
};
const LICENCE = {
  de: "Erfundene Beispieldaten, frei verwendbar.",
  en: "Illustrative data, made up; free to use.",
};
const POPULATION_LICENCE = {
  de: "31.12.2015: Datenlizenz Deutschland – Namensnennung – Version 2.0 (www.govdata.de/dl-de/by-2-0); spätere Stichtage: erfundene Beispieldaten, frei verwendbar.",
  en: "31.12.2015: Data licence Germany – attribution – version 2.0 (www.govdata.de/dl-de/by-2-0); later dates: illustrative data, made up, free to use.",
};
const SOURCES = [
  ["beispieldaten", { de: "Erfundene Beispieldaten", en: "Illustrative data, made up" }],
  ["statistische-aemter", { de: "© Statistische Ämter des Bundes und der Länder", en: "© Statistische Ämter des Bundes und der Länder" }],
];

const quoted = (text) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
const written = ({ de, en }) => `{ de = ${quoted(de)}, en = ${quoted(en)} }`;
const slugOf = (block) => /^slug = "(.+)"$/m.exec(block)[1];
const valueOf = (block, field) => new RegExp(`^${field} = "(.+)"$`, "m").exec(block)?.[1];

/** Replaces the line of a field; fails if the starter catalogue is written in another way. */
function replaceField(block, field, change) {
  const line = new RegExp(`^${field} = (.+)$`, "m");
  if (!line.test(block)) throw new Error(`${slugOf(block)} has no line '${field}'`);
  return block.replace(line, (_, old) => `${field} = ${change(old)}`);
}

function indicator(block, slugs) {
  const population = slugOf(block) === "population";
  for (const link of ["part_of", "numerator", "denominator"]) {
    const other = valueOf(block, link);
    if (other && !slugs.has(other)) block = block.replace(`${link} = "${other}"\n`, "");
  }
  block = block.replace("\n[indicators.classification]", `note = ${written(population ? POPULATION_NOTE : NOTE)}\n\n[indicators.classification]`);
  block = replaceField(block, "contact", () => written(CONTACT));
  block = replaceField(block, "licence", () => written(population ? POPULATION_LICENCE : LICENCE));
  return replaceField(block, "source", (old) =>
    population
      ? written(POPULATION_SOURCE)
      : old.replace('de = "', `de = "${SOURCE_PREFIX.de}`).replace('en = "', `en = "${SOURCE_PREFIX.en}`),
  );
}

/** The demo's catalogue as TOML: the blocks of the starter catalogue whose slugs are wanted. */
export function demoCatalogue(starter, wanted) {
  const slugs = new Set(wanted);
  const blocks = (name) => starter.split(/^(?=\[\[)/m).filter((block) => block.startsWith(`[[${name}]]`));
  const indicators = blocks("indicators").filter((block) => slugs.has(slugOf(block)));
  if (indicators.length !== slugs.size) throw new Error("the starter catalogue lacks an indicator of the demo");
  const themes = new Set(indicators.map((block) => valueOf(block, "theme")));
  return [
    "# Catalogue of the demo, written by generate.mjs from catalogue/starter.toml. All numbers are made up, except the\n" +
      "# population of 31.12.2015.\n\n",
    ...blocks("themes").filter((block) => themes.has(slugOf(block))),
    ...SOURCES.map(([slug, title]) => `[[sources]]\nslug = "${slug}"\ntitle = ${written(title)}\n\n`),
    ...indicators.map((block) => indicator(block, slugs)),
  ].join("").trimEnd() + "\n";
}
