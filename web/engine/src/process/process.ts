/** The object `process`. */

import type { ProcessStart, Signal } from "../contract.ts";
import { call, callSync, exit as end, on } from "./calls.ts";
import { handle, turn, type Handle } from "./loop.ts";
import { EventEmitter } from "./modules/events.ts";
import { modeOf } from "./modules/fs/arguments.ts";
import { invalidArgType, nodeError, outOfRange, refusal } from "./modules/errors.ts";
import { builtin, builtinName } from "./modules/index.ts";
import { posix } from "./modules/path.ts";
import { standardStreams, type Write } from "./stdio.ts";
import { processNextTick } from "./timers.ts";
import { VERSION, VERSIONS } from "./version.ts";
import { emitWarning, printWarning } from "./warnings.ts";

const SIGNALS: Readonly<Record<Signal, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGUSR1: 10, SIGUSR2: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15 };
const isSignal = (name: unknown): name is Signal => typeof name === "string" && Object.hasOwn(SIGNALS, name);

/** `process`, as far as the engine itself uses it. */
export interface NodeProcess extends EventEmitter {
  argv: string[];
  execArgv: string[];
  env: Record<string, string | undefined>;
  exitCode: number | string | null | undefined;
  _exiting: boolean;
  pid: number;
  stdout: { write(text: string): boolean };
  stderr: { write(text: string): boolean };
  exit(code?: unknown): never;
  mainModule?: unknown;
  [name: string]: unknown;
}

const millis = (): number => performance.now();

function environment(from: Readonly<Record<string, string>>): Record<string, string | undefined> {
  // Values are always text, as in the real environment.
  return new Proxy({ ...from }, {
    set(target, key, value) {
      if (typeof key === "symbol" || typeof value === "symbol") throw new TypeError("Cannot convert a Symbol value to a string");
      target[key] = String(value);
      return true;
    },
    defineProperty(target, key, descriptor) {
      if (!("value" in descriptor)) {
        throw nodeError(TypeError, "ERR_INVALID_OBJECT_DEFINE_PROPERTY", "'process.env' does not accept an accessor(getter/setter) descriptor");
      }
      return Reflect.defineProperty(target, key, { ...descriptor, value: String(descriptor.value), configurable: true, writable: true, enumerable: true });
    },
  });
}

function hrtime(previous?: unknown): [number, number] {
  const nanos = BigInt(Math.round(millis() * 1000)) * 1000n;
  const now: [number, number] = [Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)];
  if (previous === undefined) return now;
  if (!Array.isArray(previous)) throw invalidArgType("time", "Array", previous);
  if (previous.length !== 2) throw outOfRange("time", "2", previous.length);
  const [seconds = 0, rest = 0] = previous as number[];
  const difference: [number, number] = [now[0] - seconds, now[1] - rest];
  return difference[1] < 0 ? [difference[0] - 1, difference[1] + 1_000_000_000] : difference;
}
hrtime.bigint = (): bigint => BigInt(Math.round(millis() * 1000)) * 1000n;

/** What a browser does not tell a Worker: its memory and its processor time. No number is better than a wrong one. */
const UNKNOWN = Number.NaN;

function memoryUsage(): Record<string, number> {
  return { rss: UNKNOWN, heapTotal: UNKNOWN, heapUsed: UNKNOWN, external: UNKNOWN, arrayBuffers: UNKNOWN };
}
memoryUsage.rss = (): number => UNKNOWN;

function cpuUsage(previous?: unknown): { user: number; system: number } {
  if (previous !== undefined && (typeof previous !== "object" || previous === null)) throw invalidArgType("prevValue", "object", previous);
  return { user: UNKNOWN, system: UNKNOWN };
}

function exitCodeOf(value: unknown): number {
  if (value === undefined || value === null) return 0;
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  if (typeof number !== "number") throw invalidArgType("code", "number", value);
  if (!Number.isInteger(number)) throw outOfRange("code", "an integer", value);
  return number;
}

/** Signals go to their listeners; while there are any, the kernel does not end the process for them. */
function wireSignals(process: NodeProcess): void {
  const heard = new Set<Signal>();
  const tell = (): void => void call("process.signals", [...heard]);
  process.on("newListener", (name: unknown) => {
    if (!isSignal(name) || name === "SIGKILL" || heard.has(name)) return;
    heard.add(name);
    tell();
  });
  process.on("removeListener", (name: unknown) => {
    if (!isSignal(name) || process.listenerCount(name) > 0) return;
    heard.delete(name);
    tell();
  });
  on("signal", ({ signal }) => {
    process.emit(signal, signal, SIGNALS[signal]);
  });
}

