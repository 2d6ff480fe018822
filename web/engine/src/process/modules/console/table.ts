/** `console.table`: rows and columns in a frame of lines. */

import inspecting, { inspect } from "node-inspect-extracted";
import { types } from "../util/types.ts";

const { getStringWidth } = inspecting;
const INDEX = "(index)";
const ITERATION = "(iteration index)";
const KEY = "Key";
const VALUES = "Values";

function shown(value: unknown): string {
  const depth = value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 2 ? -1 : 0;
  return inspect(value, { maxArrayLength: 3, breakLength: Number.POSITIVE_INFINITY, depth });
}

function padded(text: string, width: number): string {
  return ` ${text}${" ".repeat(width - getStringWidth(text) - 1)}`;
}

/** Draw a head and columns of equal length. */
function draw(head: readonly string[], columns: readonly (readonly string[])[]): string {
  const rows = Math.max(0, ...columns.map((column) => column.length));
  const widths = head.map((name, at) => Math.max(getStringWidth(name), ...(columns[at] ?? []).map((cell) => getStringWidth(cell))) + 2);
  const line = (cells: readonly string[]): string => `│${cells.map((cell, at) => padded(cell, widths[at] ?? 0)).join("│")}│`;
  const rule = (left: string, middle: string, right: string): string => left + widths.map((width) => "─".repeat(width)).join(middle) + right;
  const body = Array.from({ length: rows }, (_, row) => line(columns.map((column) => column[row] ?? "")));
  return [rule("┌", "┬", "┐"), line(head), rule("├", "┼", "┤"), ...body, rule("└", "┴", "┘")].join("\n");
}

/** Rows that are objects give a column for each key; the others stand in the column of values. */
function fromRows(names: readonly string[], rows: readonly unknown[], wanted: readonly string[] | undefined, indexHead: string): string {
  const columns = new Map<string, string[]>((wanted ?? []).map((name) => [name, rows.map(() => "")]));
  const values = rows.map(() => "");
  const found = { values: false };
  rows.forEach((row, at) => {
    if (row === null || (typeof row !== "object" && typeof row !== "function")) {
      values[at] = shown(row);
      found.values = true;
      return;
    }
    for (const key of wanted ?? Object.keys(row)) {
      const column = columns.get(key) ?? rows.map(() => "");
      columns.set(key, column);
      if (Object.hasOwn(row, key)) column[at] = shown((row as Record<string, unknown>)[key]);
    }
  });
  const head = [indexHead, ...columns.keys(), ...(found.values ? [VALUES] : [])];
  return draw(head, [names, ...columns.values(), ...(found.values ? [values] : [])]);
}

/** The drawing; undefined for what is no table, which is printed as it is. */
export function table(data: unknown, wanted: readonly string[] | undefined): string | undefined {
  if (data === null || typeof data !== "object") return undefined;
  if (types.isMap(data)) {
    const entries = [...(data as Map<unknown, unknown>)];
    return draw([ITERATION, KEY, VALUES], [entries.map((_, at) => String(at)), entries.map(([key]) => shown(key)), entries.map(([, value]) => shown(value))]);
  }
  if (types.isSet(data)) {
    const items = [...(data as Set<unknown>)];
    return draw([ITERATION, VALUES], [items.map((_, at) => String(at)), items.map(shown)]);
  }
  const names = Object.keys(data);
  return fromRows(names, names.map((name) => (data as Record<string, unknown>)[name]), wanted, INDEX);
}
