/** `url.parse`, `url.format`, `url.resolve`: Node's older way with URLs, with its peculiarities. */

import { invalidArgType, nodeError, unsupported } from "../errors.ts";
import { parse as parseQuery, stringify } from "../querystring.ts";
import { validateString } from "../validate.ts";

const SLASHED = new Set(["http", "https", "ftp", "gopher", "file", "ws", "wss"]);
const NO_HOST = new Set(["javascript"]);
/** Characters that are escaped in what follows the host. */
const ESCAPED: Readonly<Record<string, string>> = {
  "\t": "%09", "\n": "%0A", "\r": "%0D", " ": "%20", '"': "%22", "'": "%27", "<": "%3C", ">": "%3E",
  "\\": "%5C", "^": "%5E", "`": "%60", "{": "%7B", "|": "%7C", "}": "%7D",
};
const FORBIDDEN_HOST = /[\0\t\n\r #%/:<>?@[\\\]^|]/;

const bare = (protocol: string | null): string => (protocol ?? "").replace(/:$/, "").toLowerCase();
/** Programs leave parts out of what they format, or give undefined. */
const present = (part: string | null | undefined): part is string => part !== null && part !== undefined && part !== "";
const isSlashed = (protocol: string | null): boolean => SLASHED.has(bare(protocol));

function invalid(input: string): Error {
  const error = nodeError(TypeError, "ERR_INVALID_URL", "Invalid URL");
  return Object.assign(error, { input });
}

/** A URL in parts, null where there is none. */
export class Url {
  protocol: string | null = null;
  slashes: boolean | null = null;
  auth: string | null = null;
  host: string | null = null;
  port: string | null = null;
  hostname: string | null = null;
  hash: string | null = null;
  search: string | null = null;
  query: string | null | Record<string, string | string[]> = null;
  pathname: string | null = null;
  path: string | null = null;
  href: string | null = null;

  parse(input: unknown, parseQueryString = false, slashesDenoteHost = false): this {
    validateString(input, "url");
    let rest = input.replace(/^[\s\ufeff]+|[\s\ufeff]+$/g, "");
    rest = backslashesTurned(rest);
    if (!slashesDenoteHost && this.parsePathOnly(rest, parseQueryString)) return this;
    const proto = /^[a-z0-9.+-]+:/i.exec(rest)?.[0];
    if (proto !== undefined) {
      this.protocol = proto.toLowerCase();
      rest = rest.slice(proto.length);
    }
    const raw = NO_HOST.has(bare(this.protocol));
    if (!raw) rest = this.parseHost(rest, input, slashesDenoteHost);
    this.parseTail(rest, raw, parseQueryString);
    return this;
  }

  /** Take slashes and what is behind them off the text, if there is a host. */
  private parseHost(text: string, input: string, slashesDenoteHost: boolean): string {
    const { protocol } = this;
    const slashes = text.startsWith("//") && (slashesDenoteHost || protocol !== null || /^\/\/[^@/]+@[^@/]+/.test(text));
    if (slashes) this.slashes = true;
    const rest = slashes ? text.slice(2) : text;
    return slashes || (protocol !== null && !isSlashed(protocol)) ? this.parseAuthority(rest, input) : rest;
  }

  /** A path without protocol and host is most of what servers parse. */
  private parsePathOnly(rest: string, parseQueryString: boolean): boolean {
    const simple = /^(\/\/?(?!\/)[^?\s]*)(\?[^\s]*)?$/.exec(rest);
    if (simple === null || /[#@]/.test(rest)) return false;
    this.path = rest;
    this.href = rest;
    this.pathname = simple[1] ?? null;
    this.setSearch(simple[2], parseQueryString);
    return true;
  }

  private setSearch(search: string | undefined, parseQueryString: boolean): void {
    if (search !== undefined) {
      this.search = search;
      this.query = parseQueryString ? parseQuery(search.slice(1)) : search.slice(1);
    } else if (parseQueryString) {
      this.search = null;
      this.query = Object.create(null) as Record<string, string>;
    }
  }

  private parseAuthority(text: string, input: string): string {
    const end = /[/?#\t\n\r "%<>\\^`{|}';]/.exec(text.slice(text.slice(0, text.search(/[/?#]|$/)).lastIndexOf("@") + 1));
    const at = text.slice(0, text.search(/[/?#]|$/)).lastIndexOf("@");
    if (at !== -1) this.auth = decodeURIComponent(text.slice(0, at));
    const from = at + 1;
    let host = end === null ? text.slice(from) : text.slice(from, from + end.index);
    let rest = text.slice(from + host.length);
    const port = /:[0-9]*$/.exec(host)?.[0];
    if (port !== undefined) {
      if (port !== ":") this.port = port.slice(1);
      host = host.slice(0, -port.length);
    }
    // What cannot be in a host is taken as the start of the path.
    const valid = /^\[.*\]$|^[^:]*/.exec(host)?.[0] ?? "";
    if (valid.length < host.length) {
      rest = `/${host.slice(valid.length)}${rest}`;
      host = valid;
    }
    this.setHost(host, input);
    return rest;
  }

  private setHost(host: string, input: string): void {
    const literal = host.startsWith("[") && host.endsWith("]");
    let name = host.length > 255 ? "" : host.toLowerCase();
    if (!literal && name !== "") {
      if (/[^\0-\x7f]/.test(name)) name = domainToASCII(name);
      if (name === "" || FORBIDDEN_HOST.test(name)) throw invalid(input);
    }
    this.host = name + (this.port === null ? "" : `:${this.port}`);
    this.hostname = literal ? name.slice(1, -1) : name;
  }

  private parseTail(text: string, raw: boolean, parseQueryString: boolean): void {
    const rest = raw ? text : text.replace(/[\t\n\r "'<>\\^`{|}]/g, (char) => ESCAPED[char] ?? char);
    const [, path = "", search, hash] = /^([^?#]*)(\?[^#]*)?(#[^]*)?$/.exec(rest) ?? [];
    if (hash !== undefined) this.hash = hash;
    this.setSearch(search, parseQueryString);
    if (path !== "") this.pathname = path;
    if (isSlashed(this.protocol) && present(this.hostname) && this.pathname === null) this.pathname = "/";
    this.finish();
  }

  /** Set what is made of the other parts. */
  private finish(): void {
    if (this.pathname !== null || this.search !== null) this.path = (this.pathname ?? "") + (this.search ?? "");
    this.href = this.format();
  }

  format(): string {
    let protocol = this.protocol ?? "";
    if (protocol !== "" && !protocol.endsWith(":")) protocol += ":";
    let pathname = (this.pathname ?? "").replace(/[?#]/g, (char) => encodeURIComponent(char));
    let host = hostText(this);
    if (this.slashes === true || (isSlashed(protocol) && host !== "")) {
      if (pathname !== "" && !pathname.startsWith("/")) pathname = `/${pathname}`;
      host = `//${host}`;
    } else if (protocol === "file:") host = "//";
    return protocol + host + pathname + searchText(this) + startingWith("#", this.hash ?? "");
  }

  resolve(relative: string): string {
    return this.resolveObject(new Url().parse(relative, false, true)).format();
  }

  resolveObject(target: Url | string): Url {
    const relative = typeof target === "string" ? new Url().parse(target, false, true) : target;
    const result = Object.assign(new Url(), this);
    result.hash = relative.hash;
    if (relative.href === "") {
      result.href = result.format();
      return result;
    }
    checkResolvable(this, relative);
    if (relative.slashes === true && relative.protocol === null) {
      Object.assign(result, { ...relative, protocol: this.protocol });
      if (isSlashed(result.protocol) && result.hostname !== null && result.pathname === null) result.pathname = result.path = "/";
    } else if (relative.protocol !== null && relative.protocol !== result.protocol) otherProtocol(result, relative);
    else resolvePath(result, relative);
    result.finish();
    return result;
  }
}

const startingWith = (sign: string, text: string): string => (text === "" || text.startsWith(sign) ? text : sign + text);

/** Name and password, host and port, without the slashes before them. */
function hostText({ auth, host, hostname, port }: Url): string {
  const user = present(auth) ? `${encodeURIComponent(auth).replaceAll("%3A", ":").replace(/%(21|27|28|29|2A)/g, (found) => decodeURIComponent(found))}@` : "";
  if (present(host)) return user + host;
  if (!present(hostname)) return "";
  const name = hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
  return user + name + (present(port) ? `:${port}` : "");
}

function searchText({ search, query }: Url): string {
  const text = present(search) || query === null || typeof query !== "object" ? search : stringify(query);
  return startingWith("?", text ?? "").replaceAll("#", "%23");
}

/** `mailto:`, `urn:` and other protocols without a host's slashes are resolved by Node in ways that no standard has: not here. */
function checkResolvable(base: Url, relative: Url): void {
  const { protocol } = base;
  if (protocol === null || isSlashed(protocol) || relative.slashes === true) return;
  if (relative.protocol !== null && relative.protocol !== protocol) return;
  const below = base.slashes === true && relative.pathname?.startsWith("/") !== true;
  const sameFile = relative.pathname === null && !NO_HOST.has(bare(protocol));
  if (relative.protocol !== null || !(below || sameFile)) throw unsupported(`url.resolve against a URL of "${protocol}"`, "new URL() does it by the standard");
}

/** A relative URL of another protocol; for those with a host, the first part of its path is one when there is no other. */
function otherProtocol(result: Url, relative: Url): void {
  const slashes = result.slashes ?? relative.slashes;
  const { host, pathname } = relative;
  Object.assign(result, relative);
  if (!isSlashed(relative.protocol)) return;
  result.slashes = slashes;
  if (present(host) || relative.protocol === "file:") return;
  const parts = (pathname ?? "").split("/");
  const first = parts.findIndex((part) => part !== "");
  result.host = result.hostname = first === -1 ? "" : (parts[first] ?? "");
  result.pathname = `/${first === -1 ? "" : parts.slice(first + 1).join("/")}`;
}

function backslashesTurned(text: string): string {
  const end = text.search(/[?#]/);
  const head = end === -1 ? text : text.slice(0, end);
  return head.replaceAll("\\", "/") + text.slice(head.length);
}

/** Take host, path and search of the relative one, and drop `.` and `..` from the joined path. */
function resolvePath(result: Url, relative: Url): void {
  const elsewhere = present(relative.host);
  if (elsewhere) {
    result.host = relative.host;
    result.hostname = relative.hostname;
    result.port = relative.port;
    result.auth = relative.auth;
  }
  const ownPath = relative.pathname ?? "";
  if (ownPath === "" && !elsewhere) {
    if (relative.search !== null) {
      result.search = relative.search;
      result.query = relative.query;
    }
    return;
  }
  const absolute = elsewhere || ownPath.startsWith("/");
  const base = (result.pathname ?? "").split("/");
  base.pop();
  const parts = absolute ? ownPath.split("/") : [...base, ...ownPath.split("/")];
  result.pathname = withoutDots(parts, absolute || present(result.host) || (result.pathname ?? "").startsWith("/"));
  result.search = relative.search;
  result.query = relative.query;
}

const canRise = ([first, ...rest]: readonly string[]): boolean => rest.length > 0 || (first !== undefined && first !== "" && first !== "..");

function withoutDots(parts: readonly string[], rooted: boolean): string {
  const last = parts.at(-1);
  const kept: string[] = [];
  for (const part of parts) {
    if (part === ".") continue;
    if (part !== "..") kept.push(part);
    else if (canRise(kept)) kept.pop();
    else if (!rooted) kept.push("..");
  }
  if (last === "." || last === "..") kept.push("");
  const path = kept.join("/");
  return rooted && !path.startsWith("/") ? `/${path}` : path;
}

/** The ASCII form of a domain, empty when it is none: by the browser's URL parser. */
export function domainToASCII(domain: unknown): string {
  try {
    return new URL(`ws://${String(domain)}`).hostname;
  } catch {
    return "";
  }
}

export function parse(url: unknown, parseQueryString = false, slashesDenoteHost = false): Url {
  return url instanceof Url ? url : new Url().parse(url, parseQueryString, slashesDenoteHost);
}

interface FormatOptions {
  readonly auth?: boolean;
  readonly fragment?: boolean;
  readonly search?: boolean;
  readonly unicode?: boolean;
}

/** Text of a WHATWG URL with parts left out, of a legacy one, or of its parts. */
export function format(url: unknown, options: FormatOptions = {}): string {
  if (typeof url === "string") return new Url().parse(url).format();
  if (typeof url !== "object" || url === null) throw invalidArgType("urlObject", ["object", "string"], url);
  if (!(url instanceof URL)) return Url.prototype.format.call(Object.assign(new Url(), url));
  const copy = new URL(url.href);
  if (options.fragment === false) copy.hash = "";
  if (options.search === false) copy.search = "";
  if (options.auth === false) {
    copy.username = "";
    copy.password = "";
  }
  return options.unicode === true ? copy.href.replace(copy.hostname, domainToUnicode(copy.hostname)) : copy.href;
}

export const resolve = (from: string, to: string): string => parse(from, false, true).resolve(to);
export const resolveObject = (from: string | Url, to: string): Url | string => (from === "" ? to : parse(from, false, true).resolveObject(to));

/** The Unicode form of a domain: each label that is Punycode decoded. */
export function domainToUnicode(domain: unknown): string {
  const ascii = domainToASCII(domain);
  return ascii.split(".").map((label) => (label.startsWith("xn--") ? decodePunycode(label.slice(4)) : label)).join(".");
}

/** RFC 3492, section 6.2. */
export function decodePunycode(text: string): string {
  const dash = text.lastIndexOf("-");
  const out = Array.from(dash > 0 ? text.slice(0, dash) : "", (char) => char.codePointAt(0) ?? 0);
  let [n, bias, i] = [128, 72, 0];
  for (let at = dash > 0 ? dash + 1 : 0; at < text.length;) {
    const before = i;
    for (let weight = 1, k = 36; ; k += 36) {
      const digit = Number.parseInt(text.charAt(at), 36);
      if (Number.isNaN(digit)) throw new RangeError("Invalid input");
      at += 1;
      const value = digit < 10 ? digit + 26 : digit - 10;
      i += value * weight;
      const threshold = Math.min(26, Math.max(1, k - bias));
      if (value < threshold) break;
      weight *= 36 - threshold;
    }
    bias = adapted(i - before, out.length + 1, before === 0);
    n += Math.floor(i / (out.length + 1));
    i %= out.length + 1;
    out.splice(i, 0, n);
    i += 1;
  }
  return String.fromCodePoint(...out);
}

/** RFC 3492, section 6.1. */
export function adapted(delta: number, points: number, first: boolean): number {
  let rest = first ? Math.floor(delta / 700) : delta >> 1;
  rest += Math.floor(rest / points);
  let k = 0;
  for (; rest > 455; k += 36) rest = Math.floor(rest / 35);
  return k + Math.floor((36 * rest) / (rest + 38));
}
