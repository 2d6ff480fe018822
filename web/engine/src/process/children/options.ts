/** The arguments of `child_process`. */

import type { Signal, Stdio } from "../../contract.ts";
import { invalidArgType, invalidArgValue, nodeError, outOfRange, unsupported } from "../modules/errors.ts";
import { pathOf } from "../modules/fs/arguments.ts";
import { validateObject, validateString } from "../modules/validate.ts";

export type StdioWord = "pipe" | "ignore" | "inherit" | "ipc" | "overlapped" | number | { fd?: number } | null | undefined;

/** Options of all of `child_process`. */
export interface ChildOptions {
  cwd?: string | URL;
  env?: Record<string, string | undefined>;
  argv0?: string;
  stdio?: StdioWord | readonly StdioWord[];
  detached?: boolean;
  shell?: boolean | string;
  signal?: AbortSignal;
  timeout?: number;
  killSignal?: Signal | number;
  encoding?: string | null;
  maxBuffer?: number;
  input?: string | NodeJS.ArrayBufferView;
  execPath?: string;
  execArgv?: readonly string[];
  silent?: boolean;
  serialization?: string;
  uid?: number;
  gid?: number;
  [other: string]: unknown;
}

/** What is to be started. */
export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  /** As the caller wrote it: errors name it. */
  readonly spawnargs: readonly string[];
  readonly options: ChildOptions;
  readonly cwd: string;
  readonly env: Record<string, string>;
}

interface Host {
  cwd(): string;
  env: Record<string, string | undefined>;
}
const host = (): Host => (globalThis as unknown as { process: Host }).process;

/** Read `(file, args?, options?)`. Throws what Node throws for arguments that are none. */
export function launchOf(file: unknown, second?: unknown, third?: unknown): Launch {
  validateString(file, "file");
  withoutNull(file, "file");
  if (file === "") throw invalidArgValue("file", file, "cannot be empty");
  const [args, given] = argumentsOf(second, third);
  if (given !== undefined) validateObject(given, "options");
  const options: ChildOptions = { ...given };
  const cwd = options.cwd === undefined || (options.cwd as unknown) === null ? host().cwd() : pathOf(options.cwd, "options.cwd").full;
  checkOptions(options);
  const env = environmentOf(options);
  const shell = shellOf(options);
  if (shell !== null) {
    const command = [file, ...args].join(" ");
    return { file: shell, args: ["-c", command], spawnargs: [options.argv0 ?? shell, "-c", command], options, cwd, env };
  }
  return { file, args, spawnargs: [options.argv0 ?? file, ...args], options, cwd, env };
}

/** The arguments, and the options that may stand in their place. */
function argumentsOf(second: unknown, third: unknown): [string[], unknown] {
  if (Array.isArray(second)) return [textsOf(second, "args"), third];
  if (second === undefined || second === null) return [[], third];
  if (typeof second !== "object") throw invalidArgType("args", "object", second);
  return [[], second];
}

/** A list as texts without null bytes. */
export function textsOf(list: readonly unknown[], name: string): string[] {
  list.forEach((word, at) => withoutNull(word, `${name}[${at}]`));
  return list.map(String);
}

function withoutNull(value: unknown, name: string): void {
  if (typeof value === "string" && value.includes("\0")) throw invalidArgValue(name, value, "must be a string without null bytes");
}

/** The shell that is asked for, null for none. */
function shellOf({ shell }: ChildOptions): string | null {
  if (shell === undefined || (shell as unknown) === null || shell === false || shell === "") return null;
  return shell === true ? "/bin/sh" : shell;
}

const KINDS: readonly (readonly [name: keyof ChildOptions, kinds: readonly string[]])[] = [
  ["detached", ["boolean"]], ["shell", ["boolean", "string"]], ["argv0", ["string"]], ["windowsHide", ["boolean"]], ["windowsVerbatimArguments", ["boolean"]],
];

function checkOptions(options: ChildOptions): void {
  for (const id of ["uid", "gid"] as const) {
    const value: unknown = options[id];
    if (value === undefined || value === null) continue;
    if (typeof value !== "number" || (value | 0) !== value) throw invalidArgType(`options.${id}`, "int32", value);
    if (value !== 0) throw unsupported(`the option ${id} of child_process`);
  }
  for (const [name, kinds] of KINDS) {
    const value = options[name];
    if (value !== undefined && value !== null && !kinds.includes(typeof value)) throw invalidArgType(`options.${name}`, kinds, value);
    withoutNull(value, `options.${name}`);
  }
}

