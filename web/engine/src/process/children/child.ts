/** `child_process.ChildProcess`. */

import type { Signal } from "../../contract.ts";
import { frame, within } from "../async/context.ts";
import { call, callSync, on } from "../calls.ts";
import { handle, turn, type Handle } from "../loop.ts";
import { Buffer } from "../modules/buffer.ts";
import { EventEmitter } from "../modules/events.ts";
import { invalidArgType, nodeError, refusal, unsupported } from "../modules/errors.ts";
import { stream } from "../modules/stream/index.ts";
import { clearTimeout, processNextTick, setTimeout, type Timeout } from "../timers.ts";
import { argv0Of, signalOf, streamsOf, type Launch, type Streams } from "./options.ts";

type Callback = (error?: Error | null) => void;

const Emitter = EventEmitter as unknown as new () => EventEmitter;
const children = new Map<number, ChildProcess>();
/** What came about a child before the answer that names it. */
const early = new Map<number, ((child: ChildProcess) => void)[]>();
let wired = false;

function about(pid: number, what: (child: ChildProcess) => void): void {
  const child = children.get(pid);
  if (child !== undefined) return within(child._context, () => what(child));
  const waiting = early.get(pid) ?? [];
  waiting.push(what);
  early.set(pid, waiting);
}

function wire(): void {
  if (wired) return;
  wired = true;
  on("child-output", ({ pid, fd, data }) => about(pid, (child) => child._output(fd, data)));
  on("child-exit", ({ pid, code, signal }) => about(pid, (child) => child._exited(code, signal)));
  on("message", ({ from, message }) => {
    if (from !== "parent") about(from, (child) => child._message(message));
  });
  on("disconnect", ({ from }) => {
    if (from !== "parent") about(from, (child) => child._disconnected());
  });
}

/** What programs do to these streams as to sockets; a child is waited for as a whole, not its streams. */
interface Countable {
  ref(): this;
  unref(): this;
}

