/** `grep`, `egrep`, `fgrep`: lines are told as they come. */

import { reason } from "../redirect.ts";
import { bytesOf } from "../raw.ts";
import { compileSource, ExpressionError, literal, perl, translate, type Expression } from "./expressions.ts";
import { Lines, type Io, type Source, type Tool } from "./io.ts";
import { parse, refusal, ToolError, type Options } from "./options.ts";
import { globExpression } from "./globs.ts";

const SPEC = "E F G P e: f: i y=i v w x c o n b H h l L q s r R A: B: C: m: z a I U !T Z extended-regexp=E fixed-strings=F basic-regexp=G perl-regexp=P regexp=e: file=f: "
  + "ignore-case=i no-ignore-case invert-match=v word-regexp=w line-regexp=x count=c only-matching=o line-number=n byte-offset=b with-filename=H no-filename=h "
  + "files-with-matches=l files-without-match=L quiet=q silent=q no-messages=s recursive=r dereference-recursive=R after-context=A: before-context=B: context=C: "
  + "max-count=m: null-data=z text=a binary-files: null=Z color=color? colour=color? include: exclude: exclude-dir: !exclude-from line-buffered d: directories=d: D: devices=D: !initial-tab label: binary=U !group-separator !no-group-separator";

/** What is found of a line. */
interface Finder {
  readonly expression: Expression;
  readonly invert: boolean;
}

interface Settings extends Finder {
  readonly options: Options;
  readonly before: number;
  readonly after: number;
  readonly named: boolean;
  readonly color: boolean;
  readonly limit: number;
}

export const grep: Tool = async (io, args) => {
  const options = parse(args, SPEC, { code: 2, numbers: true, hint: "Usage: \0 [OPTION]... PATTERNS [FILE]...\n" });
  const operands = [...options.operands];
  const patterns = await texts(io, options, operands);
  const recursive = options.has("r") || options.has("R") || options.get("d") === "recurse";
  const expression = expressionOf(io.name, options, patterns);
  const names = operands.length === 0 ? (recursive ? ["."] : ["-"]) : operands;
  const settings: Settings = {
    options, expression, invert: options.has("v"), before: context(options, "B"), after: context(options, "A"), color: options.get("color") === "always",
    named: options.last("hH") === "H" || (options.last("hH") === undefined && (names.length > 1 || (recursive && (operands.length === 0 || names.some((name) => isFolder(io, name)))))),
    limit: options.has("m") ? whole(options.get("m") ?? "", "invalid max count") : Infinity,
  };
  const search = new Search(io, settings);
  for (const name of names) {
    if (await search.operand(name, recursive, operands.length === 0)) return 0;
  }
  return search.failed && !(options.has("q") && search.found) ? 2 : search.found ? 0 : 1;
};

/** The patterns, each line is one; the first operand, unless options give them. */
async function texts(io: Io, options: Options, operands: string[]): Promise<string[]> {
  const given: string[] = [];
  for (const [key, value] of options.given) {
    if (key === "e") given.push(...value.split("\n"));
    if (key === "f") given.push(...(await patternFile(io, value)));
  }
  if (options.has("e") || options.has("f")) return given;
  const first = operands.shift();
  if (first === undefined) throw new ToolError("Usage: \0 [OPTION]... PATTERNS [FILE]...\nTry '\0 --help' for more information.", 2);
  return first.split("\n");
}

async function patternFile(io: Io, name: string): Promise<string[]> {
  try {
    const text = await io.text(name);
    return text === "" ? [] : text.replace(/\n$/, "").split("\n");
  } catch (error) {
    const why = reason(error);
    if (why === null) throw error;
    throw new ToolError(`${name}: ${why}`, 2);
  }
}

function whole(text: string, what: string): number {
  if (!/^-?\d+$/.test(text)) throw new ToolError(what, 2);
  return Number(text) < 0 ? Infinity : Number(text);
}

function context(options: Options, key: "A" | "B"): number {
  const found = options.given.findLast(([name]) => name === key)?.[1] ?? options.given.findLast(([name]) => name === "C" || name === "number")?.[1];
  if (found === undefined) return 0;
  if (!/^\d+$/.test(found)) throw new ToolError(`${found}: invalid context length argument`, 2);
  return Number(found);
}

function isFolder(io: Io, name: string): boolean {
  return name !== "-" && io.files("fs.kinds", [io.resolve(name)])[0] === 2;
}

