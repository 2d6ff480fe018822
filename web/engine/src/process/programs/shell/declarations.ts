/** `declare`, `local`, `export`, `readonly` and `unset`. */

import { removeElement, subscript } from "./arrays.ts";
import { evaluateText } from "./arithmetic.ts";
import { declaration } from "./attributes.ts";
import { fill, store } from "./commands.ts";
import { functionText } from "./printing.ts";
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
  if (/[fF]/.test(set)) return functions(shell, names, { set, command });
  if (names.length === 0) return list(shell, set, command);
  if (set.includes("p")) return show(shell, names, command);
  const local = command === "local" || (DECLARATIONS[command] === "" && inside && !set.includes("g"));
  let code = 0;
  for (const word of names) code = Math.max(code, await declared(shell, word, { set, clear, local, command }));
  return code;
}

/** The letters that a command sets and clears, and its operands. Throws ShellError for letters that there are not. */
function letters(args: readonly string[], command: string): { set: string; clear: string; names: readonly string[] } {
  const found = args.findIndex((arg) => !/^[-+][a-zA-Z]+$/.test(arg));
  const count = found < 0 ? args.length : found;
  const after = (sign: string): string => args.slice(0, count).filter((arg) => arg.startsWith(sign)).map((arg) => arg.slice(1)).join("");
  const set = (DECLARATIONS[command] ?? "") + after("-");
  const clear = after("+");
  const names = args.slice(args[count] === "--" ? count + 1 : count);
  const unknown = /[^aAgirxpfFnlutI]/.exec(set + clear)?.[0];
  if (unknown !== undefined) throw new ShellError(`${command}: -${unknown}: invalid option`, 2);
  if (set.includes("I")) throw new ShellError(`${command}: -I is not supported by the local WebContainer engine`, 2);
  return command === "export" && set.includes("n") ? { set: "", clear: "x", names } : { set, clear, names };
}

interface Wanted {
  readonly set: string;
  readonly clear: string;
  readonly local: boolean;
  readonly command: string;
}

/** One operand; what is wrong with it is said, and the others follow. */
async function declared(shell: Shell, word: string, wanted: Wanted): Promise<number> {
  try {
    await one(shell, word, wanted);
    return 0;
  } catch (error) {
    if (!(error instanceof ShellError) || error.code !== 1) throw error;
    await shell.complain(`${wanted.command}: ${error.message}`);
    return 1;
  }
}

async function one(shell: Shell, word: string, wanted: Wanted): Promise<void> {
  const found = /^([A-Za-z_]\w*)(?:\[([^\]]*)\])?(?:(\+?)=([^]*))?$/.exec(word);
  if (found === null) throw new ShellError(`\`${word}': not a valid identifier`);
  const [, given = "", key, append, text] = found;
  if (wanted.local) hide(shell, given);
  // The attribute of a reference is its own, the others are those of what it names.
  const name = /n/.test(wanted.set + wanted.clear) ? given : shell.state.target(given);
  const locked = shell.state.variables.get(name)?.readonly === true;
  if (locked && (text !== undefined || wanted.clear.includes("r"))) throw new ShellError(`${name}: readonly variable`);
  const variable = shell.state.variables.get(name) ?? shell.state.writable(name);
  attributes(variable, wanted.set.replace("r", ""), wanted.clear);
  if (text !== undefined) await put(shell, { name, variable, key, append: append === "+", text });
  if (wanted.set.includes("r")) variable.readonly = true;
}

interface Put {
  readonly name: string;
  readonly variable: Variable;
  readonly key: string | undefined;
  readonly append: boolean;
  readonly text: string;
}

async function put(shell: Shell, { name, variable, key, append, text }: Put): Promise<void> {
  if (variable.reference === true) variable.value = text;
  else if (key === undefined && text.startsWith("(") && text.endsWith(")")) fill(shell, name, await items(shell, text, variable.keyed), append);
  else await store(shell, { name, key: key === undefined || variable.keyed ? (key ?? null) : (await evaluateText(shell, key)).toString(), append, text });
}

function hide(shell: Shell, name: string): void {
  const frame = shell.state.locals.at(-1);
  if (frame === undefined || frame.has(name)) return;
  const outer = shell.state.variables.get(name);
  if (outer?.readonly === true) throw new ShellError(`${name}: readonly variable`);
  frame.set(name, outer);
  shell.state.variables.set(name, { value: null, exported: outer?.exported ?? false, readonly: false, integer: false, keyed: false });
}

