/** `fs.Stats` and `fs.Dirent`. */

import type { Entry, Stat } from "../../../contract.ts";
import { nameIn } from "./arguments.ts";

const S_IFMT = 0o170000;
const KINDS = {
  isDirectory: 0o040000, isFile: 0o100000, isBlockDevice: 0o060000, isCharacterDevice: 0o020000,
  isSymbolicLink: 0o120000, isFIFO: 0o010000, isSocket: 0o140000,
} as const;

type Method = keyof typeof KINDS;
/** What `stat` gives, with its questions. */
export type Stats = Record<Method, () => boolean> & {
  dev: number; mode: number; nlink: number; uid: number; gid: number; rdev: number; blksize: number; ino: number;
  size: number; blocks: number; atimeMs: number; mtimeMs: number; ctimeMs: number; birthtimeMs: number;
  atime: Date; mtime: Date; ctime: Date; birthtime: Date;
};
type StatsConstructor = new (...parts: unknown[]) => Stats;

const FIELDS = ["dev", "mode", "nlink", "uid", "gid", "rdev", "blksize", "ino", "size", "blocks", "atimeMs", "mtimeMs", "ctimeMs", "birthtimeMs"] as const;
const TIMES = ["atime", "mtime", "ctime", "birthtime"] as const;

/** A function, not a class: `graceful-fs` and others call and extend it the old way. */
export const Stats = function Stats(this: Record<string, unknown>, ...parts: unknown[]): void {
  FIELDS.forEach((field, at) => {
    this[field] = parts[at];
  });
  for (const time of TIMES) this[time] = new Date(Number(this[`${time}Ms`]) + 0.5);
} as unknown as StatsConstructor;

const BigIntStats = function BigIntStats(this: Record<string, unknown>, ...parts: unknown[]): void {
  FIELDS.forEach((field, at) => {
    this[field] = BigInt(Math.trunc(Number(parts[at])));
  });
  for (const time of TIMES) this[`${time}Ns`] = BigInt(Math.round(Number(parts[FIELDS.indexOf(`${time}Ms`)]) * 1e6));
  for (const time of TIMES) this[time] = new Date(Number(this[`${time}Ms`]));
} as unknown as StatsConstructor;

for (const proto of [Stats.prototype, BigIntStats.prototype]) {
  for (const [name, kind] of Object.entries(KINDS)) {
    Object.defineProperty(proto, name, {
      value(this: { mode: number | bigint }) {
        return (Number(this.mode) & S_IFMT) === kind;
      },
      writable: true, configurable: true, enumerable: false,
    });
  }
}

/** The kernel's metadata as Node's object. */
export function statsOf(stat: Stat, bigint: boolean): Stats {
  const Class = bigint ? BigIntStats : Stats;
  const blocks = Math.ceil(stat.size / 4096) * 8;
  return new Class(
    stat.dev, stat.mode, stat.nlink, stat.uid, stat.gid, 0, 4096, stat.ino, stat.size, blocks,
    stat.atimeMs, stat.mtimeMs, stat.ctimeMs, stat.birthtimeMs,
  );
}

const TYPE = Symbol("type");

/** A name in a directory, and what it is. */
export class Dirent {
  readonly name: string | Uint8Array;
  readonly parentPath: string;
  readonly path: string;
  readonly [TYPE]: number;

  constructor(name: string | Uint8Array, type: number, path: string) {
    this.name = name;
    this.parentPath = path;
    this.path = path;
    this[TYPE] = type;
  }

  isDirectory(): boolean {
    return this[TYPE] === 2;
  }

  isFile(): boolean {
    return this[TYPE] === 1;
  }

  isBlockDevice(): boolean {
    return this[TYPE] === 7;
  }

  isCharacterDevice(): boolean {
    return this[TYPE] === 6;
  }

  isSymbolicLink(): boolean {
    return this[TYPE] === 3;
  }

  isFIFO(): boolean {
    return this[TYPE] === 4;
  }

  isSocket(): boolean {
    return this[TYPE] === 5;
  }
}

export function direntOf(entry: Entry, parent: string, encoding: unknown): Dirent {
  return new Dirent(nameIn(entry.name, encoding), entry.kind, parent);
}
