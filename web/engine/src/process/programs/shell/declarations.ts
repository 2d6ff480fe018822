/** `declare`, `local`, `export`, `readonly` and `unset`. */

import { keys, removeElement, subscript, values } from "./arrays.ts";
import { evaluateText } from "./arithmetic.ts";
import { fill, store } from "./commands.ts";
import type { Shell } from "./shell.ts";
import { ShellError, type Variable } from "./state.ts";
import { parse } from "./syntax.ts";
import { expandText } from "./words.ts";

/** The options that each word stands for. */
export const DECLARATIONS: Readonly<Record<string, string>> = { declare: "", typeset: "", local: "", export: "x", readonly: "r" };

/** All five. */
export async function declare(shell: Shell, args: readonly string[], command: string): Promise<number> {
  const { set, clear, names } = letters(args, command);
  const inside = shell.state.locals.length > 0;
  if (command === "local" && !inside) throw new ShellError("local: can only be used in a function");
  if (/[fF]/.test(set)) return functions(shell, names);
  if (names.length === 0) return list(shell, set, command);
  if (set.includes("p")) return show(shell, names, command);
  const local = command === "local" || (DECLARATIONS[command] === "" && inside && !set.includes("g"));
  for (const word of names) await one(shell, word, { set, clear, local, command });
  return 0;
}

/** The letters that a command sets and clears, and its operands. Throws ShellError for letters that there are not. */
function letters(args: readonly string[], command: string): { set: string; clear: string; names: readonly string[] } {
  const found = args.findIndex((arg) => !/^[-+][a-zA-Z]+$/.test(arg));
  const count = found < 0 ? args.length : found;
  const after = (sign: string): string => args.slice(0, count).filter((arg) => arg.startsWith(sign)).map((arg) => arg.slice(1)).join("");
  const set = (DECLARATIONS[command] ?? "") + after("-");
  const clear = after("+");
  const names = args.slice(args[count] === "--" ? count + 1 : count);
  const unknown = /[^aAgirxpfFnlut]/.exec(set + clear)?.[0];
  if (unknown !== undefined) throw new ShellError(`${command}: -${unknown}: invalid option`, 2);
  const lacking = (command === "export" ? /[lut]/ : /[lutn]/).exec(set)?.[0];
  if (lacking !== undefined) throw new ShellError(`${command}: -${lacking} is not supported by the local WebContainer engine`, 2);
  return command === "export" && set.includes("n") ? { set: "", clear: "x", names } : { set, clear, names };
}

interface Wanted {
  readonly set: string;
  readonly clear: string;
  readonly local: boolean;
  readonly command: string;
}

async function one(shell: Shell, word: string, { set, clear, local, command }: Wanted): Promise<void> {
  const found = /^([A-Za-z_]\w*)(?:\[([^\]]*)\])?(?:(\+?)=([^]*))?$/.exec(word);
  if (found === null) throw new ShellError(`${command}: \`${word}': not a valid identifier`);
  const [, name = "", key, append, text] = found;
  if (local) hide(shell, name);
  const variable = shell.state.variables.get(name) ?? shell.state.writable(name);
  attributes(variable, set, clear);
  if (text === undefined) return;
  if (variable.readonly && !set.includes("r")) throw new ShellError(`${name}: readonly variable`);
  const locked = variable.readonly && !set.includes("r");
  variable.readonly = false;
  if (key === undefined && text.startsWith("(") && text.endsWith(")")) fill(shell, name, await items(shell, text, variable.keyed), append === "+");
  else await store(shell, { name, key: key === undefined ? null : variable.keyed ? key : (await evaluateText(shell, key)).toString(), append: append === "+", text });
  variable.readonly = locked || set.includes("r");
}

function hide(shell: Shell, name: string): void {
  const frame = shell.state.locals.at(-1);
  if (frame === undefined || frame.has(name)) return;
  const outer = shell.state.variables.get(name);
  frame.set(name, outer);
  shell.state.variables.set(name, { value: null, exported: outer?.exported ?? false, readonly: false, integer: false, keyed: false });
}

