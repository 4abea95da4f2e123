// Asks the server for JSON. Answers are kept for the life of the page, failures are not, and a failure has a kind that
// the page can put into words.

import type { AtlasList, Catalog, Legend, Series, Values } from "./contract.ts";
import { atlasSlug, root } from "./place.ts";
import type { ColorTheme, Language, Selection } from "./state.ts";

export class ServerError extends Error {
  /** The HTTP status, or why there is none. */
  readonly reason: number | "offline" | "unreadable";

  constructor(reason: number | "offline" | "unreadable", url: string) {
    super(`${url}: ${reason}`);
    this.reason = reason;
  }
}

const answers = new Map<string, Promise<unknown>>();

function ask<T>(url: string): Promise<T> {
  const known = answers.get(url);
  if (known) return known as Promise<T>;
  const answer = fetchJson(url);
  answers.set(url, answer);
  answer.catch(() => answers.delete(url));
  return answer as Promise<T>;
}

async function fetchJson(url: string): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, { headers: { accept: "application/json" } });
  } catch {
    throw new ServerError("offline", url);
  }
  if (!response.ok) throw new ServerError(response.status, url);
  try {
    return await response.json();
  } catch {
    throw new ServerError("unreadable", url);
  }
}

const atlasUrl = () => `${root()}${atlasSlug()}`;

function layerPath({ level, indicator, period }: Selection): string {
  return `${level}/${indicator.slug}/${period}`;
}

export function fetchAtlases(lang: Language): Promise<AtlasList> {
  return ask(`${root()}atlases.json?lang=${lang}`);
}

export function fetchCatalog(lang: Language): Promise<Catalog> {
  return ask(`${atlasUrl()}/catalog.json?lang=${lang}`);
}

export function fetchValues(selection: Selection, lang: Language): Promise<Values> {
  return ask(`${atlasUrl()}/values/${layerPath(selection)}.json?lang=${lang}`);
}

/** Every period of the selected indicator at the selected level. */
export function fetchSeries({ level, indicator }: Selection, lang: Language): Promise<Series> {
  return ask(`${atlasUrl()}/values/${level}/${indicator.slug}.json?lang=${lang}`);
}

export function fetchLegend(selection: Selection, lang: Language, theme: ColorTheme): Promise<Legend> {
  return ask(`${atlasUrl()}/legends/${layerPath(selection)}.json?lang=${lang}&theme=${theme}`);
}

export function fetchStyle<Style>(selection: Selection, lang: Language, theme: ColorTheme): Promise<Style> {
  return ask(`${atlasUrl()}/styles/${layerPath(selection)}.json?lang=${lang}&theme=${theme}`);
}

export function csvUrl(selection: Selection, lang: Language): string {
  return `${atlasUrl()}/values/${layerPath(selection)}.csv?lang=${lang}`;
}
