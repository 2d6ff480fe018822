/** How specifiers become files or core modules: once for `require`, once for `import`. */

import { nodeError } from "../modules/errors.ts";
import { builtinName } from "../modules/index.ts";
import { posix } from "../modules/path.ts";
import { FILE, FOLDER, firstFile, kinds, packageAround, packageAt, realPath, upwards, type Package } from "./files.ts";
import { CONDITIONS, resolveExports, resolveImports, splitBare, type Asking } from "./packages.ts";

const join = (folder: string, name: string): string => (folder === "/" ? `/${name}` : `${folder}/${name}`);

/** Additional conditions of the command line (`-C`). */
export function addConditions(names: readonly string[]): void {
  for (const name of names) {
    CONDITIONS.require.add(name);
    CONDITIONS.import.add(name);
  }
}

/** `node_modules` folders from here upwards. */
export function moduleFolders(folder: string): string[] {
  return upwards(folder).filter((at) => !at.endsWith("/node_modules")).map((at) => join(at, "node_modules"));
}

/** Whether a specifier names a path rather than a package. */
export function isPath(specifier: string): boolean {
  return specifier.startsWith("/") || specifier === "." || specifier === ".." || specifier.startsWith("./") || specifier.startsWith("../");
}

// --- require ---

/** A file for a path without or with extension, or the folder's main file. */
export function asFileOrFolder(path: string, extensions: readonly string[]): string | undefined {
  const bare = path.length > 1 ? path.replace(/\/+$/, "") : path;
  const candidates = [bare, ...extensions.map((extension) => bare + extension)];
  const found = kinds(candidates);
  const folderOnly = path.endsWith("/") || /(^|\/)\.\.?$/.test(path);
  if (!folderOnly) {
    const at = found.indexOf(FILE);
    if (at !== -1) return candidates[at];
  }
  return found[0] === FOLDER ? asFolder(bare, extensions) : undefined;
}

function asFolder(folder: string, extensions: readonly string[]): string | undefined {
  const main = packageAt(folder)?.main;
  const index = extensions.map((extension) => join(folder, `index${extension}`));
  if (typeof main !== "string" || main === "") return firstFile(index);
  const path = posix.resolve(folder, main);
  const candidates = [path, ...[...extensions].map((extension) => path + extension), ...extensions.map((extension) => join(path, `index${extension}`))];
  const found = firstFile([...candidates, ...index]);
  if (found !== undefined) return found;
  const file = join(folder, "package.json");
  const error = new Error(`Cannot find module '${path}'. Please verify that the package.json has a valid "main" entry`);
  throw Object.assign(error, { code: "MODULE_NOT_FOUND", path: file, requestPath: folder });
}

function asking(conditions: ReadonlySet<string>, base: string | undefined, bare: Asking["bare"]): Asking {
  return { conditions, base, bare };
}

const forRequire = (base: string | undefined, extensions: readonly string[]): Asking =>
  asking(CONDITIONS.require, base, (specifier, folder) => {
    if (builtinName(specifier) !== undefined) return `node:${builtinName(specifier) ?? ""}`;
    const found = requireBare(specifier, moduleFolders(folder), join(folder, "package.json"), extensions);
    if (found === undefined) throw Object.assign(new Error(`Cannot find module '${specifier}'`), { code: "MODULE_NOT_FOUND" });
    return found;
  });

function parts(specifier: string): { name: string; subpath: string } {
  const match = /^((?:@[^/\\%]+\/)?[^./\\%][^/\\%]*)(\/.*)?$/.exec(specifier);
  return { name: match?.[1] ?? specifier, subpath: `.${match?.[2] ?? ""}` };
}

/** A package's file for `require`, looked for in these folders; undefined when there is none. */
export function requireBare(specifier: string, folders: readonly string[], base: string | undefined, extensions: readonly string[]): string | undefined {
  const { name, subpath } = parts(specifier);
  const roots = folders.map((folder) => join(folder, name));
  const present = kinds(roots);
  for (const [at, root] of roots.entries()) {
    const pkg = present[at] === FOLDER ? packageAt(root) : undefined;
    if (pkg?.exports != null) return exported(resolveExports(pkg, subpath, forRequire(base, extensions)), base);
    // Below what is not there, nothing is.
    if (present[at] === 0 && subpath !== ".") continue;
    const found = asFileOrFolder(join(folders[at] ?? "/", specifier), extensions);
    if (found !== undefined) return found;
  }
  return undefined;
}

function exported(path: string, base: string | undefined): string {
  if (path.startsWith("node:") || kinds([path])[0] === FILE) return path;
  const error = new Error(`Cannot find module '${path}'`);
  throw Object.assign(error, { code: "MODULE_NOT_FOUND", ...base === undefined ? {} : { path: base } });
}

/** `#name`, for `require` from a file. */
export function requireImport(specifier: string, base: string, extensions: readonly string[]): string {
  return exported(resolveImports(specifier, packageAround(base), forRequire(base, extensions)), base);
}

/** A package that asks for itself by its own name; undefined when it is not so. */
export function requireSelf(specifier: string, base: string, extensions: readonly string[]): string | undefined {
  const own = self(specifier, base);
  return own === undefined ? undefined : exported(resolveExports(own.pkg, own.subpath, forRequire(base, extensions)), base);
}

