/** `util.MIMEType` and `util.MIMEParams`, by the rules of the WHATWG's MIME Sniffing standard. */

import { nodeError } from "../errors.ts";

const TOKEN = /^[!#$%&'*+\-.^_`|~A-Za-z0-9]+$/;
const QUOTABLE = /^[\t\u0020-~\u0080-\u00FF]*$/;

function syntaxError(part: string, text: string, at: number): Error {
  const where = at === -1 ? "" : ` at ${at}`;
  return nodeError(TypeError, "ERR_INVALID_MIME_SYNTAX", `The MIME syntax for a ${part} in ${JSON.stringify(text)} is invalid${where}`);
}

function written(value: string): string {
  if (value !== "" && TOKEN.test(value)) return value;
  return `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** Parameters of a MIME type. */
export class MIMEParams {
  readonly #map = new Map<string, string>();

  delete(name: string): void {
    this.#map.delete(name);
  }

  get(name: string): string | null {
    return this.#map.get(name) ?? null;
  }

  has(name: string): boolean {
    return this.#map.has(name);
  }

  set(name: string, value: string): void {
    const [key, text] = [String(name), String(value)];
    if (!TOKEN.test(key)) throw syntaxError("parameter name", key, [...key].findIndex((char) => !TOKEN.test(char)));
    if (!QUOTABLE.test(text)) throw syntaxError("parameter value", text, [...text].findIndex((char) => !QUOTABLE.test(char)));
    this.#map.set(key, text);
  }

  entries(): IterableIterator<[string, string]> {
    return this.#map.entries();
  }

  keys(): IterableIterator<string> {
    return this.#map.keys();
  }

  values(): IterableIterator<string> {
    return this.#map.values();
  }

  toString(): string {
    return [...this.#map].map(([name, value]) => `${name}=${written(value)}`).join(";");
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }
}

/** A quoted value from its opening quote, and where it ends. */
function quoted(text: string, start: number): { value: string; end: number } {
  let value = "";
  let at = start + 1;
  for (; at < text.length && text.charAt(at) !== '"'; at += 1) {
    if (text.charAt(at) === "\\" && at + 1 < text.length) at += 1;
    value += text.charAt(at);
  }
  const semicolon = text.indexOf(";", at);
  return { value, end: semicolon === -1 ? text.length : semicolon };
}

const matched = (pattern: RegExp, text: string, start: number): string => pattern.exec(text.slice(start))?.[0] ?? "";

/** A value without quotes, and where it ends. */
function unquoted(text: string, start: number): { value: string; end: number } {
  const raw = matched(/^[^;]*/, text, start);
  return { value: raw.trimEnd(), end: start + raw.length };
}

/** Parameters of a text behind the subtype; wrong ones are left out, the first of a name counts. */
function parameters(text: string): MIMEParams {
  const params = new MIMEParams();
  let at = 0;
  while (at < text.length) {
    at += matched(/^[\s;]*/, text, at).length;
    const name = matched(/^[^;=]*/, text, at);
    at += name.length;
    if (text.charAt(at) !== "=") continue;
    at += 1;
    const hasQuotes = text.charAt(at) === '"';
    const { value, end } = hasQuotes ? quoted(text, at) : unquoted(text, at);
    at = end;
    if (value === "" && !hasQuotes) continue;
    const key = name.toLowerCase();
    if (TOKEN.test(key) && QUOTABLE.test(value) && !params.has(key)) params.set(key, value);
  }
  return params;
}

/** A MIME type. */
export class MIMEType {
  #type: string;
  #subtype: string;
  readonly #params: MIMEParams;

  constructor(input: unknown) {
    const text = String(input).trim();
    const slash = text.indexOf("/");
    const type = slash === -1 ? text : text.slice(0, slash);
    if (slash === -1 || !TOKEN.test(type)) throw syntaxError("type", String(input), slash === -1 ? -1 : [...type].findIndex((char) => !TOKEN.test(char)));
    const semicolon = text.indexOf(";", slash);
    const subtype = text.slice(slash + 1, semicolon === -1 ? undefined : semicolon).trimEnd();
    if (!TOKEN.test(subtype)) throw syntaxError("subtype", String(input), -1);
    this.#type = type.toLowerCase();
    this.#subtype = subtype.toLowerCase();
    this.#params = parameters(semicolon === -1 ? "" : text.slice(semicolon));
  }

  get type(): string {
    return this.#type;
  }

  set type(value: string) {
    if (!TOKEN.test(value)) throw syntaxError("type", value, -1);
    this.#type = value.toLowerCase();
  }

  get subtype(): string {
    return this.#subtype;
  }

  set subtype(value: string) {
    if (!TOKEN.test(value)) throw syntaxError("subtype", value, -1);
    this.#subtype = value.toLowerCase();
  }

  get essence(): string {
    return `${this.#type}/${this.#subtype}`;
  }

  get params(): MIMEParams {
    return this.#params;
  }

  toString(): string {
    const params = this.#params.toString();
    return params === "" ? this.essence : `${this.essence};${params}`;
  }

  toJSON(): string {
    return this.toString();
  }
}
