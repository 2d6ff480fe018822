/** `querystring`. */

import { Buffer } from "./buffer.ts";
import { nodeError } from "./errors.ts";

type Query = Record<string, string | string[]>;

/** Bytes of percent-encoded text; what is no escape stays as it is. */
export function unescapeBuffer(text: string, decodeSpaces = false): Uint8Array {
  const source = Buffer.from(text, "latin1");
  const out = Buffer.alloc(source.length);
  let length = 0;
  for (let at = 0; at < source.length; at += 1) {
    const byte = source[at] ?? 0;
    const pair = byte === 0x25 ? source.toString("latin1", at + 1, at + 3) : "";
    if (/^[0-9a-fA-F]{2}$/.test(pair)) {
      out[length] = Number.parseInt(pair, 16);
      at += 2;
    } else out[length] = decodeSpaces && byte === 0x2b ? 0x20 : byte;
    length += 1;
  }
  return out.subarray(0, length);
}

export function unescape(text: string, decodeSpaces = false): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return Buffer.from(unescapeBuffer(text, decodeSpaces)).toString();
  }
}

export function escape(value: unknown): string {
  const text = typeof value === "string" ? value : typeof value === "object" ? String(value) : (value as string);
  try {
    return encodeURIComponent(text);
  } catch {
    throw nodeError(URIError, "ERR_INVALID_URI", "URI malformed");
  }
}

/** What a primitive is in a query: numbers that are not finite, and objects, are empty. */
function primitive(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  if (typeof value === "bigint" || typeof value === "boolean") return String(value);
  return "";
}

interface StringifyOptions {
  readonly encodeURIComponent?: (text: string) => string;
}

export function stringify(query: unknown, separator = "&", equals = "=", options?: StringifyOptions): string {
  if (query === null || typeof query !== "object") return "";
  const encode = options?.encodeURIComponent ?? querystring.escape;
  const [between, sign] = [separator || "&", equals || "="];
  const parts: string[] = [];
  for (const [key, value] of Object.entries(query)) {
    const name = encode(primitive(key)) + sign;
    if (Array.isArray(value)) parts.push(...value.map((item) => name + encode(primitive(item))));
    else parts.push(name + encode(primitive(value)));
  }
  return parts.join(between);
}

interface ParseOptions {
  readonly maxKeys?: number;
  readonly decodeURIComponent?: (text: string) => string;
}

function decodeWith(decode: (text: string) => string, text: string): string {
  const spaced = text.replaceAll("+", " ");
  try {
    return decode(spaced);
  } catch {
    return unescape(spaced, true);
  }
}

function pairsOf(text: string, between: string, limit: number): string[] {
  const pairs = text.split(between).filter((pair) => pair !== "");
  return limit > 0 ? pairs.slice(0, limit) : pairs;
}

/** A name that comes again has all its values. */
function add(found: Query, name: string, value: string): void {
  const known = found[name];
  if (known === undefined) found[name] = value;
  else if (Array.isArray(known)) known.push(value);
  else found[name] = [known, value];
}

export function parse(text: unknown, separator?: unknown, equals?: unknown, options?: ParseOptions | null): Query {
  const found = Object.create(null) as Query;
  if (typeof text !== "string" || text === "") return found;
  const [between, sign] = [String(separator || "&"), String(equals || "=")];
  const decode = options?.decodeURIComponent ?? querystring.unescape;
  for (const pair of pairsOf(text, between, options?.maxKeys ?? 1000)) {
    const cut = pair.indexOf(sign);
    const name = decodeWith(decode, cut === -1 ? pair : pair.slice(0, cut));
    add(found, name, decodeWith(decode, cut === -1 ? "" : pair.slice(cut + sign.length)));
  }
  return found;
}

/** The module, with the keys of Node's in its order. */
export const querystring = { unescapeBuffer, unescape, escape, stringify, encode: stringify, parse, decode: parse };
