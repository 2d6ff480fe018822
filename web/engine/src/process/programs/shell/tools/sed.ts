/** `sed`: a line at a time, as they come. */

import { bytesOf } from "../raw.ts";
import { reason } from "../redirect.ts";
import type { Io, Tool } from "./io.ts";
import { parse, ToolError, type Options } from "./options.ts";
import type { Expression } from "./expressions.ts";
import { Input } from "./sed-input.ts";
import { filled, listed } from "./sed-output.ts";
import { readScript, type Address, type Command, type Substitution } from "./sed-script.ts";

const SPEC = "n E r=E e: f: i? s u z l: quiet=n silent=n regexp-extended=E expression=e: file=f: in-place=i? separate=s unbuffered=u null-data=z line-length=l: !posix !debug !sandbox !follow-symlinks";
/** Rounds of a script's commands between two chances for signals. */
const ROUNDS = 100_000;

export const sed: Tool = async (io, args) => {
  const options = parse(args, SPEC);
  const operands = [...options.operands];
  const parts: string[] = [];
  for (const [key, value] of options.given) {
    if (key === "e") parts.push(value);
    if (key === "f") parts.push((await script(io, value)).replace(/^#!.*\n/, "").replace(/\n$/, ""));
  }
  if (parts.length === 0) {
    const first = operands.shift();
    if (first === undefined) throw new ToolError("Usage: \0 [OPTION]... {script-only-if-no-other-script} [input-file]...", 1);
    parts.push(first);
  }
  const text = parts.join("\n");
  const editor = new Editor(io, options, readScript(text, options.has("E")), text.startsWith("#n\n") || text === "#n");
  const inPlace = options.has("i");
  try {
    if (!inPlace && !options.has("s")) return await editor.run(operands.length === 0 ? ["-"] : operands);
    for (const name of operands) {
      const code = await editor.run([name], inPlace ? name : null);
      if (editor.over) return code;
    }
    return editor.code;
  } finally {
    editor.close();
  }
};

async function script(io: Io, name: string): Promise<string> {
  try {
    return await io.text(name);
  } catch (error) {
    const why = reason(error);
    if (why === null) throw error;
    throw new ToolError(`couldn't open file ${name}: ${why}`);
  }
}

type Next = "cycle" | "again" | "quit" | number;

/** A script under way. */
class Editor {
  code = 0;
  over = false;
  private input: Input;
  private space = "";
  private held = "";
  private line = 0;
  private rounds = 0;
  private replaced = false;
  private out: string[] = [];
  /** Whether what was put out last lacks its line end. */
  private lacking = false;
  private readonly later: (() => Promise<void>)[] = [];
  private readonly files = new Map<string, number>();
  private readonly readers = new Map<string, Input>();
  private used: Expression | null = null;
  private target: number | null = null;
  private readonly quiet: boolean;
  private readonly end: string;

  constructor(private readonly io: Io, private readonly options: Options, private readonly commands: readonly Command[], quiet: boolean) {
    this.quiet = quiet || options.has("n");
    this.end = options.has("z") ? "\0" : "\n";
    this.input = new Input(io, [], 10);
    for (const { name, text, substitution } of commands) {
      const file = substitution?.file ?? ("wW".includes(name) ? text : null);
      if (file !== null && !/^\/dev\/std(out|err)$/.test(file) && !this.files.has(file)) this.files.set(file, io.files("fs.open", io.resolve(file), "w", 0o666 & ~io.shell.state.umask));
    }
  }

  close(): void {
    for (const fd of this.files.values()) this.io.files("fs.close", fd);
    for (const reader of this.readers.values()) reader.close();
  }

  /** Edit files as one stream; into a file of its own, if one is named. */
  async run(names: string[], place: string | null = null): Promise<number> {
    this.input = new Input(this.io, [...names], this.end.charCodeAt(0));
    this.lacking = false;
    if (place !== null || this.options.has("s")) this.line = 0;
    const path = place === null ? "" : this.io.resolve(place);
    if (place !== null && this.io.files("fs.kinds", [path])[0] !== 1) return this.unfit(place);
    const temporary = `${path}.sed-${this.io.shell.system.pid}`;
    if (place !== null) this.target = this.io.files("fs.open", temporary, "w", this.io.files("fs.stat", path).mode & 0o7777);
    try {
      await this.cycles();
      await this.flush();
    } finally {
      if (this.target !== null) {
        await this.copyRest();
        this.io.files("fs.close", this.target);
        this.replace(path, temporary);
        this.target = null;
      }
      this.input.close();
    }
    if (this.input.failed && this.code === 0) this.code = 2;
    return this.code;
  }

  private async unfit(place: string): Promise<number> {
    const folder = this.io.files("fs.kinds", [this.io.resolve(place)])[0] === 2;
    await this.io.complain(folder ? `couldn't edit ${place}: not a regular file` : `can't read ${place}: No such file or directory`);
    this.code = folder ? 4 : 2;
    return this.code;
  }

  /** With `q`, the rest of a file that is edited in place stays. */
  private async copyRest(): Promise<void> {
    if (!this.over) return;
    for (let line = await this.input.next(); line !== null; line = await this.input.next()) this.put(line, this.input.terminated);
    await this.flush();
  }

  private replace(path: string, temporary: string): void {
    const suffix = this.options.get("i") ?? "";
    const base = path.slice(path.lastIndexOf("/") + 1);
    const kept = suffix.includes("*") ? suffix.replaceAll("*", base) : base + suffix;
    if (suffix !== "") this.io.files("fs.rename", path, kept.includes("/") ? this.io.resolve(kept) : path.slice(0, -base.length) + kept);
    this.io.files("fs.rename", temporary, path);
  }

  private async cycles(): Promise<void> {
    let fresh = true;
    for (;;) {
      if (fresh) {
        if (await this.ended()) return;
        await this.take();
      }
      this.replaced = fresh ? false : this.replaced;
      const next = await this.script();
      fresh = next !== "again";
      if (next !== "again" && next !== "quit-silently" && !this.quiet && !this.deleted) this.put(this.space, this.input.terminated);
      await this.append();
      if (this.over) return;
    }
  }

  private deleted = false;

  private async ended(): Promise<boolean> {
    // Before it waits for more, what is done is shown.
    if (this.out.length > 0) await this.flush();
    return this.input.isLast();
  }

  private async take(): Promise<boolean> {
    const line = await this.input.next();
    if (line === null) return false;
    this.space = line;
    this.line += 1;
    return true;
  }

  private async script(): Promise<Next | "quit-silently"> {
    this.deleted = false;
    for (let at = 0; at < this.commands.length; ) {
      const command = this.commands[at];
      if (command === undefined) break;
      if (++this.rounds % ROUNDS === 0) await this.io.breathe();
      const applies = (await this.selects(command)) !== command.negated;
      if (!applies) {
        at = command.name === "{" ? command.target : at + 1;
        continue;
      }
      const next = await this.perform(command);
      if (next === "next") at += 1;
      else if (typeof next === "number") at = next;
      else return next;
    }
    return "cycle";
  }

  private async selects(command: Command): Promise<boolean> {
    const { from, to } = command;
    if (from === null) return true;
    if (to === null) return this.at(from);
    if (command.active) {
      if (to.kind === "match") {
        if (await this.at(to)) command.active = false;
        return true;
      }
      if (to.kind === "last") {
        if (await this.at(to)) command.active = false;
        return true;
      }
      if (this.line >= command.end) command.active = false;
      return this.line <= command.end;
    }
    if (!(await this.at(from))) return false;
    command.end = to.kind === "line" ? to.line : to.kind === "more" ? this.line + to.count : to.kind === "multiple" ? (to.of === 0 ? this.line : Math.ceil(this.line / to.of) * to.of) : Infinity;
    command.active = to.kind === "last" ? !(await this.at(to)) : command.end > this.line;
    return true;
  }

  private async at(address: Address): Promise<boolean> {
    switch (address.kind) {
      case "line": return this.line === address.line;
      case "last": return this.input.isLast();
      case "step": return address.step === 0 ? this.line === address.first : this.line >= address.first && (this.line - address.first) % address.step === 0;
      case "match": return this.expression(address.expression).test(this.space);
      default: return false;
    }
  }

  private expression(found: Expression | null): Expression {
    this.used = found ?? this.used;
    if (this.used === null) throw new ToolError("no previous regular expression");
    return this.used;
  }

  /** Perform a command: where the script goes on. */
  private async perform(command: Command): Promise<Next | "next" | "quit-silently"> {
    const { name, text } = command;
    switch (name) {
      case "a": this.later.push(() => Promise.resolve(this.raw(text))); break;
      case "c": return this.change(command);
      case "d": this.deleted = true; return "cycle";
      case "D": return this.deleteFirst();
      case "g": case "G": case "h": case "H": case "x": this.exchange(name); break;
      case "l": for (const line of listed(this.space, Number(text === "" ? (this.options.get("l") ?? 70) : text))) this.put(line); break;
      case "n": case "N": return this.more(name);
      case "s": if (command.substitution !== null) await this.substitute(command.substitution); break;
      case "y": this.space = Array.from(this.space, (char) => command.table?.get(char) ?? char).join(""); break;
      case "q": case "Q": return this.quit(command);
      case "b": return command.target;
      case "t": case "T": return this.jump(command);
      default: await this.plain(name, text);
    }
    return "next";
  }

  private quit({ name, text }: Command): "quit" | "quit-silently" {
    [this.over, this.code] = [true, Number(text)];
    return name === "q" ? "quit" : "quit-silently";
  }

  private deleteFirst(): "cycle" | "again" {
    this.deleted = true;
    if (!this.space.includes("\n")) return "cycle";
    this.space = this.space.slice(this.space.indexOf("\n") + 1);
    return "again";
  }

  /** Between the pattern space and the hold space. */
  private exchange(name: string): void {
    if (name === "g") this.space = this.held;
    else if (name === "G") this.space += `\n${this.held}`;
    else if (name === "h") this.held = this.space;
    else if (name === "H") this.held += `\n${this.space}`;
    else [this.space, this.held] = [this.held, this.space];
  }

  private jump({ name, target }: Command): number | "next" {
    const jumps = this.replaced === (name === "t");
    this.replaced = false;
    return jumps ? target : "next";
  }

  private change({ text, to, negated, active }: Command): Next {
    if (to === null || negated || !active) this.raw(text);
    this.deleted = true;
    return "cycle";
  }

  private async more(name: string): Promise<"next" | "quit-silently" | "quit"> {
    if (await this.input.isLast()) {
      this.over = true;
      // GNU's `N` shows what it has when there is no next line.
      return "quit";
    }
    const before = this.space;
    if (name === "n" && !this.quiet) this.put(this.space, this.input.terminated);
    await this.append();
    await this.take();
    if (name === "N") this.space = `${before}\n${this.space}`;
    return "next";
  }

  private async plain(name: string, text: string): Promise<void> {
    if (name === "=") this.put(String(this.line));
    else if (name === "i") this.raw(text);
    else if (name === "p") this.put(this.space, this.input.terminated);
    else if (name === "P") this.put(this.space.split("\n", 1)[0] ?? "");
    else if (name === "z") this.space = "";
    else if (name === "F") this.put(this.input.name);
    else if (name === "r") this.later.push(() => this.include(text));
    else if (name === "R") this.later.push(() => this.oneLine(text));
    else if (name === "w") await this.write(text, `${this.space}\n`);
    else if (name === "W") await this.write(text, `${this.space.split("\n", 1)[0] ?? ""}\n`);
  }

  private async include(name: string): Promise<void> {
    try {
      const text = await this.io.text(name === "/dev/stdin" ? "-" : name);
      this.complete();
      this.out.push(text);
      this.lacking = false;
      this.unended = text !== "" && !text.endsWith("\n");
    } catch (error) {
      if (reason(error) === null) throw error;
    }
  }

  private unended = false;

  private async oneLine(name: string): Promise<void> {
    let reader = this.readers.get(name);
    if (reader === undefined) {
      if (this.io.files("fs.kinds", [this.io.resolve(name)])[0] !== 1) return;
      reader = new Input(this.io, [name], 10);
      this.readers.set(name, reader);
    }
    const line = await reader.next();
    if (line !== null) this.put(line);
  }

  private async write(name: string, text: string): Promise<void> {
    if (name === "/dev/stdout") this.put(text.slice(0, -1));
    else if (name === "/dev/stderr") await this.io.shell.print(2, text);
    else this.io.files("fs.write", this.files.get(name) ?? -1, bytesOf(text), null);
  }

  private async substitute(wanted: Substitution): Promise<void> {
    const expression = this.expression(wanted.expression);
    const text = this.space;
    let made = "";
    let copied = 0;
    let count = 0;
    let done = false;
    for (let at = 0; at <= text.length; ) {
      const found = expression.exec(text, at);
      if (found === null) break;
      const end = found.index + found[0].length;
      // An empty match right behind another is none.
      if (found[0] === "" && found.index === copied && count > 0 && at === copied) {
        at += 1;
        if (found.index < text.length) continue;
        break;
      }
      count += 1;
      if (count >= wanted.nth) {
        made += text.slice(copied, found.index) + filled(wanted.pieces, found);
        copied = end;
        done = true;
        if (!wanted.every) break;
      }
      at = found[0] === "" ? end + 1 : end;
    }
    if (!done) return;
    this.space = made + text.slice(copied);
    this.replaced = true;
    if (wanted.print) this.put(this.space, this.input.terminated);
    if (wanted.file !== null) await this.write(wanted.file, `${this.space}\n`);
  }

  private complete(): void {
    if (this.lacking || this.unended) this.out.push(this.lacking ? this.end : "");
    this.lacking = false;
    this.unended = false;
  }

  /** Text with a line end, unless it is the last of a file that has none. */
  private put(text: string, terminated = true): void {
    this.complete();
    this.out.push(text);
    if (terminated) this.out.push(this.end);
    else this.lacking = true;
  }

  private raw(text: string): void {
    this.complete();
    this.out.push(text);
  }

  private async append(): Promise<void> {
    for (const later of this.later.splice(0)) await later();
    if (this.out.length > 1000) await this.flush();
  }

  private async flush(): Promise<void> {
    const text = this.out.join("");
    this.out = [];
    if (this.target === null) await this.io.print(text);
    else this.io.files("fs.write", this.target, bytesOf(text), null);
  }
}
