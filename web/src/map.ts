// The map: shows the server's style for what is selected, and adds what only this page knows: which region is pointed
// at, which is selected, and where the view stands. It never decides what is selected; it asks `app` to change the URL.

import "maplibre-gl/dist/maplibre-gl.css";
import {
  AttributionControl,
  type LngLatBoundsLike,
  Map as MapLibre,
  type MapGeoJSONFeature,
  type MapMouseEvent,
  ScaleControl,
  setWorkerUrl,
  type StyleSpecification,
} from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import type { App } from "./app.ts";
import { h } from "./dom.ts";
import { showValue, withUnit } from "./format.ts";
import { fetchStyle } from "./server.ts";
import type { ColorTheme, MapPosition } from "./state.ts";

setWorkerUrl(workerUrl);

export interface MapHandle {
  zoomBy(step: number, cause: Event): void;
  fit(): void;
  retry(): void;
}

type Say = (what: "failedMap" | "failedTiles" | "noWebgl" | undefined, error?: unknown) => void;

/** Source and source layers of the server's styles. */
const SOURCE = "atlas";
const REGIONS = { source: SOURCE, "source-layer": "regions" };
const HIT = "viewer-hit";
const SELECTED = ["viewer-selected-casing", "viewer-selected"] as const;
const HOVERED = "viewer-hovered";
const INK: Record<ColorTheme, { line: string; casing: string }> = {
  light: { line: "#10202e", casing: "#ffffff" },
  dark: { line: "#ffffff", casing: "#0b1218" },
};
const NOBODY = "";
const EMPTY: StyleSpecification = { version: 8, sources: {}, layers: [] };

/** `coveredFrom` tells the height in the window from which on the map is covered by something. */
export function createMap(
  container: HTMLElement,
  app: App,
  say: Say,
  coveredFrom: () => number,
): MapHandle | undefined {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const map = tryMap(container, calm.matches);
  if (!map) {
    say("noWebgl");
    return undefined;
  }
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new AttributionControl({ compact: true }), "bottom-right");
  map.addControl(new ScaleControl({ maxWidth: 90 }), "bottom-left");
  const tooltip = h("div", { class: "tooltip", hidden: true });
  container.append(tooltip);
  let pointed: MapGeoJSONFeature | undefined;

  async function show(): Promise<void> {
    const { selection, lang, theme } = app.model;
    if (!selection) return;
    try {
      const style = await fetchStyle<StyleSpecification>(selection, lang, theme);
      const now = app.model;
      if (now.selection !== selection || now.lang !== lang || now.theme !== theme) return;
      point(undefined);
      map?.setStyle(withOwnLayers(style, theme, now.state.region), { diff: true });
      say(undefined);
    } catch (error) {
      // The colours of what was shown before would be read as those of what is asked for now.
      map?.setStyle(EMPTY);
      say("failedMap", error);
    }
  }

  function fit(animate: boolean): void {
    const edition = app.model.level?.editions.find((one) => one.date === app.model.selection?.layer.edition);
    const bounds = (edition ?? app.model.level?.editions.at(-1))?.bounds;
    if (bounds) map?.fitBounds(bounds as LngLatBoundsLike, { padding: 28, animate: animate && !calm.matches });
  }

  function place(): void {
    const wanted = app.model.state.map;
    if (!wanted) fit(true);
    else if (map && !isAt(map, wanted)) map.jumpTo({ center: [wanted.longitude, wanted.latitude], zoom: wanted.zoom });
  }

  /** The region under a point; a circle counts before the area that it lies on. */
  function regionAt(event: MapMouseEvent): MapGeoJSONFeature | undefined {
    if (!map?.getLayer(HIT)) return undefined;
    const circles = map.getStyle().layers.filter((layer) => layer.type === "circle").map((layer) => layer.id);
    return map.queryRenderedFeatures(event.point, { layers: [...circles, HIT] })[0];
  }

  function point(feature: MapGeoJSONFeature | undefined): void {
    if (pointed?.id === feature?.id) return;
    for (const [one, hover] of [[pointed, false], [feature, true]] as const) {
      if (one?.id === undefined || !map?.getSource(SOURCE)) continue;
      map.setFeatureState({ source: SOURCE, sourceLayer: "regions", id: one.id }, { hover });
    }
    pointed = feature;
    app.hover(feature?.properties["key"] as string | undefined);
    if (map) map.getCanvas().style.cursor = feature ? "pointer" : "";
  }

  function explain(event: MapMouseEvent, feature: MapGeoJSONFeature | undefined): void {
    const { values, lang } = app.model;
    const key = feature?.properties["key"] as string | undefined;
    const row = values.is === "ready" ? values.data.rows.find((one) => one.key === key) : undefined;
    tooltip.hidden = !row;
    if (!row || values.is !== "ready") return;
    const { number, remark } = showValue(row, values.data.decimals, lang);
    tooltip.replaceChildren(
      h("strong", {}, row.name),
      h("span", {}, number === undefined ? "" : withUnit(number, values.data.unit)),
      remark ? h("span", { class: "remark" }, remark) : "",
    );
    const { clientWidth, clientHeight } = container;
    const left = Math.min(event.point.x + 14, clientWidth - tooltip.offsetWidth - 8);
    const below = event.point.y + 18 + tooltip.offsetHeight < clientHeight;
    const top = below ? event.point.y + 18 : event.point.y - tooltip.offsetHeight - 12;
    tooltip.style.transform = `translate(${Math.max(8, Math.round(left))}px, ${Math.round(top)}px)`;
  }

  /** On narrow screens the card of the selected region lies over the map; what was clicked moves out from under it. */
  function reveal(y: number): void {
    const { bottom } = container.getBoundingClientRect();
    const covered = bottom - coveredFrom();
    const missing = y - (container.clientHeight - covered - 40);
    if (covered > 0 && missing > 0) map?.panBy([0, missing], { animate: !calm.matches });
  }

  function away(): void {
    point(undefined);
    tooltip.hidden = true;
  }

  map.on("mousemove", (event) => {
    const feature = regionAt(event);
    point(feature);
    explain(event, feature);
  });
  map.on("mouseout", away);
  map.on("dragstart", away);
  map.on("click", (event) => {
    const key = regionAt(event)?.properties["key"] as string | undefined;
    app.navigate({ region: key === app.model.state.region ? undefined : key });
    reveal(event.point.y);
  });
  // Only what a person did belongs in the URL; a view that was fitted fits again after a change of size.
  map.on("moveend", (event) => {
    if (event.originalEvent) app.navigate({ map: position(map) }, "replace");
  });
  map.on("resize", () => {
    if (!app.model.state.map) fit(false);
  });
  map.on("error", ({ error }) => {
    if ("status" in error || error instanceof TypeError) say("failedTiles", error);
  });
  // Tests and printing tools can see in the page whether the map is complete.
  map.on("dataloading", () => {
    container.dataset["state"] = "busy";
  });
  map.on("idle", () => {
    container.dataset["state"] = map.getSource(SOURCE) ? "idle" : "busy";
  });
  window.addEventListener("beforeprint", () => {
    map.resize();
    map.redraw();
  });

  app.watch((m) => [m.selection, m.lang, m.theme], () => void show());
  app.watch(
    (m) => [m.state.region],
    ({ state }) => {
      for (const layer of SELECTED) if (map.getLayer(layer)) map.setFilter(layer, isRegion(state.region));
    },
  );
  if (!app.model.state.map) fit(false);
  app.watch((m) => [m.state.map, m.level], place);
  app.watch(
    (m) => [m.lang],
    ({ words }) => {
      map.getCanvas().setAttribute("aria-label", words.mapLabel);
      const button = container.querySelector(".maplibregl-ctrl-attrib-button");
      button?.setAttribute("aria-label", words.attribution);
      button?.setAttribute("title", words.attribution);
    },
  );

  return {
    zoomBy: (step, cause) => {
      map.easeTo({ zoom: map.getZoom() + step, animate: !calm.matches }, { originalEvent: cause });
    },
    fit: () => fit(true),
    retry: () => {
      // A style that differs in nothing would leave the failed tiles as they are.
      map.setStyle(EMPTY);
      void show();
    },
  };
}

