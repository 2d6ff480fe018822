/** CommonJS: `Module`, `require` and what hangs on them. */

import { nodeError, invalidArgType, invalidArgValue, unsupported } from "../modules/errors.ts";
import { builtin, builtinName, builtins, ONLY_WITH_SCHEME } from "../modules/index.ts";
import { posix } from "../modules/path.ts";
import { FILE, kinds, packageAround, readText, realPath } from "./files.ts";
import { asFileOrFolder, fileUrl, isPath, moduleFolders, pathOf, requireBare, requireImport, requireSelf } from "./resolve.ts";
import { compileCommonJs, looksLikeModule } from "./script.ts";

type Loaded = Module | undefined;

/** `require`, as a module gets it. */
export interface Require {
  (id: unknown): unknown;
  resolve: ((request: unknown, options?: { paths?: unknown }) => string) & { paths: (request: unknown) => string[] | null };
  main: Loaded;
  extensions: Extensions;
  cache: Record<string, Module>;
}

type Extensions = Record<string, (module: Module, file: string) => void>;

/** What the loader of ES modules does for this one; set by it, as the two need each other. */
export interface EsmSide {
  /** Load and evaluate a file as an ES module, at once; its namespace. */
  require(file: string, text: string | undefined): unknown;
}

let esm: EsmSide | undefined;

/** Connect the loader of ES modules. */
export function connectEsm(side: EsmSide): void {
  esm = side;
}

const cache = Object.create(null) as Record<string, Module>;
const relative = new Map<string, string>();

/** The module of the program's entry file. */
export const entry: { module: Loaded } = { module: undefined };

/** Who asked for a module first; also for objects that only inherit from the class. */
const parents = new WeakMap<object, Module | null | undefined>();

/** A CommonJS module. */
export class Module {
  id: string;
  path: string;
  exports: unknown = {};
  filename: string | null = null;
  loaded = false;
  children: Module[] = [];
  paths: string[] = [];
  declare require: (id: unknown) => unknown;

  constructor(id = "", parent?: Module | null) {
    this.id = id;
    this.path = posix.dirname(id);
    this.parent = parent;
    parent?.children.push(this);
  }

  get parent(): Module | null | undefined {
    return parents.get(this);
  }

  set parent(module: Module | null | undefined) {
    parents.set(this, module);
  }

  get isPreloading(): boolean {
    return false;
  }

  /** Load this module from a file, by the extension's loader. */
  load(file: string): void {
    this.filename = file;
    this.paths = Module._nodeModulePaths(posix.dirname(file));
    const extension = extensionOf(file);
    Module._extensions[extension]?.(this, file);
    this.loaded = true;
  }

  /** Run a text as this module's. */
  _compile(text: string, file: string): unknown {
    let body: ReturnType<typeof compileCommonJs>;
    try {
      body = compileCommonJs(text, file);
    } catch (error) {
      if (formatOf(file) !== undefined || !looksLikeModule(error, text, file)) throw error;
      return asModule(this, file, text);
    }
    const require = requireFor(this);
    const { exports } = this;
    return body.call(exports, exports, require, this, file, posix.dirname(file));
  }

  static _cache = cache;
  static _pathCache: Record<string, string> = Object.create(null) as Record<string, string>;
  static _extensions: Extensions = Object.create(null) as Extensions;
  static globalPaths: string[] = [];
  static Module = Module;
  static _debug = (): void => undefined;
  static wrapper = ["(function (exports, require, module, __filename, __dirname) { ", "\n});"];

  static wrap(script: string): string {
    return `${Module.wrapper[0] ?? ""}${script}${Module.wrapper[1] ?? ""}`;
  }

  static _nodeModulePaths(from: string): string[] {
    return moduleFolders(posix.resolve(from));
  }

  static _resolveLookupPaths(request: string, parent?: Module | null): string[] | null {
    if (builtinName(request) !== undefined) return null;
    if (isPath(request) && !request.startsWith("/")) return [parent?.filename == null ? "." : posix.dirname(parent.filename)];
    return [...parent?.paths ?? [], ...Module.globalPaths];
  }

  static _findPath(request: string, paths: readonly string[] | null): string | false {
    const extensions = Object.keys(Module._extensions);
    if (request.startsWith("/")) return real(asFileOrFolder(request, extensions)) ?? false;
    if (isPath(request)) {
      for (const folder of paths ?? []) {
        const found = asFileOrFolder(withTail(posix.resolve(folder, request), request), extensions);
        if (found !== undefined) return real(found) ?? false;
      }
      return false;
    }
    return real(requireBare(request, paths ?? [], undefined, extensions)) ?? false;
  }

