/**
 * `exports` and `imports` of packages: the algorithm PACKAGE_EXPORTS_RESOLVE of Node's documentation, with the errors
 * that Node gives.
 */

import { nodeError } from "../modules/errors.ts";
import { posix } from "../modules/path.ts";
import type { Package } from "./files.ts";

/** The conditions that hold for a way of loading, in no order. Native addons do not load here. */
export const CONDITIONS = {
  require: new Set(["node", "require", "module-sync"]),
  import: new Set(["node", "import", "module-sync"]),
} as const;

/** Who asks, for the messages; and what a target that is no path is resolved by. */
export interface Asking {
  readonly conditions: ReadonlySet<string>;
  /** The importing file, if any. */
  readonly base: string | undefined;
  /** Resolve a bare specifier that an `imports` target names. */
  readonly bare: (specifier: string, folder: string) => string;
}

const from = (asking: Asking): string => (asking.base === undefined ? "" : ` imported from ${asking.base}`);
const file = (pkg: Package): string => `${pkg.folder === "/" ? "" : pkg.folder}/package.json`;

function invalidTarget(pkg: Package, key: string, target: unknown, internal: boolean, asking: Asking): Error {
  const relative = typeof target === "string" && !internal && target.length > 0 && !target.startsWith("./");
  const field = internal ? "imports" : "exports";
  const subject = key === "." && !internal
    ? `Invalid "exports" main target ${JSON.stringify(target)} defined`
    : `Invalid "${field}" target ${JSON.stringify(target)} defined for '${key}'`;
  const hint = relative ? '; targets must start with "./"' : "";
  return nodeError(Error, "ERR_INVALID_PACKAGE_TARGET", `${subject} in the package config ${file(pkg)}${from(asking)}${hint}`);
}

function notExported(pkg: Package, subpath: string, asking: Asking): Error {
  const message = subpath === "."
    ? `No "exports" main defined in ${file(pkg)}${from(asking)}`
    : `Package subpath '${subpath}' is not defined by "exports" in ${file(pkg)}${from(asking)}`;
  return nodeError(Error, "ERR_PACKAGE_PATH_NOT_EXPORTED", message);
}

const INVALID_SEGMENT = /(^|\\|\/)((\.|%2e)(\.|%2e)?|(n|%6e|%4e)(o|%6f|%4f)(d|%64|%44)(e|%65|%45)(_|%5f)(m|%6d|%4d)(o|%6f|%4f)(d|%64|%44)(u|%75|%55)(l|%6c|%4c)(e|%65|%45)(s|%73|%53))(\\|\/|$)/i;

interface Match {
  readonly pkg: Package;
  readonly key: string;
  readonly star: string | undefined;
  readonly internal: boolean;
  readonly asking: Asking;
}

function pathTarget(target: string, match: Match): string {
  const { pkg, key, star, internal, asking } = match;
  if (!target.startsWith("./")) {
    if (!internal || target.startsWith("../") || target.startsWith("/")) throw invalidTarget(pkg, key, target, internal, asking);
    return asking.bare(star === undefined ? target : target.replaceAll("*", star), pkg.folder);
  }
  if (INVALID_SEGMENT.test(target.slice(2))) throw invalidTarget(pkg, key, target, internal, asking);
  if (star !== undefined && INVALID_SEGMENT.test(star)) {
    const request = key.replace("*", star);
    throw nodeError(TypeError, "ERR_INVALID_MODULE_SPECIFIER", `Invalid module "${request}" request is not a valid match in pattern "${key}" for the "${internal ? "imports" : "exports"}" resolution of ${file(pkg)}${from(asking)}`);
  }
  return posix.join(pkg.folder, star === undefined ? target : target.replaceAll("*", star));
}

