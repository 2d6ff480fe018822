/** `spawnSync`, `execSync` and `execFileSync`: this process sleeps until the child has ended. */

import type { Signal, SpawnResult, Stdio } from "../../contract.ts";
import { callSync } from "../calls.ts";
import { Buffer } from "../modules/buffer.ts";
import { invalidArgType, nodeError } from "../modules/errors.ts";
import { argv0Of, checkLimits, launchOf, signalOf, streamsOf, type ChildOptions, type Launch } from "./options.ts";

type Output = string | Buffer | null;

/** What `spawnSync` answers. */
export interface SyncResult {
  pid: number;
  output: Output[] | null;
  stdout: Output;
  stderr: Output;
  status: number | null;
  signal: Signal | null;
  error?: Error;
}

const NUMBERS: Readonly<Record<string, number>> = { ETIMEDOUT: -110, ENOBUFS: -105, ENOENT: -2, EACCES: -13 };
const MAX_BUFFER = 1024 * 1024;

function inputOf(input: ChildOptions["input"]): Uint8Array | null {
  if (input === undefined || (input as unknown) === null) return null;
  if (typeof input === "string") return Buffer.from(input);
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength).slice();
  throw invalidArgType("options.stdio[0]", ["Buffer", "TypedArray", "DataView", "string"], input);
}

function run(launch: Launch): SyncResult {
  const { options } = launch;
  checkLimits(options);
  const { stdio, ipc } = streamsOf(options.stdio);
  if (ipc) throw nodeError(Error, "ERR_IPC_SYNC_FORK", "IPC cannot be used with synchronous forks");
  const input = inputOf(options.input);
  const connected: [Stdio, Stdio, Stdio] = [input === null ? stdio[0] : "pipe", stdio[1], stdio[2]];
  const request = { command: launch.file, args: launch.args, cwd: launch.cwd, env: launch.env, stdio: connected, detached: options.detached ?? false, ...argv0Of(options) };
  const signal = signalOf(options.killSignal);
  try {
    const found = callSync("process.spawnSync", request, input ?? (connected[0] === "pipe" ? new Uint8Array(0) : null), options.timeout ?? 0, signal === 0 ? "SIGTERM" : signal, options.maxBuffer ?? MAX_BUFFER);
    return resultOf(launch, found, connected);
  } catch (error) {
    const { code = "ENOENT", message } = error as { code?: string; message: string };
    return { error: failure(launch, code, message.includes("not supported") ? message : undefined), status: null, signal: null, output: null, pid: 0, stdout: null, stderr: null };
  }
}

function resultOf(launch: Launch, found: SpawnResult, stdio: readonly Stdio[]): SyncResult {
  const { encoding } = launch.options;
  const [stdout, stderr] = ([[found.stdout, stdio[1]], [found.stderr, stdio[2]]] as const).map(([data, kind]): Output => {
    if (kind !== "pipe") return null;
    const bytes = Buffer.from(data);
    return typeof encoding === "string" && encoding !== "buffer" ? bytes.toString(encoding) : bytes;
  }) as [Output, Output];
  return {
    ...(found.error === undefined ? {} : { error: failure(launch, found.error) }),
    status: found.signal === null ? found.code : null, signal: found.signal, output: [null, stdout, stderr], pid: found.pid, stdout, stderr,
  };
}

function failure(launch: Launch, code: string, message = `spawnSync ${launch.file} ${code}`): Error {
  return Object.assign(new Error(message), { errno: NUMBERS[code] ?? -1, code, syscall: `spawnSync ${launch.file}`, path: launch.file, spawnargs: launch.spawnargs.slice(1) });
}

/** `spawnSync`. */
export function spawnSync(file: unknown, args?: unknown, options?: unknown): SyncResult {
  return run(launchOf(file, args, options));
}

function checked(result: SyncResult, launch: Launch, command: string): Output {
  const { stdio } = streamsOf(launch.options.stdio);
  // Without an own `stdio`, what the child complains is passed on.
  if (launch.options.stdio === undefined && stdio[2] === "pipe" && result.stderr !== null && result.stderr.length > 0) (globalThis as unknown as { process: { stderr: { write(data: unknown): void } } }).process.stderr.write(result.stderr);
  if (result.error !== undefined) throw Object.assign(result.error, result);
  if (result.status === 0) return result.stdout;
  const said = result.stderr !== null && result.stderr.length > 0 ? `\n${result.stderr.toString()}` : "";
  throw Object.assign(new Error(`Command failed: ${command}${said}`), result);
}

/** `execFileSync`. */
export function execFileSync(file: unknown, args?: unknown, options?: unknown): Output {
  const launch = launchOf(file, args, options);
  return checked(run(launch), launch, [String(file), ...(launch.options.shell ? [] : launch.args)].join(" "));
}

/** `execSync`. */
export function execSync(command: unknown, options?: ChildOptions): Output {
  if (typeof command !== "string") throw invalidArgType("command", "string", command);
  const launch = launchOf(command, [], { ...options, shell: typeof options?.shell === "string" ? options.shell : true });
  return checked(run(launch), launch, command);
}