  /** The file or core module that a request means. Throws MODULE_NOT_FOUND with Node's `requireStack`. */
  static _resolveFilename(request: string, parent?: Module | null, _isMain?: boolean, options?: { paths?: unknown }): string {
    const name = builtinName(request);
    if (name !== undefined) return request;
    const found = options?.paths === undefined ? located(request, parent ?? undefined) : locatedFrom(request, options.paths);
    if (found !== undefined) return found;
    const stack: string[] = [];
    for (let at = parent; at != null; at = at.parent) stack.push(at.filename ?? at.id);
    const tail = stack.length > 0 ? `\nRequire stack:\n- ${stack.join("\n- ")}` : "";
    throw Object.assign(new Error(`Cannot find module '${request}'${tail}`), { code: "MODULE_NOT_FOUND", requireStack: stack });
  }

  /** What `require(request)` gives to `parent`. */
  static _load(request: string, parent?: Module | null, isMain = false): unknown {
    if (request.startsWith("node:")) return core(request);
    const key = parent == null ? "" : `${parent.path}\0${request}`;
    const cached = cache[relative.get(key) ?? ""];
    if (cached?.loaded === true) return adopted(parent, cached);
    const file = Module._resolveFilename(request, parent, isMain);
    if (file.startsWith("node:")) return core(file);
    if (cache[file] !== undefined) return adopted(parent, cache[file]);
    if (builtinName(file) !== undefined && !file.startsWith("/")) return builtin(file);
    if (key !== "") relative.set(key, file);
    return fresh(file, parent, isMain).exports;
  }
}

Module.prototype.require = function require(this: Module, id: unknown): unknown {
  if (typeof id !== "string") throw invalidArgType("id", "string", id);
  if (id === "") throw invalidArgValue("id", id, "must be a non-empty string");
  return Module._load(id, this, false);
};
Object.defineProperty(Module.prototype, "constructor", {
  get: () => Module,
  configurable: true,
});

const withTail = (path: string, request: string): string => (/(^|\/)\.{0,2}$/.test(request) && path !== "/" ? `${path}/` : path);
const real = (path: string | undefined): string | undefined => (path === undefined || path.startsWith("node:") ? path : realPath(path));

function core(request: string): unknown {
  const name = builtinName(request);
  if (name === undefined) throw nodeError(Error, "ERR_UNKNOWN_BUILTIN_MODULE", `No such built-in module: ${request}`);
  return builtin(name);
}

function adopted(parent: Module | null | undefined, child: Module): unknown {
  if (parent != null && !parent.children.includes(child)) parent.children.push(child);
  return child.exports;
}

function fresh(file: string, parent: Module | null | undefined, isMain: boolean): Module {
  const module = new Module(file, parent);
  if (isMain) {
    entry.module = module;
    (globalThis as unknown as { process: { mainModule?: unknown } }).process.mainModule = module;
    module.id = ".";
  }
  cache[file] = module;
  let done = false;
  try {
    module.load(file);
    done = true;
  } finally {
    if (!done) {
      Reflect.deleteProperty(cache, file);
      const at = parent?.children.indexOf(module) ?? -1;
      if (at !== -1) parent?.children.splice(at, 1);
    }
  }
  return module;
}

function located(request: string, parent: Module | undefined): string | undefined {
  const extensions = Object.keys(Module._extensions);
  const base = parent?.filename ?? undefined;
  if (request.startsWith("#") && base !== undefined) return real(requireImport(request, base, extensions));
  if (base !== undefined && !isPath(request)) {
    const own = requireSelf(request, base, extensions);
    if (own !== undefined) return real(own);
  }
  const paths = Module._resolveLookupPaths(request, parent);
  if (isPath(request)) {
    const found = Module._findPath(request, paths);
    return found === false ? undefined : found;
  }
  return real(requireBare(request, paths ?? [], base, extensions));
}

function locatedFrom(request: string, paths: unknown): string | undefined {
  if (!Array.isArray(paths)) throw invalidArgValue("options.paths", paths);
  const starts = (paths as string[]).map((path) => posix.resolve(path));
  const folders = isPath(request) ? starts : starts.flatMap((start) => Module._nodeModulePaths(start));
  const found = Module._findPath(request, [...new Set(folders)]);
  return found === false ? undefined : found;
}

