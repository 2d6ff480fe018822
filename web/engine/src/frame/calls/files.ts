/** Answers to the file calls of processes. */

import type { Stat } from "../../contract.ts";
import { concat } from "../bytes.ts";
import { isFolder, plant } from "../client/tree.ts";
import { attempt, failure } from "../files/errors.ts";
import { statOf, TYPE } from "../files/nodes.ts";
import type { Opened } from "../files/opened.ts";
import type { Volume } from "../files/volume.ts";
import type { Process } from "../processes/process.ts";
import type { Handlers, Named } from "./handlers.ts";

let lastWatcher = 0;

/** All file calls over one volume. */
export function fileCalls(volume: Volume): Handlers<Named<"fs">> {
  return { ...descriptorCalls(volume), ...pathCalls(volume), ...changeCalls(volume), ...watchCalls(volume) };
}

type Descriptors = "fs.open" | "fs.close" | "fs.read" | "fs.write" | "fs.ftruncate" | "fs.fstat" | "fs.fchmod" | "fs.futimes";
type Reading = "fs.readFile" | "fs.stat" | "fs.lstat" | "fs.readdir" | "fs.readlink" | "fs.realpath" | "fs.access" | "fs.kinds";
type Watching = "fs.watch" | "fs.unwatch";

function opened(process: Process, fd: number, syscall: string): Opened {
  const file = process.files.get(fd);
  if (file === undefined) throw failure("EBADF", syscall);
  return file;
}

/** Paths by which a process has its own standard streams. */
const STREAMS: Readonly<Record<string, 0 | 1 | 2>> = Object.fromEntries(
  ["stdin", "stdout", "stderr"].flatMap((name, fd) => [`/dev/${name}`, `/dev/fd/${fd}`, `/proc/self/fd/${fd}`].map((path) => [path, fd as 0 | 1 | 2])),
);

/** All that comes to stdin until its end. */
async function drained(process: Process): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let part = await process.is.stdin.read(PART); part.length > 0; part = await process.is.stdin.read(PART)) parts.push(part);
  return concat(parts);
}

const PART = 1 << 20;

function toStream(process: Process, fd: 0 | 1 | 2, data: Uint8Array): void {
  if (fd === 0) throw failure("EBADF", "write");
  (fd === 1 ? process.is.stdout : process.is.stderr).write(data);
}

function descriptorCalls(volume: Volume): Handlers<Descriptors> {
  return {
    "fs.open": ({ process }, path, flags, mode) => STREAMS[path] ?? process.keep(volume.open(path, flags, mode & ~process.umask)),
    "fs.close": ({ process }, fd) => {
      if (fd >= 0 && fd < 3) return;
      opened(process, fd, "close").close();
      process.files.delete(fd);
    },
    "fs.read": ({ process }, fd, length, position) => {
      if (fd === 0) return process.is.stdin.read(length);
      return attempt("read", undefined, undefined, () => opened(process, fd, "read").read(length, position));
    },
    "fs.write": ({ process }, fd, data, position) => {
      if (fd === 1 || fd === 2) {
        toStream(process, fd, data);
        return data.length;
      }
      return attempt("write", undefined, undefined, () => opened(process, fd, "write").write(data, position));
    },
    "fs.ftruncate": ({ process }, fd, length) => attempt("ftruncate", undefined, undefined, () => opened(process, fd, "ftruncate").truncate(length)),
    "fs.fstat": ({ process }, fd) => (fd >= 0 && fd < 3 ? streamStat(process) : statOf(opened(process, fd, "fstat").node)),
    "fs.fchmod": ({ process }, fd, mode) => {
      const file = opened(process, fd, "fchmod");
      file.node.mode = (file.node.mode & ~0o7777) | (mode & 0o7777);
      file.changed();
    },
    "fs.futimes": ({ process }, fd, atimeMs, mtimeMs) => {
      const file = opened(process, fd, "futime");
      file.changed();
      Object.assign(file.node, { atimeMs, mtimeMs });
    },
  };
}

/** Standard streams are pipes, or the terminal. */
function streamStat(process: Process): Stat {
  const mode = process.is.terminal === null ? TYPE.PIPE | 0o600 : TYPE.CHARACTERS | 0o620;
  const now = Date.now();
  return { dev: 2, ino: process.is.pid, mode, nlink: 1, uid: 0, gid: 0, size: 0, atimeMs: now, mtimeMs: now, ctimeMs: now, birthtimeMs: now };
}

function pathCalls(volume: Volume): Handlers<Reading> {
  return {
    "fs.readFile": ({ process }, path) => (STREAMS[path] === 0 ? drained(process) : volume.readFile(path)),
    "fs.stat": (_, path) => volume.stat(path),
    "fs.lstat": (_, path) => volume.lstat(path),
    "fs.readdir": (_, path) => volume.readdir(path),
    "fs.readlink": (_, path) => volume.readlink(path),
    "fs.realpath": (_, path) => volume.realpath(path),
    "fs.access": (_, path, mode) => volume.access(path, mode),
    "fs.kinds": (_, paths) => paths.map((path) => volume.kindOf(path)),
  };
}

function changeCalls(volume: Volume): Handlers<Exclude<Named<"fs">, Descriptors | Reading | Watching>> {
  return {
    "fs.writeFile": ({ process }, path, data, flags, mode) => {
      const stream = STREAMS[path];
      if (stream === undefined) volume.writeFile(path, data, flags, mode & ~process.umask);
      else toStream(process, stream, data);
    },
    "fs.mkdir": ({ process }, path, recursive, mode) => volume.mkdir(path, recursive, mode & ~process.umask),
    "fs.plant": (_, path, tree) => {
      if (!isFolder(tree)) throw failure("EINVAL", "plant", path);
      plant(volume, path, tree);
    },
    "fs.rmdir": (_, path) => volume.rmdir(path),
    "fs.unlink": (_, path) => volume.unlink(path),
    "fs.rm": (_, path, recursive, force) => volume.rm(path, recursive, force),
    "fs.rename": (_, from, to) => volume.rename(from, to),
    "fs.link": (_, from, to) => volume.link(from, to),
    "fs.symlink": (_, target, path) => volume.symlink(target, path),
    "fs.chmod": (_, path, mode) => volume.chmod(path, mode),
    "fs.utimes": (_, path, atimeMs, mtimeMs, follow) => volume.utimes(path, atimeMs, mtimeMs, follow),
    "fs.copyFile": (_, from, to, flags) => volume.copyFile(from, to, flags),
    "fs.truncate": (_, path, length) => volume.truncate(path, length),
  };
}

function watchCalls(volume: Volume): Handlers<Watching> {
  return {
    "fs.watch": (task, path, recursive) => {
      const number = ++lastWatcher;
      const stop = volume.watch(path, recursive, (event, name) => task.send({ type: "watch", watcher: number, event, name }));
      task.process.watchers.set(number, stop);
      return number;
    },
    "fs.unwatch": ({ process }, number) => {
      const stop = process.watchers.get(number);
      if (stop === undefined) throw failure("EINVAL", "unwatch");
      stop();
      process.watchers.delete(number);
    },
  };
}