/** The child's stdin at this end. */
class ChildInput extends stream.Writable implements Countable {
  readonly fd = -1;
  constructor(private readonly pid: Promise<number | null>) {
    super({ decodeStrings: true });
  }
  override _write(chunk: Uint8Array, _encoding: string, done: Callback): void {
    void this.give(new Uint8Array(chunk), done);
  }
  override _final(done: Callback): void {
    void this.give(null, () => done());
  }
  private async give(data: Uint8Array | null, done: Callback): Promise<void> {
    const pid = await this.pid;
    if (pid === null) return turn(() => done());
    try {
      await call("process.stdin", pid, data);
      done();
    } catch (error) {
      done(data === null ? null : Object.assign(new Error("write EPIPE"), { errno: -32, code: (error as { code?: string }).code ?? "EPIPE", syscall: "write" }));
    }
  }
  override _destroy(error: Error | null, done: Callback): void {
    if (!this.writableFinished) void this.give(null, () => undefined);
    done(error);
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

/** A stream of the child's output at this end. */
class ChildOutput extends stream.Readable implements Countable {
  override _read(): void {
    // It comes by itself.
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

// Node's are sockets, and people print what they are.
for (const type of [ChildInput, ChildOutput]) Object.defineProperty(type, "name", { value: "Socket" });

/** `ChildProcess`. */
export class ChildProcess extends Emitter {
  pid: number | undefined;
  exitCode: number | null = null;
  signalCode: Signal | null = null;
  killed = false;
  spawnfile = "";
  spawnargs: readonly string[] = [];
  connected = false;
  stdin: InstanceType<typeof stream.Writable> | null = null;
  stdout: InstanceType<typeof stream.Readable> | null = null;
  stderr: InstanceType<typeof stream.Readable> | null = null;
  stdio: unknown[] = [null, null, null];
  channel: object | null | undefined;
  private keeper: Handle | null = null;
  private channelKeeper: Handle | null = null;
  private counted = true;
  private outputs = 0;
  private ended = false;
  private wanted: Signal | 0 | null = null;
  private identified: (pid: number | null) => void = () => undefined;
  private timer: Timeout | undefined;
  /** The async context in which the child was made: its events are told in it. */
  readonly _context = frame();

  /** Start what is to be started; errors come as an event. */
  _start(launch: Launch): this {
    wire();
    const streams = streamsOf(launch.options.stdio);
    this.spawnfile = launch.file;
    this.spawnargs = launch.spawnargs;
    this.connect(streams);
    this.keeper = handle();
    try {
      this.take(callSync("process.spawn", { command: launch.file, args: launch.args, cwd: launch.cwd, env: launch.env, stdio: streams.stdio, ipc: streams.ipc, detached: launch.options.detached ?? false, ...argv0Of(launch.options) }), streams);
    } catch (error) {
      this.failed(error as Error & { code?: string; errno?: number }, launch);
    }
    return this;
  }

  private connect({ stdio, count, ipcAt }: Streams): void {
    const pid = new Promise<number | null>((resolve) => {
      this.identified = resolve;
    });
    if (stdio[0] === "pipe") this.stdin = new ChildInput(pid);
    if (stdio[1] === "pipe") this.stdout = this.outputStream();
    if (stdio[2] === "pipe") this.stderr = this.outputStream();
    this.stdio = [this.stdin, this.stdout, this.stderr, ...Array.from({ length: count - 3 }, () => null)];
    if (ipcAt >= 0 && ipcAt < 3) this.stdio[ipcAt] = null;
  }

  private outputStream(): ChildOutput {
    this.outputs += 1;
    const output = new ChildOutput();
    output.once("close", () => {
      this.outputs -= 1;
      this.maybeClose();
    });
    return output;
  }

  private take(pid: number, streams: Streams): void {
    this.pid = pid;
    children.set(pid, this);
    if (streams.ipc) this.openChannel();
    this.identified(pid);
    processNextTick(() => this.emit("spawn"));
    for (const late of early.get(pid) ?? []) turn(() => within(this._context, () => late(this)));
    early.delete(pid);
  }

  private failed(error: Error & { code?: string; errno?: number }, launch: Launch): void {
    this.identified(null);
    this.keeper?.close();
    // Node says `spawn FILE ENOENT`, and gives the arguments along.
    const code = error.code ?? "ENOENT";
    const shown = Object.assign(new Error(error.message.includes("not supported") ? error.message : `spawn ${launch.file} ${code}`), { errno: error.errno ?? -2, code, syscall: `spawn ${launch.file}`, path: launch.file, spawnargs: launch.spawnargs.slice(1) });
    this.exitCode = shown.errno;
    processNextTick(() => {
      this.emit("error", shown);
      this.stdin?.destroy();
      for (const output of [this.stdout, this.stderr]) output?.push(null);
      for (const output of [this.stdout, this.stderr]) output?.resume();
      this.ended = true;
      this.maybeClose();
    });
  }

  /** Output came, or its end (null). */
  _output(fd: 1 | 2, data: Uint8Array | null): void {
    const output = fd === 1 ? this.stdout : this.stderr;
    if (output === null || output.destroyed) return;
    output.push(data === null ? null : Buffer.from(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength));
  }

  /** The child is over. */
  _exited(code: number | null, signal: Signal | null): void {
    this.exitCode = signal === null ? code : null;
    this.signalCode = signal;
    clearTimeout(this.timer);
    this.keeper?.close();
    this.stdin?.destroy();
    if (this.connected) this._disconnected();
    if (this.pid !== undefined && this.outputs === 0) children.delete(this.pid);
    this.emit("exit", this.exitCode, this.signalCode);
    this.ended = true;
    // What nobody reads must not keep "close" back.
    for (const output of [this.stdout, this.stderr]) if (output !== null && output.readableFlowing === null) output.resume();
    processNextTick(() => this.maybeClose());
  }

  private maybeClose(): void {
    if (!this.ended || this.outputs > 0) return;
    this.ended = false;
    if (this.pid !== undefined) children.delete(this.pid);
    this.emit("close", this.exitCode, this.signalCode);
  }

  private openChannel(): void {
    this.connected = true;
    this.channelKeeper = handle();
    this.channel = { ref: () => this.channelKeeper?.ref(), unref: () => this.channelKeeper?.unref(), hasRef: () => this.channelKeeper?.hasRef() ?? false };
  }

  /** A message of the child. */
  _message(message: unknown): void {
    this.emit("message", message, undefined);
  }

  /** The channel is gone. */
  _disconnected(): void {
    if (!this.connected) return;
    this.connected = false;
    this.channelKeeper?.close();
    this.channel = null;
    this.emit("disconnect");
  }

  send(message: unknown, ...rest: unknown[]): boolean {
    const done = rest.find((word) => typeof word === "function") as Callback | undefined;
    if (message === undefined) throw nodeError(TypeError, "ERR_MISSING_ARGS", 'The "message" argument must be specified');
    if (!["string", "object", "number", "boolean"].includes(typeof message)) throw invalidArgType("message", ["string", "object", "number", "boolean"], message);
    const [handle] = rest;
    if (typeof handle === "object" && handle !== null) throw isHandle(handle) ? unsupported("sending a handle to a child") : nodeError(TypeError, "ERR_INVALID_HANDLE_TYPE", "This handle type cannot be sent");
    if (!this.connected || this.pid === undefined) {
      const error = nodeError(Error, "ERR_IPC_CHANNEL_CLOSED", "Channel closed");
      if (done !== undefined) processNextTick(done, error);
      else processNextTick(() => this.emit("error", error));
      return false;
    }
    // As Node does by default: what JSON does not know does not arrive.
    void call("process.message", this.pid, JSON.parse(JSON.stringify(message))).then(() => done?.(null), (error: unknown) => done?.(error as Error));
    return true;
  }

  disconnect(): void {
    if (!this.connected || this.pid === undefined) {
      this.emit("error", nodeError(Error, "ERR_IPC_DISCONNECTED", "IPC channel is already disconnected"));
      return;
    }
    void call("process.disconnect", this.pid);
    this._disconnected();
  }

  kill(signal?: string | number | null): boolean {
    const wanted = signalOf(signal);
    this.wanted = wanted;
    if (this.pid === undefined || this.exitCode !== null || this.signalCode !== null) return false;
    if (!callSync("process.kill", this.pid, this.wanted)) return false;
    if (wanted !== 0) this.killed = true;
    return true;
  }

  /** End the child when it takes longer. */
  _limit(ms: number | undefined, signal: string | number | undefined): void {
    if (ms === undefined || ms <= 0) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.kill(signal);
    }, ms);
  }

  ref(): void {
    this.counted = true;
    this.keeper?.ref();
  }

  unref(): void {
    this.counted = false;
    this.keeper?.unref();
  }

  get _counted(): boolean {
    return this.counted;
  }

  [Symbol.dispose](): void {
    if (!this.killed) this.kill();
  }
}

/** A server or a connection, which Node can hand to a child. */
function isHandle(value: object): boolean {
  return "listen" in value || "connect" in value || "_handle" in value;
}

Object.defineProperty(ChildProcess.prototype, "spawn", { configurable: true, writable: true, value: refusal("ChildProcess.spawn", "use child_process.spawn") });
