/** The core module `module`. */

import { invalidArgType, refusal } from "../modules/errors.ts";
import { builtinName } from "../modules/index.ts";
import { builtinNames, createRequire, Module, runMain } from "./cjs.ts";
import { syncBuiltins } from "./esm/sources.ts";
import { packageAround } from "./files.ts";

function isBuiltin(name: unknown): boolean {
  return typeof name === "string" && builtinName(name) !== undefined;
}

const statics = {
  isBuiltin,
  createRequire,
  syncBuiltinESMExports: syncBuiltins,
  // Node finds none either unless it runs with --enable-source-maps.
  findSourceMap: (): undefined => undefined,
  register: refusal("module.register"),
  SourceMap: refusal("module.SourceMap"),
  _readPackage: (path: unknown): unknown => {
    if (typeof path !== "string") throw invalidArgType("path", "string", path);
    return packageAround(path);
  },
  _stat: refusal("module._stat"),
  _initPaths: (): void => undefined,
  _preloadModules: (requests: unknown): void => {
    if (Array.isArray(requests)) for (const request of requests) new Module("internal/preload").require(request);
  },
  runMain: (path = (globalThis as unknown as { process: { argv: string[] } }).process.argv[1] ?? ""): void => {
    Module._load(runMain(path).file, null, true);
  },
};

/** The module: the class `Module` with the rest as its properties, visible as Node's are. */
export function moduleModule(): unknown {
  for (const [name, value] of Object.entries(statics)) {
    Object.defineProperty(Module, name, { value, writable: true, configurable: true, enumerable: true });
  }
  Object.defineProperty(Module, "builtinModules", { value: builtinNames(), writable: true, configurable: true, enumerable: true });
  for (const name of Object.getOwnPropertyNames(Module)) {
    if (["length", "name", "prototype"].includes(name)) continue;
    const descriptor = Object.getOwnPropertyDescriptor(Module, name);
    if (descriptor?.configurable === true) Object.defineProperty(Module, name, { ...descriptor, enumerable: true });
  }
  return Module;
}
