/** `ls`, `stat`, `du`. */

import type { Stat } from "../../../../contract.ts";
import { reason } from "../redirect.ts";
import type { Io, Tool } from "./io.ts";
import { letters, typeOf } from "./modes.ts";
import { parse, refusal, ToolError, type Options } from "./options.ts";
import { globExpression } from "./globs.ts";
import { version } from "./sort.ts";
import { compareBytes } from "./text.ts";
import { Clock, formatTime, zoneOf } from "./times.ts";

/** How many blocks of 512 bytes a file takes. */
export function blocks(stat: Stat): number {
  return (stat.mode & 0o170000) === 0o100000 ? Math.ceil(stat.size / 4096) * 8 : (stat.mode & 0o170000) === 0o040000 ? 8 : 0;
}

/** `1.5K`, rounded up as GNU's does. */
export function human(bytes: number, base: 1000 | 1024): string {
  if (bytes < base) return String(bytes);
  const units = base === 1024 ? "KMGTPE" : "kMGTPE";
  let [value, at] = [bytes, -1];
  while (value >= base && at < units.length - 1) [value, at] = [value / base, at + 1];
  const shown = value < 10 ? Math.ceil(value * 10 - 1e-9) / 10 : Math.ceil(value - 1e-9);
  if (shown >= base && at < units.length - 1) return `1.0${units[at + 1] ?? ""}`;
  return `${shown < 10 ? shown.toFixed(1) : String(Math.ceil(shown))}${units[at] ?? ""}`;
}

/** The name of a user or group, its number when it has none. */
export function nameOf(io: Io, id: number, file: "passwd" | "group"): string {
  const text = new TextDecoder().decode(io.files("fs.readFile", `/etc/${file}`));
  return text.split("\n").find((line) => line.split(":")[2] === String(id))?.split(":")[0] ?? String(id);
}

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly stat: Stat;
  /** Where a link leads, null for what is none. */
  readonly link: string | null;
}

const LS = "a A l 1 R r t S h d F p i s n g o G L H U X v c u k N Q m C x f q b B I: w: T: all=a almost-all=A recursive=R reverse=r human-readable=h directory=d classify=F? inode=i size=s numeric-uid-gid=n no-group=G dereference=L si "
  + "full-time time-style: group-directories-first color? literal=N quote-name=Q sort: time: format: ignore=I: ignore-backups=B file-type indicator-style: width=w: kibibytes=k !hyperlink !zero !Z !context !D !dired !escape !author !block-size !quoting-style !hide !tabsize show-control-chars hide-control-chars=q !dereference-command-line-symlink-to-dir";

class Listing {
  private code = 0;
  private readonly long: boolean;
  private readonly zone: string;

  constructor(private readonly io: Io, private readonly options: Options) {
    this.long = this.last(["l", "n", "g", "o", "full-time", "1", "C", "x", "m"], ["l", "n", "g", "o", "full-time"]) || options.get("format") === "long";
    this.zone = zoneOf(io.shell.state.get("TZ"));
  }

  private last(keys: readonly string[], wanted: readonly string[]): boolean {
    const given = this.options.given.filter(([key]) => keys.includes(key)).map(([key]) => key).filter((key) => key !== "1" || !this.options.given.some(([other]) => wanted.includes(other)));
    return wanted.includes(given.at(-1) ?? "");
  }

  async run(names: readonly string[]): Promise<number> {
    const found: Entry[] = [];
    for (const name of names) {
      const entry = await this.entry(name, this.io.resolve(name), "cannot access", this.options.has("L") || (!this.long && !this.options.has("d") && !this.options.has("F")) || name.endsWith("/") || this.options.has("H"));
      if (entry !== null) found.push(entry);
      else this.code = 2;
    }
    const isFolder = (entry: Entry): boolean => (entry.stat.mode & 0o170000) === 0o040000 && !this.options.has("d");
    const files = this.sorted(found.filter((entry) => !isFolder(entry)));
    const folders = this.sorted(found.filter(isFolder));
    await this.show(files);
    const titled = names.length > 1 || this.options.has("R");
    for (const [at, folder] of folders.entries()) {
      if (at > 0 || files.length > 0) await this.io.print("\n");
      await this.folder(folder, titled);
    }
    return this.code;
  }

