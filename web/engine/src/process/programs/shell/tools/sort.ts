/** `sort` and `shuf`. They need all of their input. */

import { bytesOf } from "../raw.ts";
import { reason } from "../redirect.ts";
import type { Io, Tool } from "./io.ts";
import { parse, refusal, ToolError, type Options } from "./options.ts";
import { compareBytes, textOf } from "./text.ts";

const SPEC = "b d f g h i M n R r V c C m o: s S: T: t: u z k: ignore-leading-blanks=b dictionary-order=d ignore-case=f general-numeric-sort=g human-numeric-sort=h ignore-nonprinting=i month-sort=M numeric-sort=n "
  + "random-sort=R reverse=r version-sort=V check=c? merge=m output=o: stable=s buffer-size=S: temporary-directory=T: field-separator=t: unique=u zero-terminated=z key=k: parallel=S: sort: !files0-from !batch-size !compress-program !debug !random-source";

/** How a key is compared. */
interface Order {
  readonly flags: string;
  readonly reverse: boolean;
}

interface Key extends Order {
  readonly from: { readonly field: number; readonly char: number; readonly blanks: boolean };
  readonly to: { readonly field: number; readonly char: number; readonly blanks: boolean } | null;
}

function keyOf(text: string, global: Order): Key {
  const found = /^(\d+)(?:\.(\d+))?([bdfghiMnRrV]*)(?:,(\d+)(?:\.(\d+))?([bdfghiMnRrV]*))?$/.exec(text);
  if (found === null) throw new ToolError(/^\d/.test(text) ? `stray character in field spec: invalid field specification ‘${text}’` : `invalid number at field start: invalid count at start of ‘${text}’`, 2);
  const [, field = "1", char, first = "", toField, toChar, second = ""] = found;
  if (field === "0" || toField === "0") throw new ToolError(`field number is zero: invalid field specification ‘${text}’`, 2);
  if (char === "0") throw new ToolError(`character offset is zero: invalid field specification ‘${text}’`, 2);
  const own = first + second;
  const order = own === "" ? global : { flags: own, reverse: own.includes("r") };
  const flags = own === "" ? global.flags : own;
  return {
    flags, reverse: order.reverse,
    from: { field: Number(field), char: Number(char ?? 1), blanks: first.includes("b") || (own === "" && global.flags.includes("b")) },
    to: toField === undefined ? null : { field: Number(toField), char: Number(toChar ?? 0), blanks: second.includes("b") || (own === "" && global.flags.includes("b")) },
  };
}

/** Where the fields of a line begin and end. */
function fieldsOf(line: string, separator: string | null): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  if (separator === null) {
    for (const match of line.matchAll(/[ \t]*[^ \t]+|[ \t]+$/g)) found.push({ start: match.index, end: match.index + match[0].length });
    return found;
  }
  let start = 0;
  for (;;) {
    const end = line.indexOf(separator, start);
    found.push({ start, end: end < 0 ? line.length : end });
    if (end < 0) return found;
    start = end + separator.length;
  }
}

function extract(line: string, key: Key, separator: string | null): string {
  const fields = fieldsOf(line, separator);
  const past = (at: number, blanks: boolean): number => {
    let place = at;
    if (blanks) while (/[ \t]/.test(line.charAt(place))) place += 1;
    return place;
  };
  const first = fields[key.from.field - 1];
  const start = first === undefined ? line.length : Math.min(line.length, past(first.start, key.from.blanks) + key.from.char - 1);
  if (key.to === null) return line.slice(start);
  const last = fields[key.to.field - 1];
  const end = last === undefined ? line.length : key.to.char === 0 ? last.end : past(last.start, key.to.blanks) + key.to.char;
  return line.slice(start, Math.max(start, end));
}

type Compare = (left: string, right: string) => number;
const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

function digits(left: string, right: string): number {
  return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
}

/** Numbers of any length, as text. */
const numeric: Compare = (left, right) => {
  const part = (text: string): { minus: boolean; whole: string; rest: string } => {
    const [, sign = "", whole = "", rest = ""] = /^[ \t]*(-?)0*(\d*)(?:\.(\d*))?/.exec(text) ?? [];
    const fraction = rest.replace(/0+$/, "");
    return { minus: sign === "-" && (whole !== "" || fraction !== ""), whole, rest: fraction };
  };
  const [one, other] = [part(left), part(right)];
  if (one.minus !== other.minus) return one.minus ? -1 : 1;
  const order = digits(one.whole, other.whole) || (one.rest < other.rest ? -1 : one.rest > other.rest ? 1 : 0);
  return one.minus ? -order : order;
};

