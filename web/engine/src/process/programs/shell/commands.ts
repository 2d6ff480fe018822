/** Running simple commands: assignments, functions, builtins, and programs. */

import { evaluateText } from "./arithmetic.ts";
import { nextIndex, setElement, subscript } from "./arrays.ts";
import { BUILTINS, DECLARING } from "./builtins.ts";
import { runProgram } from "./programs.ts";
import { apply, redirected } from "./redirect.ts";
import { runCommand, runStatements } from "./run.ts";
import type { Shell } from "./shell.ts";
import { Return, ShellError, type Variable } from "./state.ts";
import { parse, type Assignment, type FunctionDefinition, type Part, wordText, type SimpleCommand, type Word } from "./syntax.ts";
import { shellQuote } from "./quoting.ts";
import { paired } from "./declarations.ts";
import { traceLine, traced } from "./trace.ts";
import { expandText, expandWords } from "./words.ts";

/** Run a simple command; the answer is its status. Errors that are no end of the shell are said. */
export async function runSimple(shell: Shell, command: SimpleCommand): Promise<number> {
  shell.substituted = null;
  let last = "";
  try {
    const words = await commandWords(shell, command);
    last = words.at(-1) ?? "";
    if (words.length === 0) return await bare(shell, command);
    if (words[0] === "exec" && words.length === 1) return (await apply(shell, command.redirections)) ? 0 : 1;
    return await redirected(shell, command.redirections, () => withAssignments(shell, command, words));
  } catch (error) {
    if (!(error instanceof ShellError)) throw error;
    await shell.report(error);
    if (error.fatal) throw error;
    return error.code;
  } finally {
    shell.state.lastArgument = last;
  }
}

/** Name and arguments. What declares variables has its assignments expanded as such, not split. */
async function commandWords(shell: Shell, command: SimpleCommand): Promise<string[]> {
  if (command.name === null) return [];
  const [name, ...more] = await expandWords(shell, [command.name]);
  if (name === undefined) return expandWords(shell, command.args);
  const args: string[] = [...more];
  for (const word of command.args) {
    if (DECLARING.has(name) && isAssignment(word)) args.push(await assignmentWord(shell, word));
    else args.push(...(await expandWords(shell, [word])));
  }
  return [name, ...args];
}

const ASSIGNMENT = /^[A-Za-z_]\w*(\[[^\]]*\])?\+?=/;

function isAssignment(word: Word): boolean {
  const first = word.parts[0];
  return first?.type === "Literal" && ASSIGNMENT.test(first.value);
}

/** `name=value`, or `name=(…)` with its elements quoted, so that they can be told apart again. */
async function assignmentWord(shell: Shell, word: Word): Promise<string> {
  const [first, ...rest] = word.parts;
  const literal = first?.type === "Literal" ? first.value : "";
  const head = ASSIGNMENT.exec(literal)?.[0] ?? "";
  if (!literal.startsWith(`${head}(`)) return expandText(shell, word);
  const parts: Part[] = [{ type: "Literal", value: literal.slice(head.length + 1) }, ...rest];
  const items: string[] = [];
  for (const item of elements(parts)) {
    const key = itemKey(item);
    if (key === null) items.push(...(await expandWords(shell, [item])).map(shellQuote));
    else items.push(`[${await shell.expandText(key.key)}]=${shellQuote(await expandText(shell, key.value))}`);
  }
  return `${head}(${items.join(" ")})`;
}

/** The words of an array that stands in an argument: its text is parted at unquoted white space. */
function elements(parts: readonly Part[]): Word[] {
  const words: Word[] = [];
  let current: Part[] = [];
  const end = (): void => {
    if (current.length > 0) words.push({ type: "Word", parts: current });
    current = [];
  };
  parts.forEach((part, at) => {
    if (part.type !== "Literal") return void current.push(part);
    const text = at === parts.length - 1 ? part.value.replace(/\)$/, "") : part.value;
    text.split(/(\s+)/).forEach((piece) => {
      if (/^\s+$/.test(piece)) end();
      else if (piece !== "") current.push({ type: "Literal", value: piece });
    });
  });
  end();
  return words;
}

