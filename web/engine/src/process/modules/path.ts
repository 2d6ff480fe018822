/** `path`: the rules of POSIX and of Windows, as one set of functions over what differs. */

import { validateObject, validateString } from "./validate.ts";
import { refusal } from "./errors.ts";

/** The parts of a path, as `parse` gives and `format` takes. */
export interface ParsedPath {
  root: string;
  dir: string;
  base: string;
  ext: string;
  name: string;
}

/** The functions of `path`. */
export interface PathModule {
  resolve(...parts: string[]): string;
  normalize(path: string): string;
  isAbsolute(path: string): boolean;
  join(...parts: string[]): string;
  relative(from: string, to: string): string;
  toNamespacedPath(path: string): string;
  dirname(path: string): string;
  basename(path: string, suffix?: string): string;
  extname(path: string): string;
  format(parts: Partial<ParsedPath>): string;
  parse(path: string): ParsedPath;
  matchesGlob(path: string, pattern: string): boolean;
  sep: string;
  delimiter: string;
  win32: PathModule;
  posix: PathModule;
  _makeLong(path: string): string;
}

const cwd = (): string => (globalThis as { process?: { cwd(): string } }).process?.cwd() ?? "/";

/** Segments with `.` dropped and `..` applied; above the root they vanish, in a relative path they stay. */
function simplified(path: string, above: boolean, separator: string, isSeparator: (char: string) => boolean): string {
  const out: string[] = [];
  let start = 0;
  for (let at = 0; at <= path.length; at += 1) {
    if (at < path.length && !isSeparator(path.charAt(at))) continue;
    const part = path.slice(start, at);
    start = at + 1;
    if (part === "" || part === ".") continue;
    if (part !== "..") out.push(part);
    else if (out.length > 0 && out.at(-1) !== "..") out.pop();
    else if (above) out.push("..");
  }
  return out.join(separator);
}

/** The part after the last separator and the part before, ignoring separators at the end. */
function lastSegment(path: string, from: number, isSeparator: (char: string) => boolean): { start: number; end: number } {
  let end = path.length;
  while (end > from && isSeparator(path.charAt(end - 1))) end -= 1;
  let start = end;
  while (start > from && !isSeparator(path.charAt(start - 1))) start -= 1;
  return { start, end };
}

function extensionOf(base: string): string {
  const dot = base.lastIndexOf(".");
  return dot <= 0 || base === ".." ? "" : base.slice(dot);
}

function withoutSuffix(base: string, suffix: string | undefined, whole: string): string {
  if (suffix === undefined || suffix === "" || suffix.length > base.length || !base.endsWith(suffix)) return base;
  if (suffix === base) return whole === base ? "" : base;
  return base.slice(0, -suffix.length);
}

function formatter(separator: string): (parts: Partial<ParsedPath>) => string {
  return (parts) => {
    validateObject(parts, "pathObject");
    const given = parts;
    const dir = given.dir ?? given.root;
    const ext = given.ext === undefined || given.ext === "" ? "" : `${given.ext.startsWith(".") ? "" : "."}${given.ext}`;
    const base = given.base !== undefined && given.base !== "" ? given.base : `${given.name ?? ""}${ext}`;
    if (dir === undefined || dir === "") return base;
    return dir === given.root ? `${dir}${base}` : `${dir}${separator}${base}`;
  };
}

const isSlash = (char: string): boolean => char === "/";

function posixNormalize(path: string): string {
  validateString(path, "path");
  if (path === "") return ".";
  const absolute = path.startsWith("/");
  const body = simplified(path, !absolute, "/", isSlash);
  if (body === "") return absolute ? "/" : path.endsWith("/") ? "./" : ".";
  return `${absolute ? "/" : ""}${body}${path.endsWith("/") ? "/" : ""}`;
}

function posixResolve(...parts: string[]): string {
  let resolved = "";
  let absolute = false;
  for (let at = parts.length - 1; at >= 0 && !absolute; at -= 1) {
    const part = parts[at];
    validateString(part, `paths[${at}]`);
    if (part === "") continue;
    resolved = `${part}/${resolved}`;
    absolute = part.startsWith("/");
  }
  if (!absolute) {
    const folder = cwd();
    resolved = `${folder}/${resolved}`;
    absolute = folder.startsWith("/");
  }
  const body = simplified(resolved, !absolute, "/", isSlash);
  return absolute ? `/${body}` : body === "" ? "." : body;
}

