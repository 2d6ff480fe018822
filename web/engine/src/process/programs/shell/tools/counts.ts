/** `wc`, `uniq`, `comm`, `join`: what is counted or compared line by line. */

import { bytesOf } from "../raw.ts";
import { reason } from "../redirect.ts";
import { LineReader, width } from "./fields.ts";
import type { Io, Source, Tool } from "./io.ts";
import { parse, ToolError, type Options } from "./options.ts";
import { compareBytes, textOf } from "./text.ts";

interface Count {
  lines: number;
  words: number;
  chars: number;
  bytes: number;
  longest: number;
}

const zero = (): Count => ({ lines: 0, words: 0, chars: 0, bytes: 0, longest: 0 });

async function counted(source: Source, quick: boolean, count: Count): Promise<void> {
  let inside = false;
  let column = "";
  for (let data = await source.next(); data !== null; data = await source.next()) {
    count.bytes += data.length;
    if (quick) {
      for (let at = data.indexOf(10); at >= 0; at = data.indexOf(10, at + 1)) count.lines += 1;
      continue;
    }
    for (const byte of data) {
      if (byte === 10) count.lines += 1;
      if ((byte & 0xc0) !== 0x80) count.chars += 1;
      const white = byte === 32 || (byte >= 9 && byte <= 13);
      if (!white && !inside && byte > 32 && byte !== 127) count.words += 1;
      inside = white ? false : inside || byte > 32;
    }
    const pieces = (column + textOf(data)).split("\n");
    column = pieces.pop() ?? "";
    for (const piece of pieces) count.longest = Math.max(count.longest, lineWidth(piece));
  }
  count.longest = Math.max(count.longest, lineWidth(column));
}

function lineWidth(line: string): number {
  let sum = 0;
  for (const part of line.split(/(\t)/)) sum = part === "\t" ? sum + 8 - (sum % 8) : sum + width(part);
  return sum;
}

export const wc: Tool = async (io, args) => {
  const options = parse(args, "c m l L w bytes=c chars=m lines=l max-line-length=L words=w files0-from: total:");
  if (options.has("files0-from") && options.operands.length > 0) throw new ToolError(`extra operand ‘${options.operands[0] ?? ""}’\nfile operands cannot be combined with --files0-from\nTry '\0 --help' for more information.`);
  const listed = options.get("files0-from");
  const operands = listed === undefined ? options.operands : (await io.text(listed)).split("\0").filter((name) => name !== "");
  const any = ["l", "w", "m", "c", "L"].some((key) => options.has(key));
  const wanted = (key: string): boolean => (any ? options.has(key) : "lwc".includes(key));
  const order = ([["l", "lines"], ["w", "words"], ["m", "chars"], ["c", "bytes"], ["L", "longest"]] as const).filter(([key]) => wanted(key)).map(([, name]) => name);
  const size = numberWidth(io, operands, order.length);
  const total = zero();
  const quick = !wanted("w") && !wanted("m") && !wanted("L");
  const show = (count: Count, name: string): Promise<void> => io.print(`${order.map((key) => String(count[key]).padStart(size)).join(" ")}${name === "" ? "" : ` ${name}`}\n`);
  const code = await io.each(operands, async (source) => {
    const count = zero();
    try {
      await counted(source, quick, count);
    } finally {
      await show(count, operands.length === 0 ? "" : source.name);
    }
    for (const key of ["lines", "words", "chars", "bytes"] as const) total[key] += count[key];
    total.longest = Math.max(total.longest, count.longest);
  });
  if (operands.length > 1) await show(total, "total");
  return code;
};

/** GNU's columns are as wide as the sum of all sizes; 7 when one of several is no regular file. */
function numberWidth(io: Io, operands: readonly string[], columns: number): number {
  if (operands.length === 0) return columns === 1 ? 1 : 7;
  if (operands.length === 1 && columns === 1) return 1;
  let sum = 0;
  let least = 1;
  for (const name of operands) {
    const path = io.resolve(name);
    if (name !== "-" && io.files("fs.kinds", [path])[0] === 0) continue;
    const stat = name === "-" ? null : io.files("fs.stat", path);
    if (stat !== null && (stat.mode & 0o170000) === 0o100000) sum += stat.size;
    else least = 7;
  }
  return Math.max(least, String(sum).length);
}

interface Sameness {
  readonly key: (line: string) => string;
}

