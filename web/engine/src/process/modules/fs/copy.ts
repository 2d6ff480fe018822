/** `fs.cp`: whole trees. */

import { invalidArgType, nodeError, type CodedError } from "../errors.ts";
import { posix } from "../path.ts";
import type { Stat } from "../../../contract.ts";
import { constants } from "./constants.ts";
import { flagOf, objectOptions, pathOf, type Options } from "./arguments.ts";
import { ask, type Operation } from "./steps.ts";

interface Copy {
  readonly filter: ((from: string, to: string) => unknown) | undefined;
  readonly force: boolean;
  readonly errorOnExist: boolean;
  readonly dereference: boolean;
  readonly verbatimSymlinks: boolean;
  readonly preserveTimestamps: boolean;
  readonly recursive: boolean;
  readonly mode: number;
}

const NUMBERS: Readonly<Record<string, readonly [number, string]>> = {
  EINVAL: [22, "EINVAL"], EISDIR: [21, "EISDIR"], EEXIST: [17, "EEXIST"], ENOTDIR: [20, "ENOTDIR"],
};

function copyError(kind: string, code: string, why: string, path: string): CodedError {
  const summary = { ERR_FS_CP_EINVAL: "Invalid src or dest", ERR_FS_EISDIR: "Recursive option not enabled, cannot copy a directory", ERR_FS_CP_EEXIST: "Target already exists", ERR_FS_CP_DIR_TO_NON_DIR: "Cannot overwrite non-directory with directory", ERR_FS_CP_NON_DIR_TO_DIR: "Cannot overwrite directory with non-directory" }[kind] ?? kind;
  const errno = NUMBERS[code]?.[0] ?? 0;
  const error = nodeError(Error, kind, `${summary}: cp returned ${code} (${why}) ${path}`);
  error.name = "SystemError";
  return Object.assign(error, { info: { message: why, path, syscall: "cp", errno, code }, errno, syscall: "cp", path });
}

function settings(options: unknown): Copy {
  const given: Options = objectOptions(options);
  const filter = given.filter;
  if (filter !== undefined && typeof filter !== "function") throw invalidArgType("options.filter", "Function", filter);
  return {
    filter: filter as Copy["filter"],
    force: given.force === undefined ? true : flagOf(given, "force"),
    errorOnExist: flagOf(given, "errorOnExist"),
    dereference: flagOf(given, "dereference"),
    verbatimSymlinks: flagOf(given, "verbatimSymlinks"),
    preserveTimestamps: flagOf(given, "preserveTimestamps"),
    recursive: flagOf(given, "recursive"),
    mode: typeof given.mode === "number" ? given.mode : 0,
  };
}

const isFolder = (stat: Stat): boolean => (stat.mode & constants.S_IFMT) === constants.S_IFDIR;
const isLink = (stat: Stat): boolean => (stat.mode & constants.S_IFMT) === constants.S_IFLNK;

function* maybe(path: string, follow: boolean): Operation<Stat | undefined> {
  try {
    return yield* ask(follow ? "fs.stat" : "fs.lstat", [path], { syscall: follow ? "stat" : "lstat", path });
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

function* copyLink(from: string, to: string, there: Stat | undefined, how: Copy): Operation<void> {
  let target = yield* ask("fs.readlink", [from], { syscall: "readlink", path: from });
  if (!how.verbatimSymlinks && !target.startsWith("/")) target = posix.resolve(posix.dirname(from), target);
  if (there !== undefined) yield* ask("fs.unlink", [to], { syscall: "unlink", path: to });
  yield* ask("fs.symlink", [target, to], { syscall: "symlink", path: target, dest: to });
}

function* copyFolder(from: string, to: string, stat: Stat, there: Stat | undefined, how: Copy): Operation<void> {
  if (!how.recursive) throw copyError("ERR_FS_EISDIR", "EISDIR", `${from} is a directory (not copied)`, from);
  if (there !== undefined && !isFolder(there)) throw copyError("ERR_FS_CP_DIR_TO_NON_DIR", "EISDIR", `cannot overwrite non-directory ${to} with directory ${from}`, to);
  if (`${to}/`.startsWith(`${from}/`)) throw copyError("ERR_FS_CP_EINVAL", "EINVAL", `cannot copy ${from} to a subdirectory of self ${to}`, to);
  if (there === undefined) yield* ask("fs.mkdir", [to, true, stat.mode & 0o7777], { syscall: "mkdir", path: to });
  for (const entry of yield* ask("fs.readdir", [from], { syscall: "scandir", path: from })) {
    yield* copy(`${from}/${entry.name}`, `${to}/${entry.name}`, how);
  }
}

function* copyFile(from: string, to: string, stat: Stat, there: Stat | undefined, how: Copy): Operation<void> {
  if (there !== undefined && isFolder(there)) throw copyError("ERR_FS_CP_NON_DIR_TO_DIR", "ENOTDIR", `cannot overwrite directory ${to} with non-directory ${from}`, to);
  if (there !== undefined && !how.force) {
    if (how.errorOnExist) throw copyError("ERR_FS_CP_EEXIST", "EEXIST", `${to} already exists`, to);
    return;
  }
  yield* ask("fs.copyFile", [from, to, how.mode], { syscall: "copyfile", path: from, dest: to });
  if (how.preserveTimestamps) yield* ask("fs.utimes", [to, stat.atimeMs, stat.mtimeMs, true], { syscall: "utime", path: to });
}

function* copy(from: string, to: string, how: Copy): Operation<void> {
  if (how.filter !== undefined && !how.filter(from, to)) return;
  const stat = yield* ask(how.dereference ? "fs.stat" : "fs.lstat", [from], { syscall: "lstat", path: from });
  const there = yield* maybe(to, how.dereference);
  if (isFolder(stat)) yield* copyFolder(from, to, stat, there, how);
  else if (isLink(stat)) yield* copyLink(from, to, there, how);
  else yield* copyFile(from, to, stat, there, how);
}

/** Copy a file or, with `recursive`, a tree. A filter that answers by a promise needs the asynchronous form, which asks it first. */
export function* cp(from: unknown, to: unknown, options?: unknown): Operation<void> {
  const how = settings(options);
  const [source, target] = [pathOf(from, "src"), pathOf(to, "dest")];
  const root = posix.normalize(source.full).replace(/(.)\/$/, "$1");
  const goal = posix.normalize(target.full).replace(/(.)\/$/, "$1");
  yield* ask("fs.lstat", [root], { syscall: "lstat", path: source.given });
  if (root === goal) throw copyError("ERR_FS_CP_EINVAL", "EINVAL", "src and dest cannot be the same", target.given);
  const parent = posix.dirname(goal);
  if ((yield* maybe(parent, true)) === undefined) yield* ask("fs.mkdir", [parent, true, 0o777], { syscall: "mkdir", path: parent });
  yield* copy(root, goal, how);
}
