/** The tests and actions of `find`. */

import type { Stat } from "../../../../contract.ts";
import { reason } from "../redirect.ts";
import { compile, ExpressionError } from "./expressions.ts";
import type { Found, Search } from "./find.ts";
import { globExpression } from "./globs.ts";
import { blocks, nameOf } from "./listing.ts";
import { changedMode, letters, typeOf } from "./modes.ts";
import { refusal, ToolError } from "./options.ts";
import { Clock, formatTime, readTime, zoneOf } from "./times.ts";

export type Test = (found: Found) => boolean | Promise<boolean>;

/** Read what stands behind the folders. Throws ToolError. */
export function readExpression(search: Search, words: readonly string[]): Test {
  return new ExpressionReader(search, words).read();
}

const DAY_MS = 86_400_000;
const SIZES: Readonly<Record<string, number>> = { c: 1, w: 2, b: 512, k: 1024, M: 1 << 20, G: 1 << 30 };
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\\": "\\", "0": "\0", a: "\x07", b: "\b", f: "\f", v: "\v" };

/** `+3`, `-3`, `3`. */
function compared(text: string, option: string): (value: number) => boolean {
  const found = /^([-+]?)(\d+(?:\.\d+)?)$/.exec(text);
  if (found === null) throw new ToolError(`invalid argument \`${text}' to \`${option}'`);
  const wanted = Number(found[2]);
  return (value) => (found[1] === "+" ? value > wanted : found[1] === "-" ? value < wanted : value === wanted);
}

class ExpressionReader {
  private at = 0;
  private acts = false;
  private syntax: "emacs" | "extended" | "basic" = "emacs";

  constructor(private readonly search: Search, private readonly words: readonly string[]) {}

  read(): Test {
    const print: Test = (found) => this.print(`${found.path}\n`);
    if (this.words.length === 0) return print;
    const test = this.list();
    if (this.at < this.words.length) throw new ToolError(this.words[this.at] === ")" ? "invalid expression; you have too many ')'" : `paths must precede expression: \`${this.words[this.at] ?? ""}'`);
    if (this.acts) return test;
    return async (found) => (await test(found)) && print(found);
  }

  private list(): Test {
    let left = this.or();
    while (this.takes(",")) {
      const [first, second] = [left, this.or()];
      left = async (found) => (await first(found), second(found));
    }
    return left;
  }

  private takes(...words: string[]): boolean {
    if (!words.includes(this.words[this.at] ?? "")) return false;
    this.at += 1;
    return true;
  }

  private or(): Test {
    let left = this.and();
    while (this.takes("-o", "-or")) {
      const [first, second] = [left, this.and()];
      left = async (found) => (await first(found)) || second(found);
    }
    return left;
  }

  private and(): Test {
    let left = this.not();
    for (;;) {
      const word = this.words[this.at];
      if (word === undefined || [")", ",", "-o", "-or"].includes(word)) return left;
      this.takes("-a", "-and");
      const [first, second] = [left, this.not()];
      left = async (found) => (await first(found)) && second(found);
    }
  }

  private not(): Test {
    if (this.takes("!", "-not")) {
      const test = this.not();
      return async (found) => !(await test(found));
    }
    if (this.takes("(")) {
      if (this.takes(")")) throw new ToolError("invalid expression; empty parentheses are not allowed.");
      const test = this.list();
      if (!this.takes(")")) throw new ToolError("invalid expression; I was expecting to find a ')' somewhere but did not see one.");
      return test;
    }
    return this.term();
  }

  private value(option: string): string {
    const word = this.words[this.at];
    if (word === undefined) throw new ToolError(`missing argument to \`${option}'`);
    this.at += 1;
    return word;
  }

  private term(): Test {
    const word = this.words[this.at];
    if (word === undefined) throw new ToolError(`expected an expression after \`${this.words[this.at - 1] ?? ""}'`);
    this.at += 1;
    const found = this.settings(word) ?? this.names(word) ?? this.facts(word) ?? this.times(word) ?? this.actions(word);
    if (found !== null) return found;
    if (/^-(fprint|fprintf|fls|ls|ok|okdir|daystart|fstype|context|used|nouser|nogroup|files0-from|ignore_readdir_race|noleaf)/.test(word)) throw refusal(`the predicate ${word}`);
    throw new ToolError(word.startsWith("-") ? `unknown predicate \`${word}'` : `paths must precede expression: \`${word}'`);
  }

