/** `net.Server`: takes connections on a port of this container. */

import { frame, within, type Frame } from "../async/context.ts";
import { callSync, on } from "../calls.ts";
import { handle, turn, type Handle } from "../loop.ts";
import { EventEmitter } from "../modules/events.ts";
import { invalidArgType, invalidArgValue, nodeError, unsupported } from "../modules/errors.ts";
import { processNextTick } from "../timers.ts";
import { isIPv6 } from "./addresses.ts";
import { normalize, validPort, type Listener } from "./arguments.ts";
import { BrowserChannel } from "./browser.ts";
import { Connection } from "./connection.ts";
import { isLocalHost } from "./exchange.ts";
import { addressError } from "./failures.ts";
import { clientPort, Socket } from "./socket.ts";

export interface ServerOptions {
  allowHalfOpen?: boolean;
  pauseOnConnect?: boolean;
  highWaterMark?: number;
}

/** The servers of this process by their ports. */
const listening = new Map<number, Server>();
let wired = false;

function wire(): void {
  if (wired) return;
  wired = true;
  on("connection", ({ port, socket }) => {
    const server = listening.get(port);
    // The port's closing alone is not told to an end that has not begun to hear.
    if (server === undefined) return new Connection(socket).reset();
    server._accept(socket);
  });
}

/**
 * Run a body when what was posted before has arrived in this process: who is told that a server is closed has heard of
 * its connections' ends, as on Linux, where these are there at once.
 */
function afterMessages(body: () => void): void {
  const waiting = handle();
  const { port1, port2 } = new BrowserChannel();
  port2.onmessage = () => {
    port2.close();
    waiting.close();
    turn(body);
  };
  port1.postMessage(null);
}

interface Bound {
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  readonly port: number;
}

const Emitter = EventEmitter as unknown as new () => EventEmitter;

/** `net.Server`. */
export class Server extends Emitter {
  maxConnections: number | undefined;
  allowHalfOpen: boolean;
  pauseOnConnect: boolean;
  private bound: Bound | null = null;
  private keeper: Handle | null = null;
  private counted = true;
  private readonly open = new Set<Socket>();
  private closing = false;
  /** The async context of `listen`, in which connections are told. */
  private context: Frame | undefined;

  constructor(options?: ServerOptions | Listener, listener?: Listener) {
    super();
    const given = typeof options === "function" ? {} : (options ?? {});
    if (typeof given !== "object") throw invalidArgType("options", "Object", options);
    const onConnection = typeof options === "function" ? options : listener;
    if (onConnection !== undefined) this.on("connection", onConnection as never);
    this.allowHalfOpen = given.allowHalfOpen ?? false;
    this.pauseOnConnect = given.pauseOnConnect ?? false;
  }

  get listening(): boolean {
    return this.bound !== null;
  }

  listen(...args: unknown[]): this {
    const [options, callback] = normalize(args);
    const [first] = args;
    if (typeof first === "object" && first !== null && !["port", "path", "fd"].some((name) => name in first)) throw invalidArgValue("options", first, 'must have the property "port" or "path"');
    if (this.bound !== null) throw nodeError(Error, "ERR_SERVER_ALREADY_LISTEN", "Listen method has been called more than once without closing.");
    if (options.path !== undefined) throw unsupported("net.Server on a Unix socket or pipe");
    if (options.fd !== undefined) throw unsupported("net.Server on a file descriptor");
    if (callback !== null) this.once("listening", callback as never);
    const port = options.port === undefined ? 0 : validPort(options.port, "options.port");
    this.closing = false;
    this.take(port, options.host);
    options.signal?.addEventListener("abort", () => void this.close(), { once: true });
    return this;
  }

  private take(port: number, host: string | undefined): void {
    const address = host === undefined || host === "" ? "::" : host === "localhost" ? "127.0.0.1" : host;
    wire();
    this.context = frame();
    if (address !== "::" && !isLocalHost(address)) return this.fail(addressError("EADDRNOTAVAIL", "listen", address, port));
    try {
      const taken = callSync("net.listen", port);
      this.bound = { address, family: isIPv6(address) ? "IPv6" : "IPv4", port: taken };
      listening.set(taken, this);
      this.keeper = handle();
      if (!this.counted) this.keeper.unref();
      processNextTick(() => {
        if (this.bound !== null) this.emit("listening");
      });
    } catch (error) {
      this.fail(addressError((error as { code?: string }).code ?? "EADDRINUSE", "listen", address, port));
    }
  }

  private fail(error: Error): void {
    processNextTick(() => this.emit("error", error));
  }

  /** A connection came. */
  _accept(messages: MessagePort): void {
    const { bound } = this;
    if (bound !== null) within(this.context, () => this.serve(messages, bound));
  }

  private serve(messages: MessagePort, bound: Bound): void {
    if (this.maxConnections !== undefined && this.open.size >= this.maxConnections) {
      new Connection(messages).reset();
      this.emit("drop", {});
      return;
    }
    const socket = new Socket({ allowHalfOpen: this.allowHalfOpen });
    const address = bound.family === "IPv6" ? "::ffff:127.0.0.1" : "127.0.0.1";
    socket._attach(new Connection(messages, socket._turn), { address, family: bound.family, port: bound.port }, { address, family: bound.family, port: clientPort() });
    socket.server = this;
    this.open.add(socket);
    socket.on("close", () => {
      this.open.delete(socket);
      this.finishClosing();
    });
    if (this.pauseOnConnect) socket.pause();
    this.emit("connection", socket);
    if (!this.pauseOnConnect && !socket.isPaused()) socket.read(0);
  }

  address(): Bound | null {
    return this.bound === null ? null : { ...this.bound };
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    processNextTick(callback, null, this.open.size);
    return this;
  }

  close(callback?: (error?: Error) => void): this {
    if (typeof callback === "function") {
      if (this.bound === null) this.once("close", () => callback(nodeError(Error, "ERR_SERVER_NOT_RUNNING", "Server is not running.")));
      else this.once("close", () => callback());
    }
    if (this.bound !== null) {
      callSync("net.unlisten", this.bound.port);
      listening.delete(this.bound.port);
      this.bound = null;
      this.keeper?.close();
      this.keeper = null;
    }
    this.closing = true;
    this.finishClosing();
    return this;
  }

  private finishClosing(): void {
    if (!this.closing || this.open.size > 0) return;
    this.closing = false;
    afterMessages(() => within(this.context, () => this.emit("close")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.bound === null) return;
    await new Promise<void>((resolve) => this.close(() => resolve()));
  }

  ref(): this {
    this.counted = true;
    this.keeper?.ref();
    return this;
  }

  unref(): this {
    this.counted = false;
    this.keeper?.unref();
    return this;
  }
}
