/** `http.Server`. */

import { Buffer } from "../../modules/buffer.ts";
import { setTimeout, clearTimeout, processNextTick, type Timeout } from "../../timers.ts";
import type { Listener } from "../arguments.ts";
import { Server as NetServer } from "../server.ts";
import type { Socket } from "../socket.ts";
import { Incoming, IncomingMessage } from "./incoming.ts";
import { Parser, valueOf, type Head } from "./parser.ts";
import { Response, ServerResponse } from "./response.ts";

export interface ServerOptions {
  IncomingMessage?: typeof Incoming;
  ServerResponse?: typeof Response;
  insecureHTTPParser?: boolean;
  maxHeaderSize?: number;
  keepAliveTimeout?: number;
  headersTimeout?: number;
  requestTimeout?: number;
  connectionsCheckingInterval?: number;
  requireHostHeader?: boolean;
  joinDuplicateHeaders?: boolean;
  keepAlive?: boolean;
  noDelay?: boolean;
  highWaterMark?: number;
}

/** `http.Server`. */
export class Server extends NetServer {
  timeout = 0;
  keepAliveTimeout: number;
  headersTimeout: number;
  requestTimeout: number;
  maxHeadersCount: number | null = null;
  maxRequestsPerSocket = 0;
  readonly httpAllowHalfOpen = false;
  readonly _options: ServerOptions;
  private readonly channels = new Set<Channel>();

  constructor(options?: ServerOptions | Listener, listener?: Listener) {
    const given = typeof options === "function" ? {} : (options ?? {});
    super({ allowHalfOpen: true });
    this._options = given;
    this.keepAliveTimeout = given.keepAliveTimeout ?? 5000;
    this.headersTimeout = given.headersTimeout ?? 60_000;
    this.requestTimeout = given.requestTimeout ?? 300_000;
    const onRequest = typeof options === "function" ? options : listener;
    if (onRequest !== undefined) this.on("request", onRequest as never);
    this.on("connection", ((socket: Socket) => this._serve(socket)) as never);
  }

  /** Speak HTTP on a connection. */
  _serve(socket: Socket): void {
    const channel = new Channel(this, socket);
    this.channels.add(channel);
    socket.on("close", () => this.channels.delete(channel));
  }

  setTimeout(ms?: number | (() => void), callback?: () => void): this {
    this.timeout = typeof ms === "number" ? ms : 0;
    const listener = typeof ms === "function" ? ms : callback;
    if (listener !== undefined) this.on("timeout", listener);
    return this;
  }

  override close(callback?: (error?: Error) => void): this {
    super.close(callback);
    this.closeIdleConnections();
    return this;
  }

  closeIdleConnections(): void {
    for (const channel of [...this.channels]) if (channel.idle) channel.socket.destroy();
  }

  closeAllConnections(): void {
    for (const channel of [...this.channels]) channel.socket.destroy();
  }
}

/** What a server does with one connection: requests in their order, answers in the same. */
class Channel {
  private readonly parser: Parser;
  private request: Incoming | null = null;
  private readonly responses: Response[] = [];
  private served = 0;
  private idleTimer: Timeout | undefined;
  private readonly onData: (chunk: Uint8Array) => void;
  private readonly onEnd: () => void;
  private broken = false;

  constructor(private readonly server: Server, readonly socket: Socket) {
    this.parser = new Parser("request", {
      head: (head) => this.head(head),
      body: (chunk) => this.body(chunk),
      complete: (trailers) => this.complete(trailers),
    }, server._options.maxHeaderSize ?? 16 * 1024);
    this.onData = (chunk) => this.data(chunk);
    this.onEnd = () => this.ended();
    socket.server = server;
    socket.on("data", this.onData);
    socket.on("end", this.onEnd);
    socket.on("close", () => this.closed());
    socket.on("error", (error: Error) => this.failed(error));
    socket.on("timeout", () => this.timedOut());
    socket.on("drain", () => this.responses[0]?.emit("drain"));
    if (server.timeout > 0) socket.setTimeout(server.timeout);
  }

  /** Whether no request is under way. */
  get idle(): boolean {
    return this.responses.length === 0 && this.request === null && !this.parser.busy;
  }

  private data(chunk: Uint8Array): void {
    if (this.broken) return;
    clearTimeout(this.idleTimer);
    try {
      const rest = this.parser.execute(chunk);
      if (rest !== null) this.upgraded(rest);
    } catch (error) {
      const { reason } = error as { reason?: string };
      if (reason === undefined) throw error;
      Object.assign(error as object, { rawPacket: Buffer.from(chunk), bytesParsed: 0 });
      this.refuse(error as Error & { code: string });
    }
  }

  private head(head: Head): "body" | "upgrade" {
    const Message = (this.server._options.IncomingMessage ?? IncomingMessage);
    const request = new Message(this.socket);
    request._take(head, this.server.maxHeadersCount);
    request.joinDuplicateHeaders = this.server._options.joinDuplicateHeaders ?? false;
    this.request = request;
    if (head.upgrade && this.server.listenerCount(head.method === "CONNECT" ? "connect" : "upgrade") > 0) return "upgrade";
    if (head.method === "CONNECT") {
      this.socket.destroy();
      return "upgrade";
    }
    request.upgrade = false;
    this.respond(request, head);
    return "body";
  }