/** The name that a child is to see as its own, where one was given. */
export function argv0Of({ argv0 }: ChildOptions): { argv0?: string } {
  return argv0 === undefined ? {} : { argv0 };
}

/** Limits of a child's life: `timeout`, `maxBuffer`, `killSignal`. */
export function checkLimits({ timeout, maxBuffer, killSignal }: ChildOptions): void {
  const left = (value: unknown): boolean => value === undefined || value === null;
  if (!left(timeout) && !(Number.isInteger(timeout) && Number(timeout) >= 0)) throw outOfRange("timeout", "an unsigned integer", timeout);
  if (!left(maxBuffer) && !(typeof maxBuffer === "number" && maxBuffer >= 0)) throw outOfRange("options.maxBuffer", "a positive number", maxBuffer);
  if (left(killSignal)) return;
  if (typeof killSignal !== "string" && typeof killSignal !== "number") throw invalidArgType("options.killSignal", ["string", "number"], killSignal);
  signalOf(killSignal);
}

function environmentOf(options: ChildOptions): Record<string, string> {
  const env: Record<string, string> = {};
  // Programs put numbers there, too.
  const given: Record<string, unknown> = (options.env as ChildOptions["env"] | null) ?? host().env;
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    withoutNull(name, `options.env['${name}']`);
    withoutNull(value, `options.env['${name}']`);
    env[name] = typeof value === "string" ? value : `${value as number}`;
  }
  return env;
}

/** Where the three streams go, and whether there is a channel for messages. */
export interface Streams {
  readonly stdio: [Stdio, Stdio, Stdio];
  readonly ipc: boolean;
  /** How many entries the caller named. */
  readonly count: number;
  readonly ipcAt: number;
}

/** Read the option `stdio`. Streams above 2 are refused, but for `ignore` and one `ipc`. */
export function streamsOf(option: ChildOptions["stdio"]): Streams {
  const words = (Array.isArray(option) ? option : option === undefined || option === null ? [] : [option, option, option]) as readonly StdioWord[];
  if (typeof option === "string" && !["pipe", "ignore", "inherit", "overlapped"].includes(option)) throw invalidArgValue("stdio", option);
  const found: Stdio[] = [];
  let ipcAt = -1;
  const all = [0, 1, 2].map((at) => words[at]).concat(words.slice(3));
  all.forEach((word, at) => {
    if (word === "ipc") {
      if (ipcAt >= 0) throw nodeError(Error, "ERR_IPC_ONE_PIPE", "Child process can have only one IPC pipe");
      ipcAt = at;
    } else if (at > 2 && word !== "ignore" && word !== undefined && word !== null) throw unsupported("stdio of child_process above 2", "processes of this engine have three streams");
    if (at < 3) found.push(word === "ipc" ? "ignore" : one(word));
  });
  return { stdio: [found[0] ?? "pipe", found[1] ?? "pipe", found[2] ?? "pipe"], ipc: ipcAt >= 0, count: Math.max(3, words.length), ipcAt };
}

function one(word: StdioWord): Stdio {
  if (word === undefined || word === null || word === "pipe" || word === "overlapped") return "pipe";
  if (word === "ignore" || word === "inherit") return word;
  if (typeof word === "number") return word;
  if (typeof word === "object" && typeof word.fd === "number") return word.fd;
  if (typeof word === "object" && "_handle" in word) return "pipe";
  throw invalidArgValue("stdio", word);
}

const SIGNALS: Readonly<Record<Signal, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGUSR1: 10, SIGUSR2: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15 };

/** A signal by its name or number. Throws ERR_UNKNOWN_SIGNAL. */
export function signalOf(signal: string | number | null | undefined): Signal | 0 {
  if (signal === undefined || signal === null) return "SIGTERM";
  if (signal === 0) return 0;
  const name = typeof signal === "number" ? Object.entries(SIGNALS).find(([, value]) => value === signal)?.[0] : signal.toUpperCase();
  if (name !== undefined && Object.hasOwn(SIGNALS, name)) return name as Signal;
  throw nodeError(TypeError, "ERR_UNKNOWN_SIGNAL", `Unknown signal: ${String(signal)}`);
}
