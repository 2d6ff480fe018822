/** `diff`. */

import { reason } from "../redirect.ts";
import type { Io, Tool } from "./io.ts";
import { parse, refusal, ToolError, type Options } from "./options.ts";
import { globExpression } from "./globs.ts";
import { textOf } from "./text.ts";

const SPEC = "q s u U: c C: r N a b w B i Z x: brief=q report-identical-files=s unified=u? context=c? recursive=r new-file=N text=a ignore-space-change=b ignore-all-space=w ignore-blank-lines=B ignore-case=i "
  + "ignore-trailing-space=Z normal label: L=label: exclude=x: strip-trailing-cr color? !y !side-by-side !e !ed !n !rcs !D !ifdef !I !ignore-matching-lines !p !show-c-function !F !l !paginate !T !initial-tab !expand-tabs !E !ignore-tab-expansion "
  + "!S !starting-file !X !exclude-from !from-file !to-file !no-dereference d minimal=d !H !speed-large-files !line-format !tabsize !horizon-lines !suppress-common-lines !width !W !unidirectional-new-file !P !palette";

/** Lines that were replaced: from and to are numbers of lines, from 0, the ends not included. */
interface Change {
  readonly from: number;
  readonly fromEnd: number;
  readonly to: number;
  readonly toEnd: number;
}

/** A file's lines, and whether the last had its end. */
interface Text {
  readonly lines: readonly string[];
  readonly ended: boolean;
}

/** A part of both lists. */
interface Box {
  readonly low: number;
  readonly high: number;
  readonly left: number;
  readonly right: number;
}

/** The diagonals that a search has come to. */
interface Band {
  min: number;
  max: number;
}

const FAR = 0x7fffffff;

/**
 * The shortest edit between two lists of numbers: Myers' way through the diagonals, in halves, so that memory grows with
 * the lists only.
 */
class Edit {
  readonly gone: Uint8Array;
  readonly come: Uint8Array;
  private readonly forward: Int32Array;
  private readonly backward: Int32Array;
  private readonly middle: number;

  constructor(private readonly one: Int32Array, private readonly other: Int32Array) {
    this.gone = new Uint8Array(one.length);
    this.come = new Uint8Array(other.length);
    this.middle = other.length + 1;
    this.forward = new Int32Array(one.length + other.length + 3);
    this.backward = new Int32Array(one.length + other.length + 3);
    this.compare(0, one.length, 0, other.length);
  }

  private compare(fromLow: number, fromHigh: number, toLow: number, toHigh: number): void {
    let [low, high, left, right] = [fromLow, fromHigh, toLow, toHigh];
    while (low < high && left < right && this.one[low] === this.other[left]) [low, left] = [low + 1, left + 1];
    while (low < high && left < right && this.one[high - 1] === this.other[right - 1]) [high, right] = [high - 1, right - 1];
    if (low === high) this.come.fill(1, left, right);
    else if (left === right) this.gone.fill(1, low, high);
    else {
      const [x, y] = this.split(low, high, left, right);
      this.compare(low, x, left, y);
      this.compare(x, high, y, right);
    }
  }

  /** A point in the middle of a shortest way. */
  private split(low: number, high: number, left: number, right: number): [number, number] {
    const box = { low, high, left, right };
    const [first, last] = [low - left, high - right];
    const odd = ((first - last) & 1) !== 0;
    const [ahead, back] = [{ min: first, max: first }, { min: last, max: last }];
    this.forward[first + this.middle] = low;
    this.backward[last + this.middle] = high;
    for (;;) {
      const met = this.advance(box, ahead, odd ? back : null) ?? this.retreat(box, back, odd ? null : ahead);
      if (met !== null) return met;
    }
  }