/** The longest known extension of a file; `.js` for all others. */
function extensionOf(file: string): string {
  const name = posix.basename(file);
  for (let at = name.indexOf("."); at !== -1; at = name.indexOf(".", at + 1)) {
    if (at === 0) continue;
    const extension = name.slice(at);
    if (Module._extensions[extension] !== undefined) return extension;
  }
  return ".js";
}

/** Whether a file is an ES module by its name and the package around it; undefined when its text decides. */
export function formatOf(file: string): "commonjs" | "module" | undefined {
  if (file.endsWith(".mjs")) return "module";
  if (file.endsWith(".cjs")) return "commonjs";
  const type = packageAround(file)?.type;
  if (type === "module") return file.endsWith(".js") || posix.extname(file) === "" ? "module" : "commonjs";
  return type === "commonjs" ? "commonjs" : undefined;
}

function asModule(module: Module, file: string, text?: string): void {
  if (esm === undefined) throw unsupported("require() of ES modules");
  const namespace = esm.require(file, text) as Record<string, unknown>;
  module.exports = requiredNamespace(namespace);
}

/** What `require` gives of an ES module: its namespace, marked for those who ask whether it was compiled from one. */
function requiredNamespace(namespace: Record<string, unknown>): unknown {
  if (Object.hasOwn(namespace, "module.exports")) return namespace["module.exports"];
  return namespace;
}

const commonjs = (module: Module, file: string): void => {
  if (formatOf(file) === "module") return asModule(module, file);
  module._compile(readText(file), file);
};

Object.assign(Module._extensions, {
  ".js": commonjs,
  ".json": (module: Module, file: string): void => {
    const text = readText(file);
    try {
      module.exports = JSON.parse(text.startsWith("\uFEFF") ? text.slice(1) : text) as unknown;
    } catch (error) {
      (error as Error).message = `${file}: ${(error as Error).message}`;
      throw error;
    }
  },
  ".node": (_module: Module, file: string): void => {
    throw Object.assign(unsupported(`The native addon ${file}`), { code: "ERR_DLOPEN_FAILED" });
  },
});

/** A `require` for a module. */
export function requireFor(module: Module): Require {
  const require = ((id: unknown) => module.require(id)) as Require;
  Object.defineProperty(require, "name", { value: "require" });
  const resolve = ((request: unknown, options?: { paths?: unknown }) => {
    if (typeof request !== "string") throw invalidArgType("request", "string", request);
    return Module._resolveFilename(request, module, false, options);
  }) as Require["resolve"];
  Object.defineProperty(resolve, "name", { value: "resolve" });
  resolve.paths = function paths(request: unknown) {
    if (typeof request !== "string") throw invalidArgType("request", "string", request);
    return Module._resolveLookupPaths(request, module);
  };
  require.resolve = resolve;
  require.main = entry.module;
  require.extensions = Module._extensions;
  require.cache = cache;
  return require;
}

/** `module.createRequire`: for a path or a `file:` URL. */
export function createRequire(from: unknown): Require {
  let path: string;
  if (from instanceof URL || (typeof from === "string" && from.startsWith("file:"))) path = pathOf(new URL(from));
  else if (typeof from === "string" && from.startsWith("/")) path = from;
  else throw invalidArgValue("filename", from, "must be a file URL object, file URL string, or absolute path string");
  const file = path.endsWith("/") ? posix.join(path, "noop.js") : path;
  const module = new Module(file);
  module.filename = file;
  module.paths = Module._nodeModulePaths(posix.dirname(file));
  return requireFor(module);
}

/** Names of the core modules that may be asked for without `node:`. */
export function builtinNames(): string[] {
  return Object.keys(builtins).filter((name) => !ONLY_WITH_SCHEME.has(name)).sort();
}

/** Run the program's entry file. Throws MODULE_NOT_FOUND when there is none. */
export function runMain(path: string): { file: string; url: string; format: ReturnType<typeof formatOf> } {
  const file = Module._findPath(path, null);
  if (file === false) {
    throw Object.assign(new Error(`Cannot find module '${path}'`), { code: "MODULE_NOT_FOUND", requireStack: [] });
  }
  return { file, url: fileUrl(file), format: kinds([file])[0] === FILE ? formatOf(file) : undefined };
}
