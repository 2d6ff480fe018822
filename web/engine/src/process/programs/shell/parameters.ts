/** Expansion of parameters: `$x`, `${x:-y}`, `${a[@]}` and their relatives. */

import type { Shell } from "./shell.ts";
import { ShellError } from "./state.ts";
import type { Operation, PartOf, Word } from "./syntax.ts";
import { element, keys, setElement, subscript, values } from "./arrays.ts";
import { evaluate, evaluateText } from "./arithmetic.ts";
import { declaration, flags, keyText } from "./attributes.ts";
import type { Fields } from "./fields.ts";
import { escapes } from "./printf.ts";
import { doubleQuote, shellQuote } from "./quoting.ts";
import { patternSource } from "./patterns.ts";
import { expandPart, expandPattern, expandText, quotedParts } from "./words.ts";

/** What a parameter holds: a text that may be unset, or a list (`star`: joined into one when quoted). */
type Held = { readonly kind: "text"; readonly text: string | undefined } | { readonly kind: "list"; readonly list: string[]; readonly star: boolean };

/** Expand a parameter into the fields. Throws ShellError for unset ones under `set -u`, and for `${x:?}`. */
export async function expandParameter(shell: Shell, part: PartOf<"ParameterExpansion">, fields: Fields, quoted: boolean): Promise<void> {
  const operation = part.operation;
  if (operation?.type === "Indirection") {
    const reference = shell.state.variables.get(part.parameter)?.reference === true && operation.innerOp === undefined;
    if (reference) return emit(shell, { kind: "text", text: shell.state.target(part.parameter) }, fields, quoted);
    const target = (await textOf(shell, part.parameter)) ?? "";
    return expandParameter(shell, { type: "ParameterExpansion", parameter: target, operation: operation.innerOp ?? null }, fields, quoted);
  }
  const held = await hold(shell, part.parameter, operation);
  if (operation !== null && "word" in operation && (await alternative(shell, { name: part.parameter, held, operation, quoted, fields }))) return;
  if (isUnset(held) && shell.state.options.has("nounset") && !(operation !== null && "word" in operation)) {
    throw new ShellError(`${/^\d/.test(part.parameter) ? "$" : ""}${part.parameter}: unbound variable`, 127, true);
  }
  emit(shell, operation === null || "word" in operation ? held : await operated(shell, held, operation, part.parameter), fields, quoted);
}

const isUnset = (held: Held): boolean => held.kind === "text" && held.text === undefined;
const isEmpty = (held: Held): boolean => (held.kind === "text" ? (held.text ?? "") === "" : held.list.length === 0 || (held.list.length === 1 && held.list[0] === ""));

/** The text of a parameter by name, of `a[1]` too. */
export async function textOf(shell: Shell, name: string): Promise<string | undefined> {
  const held = await hold(shell, name, null);
  return held.kind === "text" ? held.text : held.list.join(" ");
}

async function hold(shell: Shell, parameter: string, operation: Operation | null): Promise<Held> {
  const { state } = shell;
  if (operation?.type === "ArrayKeys") return { kind: "list", list: keys(state.variable(operation.array)), star: operation.star };
  if (operation?.type === "VarNamePrefix") {
    return { kind: "list", list: [...state.variables.keys()].filter((name) => name.startsWith(operation.prefix)).sort(), star: operation.star };
  }
  if (parameter === "@" || parameter === "*") return { kind: "list", list: [...state.positional], star: parameter === "*" };
  const { name, key } = subscript(parameter);
  if (key === null) {
    const target = state.target(name);
    return target.endsWith("]") ? hold(shell, target, null) : { kind: "text", text: special(shell, target) };
  }
  if (key === "@" || key === "*") return { kind: "list", list: [...(stacked(shell, name) ?? values(state.variable(name)))], star: key === "*" };
  return { kind: "text", text: await elementText(shell, name, key) };
}

async function elementText(shell: Shell, name: string, key: string): Promise<string | undefined> {
  const { state } = shell;
  const at = state.variable(name)?.keyed === true ? await shell.expandText(key) : (await evaluateText(shell, key)).toString();
  const stack = stacked(shell, name);
  return stack === null ? element(shell, name, at) : stack.at(Number(at));
}

/** Arrays that the shell itself holds. */
function stacked(shell: Shell, name: string): readonly string[] | null {
  const { state } = shell;
  switch (name) {
    case "PIPESTATUS": return state.pipeStatus.map(String);
    // A script file is a call of its own below all functions.
    case "FUNCNAME": return state.calls.length > 0 && state.sources.length > state.calls.length ? [...state.calls, "main"] : state.calls;
    case "BASH_SOURCE": return state.sources;
    case "BASH_LINENO": return callLines(shell);
    default: return null;
  }
}

const callLines = ({ state }: Shell): string[] => [...state.callLines, ...(state.sources.length > state.callLines.length ? [0] : [])].map(String);

