/** `http.OutgoingMessage`: what an answer of a server and a request of a client have in common. */

import { Buffer } from "../../modules/buffer.ts";
import { invalidArgType, nodeError } from "../../modules/errors.ts";
import { stream } from "../../modules/stream/index.ts";
import { processNextTick } from "../../timers.ts";
import type { Socket } from "../socket.ts";
import { headerPairs, OutgoingHeaders, validateHeaderName, type HeaderValue } from "./headers.ts";
import { constructorOf } from "./construct.ts";

type Done = (error?: Error | null) => void;

/** The head as it is sent, and how the body follows. */
export interface Sending {
  readonly first: string;
  /** Whether there is a body at all. */
  readonly body: boolean;
}

function begin(message: Outgoing): void {
  Object.assign(message, {
    _headers: new OutgoingHeaders(), socket: null, finished: false, destroyed: false, sendDate: false, shouldKeepAlive: true, useChunkedEncodingByDefault: true, chunkedEncoding: false,
    _header: null, _hasBody: true, _contentLength: null, _last: false, _defaultKeepAlive: true, _removedConnection: false, _removedTE: false, _removedContLen: false, _trailer: "",
    strictContentLength: false, _errored: null, outputData: [], outputSize: 0, _ended: false, maxRequestsOnConnectionReached: false, _keepAliveTimeout: 0, _maxRequestsPerSocket: 0, _closed: false, _headerSent: false, _corked: 0,
  });
}

interface Piece {
  readonly data: Uint8Array;
  readonly done: Done | null;
}

const LegacyStream = stream.Stream as unknown as new () => InstanceType<typeof stream.Stream>;
const HIGH_WATER = 16 * 1024;
const NOTHING = new Uint8Array(0);

/** The methods. */
export abstract class Outgoing extends LegacyStream {
  declare _headers: OutgoingHeaders;
  declare socket: Socket | null;
  declare finished: boolean;
  declare destroyed: boolean;
  declare sendDate: boolean;
  declare shouldKeepAlive: boolean;
  declare useChunkedEncodingByDefault: boolean;
  declare chunkedEncoding: boolean;
  declare _header: string | null;
  declare _headerSent: boolean;
  declare _hasBody: boolean;
  declare _contentLength: number | null;
  declare _last: boolean;
  declare _removedConnection: boolean;
  declare _removedTE: boolean;
  declare _removedContLen: boolean;
  declare _trailer: string;
  declare _errored: Error | null;
  declare outputData: Piece[];
  declare outputSize: number;
  declare _ended: boolean;
  declare _closed: boolean;
  declare _corked: number;
  declare _keepAliveTimeout: number;
  declare _maxRequestsPerSocket: number;
  declare maxRequestsOnConnectionReached: boolean;

  constructor() {
    super();
    begin(this);
  }

  /** What it was destroyed with. */
  get errored(): Error | null {
    return this._errored;
  }

  /** Make the head when the body begins before it was made. */
  _implicitHeader(): void {
    this.destroy(nodeError(Error, "ERR_METHOD_NOT_IMPLEMENTED", "The _implicitHeader() method is not implemented"));
  }

  get headersSent(): boolean {
    return this._header !== null;
  }
  get connection(): Socket | null {
    return this.socket;
  }
  get writableEnded(): boolean {
    return this.finished;
  }
  get writableFinished(): boolean {
    return this.finished && this._ended && this.outputSize === 0;
  }
  get writableObjectMode(): boolean {
    return false;
  }
  get writableLength(): number {
    return this.outputSize + (this.socket?.writableLength ?? 0);
  }
  get writableHighWaterMark(): number {
    return this.socket?.writableHighWaterMark ?? HIGH_WATER;
  }
  get writableCorked(): number {
    return this._corked;
  }
  get writableNeedDrain(): boolean {
    return !this.destroyed && !this.finished && this.writableLength >= this.writableHighWaterMark;
  }
  get writable(): boolean {
    return !this.finished && !this.destroyed;
  }
  set writable(_value: boolean) {
    // As in Node, whose property nobody else sets to something else either.
  }
  get closed(): boolean {
    return this._closed;
  }

  setHeader(name: string, value: HeaderValue): this {
    this.checkUnsent("set");
    this._headers.set(name, value);
    return this;
  }
  setHeaders(headers: unknown): this {
    this.checkUnsent("set");
    if (!(headers instanceof Map) && !(headers instanceof Headers)) throw invalidArgType("headers", ["Headers", "Map"], headers);
    for (const [name, value] of headerPairs(headers)) this._headers.set(name, value);
    return this;
  }
  appendHeader(name: string, value: string | readonly string[]): this {
    this.checkUnsent("append");
    this._headers.append(name, value);
    return this;
  }
  getHeader(name: string): HeaderValue | undefined {
    return this._headers.get(name);
  }
  getHeaders(): Record<string, HeaderValue> {
    return this._headers.object();
  }
  getHeaderNames(): string[] {
    return this._headers.names();
  }
  getRawHeaderNames(): string[] {
    return this._headers.rawNames();
  }
  hasHeader(name: string): boolean {
    return this._headers.has(name);
  }
  removeHeader(name: string): void {
    this.checkUnsent("remove");
    const key = name.toLowerCase();
    if (key === "connection") this._removedConnection = true;
    else if (key === "content-length") this._removedContLen = true;
    else if (key === "transfer-encoding") this._removedTE = true;
    else if (key === "date") this.sendDate = false;
    this._headers.remove(name);
  }

