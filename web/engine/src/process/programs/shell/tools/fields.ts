/** `cut`, `paste`, `nl`, `fold`, `expand`, `unexpand`: lines and the columns in them, as they come. */

import { bytesOf } from "../raw.ts";
import { reason } from "../redirect.ts";
import { compile, ExpressionError, type Expression } from "./expressions.ts";
import { Lines, type Source, type Tool } from "./io.ts";
import { parse, ToolError, type Options } from "./options.ts";
import { textOf } from "./text.ts";

/** Turn each line into another text, without its end; null leaves it out. */
export async function eachLine(lines: Lines, print: (text: string) => Promise<void>, made: (line: string) => string | null, end = "\n"): Promise<void> {
  for (let batch = await lines.next(); batch !== null; batch = await lines.next()) {
    let text = "";
    for (const line of batch) {
      const shown = made(line);
      if (shown !== null) text += shown + end;
    }
    await print(text);
  }
}

/** A list such as `1,3-5,7-`: which places are in it. */
function places(list: string, what: string): [number, number][] {
  const found = list.split(/[, \t]/).map((part): [number, number] => {
    const [all, low = "", dash, high = ""] = /^(\d*)(-?)(\d*)$/.exec(part) ?? [];
    if (all === undefined || (low === "" && high === "")) throw new ToolError(part === "-" ? "invalid range with no endpoint: -\nTry '\0 --help' for more information." : `invalid ${what} value ‘${part}’\nTry '\0 --help' for more information.`);
    const from = low === "" ? 1 : Number(low);
    const to = dash === "" ? from : high === "" ? Infinity : Number(high);
    if (from === 0 || to === 0) throw new ToolError(`${what === "field" ? "fields" : "byte/character positions"} are numbered from 1\nTry '\0 --help' for more information.`);
    if (to < from) throw new ToolError("invalid decreasing range\nTry '\0 --help' for more information.");
    return [from, to];
  });
  return found.sort(([one], [other]) => one - other);
}

interface Cut {
  readonly wanted: (place: number) => boolean;
  readonly ranges: readonly (readonly [number, number])[];
  readonly delimiter: string;
  readonly joint: string | null;
  readonly onlyDelimited: boolean;
}

function cutFields(line: string, cut: Cut): string | null {
  if (!line.includes(cut.delimiter)) return cut.onlyDelimited ? null : line;
  return line.split(cut.delimiter).filter((_, at) => cut.wanted(at + 1)).join(cut.joint ?? cut.delimiter);
}

function cutBytes(line: string, cut: Cut): string {
  const bytes = bytesOf(line);
  if (cut.joint === null) return textOf(bytes.filter((_, at) => cut.wanted(at + 1)));
  // Ranges that touch are one.
  const parts: number[][] = [];
  let before = -1;
  for (const [at, byte] of bytes.entries()) {
    if (!cut.wanted(at + 1)) continue;
    const begins = cut.ranges.some(([from]) => from === at + 1) && !cut.ranges.some(([from, to]) => from <= at && to >= at + 1);
    if (before !== at - 1 || parts.length === 0 || begins) parts.push([]);
    parts.at(-1)?.push(byte);
    before = at;
  }
  return parts.map((part) => textOf(Uint8Array.from(part))).join(cut.joint);
}

export const cut: Tool = async (io, args) => {
  const options = parse(args, "b: c: d: f: n s z bytes=b: characters=c: delimiter=d: fields=f: only-delimited=s zero-terminated=z complement output-delimiter:");
  const kinds = options.given.filter(([key]) => "bcf".includes(key));
  const [kind, list] = kinds[0] ?? [];
  if (kind === undefined || list === undefined) throw new ToolError("you must specify a list of bytes, characters, or fields\nTry '\0 --help' for more information.");
  if (kinds.length > 1) throw new ToolError("only one list may be specified\nTry '\0 --help' for more information.");
  const delimiter = options.get("d");
  if (delimiter !== undefined && Array.from(delimiter).length > 1) throw new ToolError("the delimiter must be a single character\nTry '\0 --help' for more information.");
  if (kind !== "f" && delimiter !== undefined) throw new ToolError("an input delimiter may be specified only when operating on fields\nTry '\0 --help' for more information.");
  if (kind !== "f" && options.has("s")) throw new ToolError("suppressing non-delimited lines makes sense\n\tonly when operating on fields\nTry '\0 --help' for more information.");
  const ranges = places(list, kind === "f" ? "field" : "byte/character position");
  const inside = (place: number): boolean => ranges.some(([from, to]) => place >= from && place <= to);
  const found: Cut = { ranges, wanted: options.has("complement") ? (place) => !inside(place) : inside, delimiter: delimiter ?? "\t", joint: options.get("output-delimiter") ?? null, onlyDelimited: options.has("s") };
  const end = options.has("z") ? "\0" : "\n";
  return io.each(options.operands, (source) => eachLine(new Lines(source, end.charCodeAt(0)), (text) => io.print(text), kind === "f" ? (line) => cutFields(line, found) : (line) => cutBytes(line, found), end));
};