  private settings(word: string): Test | null {
    const { search } = this;
    const number = (): number => {
      const text = this.value(word);
      if (!/^\d+$/.test(text)) throw new ToolError(`Expected a positive decimal integer argument to ${word}, but got ‘${text}’`);
      return Number(text);
    };
    switch (word) {
      case "-maxdepth": search.most = number(); break;
      case "-mindepth": search.least = number(); break;
      case "-depth": case "-d": search.depthFirst = true; break;
      case "-follow": search.follow = true; break;
      case "-mount": case "-xdev": case "-warn": case "-nowarn": break;
      case "-regextype": {
        const type = this.value(word);
        if (/^(posix-extended|egrep|posix-egrep)$/.test(type)) this.syntax = "extended";
        else if (/^(posix-basic|grep|sed|ed)$/.test(type)) this.syntax = "basic";
        else if (type !== "emacs" && type !== "findutils-default") throw refusal(`-regextype ${type}`);
        break;
      }
      default: return null;
    }
    return () => true;
  }

  private names(word: string): Test | null {
    switch (word) {
      case "-name": case "-iname": {
        const glob = globExpression(this.value(word), word === "-iname");
        return (found) => glob.test(found.name);
      }
      case "-path": case "-wholename": case "-ipath": case "-iwholename": {
        const glob = globExpression(this.value(word), word.startsWith("-i"));
        return (found) => glob.test(found.path);
      }
      case "-lname": case "-ilname": {
        const glob = globExpression(this.value(word), word === "-ilname");
        return (found) => typeOf(found.stat.mode)[0] === "l" && glob.test(this.search.io.files("fs.readlink", this.search.io.resolve(found.path)));
      }
      case "-regex": case "-iregex": return this.regex(this.value(word), word === "-iregex");
      default: return null;
    }
  }

