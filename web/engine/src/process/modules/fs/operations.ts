/** File operations that are one call of the kernel, or nearly. */

import type { Entry } from "../../../contract.ts";
import { nodeError, unsupported } from "../errors.ts";
import { posix } from "../path.ts";
import { validateInteger } from "../validate.ts";
import { constants } from "./constants.ts";
import { descriptorOf, flagOf, flagsOf, modeOf, nameIn, objectOptions, optionsOf, pathOf, timeOf, type Options, type Path } from "./arguments.ts";
import { direntOf, statsOf, type Dirent, type Stats } from "./stats.ts";
import { ask, system, systemFailure, type Operation, type Where } from "./steps.ts";

const at = (syscall: string, path?: Path, dest?: Path): Where => ({
  syscall, ...(path === undefined ? {} : { path: path.given }), ...(dest === undefined ? {} : { dest: dest.given }),
});

export function* access(path: unknown, mode?: unknown): Operation<void> {
  const found = pathOf(path);
  const wanted = mode ?? constants.F_OK;
  if (typeof wanted !== "number") throw nodeError(TypeError, "ERR_INVALID_ARG_TYPE", "mode must be int32 or null/undefined");
  if (wanted < 0 || wanted > 7) throw nodeError(RangeError, "ERR_OUT_OF_RANGE", "mode is out of range: >= 0 && <= 7");
  yield* ask("fs.access", [found.full, wanted], at("access", found));
}

export function* exists(path: unknown): Operation<boolean> {
  try {
    const found = pathOf(path);
    yield* ask("fs.access", [found.full, 0], at("access", found));
    return true;
  } catch {
    return false;
  }
}

export function* open(path: unknown, flags?: unknown, mode?: unknown): Operation<number> {
  const found = pathOf(path);
  return yield* ask("fs.open", [found.full, flagsOf(flags), modeOf(mode, "mode", 0o666)], at("open", found));
}

export function* close(fd: unknown): Operation<void> {
  const known = descriptorOf(fd);
  if (known <= 2) return;
  yield* ask("fs.close", [known], at("close"));
}

