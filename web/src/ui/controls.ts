// Level and period: two selects, with steps through time beside the second.

import type { App } from "../app.ts";
import { h, ICONS, icon } from "../dom.ts";
import { formatPeriod } from "../format.ts";
import { levelsOf } from "../state.ts";

/** How long each period stands when time is played, in milliseconds. */
const BEAT = 1500;

export function mountControls(controls: HTMLElement, app: App): void {
  const level = h("select", { id: "level" });
  const period = h("select", { id: "period" });
  const levelLabel = h("label", { class: "label", htmlFor: "level" });
  const periodLabel = h("label", { class: "label", htmlFor: "period" });
  const earlier = h("button", { type: "button", class: "icon-button", onclick: () => step(-1) }, icon(ICONS.previous));
  const later = h("button", { type: "button", class: "icon-button", onclick: () => step(1) }, icon(ICONS.next));
  const play = h("button", { type: "button", class: "icon-button", onclick: () => (timer === undefined ? start() : stop()) });
  const stepper = h("div", { class: "stepper" }, earlier, h("div", { class: "select" }, period), later, play);
  controls.append(
    h("div", { class: "control" }, levelLabel, h("div", { class: "select" }, level)),
    h("div", { class: "control" }, periodLabel, stepper),
  );
  let timer: number | undefined;

  // The regions of another level have other keys.
  level.addEventListener("change", () => app.navigate({ level: level.value, region: undefined }));
  period.addEventListener("change", () => {
    stop();
    app.navigate({ period: period.value });
  });

  function step(by: number): void {
    stop();
    const next = neighbour(by);
    if (next !== undefined) app.navigate({ period: next });
  }

  function neighbour(by: number): string | undefined {
    const { selection } = app.model;
    return selection?.layer.periods[selection.layer.periods.indexOf(selection.period) + by];
  }

  function start(): void {
    const first = app.model.selection?.layer.periods[0];
    if (neighbour(1) === undefined && first !== undefined) app.navigate({ period: first });
    timer = window.setInterval(beat, BEAT);
    name();
  }

  function beat(): void {
    const next = neighbour(1);
    // A journey through time is one step of the history, not one for every year.
    if (next !== undefined) app.navigate({ period: next }, "replace");
    if (neighbour(1) === undefined) stop();
  }

  function stop(): void {
    window.clearInterval(timer);
    timer = undefined;
    name();
  }

  function name(): void {
    const { words } = app.model;
    const text = timer === undefined ? words.play : words.pause;
    play.replaceChildren(icon(timer === undefined ? ICONS.play : ICONS.pause));
    for (const [button, label] of [[play, text], [earlier, words.earlier], [later, words.later]] as const) {
      button.title = label;
      button.setAttribute("aria-label", label);
    }
  }

  app.watch(
    (m) => [m.catalog, m.selection, m.lang],
    ({ catalog, selection, words, lang }) => {
      levelLabel.textContent = words.level;
      periodLabel.textContent = words.period;
      name();
      if (catalog.is !== "ready" || !selection) return;
      const usable = levelsOf(selection.indicator, catalog.data);
      level.replaceChildren(
        ...[...catalog.data.levels]
          .sort((a, b) => a.position - b.position)
          .map((one) => h("option", { value: one.slug, disabled: !usable.includes(one.slug) }, one.title)),
      );
      level.value = selection.level;
      const { periods } = selection.layer;
      period.replaceChildren(...[...periods].reverse().map((one) => h("option", { value: one }, formatPeriod(one, lang))));
      period.value = selection.period;
      earlier.disabled = neighbour(-1) === undefined;
      later.disabled = neighbour(1) === undefined;
      play.hidden = periods.length < 2;
    },
  );
}
