/** `od`, `xxd`, `hexdump`, `base64`, `base32`: bytes as something to read. */

import { reason } from "../redirect.ts";
import { concat } from "../streams.ts";
import type { Io, Tool } from "./io.ts";
import { parse, refusal, ToolError, type Options } from "./options.ts";

/** All bytes of several files, one behind the other. */
async function together(io: Io, names: readonly string[]): Promise<{ data: Uint8Array; code: number }> {
  const parts: Uint8Array[] = [];
  let code = 0;
  for (const name of names.length === 0 ? ["-"] : names) {
    try {
      parts.push(await io.bytes(name));
    } catch (error) {
      const why = error instanceof ToolError ? null : reason(error);
      if (why === null) throw error;
      await io.complain(`${name}: ${why}`);
      code = 1;
    }
  }
  return { data: concat(parts), code };
}

const NAMED: Readonly<Record<number, string>> = { 0: "\\0", 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r" };
const CONTROLS = "nul soh stx etx eot enq ack bel bs ht nl vt ff cr so si dle dc1 dc2 dc3 dc4 nak syn etb can em sub esc fs gs rs us sp".split(" ");

interface Format {
  readonly size: number;
  readonly width: number;
  readonly shown: (view: DataView, at: number) => string;
  readonly text: boolean;
}

/** Digits that the largest number of some bytes takes. */
function digits(kind: string, size: number): number {
  const bits = BigInt(size * 8);
  if (kind === "x") return size * 2;
  if (kind === "o") return Math.ceil((size * 8) / 3);
  return kind === "u" ? (2n ** bits - 1n).toString().length : (2n ** (bits - 1n)).toString().length + 1;
}

function integer(view: DataView, at: number, size: number, signed: boolean): bigint {
  let value = 0n;
  for (let byte = size - 1; byte >= 0; byte -= 1) value = (value << 8n) | BigInt(view.getUint8(at + byte));
  return signed ? BigInt.asIntN(size * 8, value) : value;
}

function formats(type: string): Format[] {
  const found: Format[] = [];
  for (const [all, kind = "", word = "", text] of type.matchAll(/([acdfoux])(\d+|[CSILFD])?(z)?|./g)) {
    if (kind === "") throw new ToolError(`invalid character '${all}' in type string ‘${type}’`);
    const size = word === "" ? (kind === "a" || kind === "c" ? 1 : kind === "f" ? 8 : 4) : ({ C: 1, S: 2, I: 4, L: 8, F: 4, D: 8 }[word] ?? Number(word));
    if (![1, 2, 4, 8].includes(size)) throw new ToolError(`invalid type string ‘${type}’;\nthis system doesn't provide a ${size}-byte integral type`);
    if (kind === "f") throw refusal("a floating point type");
    found.push(format(kind, size, text !== undefined));
  }
  return found;
}

function format(kind: string, size: number, text: boolean): Format {
  if (kind === "c") {
    return { size: 1, width: 3, text, shown: (view, at) => {
      const byte = view.getUint8(at);
      return NAMED[byte] ?? (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : byte.toString(8).padStart(3, "0"));
    } };
  }
  if (kind === "a") {
    return { size: 1, width: 3, text, shown: (view, at) => {
      const byte = view.getUint8(at) & 127;
      return CONTROLS[byte] ?? (byte === 127 ? "del" : String.fromCharCode(byte));
    } };
  }
  const width = digits(kind, size);
  const base = kind === "x" ? 16 : kind === "o" ? 8 : 10;
  const padded = base === 10 ? " " : "0";
  return { size, width, text, shown: (view, at) => integer(view, at, size, kind === "d").toString(base).padStart(width, padded) };
}

const SHORT: Readonly<Record<string, string>> = { a: "a", b: "o1", c: "c", d: "u2", i: "d4", l: "d8", o: "o2", s: "d2", x: "x2" };

function count(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const found = /^(0x[0-9a-f]+|\d+)([bkKmM]?)$/i.exec(text);
  if (found === null) throw new ToolError(`invalid argument ‘${text}’`);
  const number = /^0[0-7]+$/.test(found[1] ?? "") ? Number.parseInt(found[1] ?? "", 8) : Number(found[1]);
  return number * ({ b: 512, k: 1024, K: 1024, m: 1 << 20, M: 1 << 20 }[found[2] ?? ""] ?? 1);
}

export const od: Tool = async (io, args) => {
  const options = parse(args, "A: j: N: t: v w? a b c d i l o s x !f !e !S address-radix=A: skip-bytes=j: read-bytes=N: format=t: output-duplicates=v width=w? !strings !endian !traditional");
  const types = options.given.flatMap(([key, value]) => (key === "t" ? formats(value) : SHORT[key] === undefined ? [] : formats(SHORT[key])));
  const wanted = types.length === 0 ? formats("o2") : types;
  const { data: all, code } = await together(io, options.operands);
  const skipped = count(options.get("j"), 0);
  if (skipped > all.length) throw new ToolError("cannot skip past end of combined input");
  const data = all.slice(skipped, skipped + count(options.get("N"), all.length));
  const radix = options.get("A") ?? "o";
  const address = (at: number): string => (radix === "n" ? "" : at.toString({ d: 10, o: 8, x: 16 }[radix] ?? 8).padStart(radix === "x" ? 6 : 7, "0"));
  const line = Number(options.has("w") ? options.get("w") || "32" : 16);
  const cell = Math.max(...wanted.map((each) => (each.width + 1) * (16 / each.size)));
  let before = "";
  let starred = false;
  for (let at = 0; at < data.length; at += line) {
    const part = data.slice(at, at + line);
    const text = wanted.map((each, place) => row(part, each, line, (cell / 16) * each.size, place === 0 ? address(at + skipped) : " ".repeat(address(0).length))).join("");
    const same = part.length === line && before === part.join();
    if (same && !options.has("v")) {
      if (!starred) await io.print("*\n");
      starred = true;
      continue;
    }
    [before, starred] = [part.length === line ? part.join() : "", false];
    await io.print(text);
  }
  if (radix !== "n") await io.print(`${address(data.length + skipped)}\n`);
  return code;
};

function row(part: Uint8Array, { size, shown, text }: Format, line: number, cell: number, address: string): string {
  const whole = new Uint8Array(Math.ceil(part.length / size) * size);
  whole.set(part);
  const view = new DataView(whole.buffer);
  let made = address;
  for (let at = 0; at < part.length; at += size) made += shown(view, at).padStart(cell);
  if (text) made += `${" ".repeat(Math.max(0, (line - whole.length) / size) * cell)}  >${readable(part)}<`;
  return `${made}\n`;
}

function readable(data: Uint8Array): string {
  return Array.from(data, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
}

const hex = (byte: number): string => byte.toString(16).padStart(2, "0");

export const xxd: Tool = async (io, args) => {
  const options = parse(args.map((arg) => (arg === "-ps" ? "-p" : arg)), "p r u b c: l: s: g: i !a !e !E !o !C !d plain=p postscript=p revert=r uppercase=u bits=b cols=c: len=l: seek=s: groupsize=g: include=i", { code: 1 });
  const [name = "-"] = options.operands;
  let all: Uint8Array;
  try {
    all = await io.bytes(name);
  } catch (error) {
    const why = error instanceof ToolError ? null : reason(error);
    if (why === null) throw error;
    throw new ToolError(`${name}: ${why}`, 2);
  }
  if (options.has("b") || options.has("i")) throw refusal(options.has("b") ? "option -b" : "option -i");
  if (options.has("r")) {
    await io.print(options.has("p") ? plainBytes(new TextDecoder().decode(all)) : revertedBytes(new TextDecoder().decode(all)));
    return 0;
  }
  const skip = Number(options.get("s") ?? 0);
  const data = all.slice(skip).slice(0, options.has("l") ? Number(options.get("l")) : undefined);
  const columns = Number(options.get("c") ?? (options.has("p") ? 30 : 16));
  const group = Number(options.get("g") ?? 2) || columns;
  for (let at = 0; at < data.length; at += columns) {
    const part = data.slice(at, at + columns);
    const texts = Array.from(part, (byte) => (options.has("u") ? hex(byte).toUpperCase() : hex(byte)));
    if (options.has("p")) {
      await io.print(`${texts.join("")}\n`);
      continue;
    }
    const grouped = Array.from({ length: columns }, (_, place) => (texts[place] ?? "  ") + ((place + 1) % group === 0 ? " " : "")).join("");
    await io.print(`${(at + skip).toString(16).padStart(8, "0")}: ${columns % group === 0 ? grouped : `${grouped} `} ${readable(part)}\n`);
  }
  return 0;
};

function plainBytes(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/\s+/g, "").match(/[0-9a-fA-F]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function revertedBytes(text: string): Uint8Array {
  return concat(text.split("\n").map((line) => plainBytes(/^[0-9a-fA-F]+: ?((?:[0-9a-fA-F]+ ?)*)(?: |$)/.exec(line)?.[1] ?? "")));
}

export const hexdump: Tool = async (io, args) => {
  const options = parse(args, "C n: s: v canonical=C length=n: skip=s: no-squeezing=v !b !c !d !o !x !e !f !L !format !format-file");
  const { data: all, code } = await together(io, options.operands);
  const skip = Number(options.get("s") ?? 0);
  const data = all.slice(skip).slice(0, options.has("n") ? Number(options.get("n")) : undefined);
  const canonical = options.has("C");
  const address = (at: number): string => (at + skip).toString(16).padStart(canonical ? 8 : 7, "0");
  let before = "";
  let starred = false;
  for (let at = 0; at < data.length; at += 16) {
    const part = data.slice(at, at + 16);
    const same = part.length === 16 && part.join() === before;
    if (same && !options.has("v")) {
      if (!starred) await io.print("*\n");
      starred = true;
      continue;
    }
    [before, starred] = [part.join(), false];
    await io.print(`${address(at)}${canonical ? canonicalRow(part) : words(part)}\n`);
  }
  if (data.length > 0) await io.print(`${address(data.length)}\n`);
  return code;
};

function canonicalRow(part: Uint8Array): string {
  const text = Array.from({ length: 16 }, (_, at) => (at % 8 === 0 ? " " : "") + (at < part.length ? ` ${hex(part[at] ?? 0)}` : "   ")).join("");
  return `${text}  |${readable(part)}|`;
}

function words(part: Uint8Array): string {
  return Array.from({ length: 8 }, (_, at) => (at * 2 < part.length ? ` ${hex(part[at * 2 + 1] ?? 0)}${hex(part[at * 2] ?? 0)}` : "     ")).join("");
}

interface Alphabet {
  readonly chars: string;
  readonly bits: number;
  readonly block: number;
}

const BASE64: Alphabet = { chars: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", bits: 6, block: 4 };
const BASE32: Alphabet = { chars: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", bits: 5, block: 8 };

function encoded(data: Uint8Array, { chars, bits, block }: Alphabet): string {
  let [text, value, size] = ["", 0, 0];
  for (const byte of data) {
    value = ((value << 8) | byte) & 0xffff;
    size += 8;
    for (; size >= bits; size -= bits) text += chars.charAt((value >> (size - bits)) & ((1 << bits) - 1));
  }
  if (size > 0) text += chars.charAt((value << (bits - size)) & ((1 << bits) - 1));
  return text.padEnd(Math.ceil(text.length / block) * block, "=");
}

/** The bytes of a text, and whether all of it was as it has to be. */
function decoded(text: string, { chars, bits, block }: Alphabet): { data: Uint8Array; valid: boolean } {
  const body = text.replace(/=+$/, "");
  const bytes: number[] = [];
  let [value, size] = [0, 0];
  for (const char of body) {
    const at = chars.indexOf(char);
    if (at < 0) return { data: Uint8Array.from(bytes), valid: false };
    value = ((value << bits) | at) & 0xffff;
    size += bits;
    if (size >= 8) {
      size -= 8;
      bytes.push((value >> size) & 255);
    }
  }
  return { data: Uint8Array.from(bytes), valid: text.length % block === 0 };
}

const base = (alphabet: Alphabet): Tool => async (io, args) => {
  const options: Options = parse(args, "d D=d i w: decode=d ignore-garbage=i wrap=w:");
  const [name = "-", extra] = options.operands;
  if (extra !== undefined) throw new ToolError(`extra operand ‘${extra}’\nTry '\0 --help' for more information.`);
  const { data, code } = await together(io, [name]);
  if (code !== 0) return code;
  if (options.has("d")) {
    const text = new TextDecoder("latin1").decode(data).replace(/\n/g, "");
    const found = decoded(options.has("i") ? Array.from(text).filter((char) => alphabet.chars.includes(char) || char === "=").join("") : text, alphabet);
    await io.print(found.data);
    if (found.valid) return 0;
    throw new ToolError("invalid input");
  }
  const width = options.get("w") ?? "76";
  if (!/^\d+$/.test(width)) throw new ToolError(`invalid wrap size: ‘${width}’`);
  const text = encoded(data, alphabet);
  await io.print(Number(width) === 0 ? text : (text.match(new RegExp(`.{1,${width}}`, "g")) ?? []).map((line) => `${line}\n`).join(""));
  return 0;
};

export const base64 = base(BASE64);
export const base32 = base(BASE32);
