/** HTTP/1.1 messages from bytes (RFC 9112), as they come. */

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

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Reads one message after another. */
export class Parser {
  private state: State = "start";
  private rest: Uint8Array = new Uint8Array(0);
  private first = "";
  private lines: string[] = [];
  private remaining = 0;
  private size = 0;

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
    this.size += end < 0 ? 0 : end + 1;
    if ((end < 0 ? chunk.length : 0) + this.size > this.limit && this.state !== "chunk-size") throw new ParseError("HPE_HEADER_OVERFLOW", "Header overflow");
    if (end < 0) return null;
    const line = latin1(chunk.subarray(0, end > 0 && chunk[end - 1] === 13 ? end - 1 : end));
    this.line(line);
    return chunk.subarray(end + 1);
  }

  private line(line: string): void {
    switch (this.state) {
      case "start":
        if (line === "") return;
        this.first = line;
        this.checkFirst();
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

  private checkFirst(): void {
    if (this.kind === "request" ? !/^\S+ \S+ HTTP\/\d\.\d$/.test(this.first) : !/^HTTP\/\d\.\d \d{3}( .*)?$/.test(this.first)) {
      if (this.kind === "response") throw new ParseError("HPE_INVALID_CONSTANT", "Expected HTTP/");
      const method = this.first.split(" ")[0] ?? "";
      if (!/^[A-Z][A-Z-]*$/.test(method)) throw new ParseError("HPE_INVALID_METHOD", "Invalid method encountered");
      throw new ParseError("HPE_INVALID_CONSTANT", "Expected HTTP/");
    }
  }

  private header(line: string): void {
    const folded = /^[ \t]/.test(line);
    if (folded && this.lines.length > 0) this.lines.push(`${this.lines.pop() ?? ""} ${line.trim()}`);
    else this.lines.push(line);
  }

  private pairs(): string[] {
    const pairs: string[] = [];
    for (const line of this.lines) {
      const at = line.indexOf(":");
      const name = line.slice(0, at);
      const value = line.slice(at + 1).replace(/^[ \t]+|[ \t]+$/g, "");
      if (at <= 0 || !TOKEN.test(name)) throw new ParseError("HPE_INVALID_HEADER_TOKEN", "Invalid header token");
      if (!VALUE.test(value)) throw new ParseError("HPE_INVALID_HEADER_TOKEN", "Invalid header value char");
      pairs.push(name, value);
    }
    this.lines = [];
    this.size = 0;
    return pairs;
  }

  private headDone(): void {
    const head = this.makeHead(this.pairs());
    const informational = this.kind === "response" && head.status < 200 && head.status !== 101;
    const answer = this.listener.head(head);
    if (answer === "upgrade") this.state = "upgraded";
    else if (informational) this.over(null);
    else if (answer === "no-body" || head.status === 204 || head.status === 304) this.over([]);
    else this.bodyFrom(head);
  }

  private makeHead(headers: string[]): Head {
    const connection = valueOf(headers, "connection").toLowerCase();
    const [, first = "", second = "", third = ""] = (this.kind === "request" ? /^(\S+) (\S+) (HTTP\/\d\.\d)$/ : /^(HTTP\/\d\.\d) (\d{3}) ?(.*)$/).exec(this.first) ?? [];
    if (this.kind === "response") {
      const status = Number(second);
      return { method: "", url: "", status, reason: third, headers, upgrade: status === 101, ...persistence(first, connection) };
    }
    const upgrade = first === "CONNECT" || (valueOf(headers, "upgrade") !== "" && /\bupgrade\b/.test(connection));
    return { method: first, url: second, status: 0, reason: "", headers, upgrade, ...persistence(third, connection) };
  }

  private bodyFrom(head: Head): void {
    const encoding = valueOf(head.headers, "transfer-encoding").toLowerCase();
    const length = valueOf(head.headers, "content-length");
    if (encoding !== "" && length !== "") throw new ParseError("HPE_INVALID_TRANSFER_ENCODING", "Transfer-Encoding can't be present with Content-Length");
    if (/(^|,)\s*chunked\s*$/.test(encoding)) this.state = "chunk-size";
    else if (length !== "") {
      if (!/^\d+$/.test(length)) throw new ParseError("HPE_INVALID_CONTENT_LENGTH", "Invalid character in Content-Length");
      this.remaining = Number(length);
      this.state = "length";
      if (this.remaining === 0) this.over([]);
    } else if (this.kind === "response") this.state = "until-close";
    else if (encoding !== "") throw new ParseError("HPE_INVALID_TRANSFER_ENCODING", "Request has invalid `Transfer-Encoding`");
    else this.over([]);
  }

  private chunkSize(line: string): void {
    const found = /^([0-9a-fA-F]+)[ \t]*(;.*)?$/.exec(line);
    if (found === null) throw new ParseError("HPE_INVALID_CHUNK_SIZE", "Invalid character in chunk size");
    this.size = 0;
    this.remaining = Number.parseInt(found[1] ?? "0", 16);
    this.state = this.remaining === 0 ? "trailers" : "chunk";
  }

  /** A message is over; null for an informational one, behind which the true one follows. */
  private over(trailers: string[] | null): void {
    this.state = "start";
    this.size = 0;
    if (trailers !== null) this.listener.complete(trailers);
  }
}

/** The value of a header by its name in small letters; of several, joined. */
export function valueOf(headers: readonly string[], name: string): string {
  const found: string[] = [];
  for (let at = 0; at < headers.length; at += 2) if (headers[at]?.toLowerCase() === name) found.push(headers[at + 1] ?? "");
  return found.join(", ");
}

function persistence(version: string, connection: string): Pick<Head, "major" | "minor" | "keepAlive"> {
  const major = Number(version[5]);
  const minor = Number(version[7]);
  return { major, minor, keepAlive: major === 1 && minor === 1 ? !/\bclose\b/.test(connection) : /\bkeep-alive\b/.test(connection) };
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
