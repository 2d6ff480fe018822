/** `read`, `mapfile` and `getopts`. */

import { evaluateText } from "./arithmetic.ts";
import { fill, store } from "./commands.ts";
import { subscript } from "./arrays.ts";
import type { Shell } from "./shell.ts";
import { ShellError } from "./state.ts";
import { readUntil } from "./streams.ts";

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

/** `mapfile`, `readarray`: the lines of the input as an array. */
export async function mapfile(shell: Shell, args: readonly string[], name: string): Promise<number> {
  let trim = false;
  let delimiter = "\n";
  let limit = Infinity;
  let at = 0;
  for (; args[at]?.startsWith("-") === true; at += 1) {
    const arg = args[at];
    if (arg === "-t") trim = true;
    else if (arg === "-d") delimiter = args[++at]?.slice(0, 1) || "\0";
    else if (arg === "-n") limit = Number(args[++at]) || Infinity;
    else throw new ShellError(`${name}: ${arg ?? ""} is not supported by the local WebContainer engine`, 2);
  }
  const lines: string[] = [];
  while (lines.length < limit) {
    const data = await readUntil(shell.system, shell.state.descriptors.get(0), delimiter.charCodeAt(0));
    if (data === null) break;
    const line = decoder.decode(data);
    lines.push(trim && line.endsWith(delimiter) ? line.slice(0, -1) : line);
  }
  fill(shell, args[at] ?? "MAPFILE", lines.map((line) => [null, line]), false);
  return 0;
}

/** `getopts`. The place within an argument such as `-ab` is kept beside OPTIND. */
export async function getopts(shell: Shell, args: readonly string[]): Promise<number> {
  const [spec, variable, ...given] = args;
  if (spec === undefined || variable === undefined) throw new ShellError("getopts: usage: getopts optstring name [arg ...]", 2);
  const words = given.length > 0 ? given : shell.state.positional;
  let index = Number(await evaluateText(shell, shell.state.get("OPTIND") ?? "1"));
  const offset = shell.world.optionOffset.index === index ? shell.world.optionOffset.at : 1;
  const word = words[index - 1];
  if (word === undefined || !/^-./.test(word) || word === "--") {
    shell.state.set("OPTIND", String(word === "--" ? index + 1 : index));
    shell.state.set(variable, "?");
    return 1;
  }
  const letter = word[offset] ?? "";
  const at = letter === ":" ? -1 : spec.indexOf(letter, spec.startsWith(":") ? 1 : 0);
  const last = offset + 1 >= word.length;
  let value: string | undefined;
  if (at >= 0 && spec[at + 1] === ":") {
    value = last ? words[index] : word.slice(offset + 1);
    index += last ? 2 : 1;
    shell.world.optionOffset = { index, at: 1 };
  } else {
    if (last) index += 1;
    shell.world.optionOffset = { index, at: last ? 1 : offset + 1 };
  }
  shell.state.set("OPTIND", String(index));
  return settle(shell, { spec, variable, letter, known: at >= 0, needs: at >= 0 && spec[at + 1] === ":", value });
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
  const quiet = spec.startsWith(":");
  const wrong = !known || (needs && value === undefined);
  shell.state.set(variable, !wrong ? letter : quiet && known ? ":" : "?");
  if (!wrong && value !== undefined) shell.state.set("OPTARG", value);
  else if (wrong && quiet) shell.state.set("OPTARG", letter);
  else shell.state.variables.delete("OPTARG");
  if (wrong && !quiet) await shell.print(2, `${shell.state.name}: ${known ? "option requires an argument" : "illegal option"} -- ${letter}\n`);
  return 0;
}
