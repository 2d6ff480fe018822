/** `fs` and `fs/promises`, put together from the operations. */

import { Buffer } from "../buffer.ts";
import { bound } from "../../async/context.ts";
import { turn } from "../../loop.ts";
import { invalidArgType, nodeError } from "../errors.ts";
import { promisifyArgs } from "../util/functions.ts";
import type { Callback } from "../validate.ts";
import { optionsOf, timeOf } from "./arguments.ts";
import { constants } from "./constants.ts";
import * as content from "./content.ts";
import { cp, cpAsked } from "./copy.ts";
import { Dir, opendir } from "./dir.ts";
import { FileHandle, writeSource } from "./handle.ts";
import * as operations from "./operations.ts";
import { Dirent, Stats } from "./stats.ts";
import { runAsync, runBack, runSync, splitCallback, type Operation } from "./steps.ts";
import { createReadStream, createWriteStream, ReadStream, streamsUse, WriteStream } from "./streams.ts";
import { unwatchFile, watch, watchChanges, watchFile } from "./watch.ts";

type Start = (...args: never[]) => Operation<unknown>;

/** The operations that have all three forms, by name. */
const ALL: Readonly<Record<string, Start>> = {
  appendFile: content.appendFile, access: operations.access, chown: operations.chown, chmod: operations.chmod,
  copyFile: operations.copyFile, cp, lchown: operations.lchown, link: operations.link, lstat: operations.lstat,
  lutimes: operations.lutimes, mkdir: operations.mkdir, mkdtemp: operations.mkdtemp, readdir: operations.readdir,
  readFile: content.readFile, readlink: operations.readlink, realpath: operations.realpath, rename: operations.rename,
  rm: operations.rm, rmdir: operations.rmdir, stat: operations.stat, statfs: operations.statfs,
  symlink: operations.symlink, truncate: operations.truncate, unlink: operations.unlink, utimes: operations.utimes,
  writeFile: content.writeFile, opendir,
};

/** Those of descriptors, which promises have as methods of a FileHandle. */
const DESCRIPTOR: Readonly<Record<string, Start>> = {
  close: operations.close, fchown: operations.fchown, fchmod: operations.fchmod, fdatasync: operations.sync,
  fstat: operations.fstat, fsync: operations.sync, ftruncate: operations.ftruncate, futimes: operations.futimes,
  open: operations.open,
};

/** Those whose callback gets the buffer too. */
const BUFFERED: Readonly<Record<string, { start: Start; names: readonly [string, string] }>> = {
  read: { start: content.read, names: ["bytesRead", "buffer"] },
  readv: { start: content.readv, names: ["bytesRead", "buffers"] },
  write: { start: content.write, names: ["bytesWritten", "buffer"] },
  writev: { start: content.writev, names: ["bytesWritten", "buffers"] },
};

type Api = Record<string, unknown>;
const named = <F extends object>(name: string, body: F): F => Object.defineProperty(body, "name", { value: name, configurable: true });
const begin = (start: Start, args: readonly unknown[]): Operation<unknown> => start(...(args as never[]));

/** `close`, `ftruncate` and others may leave their callback out; then an error is thrown to nobody's turn. */
const thrown: Callback = (error) => {
  if (error) throw error as Error;
};

function callbackForm(name: string, start: Start): Callback {
  return named(name, (...args: unknown[]): void => {
    if (name === "close" && args.length === 1) return runBack(begin(start, args), thrown);
    const { rest, callback } = splitCallback(args);
    return runBack(begin(start, rest), callback);
  });
}

function bufferedForms(fs: Api): void {
  for (const [name, { start, names }] of Object.entries(BUFFERED)) {
    const back = named(name, (fd: unknown, ...args: unknown[]): void => {
      const { rest, callback } = splitCallback(args);
      let [buffer] = rest;
      // `read` may be given options alone, or nothing: then it makes the buffer.
      if (name === "read" && !ArrayBuffer.isView(buffer)) {
        buffer = (buffer as { buffer?: unknown } | undefined)?.buffer ?? Buffer.alloc(16384);
        rest[0] = { ...(rest[0] as object | undefined), buffer };
      }
      runBack(begin(start, [fd, ...rest]), callback, (count) => [count, buffer]);
    });
    Object.defineProperty(back, promisifyArgs, { value: names, enumerable: false });
    fs[name] = back;
    fs[`${name}Sync`] = named(`${name}Sync`, (...args: unknown[]) => runSync(begin(start, args)));
  }
}

function allForms(fs: Api): void {
  for (const [name, start] of [...Object.entries(ALL), ...Object.entries(DESCRIPTOR)]) {
    fs[name] = callbackForm(name, name === "cp" ? cpAsked : start);
    fs[`${name}Sync`] = named(`${name}Sync`, (...args: unknown[]) => runSync(begin(start, args)));
  }
}

