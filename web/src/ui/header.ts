// The top line: which atlas this is, and how the page is to look and speak.

import type { App } from "../app.ts";
import { h, ICONS, icon, svg } from "../dom.ts";
import { root } from "../place.ts";

export function mountHeader(header: HTMLElement, app: App): void {
  app.watch(
    (m) => [m.lang, m.theme, m.catalog],
    ({ lang, theme, words, catalog }) => {
      const focused = (document.activeElement as HTMLElement | null)?.dataset["control"];
      const atlas = catalog.is === "ready" ? catalog.data : undefined;
      const toDark = theme === "light";
      const themeName = toDark ? words.toDark : words.toLight;
      header.replaceChildren(
        h("a", { class: "skip", href: "#map" }, words.skipToMap),
        h("a", { class: "skip", href: "#table", onclick: () => app.navigate({ view: "table" }) }, words.skipToTable),
        h("a", { class: "brand", href: root(), title: words.allAtlases }, mark(), h("span", {}, "Kommunalatlas")),
        h("p", { class: "atlas-title" }, atlas?.title ?? ""),
        ...(atlas?.audience === "internal" ? [h("span", { class: "badge" }, words.internal)] : []),
        h(
          "div",
          { class: "language", role: "group", "aria-label": words.language },
          ...(["de", "en"] as const).map((one) =>
            h(
              "button",
              {
                type: "button",
                lang: one,
                "data-control": `lang-${one}`,
                "aria-pressed": String(one === lang),
                "aria-label": one === "de" ? "Deutsch" : "English",
                onclick: () => app.navigate({ lang: one === "de" ? undefined : one }),
              },
              one.toUpperCase(),
            ),
          ),
        ),
        h(
          "button",
          {
            type: "button",
            class: "icon-button",
            "data-control": "theme",
            title: themeName,
            "aria-label": themeName,
            onclick: () => app.navigate({ theme: toDark ? "dark" : "light" }, "replace"),
          },
          icon(toDark ? ICONS.moon : ICONS.sun),
        ),
      );
      // The header is built anew; who just used one of its controls keeps it.
      if (focused) header.querySelector<HTMLElement>(`[data-control="${focused}"]`)?.focus();
    },
  );
}

/** The sign of Kommunalatlas: four regions that share their borders, one of them raised. */
export function mark(): SVGElement {
  return svg(
    "svg",
    { viewBox: "0 0 32 32", class: "mark", "aria-hidden": "true", focusable: "false" },
    svg("path", { class: "mark-1", d: "M4 7l10-3 3 9-6 5-8-3z" }),
    svg("path", { class: "mark-2", d: "M15.5 4L27 6l1 9-9.500-2z" }),
    svg("path", { class: "mark-3", d: "M3 16.500l8 3 1 8-7 .5z" }),
    svg("path", { class: "mark-4", d: "M12.500 19.500l6-5 9.500 2-3 10-11.500 1.500z" }),
  );
}
