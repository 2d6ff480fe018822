/**
 * The core modules by the name that `require` knows them by, each made when it is first asked for.
 *
 * What a module is here is what `require(name)` gives in Node: an object, or a function for `events`, `assert`, `stream`.
 */

import { bufferModule } from "./buffer.ts";
import EventEmitter from "./events.ts";
import { fs, promises as fsPromises } from "./fs/index.ts";
import { posix } from "./path.ts";
import { consumers } from "./stream/consumers.ts";
import { promises as streamPromises, stream, webStreams } from "./stream/index.ts";
import { reportersModule, testModule } from "./test/index.ts";
import { util } from "./util/index.ts";

/** Makers of the modules. Whoever writes a module adds it here, or by `provide` where imports would go in a circle. */
export const builtins: Record<string, () => unknown> = {
  buffer: () => bufferModule,
  events: () => EventEmitter,
  fs: () => fs,
  "fs/promises": () => fsPromises,
  path: () => posix,
  "path/posix": () => posix,
  "path/win32": () => posix.win32,
  stream: () => stream,
  "stream/consumers": () => consumers,
  "stream/promises": () => streamPromises,
  "stream/web": () => webStreams,
  sys: () => util,
  test: testModule,
  "test/reporters": reportersModule,
  util: () => util,
  "util/types": () => util.types,
};

const made = new Map<string, unknown>();

/** Add makers of modules. */
export function provide(makers: Readonly<Record<string, () => unknown>>): void {
  Object.assign(builtins, makers);
}

/** The name of a core module without `node:`, or undefined: `node:test` and the like exist only with it. */
export function builtinName(specifier: string): string | undefined {
  const schemed = specifier.startsWith("node:");
  const name = schemed ? specifier.slice(5) : specifier;
  if (!Object.hasOwn(builtins, name)) return undefined;
  return schemed || !ONLY_WITH_SCHEME.has(name) ? name : undefined;
}

/** Modules that Node 20 has only by `node:NAME`. */
export const ONLY_WITH_SCHEME: ReadonlySet<string> = new Set(["sea", "test", "test/reporters", "sqlite"]);

/** A core module; the same object at each call. */
export function builtin(name: string): unknown {
  if (!made.has(name)) made.set(name, builtins[name]?.());
  return made.get(name);
}