function* stats(name: "fs.stat" | "fs.lstat", path: unknown, options: unknown): Operation<Stats | undefined> {
  const found = pathOf(path);
  const given = objectOptions(options);
  try {
    return statsOf(yield* ask(name, [found.full], at(name.slice(3), found)), given.bigint === true);
  } catch (error) {
    if (given.throwIfNoEntry === false && (error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

export const stat = (path: unknown, options?: unknown): Operation<Stats | undefined> => stats("fs.stat", path, options);
export const lstat = (path: unknown, options?: unknown): Operation<Stats | undefined> => stats("fs.lstat", path, options);

export function* fstat(fd: unknown, options?: unknown): Operation<Stats> {
  return statsOf(yield* ask("fs.fstat", [descriptorOf(fd)], at("fstat")), objectOptions(options).bigint === true);
}

/** Refused for what there is: a file system in memory has no blocks to count. */
export function* statfs(path: unknown): Operation<never> {
  const found = pathOf(path);
  yield* system("fs.stat", [found.full], at("statfs", found));
  throw unsupported("fs.statfs", "files are in memory, which has no blocks");
}

/** The folders among entries; `follow`: links to folders too. */
function* foldersOf(path: string, entries: readonly Entry[], follow: boolean): Operation<string[]> {
  const links = follow ? entries.filter((entry) => entry.kind === 3).map((entry) => entry.name) : [];
  const kinds = links.length === 0 ? [] : yield* ask("fs.kinds", [links.map((name) => `${path}/${name}`)], { syscall: "stat" });
  const linked = new Set(links.filter((_name, at) => kinds[at] === 2));
  return entries.filter((entry) => entry.kind === 2 || linked.has(entry.name)).map((entry) => entry.name);
}

/** How far `below` goes. */
interface Reach {
  readonly recursive: boolean;
  readonly follow: boolean;
}

/** Entries of a folder and of those below, with the path of each from the first. */
function* below(folder: Path, prefix: string, reach: Reach): Operation<{ entry: Entry; prefix: string }[]> {
  const path = prefix === "" ? folder.full : `${folder.full}/${prefix}`;
  const entries = yield* ask("fs.readdir", [path], at("scandir", folder));
  const found: { entry: Entry; prefix: string }[] = [];
  for (const entry of entries) found.push({ entry, prefix });
  if (!reach.recursive) return found;
  // Node lists a folder whole before what is below it.
  for (const name of yield* foldersOf(path, entries, reach.follow)) found.push(...(yield* below(folder, prefix === "" ? name : `${prefix}/${name}`, reach)));
  return found;
}

export function* readdir(path: unknown, options?: unknown): Operation<(string | Uint8Array | Dirent)[]> {
  const given = optionsOf(options);
  const folder = pathOf(path);
  const found = yield* below(folder, "", { recursive: flagOf(given, "recursive"), follow: given.withFileTypes !== true });
  const parent = (prefix: string): string => (prefix === "" ? folder.given : posix.join(folder.given, prefix));
  return found.map(({ entry, prefix }) => (given.withFileTypes === true
    ? direntOf(entry, parent(prefix), given.encoding)
    : nameIn(prefix === "" ? entry.name : `${prefix}/${entry.name}`, given.encoding)));
}

export function* mkdir(path: unknown, options?: unknown): Operation<string | undefined> {
  const given: Options = typeof options === "number" || typeof options === "string" ? { mode: options } : objectOptions(options);
  const found = pathOf(path);
  const recursive = flagOf(given, "recursive");
  const mode = modeOf(given.mode, typeof options === "object" ? "options.mode" : "mode", 0o777);
  return (yield* ask("fs.mkdir", [found.full, recursive, mode], at("mkdir", found))) ?? undefined;
}

let warned = false;

/** Once in a process, as Node does. */
function warnOfRecursive(): void {
  if (warned) return;
  warned = true;
  const text = "In future versions of Node.js, fs.rmdir(path, { recursive: true }) will be removed. Use fs.rm(path, { recursive: true }) instead";
  (globalThis as unknown as { process: { emitWarning(text: string, type: string, code: string): void } }).process.emitWarning(text, "DeprecationWarning", "DEP0147");
}

export function* rmdir(path: unknown, options?: unknown): Operation<void> {
  const found = pathOf(path);
  if (objectOptions(options).recursive === true) {
    warnOfRecursive();
    yield* ask("fs.rm", [found.full, true, false], at("rmdir", found));
    return;
  }
  yield* ask("fs.rmdir", [found.full], at("rmdir", found));
}

export function* unlink(path: unknown): Operation<void> {
  const found = pathOf(path);
  yield* ask("fs.unlink", [found.full], at("unlink", found));
}

export function* rm(path: unknown, options?: unknown): Operation<void> {
  const given = objectOptions(options);
  const found = pathOf(path);
  if (found.full.endsWith("/")) yield* notByLink(found);
  const [recursive, force] = [flagOf(given, "recursive"), flagOf(given, "force")];
  if (given.retryDelay !== undefined) validateInteger(given.retryDelay, "options.retryDelay", 0, 2 ** 31 - 1);
  if (given.maxRetries !== undefined) validateInteger(given.maxRetries, "options.maxRetries", 0, 2 ** 32 - 1);
  let kind: number;
  try {
    kind = (yield* ask("fs.lstat", [found.full], at("lstat", found))).mode & constants.S_IFMT;
  } catch (error) {
    if (force && (error as { code?: string }).code === "ENOENT") return;
    throw error;
  }
  if (kind === constants.S_IFDIR && !recursive) throw isDirectory(found);
  yield* ask("fs.rm", [found.full, recursive, force], at("rm", found));
}

/** With a slash at its end a link to a folder is the folder, which cannot be removed by the link's name. */
function* notByLink(path: Path): Operation<void> {
  const [kind] = yield* ask("fs.kinds", [[path.full]], { syscall: "stat" });
  const bare = path.full.replace(/\/+$/, "");
  if (kind !== 2 || bare === "") return;
  const { mode } = yield* ask("fs.lstat", [bare], at("lstat", path));
  if ((mode & constants.S_IFMT) === constants.S_IFLNK) throw systemFailure("ENOTDIR", at("rmdir", path));
}

function isDirectory(path: Path): Error {
  const error = nodeError(Error, "ERR_FS_EISDIR", `Path is a directory: rm returned EISDIR (is a directory) ${path.given}`);
  error.name = "SystemError";
  const info = { code: "EISDIR", message: "is a directory", path: path.given, syscall: "rm", errno: 21 };
  return Object.assign(error, { info, errno: 21, syscall: "rm", path: path.given });
}

export function* rename(from: unknown, to: unknown): Operation<void> {
  const [source, target] = [pathOf(from, "oldPath"), pathOf(to, "newPath")];
  yield* ask("fs.rename", [source.full, target.full], at("rename", source, target));
}

export function* link(from: unknown, to: unknown): Operation<void> {
  const [source, target] = [pathOf(from, "existingPath"), pathOf(to, "newPath")];
  yield* ask("fs.link", [source.full, target.full], at("link", source, target));
}

export function* symlink(target: unknown, path: unknown, type?: unknown): Operation<void> {
  if (type !== undefined && type !== null && !["dir", "file", "junction"].includes(type as string)) {
    throw nodeError(Error, "ERR_FS_INVALID_SYMLINK_TYPE", `Symlink type must be one of "dir", "file", or "junction". Received ${JSON.stringify(type)}`);
  }
  const [source, found] = [pathOf(target, "target"), pathOf(path)];
  yield* ask("fs.symlink", [source.given, found.full], at("symlink", source, found));
}

export function* readlink(path: unknown, options?: unknown): Operation<string | Uint8Array> {
  const given = optionsOf(options);
  const found = pathOf(path, "oldPath");
  return nameIn(yield* ask("fs.readlink", [found.full], at("readlink", found)), given.encoding);
}

/** The path without links. `..` is taken away before links are followed, as Node does where it walks by itself. */
export function* realpath(path: unknown, options?: unknown): Operation<string | Uint8Array> {
  const given = optionsOf(options);
  const full = posix.resolve(pathOf(path).given);
  const shown: Path = { given: full, full };
  try {
    return nameIn(yield* ask("fs.realpath", [full], at("realpath", shown)), given.encoding);
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === undefined) throw error;
    throw systemFailure(code, code === "ELOOP" ? at("stat", shown) : { syscall: "lstat", path: yield* missing(full) });
  }
}

/** The first part of a path that is not there. */
function* missing(full: string): Operation<string> {
  let known = "";
  for (const part of full.split("/").slice(1)) {
    const next = `${known}/${part}`;
    const [kind] = yield* ask("fs.kinds", [[next]], { syscall: "stat" });
    if (kind === 0) return next;
    known = next;
  }
  return full;
}

/** `realpath.native`, and that of promises: the system's call, and the path as it was given. */
export function* realpathNative(path: unknown, options?: unknown): Operation<string | Uint8Array> {
  const given = optionsOf(options);
  const found = pathOf(path);
  return nameIn(yield* system("fs.realpath", [found.full], at("realpath", found)), given.encoding);
}

export function* chmod(path: unknown, mode: unknown): Operation<void> {
  const found = pathOf(path);
  yield* ask("fs.chmod", [found.full, modeOf(mode, "mode")], at("chmod", found));
}

export function* fchmod(fd: unknown, mode: unknown): Operation<void> {
  yield* ask("fs.fchmod", [descriptorOf(fd), modeOf(mode, "mode")], at("fchmod"));
}

function owner(uid: unknown, gid: unknown): void {
  validateInteger(uid, "uid", -1, 2 ** 32 - 1);
  validateInteger(gid, "gid", -1, 2 ** 32 - 1);
}

/** There is one user in a container: giving a file to another is not permitted. */
function* give(name: "fs.stat" | "fs.lstat", syscall: string, path: unknown, ids: readonly [unknown, unknown]): Operation<void> {
  const found = pathOf(path);
  owner(...ids);
  const now = yield* system(name, [found.full], at(syscall, found));
  if ([now.uid, -1].includes(ids[0] as number) && [now.gid, -1].includes(ids[1] as number)) return;
  throw systemFailure("EPERM", at(syscall, found));
}

export const chown = (path: unknown, uid: unknown, gid: unknown): Operation<void> => give("fs.stat", "chown", path, [uid, gid]);
export const lchown = (path: unknown, uid: unknown, gid: unknown): Operation<void> => give("fs.lstat", "lchown", path, [uid, gid]);

export function* fchown(fd: unknown, uid: unknown, gid: unknown): Operation<void> {
  const known = descriptorOf(fd);
  owner(uid, gid);
  const now = yield* system("fs.fstat", [known], at("fchown"));
  if (![now.uid, -1].includes(uid as number) || ![now.gid, -1].includes(gid as number)) throw systemFailure("EPERM", at("fchown"));
}

export function* utimes(path: unknown, atime: unknown, mtime: unknown): Operation<void> {
  const found = pathOf(path);
  yield* ask("fs.utimes", [found.full, timeOf(atime), timeOf(mtime), true], at("utime", found));
}

export function* lutimes(path: unknown, atime: unknown, mtime: unknown): Operation<void> {
  const found = pathOf(path);
  yield* ask("fs.utimes", [found.full, timeOf(atime), timeOf(mtime), false], at("lutime", found));
}

export function* futimes(fd: unknown, atime: unknown, mtime: unknown): Operation<void> {
  yield* ask("fs.futimes", [descriptorOf(fd), timeOf(atime), timeOf(mtime)], at("futime"));
}

export function* truncate(path: unknown, length?: unknown): Operation<void> {
  const size = length ?? 0;
  validateInteger(size, "len");
  if (typeof path === "number") return yield* ftruncate(path, size);
  const found = pathOf(path);
  yield* ask("fs.truncate", [found.full, Math.max(0, size)], at("open", found));
}

export function* ftruncate(fd: unknown, length?: unknown): Operation<void> {
  const size = length ?? 0;
  validateInteger(size, "len");
  yield* ask("fs.ftruncate", [descriptorOf(fd), Math.max(0, size)], at("ftruncate"));
}

/** Files in memory have nothing to be flushed to; the descriptor must be open all the same. */
export function* sync(fd: unknown): Operation<void> {
  yield* system("fs.fstat", [descriptorOf(fd)], at("fsync"));
}

export function* copyFile(from: unknown, to: unknown, mode?: unknown): Operation<void> {
  const [source, target] = [pathOf(from, "src"), pathOf(to, "dest")];
  const flags = mode ?? 0;
  validateInteger(flags, "mode", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (flags < 0 || flags > 7) throw nodeError(RangeError, "ERR_OUT_OF_RANGE", "mode is out of range: >= 0 && <= 7");
  yield* ask("fs.copyFile", [source.full, target.full, flags], at("copyfile", source, target));
}

// The global of a process is Node's, which a program may change.
const random = globalThis.crypto;
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

export function* mkdtemp(prefix: unknown, options?: unknown): Operation<string | Uint8Array> {
  const given = optionsOf(options);
  const start = pathOf(prefix, "prefix");
  for (let tries = 0; ; tries += 1) {
    const suffix = Array.from(random.getRandomValues(new Uint8Array(6)), (byte) => LETTERS.charAt(byte % LETTERS.length)).join("");
    try {
      yield* system("fs.mkdir", [start.full + suffix, false, 0o700], { syscall: "mkdtemp", path: `${start.given}XXXXXX` });
      return nameIn(start.given + suffix, given.encoding);
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST" || tries > 100) throw error;
    }
  }
}

