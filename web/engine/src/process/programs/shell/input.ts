/** `read`, `mapfile` and `getopts`. */

import { evaluateText } from "./arithmetic.ts";
import { fill, store } from "./commands.ts";
import { subscript } from "./arrays.ts";
import type { Shell } from "./shell.ts";
import { shellQuote } from "./quoting.ts";
import { runScript } from "./run.ts";
import { ShellError } from "./state.ts";
import { readUntil } from "./streams.ts";
import { parse } from "./syntax.ts";

const decoder = new TextDecoder();

interface ReadOptions {
  raw: boolean;
  array: string | null;
  delimiter: string;
  count: number | null;
  exact: boolean;
  fd: number;
  timeout: number | null;
  names: string[];
}

function readOptions(args: readonly string[]): ReadOptions {
  const options: ReadOptions = { raw: false, array: null, delimiter: "\n", count: null, exact: false, fd: 0, timeout: null, names: [] };
  let at = 0;
  for (; at < args.length && /^-[a-zA-Z]/.test(args[at] ?? ""); at += 1) {
    const arg = args[at] ?? "";
    for (let letter = 1; letter < arg.length; letter += 1) {
      const rest = arg.slice(letter + 1);
      const value = (): string => {
        letter = arg.length;
        return rest === "" ? (args[++at] ?? "") : rest;
      };
      take(options, arg[letter] ?? "", value);
    }
  }
  options.names = args.slice(args[at] === "--" ? at + 1 : at);
  return options;
}

function take(options: ReadOptions, letter: string, value: () => string): void {
  switch (letter) {
    case "r": options.raw = true; break;
    case "s":
    case "e": break;
    case "a": options.array = value(); break;
    case "d": options.delimiter = value().slice(0, 1) || "\0"; break;
    case "N": options.exact = true; options.count = Number(value()); break;
    case "n": options.count = Number(value()); break;
    // A prompt is for a terminal, and there is none.
    case "p": value(); break;
    case "u": options.fd = Number(value()); break;
    case "t": options.timeout = Number(value()); break;
    default: throw new ShellError(`read: -${letter}: invalid option`, 2);
  }
}

/** `read`. */
export async function readCommand(shell: Shell, args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  const wrong = options.names.find((name) => !/^[A-Za-z_]\w*(\[[^]*\])?$/.test(name));
  if (wrong !== undefined) throw new ShellError(`read: \`${wrong}': not a valid identifier`);
  if (Number.isNaN(options.timeout ?? 0)) throw new ShellError(`read: ${args[args.findIndex((arg) => arg.startsWith("-t")) + 1] ?? ""}: invalid timeout specification`);
  if (!shell.state.descriptors.has(options.fd)) throw new ShellError(`read: ${options.fd}: invalid file descriptor: Bad file descriptor`);
  const line = readLine(shell, options);
  const late = options.timeout === null ? null : shell.system.sleep(options.timeout * 1000).then(() => "late" as const);
  const found = await (late === null ? line : Promise.race([line, late]));
  if (found === "late") return 142;
  const { text, complete } = found;
  await put(shell, options, text);
  return complete ? 0 : 1;
}

async function readLine(shell: Shell, options: ReadOptions): Promise<{ text: string; complete: boolean }> {
  let text = "";
  for (;;) {
    const data = await readUntil(shell.system, shell.state.descriptors.get(options.fd), options.exact ? -1 : options.delimiter.charCodeAt(0), options.count ?? Infinity);
    if (data === null) return { text, complete: false };
    let part = decoder.decode(data);
    const ended = part.endsWith(options.delimiter) && !options.exact;
    if (ended) part = part.slice(0, -1);
    text += part;
    // A line end behind a backslash is none.
    if (ended && !options.raw && /(^|[^\\])(\\\\)*\\$/.test(text)) {
      text = text.slice(0, -1);
      continue;
    }
    return { text, complete: ended || (options.count !== null && text.length >= options.count) };
  }
}