  private checkUnsent(what: string): void {
    if (this._header !== null) throw nodeError(Error, "ERR_HTTP_HEADERS_SENT", `Cannot ${what} headers after they are sent to the client`);
  }

  /** Complete the head and keep it until the first bytes go. */
  _store(first: string, defaults: readonly [string, string][], body: boolean): void {
    const lines = [...this._headers.lines(), ...defaults];
    const has = (name: string): boolean => this._headers.has(name);
    this._hasBody = body;
    const added: [string, string][] = [];
    if (this.sendDate && !has("date")) added.push(["Date", new Date().toUTCString()]);
    this.persistence(added, has);
    this.framing(added, has);
    this._header = `${first}\r\n${[...lines, ...added].map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  }

  private persistence(added: [string, string][], has: (name: string) => boolean): void {
    if (has("connection")) {
      const said = String(this._headers.get("connection")).toLowerCase();
      if (said.includes("close")) this._last = true;
      else this.shouldKeepAlive = true;
      return;
    }
    if (this._removedConnection) {
      this._last = !this.shouldKeepAlive;
      return;
    }
    const framed = has("content-length") || this.useChunkedEncodingByDefault || !this._hasBody || this._contentLength !== null;
    const keeps = this.shouldKeepAlive && framed && !this.maxRequestsOnConnectionReached;
    if (!keeps) {
      this._last = true;
      added.push(["Connection", "close"]);
      return;
    }
    added.push(["Connection", "keep-alive"]);
    if (this._keepAliveTimeout > 0) added.push(["Keep-Alive", `timeout=${Math.floor(this._keepAliveTimeout / 1000)}${this._maxRequestsPerSocket > 0 ? `, max=${this._maxRequestsPerSocket}` : ""}`]);
  }

  private framing(added: [string, string][], has: (name: string) => boolean): void {
    if (has("transfer-encoding")) {
      this.chunkedEncoding = /chunked/i.test(String(this._headers.get("transfer-encoding")));
      return;
    }
    if (has("content-length")) return;
    if (!this._hasBody) {
      this.chunkedEncoding = false;
      return;
    }
    if (!this._removedContLen && this._contentLength !== null) added.push(["Content-Length", String(this._contentLength)]);
    else if (this._removedTE) this._last = true;
    else if (this.useChunkedEncodingByDefault) {
      added.push(["Transfer-Encoding", "chunked"]);
      this.chunkedEncoding = true;
    } else this._last = true;
  }

  flushHeaders(): void {
    if (this._header === null) this._implicitHeader();
    this.sendRaw(new Uint8Array(0), null);
  }

  write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    const done = (typeof encoding === "function" ? encoding : callback) as Done | undefined;
    const data = bytesOf(chunk, typeof encoding === "string" ? encoding : "utf8");
    if (this.finished) return this.refuse(nodeError(Error, "ERR_STREAM_WRITE_AFTER_END", "write after end"), done);
    if (this.destroyed) return this.refuse(nodeError(Error, "ERR_STREAM_DESTROYED", "Cannot call write after a stream was destroyed"), done);
    if (this._header === null) this._implicitHeader();
    if (!this._hasBody) {
      if (done !== undefined) processNextTick(done);
      return true;
    }
    if (data.length === 0) {
      if (done !== undefined) processNextTick(done);
      return true;
    }
    return this.sendRaw(this.chunkedEncoding ? chunked(data) : data, done ?? null);
  }

  private refuse(error: Error, done: Done | undefined): boolean {
    if (done !== undefined) processNextTick(done, error);
    processNextTick(() => this.emit("error", error));
    return false;
  }

  addTrailers(headers: unknown): void {
    for (const [name, value] of headerPairs(headers)) {
      validateHeaderName(name, "Trailer name");
      if (/[^\t\x20-\x7e\x80-\xff]/.test(String(value))) throw nodeError(TypeError, "ERR_INVALID_CHAR", `Invalid character in trailer content ["${name}"]`);
      this._trailer += `${name}: ${String(value)}\r\n`;
    }
  }

  end(chunk?: unknown, encoding?: unknown, callback?: unknown): this {
    const [data, coding, done] = typeof chunk === "function" ? [undefined, undefined, chunk] : typeof encoding === "function" ? [chunk, undefined, encoding] : [chunk, encoding, callback];
    if (this.finished) return this.endAgain(data, done as Done | undefined);
    if (typeof done === "function") this.once("finish", done as () => void);
    const bytes = data === undefined || data === null ? NOTHING : bytesOf(data, typeof coding === "string" ? coding : "utf8");
    if (this._header === null) {
      this._contentLength = bytes.length;
      this._implicitHeader();
    }
    const last = this._hasBody ? this.lastBytes(bytes) : NOTHING;
    this.finished = true;
    this.sendRaw(last, () => this.sent());
    return this;
  }

  /** The end of the body as it is sent: the last bytes, and what says that they are. */
  private lastBytes(bytes: Uint8Array): Uint8Array {
    if (!this.chunkedEncoding) return bytes;
    const tail = Buffer.from(`0\r\n${this._trailer}\r\n`, "latin1");
    return bytes.length === 0 ? tail : Buffer.concat([chunked(bytes), tail]);
  }

  private endAgain(data: unknown, done: Done | undefined): this {
    const late = data !== undefined && data !== null;
    const error = late ? nodeError(Error, "ERR_STREAM_WRITE_AFTER_END", "write after end") : nodeError(Error, "ERR_STREAM_ALREADY_FINISHED", "Cannot call end after a stream was finished");
    if (typeof done === "function") {
      if (this.writableFinished) processNextTick(done, error);
      else this.once("finish", () => done());
    }
    if (late) processNextTick(() => this.emit("error", error));
    return this;
  }

  /** All bytes of this message are with the connection. */
  protected sent(): void {
    if (this._ended || this.destroyed) return;
    this._ended = true;
    this.emit("prefinish");
    this.emit("finish");
    this._finished();
  }

  /** What follows when everything is sent. */
  protected _finished(): void {
    // For who derives from this.
  }

  /** Send bytes, the head before the first; without a connection they are kept. */
  private sendRaw(data: Uint8Array, done: Done | null): boolean {
    let all = data;
    if (!this._headerSent && this._header !== null) {
      all = Buffer.concat([Buffer.from(this._header, "latin1"), data]);
      this._headerSent = true;
    }
    const { socket } = this;
    if (socket === null || this.outputData.length > 0) {
      this.outputData.push({ data: all, done });
      this.outputSize += all.length;
      return this.outputSize < HIGH_WATER;
    }
    return this.pass(socket, all, done);
  }

  private pass(socket: Socket, data: Uint8Array, done: Done | null): boolean {
    if (socket.destroyed) {
      if (done !== null) processNextTick(done);
      return false;
    }
    return socket.write(data, (error) => done?.(error));
  }

  /** Take a connection, and send what was kept for it. */
  assignSocket(socket: Socket): void {
    this.socket = socket;
    this.emit("socket", socket);
    this._flush();
  }

  _flush(): void {
    const { socket } = this;
    if (socket === null) return;
    const pieces = this.outputData;
    this.outputData = [];
    this.outputSize = 0;
    socket.cork();
    for (const { data, done } of pieces) this.pass(socket, data, done);
    socket.uncork();
    if (pieces.length > 0 && !this.finished) this.emit("drain");
  }

  cork(): void {
    this._corked += 1;
    this.socket?.cork();
  }
  uncork(): void {
    this._corked = Math.max(0, this._corked - 1);
    this.socket?.uncork();
  }

  setTimeout(ms: number, callback?: () => void): this {
    if (callback !== undefined) this.on("timeout", callback);
    if (this.socket === null) this.once("socket", (socket: Socket) => socket.setTimeout(ms));
    else this.socket.setTimeout(ms);
    return this;
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this._errored = error ?? null;
    if (this.socket === null) this.once("socket", (socket: Socket) => socket.destroy(error));
    else this.socket.destroy(error);
    return this;
  }

  override pipe<T>(target: T): T {
    this.emit("error", nodeError(Error, "ERR_STREAM_CANNOT_PIPE", "Cannot pipe, not readable"));
    return target;
  }

  /** The connection is over. */
  _close(): void {
    if (this._closed) return;
    this._closed = true;
    this.destroyed = true;
    this.emit("close");
  }
}

/** Initialise an object that is no instance by `new`. */
export function beginOutgoing(message: Outgoing): void {
  (stream.Stream as unknown as { call: (self: object) => void }).call(message);
  begin(message);
}

/** `http.OutgoingMessage`. */
export const OutgoingMessage = constructorOf(Outgoing as unknown as new () => Outgoing, "OutgoingMessage", beginOutgoing);

function bytesOf(chunk: unknown, encoding: string): Uint8Array {
  if (chunk === null) throw nodeError(TypeError, "ERR_STREAM_NULL_VALUES", "May not write null values to stream");
  if (typeof chunk === "string") return Buffer.from(chunk, encoding as BufferEncoding);
  if (chunk instanceof Uint8Array) return chunk;
  throw invalidArgType("chunk", ["string", "Buffer", "Uint8Array"], chunk);
}

function chunked(data: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`, "latin1"), data, Buffer.from("\r\n", "latin1")]);
}
