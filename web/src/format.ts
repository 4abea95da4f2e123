// How numbers, periods, dates and statuses are written for people. Pure; the language is always an argument.

import type { Status } from "./contract.ts";
import type { Language } from "./state.ts";
import { texts } from "./texts.ts";

const LOCALE: Record<Language, string> = { de: "de-DE", en: "en-GB" };

/** No line break between a number and its unit. */
const NBSP = "\u00a0";

export function formatNumber(value: number, decimals: number, language: Language): string {
  const text = new Intl.NumberFormat(LOCALE[language], {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
    signDisplay: "negative",
  }).format(value);
  return text.replace("-", "−");
}

/** A number with its sign, also a positive one; zero has none. */
export function formatDifference(value: number, decimals: number, language: Language): string {
  const text = formatNumber(Math.abs(value), decimals, language);
  if (Number(Math.abs(value).toFixed(decimals)) === 0) return `±${text}`;
  return `${value < 0 ? "−" : "+"}${text}`;
}

export function withUnit(number: string, unit: string): string {
  return unit === "" ? number : `${number}${NBSP}${unit}`;
}

/** The unit after a title: "in %", but "je 1.000" and "Personen" as they are. */
export function unitPhrase(unit: string, language: Language): string {
  return /^[%‰€]/.test(unit) ? texts(language).inUnit(unit) : unit;
}

/** What stands where the number of a region stands: the number, or the word for why there is none. */
export interface Shown {
  number?: string;
  /** Word for the status, where it says more than that there is a number. */
  remark?: string;
}

export function showValue(
  row: { value: number | null; status: Status; inhabited: boolean },
  decimals: number,
  language: Language,
): Shown {
  const words = texts(language);
  const remark = row.status === "valid" ? undefined : (words.status[row.status] ?? row.status);
  if (row.value !== null) {
    const number = formatNumber(row.value, decimals, language);
    return remark === undefined ? { number } : { number, remark };
  }
  return { remark: row.inhabited ? (remark ?? words.noValue) : words.uninhabited };
}

/** The slug of a period in words: `2023-Q2` is "2. Quartal 2023". An unknown form is shown as it is. */
export function formatPeriod(slug: string, language: Language): string {
  const words = texts(language);
  const quarter = /^(\d{4})-Q([1-4])$/.exec(slug);
  if (quarter) return words.quarter(Number(quarter[2]), quarter[1] ?? "");
  const turn = /^(\d{4})-\d{2}\.\.\d{2}(\d{2})-\d{2}$/.exec(slug);
  if (turn) return `${turn[1]}/${turn[2]}`;
  const pool = /^(\d{4})\.\.(\d{4})$/.exec(slug);
  if (pool) return `${pool[1]}–${pool[2]}`;
  const forecast = /^(\d{4})-forecast-(.+)$/.exec(slug);
  if (forecast) return words.forecast(forecast[1] ?? "", (forecast[2] ?? "").toUpperCase());
  if (/^\d{4}-\d{2}$/.test(slug)) return formatDay(`${slug}-01`, language, { month: "long", year: "numeric" });
  return formatDate(slug, language);
}

/** `2015-12-31` is "31.12.2015" or "31 Dec 2015". What is no date is shown as it is. */
export function formatDate(date: string, language: Language): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) return date;
  return language === "de"
    ? formatDay(date, language, { day: "2-digit", month: "2-digit", year: "numeric" })
    : formatDay(date, language, { day: "numeric", month: "short", year: "numeric" });
}

function formatDay(date: string, language: Language, form: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(LOCALE[language], { ...form, timeZone: "UTC" }).format(new Date(`${date}T00:00:00Z`));
}

/** Compares names as people look them up: "Göhrde" stands between "Gartow" and "Gorleben". */
export function byName(language: Language): (a: string, b: string) => number {
  return new Intl.Collator(LOCALE[language], { numeric: true }).compare;
}

/** True if every word of the search occurs in the text; case, umlaut dots and accents do not matter. */
export function matches(text: string, search: string): boolean {
  const plain = fold(text);
  return fold(search)
    .split(/\s+/)
    .every((word) => plain.includes(word));
}

function fold(text: string): string {
  return text
    .toLowerCase()
    .replaceAll("ß", "ss")
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .trim();
}
