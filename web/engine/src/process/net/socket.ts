/** `net.Socket`: a connection to a process of this container, as a Duplex stream. */

import { frame, within } from "../async/context.ts";
import { call } from "../calls.ts";
import { handle, turn, type Handle } from "../loop.ts";
import { Buffer } from "../modules/buffer.ts";
import { AbortError, nodeError, unsupported } from "../modules/errors.ts";
import { stream } from "../modules/stream/index.ts";
import { validateFunction, validateNumber, validateString } from "../modules/validate.ts";
import { clearTimeout, processNextTick, setTimeout, type Timeout } from "../timers.ts";
import { elsewhere, isIP, localAddress } from "./addresses.ts";
import { normalize, validDelay, validPort, type ConnectOptions, type Listener } from "./arguments.ts";
import { Connection } from "./connection.ts";
import { addressError, systemError } from "./failures.ts";

/** Where one end of a connection is. */
export interface Place {
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  readonly port: number;
}

export interface SocketOptions extends ConnectOptions {
  readable?: boolean;
  writable?: boolean;
  manualStart?: boolean;
  highWaterMark?: number;
}

let nextPort = 40000;

/** A number for the end of a connection that nobody listens at. */
export function clientPort(): number {
  nextPort = nextPort >= 60000 ? 40000 : nextPort + 1;
  return nextPort;
}

type Callback = (error?: Error | null) => void;

/** `net.Socket`. */
export class Socket extends stream.Duplex {
  connecting = false;
  server: unknown = null;
  _hadError = false;
  _host: string | null = null;
  _parent: unknown = null;
  timeout: number | undefined;
  autoSelectFamilyAttemptedAddresses: string[] = [];
  declare _httpMessage: unknown;
  private connection: Connection | null = null;
  private keeper: Handle | null = null;
  private counted = true;
  private received = 0;
  private written = 0;
  private unread = 0;
  private timer: Timeout | undefined;
  private remote: Place | null = null;
  private local: Place | null = null;
  private pendingWrite: (() => void) | null = null;
  /** The async context in which this socket was made: its events are told in it. */
  private readonly context = frame();

  constructor(options: SocketOptions | number = {}) {
    const given = typeof options === "number" ? { fd: options } : options;
    super({ allowHalfOpen: given.allowHalfOpen ?? false, emitClose: false, autoDestroy: true, decodeStrings: true, ...(given.highWaterMark === undefined ? {} : { highWaterMark: given.highWaterMark }) });
    if (given.fd !== undefined) throw unsupported("net.Socket on a file descriptor");
    if (given.onread !== undefined) throw unsupported("the option onread of net.Socket");
    this.on("end", () => {
      if (!this.allowHalfOpen) this.write = afterFin as typeof this.write;
    });
    given.signal?.addEventListener("abort", () => this.destroy(new AbortError({ cause: given.signal?.reason })), { once: true });
  }

  /** Be the end of a connection that is there already. */
  _attach(connection: Connection, local: Place, remote: Place): void {
    this.connection = connection;
    this.local = local;
    this.remote = remote;
    this.keeper = handle();
    if (!this.counted) this.keeper.unref();
    connection.receive({ data: (chunk) => this.arrived(chunk), end: () => this.finished(), reset: () => this.broken() });
  }

  connect(...args: unknown[]): this {
    // net.connect hands over its arguments read already.
    const [options, callback] = Array.isArray(args[0]) ? (args[0] as [ConnectOptions, Listener | null]) : normalize(args);
    if (options.path !== undefined) throw unsupported("net.connect to a Unix socket or pipe");
    if (options.port === undefined) throw nodeError(TypeError, "ERR_MISSING_ARGS", 'The "options" or "port" or "path" argument must be specified');
    const port = validPort(options.port, "Port");
    checkOptions(options);
    if (callback !== null) this.once("connect", () => callback());
    if (options.timeout !== undefined) this.setTimeout(options.timeout);
    this.connecting = true;
    this.keeper = handle();
    if (!this.counted) this.keeper.unref();
    const host = options.host ?? "localhost";
    this._host = host;
    if (options.lookup === undefined) void this.open(host, port);
    else this.lookUp(host, port, options.lookup as Lookup);
    return this;
  }

  /** Ask the program's own function where a name leads. */
  private lookUp(host: string, port: number, lookup: Lookup): void {
    const found = (error: Error | null, answer?: string | readonly { address: string }[]): void => {
      const address = typeof answer === "string" ? answer : answer?.[0]?.address;
      if (this.destroyed) return;
      if (error !== null || address === undefined) return processNextTick(() => this.destroy(error ?? nodeError(TypeError, "ERR_INVALID_IP_ADDRESS", `Invalid IP address: ${String(address)}`)));
      void this.open(address, port, host);
    };
    if (isIP(host) !== 0) return found(null, host);
    lookup(host, { family: undefined, hints: 0, all: true }, found);
  }

  private async open(host: string, port: number, name = host): Promise<void> {
    const found = localAddress(host === "" ? "localhost" : host);
    if (found === null) return processNextTick(() => this.destroy(elsewhere(host)));
    try {
      const messages = await call("net.connect", port);
      if (this.destroyed) return new Connection(messages).leave();
      within(this.context, () => this.opened(messages, port, found, name));
    } catch (error) {
      if (this.destroyed) return;
      const { code } = error as { code?: string };
      within(this.context, () => this.destroy(code === "ECONNREFUSED" ? addressError("ECONNREFUSED", "connect", found.address, port) : (error as Error)));
    }
  }