const SPECIAL: Readonly<Record<string, (shell: Shell) => string | undefined>> = {
  "#": (shell) => String(shell.state.positional.length),
  "?": (shell) => String(shell.state.status),
  "$": (shell) => String(shell.system.pid),
  "!": (shell) => shell.state.lastBackground?.toString(),
  "-": (shell) => shell.state.flags(),
  "0": (shell) => shell.state.name,
  RANDOM: () => String(Math.floor(Math.random() * 32768)),
  SECONDS: (shell) => String(Math.floor((Date.now() - shell.started) / 1000)),
  EPOCHSECONDS: () => String(Math.floor(Date.now() / 1000)),
  EPOCHREALTIME: () => (Date.now() / 1000).toFixed(6),
  LINENO: (shell) => String(shell.state.line),
  BASHPID: (shell) => String(shell.system.pid),
  PPID: (shell) => String(shell.system.ppid),
  PIPESTATUS: (shell) => String(shell.state.pipeStatus[0] ?? 0),
  FUNCNAME: (shell) => shell.state.calls[0],
  BASH_SOURCE: (shell) => shell.state.sources[0],
  BASH_LINENO: (shell) => callLines(shell)[0],
  BASH_COMMAND: (shell) => shell.state.command,
  _: (shell) => shell.state.lastArgument,
  BASH_SUBSHELL: (shell) => String(shell.state.depth),
  SHELLOPTS: (shell) => [...shell.state.options].sort().join(":"),
};

function special(shell: Shell, name: string): string | undefined {
  const known = Object.hasOwn(SPECIAL, name) ? SPECIAL[name] : undefined;
  if (known !== undefined) return known(shell);
  return /^\d+$/.test(name) ? shell.state.positional[Number(name) - 1] : shell.state.get(name);
}

interface Alternative {
  readonly name: string;
  readonly held: Held;
  readonly operation: Extract<Operation, { word: unknown }>;
  readonly quoted: boolean;
  readonly fields: Fields;
}

/** `:-`, `:=`, `:?` and `:+`: true when the word took the parameter's place, or nothing did. */
async function alternative(shell: Shell, { name, held, operation, quoted, fields }: Alternative): Promise<boolean> {
  const lacking = isUnset(held) || (held.kind === "list" && held.list.length === 0) || (operation.checkEmpty && isEmpty(held));
  if (operation.type === "UseAlternative") {
    if (!lacking) await insert(shell, operation.word, fields, quoted);
    else if (quoted) fields.quoted("");
    return true;
  }
  if (!lacking) return false;
  if (operation.type === "ErrorIfUnset") {
    const said = operation.word === null ? "" : await expandText(shell, operation.word);
    throw new ShellError(`${name}: ${said === "" ? (operation.checkEmpty ? "parameter null or not set" : "parameter not set") : said}`, 127, true);
  }
  if (operation.type === "AssignDefault") await assignDefault(shell, name, operation.word);
  await insert(shell, operation.word, fields, quoted);
  return true;
}

async function assignDefault(shell: Shell, parameter: string, word: Word): Promise<void> {
  const { name, key } = subscript(parameter);
  const text = await expandText(shell, word);
  if (!/^[A-Za-z_]/.test(name)) throw new ShellError(`$${name}: cannot assign in this way`, 1, true);
  if (key === null) shell.state.set(name, text);
  else setElement(shell, name, (await evaluateText(shell, key)).toString(), text);
}

async function insert(shell: Shell, word: Word, fields: Fields, quoted: boolean): Promise<void> {
  if (quoted) return quotedParts(shell, word.parts, fields);
  for (const part of word.parts) {
    if (part.type === "Literal") fields.expanded(part.value);
    else await expandPart(shell, part, fields);
  }
}

function emit(shell: Shell, held: Held, fields: Fields, quoted: boolean): void {
  if (held.kind === "text") return quoted ? fields.quoted(held.text ?? "") : fields.expanded(held.text ?? "");
  if (held.star && (quoted || fields.whole)) return fields.quoted(held.list.join((shell.state.get("IFS") ?? " ").slice(0, 1)));
  held.list.forEach((text, at) => {
    if (at > 0) fields.close();
    if (quoted) fields.quoted(text);
    else fields.expanded(text);
  });
}

async function operated(shell: Shell, held: Held, operation: Operation, name: string): Promise<Held> {
  switch (operation.type) {
    case "Length": return { kind: "text", text: String(held.kind === "list" ? held.list.length : Array.from(held.text ?? "").length) };
    case "Substring": return substring(shell, held, operation, name);
    case "PatternRemoval": return each(held, await removal(shell, operation));
    case "PatternReplacement": return each(held, await replacement(shell, operation));
    case "CaseModification": return each(held, await caseChange(shell, operation));
    case "Transform": return transformed(shell, held, operation.operator, name);
    case "ArrayKeys":
    case "VarNamePrefix": return held;
    default: throw new ShellError(`\${${name}}: bad substitution`, 1, true);
  }
}

