// Map or table, where the screen is too narrow for both.

import type { App } from "../app.ts";
import { h } from "../dom.ts";
import type { View } from "../state.ts";

export function mountTabs(tabs: HTMLElement, app: App): void {
  tabs.setAttribute("role", "group");
  const button = (view: View) =>
    h("button", { type: "button", onclick: () => app.navigate({ view: view === "map" ? undefined : view }) });
  const buttons = { map: button("map"), table: button("table") };
  tabs.append(buttons.map, buttons.table);
  app.watch(
    (m) => [m.state.view, m.lang],
    ({ state, words }) => {
      tabs.setAttribute("aria-label", words.views);
      for (const view of ["map", "table"] as const) {
        buttons[view].textContent = words[view];
        buttons[view].setAttribute("aria-pressed", String(view === (state.view ?? "map")));
      }
    },
  );
}