  /** One step more from the start; the answer is where it meets what came from the end. */
  private advance({ low, high, left, right }: Box, own: Band, other: Band | null): [number, number] | null {
    const { forward, backward, middle } = this;
    if (own.min > low - right) forward[--own.min - 1 + middle] = -1;
    else own.min += 1;
    if (own.max < high - left) forward[++own.max + 1 + middle] = -1;
    else own.max -= 1;
    for (let d = own.max; d >= own.min; d -= 2) {
      const [below, above] = [forward[d - 1 + middle] ?? -1, forward[d + 1 + middle] ?? -1];
      let x = below < above ? above : below + 1;
      while (x < high && x - d < right && this.one[x] === this.other[x - d]) x += 1;
      forward[d + middle] = x;
      if (other !== null && other.min <= d && d <= other.max && (backward[d + middle] ?? 0) <= x) return [x, x - d];
    }
    return null;
  }

  /** One step more from the end. */
  private retreat({ low, high, left, right }: Box, own: Band, other: Band | null): [number, number] | null {
    const { forward, backward, middle } = this;
    if (own.min > low - right) backward[--own.min - 1 + middle] = FAR;
    else own.min += 1;
    if (own.max < high - left) backward[++own.max + 1 + middle] = FAR;
    else own.max -= 1;
    for (let d = own.max; d >= own.min; d -= 2) {
      const [below, above] = [backward[d - 1 + middle] ?? 0, backward[d + 1 + middle] ?? 0];
      let x = below < above ? below : above - 1;
      while (low < x && left < x - d && this.one[x - 1] === this.other[x - d - 1]) x -= 1;
      backward[d + middle] = x;
      if (other !== null && other.min <= d && d <= other.max && x <= (forward[d + middle] ?? 0)) return [x, x - d];
    }
    return null;
  }
}

/** Move changes as far down as equal lines let them, as GNU's does: a change that could stand in several places has one. */
function shift(changed: Uint8Array, lines: Int32Array, others: Uint8Array): void {
  let at = 0;
  let other = 0;
  for (;;) {
    while (at < lines.length && changed[at] === 0) {
      while (others[other] === 1) other += 1;
      other += 1;
      at += 1;
    }
    if (at === lines.length) return;
    let start = at;
    while (at < lines.length && changed[at] === 1) at += 1;
    while (others[other] === 1) other += 1;
    let length: number;
    let corresponding: number;
    do {
      length = at - start;
      // Back over equal lines, so that changes before it join it.
      while (start > 0 && lines[start - 1] === lines[at - 1]) {
        changed[--start] = 1;
        changed[--at] = 0;
        while (changed[start - 1] === 1) start -= 1;
        other -= 1;
        while (others[other - 1] === 1) other -= 1;
      }
      corresponding = others[other - 1] === 1 ? at : lines.length;
      while (at !== lines.length && lines[start] === lines[at]) {
        changed[start++] = 0;
        changed[at++] = 1;
        while (changed[at] === 1) at += 1;
        other += 1;
        while (others[other] === 1) {
          corresponding = at;
          other += 1;
        }
      }
    } while (length !== at - start);
    while (corresponding < at) {
      changed[--start] = 1;
      changed[--at] = 0;
      other -= 1;
      while (others[other - 1] === 1) other -= 1;
    }
  }
}

function changes(one: Text, other: Text, options: Options): Change[] {
  const numbers = new Map<string, number>();
  const key = keyOf(options);
  const numbered = (text: Text): Int32Array => Int32Array.from(text.lines, (line, at) => {
    // A last line without its end equals no other, unless white space is nothing.
    const name = key(line) + (at === text.lines.length - 1 && !text.ended && options.last("bwZ") === undefined ? "\n" : "");
    const found = numbers.get(name) ?? numbers.size;
    numbers.set(name, found);
    return found;
  });
  const [left, right] = [numbered(one), numbered(other)];
  const edit = new Edit(left, right);
  shift(edit.gone, left, edit.come);
  shift(edit.come, right, edit.gone);
  const found: Change[] = [];
  for (let [at, to] = [0, 0]; at < left.length || to < right.length; ) {
    if (edit.gone[at] !== 1 && edit.come[to] !== 1) {
      [at, to] = [at + 1, to + 1];
      continue;
    }
    const [from, start] = [at, to];
    while (edit.gone[at] === 1) at += 1;
    while (edit.come[to] === 1) to += 1;
    found.push({ from, fromEnd: at, to: start, toEnd: to });
  }
  const blank = (text: Text, from: number, to: number): boolean => text.lines.slice(from, to).every((line) => line === "");
  return options.has("B") ? found.filter((change) => !blank(one, change.from, change.fromEnd) || !blank(other, change.to, change.toEnd)) : found;
}