  private async entry(name: string, path: string, what: string, follow: boolean): Promise<Entry | null> {
    try {
      let stat = this.io.files("fs.lstat", path);
      const isLink = (stat.mode & 0o170000) === 0o120000;
      const link = isLink ? this.io.files("fs.readlink", path) : null;
      if (isLink && follow) {
        const target = this.io.files("fs.kinds", [path])[0] === 0 ? null : this.io.files("fs.stat", path);
        if (target !== null && (!this.long || this.options.has("L") || (target.mode & 0o170000) === 0o040000)) return { name, path, stat: target, link: null };
      }
      stat = { ...stat };
      return { name, path, stat, link };
    } catch (error) {
      const why = reason(error);
      if (why === null) throw error;
      await this.io.complain(`${what} '${name}': ${why}`);
      return null;
    }
  }

  private async folder(folder: Entry, titled: boolean): Promise<void> {
    if (titled) await this.io.print(`${folder.name}:\n`);
    const ignored = [...this.options.all("I"), ...(this.options.has("B") ? ["*~"] : [])].map((glob) => globExpression(glob));
    const names = this.io.files("fs.readdir", folder.path).map(({ name }) => name).filter((name) => (this.hidden || !name.startsWith(".")) && !ignored.some((glob) => glob.test(name)));
    if (this.options.last("aAf") === "a" || this.options.has("f")) names.unshift(".", "..");
    const entries: Entry[] = [];
    for (const name of names) {
      const path = name === "." ? folder.path : this.io.resolve(`${folder.path}/${name}`);
      const entry = await this.entry(name, path, "cannot access", this.options.has("L"));
      if (entry !== null) entries.push(entry);
    }
    const sorted = this.sorted(entries);
    if (this.long || this.options.has("s")) {
      const sum = sorted.reduce((total, entry) => total + blocks(entry.stat), 0);
      await this.io.print(`total ${this.options.has("h") ? human(sum * 512, 1024) : sum / 2}\n`);
    }
    await this.show(sorted);
    if (!this.options.has("R")) return;
    for (const entry of sorted) {
      if ((entry.stat.mode & 0o170000) !== 0o040000 || entry.name === "." || entry.name === "..") continue;
      await this.io.print("\n");
      await this.folder({ ...entry, name: `${folder.name.replace(/(.)\/$/, "$1")}/${entry.name}` }, true);
    }
  }

  private get hidden(): boolean {
    return this.options.last("aAf") !== undefined;
  }

  private time(stat: Stat): number {
    const word = this.options.get("time");
    const kind = this.options.last("cu") ?? (word === undefined ? "" : /^(ctime|status)$/.test(word) ? "c" : /^(atime|access|use)$/.test(word) ? "u" : /^(mtime|modification)$/.test(word) ? "" : "?");
    if (kind === "?") throw refusal(`--time=${word ?? ""}`, 2);
    return kind === "c" ? stat.ctimeMs : kind === "u" ? stat.atimeMs : stat.mtimeMs;
  }

  private sorted(entries: readonly Entry[]): Entry[] {
    const word = this.options.get("sort");
    const named = word === undefined ? undefined : { none: "U", size: "S", time: "t", version: "v", extension: "X", name: "" }[word];
    if (word !== undefined && named === undefined) throw new ToolError(`invalid argument ‘${word}’ for ‘--sort’`, 2);
    const kind = this.options.last("tSUXvf") ?? named ?? "";
    if (kind === "U" || kind === "f") return [...entries];
    const extension = (name: string): string => (name.lastIndexOf(".") > 0 ? name.slice(name.lastIndexOf(".")) : "");
    const compare = (one: Entry, other: Entry): number => {
      const byName = compareBytes(one.name, other.name);
      if (kind === "t" || (kind === "" && !this.long && this.options.last("cu") !== undefined)) return this.time(other.stat) - this.time(one.stat) || byName;
      if (kind === "S") return other.stat.size - one.stat.size || byName;
      if (kind === "X") return compareBytes(extension(one.name), extension(other.name)) || byName;
      return kind === "v" ? version(one.name, other.name) || byName : byName;
    };
    const list = [...entries].sort((one, other) => (this.options.has("r") ? compare(other, one) : compare(one, other)));
    if (!this.options.has("group-directories-first")) return list;
    const isFolder = (entry: Entry): boolean => (entry.stat.mode & 0o170000) === 0o040000;
    return [...list.filter(isFolder), ...list.filter((entry) => !isFolder(entry))];
  }

