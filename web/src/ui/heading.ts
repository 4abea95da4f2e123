// What is shown, in words: theme, title, unit, remarks, and the indicator sheet behind a fold.

import type { App, Model } from "../app.ts";
import { type Indicator, SHEET_FIELDS } from "../contract.ts";
import { h, ICONS, icon } from "../dom.ts";
import { formatPeriod, unitPhrase } from "../format.ts";
import type { Texts } from "../texts.ts";

export function mountHeading(heading: HTMLElement, app: App): void {
  const body = h("div", { class: "heading-text" });
  const choose = h("button", { type: "button", class: "button choose", "data-opens-panel": "", "aria-expanded": "false" });
  choose.setAttribute("aria-controls", "panel");
  const remarks = h("div", { class: "remarks" });
  const sheet = h("details", { class: "sheet" });
  sheet.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    sheet.open = false;
    sheet.querySelector("summary")?.focus();
  });
  heading.append(h("div", { class: "heading-line" }, body, choose), remarks, sheet);

  app.watch(
    (m) => [m.selection, m.level, m.lang],
    (model) => {
      const { selection, words } = model;
      choose.replaceChildren(icon(ICONS.list), words.choose);
      if (!selection) return;
      const { indicator } = selection;
      body.replaceChildren(
        h("p", { class: "label" }, themeTitle(model, indicator)),
        h("h1", {}, indicator.title),
        h("p", { class: "subtitle" }, subtitle(model)),
      );
      fillSheet(sheet, indicator, words);
    },
  );

  app.watch(
    (m) => [m.selection, m.missed, m.lang],
    ({ selection, missed, words }) => {
      const note = selection?.indicator.note;
      const said = { indicator: words.missedIndicator, level: words.missedLevel, period: words.missedPeriod };
      const first = missed[0];
      remarks.replaceChildren();
      if (note) remarks.append(h("p", { class: "note" }, icon(ICONS.info), h("span", {}, note)));
      if (!first) return;
      const dismiss = h("button", { type: "button", class: "icon-button", "aria-label": words.dismiss });
      dismiss.append(icon(ICONS.close));
      dismiss.addEventListener("click", app.dismissMissed);
      remarks.append(h("p", { class: "note warning", role: "status" }, icon(ICONS.info), h("span", {}, said[first]), dismiss));
    },
  );
}

function themeTitle({ catalog, words }: Model, indicator: Indicator): string {
  const themes = catalog.is === "ready" ? catalog.data.themes : [];
  return themes.find((theme) => theme.slug === indicator.theme)?.title ?? words.indicator;
}

function subtitle({ selection, level, lang }: Model): string {
  if (!selection) return "";
  const { unit } = selection.indicator;
  const parts = [unitPhrase(unit, lang), level?.title, formatPeriod(selection.period, lang)];
  return parts.filter(Boolean).join(" · ");
}

/** Only the fields that say something; an open sheet stays open when the indicator changes. */
function fillSheet(sheet: HTMLDetailsElement, indicator: Indicator, words: Texts): void {
  const fields = SHEET_FIELDS.filter((field) => indicator.sheet[field]);
  sheet.hidden = fields.length === 0;
  sheet.replaceChildren(
    h("summary", {}, words.about),
    h("dl", {}, ...fields.map((field) => h("div", {}, h("dt", {}, words.sheet[field]), h("dd", {}, indicator.sheet[field])))),
  );
}