  private regex(text: string, ignoreCase: boolean): Test {
    // Emacs' expressions are basic ones in which + and ? repeat.
    const basic = this.syntax === "emacs" ? text.replace(/\\([^])|([+?])|\[\^?\]?[^\]]*\]/g, (all: string, escaped: string | undefined, repeats: string | undefined) => (repeats !== undefined ? `\\${repeats}` : escaped !== undefined && /[+?]/.test(escaped) ? `[${escaped}]` : all)) : text;
    try {
      const whole = compile(this.syntax === "extended" ? `^(${basic})$` : `^\\(${basic}\\)$`, { extended: this.syntax === "extended", ignoreCase });
      return (found) => whole.test(found.path);
    } catch (error) {
      if (error instanceof ExpressionError) throw new ToolError(`failed to compile regular expression '${text}': ${error.message}`);
      throw error;
    }
  }

  private facts(word: string): Test | null {
    const { io } = this.search;
    switch (word) {
      case "-type": case "-xtype": {
        const types = this.value(word).split(",");
        for (const type of types) if (!/^[bcdpflsD]$/.test(type)) throw new ToolError(`Unknown argument to ${word}: ${type}`);
        return (found) => types.includes(typeOf(word === "-type" ? found.stat.mode : io.files("fs.kinds", [io.resolve(found.path)])[0] === 0 ? found.stat.mode : io.files("fs.stat", io.resolve(found.path)).mode)[0].replace("-", "f"));
      }
      case "-size": {
        const text = this.value(word);
        const unit = SIZES[/[cwbkMG]$/.exec(text)?.[0] ?? "b"] ?? 512;
        const holds = compared(text.replace(/[cwbkMG]$/, ""), word);
        return (found) => holds(Math.ceil(found.stat.size / unit));
      }
      case "-empty":
        return (found) => (typeOf(found.stat.mode)[0] === "d" ? io.files("fs.readdir", io.resolve(found.path)).length === 0 : typeOf(found.stat.mode)[0] === "-" && found.stat.size === 0);
      case "-perm": return permission(this.value(word));
      case "-user": case "-uid": return owner(this.value(word), (found) => [String(found.stat.uid), nameOf(io, found.stat.uid, "passwd")]);
      case "-group": case "-gid": return owner(this.value(word), (found) => [String(found.stat.gid), nameOf(io, found.stat.gid, "group")]);
      case "-links": return number(compared(this.value(word), word), (stat) => stat.nlink);
      case "-inum": return number(compared(this.value(word), word), (stat) => stat.ino);
      case "-samefile": {
        const { ino } = this.statOf(this.value(word));
        return (found) => found.stat.ino === ino;
      }
      case "-readable": case "-writable": case "-executable": {
        const mode = { "-readable": 4, "-writable": 2, "-executable": 1 }[word];
        return (found) => {
          try {
            io.files("fs.access", io.resolve(found.path), mode);
            return true;
          } catch (error) {
            if (reason(error) === null) throw error;
            return false;
          }
        };
      }
      case "-true": return () => true;
      case "-false": return () => false;
      default: return null;
    }
  }

  private statOf(name: string): Stat {
    try {
      return this.search.io.files("fs.stat", this.search.io.resolve(name));
    } catch (error) {
      throw new ToolError(`‘${name}’: ${reason(error) ?? String(error)}`);
    }
  }

  private times(word: string): Test | null {
    const { now } = this.search;
    const pick = (letter: string): ((stat: Stat) => number) => (stat) => (letter === "a" ? stat.atimeMs : letter === "c" ? stat.ctimeMs : letter === "B" ? stat.birthtimeMs : stat.mtimeMs);
    const age = /^-([amc])(time|min)$/.exec(word);
    if (age !== null) {
      const unit = age[2] === "time" ? DAY_MS : 60_000;
      const text = this.value(word);
      const holds = compared(text, word);
      // Days are counted whole; minutes are rounded up.
      const rounded = unit === DAY_MS ? Math.floor : Math.ceil;
      return (found) => holds(rounded((now - pick(age[1] ?? "m")(found.stat)) / unit));
    }
    const newer = word === "-newer" ? ["", "m", "m"] : word === "-anewer" ? ["", "a", "m"] : word === "-cnewer" ? ["", "c", "m"] : /^-newer([aBcm])([aBcmt])$/.exec(word);
    if (newer === null) return null;
    const text = this.value(word);
    const than = newer[2] === "t" ? readTime(text, now, zoneOf(this.search.io.shell.state.get("TZ"))) : pick(newer[2] ?? "m")(this.statOf(text));
    return (found) => pick(newer[1] ?? "m")(found.stat) > than;
  }

  private async print(text: string): Promise<boolean> {
    await this.search.io.print(text);
    return true;
  }

  private actions(word: string): Test | null {
    const { search } = this;
    if (word === "-prune") {
      return () => {
        search.pruned = true;
        return true;
      };
    }
    if (word === "-quit") {
      this.acts = true;
      return () => (search.over = true);
    }
    if (!["-print", "-print0", "-printf", "-delete", "-exec", "-execdir"].includes(word)) return null;
    this.acts = true;
    if (word === "-print") return (found) => this.print(`${found.path}\n`);
    if (word === "-print0") return (found) => this.print(`${found.path}\0`);
    if (word === "-printf") {
      const format = this.value(word);
      return (found) => this.print(formatted(format, found, search));
    }
    if (word === "-delete") {
      search.depthFirst = true;
      return (found) => this.remove(found);
    }
    return this.execution(word);
  }

  private async remove({ path, stat }: Found): Promise<boolean> {
    const { io } = this.search;
    if (path === ".") return true;
    try {
      io.files(typeOf(stat.mode)[0] === "d" ? "fs.rmdir" : "fs.unlink", io.resolve(path));
      return true;
    } catch (error) {
      const why = reason(error);
      if (why === null) throw error;
      await io.complain(`cannot delete ‘${path}’: ${why}`);
      this.search.code = 1;
      return false;
    }
  }

  private execution(word: string): Test {
    const { search } = this;
    const rest = this.words.slice(this.at);
    const end = rest.findIndex((each, at) => each === ";" || (each === "+" && rest[at - 1] === "{}"));
    if (end <= 0) throw new ToolError(`missing argument to \`${word}'`);
    const words = rest.slice(0, end);
    this.at += end + 1;
    const inFolder = word === "-execdir";
    const place = (found: Found): [string, string | null] => (inFolder ? [`./${found.name}`, found.path.includes("/") ? found.path.slice(0, found.path.lastIndexOf("/")) || "/" : "."] : [found.path, null]);
    if (rest[end] === "+" && !inFolder) {
      const command = words.slice(0, -1);
      search.waiting.set(command, []);
      return async (found) => {
        const paths = search.waiting.get(command);
        paths?.push(found.path);
        if ((paths?.length ?? 0) >= 5000) await search.runWaiting();
        return true;
      };
    }
    return async (found) => {
      const [path, folder] = place(found);
      return (await search.command(words.map((each) => each.replaceAll("{}", path)), folder)) === 0;
    };
  }
}