function special(fs: Api): void {
  const native = (...args: unknown[]): unknown => runSync(begin(operations.realpathNative, args));
  Object.assign(fs.realpathSync as object, { native });
  Object.assign(fs.realpath as object, { native: callbackForm("", operations.realpathNative) });
  fs.exists = named("exists", (path: unknown, callback: unknown): void => {
    if (typeof callback !== "function") throw invalidArgType("cb", "Function", callback);
    const back = bound(callback as Callback);
    runAsync(operations.exists(path)).then((found) => turn(() => void back(found)), () => turn(() => void back(false)));
  });
  Object.defineProperty(fs.exists, Symbol.for("nodejs.util.promisify.custom"), { value: (path: unknown) => runAsync(operations.exists(path)) });
  fs.existsSync = named("existsSync", (path: unknown) => runSync(operations.exists(path)));
  fs.openAsBlob = named("openAsBlob", async (path: unknown, options?: { type?: string }) => {
    const bytes = (await runAsync(content.readFile(path))) as Uint8Array<ArrayBuffer>;
    return new Blob([bytes], options?.type === undefined ? {} : { type: options.type });
  });
}

const ORDER = (
  "appendFile appendFileSync access accessSync chown chownSync chmod chmodSync close closeSync copyFile copyFileSync cp cpSync "
  + "createReadStream createWriteStream exists existsSync fchown fchownSync fchmod fchmodSync fdatasync fdatasyncSync fstat "
  + "fstatSync fsync fsyncSync ftruncate ftruncateSync futimes futimesSync lchown lchownSync lchmod lchmodSync link linkSync "
  + "lstat lstatSync lutimes lutimesSync mkdir mkdirSync mkdtemp mkdtempSync open openSync openAsBlob readdir readdirSync read "
  + "readSync readv readvSync readFile readFileSync readlink readlinkSync realpath realpathSync rename renameSync rm rmSync rmdir "
  + "rmdirSync stat statfs statSync statfsSync symlink symlinkSync truncate truncateSync unwatchFile unlink unlinkSync utimes "
  + "utimesSync watch watchFile writeFile writeFileSync write writeSync writev writevSync Dirent Stats ReadStream WriteStream "
  + "FileReadStream FileWriteStream _toUnixTimestamp Dir opendir opendirSync F_OK R_OK W_OK X_OK constants promises"
).split(" ");

function promiseForms(): Api {
  const api: Api = {};
  const order = "access copyFile cp open opendir rename truncate rm rmdir mkdir readdir readlink symlink lstat stat statfs link unlink chmod lchmod lchown chown utimes lutimes realpath mkdtemp writeFile appendFile readFile watch constants".split(" ");
  for (const name of order) {
    const start = ALL[name];
    if (name === "realpath") api[name] = named(name, (...args: unknown[]) => runAsync(begin(operations.realpathNative, args)));
    else if (name === "cp") api[name] = named(name, (...args: unknown[]) => runAsync(begin(cpAsked, args)));
    else if (start !== undefined) api[name] = named(name, (...args: unknown[]) => runAsync(begin(start, args)));
    else api[name] = undefined;
  }
  const write = api.writeFile as (path: unknown, data: unknown, options?: unknown) => Promise<void>;
  const ofHandle = (name: "readFile" | "writeFile" | "appendFile"): void => {
    const plain = api[name] as (...args: unknown[]) => Promise<unknown>;
    api[name] = named(name, async (path: unknown, ...args: unknown[]) => {
      if (path instanceof FileHandle) return await (path[name] as (...given: unknown[]) => Promise<unknown>)(...args);
      if (name !== "writeFile") return await plain(path, ...args);
      const given = optionsOf(args[1], {});
      return await writeSource(args[0], (part, first) => write(path, part, first ? args[1] : { ...given, flag: "a" }));
    });
  };
  for (const name of ["readFile", "writeFile", "appendFile"] as const) ofHandle(name);
  Object.assign(api, {
    open: named("open", async (...args: unknown[]) => new FileHandle(await runAsync(begin(operations.open, args) as Operation<number>))),
    lchmod: named("lchmod", async () => {
      await Promise.resolve();
      throw nodeError(Error, "ERR_METHOD_NOT_IMPLEMENTED", "The lchmod() method is not implemented");
    }),
    watch: named("watch", watchChanges),
    constants,
  });
  return api;
}

/** `fs/promises`. */
export const promises: Api = promiseForms();

function assemble(): Api {
  const forms: Api = {
    createReadStream, createWriteStream, lchmod: undefined, lchmodSync: undefined, watch, watchFile, unwatchFile,
    Dirent, Stats, ReadStream, WriteStream, FileReadStream: ReadStream, FileWriteStream: WriteStream,
    _toUnixTimestamp: (time: unknown) => timeOf(time) / 1000, Dir,
    F_OK: constants.F_OK, R_OK: constants.R_OK, W_OK: constants.W_OK, X_OK: constants.X_OK, constants,
  };
  allForms(forms);
  bufferedForms(forms);
  special(forms);
  const ordered: Api = Object.fromEntries(ORDER.map((name) => [name, forms[name]]));
  Object.defineProperty(ordered, "promises", { configurable: true, enumerable: true, get: () => promises });
  return ordered;
}

/** The module, with the keys of Node's in its order. Its functions may be replaced: streams use those in place. */
export const fs: Api = assemble();
streamsUse(fs);