/** `[key]=value` in an array. */
function itemKey(word: Word): { key: string; value: Word } | null {
  const [first, second, ...rest] = word.parts;
  const text = (part: Part | undefined): string => (part?.type === "Literal" ? part.value : part?.type === "Glob" ? part.pattern : "");
  const whole = /^\[([^\]]*)\]=([^]*)$/.exec(text(first));
  if (whole !== null) return { key: whole[1] ?? "", value: { type: "Word", parts: [{ type: "Literal", value: whole[2] ?? "" }, ...(second === undefined ? [] : [second, ...rest])] } };
  const key = /^\[([^\]]*)\]$/.exec(text(first));
  if (key === null || second?.type !== "Literal" || !second.value.startsWith("=")) return null;
  return { key: key[1] ?? "", value: { type: "Word", parts: [{ type: "Literal", value: second.value.slice(1) }, ...rest] } };
}

/** Assignments alone: they stay. */
async function bare(shell: Shell, command: SimpleCommand): Promise<number> {
  const status = await redirected(shell, command.redirections, () => Promise.resolve(0));
  for (const assignment of command.assignments) await assign(shell, assignment);
  return status === 0 ? (shell.substituted ?? 0) : status;
}

async function assign(shell: Shell, assignment: Assignment): Promise<void> {
  const { name, key } = placeOf(shell, assignment.name);
  const plus = assignment.append ? "+" : "";
  if (assignment.array !== null) {
    if (shell.state.options.has("xtrace")) await traceLine(shell, `${assignment.name}${plus}=(${assignment.array.map(wordText).join(" ")})`);
    return assignArray(shell, name, assignment.array, assignment.append);
  }
  const text = assignment.value === null ? "" : await expandText(shell, assignment.value);
  const at = key === null ? null : shell.state.variables.get(name)?.keyed === true ? await shell.expandText(key) : (await evaluateText(shell, await shell.expandText(key))).toString();
  if (shell.state.options.has("xtrace")) await traceLine(shell, `${assignment.name}${plus}=${text === "" ? "" : traced(text)}`);
  await store(shell, { name, key: at, append: assignment.append, text });
}

/** What an assignment is for, behind references. */
function placeOf(shell: Shell, given: string): { name: string; key: string | null } {
  const { name, key } = subscript(given);
  const target = shell.state.target(name);
  return key === null ? subscript(target) : { name: target, key };
}

interface Stored {
  readonly name: string;
  readonly key: string | null;
  readonly append: boolean;
  readonly text: string;
}

/** Put a text into a variable or an element, behind what is there with `+=`; integer variables calculate. */
export async function store(shell: Shell, { name: given, key: index, append, text }: Stored): Promise<void> {
  const { name, key } = index === null ? placeOf(shell, given) : { name: shell.state.target(given), key: index };
  const integer = shell.state.variables.get(name)?.integer === true;
  const place = key === null ? name : `${name}[${key}]`;
  const before = append ? ((await shell.parameter(place)) ?? "") : "";
  const value = integer ? (await evaluateText(shell, append ? `(${before === "" ? "0" : before})+(${text})` : text)).toString() : before + text;
  if (key === null) shell.state.set(name, value);
  else setElement(shell, name, key, value);
}

async function assignArray(shell: Shell, name: string, words: readonly Word[], append: boolean): Promise<void> {
  const variable = shell.state.writable(name);
  const items: [string | null, string][] = [];
  for (const word of words) {
    const item = itemKey(word);
    if (item === null) for (const text of await expandWords(shell, [word])) items.push([null, text]);
    else items.push([variable.keyed ? await shell.expandText(item.key) : (await evaluateText(shell, await shell.expandText(item.key))).toString(), await expandText(shell, item.value)]);
  }
  fill(shell, name, variable.keyed ? paired(items) : items, append);
}