function self(specifier: string, base: string): { pkg: Package; subpath: string } | undefined {
  const pkg = packageAround(base);
  if (pkg?.exports === undefined || pkg.exports === null || typeof pkg.name !== "string") return undefined;
  if (specifier !== pkg.name && !specifier.startsWith(`${pkg.name}/`)) return undefined;
  return { pkg, subpath: `.${specifier.slice(pkg.name.length)}` };
}

// --- import ---

/** What an import leads to: a core module's name, a file's path, or text in a `data:` URL. */
export type Found =
  | { readonly kind: "builtin"; readonly name: string }
  | { readonly kind: "file"; readonly path: string; readonly query: string }
  | { readonly kind: "data"; readonly url: string };

const builtinFound = (specifier: string): Found | undefined => {
  const name = builtinName(specifier);
  return name === undefined ? undefined : { kind: "builtin", name };
};

function notFound(path: string, base: string | undefined, what: "module" | "package"): Error {
  const error = nodeError(Error, "ERR_MODULE_NOT_FOUND", `Cannot find ${what} '${path}'${base === undefined ? "" : ` imported from ${base}`}`);
  return Object.assign(error, what === "module" ? { url: fileUrl(path) } : {});
}

/** The `file:` URL of a path. */
export function fileUrl(path: string): string {
  const escaped = path.replace(/[%\\\n\r\t?#]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
  return new URL(`file://${escaped}`).href;
}

/** The path of a `file:` URL. */
export function pathOf(url: URL): string {
  if (/%2f/i.test(url.pathname)) throw nodeError(TypeError, "ERR_INVALID_FILE_URL_PATH", "File URL path must not include encoded / characters");
  return decodeURIComponent(url.pathname);
}

const forImport = (base: string | undefined): Asking => asking(CONDITIONS.import, base, (specifier, folder) => {
  const found = builtinFound(specifier);
  if (found?.kind === "builtin") return `node:${found.name}`;
  return importBare(specifier, join(folder, "package.json"));
});

function importBare(specifier: string, base: string): string {
  const { name, subpath } = splitBare(specifier, base);
  const own = self(specifier, base);
  if (own !== undefined) return resolveExports(own.pkg, own.subpath, forImport(base));
  const roots = moduleFolders(posix.dirname(base)).map((folder) => join(folder, name));
  const at = kinds(roots).indexOf(FOLDER);
  const root = roots[at];
  if (root === undefined) throw notFound(name, base, "package");
  const pkg = packageAt(root);
  if (pkg?.exports !== undefined && pkg.exports !== null) return resolveExports(pkg, subpath, forImport(base));
  if (subpath !== ".") return posix.join(root, subpath);
  const main = typeof pkg?.main === "string" ? pkg.main : undefined;
  const tried = [...main === undefined ? [] : ["", ".js", ".json", ".node", "/index.js", "/index.json", "/index.node"].map((end) => posix.join(root, main) + end), ...["index.js", "index.json", "index.node"].map((file) => join(root, file))];
  const found = firstFile(tried);
  if (found === undefined) throw notFound(root, base, "package");
  return found;
}

function finished(path: string, query: string, base: string | undefined): Found {
  if (path.startsWith("node:")) return { kind: "builtin", name: path.slice(5) };
  if (/%2f|%5c/i.test(path)) {
    throw nodeError(TypeError, "ERR_INVALID_MODULE_SPECIFIER", `Invalid module "${path}" must not include encoded "/" or "\\" characters${base === undefined ? "" : ` imported from ${base}`}`);
  }
  const kind = kinds([path])[0];
  if (kind === FOLDER) {
    const error = nodeError(Error, "ERR_UNSUPPORTED_DIR_IMPORT", `Directory import '${path}' is not supported resolving ES modules${base === undefined ? "" : ` imported from ${base}`}`);
    throw Object.assign(error, { url: fileUrl(path) });
  }
  if (kind !== FILE) throw notFound(path, base, "module");
  return { kind: "file", path: realPath(path), query };
}

function byUrl(url: URL, base: string | undefined): Found {
  if (url.protocol === "node:") {
    const found = builtinFound(url.href);
    if (found !== undefined) return found;
    throw nodeError(Error, "ERR_UNKNOWN_BUILTIN_MODULE", `No such built-in module: ${url.href}`);
  }
  if (url.protocol === "data:") return { kind: "data", url: url.href };
  if (url.protocol !== "file:") {
    throw nodeError(Error, "ERR_UNSUPPORTED_ESM_URL_SCHEME", `Only URLs with a scheme in: file, data, and node are supported by the default ESM loader. Received protocol '${url.protocol}'`);
  }
  return finished(pathOf(url), url.search + url.hash, base);
}

/**
 * What `import specifier` means in the file `base` (its path, or undefined for text that is in no file, with `folder`).
 *
 * Throws Node's errors: ERR_MODULE_NOT_FOUND, ERR_PACKAGE_PATH_NOT_EXPORTED and their kin.
 */
export function resolveImport(specifier: string, base: string): Found {
  if (isPath(specifier)) return byUrl(new URL(specifier, fileUrl(base)), base);
  if (specifier.startsWith("#")) return finished(resolveImports(specifier, packageAround(base), forImport(base)), "", base);
  if (URL.canParse(specifier)) return byUrl(new URL(specifier), base);
  return builtinFound(specifier) ?? finished(importBare(specifier, base), "", base);
}
