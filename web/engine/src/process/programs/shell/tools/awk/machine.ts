/** What a program of `awk` works with: variables, the record and its fields, files and commands. */

import { bytesOf } from "../../raw.ts";
import { reason } from "../../redirect.ts";
import { parse as parseScript } from "../../syntax.ts";
import { runStatements } from "../../run.ts";
import { Pipe, hold, release } from "../../streams.ts";
import { compile, ExpressionError, type Expression } from "../expressions.ts";
import type { Io, Source } from "../io.ts";
import { ToolError } from "../options.ts";
import { textOf } from "../text.ts";
import { Input, toNumber, toText, type Value } from "./values.ts";

export type Table = Map<string, Value>;

/** Records of a stream, by what RS says. */
export class Records {
  private rest = "";
  private over = false;
  private first = true;

  constructor(readonly source: Source, private readonly machine: Machine) {}

  async next(): Promise<string | null> {
    for (;;) {
      const found = this.cut();
      if (found !== null) return found;
      if (this.over) return null;
      const data = await this.source.next();
      if (data === null) this.over = true;
      else this.rest += this.decode(data);
    }
  }

  private pending: Uint8Array = new Uint8Array(0);

  /** A character may be cut in two between pieces. */
  private decode(data: Uint8Array): string {
    const all = new Uint8Array(this.pending.length + data.length);
    all.set(this.pending);
    all.set(data, this.pending.length);
    let end = all.length;
    for (let back = 1; back <= 3 && back <= all.length; back += 1) {
      const byte = all[all.length - back] ?? 0;
      if (byte >= 0xc0) {
        const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
        if (size > back) end = all.length - back;
        break;
      }
      if (byte < 0x80) break;
    }
    this.pending = all.slice(end);
    return textOf(all.subarray(0, end));
  }

  private cut(): string | null {
    const separator = this.machine.text("RS");
    if (separator === "") return this.paragraph();
    if (this.over && this.rest === "") return null;
    const expression = Array.from(separator).length > 1 ? this.machine.expression(separator) : null;
    const found = expression === null ? null : expression.exec(this.rest);
    const at = expression === null ? this.rest.indexOf(separator) : (found?.index ?? -1);
    const size = expression === null ? separator.length : (found?.[0].length ?? 0);
    // What an expression finds at the end could go on in what is still to come.
    if (at >= 0 && size > 0 && (expression === null || this.over || at + size < this.rest.length)) return this.taken(at, size);
    return this.over ? this.taken(this.rest.length, 0) : null;
  }

  private paragraph(): string | null {
    if (this.first) this.rest = this.rest.replace(/^\n+/, "");
    if (this.rest !== "") this.first = false;
    const found = /\n\n+/.exec(this.rest);
    if (found !== null && (found.index + found[0].length < this.rest.length || this.over)) return this.taken(found.index, found[0].length);
    if (!this.over || this.rest === "") return null;
    return this.taken(this.rest.replace(/\n$/, "").length, this.rest.length);
  }

  private taken(at: number, size: number): string {
    const record = this.rest.slice(0, at);
    this.rest = this.rest.slice(at + size);
    return record;
  }
}

interface Output {
  write(text: string): Promise<void>;
  close(): Promise<number>;
}

/** A program's state. */
export class Machine {
  readonly globals = new Map<string, Value>([["FS", " "], ["OFS", " "], ["ORS", "\n"], ["RS", "\n"], ["NF", 0], ["NR", 0], ["FNR", 0], ["SUBSEP", "\x1c"], ["CONVFMT", "%.6g"], ["OFMT", "%.6g"], ["RSTART", 0], ["RLENGTH", -1], ["FILENAME", ""], ["RT", ""]]);
  readonly tables = new Map<string, Table>();
  private readonly expressions = new Map<string, Expression>();
  private readonly outputs = new Map<string, Output>();
  private readonly inputs = new Map<string, Records>();
  private fields: Value[] = [];
  private record = "";
  private split = true;
  private joined = true;

  constructor(readonly io: Io) {}

  get(name: string): Value {
    if (name === "NF") this.divide();
    return this.globals.get(name);
  }

  set(name: string, value: Value): void {
    if (name === "NF") {
      this.divide();
      const count = toNumber(value);
      while (this.fields.length < count) this.fields.push("");
      this.fields.length = count;
      this.joined = false;
    }
    this.globals.set(name, value);
  }

  text(name: string): string {
    return toText(this.globals.get(name), "%.6g");
  }

  table(name: string): Table {
    const found = this.tables.get(name) ?? new Map<string, Value>();
    this.tables.set(name, found);
    return found;
  }

