// The page of one atlas: builds its parts and lets each watch the model.

import "./styles/fonts.css";
import "./styles/base.css";
import "./styles/viewer.css";
import "./styles/print.css";
import { createApp } from "./app.ts";
import { h } from "./dom.ts";
import { root } from "./place.ts";
import { mountChooser } from "./ui/chooser.ts";
import { mountControls } from "./ui/controls.ts";
import { mountDetails } from "./ui/details.ts";
import { mountHeader } from "./ui/header.ts";
import { mountHeading } from "./ui/heading.ts";
import { mountLegend } from "./ui/legend.ts";
import { mountMapView } from "./ui/mapview.ts";
import { explain, failure } from "./ui/message.ts";
import { mountTable } from "./ui/table.ts";
import { mountTabs } from "./ui/tabs.ts";

const app = createApp();

const header = h("header", { class: "header" });
const panel = h("section", { class: "panel", id: "panel" });
const heading = h("section", { class: "heading" });
const controls = h("div", { class: "controls" });
const tabs = h("div", { class: "tabs" });
const map = h("section", { class: "map", id: "map", tabIndex: -1 });
const table = h("section", { class: "table", id: "table", tabIndex: -1 });
const details = h("aside", { class: "details" });
const legend = h("div", { class: "legend" });
const main = h("main", { class: "atlas" }, panel, heading, controls, tabs, map, table, details);
const trouble = h("main", { class: "trouble", hidden: true });
document.body.append(header, main, trouble);

mountHeader(header, app);
mountChooser(panel, app);
mountHeading(heading, app);
mountControls(controls, app);
mountTabs(tabs, app);
mountMapView(map, details, app);
map.append(legend);
mountLegend(legend, app);
mountTable(table, app);
mountDetails(details, app);

app.watch(
  (m) => [m.lang, m.theme],
  ({ lang, theme }) => {
    document.documentElement.lang = lang;
    document.documentElement.dataset["theme"] = theme;
  },
);

app.watch(
  (m) => [m.state.view],
  ({ state }) => {
    main.dataset["view"] = state.view ?? "map";
  },
);

app.watch(
  (m) => [m.catalog, m.selection, m.lang],
  ({ catalog, selection, words }) => {
    const title = catalog.is === "ready" ? catalog.data.title : "Kommunalatlas";
    document.title = selection ? `${selection.indicator.title} · ${title}` : title;
    const broken = catalog.is === "failed" || (catalog.is === "ready" && !selection);
    main.hidden = broken;
    trouble.hidden = !broken;
    main.setAttribute("aria-busy", String(catalog.is === "loading"));
    if (catalog.is === "failed") {
      const missing = explain(catalog.error, words).notFound;
      const text = missing ? words.notFound : words.failedAtlas;
      const toAll = h("p", {}, h("a", { href: root() }, words.allAtlases));
      trouble.replaceChildren(failure(text, catalog.error, words, missing ? undefined : app.retry), toAll);
    } else if (broken) {
      trouble.replaceChildren(h("p", { class: "message" }, words.empty));
    }
  },
);
