/** The arguments of `child_process`. */

import type { Signal, Stdio } from "../../contract.ts";
import { invalidArgType, invalidArgValue, nodeError, unsupported } from "../modules/errors.ts";

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

/** Read `(file, args?, options?)`. */
export function launchOf(file: unknown, second?: unknown, third?: unknown): Launch {
  if (typeof file !== "string") throw invalidArgType("file", "string", file);
  if (file === "") throw invalidArgValue("file", file, "cannot be empty");
  const listed = Array.isArray(second);
  if (second !== undefined && second !== null && typeof second !== "object") throw invalidArgType("args", "object", second);
  const args = listed ? (second as unknown[]).map(String) : [];
  const options = { ...((listed || second === undefined || second === null ? third : second) as ChildOptions | undefined) };
  if ([file, ...args].some((word) => word.includes("\0"))) throw invalidArgValue("args", file, "must be a string without null bytes");
  const cwd = folderOf(options);
  if (options.uid !== undefined && options.uid !== 0) throw unsupported("the option uid of child_process");
  const env = environmentOf(options);
  const words = [options.argv0 ?? file, ...args];
  if (options.shell !== undefined && options.shell !== false && options.shell !== "") {
    const shell = typeof options.shell === "string" ? options.shell : "/bin/sh";
    const command = [file, ...args].join(" ");
    return { file: shell, args: ["-c", command], spawnargs: [shell, "-c", command], options, cwd, env };
  }
  return { file, args, spawnargs: words, options, cwd, env };
}

function folderOf({ cwd }: ChildOptions): string {
  if (cwd === undefined || cwd === null as never) return host().cwd();
  return typeof cwd === "string" ? absolute(cwd) : decodeURIComponent(cwd.pathname);
}

function environmentOf(options: ChildOptions): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.env ?? host().env)) if (value !== undefined) env[name] = value;
  return env;
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `${host().cwd()}/${path}`;
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
