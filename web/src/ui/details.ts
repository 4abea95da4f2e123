// The card of the selected region: its number, class and rank, and its course over the periods.

import type { App, Model } from "../app.ts";
import type { Series, ValueRow, Values } from "../contract.ts";
import { h, ICONS, icon, svg } from "../dom.ts";
import { formatDifference, formatNumber, formatPeriod, showValue, withUnit } from "../format.ts";
import { rankOf } from "./rows.ts";

export function mountDetails(details: HTMLElement, app: App): void {
  details.setAttribute("aria-live", "polite");
  details.addEventListener("keydown", (event) => {
    if (event.key === "Escape") app.navigate({ region: undefined });
  });
  app.watch(
    (m) => [m.state.region, m.values, m.series, m.legend, m.lang],
    (model) => {
      const { state, values, words } = model;
      const row = values.is === "ready" ? values.data.rows.find((one) => one.key === state.region) : undefined;
      details.hidden = !row;
      details.setAttribute("aria-label", words.region);
      if (!row || values.is !== "ready") return details.replaceChildren();
      const close = h("button", { type: "button", class: "icon-button", title: words.deselect, "aria-label": words.deselect });
      close.append(icon(ICONS.close));
      close.addEventListener("click", () => app.navigate({ region: undefined }));
      details.replaceChildren(
        h("div", { class: "details-top" }, h("h2", {}, row.name), close),
        h("div", { class: "details-line" }, figure(row, values.data, model), timeline(row, model, values.data.decimals)),
        facts(row, values.data, model),
      );
    },
  );
}

function figure(row: ValueRow, values: Values, { lang }: Model): HTMLElement {
  const { number, remark } = showValue(row, values.decimals, lang);
  return h(
    "p",
    { class: "figure" },
    number !== undefined && h("strong", {}, number),
    number !== undefined && h("span", { class: "unit" }, values.unit),
    remark && h("span", { class: number === undefined ? "remark alone" : "remark" }, remark),
    h("span", { class: "when" }, formatPeriod(values.period, lang)),
  );
}

function facts(row: ValueRow, values: Values, { words, legend }: Model): HTMLElement {
  const rank = rankOf(row, values.rows);
  const inClass = legend.is === "ready" ? legend.data.classes.find((one) => one.class === row.class) : undefined;
  const swatch = h("span", { class: "dot", "aria-hidden": "true" });
  if (inClass) swatch.style.backgroundColor = inClass.color;
  const fact = (name: string, ...value: (Node | string)[]) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));
  const facts = [];
  if (inClass) facts.push(fact(words.legendClass, swatch, inClass.label));
  if (rank) facts.push(fact(words.rank, h("span", { title: words.rankNote }, words.rankOf(rank.rank, rank.of))));
  facts.push(fact(words.key, row.key));
  return h("dl", { class: "facts" }, ...facts);
}

/** Only drawn when at least two periods have a number. */
function timeline(row: ValueRow, { series, words, lang, selection }: Model, decimals: number): HTMLElement | undefined {
  if (series.is !== "ready" || !selection) return undefined;
  const course = pointsOf(series.data, row.key);
  const [first, last] = [course[0], course.at(-1)];
  if (!first || !last || course.length < 2) return undefined;
  const { unit } = selection.indicator;
  const difference = formatDifference(last.value - first.value, decimals, lang);
  const inWords = course.map((p) => `${formatPeriod(p.period, lang)}: ${withUnit(formatNumber(p.value, decimals, lang), unit)}`);
  const picture = h("div", { role: "img", "aria-label": `${words.course}. ${inWords.join("; ")}` });
  picture.append(chart(course, series.data.periods.length, selection.period));
  return h(
    "figure",
    { class: "course" },
    picture,
    h(
      "figcaption",
      {},
      `${words.change(formatPeriod(first.period, lang))}: `,
      h("strong", {}, withUnit(difference, unit === "%" ? words.points : "")),
    ),
  );
}

interface CoursePoint {
  period: string;
  index: number;
  value: number;
}

function pointsOf(series: Series, key: string): CoursePoint[] {
  const row = series.rows.find((one) => one.key === key);
  return series.periods.flatMap((period, index) => {
    const value = row?.values[index];
    return typeof value === "number" ? [{ period, index, value }] : [];
  });
}

/** A line through neighbouring periods, interrupted where one has no number; the shown period is marked. */
function chart(course: CoursePoint[], periods: number, shown: string): SVGElement {
  const [width, height, margin] = [170, 44, 6];
  const values = course.map((point) => point.value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (p: CoursePoint) => margin + ((width - 2 * margin) * p.index) / Math.max(1, periods - 1);
  const y = (p: CoursePoint) => (high === low ? height / 2 : margin + ((height - 2 * margin) * (high - p.value)) / (high - low));
  const at = (p: CoursePoint) => `${x(p).toFixed(1)} ${y(p).toFixed(1)}`;
  const path = course.map((p, i) => `${course[i - 1]?.index === p.index - 1 ? "L" : "M"}${at(p)}`).join("");
  const dots = course.map((p) => svg("circle", { cx: x(p), cy: y(p), r: p.period === shown ? 4.5 : 2.5, class: p.period === shown ? "now" : "" }));
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", "aria-hidden": "true" }, svg("path", { d: path }), ...dots);
}
