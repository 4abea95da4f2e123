// Clicks through the viewer of a running server in a real browser. The server is named by KOMMUNALATLAS_URL (its root,
// with the atlas `luechow-dannenberg`); without it the tests are skipped. CHROMIUM names another browser than Debian's.
// With KOMMUNALATLAS_SHOTS=folder a picture of every layout is kept.
//
// Nothing here knows which indicators there are: the tests take what the catalogue offers.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";

const BASE = process.env.KOMMUNALATLAS_URL?.replace(/\/$/, "");
const ATLAS = process.env.KOMMUNALATLAS_ATLAS ?? "luechow-dannenberg";
const SHOTS = process.env.KOMMUNALATLAS_SHOTS;
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-gl=angle",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
];
const WIDE = { width: 1440, height: 900 };
const PHONE = { width: 360, height: 740 };

describe("the viewer", { skip: BASE ? false : "KOMMUNALATLAS_URL is not set" }, () => {
  let browser;
  let catalog;
  /** An indicator of every way to draw, on the level with most regions. */
  let share;
  let count;

  before(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    catalog = await (await fetch(`${BASE}/${ATLAS}/catalog.json`)).json();
    const finest = [...catalog.levels].sort((a, b) => a.position - b.position).at(-1).slug;
    const usable = catalog.indicators.filter((one) => one.levels[finest]?.periods.length > 1);
    share = { ...usable.find((one) => one.kind !== "count"), level: finest };
    count = { ...usable.find((one) => one.kind === "count"), level: finest };
    if (SHOTS) mkdirSync(SHOTS, { recursive: true });
  });

  after(() => browser?.close());

  /** A page that remembers what must not happen: errors in the console and requests to other hosts. */
  async function open(query = "", { viewport = WIDE, path = `/${ATLAS}`, ...options } = {}) {
    const context = await browser.newContext({ viewport, ...options });
    const page = await context.newPage();
    const faults = [];
    const home = new URL(BASE).origin;
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && origin !== home) faults.push(`asked ${request.url()}`);
    });
    await page.goto(`${BASE}${path}${query}`);
    return { page, faults, close: () => context.close() };
  }

  const query = (fields) => `?${new URLSearchParams(fields)}`;
  const layer = (one) => ({ indicator: one.slug, level: one.level });
  const param = (page, name) => new URL(page.url()).searchParams.get(name);
  const rows = (page) => page.locator("tbody tr");
  const drawn = (page) => page.waitForFunction(() => document.querySelector(".map-canvas")?.dataset.state === "idle");
  const shoot = (page, name) => SHOTS && page.screenshot({ path: `${SHOTS}/${name}.png` });
  const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  const values = async (one, period) =>
    (await fetch(`${BASE}/${ATLAS}/values/${one.level}/${one.slug}/${period}.json`)).json();

  /** A point of the map canvas where there is a region, and that region's name. */
  async function pointAtRegion(page) {
    const box = await page.locator(".map-canvas canvas").boundingBox();
    for (const [fx, fy] of [[0.5, 0.5], [0.55, 0.6], [0.45, 0.4], [0.6, 0.55], [0.4, 0.6], [0.5, 0.35]]) {
      const at = { x: box.x + box.width * fx, y: box.y + box.height * fy };
      await page.mouse.move(at.x, at.y);
      await page.mouse.move(at.x + 1, at.y + 1);
      const tooltip = page.locator(".tooltip");
      if (await tooltip.isVisible()) return { at, name: await tooltip.locator("strong").innerText() };
    }
    assert.fail("no region under any of the tried points");
  }

  test("opens with an indicator, and its address says which", async () => {
    const { page, faults, close } = await open();
    await rows(page).first().waitFor();
    await drawn(page);
    for (const name of ["indicator", "level", "period"]) assert.ok(param(page, name), name);
    assert.ok((await page.title()).includes(catalog.title));
    assert.equal(await page.locator("h1").count(), 1);
    assert.deepEqual(faults, []);
    await close();
  });

  test("theme, indicator, level and period are chosen, and the way back leads through each", async () => {
    const { page, faults, close } = await open(query(layer(count)));
    await rows(page).first().waitFor();
    const theme = catalog.themes.find((one) => one.slug === share.theme);
    await page.getByLabel("Themenfeld").selectOption(share.theme);
    assert.deepEqual(await page.locator(".indicators h3").allInnerTexts(), [theme.title.toUpperCase()]);
    await page.getByLabel("Indikator suchen").fill(share.title.slice(0, 12));
    await page.locator(`.indicators a[data-indicator="${share.slug}"]`).click();
    await page.getByRole("heading", { level: 1, name: share.title, exact: true }).waitFor();
    assert.equal(param(page, "indicator"), share.slug);

    const earliest = share.levels[share.level].periods[0];
    await page.getByLabel("Zeitraum", { exact: true }).selectOption(earliest);
    await page.waitForFunction((period) => location.search.includes(`period=${period}`), earliest);
    await page.getByRole("button", { name: "Späterer Zeitraum" }).click();
    assert.equal(param(page, "period"), share.levels[share.level].periods[1]);

    const otherLevel = Object.keys(share.levels).find((one) => one !== share.level);
    if (otherLevel) {
      await page.getByLabel("Ebene").selectOption(otherLevel);
      assert.equal(param(page, "level"), otherLevel);
      await page.goBack();
    }
    assert.equal(param(page, "level"), share.level);
    await page.goBack();
    assert.equal(param(page, "period"), earliest);
    await page.goBack();
    await page.goBack();
    await page.getByRole("heading", { level: 1, name: count.title, exact: true }).waitFor();
    await page.goForward();
    await page.getByRole("heading", { level: 1, name: share.title, exact: true }).waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  test("the map tells name and number under the pointer, a click selects, a second click takes it back", async () => {
    const { page, faults, close } = await open(query(layer(share)));
    await drawn(page);
    const { at, name } = await pointAtRegion(page);
    const told = await page.locator(".tooltip").innerText();
    assert.equal(await page.locator("tbody tr.hovered button").innerText(), name);
    await page.mouse.click(at.x, at.y);
    const card = page.locator(".details");
    await card.getByRole("heading", { name, exact: true }).waitFor();
    const row = page.locator("tbody tr.selected");
    assert.equal(await row.locator("button").innerText(), name);
    assert.equal(param(page, "region"), await row.getAttribute("data-key"));
    const inTable = (await row.locator("td").innerText()).split("\n")[0];
    assert.ok(told.includes(inTable), `map tells "${told}", table "${inTable}"`);
    await drawn(page);
    await shoot(page, "region");
    await page.mouse.click(at.x, at.y);
    await card.waitFor({ state: "hidden" });
    assert.equal(param(page, "region"), null);
    await page.goBack();
    await card.getByRole("heading", { name, exact: true }).waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  test("the table shows every number of the server, and words where there is none", async () => {
    const period = share.levels[share.level].periods.at(-1);
    const data = await values(share, period);
    const { page, close } = await open(query(layer(share)));
    await rows(page).first().waitFor();
    assert.equal(await rows(page).count(), data.rows.length);
    const format = new Intl.NumberFormat("de-DE", { minimumFractionDigits: data.decimals, maximumFractionDigits: data.decimals });
    for (const row of data.rows) {
      const cell = await page.locator(`tbody tr[data-key="${row.key}"] td`).innerText();
      if (row.value === null) assert.match(cell, /\p{L}{3}/u, row.name);
      else assert.equal(cell.split("\n")[0].replace("−", "-"), format.format(row.value), row.name);
    }
    const inLegend = (await page.locator(".legend .classes .count [aria-hidden]").allInnerTexts()).map(Number);
    assert.equal(inLegend.reduce((a, b) => a + b, 0), data.rows.length);
    await close();
  });

  test("the table is sorted by its heads and searched by name", async () => {
    const { page, faults, close } = await open(query(layer(share)));
    await rows(page).first().waitFor();
    const head = page.locator("thead th.value");
    await head.getByRole("button").click();
    assert.equal(await head.getAttribute("aria-sort"), "descending");
    const numbers = async () =>
      (await page.locator("tbody td").allInnerTexts()).map((text) => text.split("\n")[0])
        .filter((text) => /\d/.test(text))
        .map((text) => Number(text.replaceAll(".", "").replace(",", ".").replace("−", "-")));
    const downwards = await numbers();
    assert.deepEqual(downwards, [...downwards].sort((a, b) => b - a));
    await head.getByRole("button").click();
    assert.equal(await head.getAttribute("aria-sort"), "ascending");
    const upwards = await numbers();
    assert.deepEqual(upwards, [...upwards].sort((a, b) => a - b));
    assert.equal(param(page, "sort"), "value");
    const last = await rows(page).last().locator("button").innerText();
    await page.getByLabel("Gebiet suchen").fill(last.toUpperCase());
    assert.equal(await rows(page).first().locator("button").innerText(), last);
    const link = page.getByRole("link", { name: "CSV herunterladen" });
    const csv = await page.request.get(await link.evaluate((one) => one.href));
    assert.equal(csv.status(), 200);
    assert.deepEqual(faults, []);
    await close();
  });

  test("the language changes every text and the way back restores it", async () => {
    const { page, faults, close } = await open(query(layer(share)));
    await rows(page).first().waitFor();
    await page.getByRole("button", { name: "English" }).click();
    await page.getByRole("group", { name: "Language" }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.lang), "en");
    await page.getByPlaceholder("Search regions").waitFor();
    assert.equal(param(page, "lang"), "en");
    await page.goBack();
    await page.getByPlaceholder("Gebiet suchen").waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  test("dark and light are the reader's choice, first by the system, then by the button", async () => {
    const { page, faults, close } = await open(query({ ...layer(share), sort: "-value" }), { colorScheme: "dark" });
    await drawn(page);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await shoot(page, "dark");
    await page.getByRole("button", { name: "Helle Darstellung" }).click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light");
    assert.equal(param(page, "theme"), "light");
    assert.deepEqual(faults, []);
    await close();
  });

  test("the place of the map is part of the address", async () => {
    const { page, faults, close } = await open(query(layer(share)));
    await drawn(page);
    await page.getByRole("button", { name: "Vergrößern" }).click();
    await page.waitForFunction(() => location.search.includes("map="));
    const place = param(page, "map");
    await page.reload();
    await drawn(page);
    assert.equal(param(page, "map"), place);
    await page.getByRole("button", { name: "Ganzes Gebiet zeigen" }).click();
    assert.equal(param(page, "map"), null);
    assert.deepEqual(faults, []);
    await close();
  });

  test("counts are drawn as circles, and the legend shows their sizes", { skip: false }, async (t) => {
    if (!count.slug) return t.skip("the atlas has no count with two periods");
    const { page, faults, close } = await open(query(layer(count)));
    await drawn(page);
    assert.ok((await page.locator(".legend circle").count()) > 1);
    await shoot(page, "count");
    assert.deepEqual(faults, []);
    await close();
  });

  test("on a phone of 360 pixels nothing sticks out, and list, map and table are one touch away", async () => {
    const { page, faults, close } = await open(query(layer(share)), { viewport: PHONE, hasTouch: true, isMobile: true });
    await drawn(page);
    assert.equal(await overflow(page), 0);
    await shoot(page, "phone-map");
    await page.getByRole("button", { name: "Auswählen" }).tap();
    await page.locator(".panel").getByRole("heading", { level: 2 }).waitFor();
    assert.equal(await overflow(page), 0);
    await shoot(page, "phone-list");
    await page.locator(`.indicators a[data-indicator="${count.slug ?? share.slug}"]`).tap();
    await page.locator(".panel").waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Tabelle" }).tap();
    await rows(page).nth(2).tap();
    await page.locator(".details h2").waitFor();
    assert.equal(await overflow(page), 0);
    await shoot(page, "phone-table");
    await page.locator(".sheet summary").tap();
    assert.equal(await overflow(page), 0);
    assert.deepEqual(faults, []);
    await close();
  });

  test("every part is reached and used with the keyboard alone", async () => {
    const { page, faults, close } = await open(query({ ...layer(share), sort: "name" }));
    await rows(page).first().waitFor();
    await drawn(page);
    const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? "");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Zur Karte");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Zur Tabelle");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "filter");
    const first = await rows(page).first().locator("button").innerText();
    for (let i = 0; i < 6 && (await focused()) !== first; i++) await page.keyboard.press("Tab");
    assert.equal(await focused(), first);
    await page.keyboard.press("ArrowDown");
    const second = await rows(page).nth(1).locator("button").innerText();
    assert.equal(await focused(), second);
    await page.keyboard.press("Enter");
    await page.locator(".details").getByRole("heading", { name: second, exact: true }).waitFor();
    assert.equal(await focused(), second);
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(ring, "none");

    const link = page.locator(".indicators a").first();
    await link.focus();
    await page.keyboard.press("ArrowDown");
    const next = await page.evaluate(() => document.activeElement?.dataset.indicator);
    await page.keyboard.press("Enter");
    await page.waitForFunction((slug) => location.search.includes(`indicator=${slug}`), next);
    assert.equal(await page.evaluate(() => document.activeElement?.dataset.indicator), next);
    assert.deepEqual(faults, []);
    await close();
  });

  test("a failed answer is told in the page, and trying again helps", async () => {
    const { page, close } = await open(query(layer(share)));
    await rows(page).first().waitFor();
    let broken = true;
    await page.route("**/values/**", (route) => (broken ? route.fulfill({ status: 503 }) : route.continue()));
    await page.getByLabel("Zeitraum", { exact: true }).selectOption(share.levels[share.level].periods[0]);
    const alert = page.locator(".table [role=alert]");
    await alert.getByText("503").waitFor();
    broken = false;
    await alert.getByRole("button", { name: "Erneut versuchen" }).click();
    await rows(page).first().waitFor();
    assert.equal(await alert.count(), 0);
    await close();
  });

  test("what the address asks for and the atlas lacks is told", async () => {
    const { page, faults, close } = await open("?indicator=does-not-exist");
    await page.getByText("Der Indikator dieser Adresse ist hier nicht veröffentlicht.").waitFor();
    await page.getByRole("button", { name: "Hinweis schließen" }).click();
    assert.equal(await page.locator(".warning").count(), 0);
    assert.deepEqual(faults, []);
    await close();
  });

  test("the start page leads to the atlas", async () => {
    const { page, faults, close } = await open("", { path: "/" });
    await shoot(page, "start");
    await page.getByRole("link", { name: catalog.title }).click();
    await rows(page).first().waitFor();
    assert.ok(new URL(page.url()).pathname.endsWith(`/${ATLAS}`));
    assert.deepEqual(faults, []);
    await close();
  });
});
