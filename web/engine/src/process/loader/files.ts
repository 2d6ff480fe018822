/** Files as the loaders need them: texts, kinds of paths and `package.json`s, with as few calls as can be. */

import { callSync } from "../calls.ts";
import { posix } from "../modules/path.ts";

const decoder = new TextDecoder();

/** Kinds as the kernel numbers them. */
export const NOTHING = 0, FILE = 1, FOLDER = 2;

/** The text of a file, without a byte order mark. Throws the kernel's error. */
export function readText(path: string): string {
  return decoder.decode(callSync("fs.readFile", path));
}

/** What is at each path, links followed. */
export function kinds(paths: readonly string[]): number[] {
  return paths.length === 0 ? [] : callSync("fs.kinds", paths);
}

/** The first of the paths at which a file is. */
export function firstFile(paths: readonly string[]): string | undefined {
  const found = kinds(paths).indexOf(FILE);
  return found === -1 ? undefined : paths[found];
}

/** The path with all links followed. */
export function realPath(path: string): string {
  return callSync("fs.realpath", path);
}

/** What a `package.json` says, as far as loading goes. */
export interface Package {
  /** The folder it is in. */
  readonly folder: string;
  readonly name?: unknown;
  readonly main?: unknown;
  readonly type?: unknown;
  readonly exports?: unknown;
  readonly imports?: unknown;
}

const packages = new Map<string, Package | undefined>();

/** A `package.json` that cannot be read as JSON. */
export class InvalidPackage extends Error {
  readonly code = "ERR_INVALID_PACKAGE_CONFIG";

  constructor(path: string, cause: unknown) {
    super(`Invalid package config ${path}. ${(cause as Error).message}`);
    this.name = "Error";
  }
}

function parsed(folder: string): Package {
  const path = `${folder === "/" ? "" : folder}/package.json`;
  try {
    return { ...JSON.parse(readText(path)) as object, folder };
  } catch (error) {
    if (error instanceof SyntaxError) throw new InvalidPackage(path, error);
    throw error;
  }
}

/** The package whose root is exactly this folder. Looked up once: `package.json`s do not change while a program loads. */
export function packageAt(folder: string): Package | undefined {
  if (packages.has(folder)) return packages.get(folder);
  const path = `${folder === "/" ? "" : folder}/package.json`;
  const found = kinds([path])[0] === FILE ? parsed(folder) : undefined;
  if (found !== undefined) packages.set(folder, found);
  return found;
}

/** A folder and those above it, nearest first. */
export function upwards(folder: string): string[] {
  const folders = [folder];
  for (let at = folder; at !== "/"; folders.push(at)) at = posix.dirname(at);
  return folders;
}

const around = new Map<string, Package | undefined>();

/** The nearest package around a file; none beyond a `node_modules` folder, as in Node. */
export function packageAround(file: string): Package | undefined {
  const folder = posix.dirname(file);
  if (around.has(folder)) return around.get(folder);
  const candidates: string[] = [];
  for (const above of upwards(folder)) {
    if (above.endsWith("/node_modules")) break;
    candidates.push(above);
  }
  const found = kinds(candidates.map((at) => `${at === "/" ? "" : at}/package.json`)).indexOf(FILE);
  const home = found === -1 ? undefined : candidates[found];
  const known = home === undefined ? undefined : packageAt(home);
  if (known !== undefined) around.set(folder, known);
  return known;
}