  private respond(request: Incoming, head: Head): void {
    const Answer = (this.server._options.ServerResponse ?? ServerResponse);
    const response = new Answer(request);
    this.served += 1;
    response._keepAliveTimeout = this.server.keepAliveTimeout;
    response.shouldKeepAlive = head.keepAlive;
    const { maxRequestsPerSocket: limit } = this.server;
    response._maxRequestsPerSocket = limit;
    if (limit > 0) response.maxRequestsOnConnectionReached = this.served >= limit;
    response.onFinished = () => this.answered(request, response);
    this.responses.push(response);
    if (this.responses.length === 1) response.assignSocket(this.socket);
    if (limit > 0 && this.served > limit) {
      response.writeHead(503);
      response.end();
      return;
    }
    if (head.minor === 1 && valueOf(head.headers, "host") === "" && !head.headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === "host") && (this.server._options.requireHostHeader ?? true)) {
      response.writeHead(400, ["Connection", "close"]);
      response.end();
      return;
    }
    this.announce(request, response);
  }

  private announce(request: Incoming, response: Response): void {
    const expected = request.headers.expect;
    if (expected === undefined) this.server.emit("request", request, response);
    else if (/^100-continue$/i.test(String(expected))) {
      if (this.server.listenerCount("checkContinue") > 0) this.server.emit("checkContinue", request, response);
      else {
        response.writeContinue();
        this.server.emit("request", request, response);
      }
    } else if (this.server.listenerCount("checkExpectation") > 0) this.server.emit("checkExpectation", request, response);
    else {
      response.writeHead(417);
      response.end();
    }
  }

  private body(chunk: Uint8Array): void {
    const { request } = this;
    if (request === null || request._dumped) return;
    if (!request.push(Buffer.from(chunk))) this.socket.pause();
  }

  private complete(trailers: string[]): void {
    const { request } = this;
    if (request === null) return;
    request.complete = true;
    request.rawTrailers = trailers;
    request.push(null);
    this.request = null;
  }

  private upgraded(rest: Uint8Array): void {
    const { request } = this;
    if (request === null) return;
    this.request = null;
    this.broken = true;
    this.socket.removeListener("data", this.onData);
    this.socket.removeListener("end", this.onEnd);
    // Neither flowing nor paused, as a socket is on which nobody has listened yet.
    Object.assign(this.socket, { readableFlowing: null });
    request.complete = true;
    request.push(null);
    this.server.emit(request.method === "CONNECT" ? "connect" : "upgrade", request, this.socket, Buffer.from(rest));
  }

  /** An answer is sent: the connection is for the next one, or over. */
  private answered(request: Incoming, response: Response): void {
    this.responses.shift();
    response.detachSocket(this.socket);
    // What of the request nobody has read must not stand in the way of the next.
    if (!request.readableEnded) request._dump();
    processNextTick(() => response._close());
    if (response._last) return this.socket.destroySoon();
    const next = this.responses[0];
    if (next !== undefined) return next.assignSocket(this.socket);
    this.socket.resume();
    if (this.server.keepAliveTimeout > 0) {
      this.idleTimer = setTimeout(() => {
        if (this.idle) this.socket.destroy();
      }, this.server.keepAliveTimeout + 1000);
      this.idleTimer.unref();
    }
    if (!this.server.listening) this.server.closeIdleConnections();
  }

  private ended(): void {
    if (this.broken) return;
    try {
      this.parser.finish();
    } catch (error) {
      return this.refuse(error as Error & { code: string });
    }
    if (this.responses.length === 0) this.socket.end();
    else for (const response of this.responses.slice(-1)) response._last = true;
  }

  private refuse(error: Error & { code: string }): void {
    this.broken = true;
    if (this.server.listenerCount("clientError") > 0) {
      this.server.emit("clientError", error, this.socket);
      return;
    }
    if (this.socket.writable && this.responses.length === 0) {
      const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
      this.socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    }
    this.socket.destroySoon();
  }

  private failed(error: Error): void {
    if (this.broken) return;
    if (this.server.listenerCount("clientError") > 0 && this.responses.length === 0) this.server.emit("clientError", error, this.socket);
  }

  private timedOut(): void {
    const response = this.responses[0];
    const heard = [response?.req.emit("timeout"), response?.emit("timeout"), this.server.emit("timeout", this.socket)];
    if (!heard.includes(true)) this.socket.destroy();
  }

  private closed(): void {
    clearTimeout(this.idleTimer);
    const { request } = this;
    this.request = null;
    if (request !== null && !request.complete) {
      request.aborted = true;
      request.destroy(Object.assign(new Error("aborted"), { code: "ECONNRESET" }));
    }
    for (const response of this.responses.splice(0)) {
      if (!response.req.destroyed) response.req.destroy(Object.assign(new Error("aborted"), { code: "ECONNRESET" }));
      response._close();
    }
  }
}

