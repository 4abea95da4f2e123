// Failures in words, with the way out.

import { h } from "../dom.ts";
import { ServerError } from "../server.ts";
import type { Texts } from "../texts.ts";

export function explain(error: unknown, words: Texts): { text: string; notFound: boolean } {
  if (!(error instanceof ServerError)) return { text: words.unreadable, notFound: false };
  switch (error.reason) {
    case "offline":
      return { text: words.offline, notFound: false };
    case "unreadable":
      return { text: words.unreadable, notFound: false };
    case 404:
      return { text: words.notFoundHelp, notFound: true };
    default:
      return { text: words.httpError(error.reason), notFound: false };
  }
}

/** A message that is read out at once, with a button if trying again can help. */
export function failure(title: string, error: unknown, words: Texts, retry?: () => void): HTMLElement {
  const { text, notFound } = explain(error, words);
  const isAtlas = title === words.notFound;
  return h(
    "div",
    { class: "message", role: "alert" },
    h("p", { class: "message-title" }, title),
    h("p", {}, notFound && !isAtlas ? words.httpError(404) : text),
    retry && h("button", { type: "button", class: "button", onclick: retry }, words.retry),
  );
}