/** Single lines of a source, for what reads several at once. */
export class LineReader {
  private batch: string[] = [];
  private at = 0;
  private readonly lines: Lines;

  constructor(readonly source: Source, end: number) {
    this.lines = new Lines(source, end);
  }

  /** Whether what has come is all taken: the next line may have to be waited for. */
  get idle(): boolean {
    return this.at >= this.batch.length;
  }

  async next(): Promise<string | null> {
    while (this.at >= this.batch.length) {
      const batch = await this.lines.next();
      if (batch === null) return null;
      [this.batch, this.at] = [batch, 0];
    }
    this.at += 1;
    return this.batch[this.at - 1] ?? null;
  }
}

function delimiters(text: string): string[] {
  const found = (text.match(/\\[^]|[^]/gu) ?? []).map((char) => ({ "\\n": "\n", "\\t": "\t", "\\\\": "\\", "\\0": "" })[char] ?? char.replace(/^\\(?=.)/, ""));
  return found.length === 0 ? [""] : found;
}

export const paste: Tool = async (io, args) => {
  const options = parse(args, "d: s z delimiters=d: serial=s zero-terminated=z");
  const between = delimiters(options.get("d") ?? "\t");
  const end = options.has("z") ? "\0" : "\n";
  const names = options.operands.length === 0 ? ["-"] : options.operands;
  if (options.has("s")) {
    return io.each(names, async (source) => {
      const reader = new LineReader(source, end.charCodeAt(0));
      let [text, count] = ["", 0];
      for (let line = await reader.next(); line !== null; line = await reader.next()) {
        text += (count === 0 ? "" : (between[(count - 1) % between.length] ?? "")) + line;
        count += 1;
      }
      await io.print(text + end);
    });
  }
  const input = new LineReader(io.stdin(), end.charCodeAt(0));
  const readers: LineReader[] = [];
  for (const name of names) {
    try {
      readers.push(name === "-" ? input : new LineReader(io.open(name), end.charCodeAt(0)));
    } catch (error) {
      throw new ToolError(`${name}: ${reason(error) ?? String(error)}`);
    }
  }
  for (;;) {
    const lines: (string | null)[] = [];
    for (const reader of readers) lines.push(await reader.next());
    if (lines.every((line) => line === null)) break;
    await io.print(lines.map((line, at) => (at === 0 ? "" : (between[(at - 1) % between.length] ?? "")) + (line ?? "")).join("") + end);
  }
  for (const { source } of readers) source.close();
  return 0;
};

interface Section {
  readonly style: string;
  readonly expression: Expression | null;
}

function section(style: string): Section {
  if (/^[atn]$/.test(style)) return { style, expression: null };
  if (!style.startsWith("p")) throw new ToolError(`invalid body numbering style: ‘${style}’\nTry '\0 --help' for more information.`);
  try {
    return { style: "p", expression: compile(style.slice(1), { extended: false }) };
  } catch (error) {
    if (error instanceof ExpressionError) throw new ToolError(error.message);
    throw error;
  }
}

function numbered(format: string, number: number, width: number): string {
  if (format === "ln") return String(number).padEnd(width);
  return format === "rz" ? String(number).padStart(width, "0") : String(number).padStart(width);
}

export const nl: Tool = async (io, args) => {
  const options = parse(args, "b: s: w: n: v: i: h: f: d: l: p body-numbering=b: number-separator=s: number-width=w: number-format=n: starting-line-number=v: line-increment=i: header-numbering=h: footer-numbering=f: section-delimiter=d: join-blank-lines=l: no-renumber=p");
  const styles: Readonly<Record<string, Section>> = { "3": section(options.get("h") ?? "n"), "2": section(options.get("b") ?? "t"), "1": section(options.get("f") ?? "n") };
  const [separator, width, format] = [options.get("s") ?? "\t", Number(options.get("w") ?? 6), options.get("n") ?? "rn"];
  if (!/^(ln|rn|rz)$/.test(format)) throw new ToolError(`invalid line numbering format: ‘${format}’\nTry '\0 --help' for more information.`);
  const [start, step, join] = [Number(options.get("v") ?? 1), Number(options.get("i") ?? 1), Number(options.get("l") ?? 1)];
  const delimiter = (options.get("d") ?? "\\:").padEnd(2, ":");
  const state = { number: start, page: "2", blank: 0 };
  const made = (line: string): string => {
    const count = line.length / delimiter.length;
    if (line !== "" && count <= 3 && line === delimiter.repeat(count)) {
      state.page = String(count);
      if (!options.has("p")) state.number = start;
      return "";
    }
    const { style, expression } = styles[state.page] ?? section("t");
    state.blank = line === "" ? state.blank + 1 : 0;
    const counts = style === "a" ? line !== "" || state.blank % join === 0 : style === "t" ? line !== "" : expression?.test(line) === true;
    if (!counts) return " ".repeat(width + separator.length) + line;
    const text = numbered(format, state.number, width) + separator + line;
    state.number += step;
    return text;
  };
  return io.each(options.operands, (source) => eachLine(new Lines(source), (text) => io.print(text), made));
};

