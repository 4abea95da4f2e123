// Prints one released layer of each way of drawing (choropleth, circles) as INDICATOR/PERIOD.
// Usage: demo_layers.mjs URL ATLAS LEVEL
const [url, atlas, level] = process.argv.slice(2);
const catalog = await (await fetch(`${url}/${atlas}/catalog.json`)).json();
const first = (wanted) => {
  const indicator = catalog.indicators.find((i) => wanted(i.kind) && i.levels[level]);
  return `${indicator.slug}/${indicator.levels[level].periods.at(-1)}`;
};
console.log(first((kind) => kind !== "count"), first((kind) => kind === "count"));
