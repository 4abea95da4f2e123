// The state of the viewer is the query of its URL, and nothing else: this module reads it, writes it, and completes it
// from the catalogue. It knows no page, no history and no network, so it can be tested alone.
// Invariant: parse(serialise(state)) equals state, but for a map position rounded to the pixel.

import type { Catalog, Indicator, LevelOfIndicator } from "./contract.ts";

export type Language = "de" | "en";
export type ColorTheme = "light" | "dark";
export type View = "map" | "table";
export type SortColumn = "name" | "value";

export interface MapPosition {
  zoom: number;
  latitude: number;
  longitude: number;
}

export interface Sort {
  column: SortColumn;
  descending: boolean;
}

/** What the URL says; what it does not say is undefined. */
export interface State {
  indicator?: string;
  level?: string;
  period?: string;
  region?: string;
  lang?: Language;
  theme?: ColorTheme;
  view?: View;
  sort?: Sort;
  map?: MapPosition;
}

const SLUG = /^[a-z0-9-]{1,100}$/;
const PERIOD = /^[0-9][0-9A-Za-z.-]{3,60}$/;

/** Reads a query string. What is malformed counts as not said. */
export function parse(search: string): State {
  const query = new URLSearchParams(search);
  const text = (name: string, pattern: RegExp) => {
    const value = query.get(name);
    return value !== null && pattern.test(value) ? value : undefined;
  };
  return compact({
    indicator: text("indicator", SLUG),
    level: text("level", SLUG),
    period: text("period", PERIOD),
    region: text("region", /^[^\s\p{Cc}]{1,64}$/u),
    lang: text("lang", /^(de|en)$/) as Language | undefined,
    theme: text("theme", /^(light|dark)$/) as ColorTheme | undefined,
    view: text("view", /^(map|table)$/) as View | undefined,
    sort: parseSort(text("sort", /^-?(name|value)$/)),
    map: parsePosition(query.get("map")),
  });
}

/** Writes a query string: "" or "?…", always in the same order. */
export function serialise(state: State): string {
  const query = new URLSearchParams();
  const put = (name: string, value: string | undefined) => value !== undefined && query.set(name, value);
  put("indicator", state.indicator);
  put("level", state.level);
  put("period", state.period);
  put("region", state.region);
  put("view", state.view);
  put("sort", state.sort && `${state.sort.descending ? "-" : ""}${state.sort.column}`);
  put("lang", state.lang);
  put("theme", state.theme);
  put("map", state.map && serialisePosition(state.map));
  const text = query.toString().replaceAll("%2F", "/");
  return text && `?${text}`;
}

/** The same state with some fields set, or taken away by `undefined`. */
export function change(state: State, fields: { [K in keyof State]?: State[K] | undefined }): State {
  return compact({ ...state, ...fields });
}

/** Degrees are written as exactly as a pixel at this zoom needs it, so that the URL stays short. */
function serialisePosition({ zoom, latitude, longitude }: MapPosition): string {
  const digits = Math.max(0, Math.ceil(Math.log10((2 ** zoom * 512) / 360)));
  return [zoom.toFixed(2), latitude.toFixed(digits), longitude.toFixed(digits)].map(Number).join("/");
}

function parsePosition(text: string | null): MapPosition | undefined {
  const parts = text?.split("/") ?? [];
  if (parts.length !== 3 || parts.some((part) => !/^-?\d{1,3}(\.\d{1,12})?$/.test(part))) return undefined;
  const [zoom = 0, latitude = 0, longitude = 0] = parts.map(Number);
  const inside = zoom >= 0 && zoom <= 24 && Math.abs(latitude) <= 85.06 && Math.abs(longitude) <= 180;
  return inside ? { zoom, latitude, longitude } : undefined;
}

function parseSort(text: string | undefined): Sort | undefined {
  if (text === undefined) return undefined;
  const descending = text.startsWith("-");
  return { column: text.slice(descending ? 1 : 0) as SortColumn, descending };
}

function compact(fields: { [K in keyof State]?: State[K] | undefined }): State {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as State;
}

/** What is shown: the state completed from the catalogue. */
export interface Selection {
  indicator: Indicator;
  level: string;
  layer: LevelOfIndicator;
  period: string;
}

/** Names of the fields that the URL asked for and the catalogue does not have. */
export type Missed = "indicator" | "level" | "period";

/**
 * Completes a state: the asked indicator or the first one; the asked level or the finest that has values; the asked
 * period or the latest. `undefined` if the atlas has no indicator with values at all.
 */
export function resolve(state: State, catalog: Catalog): { selection: Selection; missed: Missed[] } | undefined {
  const usable = catalog.indicators.filter((one) => levelsOf(one, catalog).length > 0);
  const indicator = usable.find((one) => one.slug === state.indicator) ?? firstByTheme(usable, catalog);
  if (!indicator) return undefined;
  const levels = levelsOf(indicator, catalog);
  const level = levels.find((one) => one === state.level) ?? levels.at(-1);
  const layer = level === undefined ? undefined : indicator.levels[level];
  const period = layer?.periods.find((one) => one === state.period) ?? layer?.periods.at(-1);
  if (level === undefined || layer === undefined || period === undefined) return undefined;
  const shown = { indicator: indicator.slug, level, period };
  const missed = (["indicator", "level", "period"] as const).filter(
    (field) => state[field] !== undefined && state[field] !== shown[field],
  );
  return { selection: { indicator, level, layer, period }, missed };
}

/** Slugs of the levels at which an indicator has values, from the largest regions to the smallest. */
export function levelsOf(indicator: Indicator, catalog: Catalog): string[] {
  return [...catalog.levels]
    .sort((a, b) => a.position - b.position)
    .map((level) => level.slug)
    .filter((slug) => (indicator.levels[slug]?.periods.length ?? 0) > 0);
}

function firstByTheme(indicators: Indicator[], catalog: Catalog): Indicator | undefined {
  for (const theme of catalog.themes) {
    const first = indicators.find((one) => one.theme === theme.slug);
    if (first) return first;
  }
  return indicators[0];
}
