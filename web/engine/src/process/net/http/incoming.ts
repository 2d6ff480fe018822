/** `http.IncomingMessage`: a request at a server, or an answer at a client, as a Readable stream. */

import { stream } from "../../modules/stream/index.ts";
import { distinctHeaders, joinedHeaders } from "./headers.ts";
import type { Head } from "./parser.ts";
import type { Socket } from "../socket.ts";
import { constructorOf } from "./construct.ts";

/** Headers that a message may have, unless `maxHeadersCount` says otherwise: the rest is not seen, as in Node. */
const MOST_HEADERS = 1000;

/** The properties that a message begins with. */
function begin(message: Incoming, socket: Socket | null): void {
  Object.assign(message, {
    socket, httpVersionMajor: null, httpVersionMinor: null, httpVersion: null, complete: false, rawHeaders: [], rawTrailers: [], joinDuplicateHeaders: false, aborted: false,
    upgrade: null, url: "", method: null, statusCode: null, statusMessage: null, client: socket, _consumed: false, _dumped: false,
  });
}

/** The methods. */
export class Incoming extends stream.Readable {
  declare socket: Socket | null;
  declare client: Socket | null;
  declare httpVersionMajor: number;
  declare httpVersionMinor: number;
  declare httpVersion: string;
  declare complete: boolean;
  declare rawHeaders: string[];
  declare rawTrailers: string[];
  declare joinDuplicateHeaders: boolean;
  declare aborted: boolean;
  declare upgrade: boolean | null;
  declare url: string;
  declare method: string | null;
  declare statusCode: number | null;
  declare statusMessage: string | null;
  declare req: unknown;
  declare _dumped: boolean;
  private kept: Record<string, string | string[] | undefined> | null = null;

  constructor(socket: Socket | null = null) {
    super({ autoDestroy: true, ...(socket === null ? {} : { highWaterMark: socket.readableHighWaterMark }) });
    begin(this, socket);
  }

  /** Take over what a parser read; of headers at most `limit` (0: all). */
  _take(head: Head, limit: number | null = null): void {
    const most = limit === 0 ? Infinity : (limit ?? MOST_HEADERS);
    this.httpVersionMajor = head.major;
    this.httpVersionMinor = head.minor;
    this.httpVersion = `${head.major}.${head.minor}`;
    this.rawHeaders = head.headers.length > 2 * most ? head.headers.slice(0, 2 * most) : head.headers;
    this.upgrade = head.upgrade;
    if (head.method !== "") {
      this.method = head.method;
      this.url = head.url;
    } else {
      this.statusCode = head.status;
      this.statusMessage = head.reason;
    }
  }

  get headers(): Record<string, string | string[] | undefined> {
    this.kept ??= joinedHeaders(this.rawHeaders, this.joinDuplicateHeaders);
    return this.kept;
  }
  set headers(value: Record<string, string | string[] | undefined>) {
    this.kept = value;
  }
  get headersDistinct(): Record<string, string[]> {
    return distinctHeaders(this.rawHeaders);
  }
  get trailers(): Record<string, string | string[]> {
    return joinedHeaders(this.rawTrailers);
  }
  get trailersDistinct(): Record<string, string[]> {
    return distinctHeaders(this.rawTrailers);
  }
  get connection(): Socket | null {
    return this.socket;
  }
  set connection(value: Socket | null) {
    this.socket = value;
  }

  setTimeout(ms: number, callback?: () => void): this {
    if (callback !== undefined) this.on("timeout", callback);
    this.socket?.setTimeout(ms);
    return this;
  }

  override _read(): void {
    if (this.socket?.readable === true) this.socket.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.readableEnded || !this.complete) {
      this.aborted = true;
      this.emit("aborted");
    }
    if (this.socket !== null && !this.socket.destroyed && this.aborted) this.socket.destroy(error ?? undefined);
    // Without listeners, a broken request is no reason to end the process.
    done(error !== null && this.listenerCount("error") === 0 ? null : error);
  }

  /** Nobody wants the body: let it pass. */
  _dump(): void {
    if (this._dumped) return;
    this._dumped = true;
    this.removeAllListeners("data");
    this.resume();
  }
}

/** `http.IncomingMessage`, which libraries also call without `new` on objects of their own. */
export const IncomingMessage = constructorOf(Incoming, "IncomingMessage", (message, [socket]) => {
  (stream.Readable as unknown as { call: (self: object, options: object) => void }).call(message, {});
  begin(message, (socket ?? null) as Socket | null);
});
