/** Variables as declarations: `declare -p`, `${x@A}`, `${x@a}`. */

import { keys, values } from "./arrays.ts";
import { doubleQuote } from "./quoting.ts";
import type { Variable } from "./state.ts";

/** The letters of a variable's attributes, in bash's order. */
export function flags(variable: Variable | undefined): string {
  if (variable === undefined) return "";
  const held: readonly (readonly [string, boolean | undefined])[] = [
    ["a", !variable.keyed && variable.value instanceof Map], ["A", variable.keyed], ["i", variable.integer], ["n", variable.reference],
    ["r", variable.readonly], ["t", variable.traced], ["x", variable.exported], ["l", variable.folding === "l"], ["u", variable.folding === "u"],
  ];
  return held.filter(([, on]) => on === true).map(([letter]) => letter).join("");
}

/** A key as it is shown: quoted when it is more than one word. */
export function keyText(key: string): string {
  return /^[\w@%+=:,./-]+$/.test(key) && key !== "@" ? key : doubleQuote(key);
}

/** A variable as `declare -p` shows it, with a line end. */
export function declaration(name: string, variable: Variable): string {
  const letters = flags(variable);
  return `declare -${letters === "" ? "-" : letters} ${name}${valueText(variable)}\n`;
}

function valueText(variable: Variable): string {
  if (variable.value === null) return "";
  if (!(variable.value instanceof Map)) return `=${doubleQuote(variable.value)}`;
  const texts = values(variable);
  return `=(${keys(variable).map((key, at) => `[${variable.keyed ? keyText(key) : key}]=${doubleQuote(texts[at] ?? "")}`).join(" ")}${variable.keyed && texts.length > 0 ? " " : ""})`;
}
