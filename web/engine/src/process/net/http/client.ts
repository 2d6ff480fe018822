/** `http.ClientRequest`. */

import { frame, within } from "../../async/context.ts";
import { Buffer } from "../../modules/buffer.ts";
import { AbortError, nodeError } from "../../modules/errors.ts";
import { processNextTick } from "../../timers.ts";
import { isLocalHost } from "../exchange.ts";
import { net } from "../net.ts";
import type { Socket } from "../socket.ts";
import { validDelay } from "../arguments.ts";
import type { Agent, Target } from "./agent.ts";
import { headerPairs } from "./headers.ts";
import { Incoming } from "./incoming.ts";
import { Outgoing } from "./outgoing.ts";
import { OutsideExchange } from "./outside.ts";
import { Parser, type Head } from "./parser.ts";
import { requestArguments, requestedOf, type RequestOptions } from "./requested.ts";

/** `http.ClientRequest`. */
export class Client extends Outgoing {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly protocol: string;
  readonly agent: Agent | null;
  reusedSocket = false;
  res: Incoming | null = null;
  aborted = false;
  timeoutMs: number | undefined;
  maxHeadersCount: number | null = null;
  private readonly port: number;
  private parser: Parser | null = null;
  private readonly options: RequestOptions;
  private over = false;
  /** The async context in which the request was made: whatever connection it gets, its events are told in it. */
  private readonly context = frame();
  private heard: { data: (chunk: Uint8Array) => void; end: () => void; close: () => void; error: (error: Error) => void; timeout: () => void; drain: () => void } | null = null;

  constructor(...args: unknown[]) {
    super();
    const [options, callback] = requestArguments(args);
    const { agent, protocol, path, method, host, port, usual, timeout } = requestedOf(options);
    this.options = options;
    this.agent = agent;
    this.protocol = protocol;
    this.path = path;
    this.method = method;
    this.host = host;
    this.port = port;
    this.timeoutMs = timeout;
    this.shouldKeepAlive = agent?.keepAlive ?? false;
    this.useChunkedEncodingByDefault = !["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"].includes(method);
    if (callback !== undefined) this.once("response", callback as never);
    this.prepare(usual);
    if (options.signal !== undefined) this.obey(options.signal);
    this.begin();
  }

  /** Give up when the signal says so. */
  private obey(signal: AbortSignal): void {
    const stop = (): void => void this.destroy(new AbortError({ cause: signal.reason }));
    if (signal.aborted) processNextTick(stop);
    else signal.addEventListener("abort", stop, { once: true });
  }

  private prepare(usualPort: boolean): void {
    const { headers, setHost, auth } = this.options;
    for (const [name, value] of headerPairs(headers)) this._headers.set(name, value);
    if (!this._headers.has("host") && setHost !== false) {
      const name = this.host.includes(":") && !this.host.startsWith("[") ? `[${this.host}]` : this.host;
      this._headers.set("Host", usualPort ? name : `${name}:${this.port}`);
    }
    if (auth !== undefined && !this._headers.has("authorization")) this._headers.set("Authorization", `Basic ${Buffer.from(auth).toString("base64")}`);
    // Who waits for a go-ahead must have asked for it.
    if (this._headers.has("expect")) this.flushHeaders();
  }

  private begin(): void {
    // The path of the request is none of the connection's.
    const target: Target = { ...this.options, host: this.host, port: this.port };
    Reflect.deleteProperty(target, "path");
    if (!isLocalHost(this.host) && this.options.createConnection === undefined && this.options.socketPath === undefined) {
      new OutsideExchange(this, `${this.protocol}//${this.host.includes(":") ? `[${this.host}]` : this.host}:${this.port}${this.path}`);
      return;
    }
    if (this.protocol === "https:") {
      processNextTick(() => this.destroy(nodeError(Error, "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", "TLS to servers in the container is not supported by the local WebContainer engine")));
      return;
    }
    if (this.agent !== null) return this.agent.addRequest(this, target);
    this._last = true;
    this.shouldKeepAlive = false;
    const create = this.options.createConnection ?? ((options: object) => net.createConnection(options));
    let done = false;
    const take = (error: Error | null, socket?: Socket): void => {
      if (done) return;
      done = true;
      if (error !== null || socket === undefined) processNextTick(() => this.destroy(error ?? undefined));
      else this.onSocket(socket);
    };
    const socket = create(target, take);
    if (socket !== undefined) take(null, socket);
  }