async function put(shell: Shell, options: ReadOptions, text: string): Promise<void> {
  const ifs = shell.state.get("IFS") ?? " \t\n";
  if (options.array !== null) return fill(shell, options.array, split(text, ifs, Infinity, options.raw).map((part) => [null, part]), false);
  if (options.names.length === 0 || options.exact) {
    shell.state.set(options.names[0] ?? "REPLY", options.raw ? text : unescape(text));
    return;
  }
  const parts = split(text, ifs, options.names.length, options.raw);
  for (const [at, name] of options.names.entries()) {
    const { name: variable, key } = subscript(name);
    await store(shell, { name: variable, key, append: false, text: parts[at] ?? "" });
  }
}

const unescape = (text: string): string => text.replace(/\\([^])/g, "$1");

/** Parts of a line by IFS; the last one takes all the rest. */
function split(text: string, ifs: string, limit: number, raw: boolean): string[] {
  const white = (at: number): boolean => at < text.length && ifs.includes(text.charAt(at)) && " \t\n".includes(text.charAt(at));
  const pastWhite = (from: number): number => {
    let at = from;
    while (white(at)) at += 1;
    return at;
  };
  const end = endOf(text, white, raw);
  const parts: string[] = [];
  let at = pastWhite(0);
  while (at < end && parts.length < limit - 1) {
    const part = partAt(text, at, end, { ifs, raw });
    parts.push(part.text);
    at = pastWhite(part.end);
    // One that is no white space separates too, together with the white space around it.
    if (at < end && ifs.includes(text.charAt(at))) at = pastWhite(at + 1);
  }
  if (at < end) parts.push(raw ? text.slice(at, end) : unescape(text.slice(at, end)));
  return parts;
}

/** Where the text ends without its last white space; a backslash keeps that behind it. */
function endOf(text: string, white: (at: number) => boolean, raw: boolean): number {
  let end = text.length;
  while (end > 0 && white(end - 1) && (raw || text[end - 2] !== "\\")) end -= 1;
  return end;
}

function partAt(text: string, from: number, end: number, { ifs, raw }: { ifs: string; raw: boolean }): { text: string; end: number } {
  let part = "";
  let at = from;
  for (; at < end && !ifs.includes(text.charAt(at)); at += 1) {
    if (!raw && text[at] === "\\") at += 1;
    part += text.charAt(at);
  }
  return { text: part, end: at };
}

interface MapOptions {
  trim: boolean;
  delimiter: string;
  limit: number;
  skip: number;
  origin: number | null;
  fd: number;
  callback: string | null;
  every: number;
  name: string;
}

/** What each letter of `mapfile` that has a value sets. */
const MAP_LETTERS: Readonly<Record<string, (options: MapOptions, value: string) => void>> = {
  d: (options, value) => (options.delimiter = value.slice(0, 1) || "\0"),
  n: (options, value) => (options.limit = Number(value) || Infinity),
  s: (options, value) => (options.skip = Number(value)),
  O: (options, value) => (options.origin = Number(value)),
  u: (options, value) => (options.fd = Number(value)),
  C: (options, value) => (options.callback = value),
  c: (options, value) => (options.every = Number(value)),
};

function mapOptions(args: readonly string[], command: string): MapOptions {
  const options: MapOptions = { trim: false, delimiter: "\n", limit: Infinity, skip: 0, origin: null, fd: 0, callback: null, every: 5000, name: "MAPFILE" };
  let at = 0;
  for (; /^-./.test(args[at] ?? "") && args[at] !== "--"; at += 1) {
    const arg = (args[at] ?? "").replace(/^-t(?=.)/, "-");
    options.trim ||= (args[at] ?? "").startsWith("-t");
    if (arg === "-t") continue;
    const take = Object.hasOwn(MAP_LETTERS, arg.charAt(1)) ? MAP_LETTERS[arg.charAt(1)] : undefined;
    if (take === undefined) throw new ShellError(`${command}: ${arg}: invalid option`, 2);
    take(options, arg.length > 2 ? arg.slice(2) : (args[++at] ?? ""));
  }
  options.name = args[args[at] === "--" ? at + 1 : at] ?? "MAPFILE";
  return options;
}