function posixDirname(path: string): string {
  validateString(path, "path");
  if (path === "") return ".";
  const { start, end } = lastSegment(path, 0, isSlash);
  if (end === 0) return "/";
  if (start === 0) return ".";
  if (start === 1) return "/";
  // Of two slashes before the only name both stay: POSIX leaves their meaning open.
  return start === 2 && path.startsWith("/") ? "//" : path.slice(0, start - 1);
}

function posixBasename(path: string, suffix?: string): string {
  if (suffix !== undefined) validateString(suffix, "suffix");
  validateString(path, "path");
  const { start, end } = lastSegment(path, 0, isSlash);
  return withoutSuffix(path.slice(start, end), suffix, path);
}

function posixRelative(from: string, to: string): string {
  validateString(from, "from");
  validateString(to, "to");
  if (from === to) return "";
  const a = posixResolve(from).split("/").filter(Boolean);
  const b = posixResolve(to).split("/").filter(Boolean);
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same += 1;
  return [...a.slice(same).map(() => ".."), ...b.slice(same)].join("/");
}

function posixParse(path: string): ParsedPath {
  validateString(path, "path");
  if (path === "") return { root: "", dir: "", base: "", ext: "", name: "" };
  const root = path.startsWith("/") ? "/" : "";
  const { start, end } = lastSegment(path, root.length, isSlash);
  const base = path.slice(start, end);
  const ext = extensionOf(base);
  return { root, dir: start > root.length ? path.slice(0, start - 1) : root, base, ext, name: base.slice(0, base.length - ext.length) };
}

const isAny = (char: string): boolean => char === "/" || char === "\\";
const isDrive = (path: string): boolean => /^[A-Za-z]:/.test(path);

/** The device (`C:` or `\\server\share`) of a Windows path, its length, and whether a root follows. */
function windowsRoot(path: string): { device: string; end: number; absolute: boolean } {
  const share = /^[/\\]{2}([^/\\]+)[/\\]+([^/\\]+)/.exec(path);
  if (share !== null) {
    const end = share[0].length;
    return { device: `\\\\${share[1] ?? ""}\\${share[2] ?? ""}`, end: end < path.length ? end + 1 : end, absolute: true };
  }
  if (isAny(path.charAt(0))) return { device: "", end: 1, absolute: true };
  if (!isDrive(path)) return { device: "", end: 0, absolute: false };
  const absolute = path.length > 2 && isAny(path.charAt(2));
  return { device: path.slice(0, 2), end: absolute ? 3 : 2, absolute };
}

function windowsNormalize(path: string): string {
  validateString(path, "path");
  if (path === "") return ".";
  const { device, end, absolute } = windowsRoot(path);
  let body = end < path.length ? simplified(path.slice(end), !absolute, "\\", isAny) : "";
  if (body === "" && !absolute) body = ".";
  if (body !== "" && end < path.length && isAny(path.charAt(path.length - 1))) body += "\\";
  const relative = !absolute && device === "";
  if (relative && looksLikeDevice(path, body)) return `.\\${body}`;
  return `${device}${absolute ? "\\" : ""}${body}`;
}

/** Whether a relative path could be taken for a drive's: then Node writes `.\\` before it. */
function looksLikeDevice(path: string, body: string): boolean {
  return path.includes(":") && (isDrive(body) || /:(?:[/\\]|$)/.test(path));
}

const agree = (one: string, other: string): boolean => one === "" || other === "" || one.toLowerCase() === other.toLowerCase();

function windowsResolve(...parts: string[]): string {
  let device = "";
  let tail = "";
  let absolute = false;
  for (let at = parts.length - 1; at >= -1 && !(absolute && device !== ""); at -= 1) {
    const path = at >= 0 ? parts[at] : cwd();
    validateString(path, `paths[${at}]`);
    if (path === "") continue;
    const root = windowsRoot(path);
    if (!agree(device, root.device)) continue;
    if (device === "") device = root.device;
    if (absolute) continue;
    tail = `${path.slice(root.end)}\\${tail}`;
    absolute = root.absolute;
  }
  tail = simplified(tail, !absolute, "\\", isAny);
  return `${device}${absolute ? "\\" : ""}${tail}` || ".";
}

function windowsJoin(...parts: string[]): string {
  for (const part of parts) validateString(part, "path");
  const used = parts.filter((part) => part !== "");
  const [first] = used;
  if (first === undefined) return ".";
  let joined = used.join("\\");
  // Two separators at the start make a share only when the first part itself is one.
  const leading = /^[/\\]*/.exec(joined)?.[0].length ?? 0;
  if (leading >= 2 && !/^[/\\]{2}[^/\\]/.test(first)) joined = `\\${joined.slice(leading)}`;
  return windowsNormalize(joined);
}

