/**
 * HTTP/1.1 messages from bytes (RFC 9112), as they come, as strictly as Node 20 reads them.
 *
 * Whatever two readers could understand differently (a length twice, a length beside chunks, lines that end otherwise)
 * is refused before anybody hears of the message.
 */

import { METHODS } from "./facts.ts";

/** The first line and the headers of a message. */
export interface Head {
  /** Request: the method and the target. */
  readonly method: string;
  readonly url: string;
  /** Response: the status. */
  readonly status: number;
  readonly reason: string;
  readonly major: number;
  readonly minor: number;
  /** Names and values in turn, as they were sent; bytes as latin1. */
  readonly headers: string[];
  /** Whether what follows is no HTTP any more, if the receiver agrees: `Upgrade`, CONNECT, 101. */
  readonly upgrade: boolean;
  readonly keepAlive: boolean;
}

/** Who hears what a parser finds. */
export interface Listener {
  /** A head; the answer says that there is no body whatever the headers say (an answer to HEAD), or that the rest is no HTTP. */
  head(head: Head): "body" | "no-body" | "upgrade";
  body(chunk: Uint8Array): void;
  /** A message is whole; trailers as headers are. */
  complete(trailers: string[]): void;
}

/** What is no HTTP: `code` as Node's parser has it. */
export class ParseError extends Error {
  constructor(readonly code: string, readonly reason: string) {
    super(`Parse Error: ${reason}`);
  }
}

type State = "start" | "headers" | "length" | "until-close" | "chunk-size" | "chunk" | "chunk-end" | "trailers" | "upgraded";

/** Bytes of one chunk's extensions at most. */
const EXTENSIONS = 16 * 1024;
const VERSIONS = new Set(["0.9", "1.0", "1.1", "2.0"]);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Reads one message after another. */
export class Parser {
  private state: State = "start";
  private rest: Uint8Array = new Uint8Array(0);
  private lines: string[] = [];
  private remaining = 0;
  private size = 0;
  /** Whether the last message said that it is the last of the connection. */
  private last = false;
  /** What the first line says. */
  private begun: FirstLine = { method: "", url: "", status: 0, reason: "", version: "1.1" };

  /** `limit`: bytes that a head may have. */
  constructor(private readonly kind: "request" | "response", private readonly listener: Listener, private readonly limit = 16 * 1024) {}

  /** Whether a message has begun and is not over. */
  get busy(): boolean {
    return this.state !== "start" || this.rest.length > 0;
  }

  /** Take bytes. The answer is what lies behind an upgrade, else null. Throws ParseError. */
  execute(data: Uint8Array): Uint8Array | null {
    let chunk = this.rest.length === 0 ? data : joined(this.rest, data);
    this.rest = new Uint8Array(0);
    while (chunk.length > 0 && !this.isUpgraded()) {
      const next = this.isBody() ? this.takeBody(chunk) : this.takeLine(chunk);
      if (next === null) {
        this.rest = chunk.slice();
        return null;
      }
      chunk = next;
    }
    return this.isUpgraded() ? chunk : null;
  }

  private isUpgraded(): boolean {
    return this.state === "upgraded";
  }

  /** The connection has ended. Throws ParseError when that is in the middle of a message. */
  finish(): void {
    if (this.state === "until-close") {
      this.state = "start";
      this.listener.complete([]);
    } else if (this.state !== "start" && this.state !== "upgraded") throw new ParseError("HPE_INVALID_EOF_STATE", "Invalid EOF state");
  }

  private isBody(): boolean {
    return this.state === "length" || this.state === "until-close" || this.state === "chunk";
  }

  private takeBody(chunk: Uint8Array): Uint8Array {
    if (this.state === "until-close") {
      this.listener.body(chunk.slice());
      return new Uint8Array(0);
    }
    const wanted = Math.min(chunk.length, this.remaining);
    this.remaining -= wanted;
    if (wanted > 0) this.listener.body(chunk.slice(0, wanted));
    if (this.remaining === 0) {
      if (this.state === "chunk") this.state = "chunk-end";
      else this.over([]);
    }
    return chunk.subarray(wanted);
  }

  private takeLine(chunk: Uint8Array): Uint8Array | null {
    const end = chunk.indexOf(10);
    this.limitLine(end, chunk.length);
    if (end < 0) return null;
    if (end === 0 || chunk[end - 1] !== 13) throw this.bareLineFeed();
    this.line(latin1(chunk.subarray(0, end - 1)));
    return chunk.subarray(end + 1);
  }

