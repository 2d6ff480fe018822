/** `child_process`. */

import { invalidArgType, nodeError, outOfRange, refusal } from "../modules/errors.ts";
import { callable } from "../net/net.ts";
import { ChildProcess } from "./child.ts";
import { execFileSync, execSync, spawnSync } from "./sync.ts";
import { launchOf, signalOf, type ChildOptions, type Launch } from "./options.ts";
import { Buffer } from "../modules/buffer.ts";
import { processNextTick } from "../timers.ts";

type Output = string | Buffer;
type ExecCallback = (error: Error | null, stdout: Output, stderr: Output) => void;

const MAX_BUFFER = 1024 * 1024;
const PROMISIFY = Symbol.for("nodejs.util.promisify.custom");

function begin(launch: Launch): ChildProcess {
  const { options } = launch;
  if (options.timeout !== undefined && (!Number.isInteger(options.timeout) || options.timeout < 0)) throw outOfRange("timeout", "an unsigned integer", options.timeout);
  if (options.killSignal !== undefined) signalOf(options.killSignal);
  const child = new ChildProcess();
  if (options.signal?.aborted === true) {
    processNextTick(() => child.emit("error", abortError(options.signal)));
  }
  child._start(launch);
  child._limit(options.timeout, options.killSignal);
  const abort = (): void => {
    if (child.kill(options.killSignal)) child.emit("error", abortError(options.signal));
  };
  if (options.signal?.aborted === true) processNextTick(() => child.kill(options.killSignal));
  else options.signal?.addEventListener("abort", abort, { once: true });
  child.once("exit", () => options.signal?.removeEventListener("abort", abort));
  return child;
}

function abortError(signal: AbortSignal | undefined): Error {
  return Object.assign(new Error("The operation was aborted", { cause: signal?.reason }), { name: "AbortError", code: "ABORT_ERR" });
}

const spawn = (file: unknown, args?: unknown, options?: unknown): ChildProcess => begin(launchOf(file, args, options));

/** One stream's output, up to a limit of bytes. */
class Collected {
  private readonly parts: Uint8Array[] = [];
  size = 0;

  constructor(private readonly limit: number, private readonly over: () => void) {}

  take(chunk: Uint8Array): void {
    const room = this.limit - this.size;
    this.parts.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    this.size += chunk.length;
    if (chunk.length > room) this.over();
  }

  value(encoding: string | null): Output {
    const all = Buffer.concat(this.parts);
    return encoding === null || encoding === "buffer" || !Buffer.isEncoding(encoding) ? all : all.toString(encoding);
  }
}

function collect(launch: Launch, command: string, callback: ExecCallback | undefined): ChildProcess {
  const { options } = launch;
  const child = begin(launch);
  const encoding = options.encoding === undefined ? "utf8" : options.encoding;
  let failure: Error | null = null;
  const collected = (["stdout", "stderr"] as const).map((name) => {
    const output = new Collected(options.maxBuffer ?? MAX_BUFFER, () => {
      failure ??= nodeError(RangeError, "ERR_CHILD_PROCESS_STDIO_MAXBUFFER", `${name} maxBuffer length exceeded`);
      child.kill(options.killSignal);
    });
    child[name]?.on("data", (chunk: Uint8Array) => output.take(chunk));
    return output;
  });
  const said = { done: false };
  const finish = (code: number | null, signal: string | null): void => {
    if (said.done) return;
    said.done = true;
    const [stdout = "", stderr = ""] = collected.map((output) => output.value(encoding));
    if (failure === null && code === 0 && signal === null) return callback?.(null, stdout, stderr);
    const error = failure ?? Object.assign(new Error(`Command failed: ${command}\n${String(stderr)}`), { code: code ?? null, killed: child.killed, signal });
    callback?.(Object.assign(error, { cmd: command }), stdout, stderr);
  };
  child.on("close", finish as never);
  child.on("error", ((error: Error) => {
    failure = error;
    child.stdout?.destroy();
    child.stderr?.destroy();
    finish(null, null);
  }) as never);
  return child;
}

function execFile(file: unknown, ...rest: unknown[]): ChildProcess {
  const callback = rest.find((word) => typeof word === "function") as ExecCallback | undefined;
  const others = rest.filter((word) => typeof word !== "function");
  const last = rest.at(-1);
  if (rest.length > 0 && callback === undefined && last !== undefined && last !== null && typeof last !== "object") throw invalidArgType("callback", "Function", last);
  const launch = launchOf(file, others[0], others[1]);
  return collect(launch, [launch.options.shell === undefined || launch.options.shell === false ? launch.file : String(file), ...(launch.options.shell ? [] : launch.args)].join(" "), callback);
}

function exec(command: unknown, ...rest: unknown[]): ChildProcess {
  if (typeof command !== "string") throw invalidArgType("command", "string", command);
  const callback = rest.find((word) => typeof word === "function") as ExecCallback | undefined;
  const options = rest.find((word) => typeof word === "object" && word !== null) as ChildOptions | undefined;
  return collect(launchOf(command, [], { ...options, shell: typeof options?.shell === "string" ? options.shell : true }), command, callback);
}

/** `util.promisify(exec)` gives both outputs, and the child on the promise. */
function promised(start: (...args: unknown[]) => ChildProcess): (...args: unknown[]) => Promise<object> & { child: ChildProcess } {
  return (...args) => {
    const found: { child?: ChildProcess } = {};
    const promise = new Promise<object>((resolve, reject) => {
      found.child = start(...args, (error: Error | null, stdout: Output, stderr: Output) => {
        if (error === null) resolve({ stdout, stderr });
        else reject(Object.assign(error, { stdout, stderr }));
      });
    });
    return Object.assign(promise, { child: found.child as ChildProcess });
  };
}

for (const start of [exec, execFile]) Object.defineProperty(start, PROMISIFY, { value: promised(start), enumerable: false });

interface NodeHost {
  execPath: string;
  execArgv: string[];
}

function fork(file: unknown, second?: unknown, third?: unknown): ChildProcess {
  const path = file instanceof URL ? decodeURIComponent(file.pathname) : file;
  if (typeof path !== "string") throw invalidArgType("modulePath", ["string", "URL"], file);
  const args = Array.isArray(second) ? (second as string[]) : [];
  const options = { ...((Array.isArray(second) || second === undefined || second === null ? third : second) as ChildOptions | undefined) };
  const { execPath, execArgv } = (globalThis as unknown as { process: NodeHost }).process;
  if (options.serialization === "advanced") throw nodeError(Error, "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", "fork with serialization 'advanced' is not supported by the local WebContainer engine");
  const inherited = options.silent === true ? "pipe" : "inherit";
  options.stdio ??= [inherited, inherited, inherited, "ipc"];
  if (typeof options.stdio === "string") options.stdio = [options.stdio, options.stdio, options.stdio, "ipc"];
  if (!Array.isArray(options.stdio) || !options.stdio.includes("ipc")) throw nodeError(Error, "ERR_CHILD_PROCESS_IPC_REQUIRED", "Forked processes must have an IPC channel, missing value 'ipc' in options.stdio");
  return spawn(options.execPath ?? execPath, [...(options.execArgv ?? execArgv), path, ...args], { ...options, shell: false });
}

/** The module. */
export const childProcess = { _forkChild: refusal("child_process._forkChild"), ChildProcess: callable(ChildProcess), exec, execFile, execFileSync, execSync, fork, spawn, spawnSync };
