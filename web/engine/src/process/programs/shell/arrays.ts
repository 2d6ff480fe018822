/** Elements of arrays. */

import type { Shell } from "./shell.ts";
import { folded, ShellError, type Variable } from "./state.ts";

/** `name` and the text between its brackets, null when there are none. */
export function subscript(name: string): { name: string; key: string | null } {
  const found = /^([A-Za-z_]\w*)\[([^]*)\]$/.exec(name);
  return found === null ? { name, key: null } : { name: found[1] ?? "", key: found[2] ?? "" };
}

/** All values of an array in order; a text is an array of one. */
export function values(variable: Variable | undefined): string[] {
  const value = variable?.value ?? null;
  if (value === null) return [];
  if (typeof value === "string") return [value];
  if (variable?.keyed === true) return [...value.values()];
  return [...(value as Map<number, string>)].sort(([a], [b]) => a - b).map(([, text]) => text);
}

/** All keys of an array in order. */
export function keys(variable: Variable | undefined): string[] {
  const value = variable?.value ?? null;
  if (value === null) return [];
  if (typeof value === "string") return ["0"];
  if (variable?.keyed === true) return [...(value as Map<string, string>).keys()];
  return [...(value as Map<number, string>).keys()].sort((a, b) => a - b).map(String);
}

/** One element: `key` is a number, or the key itself of an array by key. */
export function element(shell: Shell, name: string, key: string): string | undefined {
  const variable = shell.state.variable(name);
  const value = variable?.value ?? null;
  if (value === null) return undefined;
  if (typeof value === "string") return Number(key) === 0 || Number(key) === -1 ? value : undefined;
  return (value as Map<number | string, string>).get(variable?.keyed === true ? key : position(value as Map<number, string>, name, key));
}

/** Give an element a text; a text variable becomes an array. */
export function setElement(shell: Shell, name: string, key: string, text: string): void {
  const variable = shell.state.writable(name);
  if (variable.keyed) {
    if (!(variable.value instanceof Map)) variable.value = new Map<string, string>();
    (variable.value as Map<string, string>).set(key, folded(variable, text));
    return;
  }
  if (!(variable.value instanceof Map)) variable.value = new Map<number, string>(variable.value === null ? [] : [[0, variable.value]]);
  const list = variable.value as Map<number, string>;
  list.set(position(list, name, key), folded(variable, text));
}

/** Take an element away. */
export function removeElement(shell: Shell, name: string, key: string): void {
  const variable = shell.state.writable(name);
  if (!(variable.value instanceof Map)) {
    if (Number(key) === 0) shell.state.variables.delete(name);
  } else if (variable.keyed) (variable.value as Map<string, string>).delete(key);
  else (variable.value as Map<number, string>).delete(position(variable.value as Map<number, string>, name, key));
}

/** The index behind the last element. */
export function nextIndex(value: unknown): number {
  if (typeof value === "string") return 1;
  return value instanceof Map ? Math.max(-1, ...(value as Map<number, string>).keys()) + 1 : 0;
}

function position(list: Map<number, string>, name: string, key: string): number {
  const index = Number(key);
  if (index >= 0) return index;
  const counted = nextIndex(list) + index;
  if (counted < 0) throw new ShellError(`${name}: bad array subscript`);
  return counted;
}
