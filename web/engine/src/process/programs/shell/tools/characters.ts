/** `tr`: characters for others, byte by byte. */

import { bytesOf } from "../raw.ts";
import type { Tool } from "./io.ts";
import { parse, ToolError, type Options } from "./options.ts";

const all = Array.from({ length: 256 }, (_, byte) => byte);
const ranges = (...pairs: string[]): number[] => pairs.flatMap((pair) => all.filter((byte) => byte >= pair.charCodeAt(0) && byte <= pair.charCodeAt(1)));

const CLASSES: Readonly<Record<string, readonly number[]>> = {
  alnum: ranges("09", "AZ", "az"), alpha: ranges("AZ", "az"), blank: [9, 32], cntrl: all.filter((byte) => byte < 32 || byte === 127), digit: ranges("09"),
  graph: ranges("!~"), lower: ranges("az"), print: ranges(" ~"), punct: ranges("!/", ":@", "[`", "{~"), space: [9, 10, 11, 12, 13, 32], upper: ranges("AZ"), xdigit: ranges("09", "AF", "af"),
};
const LETTERS: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, "\\": 92 };

interface Characters {
  readonly bytes: number[];
  /** The classes in it, with their place: `[:lower:]` pairs with `[:upper:]`. */
  readonly classes: ReadonlyMap<number, string>;
  /** Where `[x*]` fills up, and with what. */
  readonly fill: { readonly at: number; readonly byte: number } | null;
}

class SetReader {
  private readonly text: string;
  private at = 0;
  private readonly bytes: number[] = [];
  private readonly classes = new Map<number, string>();
  private fill: { at: number; byte: number } | null = null;

  constructor(given: string) {
    this.text = String.fromCharCode(...bytesOf(given));
  }

  read(): Characters {
    while (this.at < this.text.length) this.piece();
    return { bytes: this.bytes, classes: this.classes, fill: this.fill };
  }

  private piece(): void {
    const rest = this.text.slice(this.at);
    const named = /^\[:(\w+):\]/.exec(rest);
    const repeated = /^\[(\\[0-7]{1,3}|\\[^]|[^])\*([0-9]*)\]/.exec(rest);
    const equal = /^\[=([^])=\]/.exec(rest);
    if (named !== null) {
      const found = CLASSES[named[1] ?? ""];
      if (found === undefined) throw new ToolError(`invalid character class ‘${named[1] ?? ""}’`);
      this.classes.set(this.bytes.length, named[1] ?? "");
      this.bytes.push(...found);
      this.at += named[0].length;
    } else if (repeated !== null) this.repeat(repeated);
    else if (equal !== null) {
      this.bytes.push(equal[1]?.charCodeAt(0) ?? 0);
      this.at += equal[0].length;
    } else this.range();
  }

  private repeat([found, , count = ""]: RegExpExecArray): void {
    const start = this.at;
    this.at += 1;
    const byte = this.single();
    this.at = start + found.length;
    const times = Number.parseInt(count, count.startsWith("0") ? 8 : 10);
    if (count === "" || times === 0) this.fill = { at: this.bytes.length, byte };
    else for (let left = times; left > 0; left -= 1) this.bytes.push(byte);
  }

  private range(): void {
    const from = this.single();
    if (this.text[this.at] !== "-" || this.at + 1 >= this.text.length) return void this.bytes.push(from);
    this.at += 1;
    const before = this.at;
    const to = this.single();
    if (to < from) throw new ToolError(`range-endpoints of '${String.fromCharCode(from)}-${this.text.slice(before, this.at)}' are in reverse collating sequence order`);
    for (let byte = from; byte <= to; byte += 1) this.bytes.push(byte);
  }

  private single(): number {
    const octal = /^\\([0-3]?[0-7]{1,2})/.exec(this.text.slice(this.at));
    if (octal !== null) {
      this.at += octal[0].length;
      return Number.parseInt(octal[1] ?? "0", 8);
    }
    const escaped = this.text[this.at] === "\\" && this.at + 1 < this.text.length;
    if (escaped) this.at += 1;
    const char = this.text.charAt(this.at);
    this.at += 1;
    return escaped ? (LETTERS[char] ?? char.charCodeAt(0)) : char.charCodeAt(0);
  }
}

function complement(set: Characters): Characters {
  const has = new Set(set.bytes);
  return { bytes: all.filter((byte) => !has.has(byte)), classes: new Map(), fill: null };
}

/** The second set, as long as the first. */
function matched(first: Characters, second: Characters, truncate: boolean): number[] {
  const bytes = [...second.bytes];
  if (second.fill !== null) bytes.splice(second.fill.at, 0, ...Array<number>(Math.max(0, first.bytes.length - bytes.length)).fill(second.fill.byte));
  const last = bytes.at(-1);
  if (!truncate && last !== undefined) while (bytes.length < first.bytes.length) bytes.push(last);
  return bytes;
}

const HELP = "Try '\0 --help' for more information.";

/** The sets that the operands are. Throws ToolError when they are too few or too many. */
function sets(options: Options): [one: string, two: string | undefined] {
  const [one, two, extra] = options.operands;
  const [deletes, squeezes] = [options.has("d"), options.has("s")];
  if (one === undefined) throw new ToolError(`missing operand\n${HELP}`);
  if (two === undefined && deletes === squeezes) throw new ToolError(`missing operand after ‘${one}’\n${deletes ? "Two strings must be given when both deleting and squeezing repeats." : "Two strings must be given when translating."}\n${HELP}`);
  const surplus = deletes && !squeezes ? two : extra;
  if (surplus !== undefined) throw new ToolError(`extra operand ‘${surplus}’\n${deletes && !squeezes ? "Only one string may be given when deleting without squeezing repeats.\n" : ""}${HELP}`);
  return [one, two];
}

export const tr: Tool = async (io, args) => {
  const options = parse(args, "c C=c d s t complement=c delete=d squeeze-repeats=s truncate-set1=t", { first: true });
  const [one, two] = sets(options);
  const [deletes, squeezes] = [options.has("d"), options.has("s")];
  const first = options.has("c") ? complement(new SetReader(one).read()) : new SetReader(one).read();
  const second = two === undefined ? null : new SetReader(two).read();
  const gone = new Set(deletes ? first.bytes : []);
  const map = deletes || second === null ? null : table(first, second, options.has("t"));
  const squeezed = new Set(!squeezes ? [] : (second ?? first).bytes.concat(second?.fill == null ? [] : [second.fill.byte]));
  let before = -1;
  const source = io.stdin();
  for (let data = await source.next(); data !== null; data = await source.next()) {
    const out = new Uint8Array(data.length);
    let size = 0;
    for (const byte of data) {
      if (gone.has(byte)) continue;
      const made = map === null ? byte : (map[byte] ?? byte);
      if (made === before && squeezed.has(made)) continue;
      before = made;
      out[size] = made;
      size += 1;
    }
    await io.print(out.slice(0, size));
  }
  return 0;
};

function table(first: Characters, second: Characters, truncate: boolean): Uint8Array {
  if (second.bytes.length === 0 && second.fill === null) throw new ToolError("when not truncating set1, string2 must be non-empty");
  const map = Uint8Array.from(all);
  const other = matched(first, second, truncate);
  for (const [at, byte] of first.bytes.entries()) {
    const made = other[at];
    if (made !== undefined) map[byte] = made;
  }
  return map;
}