function sameness(options: Options): Sameness {
  const number = (key: string): number => {
    const text = options.get(key) ?? "0";
    if (!/^\d+$/.test(text)) throw new ToolError(`${text}: invalid number of ${key === "f" ? "fields to skip" : key === "s" ? "bytes to skip" : "bytes to compare"}`);
    return Number(text);
  };
  const [fields, chars, size] = [number("f"), number("s"), options.has("w") ? number("w") : Infinity];
  const skip = new RegExp(`^(?:[ \\t]*[^ \\t]+){0,${fields}}`);
  return {
    key: (line) => {
      const rest = (fields > 0 ? line.replace(skip, "") : line).slice(chars).slice(0, size);
      return options.has("i") ? rest.toUpperCase() : rest;
    },
  };
}

function told(options: Options, line: string, count: number, end: string): string {
  if (options.has("D") || (options.has("d") && count === 1) || (options.has("u") && count > 1)) return "";
  return `${options.has("c") ? `${String(count).padStart(7)} ` : ""}${line}${end}`;
}

/** A file to read from. Throws ToolError. */
function opened(io: Io, name: string): Source {
  try {
    return io.open(name);
  } catch (error) {
    throw new ToolError(`${name}: ${reason(error) ?? String(error)}`);
  }
}

export const uniq: Tool = async (io, args) => {
  const options = parse(args, "c d D i u z f: s: w: !all-repeated !group count=c repeated=d ignore-case=i unique=u zero-terminated=z skip-fields=f: skip-chars=s: check-chars=w:", { numbers: true });
  const { key } = sameness(options);
  const end = options.has("z") ? "\0" : "\n";
  const [from = "-", to, extra] = options.operands;
  if (extra !== undefined) throw new ToolError(`extra operand ‘${extra}’\nTry '\0 --help' for more information.`);
  const source = opened(io, from);
  const fd = to === undefined || to === "-" ? null : io.files("fs.open", io.resolve(to), "w", 0o666);
  const print = async (text: string): Promise<void> => {
    if (fd === null) return io.print(text);
    io.files("fs.write", fd, bytesOf(text), null);
  };
  const tell = (line: string, count: number): string => told(options, line, count, end);
  const reader = new LineReader(source, end.charCodeAt(0));
  let before: string | null = null;
  let count = 0;
  let out = "";
  for (let line = await reader.next(); line !== null; line = await reader.next()) {
    const same = before !== null && key(before) === key(line);
    if (!same && before !== null) out += tell(before, count);
    if (options.has("D") && same) out += (count === 1 ? `${before ?? ""}${end}` : "") + line + end;
    count = same ? count + 1 : 1;
    if (!same || options.has("D")) before = line;
    if (out.length > 65536 || (out !== "" && reader.idle)) {
      await print(out);
      out = "";
    }
  }
  if (before !== null) out += tell(before, count);
  await print(out);
  source.close();
  if (fd !== null) io.files("fs.close", fd);
  return 0;
};

function pair(io: Io, options: Options): [LineReader, LineReader] {
  const [one, two, extra] = options.operands;
  if (one === undefined) throw new ToolError("missing operand\nTry '\0 --help' for more information.");
  if (two === undefined) throw new ToolError(`missing operand after ‘${one}’\nTry '\0 --help' for more information.`);
  if (extra !== undefined) throw new ToolError(`extra operand ‘${extra}’\nTry '\0 --help' for more information.`);
  const end = options.has("z") ? 0 : 10;
  return [new LineReader(opened(io, one), end), new LineReader(opened(io, two), end)];
}

/** Whether one of two lines comes first, where a file can have ended. */
function order(one: string | null, two: string | null): number {
  if (one === null) return 1;
  return two === null ? -1 : compareBytes(one, two);
}

export const comm: Tool = async (io, args) => {
  const options = parse(args, "1 2 3 z check-order nocheck-order output-delimiter: total zero-terminated=z");
  const [left, right] = pair(io, options);
  const between = options.get("output-delimiter") ?? "\t";
  const indent = (column: number): string => between.repeat([1, 2].filter((each) => each < column && !options.has(String(each))).length);
  const totals = [0, 0, 0];
  const unordered = [false, false];
  const end = options.has("z") ? "\0" : "\n";
  const ordered = async (which: 0 | 1, before: string, line: string | null): Promise<void> => {
    if (line === null || unordered[which] === true || options.has("nocheck-order") || compareBytes(before, line) <= 0) return;
    unordered[which] = true;
    await io.complain(`file ${which + 1} is not in sorted order`);
  };
  let [one, two] = [await left.next(), await right.next()];
  while (one !== null || two !== null) {
    const which = order(one, two);
    const column = which < 0 ? 1 : which > 0 ? 2 : 3;
    totals[column - 1] = (totals[column - 1] ?? 0) + 1;
    if (!options.has(String(column))) await io.print(`${indent(column)}${(which > 0 ? two : one) ?? ""}${end}`);
    const [first, second] = [one, two];
    if (which <= 0) one = await left.next();
    if (which >= 0) two = await right.next();
    if (which <= 0 && first !== null && second !== null) await ordered(0, first, one);
    if (which >= 0 && first !== null && second !== null) await ordered(1, second, two);
  }
  if (options.has("total")) await io.print(`${totals.join(between)}${between}total${end}`);
  left.source.close();
  right.source.close();
  if (!unordered.includes(true)) return 0;
  await io.complain("input is not in sorted order");
  return 1;
};