  private opened(messages: MessagePort, port: number, found: { address: string; family: 4 | 6 }, host: string): void {
    this.keeper?.close();
    const family = found.family === 4 ? "IPv4" : "IPv6";
    this._attach(new Connection(messages, this._turn), { address: found.address, family, port: clientPort() }, { address: found.address, family, port });
    this.connecting = false;
    this.active();
    this.emit("lookup", null, found.address, found.family, host);
    this.emit("connect");
    this.emit("ready");
    this.pendingWrite?.();
    if (!this.isPaused()) this.read(0);
  }

  /** Turns of the event loop in which this socket is told something. */
  readonly _turn = (body: () => void): void => turn(() => within(this.context, body));

  private arrived(chunk: Uint8Array): void {
    if (this.destroyed) return;
    this.received += chunk.length;
    this.active();
    this.unread += chunk.length;
    if (this.push(Buffer.from(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength))) this.acknowledge();
  }

  private acknowledge(): void {
    this.connection?.consumed(this.unread);
    this.unread = 0;
  }

  private finished(): void {
    if (this.destroyed) return;
    this.push(null);
    // An end that nobody reads must still be seen.
    if (this.readableLength === 0) this.read(0);
  }

  private broken(): void {
    if (!this.destroyed) this.destroy(systemError("ECONNRESET", "read"));
  }

  override _read(): void {
    if (this.connection !== null) this.acknowledge();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Callback): void {
    if (this.connecting) {
      this.pendingWrite = () => {
        this.pendingWrite = null;
        this._write(chunk, _encoding, done);
      };
      return;
    }
    if (this.connection === null) return done(nodeError(Error, "ERR_SOCKET_CLOSED", "Socket is closed"));
    this.written += chunk.length;
    this.active();
    let sync = true;
    this.connection.write(chunk, () => {
      if (sync) within(this.context, () => processNextTick(done));
      else this._turn(done);
    });
    sync = false;
  }

  override _writev(chunks: { chunk: Uint8Array; encoding: string }[], done: Callback): void {
    this._write(Buffer.concat(chunks.map(({ chunk, encoding }) => (typeof chunk === "string" ? Buffer.from(chunk, encoding as BufferEncoding) : chunk))), "buffer", done);
  }

  override _final(done: Callback): void {
    if (this.connecting) {
      this.once("connect", () => this._final(done));
      return;
    }
    this.connection?.end();
    processNextTick(done);
  }

  override _destroy(error: Error | null, done: Callback): void {
    this.connecting = false;
    clearTimeout(this.timer);
    this.timer = undefined;
    if (error !== null || (this.readableLength > 0 && !this.readableEnded)) this.connection?.reset();
    else this.connection?.end();
    // What still comes is not kept back: nobody reads it.
    this.acknowledge();
    this.keeper?.close();
    this._hadError = error !== null;
    done(error);
    processNextTick(() => this.emit("close", this._hadError));
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  resetAndDestroy(): this {
    this.connection?.reset();
    return this.destroy();
  }

  setTimeout(ms: number, callback?: () => void): this {
    this.timeout = validDelay(ms, "msecs");
    clearTimeout(this.timer);
    this.timer = undefined;
    if (callback !== undefined) {
      validateFunction(callback, "callback");
      if (ms === 0) this.removeListener("timeout", callback);
      else this.once("timeout", callback);
    }
    this.active();
    return this;
  }

  /** Something happened: the time without anything begins anew. */
  private active(): void {
    if (this.timeout === undefined || this.timeout <= 0 || this.destroyed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.emit("timeout"), this.timeout);
    this.timer.unref();
  }

  _unrefTimer(): void {
    this.active();
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
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

  address(): object {
    return this.local === null ? {} : { address: this.local.address, family: this.local.family, port: this.local.port };
  }

  get bytesRead(): number {
    return this.received;
  }
  get bytesWritten(): number {
    return this.written + this.writableLength;
  }
  get _bytesDispatched(): number {
    return this.written;
  }
  get pending(): boolean {
    return this.connection === null || this.connecting;
  }
  get bufferSize(): number {
    return this.writableLength;
  }
  get readyState(): string {
    if (this.connecting) return "opening";
    if (this.connection === null || (!this.readable && !this.writable)) return "closed";
    return this.readable && this.writable ? "open" : this.readable ? "readOnly" : "writeOnly";
  }
  get remoteAddress(): string | undefined {
    return this.destroyed ? undefined : this.remote?.address;
  }
  get remoteFamily(): string | undefined {
    return this.destroyed ? undefined : this.remote?.family;
  }
  get remotePort(): number | undefined {
    return this.destroyed ? undefined : this.remote?.port;
  }
  get localAddress(): string | undefined {
    return this.local?.address;
  }
  get localFamily(): string | undefined {
    return this.local?.family;
  }
  get localPort(): number | undefined {
    return this.local?.port;
  }
}

/** `write` behind the other end's end: the connection is half gone. */
function afterFin(this: Socket, _chunk: unknown, encoding: unknown, callback: unknown): boolean {
  const done = typeof encoding === "function" ? encoding : callback;
  const error = Object.assign(new Error("This socket has been ended by the other party"), { code: "EPIPE" });
  if (typeof done === "function") processNextTick(done, error);
  this.destroy(error);
  return false;
}

/** Where a name leads, told by a callback. */
type Lookup = (name: string, options: object, done: (error: Error | null, answer?: string | readonly { address: string }[]) => void) => void;

function checkOptions({ host, localPort, lookup }: ConnectOptions): void {
  if (localPort !== undefined) validateNumber(localPort, "options.localPort");
  if (lookup !== undefined) validateFunction(lookup, "options.lookup");
  if (host !== undefined) validateString(host, "hostname");
}