/** `mapfile`, `readarray`: the lines of the input as an array. */
export async function mapfile(shell: Shell, args: readonly string[], name: string): Promise<number> {
  const options = mapOptions(args, name);
  let index = options.origin ?? 0;
  if (options.origin === null) fill(shell, options.name, [], false);
  for (let count = 0; count - options.skip < options.limit; count += 1) {
    const data = await readUntil(shell.system, shell.state.descriptors.get(options.fd), options.delimiter.charCodeAt(0));
    if (data === null) break;
    if (count < options.skip) continue;
    const line = decoder.decode(data);
    const text = options.trim && line.endsWith(options.delimiter) ? line.slice(0, -1) : line;
    if (options.callback !== null && (count - options.skip + 1) % options.every === 0) await runScript(shell, parse(`${options.callback} ${index} ${shellQuote(text)}`));
    fill(shell, options.name, [[String(index), text]], true);
    index += 1;
  }
  return 0;
}

/** `getopts`. The place within an argument such as `-ab` is kept beside OPTIND. */
export async function getopts(shell: Shell, args: readonly string[]): Promise<number> {
  const [spec, variable, ...given] = args;
  if (spec === undefined || variable === undefined) throw new ShellError("getopts: usage: getopts optstring name [arg ...]", 2);
  const words = given.length > 0 ? given : shell.state.positional;
  const index = Math.max(1, Number(await evaluateText(shell, shell.state.get("OPTIND") ?? "1")));
  const { optionOffset } = shell.world;
  const offset = optionOffset.index === index ? optionOffset.at : 1;
  const word = words[index - 1];
  if (word === undefined || !/^-./.test(word) || (word === "--" && offset === 1)) {
    shell.state.set("OPTIND", String(word === "--" ? index + 1 : Math.min(index, words.length + 1)));
    shell.state.set(variable, "?");
    return 1;
  }
  return optionAt(shell, { spec, variable, words, index, offset, word });
}

interface OptionPlace {
  readonly spec: string;
  readonly variable: string;
  readonly words: readonly string[];
  readonly index: number;
  readonly offset: number;
  readonly word: string;
}

async function optionAt(shell: Shell, { spec, variable, words, index, offset, word }: OptionPlace): Promise<number> {
  const letter = word.charAt(offset);
  const at = letter === ":" ? -1 : spec.indexOf(letter, spec.startsWith(":") ? 1 : 0);
  const needs = at >= 0 && spec[at + 1] === ":";
  const last = offset + 1 >= word.length;
  const value = !needs ? undefined : last ? words[index] : word.slice(offset + 1);
  const next = index + (needs && last && value !== undefined ? 2 : last || needs ? 1 : 0);
  shell.world.optionOffset = { index: next, at: last || needs ? 1 : offset + 1 };
  shell.state.set("OPTIND", String(next));
  return settle(shell, { spec, variable, letter, known: at >= 0, needs, value });
}

interface FoundOption {
  readonly spec: string;
  readonly variable: string;
  readonly letter: string;
  readonly known: boolean;
  readonly needs: boolean;
  readonly value: string | undefined;
}

async function settle(shell: Shell, { spec, variable, letter, known, needs, value }: FoundOption): Promise<number> {
  const lacking = known && needs && value === undefined;
  if (known && !lacking) {
    shell.state.set(variable, letter);
    if (value === undefined) shell.state.variables.delete("OPTARG");
    else shell.state.set("OPTARG", value);
    return 0;
  }
  return complaint(shell, { spec, variable, letter, lacking });
}

/** An option that there is not, or whose value is missing. */
async function complaint(shell: Shell, { spec, variable, letter, lacking }: { spec: string; variable: string; letter: string; lacking: boolean }): Promise<number> {
  const quiet = spec.startsWith(":");
  shell.state.set(variable, quiet && lacking ? ":" : "?");
  if (quiet) shell.state.set("OPTARG", letter);
  else {
    shell.state.variables.delete("OPTARG");
    if (shell.state.get("OPTERR") !== "0") await shell.print(2, `${shell.state.name}: ${lacking ? "option requires an argument" : "illegal option"} -- ${letter}\n`);
  }
  return 0;
}
