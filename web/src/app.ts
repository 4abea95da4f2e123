// The one direction in which everything flows: URL → state → data → watchers. Nothing else changes what is shown; a
// control calls `navigate`, which changes the URL, and is told like everybody else.

import type { Catalog, Legend, Level, Series, Values } from "./contract.ts";
import { fetchCatalog, fetchLegend, fetchSeries, fetchValues } from "./server.ts";
import { type ColorTheme, change, type Language, type Missed, parse, resolve, type Selection, type State, serialise } from "./state.ts";
import { type Texts, texts } from "./texts.ts";

/** Something that comes from the server. */
export type Remote<T> = { is: "loading" } | { is: "ready"; data: T } | { is: "failed"; error: unknown };

export interface Model {
  state: State;
  lang: Language;
  words: Texts;
  theme: ColorTheme;
  catalog: Remote<Catalog>;
  /** Absent until the catalogue is there, and in an atlas without indicators. */
  selection?: Selection | undefined;
  level?: Level | undefined;
  /** What the URL asked for and did not get. */
  missed: Missed[];
  /** While the next values load, the ones before stay: they carry their own title and period. */
  values: Remote<Values>;
  legend: Remote<Legend>;
  series: Remote<Series>;
  /** Key of the region under the pointer. Not part of the URL. */
  hovered?: string | undefined;
}

type Deps = (model: Model) => unknown[];
type Render = (model: Model) => void;

export interface App {
  readonly model: Model;
  /** Calls `render` now and whenever one of the dependencies is another one. */
  watch(deps: Deps, render: Render): void;
  /** Changes the URL; `replace` for what should not become a step of the history. */
  navigate(fields: { [K in keyof State]?: State[K] | undefined }, how?: "push" | "replace"): void;
  hover(key: string | undefined): void;
  dismissMissed(): void;
  /** Asks again for everything that failed. */
  retry(): void;
  /** The URL of this page with some fields set otherwise. */
  href(fields: { [K in keyof State]?: State[K] | undefined }): string;
}

export function createApp(): App {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const watchers: { deps: Deps; render: Render; last: unknown[] }[] = [];
  const model: Model = {
    ...fromUrl(dark),
    missed: [],
    catalog: { is: "loading" },
    values: { is: "loading" },
    legend: { is: "loading" },
    series: { is: "loading" },
  };

  function emit(): void {
    for (const watcher of watchers) {
      const deps = watcher.deps(model);
      if (deps.every((dep, i) => Object.is(dep, watcher.last[i]))) continue;
      watcher.last = deps;
      watcher.render(model);
    }
  }

  /** Puts an answer into the model unless the page has moved on since it was asked for. */
  function load<K extends "catalog" | "values" | "legend" | "series">(
    slot: K,
    answer: Promise<Extract<Model[K], { is: "ready" }>["data"]>,
    then: () => void = () => {},
  ): void {
    pending[slot] = answer;
    if (model[slot].is === "failed") model[slot] = { is: "loading" };
    const settle = (remote: Remote<unknown>) => {
      if (pending[slot] !== answer) return;
      if (!sameData(model[slot], remote)) model[slot] = remote as Model[K];
      then();
      emit();
    };
    answer.then(
      (data) => settle({ is: "ready", data }),
      (error: unknown) => settle({ is: "failed", error }),
    );
  }
  const pending: Partial<Record<string, Promise<unknown>>> = {};

  /** Completes the state from the catalogue and asks for what belongs to it. The URL then says what is shown. */
  function select(): void {
    if (model.catalog.is !== "ready") return;
    const catalog = model.catalog.data;
    const found = resolve(model.state, catalog);
    model.selection = sameSelection(model.selection, found?.selection) ? model.selection : found?.selection;
    model.level = catalog.levels.find((level) => level.slug === found?.selection.level);
    if (!found) return;
    if (found.missed.length > 0) model.missed = found.missed;
    const { indicator, level, period } = found.selection;
    const said = change(model.state, { indicator: indicator.slug, level, period });
    if (serialise(said) !== serialise(model.state)) {
      model.state = said;
      history.replaceState(null, "", here(said));
    }
    load("values", fetchValues(found.selection, model.lang));
    load("legend", fetchLegend(found.selection, model.lang, model.theme));
    if (model.state.region !== undefined) load("series", fetchSeries(found.selection, model.lang));
  }

  function follow(): void {
    Object.assign(model, fromUrl(dark));
    if (asked === model.lang && model.catalog.is !== "failed") select();
    else askCatalog();
    emit();
  }

  function askCatalog(): void {
    asked = model.lang;
    load("catalog", fetchCatalog(model.lang), select);
  }
  let asked: Language | undefined;

  window.addEventListener("popstate", () => {
    model.missed = [];
    follow();
  });
  dark.addEventListener("change", follow);
  askCatalog();

  return {
    model,
    watch(deps, render) {
      watchers.push({ deps, render, last: deps(model) });
      render(model);
    },
    navigate(fields, how = "push") {
      const next = change(model.state, fields);
      if (serialise(next) === serialise(model.state)) return;
      if (how === "push") {
        model.missed = [];
        history.pushState(null, "", here(next));
      } else history.replaceState(null, "", here(next));
      follow();
    },
    hover(key) {
      model.hovered = key;
      emit();
    },
    dismissMissed() {
      model.missed = [];
      emit();
    },
    retry: follow,
    href: (fields) => here(change(model.state, fields)),
  };
}

/** Watchers compare by identity, so what has not changed must stay the same object. */
function sameSelection(a: Selection | undefined, b: Selection | undefined): boolean {
  return a?.indicator === b?.indicator && a?.level === b?.level && a?.period === b?.period;
}

function sameData(a: Remote<unknown>, b: Remote<unknown>): boolean {
  return a.is === "ready" && b.is === "ready" && a.data === b.data;
}

function fromUrl(dark: MediaQueryList): Pick<Model, "state" | "lang" | "words" | "theme"> {
  const state = parse(location.search);
  const lang = state.lang ?? "de";
  return { state, lang, words: texts(lang), theme: state.theme ?? (dark.matches ? "dark" : "light") };
}

function here(state: State): string {
  return location.pathname + serialise(state) + location.hash;
}
