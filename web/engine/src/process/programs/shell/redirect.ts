/** Redirections. */

import type { Shell } from "./shell.ts";
import { ShellError } from "./state.ts";
import { Pipe, hold, release, type Target } from "./streams.ts";
import type { HereDocument, Redirection } from "./syntax.ts";
import { expandText, expandWords } from "./words.ts";

const encoder = new TextEncoder();

/**
 * Run something with redirections in force, and undo them. What goes wrong with them is said, and is status 1.
 */
export async function redirected(shell: Shell, redirections: readonly Redirection[], body: () => Promise<number>): Promise<number> {
  if (redirections.length === 0) return body();
  const before = new Map(shell.state.descriptors);
  for (const target of before.values()) hold(target);
  try {
    if (!(await apply(shell, redirections))) return 1;
    return await body();
  } finally {
    shell.leave();
    for (const [fd, target] of before) shell.state.descriptors.set(fd, target);
  }
}

/** Put redirections in force for good (`exec`). False when one failed, which is said. */
export async function apply(shell: Shell, redirections: readonly Redirection[]): Promise<boolean> {
  for (const redirection of redirections) {
    try {
      await one(shell, redirection);
    } catch (error) {
      const text = systemMessage(error);
      if (text === null) throw error;
      await shell.complain(text);
      return false;
    }
  }
  return true;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "No such file or directory", EISDIR: "Is a directory", ENOTDIR: "Not a directory", EACCES: "Permission denied", EEXIST: "File exists",
  ENOSPC: "No space left on device", ELOOP: "Too many levels of symbolic links", EPERM: "Operation not permitted", ENOTEMPTY: "Directory not empty",
};

/** Why a call failed, in the words of bash; null when the error is of another kind. */
export function reason(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? (REASONS[code] ?? code) : null;
}

function systemMessage(error: unknown): string | null {
  if (error instanceof ShellError && !error.fatal) return error.message;
  return error instanceof RedirectionError ? error.message : null;
}

class RedirectionError extends Error {}

async function one(shell: Shell, redirection: Redirection): Promise<void> {
  const { operator } = redirection;
  const fd = redirection.fdVariable === undefined ? (redirection.fd ?? (operator.startsWith("<") ? 0 : 1)) : await allocate(shell, redirection);
  if (fd === null) return;
  if (redirection.target.type === "HereDoc") return shell.connect(fd, await document(shell, redirection.target));
  if (operator === "<<<") return shell.connect(fd, bytes(encoder.encode(`${await expandText(shell, redirection.target)}\n`)));
  const words = await expandWords(shell, [redirection.target]);
  const name = words[0];
  if (name === undefined || words.length > 1) throw new RedirectionError(`${await expandText(shell, redirection.target)}: ambiguous redirect`);
  if (operator === "&>" || operator === "&>>" || (operator === ">&" && redirection.fd === null && !/^(\d+-?|-)$/.test(name))) {
    const target = open(shell, name, operator === "&>>" ? ">>" : ">");
    shell.connect(1, target);
    return shell.connect(2, target);
  }
  if (operator === ">&" || operator === "<&") return duplicate(shell, fd, name);
  shell.connect(fd, open(shell, name, operator));
}

async function allocate(shell: Shell, redirection: Redirection): Promise<number | null> {
  const variable = redirection.fdVariable ?? "";
  const closing = redirection.target.type === "Word" && (redirection.operator === ">&" || redirection.operator === "<&") && (await expandText(shell, redirection.target)) === "-";
  if (closing) {
    close(shell, Number(shell.state.get(variable)));
    return null;
  }
  let fd = 10;
  while (shell.state.descriptors.has(fd)) fd += 1;
  shell.state.set(variable, String(fd));
  return fd;
}

function close(shell: Shell, fd: number): void {
  const target = shell.state.descriptors.get(fd);
  shell.state.descriptors.delete(fd);
  if (target !== undefined) release(shell.system, target);
}

function duplicate(shell: Shell, fd: number, name: string): void {
  if (name === "-") return close(shell, fd);
  const from = Number.parseInt(name, 10);
  const target = shell.state.descriptors.get(from);
  if (target === undefined) throw new RedirectionError(`${from}: Bad file descriptor`);
  shell.connect(fd, target);
  if (name.endsWith("-")) close(shell, from);
}

const FLAGS: Readonly<Record<string, string>> = { "<": "r", ">": "w", ">|": "w", ">>": "a", "<>": "a+" };

function open(shell: Shell, name: string, operator: string): Target {
  const path = shell.resolve(name);
  const special = device(shell, path);
  if (special !== null) return special;
  const flags = FLAGS[operator];
  if (flags === undefined) throw new ShellError(`${operator} is not supported by the local WebContainer engine`);
  try {
    if (operator === ">" && shell.state.options.has("noclobber") && shell.system.files("fs.kinds", [path])[0] === 1) {
      throw new RedirectionError(`${name}: cannot overwrite existing file`);
    }
    return { kind: "file", fd: shell.system.files("fs.open", path, flags, 0o666 & ~shell.state.umask), at: 0, holders: 0 };
  } catch (error) {
    const why = reason(error);
    throw why === null ? error : new RedirectionError(`${name}: ${why}`);
  }
}

function device(shell: Shell, path: string): Target | null {
  if (path === "/dev/null") return { kind: "null" };
  const fd = { "/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2 }[path] ?? Number(/^\/dev\/fd\/(\d+)$/.exec(path)?.[1] ?? -1);
  if (fd >= 0) {
    const target = shell.state.descriptors.get(fd);
    if (target === undefined) throw new RedirectionError(`${path}: No such file or directory`);
    return target;
  }
  if (/^\/dev\/(tcp|udp)\//.test(path)) throw new RedirectionError(`${path} is not supported by the local WebContainer engine`);
  return null;
}

async function document(shell: Shell, found: HereDocument): Promise<Target> {
  // Tabs before lines go, but not those that an expansion brings.
  const parts = !found.stripTabs ? found.content.parts : found.content.parts.map((part, at) => (part.type === "Literal" ? { ...part, value: part.value.replace(at === 0 ? /(^|\n)\t+/g : /(\n)\t+/g, "$1") } : part));
  return bytes(encoder.encode(await expandText(shell, { ...found.content, parts })));
}

/** A descriptor from which these bytes are read. */
export function bytes(data: Uint8Array): Target {
  const pipe = new Pipe();
  pipe.unread(data);
  return { kind: "pipe", pipe, end: "read" };
}
