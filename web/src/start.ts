// The start page: which atlases this server has.

import "./styles/fonts.css";
import "./styles/base.css";
import "./styles/start.css";
import type { AtlasList } from "./contract.ts";
import { h } from "./dom.ts";
import { root } from "./place.ts";
import { fetchAtlases } from "./server.ts";
import { change, type Language, parse, serialise } from "./state.ts";
import { type Texts, texts } from "./texts.ts";
import { mark } from "./ui/header.ts";
import { failure } from "./ui/message.ts";

const state = parse(location.search);
const lang: Language = state.lang ?? "de";
const words: Texts = texts(lang);
const dark = matchMedia("(prefers-color-scheme: dark)");

const list = h("ul", { class: "cards", "aria-live": "polite" });
document.documentElement.lang = lang;
document.title = words.startTitle;
document.body.append(
  h(
    "main",
    { class: "start" },
    h("div", { class: "start-top" }, mark(), languages()),
    h("h1", {}, words.startTitle),
    h("p", { class: "lead" }, words.startLead),
    h("h2", { class: "label" }, words.openAtlases),
    list,
  ),
);
setTheme();
dark.addEventListener("change", setTheme);
void show();

function setTheme(): void {
  document.documentElement.dataset["theme"] = state.theme ?? (dark.matches ? "dark" : "light");
}

function languages(): HTMLElement {
  const link = (one: Language) =>
    h(
      "a",
      {
        href: location.pathname + serialise(change(state, { lang: one === "de" ? undefined : one })),
        lang: one,
        "aria-label": one === "de" ? "Deutsch" : "English",
        "aria-current": one === lang ? "true" : undefined,
      },
      one.toUpperCase(),
    );
  return h("nav", { class: "language", "aria-label": words.language }, link("de"), link("en"));
}

async function show(): Promise<void> {
  list.replaceChildren(h("li", { class: "quiet" }, words.loading));
  try {
    const { atlases } = await fetchAtlases(lang);
    list.replaceChildren(...atlases.map(card));
    if (atlases.length === 0) list.append(h("li", { class: "quiet" }, words.noAtlases));
  } catch (error) {
    list.replaceChildren(h("li", {}, failure(words.failedAtlases, error, words, () => void show())));
  }
}

function card(atlas: AtlasList["atlases"][number]): HTMLElement {
  const href = root() + atlas.slug + serialise(change({}, { lang: state.lang, theme: state.theme }));
  return h(
    "li",
    {},
    h(
      "a",
      { class: "card", href },
      h("strong", {}, atlas.title),
      h("span", { class: "quiet" }, [words.indicators(atlas.indicators), ...atlas.levels].join(" · ")),
      h("span", { class: "go" }, words.openAtlas),
    ),
  );
}