function windowsRelative(from: string, to: string): string {
  validateString(from, "from");
  validateString(to, "to");
  if (from === to) return "";
  const start = windowsResolve(from);
  const target = windowsResolve(to);
  if (start.toLowerCase() === target.toLowerCase()) return "";
  const a = start.split("\\").filter(Boolean);
  const b = target.split("\\").filter(Boolean);
  let same = 0;
  while (same < a.length && same < b.length && a[same]?.toLowerCase() === b[same]?.toLowerCase()) same += 1;
  if (same === 0 && windowsRoot(start).device !== "") return target;
  return [...a.slice(same).map(() => ".."), ...b.slice(same)].join("\\");
}

function windowsDirname(path: string): string {
  validateString(path, "path");
  if (path === "") return ".";
  const { end: rootEnd } = windowsRoot(path);
  const { start } = lastSegment(path, rootEnd, isAny);
  if (start > rootEnd) return path.slice(0, start - 1);
  return rootEnd > 0 ? path.slice(0, rootEnd) : ".";
}

function windowsBasename(path: string, suffix?: string): string {
  if (suffix !== undefined) validateString(suffix, "suffix");
  validateString(path, "path");
  const from = isDrive(path) ? 2 : 0;
  const { start, end } = lastSegment(path, from, isAny);
  return withoutSuffix(path.slice(start, end), suffix, path);
}

function windowsParse(path: string): ParsedPath {
  validateString(path, "path");
  if (path === "") return { root: "", dir: "", base: "", ext: "", name: "" };
  const { end: rootEnd } = windowsRoot(path);
  const root = path.slice(0, rootEnd);
  const { start, end } = lastSegment(path, rootEnd, isAny);
  const base = path.slice(start, end);
  const ext = extensionOf(base);
  return { root, dir: start > rootEnd ? path.slice(0, start - 1) : root, base, ext, name: base.slice(0, base.length - ext.length) };
}

function windowsNamespaced(path: string): string {
  if (typeof path !== "string" || path === "") return path;
  const resolved = windowsResolve(path);
  if (resolved.startsWith("\\\\") && !/^\\\\[?.]/.test(resolved)) return `\\\\?\\UNC\\${resolved.slice(2)}`;
  return /^[A-Za-z]:\\/.test(resolved) ? `\\\\?\\${resolved}` : path;
}

const extname = (basename: (path: string) => string) => (path: string): string => {
  validateString(path, "path");
  return extensionOf(basename(path));
};

type Rules = Omit<PathModule, "win32" | "posix" | "_makeLong">;

const posixRules: Rules = {
  resolve: posixResolve,
  normalize: posixNormalize,
  isAbsolute: (path) => {
    validateString(path, "path");
    return path.startsWith("/");
  },
  join: (...parts) => {
    for (const part of parts) validateString(part, "path");
    const joined = parts.filter((part) => part !== "").join("/");
    return joined === "" ? "." : posixNormalize(joined);
  },
  relative: posixRelative,
  toNamespacedPath: (path) => path,
  dirname: posixDirname,
  basename: posixBasename,
  extname: extname(posixBasename),
  format: formatter("/"),
  parse: posixParse,
  matchesGlob: refusal("path.matchesGlob"),
  sep: "/",
  delimiter: ":",
};

const windowsRules: Rules = {
  resolve: windowsResolve,
  normalize: windowsNormalize,
  isAbsolute: (path) => {
    validateString(path, "path");
    return isAny(path.charAt(0)) || (isDrive(path) && isAny(path.charAt(2)));
  },
  join: windowsJoin,
  relative: windowsRelative,
  toNamespacedPath: windowsNamespaced,
  dirname: windowsDirname,
  basename: windowsBasename,
  extname: extname(windowsBasename),
  format: formatter("\\"),
  parse: windowsParse,
  matchesGlob: refusal("path.matchesGlob"),
  sep: "\\",
  delimiter: ";",
};

/** The POSIX rules: what `require("path")` is here, as on Linux. */
export const posix = posixRules as PathModule;
/** The Windows rules. */
export const win32 = windowsRules as PathModule;

for (const rules of [posix, win32]) {
  Object.assign(rules, { win32, posix, _makeLong: rules.toNamespacedPath });
  for (const [name, value] of Object.entries(rules) as [string, unknown][]) {
    // An arrow function of an object literal has its key's name; the shared ones get theirs here.
    if (typeof value === "function" && name !== "_makeLong") Object.defineProperty(value, "name", { value: name, configurable: true });
  }
}
