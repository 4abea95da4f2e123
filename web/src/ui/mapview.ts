// The place of the map in the page: loads the map library when the page is readable, and says so when there is no map.

import type { App } from "../app.ts";
import { h, ICONS, icon } from "../dom.ts";
import type { MapHandle } from "../map.ts";
import { failure } from "./message.ts";

export function mountMapView(section: HTMLElement, details: HTMLElement, app: App): void {
  const canvas = h("div", { class: "map-canvas" });
  const message = h("div", { class: "map-message" });
  const button = (path: string, act: (event: Event) => void) => {
    const element = h("button", { type: "button", class: "icon-button", onclick: act });
    element.append(icon(path));
    return element;
  };
  let map: MapHandle | undefined;
  const buttons = {
    zoomIn: button(ICONS.plus, (event) => map?.zoomBy(1, event)),
    zoomOut: button(ICONS.minus, (event) => map?.zoomBy(-1, event)),
    fit: button(ICONS.fit, () => (app.model.state.map ? app.navigate({ map: undefined }) : map?.fit())),
  };
  const controls = h("div", { class: "map-controls", role: "group" }, ...Object.values(buttons));
  section.append(h("div", { class: "map-frame" }, canvas, controls, message));

  app.watch(
    (m) => [m.lang],
    ({ words }) => {
      section.setAttribute("aria-label", words.map);
      controls.setAttribute("aria-label", words.map);
      for (const [name, element] of Object.entries(buttons)) {
        const text = words[name as keyof typeof buttons];
        element.title = text;
        element.setAttribute("aria-label", text);
      }
    },
  );

  function say(what: "failedMap" | "failedTiles" | "noWebgl" | undefined, error?: unknown): void {
    const { words } = app.model;
    controls.hidden = what === "noWebgl";
    if (what === undefined) message.replaceChildren();
    else if (what === "noWebgl") message.replaceChildren(h("div", { class: "message", role: "status" }, h("p", {}, words.noWebgl)));
    else message.replaceChildren(failure(words[what], error, words, again));
  }

  function again(): void {
    say(undefined);
    if (map) map.retry();
    else void start();
  }

  async function start(): Promise<void> {
    try {
      const { createMap } = await import("../map.ts");
      map = createMap(canvas, app, say, () => coveredFrom(details));
    } catch (error) {
      say("failedMap", error);
    }
  }
  void start();
}

/** Where the card begins, if it lies over the page instead of beside the map. */
function coveredFrom(details: HTMLElement): number {
  const floats = !details.hidden && getComputedStyle(details).position === "relative";
  return floats ? details.getBoundingClientRect().top : Infinity;
}