function expressionOf(name: string, options: Options, patterns: readonly string[]): Expression {
  const kind = options.last("EFGP") ?? { egrep: "E", fgrep: "F" }[name] ?? "G";
  const ignoreCase = options.given.findLast(([key]) => key === "i" || key === "no-ignore-case")?.[0] === "i";
  if (patterns.length === 0) return compileSource("(?!)", false, false);
  if (patterns.length > 1 && "EG".includes(kind) && patterns.some((pattern) => /\\[1-9]/.test(pattern))) throw refusal("a back reference in one of several patterns", 2);
  try {
    const parts = patterns.map((pattern) => partOf(kind, pattern, ignoreCase));
    const source = `(?:${parts.map((part) => part.source).join("|")})`;
    const ambiguous = kind !== "P" && (parts.length > 1 || parts.some((part) => part.ambiguous));
    if (options.has("x")) return compileSource(`(?<![^])${source}(?![^])`, ignoreCase, ambiguous);
    if (options.has("w")) return compileSource(`(?<![\\p{L}\\p{Nd}_])${source}(?![\\p{L}\\p{Nd}_])`, ignoreCase, ambiguous);
    return compileSource(source, ignoreCase, ambiguous);
  } catch (error) {
    if (error instanceof ExpressionError) throw new ToolError(error.message, 2);
    throw error;
  }
}

function partOf(kind: string, pattern: string, ignoreCase: boolean): { source: string; ambiguous: boolean } {
  if (kind === "F") return { source: literal(pattern), ambiguous: false };
  if (kind === "P") return { source: perl(pattern), ambiguous: false };
  return translate(pattern, { extended: kind === "E", ignoreCase });
}

/** A search through files. */
class Search {
  found = false;
  failed = false;
  private readonly include: RegExp[];
  private readonly exclude: RegExp[];
  private readonly excludedFolders: RegExp[];
  private shown = false;

  constructor(private readonly io: Io, private readonly settings: Settings) {
    const globs = (key: string): RegExp[] => settings.options.all(key).map((glob) => globExpression(glob.replace(/\/+$/, "")));
    [this.include, this.exclude, this.excludedFolders] = [globs("include"), globs("exclude"), globs("exclude-dir")];
  }

  /** Search an operand; the answer is whether all is said (`-q`). */
  async operand(name: string, recursive: boolean, implied: boolean): Promise<boolean> {
    const kind = name === "-" ? 1 : this.io.files("fs.kinds", [this.io.resolve(name)])[0];
    if (kind !== 2) return this.skipped(name, name) ? false : this.file(name, name === "-" ? (this.settings.options.get("label") ?? "(standard input)") : name);
    if (recursive) return this.folder(name, implied);
    if (this.settings.options.get("d") === "skip") return false;
    if (!this.settings.options.has("s")) await this.io.complain(`${name}: Is a directory`);
    this.failed = true;
    return false;
  }

  private skipped(path: string, name: string): boolean {
    const base = name.slice(name.lastIndexOf("/") + 1);
    const matches = (globs: readonly RegExp[]): boolean => globs.some((glob) => glob.test(base) || glob.test(path));
    return matches(this.exclude) || (this.include.length > 0 && !matches(this.include));
  }

  private async folder(path: string, implied: boolean): Promise<boolean> {
    for (const entry of this.io.files("fs.readdir", this.io.resolve(path))) {
      const inner = implied && path === "." ? entry.name : `${path.replace(/\/+$/, "")}/${entry.name}`;
      const follow = this.settings.options.has("R");
      if (entry.kind === 3 && !follow) continue;
      const kind = entry.kind === 3 ? this.io.files("fs.kinds", [this.io.resolve(inner)])[0] : entry.kind;
      if (kind === 2) {
        if (this.excludedFolders.some((glob) => glob.test(entry.name))) continue;
        if (await this.folder(inner, false)) return true;
      } else if (!this.skipped(inner, entry.name) && (await this.file(inner, inner))) return true;
    }
    return false;
  }

  private async file(path: string, shown: string): Promise<boolean> {
    let source: Source | null = null;
    try {
      source = this.io.open(path);
      return await this.source(source, shown);
    } catch (error) {
      const why = reason(error);
      if (why === null) throw error;
      if (!this.settings.options.has("s")) await this.io.complain(`${path}: ${why}`);
      this.failed = true;
      return false;
    } finally {
      source?.close();
    }
  }

  private async source(source: Source, name: string): Promise<boolean> {
    const { options } = this.settings;
    const one = new OneFile(this.io, this.settings, name, this.shown);
    const count = await one.run(source);
    this.shown ||= one.shown;
    if (options.has("c") && !options.has("q") && options.last("lL") === undefined) await this.io.print(`${this.settings.named ? name + (options.has("Z") ? "\0" : ":") : ""}${count}\n`);
    const listed = options.last("lL");
    if (listed !== undefined && !options.has("q") && (count > 0) === (listed === "l")) await this.io.print(name + (options.has("Z") ? "\0" : "\n"));
    if (count > 0) this.found = true;
    return count > 0 && options.has("q");
  }
}

/** The lines of one file. */
class OneFile {
  shown: boolean;
  private count = 0;
  private line = 0;
  private offset = 0;
  private left = 0;
  private lastShown = 0;
  private held: { text: string; line: number; offset: number }[] = [];
  private binary = false;
  /** Whether a line was found that is not for people's eyes. */
  private unprintable = false;
  private out: string[] = [];
  private readonly silent: boolean;