const general: Compare = (left, right) => {
  const value = (text: string): number => {
    const number = Number.parseFloat(text.trim());
    return /^\s*[-+]?(inf|nan)/i.test(text) ? (/nan/i.test(text) ? -Infinity : text.includes("-") ? -Number.MAX_VALUE : Infinity) : Number.isNaN(number) ? -Infinity : number;
  };
  const [one, other] = [value(left), value(right)];
  return one === other ? 0 : one < other ? -1 : 1;
};

const human: Compare = (left, right) => {
  const rank = (text: string): number => {
    const [, sign = "", number = "", unit = ""] = /^[ \t]*(-?)(\d*\.?\d*)([kKMGTPEZY]?)/.exec(text) ?? [];
    const power = unit === "" || Number(number) === 0 ? 0 : " KMGTPEZY".indexOf(unit.toUpperCase());
    return sign === "-" ? -power : power;
  };
  return rank(left) - rank(right) || numeric(left, right);
};

const month: Compare = (left, right) => {
  const at = (text: string): number => MONTHS.indexOf(text.trimStart().slice(0, 3).toUpperCase());
  return at(left) - at(right);
};

/** Versions: digits as numbers, `~` before all, letters before the rest; what looks like a suffix last. */
export const version: Compare = (left, right) => {
  if (left === right) return 0;
  for (const special of ["", ".", ".."]) {
    if (left === special) return -1;
    if (right === special) return 1;
  }
  const [dotLeft, dotRight] = [left.startsWith("."), right.startsWith(".")];
  if (dotLeft !== dotRight) return dotLeft ? -1 : 1;
  const stem = (text: string): string => text.replace(/(\.[A-Za-z~][A-Za-z0-9~]*)*$/, "");
  const [one, other] = [stem(left), stem(right)];
  return one === other ? pieces(left, right) : pieces(one, other);
};

function pieces(left: string, right: string): number {
  const rank = (char: string): number => (char === "~" ? -1 : char === "" || /\d/.test(char) ? 0 : /[A-Za-z]/.test(char) ? char.charCodeAt(0) : char.charCodeAt(0) + 256);
  let [one, other] = [left, right];
  while (one !== "" || other !== "") {
    while ((one !== "" && !/^\d/.test(one)) || (other !== "" && !/^\d/.test(other))) {
      const order = rank(one.charAt(0)) - rank(other.charAt(0));
      if (order !== 0) return order;
      [one, other] = [one.slice(1), other.slice(1)];
    }
    const numbers = [one, other].map((text) => (/^\d*/.exec(text)?.[0] ?? "").replace(/^0+/, ""));
    const order = digits(numbers[0] ?? "", numbers[1] ?? "");
    if (order !== 0) return order;
    [one, other] = [one.replace(/^\d*/, ""), other.replace(/^\d*/, "")];
  }
  return 0;
}

/** How texts are compared under some flags. */
function comparison({ flags, reverse }: Order): Compare {
  const kinds = Array.from("gMnhVR").filter((flag) => flags.includes(flag));
  if (kinds.length > 1) throw new ToolError(`options '-${kinds.sort().join("")}' are incompatible`, 2);
  const plain: Compare = (left, right) => compareBytes(changed(left, flags), changed(right, flags));
  const found = { g: general, M: month, n: numeric, h: human, V: version }[kinds[0] ?? ""] ?? plain;
  const trimmed: Compare = flags.includes("b") ? (left, right) => found(left.replace(/^[ \t]+/, ""), right.replace(/^[ \t]+/, "")) : found;
  return reverse ? (left, right) => trimmed(right, left) : trimmed;
}

function changed(text: string, flags: string): string {
  let made = text;
  if (flags.includes("d")) made = made.replace(/[^A-Za-z0-9 \t]/g, "");
  else if (flags.includes("i")) made = made.replace(/[^ -~]/g, "");
  return flags.includes("f") ? made.toUpperCase() : made;
}

function separatorOf(options: Options): string | null {
  const text = options.get("t");
  if (text === undefined) return null;
  if (text === "") throw new ToolError("empty tab", 2);
  if (text === "\\0") return "\0";
  if (Array.from(text).length > 1) throw new ToolError(`multi-character tab ‘${text}’`, 2);
  return text;
}

