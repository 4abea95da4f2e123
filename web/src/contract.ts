// The JSON that the server gives, as far as the viewer reads it. The server's documentation is the authority.

export type Status =
  | "valid"
  | "missing"
  | "suppressed"
  | "not-applicable"
  | "not-yet-available"
  | "unreliable"
  | "unknown"
  | "not-meaningful"
  | "estimated"
  | "preliminary"
  | "revised"
  | "limited"
  | "derived"
  | "pooled";

export type Kind = "count" | "share" | "rate" | "mean" | "index";

/** West, south, east, north in degrees. */
export type Bounds = [number, number, number, number];

export interface Edition {
  date: string;
  bounds: Bounds;
  minzoom: number;
  maxzoom: number;
  regions: number;
  attribution: string;
}

export interface Level {
  slug: string;
  title: string;
  position: number;
  editions: Edition[];
}

export interface Theme {
  slug: string;
  title: string;
}

/** Texts of the indicator sheet; empty or absent where there is nothing to say. */
export const SHEET_FIELDS = [
  "definition",
  "calculation",
  "numerator",
  "denominator",
  "source",
  "population_basis",
  "place_principle",
  "reference_date",
  "interpretation",
  "limits",
  "contact",
  "licence",
  "update_cycle",
] as const;
export type SheetField = (typeof SHEET_FIELDS)[number];
export type Sheet = Partial<Record<SheetField, string>>;

export interface LevelOfIndicator {
  /** Slugs, ascending. */
  periods: string[];
  edition: string;
  visibility: "public" | "internal";
}

export interface Indicator {
  slug: string;
  title: string;
  theme: string;
  unit: string;
  kind: Kind;
  decimals: number;
  note?: string | null;
  levels: Record<string, LevelOfIndicator>;
  sheet: Sheet;
}

export interface Catalog {
  atlas: string;
  title: string;
  attribution: string;
  audience: "public" | "internal";
  levels: Level[];
  themes: Theme[];
  indicators: Indicator[];
}

export interface ValueRow {
  key: string;
  name: string;
  value: number | null;
  status: Status;
  class: number | null;
  inhabited: boolean;
  /** A region for comparison (Land, Bund), which is not on the map and has no rank. */
  reference: boolean;
}

export interface Values {
  level: string;
  indicator: string;
  title: string;
  unit: string;
  kind: Kind;
  decimals: number;
  period: string;
  edition: string;
  note?: string | null;
  source: string;
  attribution: string;
  rows: ValueRow[];
}

/** All periods of one indicator at one level; `values` and `statuses` run parallel to `periods`. */
export interface Series {
  periods: string[];
  rows: { key: string; name: string; values: (number | null)[]; statuses: Status[] }[];
}

export interface LegendClass {
  class: number;
  lower: number;
  upper: number;
  color: string;
  /** Radius in pixels of a proportional symbol; absent for filled areas. */
  radius?: number | null;
  label: string;
  count: number;
}

/** Lines over a colour: a square of SVG path data that repeats to all sides. */
export interface Hatch {
  size: number;
  width: number;
  path: string;
  color: string;
}

export interface LegendStatus {
  status: Status;
  label: string;
  color: string;
  hatch?: Hatch;
  count: number;
}

export interface Legend {
  title: string;
  unit: string;
  kind: Kind;
  method: string;
  decimals: number;
  period: string;
  classes: LegendClass[];
  statuses: LegendStatus[];
  note?: string | null;
  source: string;
  gvf?: number | null;
}

export interface AtlasList {
  /** `levels` are the titles of the levels. */
  atlases: { slug: string; title: string; indicators: number; levels: string[] }[];
}