  constructor(private readonly io: Io, private readonly settings: Settings, private readonly name: string, shown: boolean) {
    this.shown = shown;
    const { options } = settings;
    this.silent = options.has("q") || options.has("c") || options.last("lL") !== undefined;
  }

  async run(source: Source): Promise<number> {
    const { options } = this.settings;
    const end = options.has("z") ? "\0" : "\n";
    const lines = new Lines(source, end.charCodeAt(0));
    if (this.settings.limit === 0) return 0;
    for (let batch = await lines.next(); batch !== null; batch = await lines.next()) {
      this.binary ||= !options.has("a") && options.get("binary-files") !== "text" && !options.has("z") && batch.some((line) => line.includes("\0"));
      const over = this.batch(batch, end);
      await this.io.print(this.out.join(""));
      this.out = [];
      if (this.unprintable) await this.io.complain(`${this.name}: binary file matches`);
      if (over) break;
    }
    return this.count;
  }

  /** Look at lines; the answer is whether the rest is of no interest. */
  private batch(batch: readonly string[], end: string): boolean {
    const { options, expression, invert, limit } = this.settings;
    for (const text of batch) {
      this.line += 1;
      const hit = expression.test(text) !== invert;
      if (hit && this.count < limit) {
        if (this.binary && (options.has("I") || options.get("binary-files") === "without-match")) return true;
        this.count += 1;
        if (this.silent && !options.has("c")) return true;
        if (!this.silent && (this.binary || (!options.has("a") && /(?<![\ud800-\udbff])[\udc80-\udcff]/.test(text)))) {
          this.unprintable = true;
          return true;
        }
        if (!this.silent) this.hit(text, end);
        this.left = this.settings.after;
      } else if (!this.silent) this.miss(text, end);
      if (this.count >= limit && (this.left <= 0 || this.silent)) return true;
      if (options.has("b")) this.offset += bytesOf(text).length + 1;
    }
    return false;
  }

  private hit(text: string, end: string): void {
    const { before, after } = this.settings;
    const first = this.held[0]?.line ?? this.line;
    if ((before > 0 || after > 0) && this.shown && first > this.lastShown + 1) this.out.push(this.settings.color ? "\x1b[36m\x1b[K--\x1b[m\x1b[K\n" : "--\n");
    for (const held of this.held) this.tell(held.text, "-", held, end);
    this.held = [];
    if (this.settings.options.has("o")) this.parts(text, end);
    else this.tell(text, ":", { line: this.line, offset: this.offset }, end);
    this.shown = true;
    this.lastShown = this.line;
  }

  private miss(text: string, end: string): void {
    if (this.left > 0) {
      this.left -= 1;
      this.tell(text, "-", { line: this.line, offset: this.offset }, end);
      this.lastShown = this.line;
      return;
    }
    if (this.settings.before === 0) return;
    this.held.push({ text, line: this.line, offset: this.offset });
    if (this.held.length > this.settings.before) this.held.shift();
  }

  private parts(text: string, end: string): void {
    if (this.settings.invert) return;
    for (const found of this.matches(text)) this.out.push(this.prefix(":", { line: this.line, offset: this.offset + bytesOf(text.slice(0, found.index)).length }) + this.colored(found[0], "01;31") + end);
  }

  private matches(text: string): RegExpExecArray[] {
    const found: RegExpExecArray[] = [];
    for (let at = 0; at <= text.length; ) {
      const match = this.settings.expression.exec(text, at);
      if (match === null) break;
      if (match[0] !== "") found.push(match);
      at = match.index + Math.max(match[0].length, 1);
    }
    return found;
  }

  private tell(text: string, mark: ":" | "-", at: { line: number; offset: number }, end: string): void {
    if (mark === "-" && this.settings.options.has("o")) return;
    let shown = text;
    if (this.settings.color && (mark === ":") !== this.settings.invert) {
      for (const found of this.matches(text).reverse()) shown = shown.slice(0, found.index) + this.colored(found[0], "01;31") + shown.slice(found.index + found[0].length);
    }
    this.out.push(this.prefix(mark, at) + shown + end);
  }

  private colored(text: string, color: string): string {
    return this.settings.color ? `\x1b[${color}m\x1b[K${text}\x1b[m\x1b[K` : text;
  }

  private prefix(mark: string, at: { line: number; offset: number }): string {
    const { options, named } = this.settings;
    const sign = this.colored(mark, "36");
    let text = "";
    if (named) text += this.colored(this.name, "35") + (options.has("Z") ? "\0" : sign);
    if (options.has("n")) text += this.colored(String(at.line), "32") + sign;
    if (options.has("b")) text += this.colored(String(at.offset), "32") + sign;
    return text;
  }
}
