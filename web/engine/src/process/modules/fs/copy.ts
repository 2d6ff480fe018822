/** `fs.cp`: whole trees. */

import { invalidArgType, invalidReturnValue, nodeError, type CodedError } from "../errors.ts";
import { posix } from "../path.ts";
import { validateInteger } from "../validate.ts";
import type { Stat } from "../../../contract.ts";
import { constants } from "./constants.ts";
import { flagOf, objectOptions, pathOf, type Options, type Path } from "./arguments.ts";
import { ask, wait, type Operation } from "./steps.ts";

interface Copy {
  readonly filter: ((from: string, to: string) => unknown) | undefined;
  readonly force: boolean;
  readonly errorOnExist: boolean;
  readonly dereference: boolean;
  readonly verbatimSymlinks: boolean;
  readonly preserveTimestamps: boolean;
  readonly recursive: boolean;
  readonly mode: number;
  /** Whether answers of the filter are waited for. */
  readonly waits: boolean;
}

const NUMBERS: Readonly<Record<string, readonly [number, string]>> = {
  EINVAL: [22, "EINVAL"], EISDIR: [21, "EISDIR"], EEXIST: [17, "EEXIST"], ENOTDIR: [20, "ENOTDIR"],
};

function copyError(kind: string, code: string, why: string, path: string): CodedError {
  const summary = { ERR_FS_CP_EINVAL: "Invalid src or dest", ERR_FS_EISDIR: "Path is a directory", ERR_FS_CP_EEXIST: "Target already exists", ERR_FS_CP_DIR_TO_NON_DIR: "Cannot overwrite non-directory with directory", ERR_FS_CP_NON_DIR_TO_DIR: "Cannot overwrite directory with non-directory" }[kind] ?? kind;
  const errno = NUMBERS[code]?.[0] ?? 0;
  const error = nodeError(Error, kind, `${summary}: cp returned ${code} (${why}) ${path}`);
  error.name = "SystemError";
  return Object.assign(error, { info: { message: why, path, syscall: "cp", errno, code }, errno, syscall: "cp", path });
}

function settings(options: unknown, waits: boolean): Copy {
  const given: Options = objectOptions(options);
  const filter = given.filter;
  if (filter !== undefined && typeof filter !== "function") throw invalidArgType("options.filter", "Function", filter);
  const mode = given.mode ?? 0;
  validateInteger(mode, "mode", 0, 7);
  return {
    filter: filter as Copy["filter"],
    force: given.force === undefined ? true : flagOf(given, "force"),
    errorOnExist: flagOf(given, "errorOnExist"),
    dereference: flagOf(given, "dereference"),
    verbatimSymlinks: flagOf(given, "verbatimSymlinks"),
    preserveTimestamps: flagOf(given, "preserveTimestamps"),
    recursive: flagOf(given, "recursive"),
    mode,
    waits,
  };
}

const isFolder = (stat: Stat): boolean => (stat.mode & constants.S_IFMT) === constants.S_IFDIR;
const isLink = (stat: Stat): boolean => (stat.mode & constants.S_IFMT) === constants.S_IFLNK;