  private limitLine(end: number, available: number): void {
    const length = end < 0 ? available : end + 1;
    if (this.state === "chunk-size") {
      if (length > EXTENSIONS) throw new ParseError("HPE_CHUNK_EXTENSIONS_OVERFLOW", "Chunk extensions overflow");
      return;
    }
    if (this.size + length > this.limit) throw new ParseError("HPE_HEADER_OVERFLOW", "Header overflow");
    if (end >= 0) this.size += length;
  }

  private bareLineFeed(): ParseError {
    if (this.state !== "start") return new ParseError("HPE_CR_EXPECTED", this.state === "chunk-size" ? "Missing expected CR after chunk size" : "Missing expected CR after header value");
    if (this.kind === "request") return new ParseError("HPE_INVALID_VERSION", "Invalid HTTP version");
    return new ParseError("HPE_CR_EXPECTED", "Missing expected CR after response line");
  }

  private line(line: string): void {
    switch (this.state) {
      case "start":
        if (line === "") return;
        if (this.last && this.kind === "request") throw new ParseError("HPE_CLOSED_CONNECTION", "Data after `Connection: close`");
        this.begun = this.kind === "request" ? requestLine(line) : statusLine(line);
        this.state = "headers";
        return;
      case "headers":
        if (line === "") return this.headDone();
        return this.header(line);
      case "chunk-size": return this.chunkSize(line);
      case "chunk-end":
        if (line !== "") throw new ParseError("HPE_STRICT", "Expected LF after chunk data");
        this.state = "chunk-size";
        return;
      default:
        if (line === "") return this.over(this.pairs());
        return this.header(line);
    }
  }

  private header(line: string): void {
    // A line that goes on with the next one is read differently by different readers.
    if (/^[ \t]/.test(line)) throw this.lines.length === 0 ? new ParseError("HPE_UNEXPECTED_SPACE", "Unexpected space after start line") : new ParseError("HPE_INVALID_HEADER_TOKEN", "Unexpected whitespace after header value");
    this.lines.push(line);
  }

  private pairs(): string[] {
    const pairs: string[] = [];
    for (const line of this.lines) {
      const at = line.indexOf(":");
      const name = line.slice(0, at);
      const value = line.slice(at + 1).replace(/^[ \t]+|[ \t]+$/g, "");
      if (at <= 0 || !TOKEN.test(name)) throw new ParseError("HPE_INVALID_HEADER_TOKEN", "Invalid header token");
      if (value.includes("\r")) throw new ParseError("HPE_LF_EXPECTED", "Missing expected LF after header value");
      if (!VALUE.test(value)) throw new ParseError("HPE_INVALID_HEADER_TOKEN", "Invalid header value char");
      pairs.push(name, value);
    }
    this.lines = [];
    this.size = 0;
    return pairs;
  }

  private headDone(): void {
    const head = this.makeHead(this.pairs());
    const framing = framingOf(this.kind, head);
    this.last = !head.keepAlive;
    const informational = this.kind === "response" && head.status < 200 && head.status !== 101;
    const answer = this.listener.head(head);
    if (answer === "upgrade") this.state = "upgraded";
    else if (informational) this.over(null);
    else if (answer === "no-body" || head.status === 204 || head.status === 304 || framing === 0) this.over([]);
    else if (typeof framing === "string") this.state = framing;
    else {
      this.remaining = framing;
      this.state = "length";
    }
  }

  private makeHead(headers: string[]): Head {
    const { method, url, status, reason, version } = this.begun;
    const connection = valueOf(headers, "connection").toLowerCase().split(",").map((word) => word.trim());
    const [major, minor] = [Number(version[0]), Number(version[2])];
    const upgrade = this.kind === "response" ? status === 101 : method === "CONNECT" || (valueOf(headers, "upgrade") !== "" && connection.includes("upgrade"));
    const keepAlive = major === 1 && minor === 1 ? !connection.includes("close") : connection.includes("keep-alive");
    return { method, url, status, reason, headers, upgrade, major, minor, keepAlive };
  }