function tryMap(container: HTMLElement, calm: boolean): MapLibre | undefined {
  try {
    return new MapLibre({
      container,
      style: EMPTY,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxZoom: 18,
      fadeDuration: calm ? 0 : 150,
      transformRequest: (url) => ({ url: sameOrigin(url) }),
    });
  } catch {
    return undefined;
  }
}

/** Styles carry the absolute URLs of the configured public address; the page asks the host that it came from. */
function sameOrigin(url: string): string {
  const { protocol, pathname, search } = new URL(url, location.href);
  return protocol.startsWith("http") ? location.origin + pathname + search : url;
}

/** The server's style with the layers of the viewer: an invisible one to point at, outlines under the labels. */
function withOwnLayers(style: StyleSpecification, theme: ColorTheme, region: string | undefined): StyleSpecification {
  const { line, casing } = INK[theme];
  const round = { "line-join": "round", "line-cap": "round" } as const;
  const own: StyleSpecification["layers"] = [
    {
      ...REGIONS,
      id: HOVERED,
      type: "line",
      layout: round,
      paint: { "line-color": line, "line-width": 1.5, "line-opacity": ["case", ["boolean", ["feature-state", "hover"], false], 0.9, 0] },
    },
    { ...REGIONS, id: SELECTED[0], type: "line", filter: isRegion(region), layout: round, paint: { "line-color": casing, "line-width": 6 } },
    { ...REGIONS, id: SELECTED[1], type: "line", filter: isRegion(region), layout: round, paint: { "line-color": line, "line-width": 3 } },
  ];
  const hit: StyleSpecification["layers"] = [{ ...REGIONS, id: HIT, type: "fill", paint: { "fill-opacity": 0 } }];
  const firstAbove = style.layers.findIndex((layer) => layer.type === "symbol" || layer.type === "circle");
  const at = firstAbove < 0 ? style.layers.length : firstAbove;
  return { ...style, layers: [...style.layers.slice(0, at), ...hit, ...own, ...style.layers.slice(at)] };
}

function isRegion(key: string | undefined): ["==", ["get", string], string] {
  return ["==", ["get", "key"], key ?? NOBODY];
}

function position(map: MapLibre): MapPosition {
  const { lng, lat } = map.getCenter();
  return { zoom: map.getZoom(), latitude: lat, longitude: lng };
}

/** The URL rounds a position; half a pixel off is the same place. */
function isAt(map: MapLibre, wanted: MapPosition): boolean {
  const point = map.project([wanted.longitude, wanted.latitude]);
  const middle = map.project(map.getCenter());
  return Math.abs(map.getZoom() - wanted.zoom) < 0.01 && Math.hypot(point.x - middle.x, point.y - middle.y) < 2;
}