/** Make a variable an array of these elements; without a key they are counted on. */
export function fill(shell: Shell, name: string, items: readonly (readonly [string | null, string])[], append: boolean): void {
  const variable = shell.state.writable(name);
  if (!append || variable.value === null) variable.value = variable.keyed ? new Map<string, string>() : new Map<number, string>();
  let next = variable.keyed ? 0 : nextIndex(variable.value);
  for (const [key, text] of items) {
    setElement(shell, name, key ?? String(next), text);
    next = (key === null ? next : Number(key)) + 1;
  }
}

/** Assignments before a command are its environment, and gone behind it. */
async function withAssignments(shell: Shell, command: SimpleCommand, words: readonly string[]): Promise<number> {
  const before = new Map<string, Variable | undefined>();
  for (const assignment of command.assignments) {
    const { name } = subscript(assignment.name);
    if (!before.has(name)) before.set(name, copyOf(shell.state.variables.get(name)));
    await assign(shell, assignment);
    shell.state.writable(name).exported = true;
  }
  try {
    await trace(shell, words);
    return await dispatch(shell, words);
  } finally {
    for (const [name, variable] of before) {
      if (variable === undefined) shell.state.variables.delete(name);
      else shell.state.variables.set(name, variable);
    }
  }
}

const copyOf = (variable: Variable | undefined): Variable | undefined => (variable === undefined ? undefined : { ...variable });

async function trace(shell: Shell, words: readonly string[]): Promise<void> {
  if (!shell.state.options.has("xtrace") || words.length === 0) return;
  await traceLine(shell, words.map(traced).join(" "));
}

/** Run a command by its name: function, builtin, or program. */
export async function dispatch(shell: Shell, words: readonly string[], skipFunctions = false): Promise<number> {
  const [name = "", ...args] = words;
  const defined = skipFunctions ? undefined : shell.state.functions.get(name);
  if (defined !== undefined) return runFunction(shell, defined, args);
  const builtin = Object.hasOwn(BUILTINS, name) ? BUILTINS[name] : undefined;
  if (builtin !== undefined) return builtin(shell, args, name);
  return runProgram(shell, name, args);
}

async function runFunction(shell: Shell, defined: FunctionDefinition, args: readonly string[]): Promise<number> {
  const { state } = shell;
  const { positional, loops, line } = state;
  if (state.calls.length >= 1000) throw new ShellError(`${defined.name}: maximum function nesting level exceeded (1000)`, 1, true);
  state.positional = [...args];
  state.loops = 0;
  state.calls.unshift(defined.name);
  state.sources.unshift(defined.sourceFile ?? "environment");
  state.callLines.unshift(line);
  const frame = new Map<string, Variable | undefined>();
  state.locals.push(frame);
  const outerTrap = state.options.has("functrace") ? undefined : state.traps.get("RETURN");
  if (outerTrap !== undefined) state.traps.delete("RETURN");
  try {
    return await redirected(shell, defined.redirections, () => runBody(shell, defined));
  } finally {
    state.locals.pop();
    for (const [name, variable] of frame) {
      if (variable === undefined) state.variables.delete(name);
      else state.variables.set(name, variable);
    }
    for (const stack of [state.calls, state.sources, state.callLines]) stack.shift();
    if (outerTrap !== undefined && !state.traps.has("RETURN")) state.traps.set("RETURN", outerTrap);
    Object.assign(state, { positional, loops, line });
  }
}

async function runBody(shell: Shell, defined: FunctionDefinition): Promise<number> {
  const status = await runCommand(shell, defined.body).catch((error: unknown) => {
    if (error instanceof Return) return error.code;
    throw error;
  });
  const trap = shell.state.traps.get("RETURN");
  if (trap !== undefined) await runStatements(shell, parse(trap).statements);
  return status;
}
