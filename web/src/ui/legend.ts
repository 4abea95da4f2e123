// The legend: classes with their colours or circles, then the signs for "no number", each with the number of regions.

import type { App, Model } from "../app.ts";
import type { Legend, LegendClass, LegendStatus } from "../contract.ts";
import { h, svg } from "../dom.ts";
import { formatNumber, formatPeriod, unitPhrase } from "../format.ts";
import { failure } from "./message.ts";

export function mountLegend(legend: HTMLElement, app: App): void {
  const body = h("div", { class: "legend-body" });
  const summary = h("summary", {});
  // On narrow screens the folded legend still shows its colours, and leaves the room to the map.
  const fold = h("details", { open: matchMedia("(min-width: 720px)").matches }, summary, body);
  legend.append(fold);

  app.watch(
    (m) => [m.legend, m.lang],
    (model) => {
      const { legend: remote, words, lang } = model;
      summary.replaceChildren(h("span", { class: "label" }, words.legend));
      legend.setAttribute("aria-busy", String(remote.is === "loading"));
      if (remote.is === "loading") body.replaceChildren(h("p", { class: "quiet" }, words.loading));
      if (remote.is === "failed") body.replaceChildren(failure(words.failedLegend, remote.error, words, app.retry));
      if (remote.is !== "ready") return;
      const { unit, period } = remote.data;
      const what = [unitPhrase(unit, lang), formatPeriod(period, lang)].filter(Boolean).join(" · ");
      summary.append(h("span", { class: "legend-unit" }, what), strip(remote.data));
      body.replaceChildren(...content(remote.data, model));
    },
  );
}

function content(legend: Legend, { words, lang }: Model): HTMLElement[] {
  const count = (n: number) =>
    h(
      "span",
      { class: "count", title: words.regions(n) },
      h("span", { "aria-hidden": "true" }, formatNumber(n, 0, lang)),
      h("span", { class: "visually-hidden" }, words.regions(n)),
    );
  const classes = legend.classes.map((one) => h("li", {}, swatch(one), h("span", {}, one.label), count(one.count)));
  const statuses = legend.statuses
    .filter((one) => one.count > 0)
    .map((one) => h("li", {}, sign(one), h("span", {}, one.label), count(one.count)));
  return [
    classes.length > 0
      ? h("ul", { class: "classes" }, ...classes)
      : h("p", { class: "quiet" }, words.noClasses),
    h("ul", { class: "classes statuses" }, ...statuses),
  ];
}

function strip(legend: Legend): HTMLElement {
  const element = h("span", { class: "strip", "aria-hidden": "true" });
  element.append(...legend.classes.map((one) => box(one.color)));
  return element;
}

function swatch(one: LegendClass): Node {
  if (!one.radius) return box(one.color);
  const size = one.radius * 2 + 2;
  const circle = svg("circle", { cx: size / 2, cy: size / 2, r: one.radius, fill: one.color, class: "symbol" });
  return svg("svg", { width: size, height: size, "aria-hidden": "true", focusable: "false" }, circle);
}

/** The box of a status, hatched as its regions are on the map. */
function sign({ status, color, hatch }: LegendStatus): Node {
  const element = box(color);
  if (!hatch) return element;
  const { size, width } = hatch;
  const id = `hatch-${status}`;
  const lines = svg("path", { d: hatch.path, fill: "none", stroke: hatch.color, "stroke-width": width });
  const pattern = svg("pattern", { id, width: size, height: size, patternUnits: "userSpaceOnUse" }, lines);
  const area = svg("rect", { width: "100%", height: "100%", fill: `url(#${id})` });
  element.append(svg("svg", { width: "100%", height: "100%", focusable: "false" }, pattern, area));
  return element;
}

function box(color: string): HTMLElement {
  const element = h("span", { class: "box", "aria-hidden": "true" });
  element.style.backgroundColor = color;
  return element;
}
