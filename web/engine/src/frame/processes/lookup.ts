/** Which program a command is: PATH, permissions, and the first line of scripts. */

import { Failure } from "../files/errors.ts";
import { FileNode } from "../files/nodes.ts";
import type { Volume } from "../files/volume.ts";
import type { Script } from "./pool.ts";

/** Where commands are looked for when the environment does not say. */
export const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";

/** A program of the engine with the arguments to start it with. */
export interface Program {
  readonly script: Script;
  readonly program: string;
  readonly args: readonly string[];
}

/** Scripts that may name a script as their interpreter, as on Linux. */
const MAX_DEPTH = 4;

const NUMBERS = { ENOENT: 2, ENOEXEC: 8, EACCES: 13, ELOOP: 40 } as const;

function refuse(code: keyof typeof NUMBERS, command: string, why = ""): Failure {
  // As Node does it: what cannot be found is named, what cannot be executed is not.
  const syscall = code === "ENOEXEC" ? "spawn" : `spawn ${command}`;
  return new Failure({ code, errno: -NUMBERS[code], message: `${syscall} ${code}${why}`, syscall, ...(code === "ENOEXEC" ? {} : { path: command }) });
}

/** Find what a command stands for. @throws Failure ENOENT, EACCES, ENOEXEC as `spawn` reports them */
export function lookUp(volume: Volume, command: string, args: readonly string[], cwd: string, path: string | undefined): Program {
  if (volume.kindOf(cwd) !== 2) throw refuse("ENOENT", command);
  return resolve(volume, find(volume, command, cwd, path), { command, args, path, cwd }, 0);
}

interface Asked {
  readonly command: string;
  readonly args: readonly string[];
  readonly path: string | undefined;
  readonly cwd: string;
}

/** The path of the file that a command names: the first of that name that may be executed, else the first. */
function find(volume: Volume, command: string, cwd: string, path: string | undefined): string {
  if (command.includes("/")) return within(cwd, command);
  let seen: string | undefined;
  for (const folder of command === "" ? [] : (path ?? DEFAULT_PATH).split(":")) {
    const file = `${within(cwd, folder)}/${command}`;
    const node = volume.nodeAt(file);
    if (!(node instanceof FileNode)) continue;
    if ((node.mode & 0o111) !== 0) return file;
    seen ??= file;
  }
  if (seen === undefined) throw refuse("ENOENT", command);
  return seen;
}

function within(cwd: string, path: string): string {
  if (path.startsWith("/")) return path;
  return path === "" ? cwd : `${cwd}/${path}`;
}

function resolve(volume: Volume, file: string, asked: Asked, depth: number): Program {
  const node = volume.nodeAt(file);
  if (node === undefined) throw refuse("ENOENT", asked.command);
  if (!(node instanceof FileNode) || (node.mode & 0o111) === 0) throw refuse("EACCES", asked.command);
  if (node.program !== undefined) return own(node.program, file, asked.args);
  if (depth === MAX_DEPTH) throw refuse("ELOOP", asked.command);
  const line = firstLine(node.data.subarray(0, node.size));
  if (line === null) throw refuse("ENOEXEC", asked.command, nativeReason(node.data));
  const [interpreter, args] = interpreterOf(line, file, asked.args);
  const found = find(volume, interpreter, asked.cwd, asked.path);
  return resolve(volume, found, { ...asked, args }, depth + 1);
}

function own(program: string, file: string, args: readonly string[]): Program {
  if (program === "node") return { script: "process.js", program, args };
  if (program === "command") return { script: "shell.js", program, args: [file.slice(file.lastIndexOf("/") + 1), ...args] };
  return { script: "shell.js", program, args };
}

/** What follows `#!`, or null. */
function firstLine(data: Uint8Array): string | null {
  if (data[0] !== 0x23 || data[1] !== 0x21) return null;
  const head = data.subarray(2, 258);
  const end = head.indexOf(0x0a);
  return new TextDecoder().decode(end < 0 ? head : head.subarray(0, end)).trim();
}

/** The interpreter's command and all its arguments; `env` is looked through, so that no process of its own is needed. */
function interpreterOf(line: string, file: string, args: readonly string[]): [string, readonly string[]] {
  const [, interpreter = "", option] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
  const given = option === undefined || option === "" ? [] : [option];
  if (!/(^|\/)env$/.test(interpreter) || given.length === 0) return [interpreter, [...given, file, ...args]];
  const words = (option ?? "").split(/\s+/);
  if (words[0] === "-S") words.shift();
  const [name = "", ...first] = words;
  return [name, [...first, file, ...args]];
}

function nativeReason(data: Uint8Array): string {
  const native = data[0] === 0x7f && data[1] === 0x45 && data[2] === 0x4c && data[3] === 0x46;
  return native ? ": native programs are not supported by the local WebContainer engine" : "";
}
