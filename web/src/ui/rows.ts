// Orders and ranks the rows of the table. Pure.

import type { ValueRow } from "../contract.ts";
import { byName, matches } from "../format.ts";
import type { Language, Sort } from "../state.ts";

/** Rows in the asked order. Regions without a number stand at the end in both directions, by name. */
export function sortRows(rows: ValueRow[], sort: Sort, lang: Language): ValueRow[] {
  const names = byName(lang);
  const sign = sort.descending ? -1 : 1;
  if (sort.column === "name") return [...rows].sort((a, b) => sign * names(a.name, b.name));
  return [...rows].sort((a, b) => {
    if (a.value === null || b.value === null) {
      return Number(a.value === null) - Number(b.value === null) || names(a.name, b.name);
    }
    return sign * (a.value - b.value) || names(a.name, b.name);
  });
}

export function filterRows(rows: ValueRow[], search: string): ValueRow[] {
  return search.trim() === "" ? rows : rows.filter((row) => matches(`${row.name} ${row.key}`, search));
}

/** Place of a region from the highest value, and among how many; equal values share a place. */
export function rankOf(row: ValueRow, rows: ValueRow[]): { rank: number; of: number } | undefined {
  const { value } = row;
  if (value === null || !row.inhabited || row.reference) return undefined;
  const others = rows.filter((other) => other.inhabited && !other.reference && other.value !== null);
  return { rank: 1 + others.filter((other) => (other.value ?? 0) > value).length, of: others.length };
}