function keyOf(options: Options): (line: string) => string {
  return (line) => {
    let text = line;
    if (options.has("strip-trailing-cr")) text = text.replace(/\r$/, "");
    if (options.has("w")) text = text.replace(/\s+/g, "");
    else if (options.has("b")) text = text.replace(/\s+/g, " ").replace(/ $/, "");
    else if (options.has("Z")) text = text.replace(/\s+$/, "");
    return options.has("i") ? text.toLowerCase() : text;
  };
}

/** A line with its mark; the last may lack its end, which is said. */
function marked(text: Text, mark: string, from: number, to: number): string {
  return text.lines.slice(from, to).map((line, at) => `${mark}${line}\n${from + at === text.lines.length - 1 && !text.ended ? "\\ No newline at end of file\n" : ""}`).join("");
}

function normal(one: Text, other: Text, found: readonly Change[]): string {
  const range = (from: number, to: number): string => (to - from > 1 ? `${from + 1},${to}` : String(to));
  return found.map((change) => {
    const [gone, come] = [change.fromEnd - change.from, change.toEnd - change.to];
    const kind = gone === 0 ? "a" : come === 0 ? "d" : "c";
    return `${gone === 0 ? change.from : range(change.from, change.fromEnd)}${kind}${come === 0 ? change.to : range(change.to, change.toEnd)}\n`
      + marked(one, "< ", change.from, change.fromEnd) + (kind === "c" ? "---\n" : "") + marked(other, "> ", change.to, change.toEnd);
  }).join("");
}

/** Changes that stand so near that their surroundings touch are one piece. */
function hunks(found: readonly Change[], context: number): Change[][] {
  const pieces: Change[][] = [];
  for (const change of found) {
    const before = pieces.at(-1)?.at(-1);
    if (before !== undefined && change.from - before.fromEnd <= 2 * context) pieces.at(-1)?.push(change);
    else pieces.push([change]);
  }
  return pieces;
}

interface Piece {
  readonly changes: readonly Change[];
  readonly from: number;
  readonly fromEnd: number;
  readonly to: number;
  readonly toEnd: number;
}

function pieces(one: Text, other: Text, found: readonly Change[], context: number): Piece[] {
  return hunks(found, context).flatMap((group) => {
    const [first, last] = [group[0], group.at(-1)];
    if (first === undefined || last === undefined) return [];
    return [{ changes: group, from: Math.max(0, first.from - context), fromEnd: Math.min(one.lines.length, last.fromEnd + context), to: Math.max(0, first.to - context), toEnd: Math.min(other.lines.length, last.toEnd + context) }];
  });
}

function unified(one: Text, other: Text, found: readonly Change[], context: number): string {
  const range = (from: number, to: number): string => (to - from === 1 ? String(to) : `${to === from ? from : from + 1},${to - from}`);
  return pieces(one, other, found, context).map((piece) => {
    let text = `@@ -${range(piece.from, piece.fromEnd)} +${range(piece.to, piece.toEnd)} @@\n`;
    let at = piece.from;
    for (const change of piece.changes) {
      text += marked(one, " ", at, change.from) + marked(one, "-", change.from, change.fromEnd) + marked(other, "+", change.to, change.toEnd);
      at = change.fromEnd;
    }
    return text + marked(one, " ", at, piece.fromEnd);
  }).join("");
}