  private marked(entry: Entry): string {
    const name = this.options.last("QN") === "Q" ? JSON.stringify(entry.name) : entry.name;
    const style = this.options.get("indicator-style");
    const all = this.options.has("F") || style === "classify";
    const [letter] = typeOf(entry.stat.mode);
    if (letter === "d") return name + (all || this.options.has("p") || this.options.has("file-type") || style === "slash" ? "/" : "");
    if (!all && !this.options.has("file-type")) return name;
    if (letter === "l") return this.long ? name : `${name}@`;
    if (letter === "-") return name + (all && (entry.stat.mode & 0o111) !== 0 ? "*" : "");
    return name + ({ p: "|", s: "=" }[letter] ?? "");
  }

  private async show(entries: readonly Entry[]): Promise<void> {
    if (this.options.get("color") === "always") throw refusal("--color=always", 2);
    const size = Math.max(0, ...entries.map((entry) => String(entry.stat.ino).length));
    const blockTexts = entries.map((entry) => (this.options.has("h") ? human(blocks(entry.stat) * 512, 1024) : String(blocks(entry.stat) / 2)));
    const blockSize = Math.max(0, ...blockTexts.map((text) => text.length));
    const rows = entries.map((entry, at) => (this.options.has("i") ? `${String(entry.stat.ino).padStart(size)} ` : "") + (this.options.has("s") ? `${(blockTexts[at] ?? "").padStart(blockSize)} ` : ""));
    if (!this.long) {
      const names = entries.map((entry, at) => (rows[at] ?? "") + this.marked(entry));
      if (this.options.has("m")) await this.io.print(names.length === 0 ? "" : `${names.join(", ")}\n`);
      else await this.io.print(names.map((name) => `${name}\n`).join(""));
      return;
    }
    const cells = entries.map((entry) => this.cells(entry));
    const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...cells.map((cell) => cell[column]?.length ?? 0)));
    for (const [at, entry] of entries.entries()) {
      const [links = "", owner = "", group = "", bytes = ""] = cells[at] ?? [];
      const owned = (this.options.has("g") ? "" : `${owner.padEnd(widths[1] ?? 0)} `) + (this.options.has("o") || this.options.has("G") ? "" : `${group.padEnd(widths[2] ?? 0)} `);
      const target = entry.link === null ? "" : ` -> ${entry.link}`;
      await this.io.print(`${rows[at] ?? ""}${letters(entry.stat.mode)} ${links.padStart(widths[0] ?? 0)} ${owned}${bytes.padStart(widths[3] ?? 0)} ${this.stamp(this.time(entry.stat))} ${this.marked(entry)}${target}\n`);
    }
  }

  private cells({ stat }: Entry): string[] {
    const name = (id: number, file: "passwd" | "group"): string => (this.options.has("n") ? String(id) : nameOf(this.io, id, file));
    const size = this.options.has("si") ? human(stat.size, 1000) : this.options.has("h") ? human(stat.size, 1024) : String(stat.size);
    return [String(stat.nlink), name(stat.uid, "passwd"), name(stat.gid, "group"), size];
  }

  private stamp(ms: number): string {
    const style = this.options.get("time-style");
    const clock = new Clock(ms, this.zone);
    if (this.options.has("full-time") || style === "full-iso") return formatTime("%Y-%m-%d %H:%M:%S.%N %z", clock);
    if (style?.startsWith("+") === true) return formatTime(style.slice(1), clock);
    if (style === "long-iso") return formatTime("%Y-%m-%d %H:%M", clock);
    const age = Date.now() - ms;
    const recent = age >= -1000 && age < 31_556_952_000 / 2;
    if (style === "iso") return formatTime(recent ? "%m-%d %H:%M" : "%Y-%m-%d ", clock);
    if (style !== undefined && style !== "locale") throw new ToolError(`invalid argument ‘${style}’ for ‘time style’`, 2);
    return formatTime(recent ? "%b %e %H:%M" : "%b %e  %Y", clock);
  }
}

