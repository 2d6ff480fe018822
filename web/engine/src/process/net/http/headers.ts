/** Headers: what may stand in them, and how those that came are joined. */

import { invalidArgType, invalidArgValue, nodeError } from "../../modules/errors.ts";

const TOKEN = /^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/;
const INVALID = /[^\t\x20-\x7e\x80-\xff]/;

/** `http.validateHeaderName`. */
export function validateHeaderName(name: unknown, label = "Header name"): void {
  if (typeof name !== "string" || name === "" || !TOKEN.test(name)) throw nodeError(TypeError, "ERR_INVALID_HTTP_TOKEN", `${label} must be a valid HTTP token ["${String(name)}"]`);
}

/** `http.validateHeaderValue`. */
export function validateHeaderValue(name: string, value: HeaderValue | undefined): void {
  if (value === undefined) throw nodeError(TypeError, "ERR_HTTP_INVALID_HEADER_VALUE", `Invalid value "undefined" for header "${name}"`);
  if (INVALID.test(String(value))) throw nodeError(TypeError, "ERR_INVALID_CHAR", `Invalid character in header content ["${name}"]`);
}

export type HeaderValue = string | number | readonly string[];

/** Headers to be sent, in the order in which they were set, whatever the case of their names. */
export class OutgoingHeaders {
  private readonly kept = new Map<string, [string, HeaderValue]>();

  set(name: string, value: HeaderValue): void {
    validateHeaderName(name);
    for (const one of Array.isArray(value) ? (value as readonly string[]) : [value]) validateHeaderValue(name, one);
    const key = name.toLowerCase();
    // A header that is set again keeps its place, as in Node.
    this.kept.set(key, [name, value]);
  }

  append(name: string, value: string | readonly string[]): void {
    validateHeaderValue(name, value);
    const before = this.get(name);
    const list = before === undefined ? [] : Array.isArray(before) ? (before as string[]) : [String(before)];
    this.set(name, [...list, ...(typeof value === "string" ? [value] : value)]);
  }

  get(name: unknown): HeaderValue | undefined {
    if (typeof name !== "string") throw invalidArgType("name", "string", name);
    return this.kept.get(name.toLowerCase())?.[1];
  }

  has(name: unknown): boolean {
    if (typeof name !== "string") throw invalidArgType("name", "string", name);
    return this.kept.has(name.toLowerCase());
  }

  remove(name: unknown): void {
    if (typeof name !== "string") throw invalidArgType("name", "string", name);
    this.kept.delete(name.toLowerCase());
  }

  /** Names in small letters. */
  names(): string[] {
    return [...this.kept.keys()];
  }

  /** Names as they were given. */
  rawNames(): string[] {
    return [...this.kept.values()].map(([name]) => name);
  }

  object(): Record<string, HeaderValue> {
    const found = Object.create(null) as Record<string, HeaderValue>;
    for (const [key, [, value]] of this.kept) found[key] = value;
    return found;
  }

  /** Lines as they are sent: a list gives several, cookies of a request one. */
  lines(): [string, string][] {
    return [...this.kept.values()].flatMap(([name, value]): [string, string][] => {
      if (!Array.isArray(value)) return [[name, String(value)]];
      if (name.toLowerCase() === "cookie") return [[name, (value as string[]).join("; ")]];
      return (value as string[]).map((one) => [name, one]);
    });
  }
}

/** Headers of which only the first counts. */
const SINGLE = new Set([
  "age", "authorization", "content-length", "content-type", "etag", "expires", "from", "host", "if-modified-since", "if-unmodified-since", "last-modified", "location", "max-forwards",
  "proxy-authorization", "referer", "retry-after", "server", "user-agent",
]);

/** Headers that came, by their names in small letters. */
export function joinedHeaders(raw: readonly string[], joinDuplicates = false): Record<string, string | string[]> {
  const found: Record<string, string | string[]> = {};
  for (let at = 0; at < raw.length; at += 2) {
    const name = (raw[at] ?? "").toLowerCase();
    const value = raw[at + 1] ?? "";
    const before = Object.hasOwn(found, name) ? found[name] : undefined;
    if (name === "set-cookie") {
      if (Array.isArray(before)) before.push(value);
      else found[name] = [value];
    } else if (before === undefined) Object.defineProperty(found, name, { value, writable: true, enumerable: true, configurable: true });
    else if (name === "cookie") found[name] = `${before as string}; ${value}`;
    else if (!SINGLE.has(name) || joinDuplicates) found[name] = `${before as string}, ${value}`;
  }
  return found;
}

/** Headers that came, all values of each name. */
export function distinctHeaders(raw: readonly string[]): Record<string, string[]> {
  const found = Object.create(null) as Record<string, string[]>;
  for (let at = 0; at < raw.length; at += 2) (found[(raw[at] ?? "").toLowerCase()] ??= []).push(raw[at + 1] ?? "");
  return found;
}

/** A flat list of names and values: a name that comes again has all its values. */
function gathered(list: readonly unknown[]): [string, HeaderValue][] {
  const found = new Map<string, [string, HeaderValue]>();
  for (let at = 0; at < list.length; at += 2) {
    const name = String(list[at]);
    const value = list[at + 1] as HeaderValue;
    const before = found.get(name.toLowerCase());
    if (before === undefined) found.set(name.toLowerCase(), [name, value]);
    else before[1] = [before[1], value].flat().map(String);
  }
  return [...found.values()];
}

/** Headers as `setHeaders` and `writeHead` take them: an object, pairs, a flat list, or a Headers or Map. */
export function headerPairs(headers: unknown): [string, HeaderValue][] {
  if (Array.isArray(headers)) {
    if (headers.every((one) => Array.isArray(one))) return headers as [string, HeaderValue][];
    if (headers.length % 2 !== 0) throw invalidArgValue("headers", headers);
    return gathered(headers);
  }
  if (headers instanceof Map || headers instanceof Headers) return [...(headers as Map<string, HeaderValue>)];
  return Object.entries((headers ?? {}) as Record<string, HeaderValue>);
}