function number(holds: (value: number) => boolean, value: (stat: Stat) => number): Test {
  return (found) => holds(value(found.stat));
}

function owner(wanted: string, names: (found: Found) => string[]): Test {
  return (found) => names(found).includes(wanted);
}

function permission(text: string): Test {
  const [, kind = "", mode = ""] = /^([-/]?)(.*)$/.exec(text) ?? [];
  const wanted = changedMode(mode, 0, 0, false);
  return (found) => {
    const own = found.stat.mode & 0o7777;
    if (kind === "-") return (own & wanted) === wanted;
    return kind === "/" ? wanted === 0 || (own & wanted) !== 0 : own === wanted;
  };
}

function formatted(format: string, found: Found, search: Search): string {
  const text = format.replace(/\\([0-7]{1,3}|[^])|%([-0]*)(\d*)(?:\.(\d+))?([ACBT][^]|[^])/g, (...matched: (string | undefined)[]) => {
    const [all = "", escaped, flags, size, precision, letter] = matched;
    if (escaped !== undefined) return escaped === "c" ? "\ue000" : /^[0-7]/.test(escaped) ? String.fromCharCode(Number.parseInt(escaped, 8)) : (ESCAPES[escaped] ?? all);
    if (letter === "%") return "%";
    const value = directive(letter ?? "", found, search);
    if (value === null) throw refusal(`the directive '${all}' of -printf`);
    const cut = precision === undefined ? value : value.slice(0, Number(precision));
    return flags?.includes("-") === true ? cut.padEnd(Number(size)) : cut.padStart(Number(size), flags?.includes("0") === true ? "0" : " ");
  });
  const stop = text.indexOf("\ue000");
  return stop < 0 ? text : text.slice(0, stop);
}

function directive(letter: string, { path, name, depth, start, stat }: Found, search: Search): string | null {
  const { io } = search;
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || (path === "/" ? "" : "/") : ".";
  switch (letter) {
    case "p": return path;
    case "f": return name;
    case "h": return folder;
    case "P": return path.slice(start.length).replace(/^\//, "");
    case "H": return start;
    case "d": return String(depth);
    case "s": return String(stat.size);
    case "b": return String(blocks(stat));
    case "k": return String(Math.ceil(blocks(stat) / 2));
    case "m": return (stat.mode & 0o7777).toString(8);
    case "M": return letters(stat.mode);
    case "y": return typeOf(stat.mode)[0].replace("-", "f");
    case "l": return typeOf(stat.mode)[0] === "l" ? io.files("fs.readlink", io.resolve(path)) : "";
    case "i": return String(stat.ino);
    case "n": return String(stat.nlink);
    case "u": return nameOf(io, stat.uid, "passwd");
    case "U": return String(stat.uid);
    case "g": return nameOf(io, stat.gid, "group");
    case "G": return String(stat.gid);
    case "D": return String(stat.dev);
    default: return moment(letter, stat, search);
  }
}

function moment(letter: string, stat: Stat, search: Search): string | null {
  const ms = { a: stat.atimeMs, c: stat.ctimeMs, t: stat.mtimeMs, B: stat.birthtimeMs }[letter.charAt(0) === "B" ? "B" : letter.charAt(0).toLowerCase()];
  if (ms === undefined) return null;
  const clock = new Clock(ms, zoneOf(search.io.shell.state.get("TZ")));
  const fraction = `${formatTime("%N", clock)}0`;
  if (letter.length === 1) return letter === "B" ? null : formatTime(`%a %b %e %H:%M:%S.${fraction} %Y`, clock);
  const field = letter.charAt(1);
  if (field === "@") return `${Math.floor(ms / 1000)}.${fraction}`;
  if (field === "+") return formatTime(`%Y-%m-%d+%H:%M:%S.${fraction}`, clock);
  if (field === "S" || field === "T") return formatTime(`${field === "T" ? "%H:%M:" : ""}%S.${fraction}`, clock);
  return formatTime(`%${field}`, clock);
}
