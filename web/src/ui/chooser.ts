// The panel in which an indicator is chosen: a list of links grouped by theme, narrowed by theme and by search. On
// narrow screens it lies over the page and is opened by a button of the heading.

import type { App } from "../app.ts";
import type { Catalog, Indicator } from "../contract.ts";
import { h, ICONS, icon } from "../dom.ts";
import { matches } from "../format.ts";
import { levelsOf } from "../state.ts";

export function mountChooser(panel: HTMLElement, app: App): void {
  const theme = h("select", { id: "theme", onchange: () => fill() });
  const search = h("input", { id: "search", type: "search", autocomplete: "off", oninput: () => fill() });
  const title = h("h2", { id: "panel-title" });
  panel.setAttribute("aria-labelledby", "panel-title");
  const close = h("button", { type: "button", class: "icon-button panel-close", onclick: () => setOpen(false) });
  close.append(icon(ICONS.close));
  const themeLabel = h("label", { class: "label", htmlFor: "theme" });
  const searchLabel = h("label", { class: "visually-hidden", htmlFor: "search" });
  const list = h("nav", { class: "indicators" });
  const count = h("p", { class: "visually-hidden", role: "status" });
  const searchField = h("div", { class: "search" }, icon(ICONS.search), searchLabel, search);
  panel.append(
    h("div", { class: "panel-top" }, title, close),
    h("div", { class: "panel-filter" }, themeLabel, h("div", { class: "select" }, theme), searchField),
    count,
    list,
  );

  function setOpen(open: boolean): void {
    document.body.classList.toggle("panel-open", open);
    const opener = document.querySelector<HTMLElement>("[data-opens-panel]");
    opener?.setAttribute("aria-expanded", String(open));
    if (open) {
      panel.setAttribute("role", "dialog");
      panel.setAttribute("aria-modal", "true");
      // Not the search field: on a phone the keyboard would cover the list.
      close.focus();
    } else {
      panel.removeAttribute("role");
      panel.removeAttribute("aria-modal");
      opener?.focus();
    }
  }
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-opens-panel]")) setOpen(true);
  });
  panel.addEventListener("keydown", (event) => {
    if (!document.body.classList.contains("panel-open")) return;
    if (event.key === "Escape") setOpen(false);
    if (event.key === "Tab") keepInside(event, panel);
  });

  list.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    // A click that asks for a new tab or window is the browser's.
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    app.navigate({ indicator: link.dataset["indicator"] });
    if (document.body.classList.contains("panel-open")) setOpen(false);
  });
  list.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const links = [...list.querySelectorAll("a")];
    const next = links[links.indexOf(document.activeElement as HTMLAnchorElement) + step];
    if (step === 0 || !next) return;
    event.preventDefault();
    next.focus();
  });

  function fill(): void {
    const { catalog, words } = app.model;
    if (catalog.is !== "ready") return;
    const groups = group(catalog.data, words.otherThemes)
      .filter((one) => theme.value === "" || one.slug === theme.value)
      .map((one) => ({ ...one, indicators: one.indicators.filter((i) => matches(`${i.title} ${one.title}`, search.value)) }))
      .filter((one) => one.indicators.length > 0);
    const number = groups.reduce((sum, one) => sum + one.indicators.length, 0);
    count.textContent = search.value === "" ? "" : words.indicators(number);
    list.replaceChildren(
      ...groups.flatMap((one) => [
        h("h3", { class: "label" }, one.title),
        h("ul", {}, ...one.indicators.map((i) => h("li", {}, link(i)))),
      ]),
    );
    if (number === 0) list.append(h("p", { class: "quiet" }, words.noIndicatorFound));
    markCurrent();
  }

  function link(indicator: Indicator): HTMLElement {
    return h("a", { "data-indicator": indicator.slug, href: app.href({ indicator: indicator.slug }) }, indicator.title);
  }

  function markCurrent(): void {
    for (const one of list.querySelectorAll("a")) {
      const slug = one.dataset["indicator"];
      one.href = app.href({ indicator: slug });
      if (slug === app.model.selection?.indicator.slug) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    }
  }

  app.watch(
    (m) => [m.catalog, m.lang],
    ({ catalog, words }) => {
      title.textContent = words.chooseIndicator;
      list.setAttribute("aria-label", words.indicator);
      close.setAttribute("aria-label", words.close);
      themeLabel.textContent = words.theme;
      searchLabel.textContent = words.searchIndicator;
      search.placeholder = words.searchIndicator;
      const chosen = theme.value;
      const groups = catalog.is === "ready" ? group(catalog.data, words.otherThemes) : [];
      theme.replaceChildren(
        h("option", { value: "" }, words.allThemes),
        ...groups.map((one) => h("option", { value: one.slug }, one.title)),
      );
      theme.value = groups.some((one) => one.slug === chosen) ? chosen : "";
      fill();
    },
  );
  app.watch((m) => [m.state], markCurrent);
}

interface Group {
  slug: string;
  title: string;
  indicators: Indicator[];
}

/** Indicators with values, by theme in the order of the catalogue; those of no known theme come last. */
function group(catalog: Catalog, otherTitle: string): Group[] {
  const known = new Set(catalog.themes.map((theme) => theme.slug));
  const usable = catalog.indicators.filter((one) => levelsOf(one, catalog).length > 0);
  const groups = catalog.themes.map((theme) => ({
    ...theme,
    indicators: usable.filter((one) => one.theme === theme.slug),
  }));
  const others = usable.filter((one) => !known.has(one.theme));
  return [...groups, { slug: "-", title: otherTitle, indicators: others }].filter((one) => one.indicators.length > 0);
}

function keepInside(event: KeyboardEvent, panel: HTMLElement): void {
  const stops = [...panel.querySelectorAll<HTMLElement>("a[href], button, select, input")];
  const [first, last] = [stops[0], stops.at(-1)];
  const leaving = event.shiftKey ? document.activeElement === first : document.activeElement === last;
  if (!leaving) return;
  event.preventDefault();
  (event.shiftKey ? last : first)?.focus();
}