function contextual(one: Text, other: Text, found: readonly Change[], context: number): string {
  const range = (from: number, to: number): string => (to - from > 1 ? `${from + 1},${to}` : String(to));
  const side = (piece: Piece, text: Text, left: boolean): string => {
    const [start, end] = left ? [piece.from, piece.fromEnd] : [piece.to, piece.toEnd];
    if (!piece.changes.some((change) => (left ? change.fromEnd > change.from : change.toEnd > change.to))) return "";
    let shown = "";
    let at = start;
    for (const change of piece.changes) {
      const [from, to] = left ? [change.from, change.fromEnd] : [change.to, change.toEnd];
      const both = change.fromEnd > change.from && change.toEnd > change.to;
      shown += marked(text, "  ", at, from) + marked(text, both ? "! " : left ? "- " : "+ ", from, to);
      at = to;
    }
    return shown + marked(text, "  ", at, end);
  };
  return pieces(one, other, found, context).map((piece) => `***************\n*** ${range(piece.from, piece.fromEnd)} ****\n${side(piece, one, true)}--- ${range(piece.to, piece.toEnd)} ----\n${side(piece, other, false)}`).join("");
}

class Comparison {
  private code = 0;

  constructor(private readonly io: Io, private readonly options: Options, private readonly switches: string) {}

  async run(one: string, other: string): Promise<number> {
    const folder = (name: string): boolean => name !== "-" && this.io.files("fs.kinds", [this.io.resolve(name)])[0] === 2;
    const [left, right] = [folder(one), folder(other)];
    if (left && right) await this.folders(one, other);
    else if (left !== right && one !== "-" && other !== "-") {
      const base = (name: string): string => name.slice(name.lastIndexOf("/") + 1);
      await (left ? this.pair(`${one.replace(/\/$/, "")}/${base(other)}`, other, false) : this.pair(one, `${other.replace(/\/$/, "")}/${base(one)}`, false));
    } else await this.pair(one, other, false);
    return this.code;
  }

  private async folders(one: string, other: string): Promise<void> {
    const list = (name: string): string[] => this.io.files("fs.readdir", this.io.resolve(name)).map((entry) => entry.name);
    const [left, right] = [list(one), list(other)];
    const excluded = this.options.all("x").map((glob) => globExpression(glob));
    const names = [...new Set([...left, ...right])].sort().filter((name) => !excluded.some((glob) => glob.test(name)));
    for (const name of names) {
      const paths = [`${one.replace(/\/$/, "")}/${name}`, `${other.replace(/\/$/, "")}/${name}`] as const;
      if ((!left.includes(name) || !right.includes(name)) && !this.options.has("N")) {
        await this.io.print(`Only in ${(left.includes(name) ? one : other).replace(/(.)\/$/, "$1")}: ${name}\n`);
        this.code = Math.max(this.code, 1);
      } else await this.entry(paths);
    }
  }

  private async entry([one, other]: readonly [string, string]): Promise<void> {
    const kinds = this.io.files("fs.kinds", [this.io.resolve(one), this.io.resolve(other)]);
    const [left, right] = [kinds[0] ?? 0, kinds[1] ?? 0];
    const isFolder = (kind: number): boolean => kind === 2;
    if (isFolder(left) && isFolder(right)) {
      if (this.options.has("r")) await this.folders(one, other);
      else await this.io.print(`Common subdirectories: ${one} and ${other}\n`);
    } else if (left !== 0 && right !== 0 && isFolder(left) !== isFolder(right)) {
      const what = (kind: number, name: string): string => (isFolder(kind) ? "directory" : this.size(name) === 0 ? "regular empty file" : "regular file");
      await this.io.print(`File ${one} is a ${what(left, one)} while file ${other} is a ${what(right, other)}\n`);
      this.code = Math.max(this.code, 1);
    } else if (isFolder(left) || isFolder(right)) throw refusal("-N for a directory that is on one side only", 2);
    else await this.pair(one, other, true);
  }

  private size(name: string): number {
    return this.io.files("fs.stat", this.io.resolve(name)).size;
  }

  private async bytes(name: string): Promise<Uint8Array | null> {
    try {
      return await this.io.bytes(name);
    } catch (error) {
      const why = error instanceof ToolError ? null : reason(error);
      if (why === null) throw error;
      if (this.options.has("N") && (error as { code: string }).code === "ENOENT") return new Uint8Array(0);
      await this.io.complain(`${name}: ${why}`);
      this.code = 2;
      return null;
    }
  }