function attributes(variable: Variable, set: string, clear: string): void {
  if (set.includes("x")) variable.exported = true;
  if (clear.includes("x")) variable.exported = false;
  if (set.includes("i")) variable.integer = true;
  if (clear.includes("i")) variable.integer = false;
  if (set.includes("r")) variable.readonly = true;
  if (set.includes("A")) {
    variable.keyed = true;
    if (!(variable.value instanceof Map)) variable.value = new Map<string, string>();
  } else if (set.includes("a") && !(variable.value instanceof Map)) {
    variable.value = new Map<number, string>(variable.value === null ? [] : [[0, variable.value]]);
  }
}

/** The elements of `(…)`, whose texts are quoted already. */
async function items(shell: Shell, text: string, keyed: boolean): Promise<[string | null, string][]> {
  const command = parse(`x=${text}`).statements[0]?.pipelines[0]?.commands[0];
  const words = command?.type === "SimpleCommand" ? (command.assignments[0]?.array ?? []) : [];
  const found: [string | null, string][] = [];
  for (const word of words) {
    const shown = await expandText(shell, word);
    const pair = /^\[([^\]]*)\]=([^]*)$/.exec(shown);
    if (pair === null || word.parts[0]?.type === "SingleQuoted") found.push([null, shown]);
    else found.push([keyed ? (pair[1] ?? "") : (await evaluateText(shell, pair[1] ?? "0")).toString(), pair[2] ?? ""]);
  }
  return found;
}

const shown = (text: string): string => `"${text.replace(/["$`\\]/g, "\\$&")}"`;

function declaration(name: string, variable: Variable): string {
  const flags = `${variable.keyed ? "A" : variable.value instanceof Map ? "a" : ""}${variable.integer ? "i" : ""}${variable.readonly ? "r" : ""}${variable.exported ? "x" : ""}`;
  const value = variable.value === null ? "" : variable.value instanceof Map
    ? `=(${keys(variable).map((key, at) => `[${key}]=${shown(values(variable)[at] ?? "")}`).join(" ")}${variable.keyed ? " " : ""})`
    : `=${shown(variable.value)}`;
  return `declare -${flags === "" ? "-" : flags} ${name}${value}\n`;
}

async function list(shell: Shell, set: string, command: string): Promise<number> {
  for (const [name, variable] of [...shell.state.variables].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (set.includes("x") && !variable.exported) continue;
    if (set.includes("r") && !variable.readonly) continue;
    if (command === "local" && shell.state.locals.at(-1)?.has(name) !== true) continue;
    await shell.print(1, declaration(name, variable));
  }
  return 0;
}

async function show(shell: Shell, names: readonly string[], command: string): Promise<number> {
  let code = 0;
  for (const name of names) {
    const variable = shell.state.variables.get(name);
    if (variable !== undefined) await shell.print(1, declaration(name, variable));
    else {
      await shell.complain(`${command}: ${name}: not found`);
      code = 1;
    }
  }
  return code;
}

async function functions(shell: Shell, names: readonly string[]): Promise<number> {
  if (names.length === 0) for (const name of [...shell.state.functions.keys()].sort()) await shell.print(1, `declare -f ${name}\n`);
  return names.every((name) => shell.state.functions.has(name)) ? 0 : 1;
}

/** `unset`. */
export async function unset(shell: Shell, args: readonly string[]): Promise<number> {
  const onlyFunctions = args[0] === "-f";
  let code = 0;
  for (const word of args.filter((arg) => !/^-[fvn]$/.test(arg))) {
    const { name, key } = subscript(word);
    if (onlyFunctions) shell.state.functions.delete(word);
    else if (shell.state.variables.get(name)?.readonly === true) {
      await shell.complain(`unset: ${name}: cannot unset: readonly variable`);
      code = 1;
    } else if (key !== null && key !== "@" && key !== "*") removeElement(shell, name, shell.state.variables.get(name)?.keyed === true ? key : (await evaluateText(shell, key)).toString());
    else if (!shell.state.variables.delete(name)) shell.state.functions.delete(name);
  }
  return code;
}
