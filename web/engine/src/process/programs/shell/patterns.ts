/** Patterns of bash (`*`, `?`, `[…]`, and the extended ones) as regular expressions, and the files that they name. */

import type { System } from "./system.ts";

const CLASSES: Readonly<Record<string, string>> = {
  alnum: "A-Za-z0-9", alpha: "A-Za-z", blank: " \\t", cntrl: "\\x00-\\x1f\\x7f", digit: "0-9", graph: "\\x21-\\x7e", lower: "a-z",
  print: "\\x20-\\x7e", punct: "!-\\/:-@\\[-`{-~", space: " \\t\\n\\r\\f\\v", upper: "A-Z", word: "A-Za-z0-9_", xdigit: "0-9A-Fa-f",
};
const EXTENDED: Readonly<Record<string, string>> = { "?": ")?", "*": ")*", "+": ")+", "@": ")", "!": "" };

/** Text in which no character is special in a pattern. */
export function escapePattern(text: string): string {
  return text.replace(/[\\*?[\]()|!+@^-]/g, "\\$&");
}

/** Whether a pattern can name anything but one text. */
export function isPattern(pattern: string): boolean {
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at] ?? "";
    if (char === "\\") at += 1;
    else if (char === "*" || char === "?" || (char === "[" && pattern.includes("]", at))) return true;
    else if ("+@!".includes(char) && pattern[at + 1] === "(") return true;
  }
  return false;
}

/** A pattern without its escapes: the text that it names when it is none. */
export function unescapePattern(pattern: string): string {
  return pattern.replace(/\\([^])/g, "$1");
}

/** The source of a regular expression; `path` keeps `*` and `?` off slashes. */
export function patternSource(pattern: string, options: { path?: boolean; lazy?: boolean } = {}): string {
  return new Translation(pattern, options.path === true ? "[^/]" : "[^]", options.lazy === true ? "?" : "").source();
}

/** A regular expression that matches whole texts. */
export function patternExpression(pattern: string, ignoreCase = false): RegExp {
  return new RegExp(`^(?:${patternSource(pattern)})$`, ignoreCase ? "iu" : "u");
}

class Translation {
  private at = 0;

  constructor(private readonly pattern: string, private readonly any: string, private readonly lazy: string) {}

  source(closing = false): string {
    let out = "";
    while (this.at < this.pattern.length) {
      const char = this.pattern[this.at] ?? "";
      if (closing && char === ")") break;
      this.at += 1;
      if (closing && char === "|") out += "|";
      else if (char in EXTENDED && this.pattern[this.at] === "(") out += this.extended(char);
      else out += this.single(char);
    }
    return out;
  }

  private extended(kind: string): string {
    this.at += 1;
    const inner = this.source(true);
    this.at += 1;
    if (kind !== "!") return `(?:${inner}${EXTENDED[kind] ?? ")"}`;
    const rest = new Translation(this.pattern.slice(this.at), this.any, this.lazy).source();
    return `(?!(?:${inner})${rest}$)${this.any}*`;
  }

  private single(char: string): string {
    if (char === "*") return `${this.any}*${this.lazy}`;
    if (char === "?") return this.any;
    if (char === "[") return this.bracket() ?? "\\[";
    if (char === "\\" && this.at < this.pattern.length) {
      const literal = String.fromCodePoint(this.pattern.codePointAt(this.at) ?? 0);
      this.at += literal.length;
      return quote(literal);
    }
    return quote(char);
  }

  private bracket(): string | null {
    let end = this.at;
    if ("!^".includes(this.pattern[end] ?? " ")) end += 1;
    if (this.pattern[end] === "]") end += 1;
    while (end < this.pattern.length && this.pattern[end] !== "]") {
      if (this.pattern[end] === "\\") end += 1;
      else if (this.pattern.startsWith("[:", end)) end = Math.max(end, this.pattern.indexOf(":]", end) + 1);
      end += 1;
    }
    if (end >= this.pattern.length) return null;
    const inner = this.pattern.slice(this.at, end);
    this.at = end + 1;
    const negated = "!^".includes(inner[0] ?? " ");
    return `[${negated ? "^" : ""}${members(negated ? inner.slice(1) : inner)}]`;
  }
}

function members(inner: string): string {
  return inner.replace(/\[:(\w+):\]|\\([^])|([\]\\[^])/g, (all: string, name?: string, escaped?: string, special?: string) => {
    if (name !== undefined) return CLASSES[name] ?? "";
    const literal = escaped ?? special ?? all;
    return /[\\\]^[-]/.test(literal) ? `\\${literal}` : literal;
  });
}

function quote(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}

/** How files are matched, by the words of `shopt`. */
export interface GlobOptions {
  readonly dotglob: boolean;
  readonly globstar: boolean;
  readonly nocaseglob: boolean;
}

/** The paths that a pattern names, in order; none when nothing matches. */
export function glob(system: System, cwd: string, pattern: string, options: GlobOptions): string[] {
  const absolute = pattern.startsWith("/");
  const parts = pattern.split("/").filter((part, at) => part !== "" || at === pattern.split("/").length - 1);
  let found = [absolute ? "/" : ""];
  parts.forEach((part, at) => {
    const last = at === parts.length - 1;
    found = found.flatMap((base) => step(system, cwd, base, { part, last, options }));
  });
  return found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

interface Step {
  readonly part: string;
  readonly last: boolean;
  readonly options: GlobOptions;
}

function step(system: System, cwd: string, base: string, { part, last, options }: Step): string[] {
  const folder = base === "" ? cwd : base.startsWith("/") ? base : `${cwd}/${base}`;
  if (part === "") return base !== "" && kindOf(system, folder) === 2 ? [base] : [];
  // What `**` stands for can be nothing at all: the folder itself.
  if (part === "**" && options.globstar) return [...(last && base !== "" ? [base] : []), ...deep(system, folder, base, last)];
  if (!isPattern(part)) return named(system, folder, base, { part, last, options });
  const expression = new RegExp(`^(?:${patternSource(part, { path: true })})$`, options.nocaseglob ? "iu" : "u");
  const hidden = options.dotglob || part.startsWith(".") || part.startsWith("\\.");
  return names(system, folder)
    .filter((entry) => (hidden || !entry.name.startsWith(".")) && expression.test(entry.name))
    .filter((entry) => last || entry.kind === 2 || (entry.kind === 3 && kindOf(system, `${folder}/${entry.name}`) === 2))
    .map((entry) => `${base}${entry.name}${last ? "" : "/"}`);
}

function named(system: System, folder: string, base: string, { part, last }: Step): string[] {
  const name = unescapePattern(part);
  const kind = kindOf(system, `${folder}/${name}`);
  if (last ? kind === 0 : kind !== 2) return [];
  return [`${base}${name}${last ? "" : "/"}`];
}

function deep(system: System, folder: string, base: string, last: boolean): string[] {
  const below = names(system, folder).filter((entry) => !entry.name.startsWith(".")).flatMap((entry) => {
    const here = last ? [`${base}${entry.name}`] : [];
    return entry.kind === 2 ? [...here, ...deep(system, `${folder}/${entry.name}`, `${base}${entry.name}/`, last)] : here;
  });
  return last ? below : [base, ...below];
}

function names(system: System, folder: string): readonly { name: string; kind: number }[] {
  try {
    return system.files("fs.readdir", folder);
  } catch {
    return [];
  }
}

function kindOf(system: System, path: string): number {
  return system.files("fs.kinds", [path])[0] ?? 0;
}