/** A resolved path, null for a target that is switched off, undefined for none. */
function resolveTarget(target: unknown, match: Match): string | null | undefined {
  if (typeof target === "string") return pathTarget(target, match);
  if (Array.isArray(target)) return firstOf(target, match);
  if (target === null) return null;
  if (typeof target !== "object") throw invalidTarget(match.pkg, match.key, target, match.internal, match.asking);
  for (const [condition, value] of Object.entries(target)) {
    if (condition !== "default" && !match.asking.conditions.has(condition)) continue;
    const found = resolveTarget(value, match);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstOf(targets: readonly unknown[], match: Match): string | null | undefined {
  if (targets.length === 0) return null;
  let failure: unknown;
  let last: string | null | undefined;
  for (const target of targets) {
    try {
      last = resolveTarget(target, match);
      failure = undefined;
    } catch (error) {
      if ((error as { code?: string }).code !== "ERR_INVALID_PACKAGE_TARGET") throw error;
      failure = error;
      continue;
    }
    if (typeof last === "string") return last;
  }
  if (failure !== undefined) throw failure as Error;
  return last;
}

/** Longer text before the star first, then longer keys. */
function byPattern(a: string, b: string): number {
  const left = a.indexOf("*"), right = b.indexOf("*");
  return right - left || b.length - a.length;
}

function matched(request: string, table: Readonly<Record<string, unknown>>, match: Omit<Match, "key" | "star">): string | null | undefined {
  if (Object.hasOwn(table, request) && !request.includes("*")) return resolveTarget(table[request], { ...match, key: request, star: undefined });
  const patterns = Object.keys(table).filter((key) => key.split("*").length === 2).sort(byPattern);
  for (const key of patterns) {
    const [head = "", tail = ""] = key.split("*");
    if (!request.startsWith(head) || !request.endsWith(tail) || request.length < key.length) continue;
    return resolveTarget(table[key], { ...match, key, star: request.slice(head.length, request.length - tail.length) });
  }
  return undefined;
}

function sugared(pkg: Package, asking: Asking): boolean {
  const { exports } = pkg;
  if (typeof exports === "string" || Array.isArray(exports)) return true;
  if (typeof exports !== "object" || exports === null) return false;
  const dotted = Object.keys(exports).filter((key) => key.startsWith("."));
  if (dotted.length > 0 && dotted.length < Object.keys(exports).length) {
    throw nodeError(Error, "ERR_INVALID_PACKAGE_CONFIG", `Invalid package config ${file(pkg)}${from(asking)}. "exports" cannot contain some keys starting with '.' and some not. The exports object must either be an object of package subpath keys or an object of main entry condition name keys only.`);
  }
  return dotted.length === 0;
}

/** The file behind a subpath (`.` or `./x`) of a package that has `exports`. */
export function resolveExports(pkg: Package, subpath: string, asking: Asking): string {
  const table = (sugared(pkg, asking) ? { ".": pkg.exports } : pkg.exports) as Record<string, unknown>;
  const found = matched(subpath, table, { pkg, internal: false, asking });
  if (typeof found !== "string") throw notExported(pkg, subpath, asking);
  return found;
}

/** The file behind `#name` in the package around the asking file. */
export function resolveImports(name: string, pkg: Package | undefined, asking: Asking): string {
  if (name === "#" || name.startsWith("#/") || name.endsWith("/")) {
    const reason = "is not a valid internal imports specifier name";
    throw nodeError(TypeError, "ERR_INVALID_MODULE_SPECIFIER", `Invalid module "${name}" ${reason}${from(asking)}`);
  }
  if (pkg !== undefined && typeof pkg.imports === "object" && pkg.imports !== null) {
    const found = matched(name, pkg.imports as Record<string, unknown>, { pkg, internal: true, asking });
    if (typeof found === "string") return found;
  }
  const where = pkg === undefined ? "" : ` in package ${file(pkg)}`;
  throw nodeError(TypeError, "ERR_PACKAGE_IMPORT_NOT_DEFINED", `Package import specifier "${name}" is not defined${where}${from(asking)}`);
}

/** The package and subpath of a bare specifier: `@a/b/c` → `@a/b`, `./c`. */
export function splitBare(specifier: string, base?: string): { name: string; subpath: string } {
  const parts = specifier.split("/");
  const count = specifier.startsWith("@") ? 2 : 1;
  const name = parts.slice(0, count).join("/");
  const valid = parts.length >= count && name !== "" && !name.startsWith(".") && !/[\\%]/.test(name);
  if (!valid) {
    throw nodeError(TypeError, "ERR_INVALID_MODULE_SPECIFIER", `Invalid module "${specifier}" is not a valid package name${base === undefined ? "" : ` imported from ${base}`}`);
  }
  const rest = parts.slice(count).join("/");
  return { name, subpath: rest === "" && parts.length === count ? "." : `./${rest}` };
}