/** How many columns a character takes. */
function columns(char: string): number {
  const code = char.codePointAt(0) ?? 0;
  if (/\p{M}/u.test(char)) return 0;
  return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) || (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) || (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) || (code >= 0x1f300 && code <= 0x1f64f) || (code >= 0x1f900 && code <= 0x1f9ff) ? 2 : 1;
}

/** How many columns a text takes. */
export function width(text: string): number {
  let sum = 0;
  for (const char of text) sum += columns(char);
  return sum;
}

/** `fold` counts bytes, as GNU's does. */
function folded(line: string, limit: number, spaces: boolean, bytes: boolean): string {
  let [out, part, column] = ["", "", 0];
  const step = (char: string, at: number): number => (bytes ? at + bytesOf(char).length : char === "\t" ? at + 8 - (at % 8) : char === "\b" ? Math.max(0, at - 1) : char === "\r" ? 0 : at + bytesOf(char).length);
  for (const char of line) {
    if (step(char, column) > limit && part !== "") {
      const cut = spaces ? part.search(/[ \t][^ \t]*$/) + 1 : 0;
      out += `${cut > 0 ? part.slice(0, cut) : part}\n`;
      part = cut > 0 ? part.slice(cut) : "";
      column = 0;
      for (const kept of part) column = step(kept, column);
    }
    part += char;
    column = step(char, column);
  }
  return out + part;
}

export const fold: Tool = async (io, args) => {
  const options = parse(args, "b s w: bytes=b spaces=s width=w:", { numbers: true });
  const text = options.get("w") ?? options.get("number") ?? "80";
  if (!/^[1-9]\d*$/.test(text)) throw new ToolError(`invalid number of columns: ‘${text}’`);
  return io.each(options.operands, async (source) => {
    const lines = new Lines(source);
    for (let batch = await lines.next(); batch !== null; batch = await lines.next()) {
      const shown = batch.map((line) => folded(line, Number(text), options.has("s"), options.has("b"))).join("\n");
      await io.print(lines.terminated ? `${shown}\n` : shown);
    }
  });
};

/** The next tab stop behind a column. */
function stops(options: Options): (column: number) => number {
  const text = options.all("t").join(",") || "8";
  if (!/^\d+([ ,]+\d+)*$/.test(text)) throw new ToolError(`tab size contains invalid character(s): ‘${text.replace(/^[\d, ]*/, "")}’`);
  const list = text.split(/[ ,]+/).map(Number);
  if (list.includes(0)) throw new ToolError("tab size cannot be 0");
  const [every = 8] = list;
  if (list.length === 1) return (column) => column + every - (column % every);
  return (column) => list.find((stop) => stop > column) ?? column + 1;
}

export const expand: Tool = async (io, args) => {
  const options = parse(args.map((arg) => arg.replace(/^-(\d[\d,]*)$/, "-t$1")), "i t: initial=i tabs=t:");
  const next = stops(options);
  const made = (line: string): string => {
    let [text, column, initial] = ["", 0, true];
    for (const char of line) {
      const grown = char === "\t" ? next(column) : char === "\b" ? Math.max(0, column - 1) : column + 1;
      text += char === "\t" && (initial || !options.has("i")) ? " ".repeat(grown - column) : char;
      if (char !== "\t" && char !== " ") initial = false;
      column = grown;
    }
    return text;
  };
  return io.each(options.operands, (source) => ends(source, made, (text) => io.print(text)));
};

async function ends(source: Source, made: (line: string) => string, print: (text: string) => Promise<void>): Promise<void> {
  const lines = new Lines(source);
  for (let batch = await lines.next(); batch !== null; batch = await lines.next()) {
    const shown = batch.map(made).join("\n");
    await print(lines.terminated ? `${shown}\n` : shown);
  }
}

export const unexpand: Tool = async (io, args) => {
  const options = parse(args.map((arg) => arg.replace(/^-(\d[\d,]*)$/, "-t$1")), "a t: all=a tabs=t: first-only");
  const next = stops(options);
  const everywhere = (options.has("a") || options.has("t")) && !options.has("first-only");
  const made = (line: string): string => {
    let [text, column, blanks] = ["", 0, 0];
    let from = 0;
    let initial = true;
    const flush = (): void => {
      let at = from;
      let tabs = "";
      while (blanks > 0 && next(at) <= column && (next(at) - at > 1 || tabs !== "" || !everywhere || column - at > 1)) {
        tabs += "\t";
        at = next(at);
      }
      text += tabs + " ".repeat(column - at);
      blanks = 0;
    };
    for (const char of line) {
      if ((char === " " || char === "\t") && (initial || everywhere)) {
        if (blanks === 0) from = column;
        blanks += 1;
        column = char === "\t" ? next(column) : column + 1;
        continue;
      }
      if (blanks > 0) flush();
      initial = false;
      text += char;
      column += 1;
    }
    if (blanks > 0) flush();
    return text;
  };
  return io.each(options.operands, (source) => ends(source, made, (text) => io.print(text)));
};