  /** A compiled expression; each is compiled once. */
  expression(pattern: string): Expression {
    const known = this.expressions.get(pattern);
    if (known !== undefined) return known;
    try {
      const made = compile(pattern.replace(/\\"/g, '"').replace(/\\\//g, "/"), { extended: true, bracketEscapes: "all" });
      this.expressions.set(pattern, made);
      return made;
    } catch (error) {
      if (error instanceof ExpressionError) throw new ToolError(`regular expression compile failed (${error.message})\n${pattern}`, 2);
      throw error;
    }
  }

  setRecord(text: string): void {
    [this.record, this.split, this.joined] = [text, false, true];
  }

  private divide(): void {
    if (this.split) return;
    this.split = true;
    this.fields = this.parts(this.record, this.text("FS")).map((part) => new Input(part));
    this.globals.set("NF", this.fields.length);
  }

  /** A text by a separator, as records and `split` are cut. */
  parts(text: string, separator: string): string[] {
    if (text === "") return [];
    const paragraphs = this.text("RS") === "";
    if (separator === " ") return text.split(/[ \t\n]+/).filter((part) => part !== "");
    if (separator === "") return Array.from(text);
    if (separator.length === 1 && separator !== "\\" && !paragraphs) return text.split(separator === "\t" ? "\t" : separator);
    return this.cutBy(text, separator.length === 1 ? `[${separator === "\\" || separator === "^" ? "\\" : ""}${separator}]` : separator, paragraphs);
  }

  private cutBy(text: string, pattern: string, paragraphs: boolean): string[] {
    const expression = this.expression(paragraphs ? `(${pattern})|\n` : pattern);
    const parts: string[] = [];
    let from = 0;
    for (let at = 0; at <= text.length; ) {
      const found = expression.exec(text, at);
      if (found === null) break;
      if (found[0] === "") {
        at = found.index + 1;
        continue;
      }
      parts.push(text.slice(from, found.index));
      from = found.index + found[0].length;
      at = from;
    }
    return [...parts, text.slice(from)];
  }

  field(at: number): Value {
    if (at < 0 || !Number.isFinite(at)) throw new ToolError(`attempt to access field ${at}`, 2);
    if (at === 0) {
      if (!this.joined) this.record = this.fields.map((value) => this.shown(value)).join(this.text("OFS"));
      this.joined = true;
      return new Input(this.record);
    }
    this.divide();
    return this.fields[at - 1];
  }

  private shown(value: Value): string {
    return toText(value, this.text("CONVFMT"));
  }

  setField(at: number, value: Value): void {
    if (at < 0) throw new ToolError(`attempt to access field ${at}`, 2);
    if (at === 0) return this.setRecord(this.shown(value));
    this.divide();
    while (this.fields.length < at) this.fields.push("");
    this.fields[at - 1] = value;
    this.globals.set("NF", this.fields.length);
    this.joined = false;
  }

  // --- streams

  /** Write to a file or a command, which stay open. */
  async writeTo(how: string, where: string, text: string): Promise<void> {
    const known = this.outputs.get(where) ?? this.openOutput(how, where);
    this.outputs.set(where, known);
    await known.write(text);
  }

  private openOutput(how: string, where: string): Output {
    if (how === "|") return this.command(where);
    if (where === "/dev/stdout" || where === "-") return { write: (text) => this.io.print(text), close: () => Promise.resolve(0) };
    if (where === "/dev/stderr") return { write: (text) => this.io.say(text), close: () => Promise.resolve(0) };
    try {
      const fd = this.io.files("fs.open", this.io.resolve(where), how === ">" ? "w" : "a", 0o666 & ~this.io.shell.state.umask);
      return { write: (text) => Promise.resolve(void this.io.files("fs.write", fd, bytesOf(text), null)), close: () => Promise.resolve(this.closed(fd)) };
    } catch (error) {
      throw new ToolError(`cannot open "${where}" for output (${reason(error) ?? String(error)})`, 2);
    }
  }

  private closed(fd: number): number {
    this.io.files("fs.close", fd);
    return 0;
  }

  private command(text: string): Output {
    const pipe = new Pipe();
    const inner = this.io.shell.fork();
    inner.connect(0, { kind: "pipe", pipe, end: "read" });
    const end = { kind: "pipe", pipe, end: "write" } as const;
    hold(end);
    // What was printed before comes before what the command prints.
    const ended = this.io.flush().then(() => inner.runSubshell(() => runStatements(inner, parseScript(text).statements)));
    return {
      write: (data) => pipe.write(bytesOf(data)),
      close: async () => {
        release(this.io.shell.system, end);
        return ended;
      },
    };
  }

  /** Run a command and wait; the answer is its exit code. */
  async system(text: string): Promise<number> {
    await this.io.flush();
    const inner = this.io.shell.fork();
    return inner.runSubshell(() => runStatements(inner, parseScript(text).statements));
  }

  /** Where `getline` reads; null when it cannot be opened. */
  async input(how: "<" | "|", where: string): Promise<Records | null> {
    const known = this.inputs.get(where);
    if (known !== undefined) return known;
    try {
      const made = new Records(how === "<" ? this.io.open(where) : await this.outputOf(where), this);
      this.inputs.set(where, made);
      return made;
    } catch (error) {
      if (reason(error) === null) throw error;
      return null;
    }
  }

  private async outputOf(text: string): Promise<Source> {
    const pipe = new Pipe();
    await this.io.flush();
    const inner = this.io.shell.fork();
    inner.connect(1, { kind: "pipe", pipe, end: "write" });
    const end = { kind: "pipe", pipe, end: "read" } as const;
    hold(end);
    this.ended.set(text, inner.runSubshell(() => runStatements(inner, parseScript(text).statements)));
    return { name: text, next: () => pipe.read(), back: (data) => pipe.unread(data), close: () => release(this.io.shell.system, end) };
  }

  private readonly ended = new Map<string, Promise<number>>();

  /** Close a file or command; -1 when there is none of that name. */
  async close(where: string): Promise<number> {
    const [output, input] = [this.outputs.get(where), this.inputs.get(where)];
    this.outputs.delete(where);
    this.inputs.delete(where);
    if (output !== undefined) return output.close();
    if (input === undefined) return -1;
    input.source.close();
    return (await this.ended.get(where)) ?? 0;
  }

  async closeAll(): Promise<void> {
    await this.io.flush();
    for (const where of [...this.outputs.keys(), ...this.inputs.keys()]) await this.close(where);
  }
}