  protected override sent(): void {
    within(this.context, () => super.sent());
  }

  override _implicitHeader(): void {
    if (this._header !== null) throw nodeError(Error, "ERR_HTTP_HEADERS_SENT", "Cannot render headers after they are sent to the client");
    const framed = this._headers.has("content-length") || this._headers.has("transfer-encoding");
    // Without a body, such methods send no length at all.
    const body = this.useChunkedEncodingByDefault || framed || (this._contentLength ?? 0) > 0;
    this._store(`${this.method} ${this.path} HTTP/1.1`, [], body);
    if (!body && !this.finished && this._contentLength === null) this._hasBody = true;
  }

  /** Take the connection that the agent found. */
  onSocket(socket: Socket): void {
    within(this.context, () => processNextTick(() => {
      if (this.destroyed) {
        if (!socket.destroyed && this.agent?.keepAlive === true && socket.writable) socket.emit("free");
        else socket.destroy(this.errored ?? undefined);
        this._close();
        return;
      }
      this.listen(socket);
      socket._httpMessage = this;
      if (this.timeoutMs !== undefined) socket.setTimeout(this.timeoutMs);
      this.assignSocket(socket);
    }));
  }

  private listen(socket: Socket): void {
    this.parser = new Parser("response", {
      head: (head) => this.head(head),
      body: (chunk) => {
        if (this.res !== null && !this.res._dumped && !this.res.push(Buffer.from(chunk))) socket.pause();
      },
      complete: (trailers) => this.complete(trailers),
    }, this.options.maxHeaderSize ?? 16 * 1024);
    this.heard = {
      data: (chunk) => within(this.context, () => this.data(socket, chunk)),
      end: () => within(this.context, () => this.hungUp(socket)),
      close: () => within(this.context, () => this.socketClosed()),
      error: (error) => within(this.context, () => this.fail(error)),
      timeout: () => within(this.context, () => this.emit("timeout")),
      drain: () => within(this.context, () => this.emit("drain")),
    };
    for (const [name, listener] of Object.entries(this.heard)) socket.on(name, listener);
    // An answer before this one can have left it paused.
    socket.resume();
  }

  private release(socket: Socket): void {
    if (this.heard === null) return;
    for (const [name, listener] of Object.entries(this.heard)) socket.removeListener(name, listener);
    this.heard = null;
  }

  private data(socket: Socket, chunk: Uint8Array): void {
    try {
      const rest = this.parser?.execute(chunk) ?? null;
      if (rest !== null && this.res?.upgrade === true) this.upgraded(socket, rest);
    } catch (error) {
      if ((error as { reason?: string }).reason === undefined) throw error;
      Object.assign(error as object, { rawPacket: Buffer.from(chunk), bytesParsed: 0 });
      this.fail(error as Error);
      socket.destroy();
    }
  }

  private head(head: Head): "body" | "no-body" | "upgrade" {
    if (head.status < 200 && head.status !== 101) {
      if (head.status === 100) this.emit("continue");
      const found = new Incoming(null);
      found._take(head);
      this.emit("information", { statusCode: head.status, statusMessage: head.reason, httpVersion: "1.1", httpVersionMajor: 1, httpVersionMinor: 1, headers: found.headers, rawHeaders: head.headers });
      return "no-body";
    }
    const response = new Incoming(this.socket);
    response._take(head, this.maxHeadersCount);
    response.joinDuplicateHeaders = this.options.joinDuplicateHeaders ?? false;
    response.req = this;
    this.res = response;
    if (head.status === 101 || (this.method === "CONNECT" && head.status < 300)) {
      response.upgrade = true;
      return "upgrade";
    }
    response.upgrade = false;
    this.shouldKeepAlive = this.shouldKeepAlive && head.keepAlive;
    this._deliver(response);
    return this.method === "HEAD" ? "no-body" : "body";
  }

