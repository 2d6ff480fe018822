/** `child_process`. */

import { AbortError, invalidArgType, nodeError, refusal, unsupported } from "../modules/errors.ts";
import { pathOf } from "../modules/fs/arguments.ts";
import { validateAbortSignal, validateFunction, validateObject, validateString } from "../modules/validate.ts";
import { callable } from "../net/net.ts";
import { ChildProcess } from "./child.ts";
import { execFileSync, execSync, spawnSync } from "./sync.ts";
import { checkLimits, launchOf, textsOf, type ChildOptions, type Launch, type StdioWord } from "./options.ts";
import { Buffer } from "../modules/buffer.ts";
import { processNextTick } from "../timers.ts";

type Output = string | Buffer;
type ExecCallback = (error: Error | null, stdout: Output, stderr: Output) => void;

const MAX_BUFFER = 1024 * 1024;
const PROMISIFY = Symbol.for("nodejs.util.promisify.custom");

function begin(launch: Launch): ChildProcess {
  const { options } = launch;
  checkLimits(options);
  validateAbortSignal(options.signal, "options.signal");
  const child = new ChildProcess();
  child._start(launch);
  child._limit(options.timeout, options.killSignal);
  if (options.signal !== undefined) abortWith(child, options.signal, options.killSignal);
  return child;
}

/** End a child when its signal says so. */
function abortWith(child: ChildProcess, signal: AbortSignal, killSignal: ChildOptions["killSignal"]): void {
  const abort = (): void => {
    if (child.kill(killSignal)) child.emit("error", new AbortError({ cause: signal.reason }));
  };
  if (signal.aborted) return processNextTick(abort);
  signal.addEventListener("abort", abort, { once: true });
  child.once("exit", () => signal.removeEventListener("abort", abort));
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

/** Read `(file, args?, options?, callback?)`. */
function executionOf(rest: readonly unknown[]): [args: unknown, options: unknown, callback: ExecCallback | undefined] {
  const [first] = rest;
  const listed = Array.isArray(first) || (typeof first !== "object" && typeof first !== "function") || first === null;
  const [args, second, third] = listed ? rest : [[], ...rest];
  const [options, callback] = typeof second === "function" ? [undefined, second] : [second, third];
  if (options !== undefined && options !== null) validateObject(options, "options");
  if (callback !== undefined && callback !== null) validateFunction(callback, "callback");
  return [args, options ?? undefined, (callback ?? undefined)];
}

function execFile(file: unknown, ...rest: unknown[]): ChildProcess {
  const [args, options, callback] = executionOf(rest);
  const launch = launchOf(file, args, options);
  const inShell = launch.options.shell !== undefined && launch.options.shell !== false;
  return collect(launch, inShell ? String(launch.args[1]) : [launch.file, ...launch.args].join(" "), callback);
}

function exec(command: unknown, ...rest: unknown[]): ChildProcess {
  validateString(command, "command");
  const [second, third] = rest;
  const [options, callback] = typeof second === "function" ? [undefined, second] : [second as ChildOptions | undefined, third];
  if (callback !== undefined && callback !== null) validateFunction(callback, "callback");
  return collect(launchOf(command, [], { ...options, shell: typeof options?.shell === "string" ? options.shell : true }), command, (callback ?? undefined));
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
  const path = pathOf(file, "modulePath").given;
  const [args, given] = forkArguments(second, third);
  if (given !== undefined && given !== null) validateObject(given, "options");
  const options: ChildOptions = { ...(given as ChildOptions | undefined), shell: false };
  if (options.serialization === "advanced") throw unsupported("fork with serialization 'advanced'");
  const { execPath, execArgv } = (globalThis as unknown as { process: NodeHost }).process;
  const flags = textsOf(options.execArgv ?? execArgv, "options.execArgv");
  return spawn(options.execPath ?? execPath, [...flags, path, ...args], { ...options, stdio: forkedStreams(options) });
}

function forkArguments(second: unknown, third: unknown): [args: string[], options: unknown] {
  if (second === undefined || second === null) return [[], third];
  if (Array.isArray(second)) return [second as string[], third];
  if (typeof second === "object") return [[], second];
  throw invalidArgType("args", "Array", second);
}

/** The streams of a forked process, of which one is the channel. */
function forkedStreams({ stdio, silent }: ChildOptions): readonly StdioWord[] {
  if (stdio === undefined || stdio === null || typeof stdio === "string") {
    const word = stdio ?? (silent === true ? "pipe" : "inherit");
    return [word, word, word, "ipc"];
  }
  if (Array.isArray(stdio) && stdio.includes("ipc")) return stdio as readonly StdioWord[];
  throw nodeError(Error, "ERR_CHILD_PROCESS_IPC_REQUIRED", "Forked processes must have an IPC channel, missing value 'ipc' in options.stdio");
}

/** The module. */
export const childProcess = { _forkChild: refusal("child_process._forkChild"), ChildProcess: callable(ChildProcess), exec, execFile, execFileSync, execSync, fork, spawn, spawnSync };