export const ls: Tool = async (io, args) => {
  const options = parse(args, LS, { code: 2 });
  return new Listing(io, options).run(options.operands.length === 0 ? ["."] : options.operands);
};

const STAT = "%n\n  Size: %-15s\tBlocks: %-10b IO Block: %-6o %F\nDevice: %Hd,%Ld\tInode: %-10i  Links: %h\nAccess: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\nAccess: %x\nModify: %y\nChange: %z\n Birth: %w\n";

/** What is the same for all files here. */
const FIXED: Readonly<Record<string, string>> = { B: "512", m: "/", o: "4096", t: "0", T: "0" };

class Description {
  private readonly zone: string;

  constructor(private readonly io: Io, private readonly name: string, private readonly stat: Stat) {
    this.zone = zoneOf(io.shell.state.get("TZ"));
  }

  text(format: string): string {
    return format.replace(/%([-+ #0']*)(\d*)(?:\.(\d+))?([HL]?[A-Za-z%])/g, (all: string, flags: string, size: string, precision: string | undefined, letter: string) => {
      if (letter === "%") return "%";
      let value = this.field(letter, precision);
      if (value === null) throw refusal(`the directive '${all}'`);
      if (flags.includes("#") && letter === "a") value = `0${value}`;
      if (flags.includes("0") && /^\d+$/.test(value)) return value.padStart(Number(size), "0");
      return flags.includes("-") ? value.padEnd(Number(size)) : value.padStart(Number(size));
    });
  }

  private field(letter: string, precision: string | undefined): string | null {
    const { stat } = this;
    switch (letter) {
      case "a": return (stat.mode & 0o7777).toString(8);
      case "A": return letters(stat.mode);
      case "b": return String(blocks(stat));
      case "d": return String(stat.dev);
      case "D": return stat.dev.toString(16);
      case "Hd": return String((stat.dev >> 8) & 0xfff);
      case "Ld": return String(stat.dev & 0xff);
      case "f": return stat.mode.toString(16);
      case "F": return stat.size === 0 && (stat.mode & 0o170000) === 0o100000 ? "regular empty file" : typeOf(stat.mode)[1];
      case "g": return String(stat.gid);
      case "G": return nameOf(this.io, stat.gid, "group");
      case "h": return String(stat.nlink);
      case "i": return String(stat.ino);
      case "n": return this.name;
      case "N": return `'${this.name}'${(stat.mode & 0o170000) === 0o120000 ? ` -> '${this.io.files("fs.readlink", this.io.resolve(this.name))}'` : ""}`;
      case "s": return String(stat.size);
      case "u": return String(stat.uid);
      case "U": return nameOf(this.io, stat.uid, "passwd");
      default: return FIXED[letter] ?? this.time(letter, precision);
    }
  }

  private time(letter: string, precision: string | undefined): string | null {
    const ms = { w: this.stat.birthtimeMs, x: this.stat.atimeMs, y: this.stat.mtimeMs, z: this.stat.ctimeMs }[letter.toLowerCase()];
    if (ms === undefined) return null;
    if (letter === letter.toLowerCase()) return formatTime("%Y-%m-%d %H:%M:%S.%N %z", new Clock(ms, this.zone));
    const fraction = precision === undefined ? "" : `.${formatTime("%N", new Clock(ms, this.zone)).slice(0, Number(precision))}`;
    return String(Math.floor(ms / 1000)) + fraction;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\\": "\\", '"': '"', a: "\x07", b: "\b", f: "\f", v: "\v", e: "\x1b" };

export const stat: Tool = async (io, args) => {
  const options = parse(args, "c: L t format=c: printf: dereference=L terse=t !f !file-system !cached");
  if (options.operands.length === 0) throw new ToolError("missing operand\nTry '\0 --help' for more information.");
  const printf = options.get("printf");
  const format = printf?.replace(/\\([^])/g, (all: string, letter: string) => ESCAPES[letter] ?? all) ?? (options.has("c") ? `${options.get("c") ?? ""}\n` : options.has("t") ? "%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z %W %o\n" : null);
  let code = 0;
  for (const name of options.operands) {
    try {
      const path = name === "-" ? "/dev/stdin" : io.resolve(name);
      const found = io.files(options.has("L") || name.endsWith("/") ? "fs.stat" : "fs.lstat", path);
      await io.print(new Description(io, name, found).text(format ?? `  File: ${(found.mode & 0o170000) === 0o120000 ? `${name} -> ${io.files("fs.readlink", path)}`.replaceAll("%", "%%") : "%n"}${STAT.slice(2)}`));
    } catch (error) {
      const why = reason(error);
      if (why === null) throw error;
      await io.complain(`cannot statx '${name}': ${why}`);
      code = 1;
    }
  }
  return code;
};

interface Usage {
  readonly options: Options;
  readonly excluded: readonly RegExp[];
  readonly seen: Set<number>;
}

export const du: Tool = async (io, args) => {
  const options = parse(args, "a b c h H=si k m s d: S x L D P 0 l B: all=a bytes=b total=c human-readable=h summarize=s max-depth=d: separate-dirs=S one-file-system=x apparent-size si exclude: block-size=B: null=0 count-links=l !time !threshold !t !inodes !files0-from !X !exclude-from");
  const usage: Usage = { options, excluded: options.all("exclude").map((glob) => globExpression(glob)), seen: new Set() };
  if (options.has("L")) throw refusal("option -L");
  let [code, total] = [0, 0];
  for (const name of options.operands.length === 0 ? ["."] : options.operands) {
    try {
      total += await used(io, name, usage, 0);
    } catch (error) {
      const why = reason(error);
      if (why === null) throw error;
      await io.complain(`cannot access '${name}': ${why}`);
      code = 1;
    }
  }
  if (options.has("c")) await io.print(`${amount(total, options)}\ttotal\n`);
  return code;
};

async function used(io: Io, name: string, usage: Usage, depth: number): Promise<number> {
  const { options } = usage;
  const stat = io.files("fs.lstat", io.resolve(name));
  const base = name.slice(name.lastIndexOf("/") + 1);
  if (usage.excluded.some((glob) => glob.test(base) || glob.test(name))) return 0;
  const folder = (stat.mode & 0o170000) === 0o040000;
  if (!options.has("l")) {
    if (usage.seen.has(stat.ino)) return 0;
    usage.seen.add(stat.ino);
  }
  const apparent = options.has("b") || options.has("apparent-size");
  let sum = apparent ? (folder ? 4096 : stat.size) : blocks(stat) * 512;
  const own = sum;
  let below = 0;
  if (folder) for (const entry of io.files("fs.readdir", io.resolve(name))) below += await used(io, `${name === "/" ? "" : name}/${entry.name}`, usage, depth + 1);
  sum += below;
  const limit = options.has("s") ? 0 : Number(options.get("d") ?? Infinity);
  if (Number.isNaN(limit)) throw new ToolError(`invalid maximum depth ‘${options.get("d") ?? ""}’`);
  if (depth <= limit && (folder || depth === 0 || options.has("a"))) await io.print(`${amount(options.has("S") && folder ? own : sum, options)}\t${name}${options.has("0") ? "\0" : "\n"}`);
  return sum;
}

function amount(bytes: number, options: Options): string {
  if (options.has("si")) return human(bytes, 1000);
  if (options.has("h")) return human(bytes, 1024);
  const found = /^(\d*)([KMG]?)$/.exec(options.get("B") ?? "");
  if (found === null) throw refusal(`-B ${options.get("B") ?? ""}`);
  const unit = (found[1] === "" ? 1 : Number(found[1])) * ({ K: 1024, M: 1 << 20, G: 1 << 30 }[found[2] ?? ""] ?? 1);
  const size = options.has("B") ? unit : options.has("b") ? 1 : options.has("m") ? 1 << 20 : 1024;
  return String(Math.ceil(bytes / size));
}