interface Joined {
  readonly fields: readonly string[];
  readonly key: string;
}

/** Lines of a file by groups of the same key. */
class Groups {
  private ahead: Joined | null = null;
  private begun = false;

  constructor(private readonly reader: LineReader, private readonly place: number, private readonly options: Options) {}

  private async read(): Promise<Joined | null> {
    const line = await this.reader.next();
    if (line === null) return null;
    const separator = this.options.get("t");
    const fields = separator === undefined ? line.replace(/^[ \t]+/, "").split(/[ \t]+/) : line.split(separator === "\\t" ? "\t" : separator);
    const key = fields[this.place] ?? "";
    return { fields, key: this.options.has("i") ? key.toLowerCase() : key };
  }

  /** The next lines that share a key; none at the end. */
  async next(): Promise<Joined[]> {
    if (!this.begun) this.ahead = await this.read();
    this.begun = true;
    const group: Joined[] = [];
    while (this.ahead !== null && (group.length === 0 || group[0]?.key === this.ahead.key)) {
      group.push(this.ahead);
      this.ahead = await this.read();
    }
    return group;
  }
}

export const join: Tool = async (io, args) => {
  const options = parse(args, "a: e: i j: 1: 2: o: t: v: z header check-order nocheck-order ignore-case=i zero-terminated=z");
  const [left, right] = pair(io, options);
  const place = (side: string): number => Number(options.get(side) ?? options.get("j") ?? 1) - 1;
  const shown = joiner(options, [place("1"), place("2")]);
  const [first, second] = [new Groups(left, place("1"), options), new Groups(right, place("2"), options)];
  let [one, two] = [await first.next(), await second.next()];
  if (options.has("header")) {
    const [title, other] = [one.shift(), two.shift()];
    if (title !== undefined && other !== undefined) await io.print(shown(title, other));
    if (one.length === 0) one = await first.next();
    if (two.length === 0) two = await second.next();
  }
  const alone = (side: string): boolean => options.all("a").includes(side) || options.all("v").includes(side);
  while (one.length > 0 || two.length > 0) {
    const which = order(one[0]?.key ?? null, two[0]?.key ?? null);
    if (which === 0 && !options.has("v")) for (const each of one) for (const other of two) await io.print(shown(each, other));
    if (which < 0 && alone("1")) for (const each of one) await io.print(shown(each, null));
    if (which > 0 && alone("2")) for (const each of two) await io.print(shown(null, each));
    if (which <= 0) one = await first.next();
    if (which >= 0) two = await second.next();
  }
  left.source.close();
  right.source.close();
  return 0;
};

function joiner(options: Options, places: readonly [number, number]): (one: Joined | null, two: Joined | null) => string {
  const between = options.get("t") === "\\t" ? "\t" : (options.get("t") ?? " ");
  const empty = options.get("e") ?? "";
  const format = options.get("o");
  const end = options.has("z") ? "\0" : "\n";
  const filled = (text: string | undefined): string => (text === undefined || text === "" ? empty : text);
  if (format === "auto") throw new ToolError("-o auto is not supported by the local WebContainer engine");
  if (format !== undefined) {
    const list = format.split(/[, \t]+/).map((each) => {
      const [all, side, at] = /^(?:([12])\.(\d+)|0)$/.exec(each) ?? [];
      if (all === undefined) throw new ToolError(`invalid field specifier: ‘${each}’`);
      return { side: Number(side ?? 0), at: Number(at ?? 1) - 1 };
    });
    return (one, two) => list.map(({ side, at }) => filled(side === 0 ? (one?.fields[places[0]] ?? two?.fields[places[1]]) : (side === 1 ? one : two)?.fields[at])).join(between) + end;
  }
  return (one, two) => {
    const key = filled(one?.fields[places[0]] ?? two?.fields[places[1]]);
    return [key, ...(one?.fields.filter((_, at) => at !== places[0]) ?? []), ...(two?.fields.filter((_, at) => at !== places[1]) ?? [])].join(between) + end;
  };
}
