// Reads every tile of every released layer of an atlas with @mapbox/vector-tile, the decoder of MapLibre, up to zoom 12, and
// compares each region's value with the values document. Usage: read_tiles.mjs URL ATLAS
import { createRequire } from "node:module";
import { strict as assert } from "node:assert";

const require = createRequire(new URL("../web/package.json", import.meta.url));
const { VectorTile } = await import(require.resolve("@mapbox/vector-tile"));
const { PbfReader, default: Pbf } = await import(require.resolve("pbf"));
const Reader = PbfReader ?? Pbf;

const [url, atlas] = process.argv.slice(2);
const get = async (path) => (await fetch(`${url}/${atlas}/${path}`)).json();
const lon2x = (lon, z) => Math.floor(((lon + 180) / 360) * 2 ** z);
const lat2y = (lat, z) => {
  const r = (lat * Math.PI) / 180;
  return Math.floor(((1 - Math.log(Math.tan(r) + 1 / Math.cos(r)) / Math.PI) / 2) * 2 ** z);
};

const catalog = await get("catalog.json");
let tiles = 0;
let features = 0;
for (const indicator of catalog.indicators) {
  for (const [level, { periods }] of Object.entries(indicator.levels)) {
    const period = periods.at(-1);
    const tilejson = await get(`tiles/${level}/${indicator.slug}/${period}.json`);
    const rows = new Map((await get(`values/${level}/${indicator.slug}/${period}.json`)).rows.map((r) => [r.key, r]));
    const [west, south, east, north] = tilejson.bounds;
    for (let z = tilejson.minzoom; z <= Math.min(12, tilejson.maxzoom); z++) {
      const seen = new Set();
      const labels = new Set();
      for (let x = lon2x(west, z); x <= lon2x(east, z); x++) {
        for (let y = lat2y(north, z); y <= lat2y(south, z); y++) {
          const answer = await fetch(`${url}/${atlas}/tiles/${level}/${indicator.slug}/${period}/${z}/${x}/${y}.mvt`);
          if (answer.status === 204) continue;
          assert.equal(answer.status, 200, answer.url);
          const tile = new VectorTile(new Reader(new Uint8Array(await answer.arrayBuffer())));
          tiles++;
          const layer = tile.layers.regions;
          for (let i = 0; i < (layer?.length ?? 0); i++) {
            const feature = layer.feature(i);
            const { key, value, class: cls, status, name } = feature.properties;
            const row = rows.get(key);
            assert.equal(value ?? null, row.value, `${answer.url} ${key}`);
            assert.equal(cls ?? null, row.class, `${answer.url} ${key}`);
            const told = row.inhabited || row.value !== null ? row.status : "valid";
            assert.equal(status ?? "valid", told, `${answer.url} ${key}`);
            assert.equal(name, row.name);
            assert.ok(feature.loadGeometry().length > 0);
            assert.equal(feature.id, 1 + [...rows.keys()].indexOf(key));
            seen.add(key);
            features++;
          }
          for (let i = 0; i < (tile.layers.labels?.length ?? 0); i++) {
            const { key } = tile.layers.labels.feature(i).properties;
            assert.ok(!labels.has(key), `label ${key} stands in one tile of zoom ${z}`);
            labels.add(key);
          }
        }
      }
      assert.equal(seen.size, rows.size, `${level} zoom ${z}: every region is there`);
      if (z >= 10) assert.equal(labels.size, rows.size, `${level} zoom ${z}: every label is there`);
    }
  }
}
assert.ok(tiles > 0);
console.log(`tiles: ${tiles} tiles with ${features} regions agree with the tables`);