function each(held: Held, change: (text: string) => string): Held {
  if (held.kind === "list") return { ...held, list: held.list.map(change) };
  return { kind: "text", text: held.text === undefined ? undefined : change(held.text) };
}

async function substring(shell: Shell, held: Held, operation: Extract<Operation, { type: "Substring" }>, name: string): Promise<Held> {
  const offset = Number(await evaluate(shell, operation.offset));
  const length = operation.length === null ? null : Number(await evaluate(shell, operation.length));
  const slice = <T>(all: readonly T[]): T[] => {
    const from = offset < 0 ? all.length + offset : offset;
    if (from < 0 || from > all.length) return [];
    const to = length === null ? all.length : length < 0 ? all.length + length : from + length;
    if (to < from) throw new ShellError(`${operation.length?.originalText ?? ""}: substring expression < 0`, 1, true);
    return all.slice(from, to);
  };
  if (held.kind === "text") return { kind: "text", text: slice(Array.from(held.text ?? "")).join("") };
  // Positional parameters count from 1, and 0 is the shell's name.
  return { ...held, list: slice(name === "@" || name === "*" ? [shell.state.name, ...held.list] : held.list) };
}

async function removal(shell: Shell, operation: Extract<Operation, { type: "PatternRemoval" }>): Promise<(text: string) => string> {
  const pattern = await expandPattern(shell, operation.pattern);
  if (operation.side === "prefix") {
    const expression = new RegExp(`^(?:${patternSource(pattern, { lazy: !operation.greedy })})`, "u");
    return (text) => text.replace(expression, "");
  }
  const expression = new RegExp(`^(?:${patternSource(pattern)})$`, "u");
  return (text) => {
    const lengths = [...Array(text.length + 1).keys()];
    const at = (operation.greedy ? lengths : lengths.reverse()).find((start) => expression.test(text.slice(start)));
    return at === undefined ? text : text.slice(0, at);
  };
}

async function replacement(shell: Shell, operation: Extract<Operation, { type: "PatternReplacement" }>): Promise<(text: string) => string> {
  const source = patternSource(await expandPattern(shell, operation.pattern));
  const by = operation.replacement === null ? "" : await expandText(shell, operation.replacement);
  if (source === "") return (text) => text;
  const anchored = operation.anchor === "start" ? `^(?:${source})` : operation.anchor === "end" ? `(?:${source})$` : `(?:${source})`;
  const expression = new RegExp(anchored, operation.all ? "gu" : "u");
  return (text) => text.replace(expression, (match) => (match === "" && operation.all ? "" : by));
}

async function caseChange(shell: Shell, operation: Extract<Operation, { type: "CaseModification" }>): Promise<(text: string) => string> {
  const expression = operation.pattern === null ? /[^]/u : new RegExp(`^(?:${patternSource(await expandPattern(shell, operation.pattern))})$`, "u");
  const change = (char: string): string => (!expression.test(char) ? char : operation.direction === "upper" ? char.toUpperCase() : char.toLowerCase());
  return (text) => Array.from(text).map((char, at) => (operation.all || at === 0 ? change(char) : char)).join("");
}

/** `${x@…}` of one text. */
function transformation(shell: Shell, operator: string, name: string): (text: string) => string {
  switch (operator) {
    case "Q": return shellQuote;
    case "E": return (text) => escapes(text, false).text;
    case "U": return (text) => text.toUpperCase();
    case "L": return (text) => text.toLowerCase();
    case "u": return (text) => text.slice(0, 1).toUpperCase() + text.slice(1);
    case "K":
    case "k": return shellQuote;
    case "A": {
      const letters = flags(shell.state.variable(name));
      return (text) => `${letters === "" ? "" : `declare -${letters} `}${name}=${shellQuote(text)}`;
    }
    default: throw new ShellError(`\${${name}@${operator}} is not supported by the local WebContainer engine`);
  }
}

/** `${a@…}` of what is asked of a variable, not of each of its texts. */
function transformed(shell: Shell, held: Held, operator: string, parameter: string): Held {
  const { name, key } = subscript(parameter);
  const variable = shell.state.variable(name);
  const whole = key === "@" || key === "*";
  if (operator === "a") return { kind: "text", text: variable === undefined ? undefined : flags(variable) };
  if (whole && operator === "A" && variable !== undefined) return { kind: "text", text: declaration(name, variable).trimEnd() };
  if (whole && (operator === "K" || operator === "k")) {
    const texts = values(variable);
    const pairs = keys(variable).map((one, at): [string, string] => [one, texts[at] ?? ""]);
    if (operator === "k") return { kind: "list", list: pairs.flat(), star: key === "*" };
    return { kind: "text", text: pairs.map(([one, text]) => `${variable?.keyed === true ? keyText(one) : one} ${doubleQuote(text)}`).join(" ") + (variable?.keyed === true ? " " : "") };
  }
  return each(held, transformation(shell, operator, parameter));
}