  /** Hand the answer to who asked; nobody hears: let it pass. */
  _deliver(response: Incoming): void {
    this.res = response;
    response.req = this;
    if (this.aborted || !this.emit("response", response)) response._dump();
  }

  private complete(trailers: string[]): void {
    const { res, socket } = this;
    if (res === null) return;
    res.complete = true;
    res.rawTrailers = trailers;
    res.push(null);
    if (socket === null) return;
    const finish = (): void => this.finishWith(socket);
    if (res.readableEnded) finish();
    else res.once("end", () => processNextTick(finish));
  }

  /** The answer has been read: the connection is for others, or over. */
  private finishWith(socket: Socket): void {
    if (this.over) return;
    this.over = true;
    this.release(socket);
    this._closed = true;
    this.destroyed = true;
    if (this.shouldKeepAlive && !this._last && this.writableFinished) {
      if (this.timeoutMs !== undefined) socket.setTimeout(0);
      // In the pool it must hear when the other end goes.
      socket.resume();
      socket.emit("free");
    } else socket.destroySoon();
    this.emit("close");
  }

  private upgraded(socket: Socket, rest: Uint8Array): void {
    const { res } = this;
    if (res === null) return;
    this.release(socket);
    this.over = true;
    const name = this.method === "CONNECT" ? "connect" : "upgrade";
    socket.emit("agentRemove");
    if (this.listenerCount(name) === 0) {
      socket.destroy();
      return;
    }
    // Neither flowing nor paused, as a socket is on which nobody has listened yet.
    Object.assign(socket, { readableFlowing: null });
    res.complete = true;
    this.emit(name, res, socket, Buffer.from(rest));
    this._closed = true;
    this.destroyed = true;
    this.emit("close");
  }

  private hungUp(socket: Socket): void {
    try {
      this.parser?.finish();
    } catch {
      this.socketClosed();
    }
    if (this.res === null) this.fail(Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }));
    socket.destroySoon();
  }

  private socketClosed(): void {
    const { res } = this;
    if (res !== null && !res.complete) res.destroy(Object.assign(new Error("aborted"), { code: "ECONNRESET" }));
    else if (res === null && !this.over) this.fail(Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }));
    if (!this.over || res?.complete === false) {
      this.over = true;
      this._close();
    }
  }

  private fail(error: Error): void {
    if (this.errorSaid || (this.res !== null && this.over)) return;
    this.errorSaid = true;
    this._errored = error;
    if (this.res === null) this.emit("error", error);
  }
  private errorSaid = false;

  override destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this._errored = error ?? null;
    if (this.res !== null) this.res._dump();
    const { socket } = this;
    if (socket !== null) {
      socket.destroy(error);
      if (this.res === null && error === undefined && !this.errorSaid) processNextTick(() => this.fail(Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })));
      return this;
    }
    processNextTick(() => {
      this.fail(error ?? Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }));
      this._close();
    });
    return this;
  }

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    processNextTick(() => this.emit("abort"));
    this.destroy();
  }

  override setTimeout(ms: number, callback?: () => void): this {
    this.timeoutMs = validDelay(ms, "msecs");
    if (callback !== undefined) this.once("timeout", callback);
    this.socket?.setTimeout(ms);
    return this;
  }

  setNoDelay(): void {
    // There is no delay.
  }
  setSocketKeepAlive(): void {
    // Connections within a container do not fade.
  }
  clearTimeout(callback?: () => void): void {
    this.setTimeout(0, callback);
  }
  get finishedSending(): boolean {
    return this.writableFinished;
  }
}