function* maybe(path: Path, follow: boolean): Operation<Stat | undefined> {
  const syscall = follow ? "stat" : "lstat";
  try {
    return yield* ask(follow ? "fs.stat" : "fs.lstat", [path.full], { syscall, path: path.given });
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

/** What is copied, and where to. */
interface Pair {
  readonly from: Path;
  readonly to: Path;
}

const within = (folder: Path, name: string): Path => pathOf(posix.join(folder.given, name));

function* copyLink({ from, to }: Pair, there: Stat | undefined, how: Copy): Operation<void> {
  let target = yield* ask("fs.readlink", [from.full], { syscall: "readlink", path: from.given });
  if (!how.verbatimSymlinks && !target.startsWith("/")) target = posix.resolve(posix.dirname(from.full), target);
  if (there !== undefined) yield* ask("fs.unlink", [to.full], { syscall: "unlink", path: to.given });
  yield* ask("fs.symlink", [target, to.full], { syscall: "symlink", path: target, dest: to.given });
}

/** A path without `..`, links left as they are, and without a slash at its end. */
const plain = (path: Path): string => posix.resolve(path.full);

function* copyFolder({ from, to }: Pair, stat: Stat, there: Stat | undefined, how: Copy): Operation<void> {
  if (!how.recursive) throw copyError("ERR_FS_EISDIR", "EISDIR", `${from.given} is a directory (not copied)`, from.given);
  if (there !== undefined && !isFolder(there)) throw copyError("ERR_FS_CP_DIR_TO_NON_DIR", "EISDIR", `cannot overwrite non-directory ${to.given} with directory ${from.given}`, to.given);
  if (`${plain(to)}/`.startsWith(`${plain(from)}/`)) throw copyError("ERR_FS_CP_EINVAL", "EINVAL", `cannot copy ${from.given} to a subdirectory of self ${to.given}`, to.given);
  if (there === undefined) yield* ask("fs.mkdir", [to.full, true, stat.mode & 0o7777], { syscall: "mkdir", path: to.given });
  for (const { name } of yield* ask("fs.readdir", [from.full], { syscall: "scandir", path: from.given })) {
    yield* copy({ from: within(from, name), to: within(to, name) }, how);
  }
}

function* copyFile({ from, to }: Pair, stat: Stat, there: Stat | undefined, how: Copy): Operation<void> {
  if (there !== undefined && isFolder(there)) throw copyError("ERR_FS_CP_NON_DIR_TO_DIR", "ENOTDIR", `cannot overwrite directory ${to.given} with non-directory ${from.given}`, to.given);
  if (there !== undefined && !how.force) {
    if (how.errorOnExist) throw copyError("ERR_FS_CP_EEXIST", "EEXIST", `${to.given} already exists`, to.given);
    return;
  }
  yield* ask("fs.copyFile", [from.full, to.full, how.mode], { syscall: "copyfile", path: from.given, dest: to.given });
  if (how.preserveTimestamps) yield* ask("fs.utimes", [to.full, stat.atimeMs, stat.mtimeMs, true], { syscall: "utime", path: to.given });
}

/** Whether the program wants it copied. Only asynchronous forms wait for a promise; the others refuse one, as Node does. */
function* wanted({ from, to }: Pair, how: Copy): Operation<boolean> {
  if (how.filter === undefined) return true;
  const answer = how.filter(from.given, to.given);
  if (how.waits) return Boolean(yield* wait(Promise.resolve(answer)));
  if (answer instanceof Promise) throw invalidReturnValue("boolean", "filter", answer);
  return Boolean(answer);
}

function* copy(pair: Pair, how: Copy): Operation<void> {
  const { from, to } = pair;
  if (!(yield* wanted(pair, how))) return;
  const stat = yield* ask(how.dereference ? "fs.stat" : "fs.lstat", [from.full], { syscall: how.dereference ? "stat" : "lstat", path: from.given });
  const there = yield* maybe(to, how.dereference);
  if (isFolder(stat)) yield* copyFolder(pair, stat, there, how);
  else if (isLink(stat)) yield* copyLink(pair, there, how);
  else yield* copyFile(pair, stat, there, how);
}

function* copyAll(from: unknown, to: unknown, how: Copy): Operation<void> {
  const pair = { from: pathOf(from, "src"), to: pathOf(to, "dest") };
  yield* ask("fs.lstat", [pair.from.full], { syscall: "lstat", path: pair.from.given });
  if (plain(pair.from) === plain(pair.to)) throw copyError("ERR_FS_CP_EINVAL", "EINVAL", "src and dest cannot be the same", pair.to.given);
  const above = posix.dirname(plain(pair.to));
  if ((yield* maybe({ given: above, full: above }, true)) === undefined) yield* ask("fs.mkdir", [above, true, 0o777], { syscall: "mkdir", path: above });
  yield* copy(pair, how);
}

/** Copy a file or, with `recursive`, a tree. */
export function* cp(from: unknown, to: unknown, options?: unknown): Operation<void> {
  yield* copyAll(from, to, settings(options, false));
}

/** The same for the asynchronous forms, whose filter may answer by a promise. */
export function* cpAsked(from: unknown, to: unknown, options?: unknown): Operation<void> {
  yield* copyAll(from, to, settings(options, true));
}
