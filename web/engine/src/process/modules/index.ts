/**
 * The core modules by the name that `require` knows them by, each made when it is first asked for.
 *
 * What a module is here is what `require(name)` gives in Node: an object, or a function for `events`, `assert`, `stream`.
 */

import { childProcess } from "../children/index.ts";
import { dns, dnsPromises } from "../net/dns.ts";
import { http, https } from "../net/http/index.ts";
import { net } from "../net/net.ts";
import { assert, strict } from "./assert/index.ts";
import { bufferModule } from "./buffer.ts";
import { constants } from "./constants.ts";
import { crypto } from "./crypto/index.ts";
import { diagnosticsChannel } from "./diagnostics_channel.ts";
import EventEmitter from "./events.ts";
import { fs, promises as fsPromises } from "./fs/index.ts";
import { os } from "./os.ts";
import { posix } from "./path.ts";
import { perfHooks } from "./perf_hooks.ts";
import { punycode } from "./punycode.ts";
import { querystring } from "./querystring.ts";
import { readline, readlinePromises } from "./readline/index.ts";
import { refusedModules } from "./refused.ts";
import { consumers } from "./stream/consumers.ts";
import { promises as streamPromises, stream, webStreams } from "./stream/index.ts";
import { reportersModule, testModule } from "./test/index.ts";
import { StringDecoder } from "./string_decoder.ts";
import { promises as timersPromises, timers } from "./timers.ts";
import { tty } from "./tty.ts";
import { url } from "./url/index.ts";
import { util } from "./util/index.ts";
import { v8 } from "./v8.ts";
import { zlib } from "./zlib/index.ts";

/** Makers of the modules. Whoever writes a module adds it here, or by `provide` where imports would go in a circle. */
export const builtins: Record<string, () => unknown> = {
  ...refusedModules,
  assert: () => assert,
  "assert/strict": () => strict,
  buffer: () => bufferModule,
  child_process: () => childProcess,
  constants: () => constants,
  crypto: () => crypto,
  diagnostics_channel: () => diagnosticsChannel,
  dns: () => dns,
  "dns/promises": () => dnsPromises,
  events: () => EventEmitter,
  fs: () => fs,
  "fs/promises": () => fsPromises,
  http: () => http,
  https: () => https,
  net: () => net,
  os: () => os,
  path: () => posix,
  "path/posix": () => posix,
  "path/win32": () => posix.win32,
  perf_hooks: () => perfHooks,
  punycode: () => punycode,
  querystring: () => querystring,
  readline: () => readline,
  "readline/promises": () => readlinePromises,
  stream: () => stream,
  "stream/consumers": () => consumers,
  "stream/promises": () => streamPromises,
  "stream/web": () => webStreams,
  string_decoder: () => ({ StringDecoder }),
  sys: () => util,
  test: testModule,
  "test/reporters": reportersModule,
  timers: () => timers,
  "timers/promises": () => timersPromises,
  tty: () => tty,
  url: () => url,
  util: () => util,
  "util/types": () => util.types,
  v8: () => v8,
  zlib: () => zlib,
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