  private chunkSize(line: string): void {
    const found = /^([0-9a-fA-F]+)(;[^\r]*)?$/.exec(line);
    const size = Number.parseInt(found?.[1] ?? "", 16);
    if (!Number.isSafeInteger(size)) throw new ParseError("HPE_INVALID_CHUNK_SIZE", "Invalid character in chunk size");
    this.size = 0;
    this.remaining = size;
    this.state = size === 0 ? "trailers" : "chunk";
  }

  /** A message is over; null for an informational one, behind which the true one follows. */
  private over(trailers: string[] | null): void {
    this.state = "start";
    this.size = 0;
    if (trailers !== null) this.listener.complete(trailers);
  }
}

/** The values of a header by its name in small letters. */
function valuesOf(headers: readonly string[], name: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < headers.length; at += 2) if (headers[at]?.toLowerCase() === name) found.push(headers[at + 1] ?? "");
  return found;
}

/** The value of a header by its name in small letters; of several, joined. */
export function valueOf(headers: readonly string[], name: string): string {
  return valuesOf(headers, name).join(", ");
}

interface FirstLine {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly reason: string;
  readonly version: string;
}

function requestLine(line: string): FirstLine {
  const [, method = "", url = "", version] = /^(\S+) +(\S+)(?: +(.*))?$/.exec(line) ?? [];
  if (line === "PRI * HTTP/2.0") throw new ParseError("HPE_PAUSED_H2_UPGRADE", "Pause on PRI/Upgrade");
  if (!METHODS.includes(method)) throw new ParseError("HPE_INVALID_METHOD", "Invalid method encountered");
  if (!/^[\x21-\x7e]+$/.test(url)) throw new ParseError("HPE_INVALID_URL", "Invalid characters in url");
  if (version === undefined) return { method, url, status: 0, reason: "", version: "0.9" };
  if (!version.startsWith("HTTP/")) throw new ParseError("HPE_INVALID_CONSTANT", "Expected HTTP/");
  return { method, url, status: 0, reason: "", version: versionOf(version) };
}

function statusLine(line: string): FirstLine {
  if (!line.startsWith("HTTP/")) throw new ParseError("HPE_INVALID_CONSTANT", "Expected HTTP/");
  const version = versionOf(line.slice(0, 8));
  const [, status, reason = ""] = /^ (\d{3})(?: (.*))?$/.exec(line.slice(8)) ?? [];
  if (status === undefined) throw new ParseError("HPE_INVALID_STATUS", /^ \d{3}/.test(line.slice(8)) ? "Invalid response status" : "Invalid status code");
  return { method: "", url: "", status: Number(status), reason, version };
}

function versionOf(text: string): string {
  const version = text.slice(5);
  if (!VERSIONS.has(version)) throw new ParseError("HPE_INVALID_VERSION", "Invalid HTTP version");
  return version;
}

/** How the body of a message ends: behind so many bytes, with its chunks, or with the connection. Throws ParseError for what is not clear. */
function framingOf(kind: "request" | "response", { headers }: Head): number | "chunk-size" | "until-close" {
  const lengths = valuesOf(headers, "content-length");
  const encodings = valuesOf(headers, "transfer-encoding");
  if (lengths.length > 1) throw new ParseError("HPE_UNEXPECTED_CONTENT_LENGTH", "Duplicate Content-Length");
  const [length] = lengths;
  if (length !== undefined && (!/^\d+$/.test(length) || !Number.isSafeInteger(Number(length)))) throw new ParseError("HPE_INVALID_CONTENT_LENGTH", "Invalid character in Content-Length");
  if (encodings.length > 0) {
    if (length !== undefined) throw new ParseError("HPE_INVALID_TRANSFER_ENCODING", "Transfer-Encoding can't be present with Content-Length");
    if (/(^|,)\s*chunked\s*$/i.test(encodings.join(", "))) return "chunk-size";
    if (kind === "request") throw new ParseError("HPE_INVALID_TRANSFER_ENCODING", "Request has invalid `Transfer-Encoding`");
    return "until-close";
  }
  if (length !== undefined) return Number(length);
  return kind === "response" ? "until-close" : 0;
}

function joined(before: Uint8Array, data: Uint8Array): Uint8Array {
  const all = new Uint8Array(before.length + data.length);
  all.set(before);
  all.set(data, before.length);
  return all;
}

function latin1(data: Uint8Array): string {
  let text = "";
  for (let at = 0; at < data.length; at += 4096) text += String.fromCharCode(...data.subarray(at, at + 4096));
  return text;
}