/** The channel to the parent of a forked process. */
function wireParent(process: NodeProcess): void {
  let channel: Handle | undefined;
  const hold = (): void => {
    channel ??= handle();
  };
  const release = (): void => {
    channel?.close();
    channel = undefined;
  };
  process.on("newListener", (name: unknown) => {
    if ((name === "message" || name === "disconnect") && process.connected === true) hold();
  });
  process.on("removeListener", (name: unknown) => {
    if (name === "message" && process.listenerCount("message") === 0) release();
  });
  const disconnected = (): void => {
    if (process.connected !== true) return;
    process.connected = false;
    release();
    process.emit("disconnect");
  };
  Object.assign(process, {
    connected: true,
    channel: { ref: hold, unref: release, hasRef: () => channel !== undefined },
    send: (message: unknown, ...rest: unknown[]): boolean => {
      const done = rest.find((word) => typeof word === "function") as ((error: Error | null) => void) | undefined;
      if (process.connected !== true) {
        const error = nodeError(Error, "ERR_IPC_CHANNEL_CLOSED", "Channel closed");
        if (done) processNextTick(done, error);
        else processNextTick(() => process.emit("error", error));
        return false;
      }
      if (message === undefined) throw nodeError(TypeError, "ERR_MISSING_ARGS", 'The "message" argument must be specified');
      const sent = call("process.message", "parent", message);
      if (!done) return true;
      // Who waits for the message to be gone is waited for.
      const sending = handle();
      const over = (error: Error | null): void => {
        sending.close();
        turn(() => done(error));
      };
      void sent.then(() => over(null), over);
      return true;
    },
    disconnect: () => {
      void call("process.disconnect", "parent");
      processNextTick(disconnected);
    },
  });
  on("message", ({ from, message }) => {
    if (from === "parent") process.emit("message", message, undefined);
  });
  on("disconnect", ({ from }) => {
    if (from === "parent") disconnected();
  });
}

const UNAVAILABLE = [
  "dlopen", "binding", "_linkedBinding", "initgroups", "setgroups", "setegid", "seteuid", "setgid", "setuid",
  "_debugProcess", "_debugEnd", "_startProfilerIdleNotifier", "_stopProfilerIdleNotifier", "loadEnvFile",
];

function facts(start: ProcessStart): Record<string, unknown> {
  return {
    version: VERSION,
    versions: Object.freeze({ ...VERSIONS }),
    arch: "x64",
    platform: "linux",
    release: { name: "node", lts: "Iron" },
    features: { inspector: false, debug: false, uv: true, ipv6: false, tls_alpn: false, tls_sni: false, tls_ocsp: false, tls: false, cached_builtins: true, require_module: true },
    config: { target_defaults: { cflags: [], default_configuration: "Release", defines: [], include_dirs: [], libraries: [] }, variables: {} },
    title: "node",
    pid: start.pid,
    ppid: start.ppid,
    execPath: "/usr/local/bin/node",
    argv0: start.argv0 ?? "node",
    debugPort: 9229,
    moduleLoadList: [],
    exitCode: undefined,
    _exiting: false,
    allowedNodeEnvironmentFlags: new Set(["--conditions", "--enable-source-maps", "--import", "--input-type", "--max-old-space-size", "--no-deprecation", "--no-warnings", "--require", "--trace-deprecation", "--trace-warnings", "--unhandled-rejections"]),
    sourceMapsEnabled: false,
  };
}

function actions(process: NodeProcess, start: ProcessStart): Record<string, unknown> {
  let cwd = start.cwd;
  return {
    cwd: () => cwd,
    chdir: (folder: unknown): void => {
      if (typeof folder !== "string") throw invalidArgType("directory", "string", folder);
      const path = posix.resolve(cwd, folder);
      try {
        callSync("process.chdir", path);
      } catch (error) {
        const { code } = error as { code: string };
        throw Object.assign(new Error(`${code}: ${code === "ENOTDIR" ? "not a directory" : "no such file or directory"}, chdir '${cwd}' -> '${folder}'`), { errno: code === "ENOTDIR" ? -20 : -2, code, syscall: "chdir", path: cwd, dest: folder });
      }
      cwd = path;
    },
    umask: (wanted?: unknown): number => callSync("process.umask", wanted === undefined ? null : modeOf(wanted, "mask")),
    nextTick: Object.defineProperty(processNextTick, "name", { value: "nextTick" }),
    _tickCallback: () => undefined,
    emitWarning,
    abort: () => end(134),
    reallyExit: (code?: number) => end(code ?? 0),
    exit: (code?: unknown): never => {
      if (code !== undefined) process.exitCode = exitCodeOf(code);
      finish(process, exitCodeOf(process.exitCode));
    },
    kill: (pid: unknown, signal: unknown = "SIGTERM"): true => kill(pid, signal),
    _kill: (pid: number, signal: number) => kill(pid, signal),
    _rawDebug: (...words: unknown[]) => void process.stderr.write(`${words.map(String).join(" ")}\n`),
    getBuiltinModule: (id: unknown): unknown => {
      if (typeof id !== "string") throw invalidArgType("id", "string", id);
      const name = builtinName(id);
      return name === undefined ? undefined : builtin(name);
    },
    setSourceMapsEnabled: (on: unknown): void => {
      if (on === true) refusal("process.setSourceMapsEnabled(true)")();
    },
    openStdin: () => {
      (process.stdin as { resume(): void }).resume();
      return process.stdin;
    },
    assert: (value: unknown, message?: string) => {
      if (!value) throw nodeError(Error, "ERR_ASSERTION", message ?? "assertion error");
    },
  };
}