function attributes(variable: Variable, set: string, clear: string): void {
  if (/x/.test(set + clear)) variable.exported = set.includes("x");
  if (/i/.test(set + clear)) variable.integer = set.includes("i");
  if (/t/.test(set + clear)) variable.traced = set.includes("t");
  if (/n/.test(set + clear)) variable.reference = set.includes("n");
  if (/[lu]/.test(set + clear)) variable.folding = set.includes("u") ? "u" : set.includes("l") ? "l" : null;
  if (set.includes("A")) makeKeyed(variable);
  else if (set.includes("a") && !(variable.value instanceof Map)) variable.value = new Map<number, string>(variable.value === null ? [] : [[0, variable.value]]);
}

function makeKeyed(variable: Variable): void {
  if (variable.value instanceof Map && !variable.keyed) throw new ShellError("cannot convert indexed to associative array");
  variable.keyed = true;
  if (!(variable.value instanceof Map)) variable.value = new Map<string, string>();
}

/** The elements of `(…)`, whose texts are quoted already. */
async function items(shell: Shell, text: string, keyed: boolean): Promise<[string | null, string][]> {
  const command = parse(`x=${text}`).statements[0]?.pipelines[0]?.commands[0];
  const words = command?.type === "SimpleCommand" ? (command.assignments[0]?.array ?? []) : [];
  const found: [string | null, string][] = [];
  for (const word of words) {
    const shown = await expandText(shell, word);
    const pair = word.parts[0]?.type === "SingleQuoted" ? null : /^\[([^\]]*)\]=([^]*)$/.exec(shown);
    found.push(pair === null ? [null, shown] : [await itemKey(shell, pair[1] ?? "", keyed), pair[2] ?? ""]);
  }
  return keyed ? paired(found) : found;
}

const itemKey = async (shell: Shell, key: string, keyed: boolean): Promise<string> => (keyed ? key : (await evaluateText(shell, key)).toString());

/** Keys and values of an array by key can also be given as words in turn. */
export function paired(found: readonly [string | null, string][]): [string | null, string][] {
  if (found.length === 0 || found[0]?.[0] !== null) return [...found];
  const texts = found.map(([, text]) => text);
  return texts.flatMap((text, at): [string, string][] => (at % 2 === 0 ? [[text, texts[at + 1] ?? ""]] : []));
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

async function functions(shell: Shell, names: readonly string[], { set, command }: Pick<Wanted, "set" | "command">): Promise<number> {
  let code = 0;
  for (const name of names.length === 0 ? [...shell.state.functions.keys()].sort() : names) {
    const defined = shell.state.functions.get(name);
    if (defined === undefined) {
      if (command === "export") await shell.complain(`export: ${name}: not a function`);
      code = 1;
    } else if (command === "declare" || command === "typeset") await shell.print(1, !set.includes("F") ? functionText(defined) : names.length === 0 ? `declare -f ${name}\n` : `${name}\n`);
    else if (command === "export") throw new ShellError("export: -f is not supported by the local WebContainer engine");
  }
  return code;
}

/** `unset`. */
export async function unset(shell: Shell, args: readonly string[]): Promise<number> {
  const options = /^-[fvn]$/.test(args[0] ?? "") ? (args[0] ?? "") : "";
  let code = 0;
  for (const word of args.slice(options === "" && args[0] !== "--" ? 0 : 1)) code = Math.max(code, await unsetOne(shell, word, options));
  return code;
}

async function unsetOne(shell: Shell, word: string, options: string): Promise<number> {
  if (options === "-f") {
    shell.state.functions.delete(word);
    return 0;
  }
  const given = subscript(word);
  if (!/^[A-Za-z_]\w*$/.test(given.name)) {
    if (shell.state.functions.delete(word)) return 0;
    await shell.complain(`unset: \`${word}': not a valid identifier`);
    return 1;
  }
  const { name, key } = given.key === null && options !== "-n" ? subscript(shell.state.target(given.name)) : given;
  const variable = shell.state.variables.get(name);
  if (variable?.readonly === true) {
    await shell.complain(`unset: ${name}: cannot unset: readonly variable`);
    return 1;
  }
  if (key === null || key === "@" || key === "*") {
    if (!shell.state.variables.delete(name) && options === "") shell.state.functions.delete(name);
  } else removeElement(shell, name, variable?.keyed === true ? key.replace(/^(["'])([^]*)\1$/, "$2") : (await evaluateText(shell, key)).toString());
  return 0;
}