  private async pair(one: string, other: string, titled: boolean): Promise<void> {
    const [left, right] = [await this.bytes(one), one === other && one === "-" ? new Uint8Array(0) : await this.bytes(other)];
    if (left === null || right === null) return;
    const { options } = this;
    const same = left.length === right.length && left.every((byte, at) => byte === right[at]);
    const binary = !options.has("a") && (left.subarray(0, 65536).includes(0) || right.subarray(0, 65536).includes(0));
    if (same || binary) {
      if (!same) await this.io.print(options.has("q") ? `Files ${one} and ${other} differ\n` : `Binary files ${one} and ${other} differ\n`);
      else if (options.has("s")) await this.io.print(`Files ${one} and ${other} are identical\n`);
      if (!same) this.code = Math.max(this.code, 1);
      return;
    }
    const [before, after] = [textLines(textOf(left)), textLines(textOf(right))];
    const found = changes(before, after, options);
    if (found.length === 0) {
      if (options.has("s")) await this.io.print(`Files ${one} and ${other} are identical\n`);
      return;
    }
    this.code = Math.max(this.code, 1);
    if (options.has("q")) return this.io.print(`Files ${one} and ${other} differ\n`);
    const style = styleOf(options);
    if (titled) await this.io.print(`diff ${this.switches}${one} ${other}\n`);
    if (style.kind === "normal") return this.io.print(normal(before, after, found));
    const labels = options.all("label");
    const marks = style.kind === "unified" ? ["---", "+++"] : ["***", "---"];
    await this.io.print(`${marks[0] ?? ""} ${labels[0] ?? this.title(one)}\n${marks[1] ?? ""} ${labels[1] ?? this.title(other)}\n`);
    await this.io.print((style.kind === "unified" ? unified : contextual)(before, after, found, style.context));
  }

  private title(name: string): string {
    const path = this.io.resolve(name);
    const ms = name === "-" ? Date.now() : this.io.files("fs.kinds", [path])[0] === 0 ? 0 : this.io.files("fs.stat", path).mtimeMs;
    return `${name}\t${stamp(ms)}`;
  }
}

/** A time as diff writes it. */
function stamp(ms: number): string {
  const time = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, "0");
  const fraction = Math.round((ms - Math.floor(ms / 1000) * 1000) * 1e6);
  const offset = -time.getTimezoneOffset();
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(fraction).padStart(9, "0")} ${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
}

function textLines(text: string): Text {
  const lines = text.split("\n");
  const ended = lines.at(-1) === "";
  if (ended) lines.pop();
  return { lines, ended: ended || text === "" };
}

function styleOf(options: Options): { kind: "normal" | "unified" | "context"; context: number } {
  const given = options.given.findLast(([key]) => ["u", "U", "c", "C", "normal"].includes(key));
  if (given === undefined || given[0] === "normal") return { kind: "normal", context: 0 };
  const [key, value] = given;
  if (value !== "" && !/^\d+$/.test(value)) throw new ToolError(`invalid context length '${value}'`, 2);
  const wide = Math.max(...options.given.filter(([name]) => "uUcC".includes(name)).map(([, text]) => (text === "" ? 3 : Number(text))));
  return { kind: key.toLowerCase() === "u" ? "unified" : "context", context: options.given.some(([name, text]) => "UC".includes(name) || text !== "") ? wide : 3 };
}

export const diff: Tool = async (io, args) => {
  const options = parse(args.map((arg) => arg.replace(/^-([uc])(\d+)$/, (_, kind: string, lines: string) => `-${kind.toUpperCase()}${lines}`)), SPEC, { code: 2, hint: "\0: " });
  const [one, other, extra] = options.operands;
  if (other === undefined || one === undefined) throw new ToolError(`missing operand after '${one ?? io.name}'\n\0: Try '\0 --help' for more information.`, 2);
  if (extra !== undefined) throw new ToolError(`extra operand '${extra}'\n\0: Try '\0 --help' for more information.`, 2);
  if (["always"].includes(options.get("color") ?? "")) throw refusal("option --color=always", 2);
  const switches = args.slice(0, args.indexOf(one)).filter((arg) => arg.startsWith("-")).map((arg) => `${arg} `).join("");
  return new Comparison(io, options, switches).run(one, other);
};