/** The one callback that takes all errors, ahead of the listeners. */
function capturing(): Record<string, unknown> {
  let capture: ((error: unknown) => void) | null = null;
  return {
    setUncaughtExceptionCaptureCallback: (callback: unknown): void => {
      if (callback !== null && typeof callback !== "function") throw invalidArgType("fn", ["Function", "null"], callback);
      if (callback !== null && capture !== null) throw nodeError(Error, "ERR_UNCAUGHT_EXCEPTION_CAPTURE_ALREADY_SET", "`process.setupUncaughtExceptionCapture()` was called while a capture callback was already active");
      capture = callback as typeof capture;
    },
    hasUncaughtExceptionCaptureCallback: () => capture !== null,
    _captured: (error: unknown): boolean => {
      capture?.(error);
      return capture !== null;
    },
  };
}

/** Diagnostic reports: nothing makes them here, and asking for one says so. */
const report = {
  writeReport: refusal("process.report.writeReport"), getReport: refusal("process.report.getReport"), directory: "", filename: "", compact: false,
  excludeNetwork: false, signal: "SIGUSR2", reportOnFatalError: false, reportOnSignal: false, reportOnUncaughtException: false,
};

/** What it costs, as far as the browser tells. */
const usage = {
  uptime: (): number => millis() / 1000,
  hrtime,
  memoryUsage,
  cpuUsage,
  resourceUsage: (): Record<string, number> => ({
    // The kernel that Node asks keeps the rest at 0 as well.
    userCPUTime: UNKNOWN, systemCPUTime: UNKNOWN, maxRSS: UNKNOWN, sharedMemorySize: 0, unsharedDataSize: 0, unsharedStackSize: 0,
    minorPageFault: UNKNOWN, majorPageFault: UNKNOWN, swappedOut: 0, fsRead: UNKNOWN, fsWrite: UNKNOWN, ipcSent: 0, ipcReceived: 0, signalsCount: 0,
    voluntaryContextSwitches: UNKNOWN, involuntaryContextSwitches: UNKNOWN,
  }),
  constrainedMemory: (): number => 0,
  availableMemory: (): number => UNKNOWN,
  getActiveResourcesInfo: refusal("process.getActiveResourcesInfo"),
  _getActiveHandles: refusal("process._getActiveHandles"),
  _getActiveRequests: refusal("process._getActiveRequests"),
};

const ids = { getuid: () => 0, geteuid: () => 0, getgid: () => 0, getegid: () => 0, getgroups: () => [0] };

function kill(pid: unknown, signal: unknown): true {
  if (typeof pid !== "number" || !Number.isInteger(pid)) throw invalidArgType("pid", "number", pid);
  const name = typeof signal === "number" ? Object.keys(SIGNALS).find((key) => SIGNALS[key as Signal] === signal) ?? signal : signal;
  if (name !== 0 && !isSignal(name)) throw nodeError(TypeError, "ERR_UNKNOWN_SIGNAL", `Unknown signal: ${String(signal)}`);
  if (!callSync("process.kill", pid, name)) throw Object.assign(new Error("kill ESRCH"), { errno: -3, code: "ESRCH", syscall: "kill" });
  return true;
}

/** Emit `exit` once, then end with the code that its listeners left; `unset` when nobody has set one. */
export function finish(process: NodeProcess, code: number, unset = code): never {
  if (!process._exiting) {
    process._exiting = true;
    const given = process.exitCode;
    if (code !== 0) process.exitCode = code;
    process.emit("exit", code);
    if (process.exitCode === undefined && given === undefined) end(unset & 255);
  }
  end(exitCodeOf(process.exitCode) & 255);
}

/** Make `process` for a start. */
export function createProcess(start: ProcessStart, put?: Write): NodeProcess {
  const base = Object.create(EventEmitter.prototype, {
    [Symbol.toStringTag]: { value: "process", configurable: true },
    constructor: { value: Object.defineProperty(function (): void { throw new TypeError("Illegal constructor"); }, "name", { value: "process" }), configurable: true, writable: true },
  }) as object;
  const process = Object.create(base) as NodeProcess;
  (EventEmitter as unknown as (this: object) => void).call(process);
  Object.assign(process, facts(start), usage, ids, actions(process, start), capturing());
  for (const name of UNAVAILABLE) process[name] = refusal(`process.${name}()`);
  process.env = environment(start.env);
  let code: unknown;
  Object.defineProperty(process, "exitCode", {
    enumerable: true,
    configurable: true,
    get: () => code,
    set: (value: unknown) => {
      if (value !== undefined && value !== null) exitCodeOf(value);
      code = value;
    },
  });
  Object.defineProperty(process, "report", { enumerable: true, configurable: true, get: () => report });
  const streams = standardStreams(start, put);
  for (const name of ["stdin", "stdout", "stderr"] as const) {
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get: streams[name] });
  }
  wireSignals(process);
  if (start.ipc) wireParent(process);
  process.on("warning", (warning) => printWarning(warning as Error, start.pid));
  return process;
}
