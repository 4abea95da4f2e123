// The table of the numbers that the map shows: sortable, searchable, and usable with the keyboard alone. It has one tab
// stop; the arrow keys go from region to region, Enter selects.

import type { App, Model } from "../app.ts";
import type { ValueRow } from "../contract.ts";
import { h, ICONS, icon } from "../dom.ts";
import { formatDate, formatNumber, formatPeriod, showValue } from "../format.ts";
import { csvUrl } from "../server.ts";
import type { Sort, SortColumn } from "../state.ts";
import { failure } from "./message.ts";
import { filterRows, sortRows } from "./rows.ts";

/** Rows that are built at once; all of Germany would take the browser seconds. */
const CHUNK = 400;
const BY_NAME: Sort = { column: "name", descending: false };

export function mountTable(table: HTMLElement, app: App): void {
  const search = h("input", { id: "filter", type: "search", autocomplete: "off" });
  const searchLabel = h("label", { class: "visually-hidden", htmlFor: "filter" });
  const csv = h("a", { class: "button", download: "" });
  const shown = h("p", { class: "quiet rows-shown", role: "status" });
  const trouble = h("div", {});
  const caption = h("caption", {});
  const heads = { name: head("name"), value: head("value") };
  const body = h("tbody", {});
  const origin = h("p", { class: "quiet origin" });
  const more = h("button", { type: "button", class: "button more" });
  const grid = h("table", {}, caption, h("thead", {}, h("tr", {}, heads.name.cell, heads.value.cell)), body);
  const scroll = h("div", { class: "table-scroll" }, grid, trouble, more, origin);
  table.append(
    h("div", { class: "table-top" }, h("div", { class: "search" }, icon(ICONS.search), searchLabel, search), csv),
    shown,
    scroll,
  );
  let limit = CHUNK;

  function head(column: SortColumn) {
    const text = h("span", {});
    const button = h("button", { type: "button" }, text, h("span", { class: "arrow", "aria-hidden": "true" }));
    button.addEventListener("click", () => app.navigate({ sort: nextSort(app.model, column) }, "replace"));
    return { text, cell: h("th", { scope: "col", class: column }, button) };
  }

  search.addEventListener("input", () => {
    limit = CHUNK;
    fill(app.model);
  });
  more.addEventListener("click", () => {
    limit += CHUNK;
    fill(app.model);
  });
  body.addEventListener("click", (event) => {
    const row = event.target instanceof Element ? event.target.closest("tr") : null;
    const key = row?.dataset["key"];
    if (key !== undefined) app.navigate({ region: key === app.model.state.region ? undefined : key });
  });
  body.addEventListener("keydown", (event) => {
    const buttons = [...body.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    const next = target === undefined ? undefined : buttons[target];
    if (at < 0 || !next) return;
    event.preventDefault();
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
    next.focus();
  });

  function fill(model: Model): void {
    const { values, words, lang, state } = model;
    if (values.is !== "ready") return;
    const focused = (document.activeElement?.closest("tbody tr") as HTMLElement | null)?.dataset["key"];
    const colors = classColors(model);
    const found = filterRows(sortRows(values.data.rows, state.sort ?? BY_NAME, lang), search.value);
    const selectedAt = found.findIndex((row) => row.key === state.region);
    const visible = found.slice(0, Math.max(limit, selectedAt + 1));
    body.replaceChildren(...visible.map((row) => tableRow(row, model, values.data.decimals, colors)));
    const stop = body.querySelector<HTMLButtonElement>("tr.selected button") ?? body.querySelector("button");
    if (stop) stop.tabIndex = 0;
    if (focused) body.querySelector<HTMLElement>(`tr[data-key="${CSS.escape(focused)}"] button`)?.focus();
    const number = (n: number) => formatNumber(n, 0, lang);
    more.hidden = visible.length >= found.length;
    more.textContent = words.moreRows(number(Math.min(CHUNK, found.length - visible.length)));
    shown.textContent = found.length === 0 ? words.noRowFound : words.rowsShown(number(found.length), number(values.data.rows.length));
  }

  app.watch(
    (m) => [m.values, m.legend, m.lang, m.level, m.state.sort?.column, m.state.sort?.descending],
    (model) => {
      const { values, words, lang, state, level } = model;
      trouble.replaceChildren();
      grid.hidden = values.is !== "ready";
      searchLabel.textContent = words.filterTable;
      search.placeholder = words.filterTable;
      heads.name.text.textContent = words.region;
      const sort = state.sort ?? BY_NAME;
      for (const column of ["name", "value"] as const) {
        const order = sort.descending ? "descending" : "ascending";
        heads[column].cell.setAttribute("aria-sort", sort.column === column ? order : "none");
      }
      if (values.is === "loading") trouble.append(h("p", { class: "quiet" }, words.loading));
      if (values.is === "failed") trouble.append(failure(words.failedValues, values.error, words, app.retry));
      shown.hidden = values.is !== "ready";
      origin.hidden = values.is !== "ready";
      more.hidden = true;
      if (values.is !== "ready") return;
      const { title, unit, period, edition, source } = values.data;
      const boundaries = `${words.edition} ${formatDate(edition, lang)}`;
      origin.textContent = source === "" ? boundaries : `${words.source}: ${source}. ${boundaries}`;
      heads.value.text.textContent = unit === "" ? words.value : unit;
      const what = [title, level?.title, formatPeriod(period, lang)].filter(Boolean).join(", ");
      caption.replaceChildren(what, h("span", { class: "visually-hidden" }, `. ${words.sortHint}`));
      fill(model);
    },
  );

  app.watch(
    (m) => [m.selection, m.lang],
    ({ selection, lang, words }) => {
      csv.hidden = !selection;
      csv.replaceChildren(icon(ICONS.download), "CSV");
      csv.setAttribute("aria-label", words.csv);
      csv.title = words.csv;
      if (selection) csv.href = csvUrl(selection, lang);
    },
  );

  app.watch(
    (m) => [m.state.region, m.values],
    (model) => {
      const key = model.state.region;
      if (key !== undefined && !rowOf(body, key)) fill(model);
      for (const row of body.rows) {
        const selected = row.dataset["key"] === key;
        row.classList.toggle("selected", selected);
        row.querySelector("button")?.setAttribute("aria-pressed", String(selected));
      }
      // The card of the region takes its room first.
      if (key !== undefined) requestAnimationFrame(() => scrollTo(scroll, rowOf(body, key)));
    },
  );

  app.watch(
    (m) => [m.hovered],
    ({ hovered }) => {
      body.querySelector("tr.hovered")?.classList.remove("hovered");
      if (hovered !== undefined) rowOf(body, hovered)?.classList.add("hovered");
    },
  );
}

function tableRow(row: ValueRow, { lang, state }: Model, decimals: number, colors: Map<number, string>): HTMLElement {
  const { number, remark } = showValue(row, decimals, lang);
  const dot = h("span", { class: "dot", "aria-hidden": "true" });
  const color = row.class === null ? undefined : colors.get(row.class);
  if (color !== undefined) dot.style.backgroundColor = color;
  else dot.classList.add("none");
  const selected = row.key === state.region;
  return h(
    "tr",
    { "data-key": row.key, class: selected ? "selected" : "" },
    h("th", { scope: "row" }, h("button", { type: "button", tabIndex: -1, "aria-pressed": String(selected) }, dot, row.name)),
    h("td", {}, number, remark && h("span", { class: number === undefined ? "remark alone" : "remark" }, remark)),
  );
}

function classColors({ legend }: Model): Map<number, string> {
  return new Map(legend.is === "ready" ? legend.data.classes.map((one) => [one.class, one.color]) : []);
}

/** A first click on a column sorts names upwards and numbers downwards; the next one turns round. */
function nextSort({ state }: Model, column: SortColumn): Sort {
  const now = state.sort ?? BY_NAME;
  return { column, descending: now.column === column ? !now.descending : column === "value" };
}

function rowOf(body: HTMLTableSectionElement, key: string): HTMLElement | null {
  return body.querySelector<HTMLElement>(`tr[data-key="${CSS.escape(key)}"]`);
}

/** Brings a row into sight inside the table only; the page itself must not jump. */
function scrollTo(scroll: HTMLElement, row: HTMLElement | null): void {
  if (!row) return;
  const [frame, line] = [scroll.getBoundingClientRect(), row.getBoundingClientRect()];
  const covered = 48;
  if (line.top < frame.top + covered) scroll.scrollTop -= frame.top + covered - line.top;
  else if (line.bottom > frame.bottom) scroll.scrollTop += line.bottom - frame.bottom + line.height;
}