/** The order of whole lines, and the last resort when keys are equal. */
function lineOrder(options: Options): Compare {
  const long = options.get("sort");
  const named = long === undefined ? "" : { numeric: "n", general: "g", "general-numeric": "g", human: "h", "human-numeric": "h", month: "M", version: "V", random: "R" }[long];
  if (named === undefined) throw new ToolError(`invalid argument ‘${long ?? ""}’ for ‘--sort’`, 2);
  const flags = Array.from("bdfghiMnRV").filter((flag) => options.has(flag)).join("") + named;
  if (flags.includes("R")) throw refusal("option -R", 2);
  const global = { flags, reverse: options.has("r") };
  const separator = separatorOf(options);
  const keys = options.all("k").map((text) => keyOf(text, global));
  const compares = keys.map((key) => {
    if (key.flags.includes("R")) throw refusal("option -R", 2);
    const compare = comparison({ ...key, flags: key.flags.replaceAll("b", "") });
    return (left: string, right: string): number => compare(extract(left, key, separator), extract(right, key, separator));
  });
  if (keys.length === 0) compares.push(comparison(global));
  const stable = options.has("s") || options.has("u");
  return (left, right) => {
    for (const compare of compares) {
      const order = compare(left, right);
      if (order !== 0) return order;
    }
    if (stable) return 0;
    return options.has("r") ? compareBytes(right, left) : compareBytes(left, right);
  };
}

async function inputs(io: Io, names: readonly string[], end: string): Promise<string[]> {
  const lines: string[] = [];
  for (const name of names.length === 0 ? ["-"] : names) {
    try {
      const text = textOf(await io.bytes(name));
      const parts = text.split(end);
      if (parts.at(-1) === "") parts.pop();
      for (const part of parts) lines.push(part);
    } catch (error) {
      const why = error instanceof ToolError ? null : reason(error);
      if (why === null) throw error;
      throw new ToolError((error as { code: string }).code === "EISDIR" ? `read failed: ${name}: ${why}` : `cannot read: ${name}: ${why}`, 2);
    }
  }
  return lines;
}

export const sort: Tool = async (io, args) => {
  const options = parse(args, SPEC, { code: 2 });
  const order = lineOrder(options);
  const end = options.has("z") ? "\0" : "\n";
  const lines = await inputs(io, options.operands, end);
  if (options.last("cC") !== undefined) return checked(io, options, lines, order);
  lines.sort(order);
  const kept = options.has("u") ? lines.filter((line, at) => at === 0 || order(lines[at - 1] ?? "", line) !== 0) : lines;
  const file = options.get("o");
  const text = kept.length === 0 ? "" : kept.join(end) + end;
  if (file === undefined) await io.print(text);
  else io.files("fs.writeFile", io.resolve(file), bytesOf(text), "w", 0o666);
  return 0;
};

async function checked(io: Io, options: Options, lines: readonly string[], order: Compare): Promise<number> {
  const quiet = options.last("cC") === "C" || ["quiet", "silent"].includes(options.get("c") ?? "");
  const at = lines.findIndex((line, place) => place > 0 && order(lines[place - 1] ?? "", line) > (options.has("u") ? -1 : 0));
  if (at < 0) return 0;
  if (!quiet) await io.complain(`${options.operands[0] ?? "-"}:${at + 1}: disorder: ${lines[at] ?? ""}`);
  return 1;
}

/** A number below `limit`, each as likely. */
function chance(limit: number): number {
  const [found = 0] = crypto.getRandomValues(new Uint32Array(1));
  return Math.floor((found / 2 ** 32) * limit);
}

export const shuf: Tool = async (io, args) => {
  const options = parse(args, "e i: n: o: r z echo=e input-range=i: head-count=n: output=o: repeat=r zero-terminated=z !random-source");
  const end = options.has("z") ? "\0" : "\n";
  const range = /^(\d+)-(\d+)$/.exec(options.get("i") ?? "");
  if (options.has("i") && range === null) throw new ToolError(`invalid input range: ‘${options.get("i") ?? ""}’`);
  const lines = range !== null ? Array.from({ length: Number(range[2]) - Number(range[1]) + 1 }, (_, at) => String(Number(range[1]) + at)) : options.has("e") ? [...options.operands] : await inputs(io, options.operands.slice(0, 1), end);
  const count = Number(options.get("n") ?? (options.has("r") ? Infinity : lines.length));
  if (Number.isNaN(count)) throw new ToolError(`invalid line count: ‘${options.get("n") ?? ""}’`);
  if (lines.length === 0) return 0;
  const print = async (text: string): Promise<void> => {
    const file = options.get("o");
    if (file === undefined) return io.print(text);
    io.files("fs.writeFile", io.resolve(file), bytesOf(text), "a", 0o666);
  };
  if (options.has("o")) io.files("fs.writeFile", io.resolve(options.get("o") ?? ""), new Uint8Array(0), "w", 0o666);
  if (options.has("r")) for (let done = 0; done < count; done += 1) await print((lines[chance(lines.length)] ?? "") + end);
  else for (let done = 0; done < count && lines.length > 0; done += 1) await print((lines.splice(chance(lines.length), 1)[0] ?? "") + end);
  return 0;
};
