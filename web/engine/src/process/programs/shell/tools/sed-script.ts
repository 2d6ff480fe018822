/** Scripts of `sed`: reading them. */

import { compile, ExpressionError, type Expression } from "./expressions.ts";
import { refusal, ToolError } from "./options.ts";

/** Where a command applies. */
export type Address =
  | { readonly kind: "line"; readonly line: number }
  | { readonly kind: "last" }
  | { readonly kind: "match"; /** null: the last expression that was used. */ readonly expression: Expression | null }
  | { readonly kind: "step"; readonly first: number; readonly step: number }
  | { readonly kind: "more"; readonly count: number }
  | { readonly kind: "multiple"; readonly of: number };

/** A part of what `s` puts in: text, a group, or a change of case from here on. */
export type Piece = { readonly text: string } | { readonly group: number } | { readonly turn: string };

export interface Substitution {
  readonly expression: Expression | null;
  readonly pieces: readonly Piece[];
  readonly every: boolean;
  readonly nth: number;
  readonly print: boolean;
  readonly file: string | null;
}

export interface Command {
  readonly from: Address | null;
  readonly to: Address | null;
  readonly negated: boolean;
  readonly name: string;
  /** Text of `a`, `i`, `c`; label; file name; number. */
  readonly text: string;
  readonly substitution: Substitution | null;
  readonly table: ReadonlyMap<string, string> | null;
  /** Of `{` and its jumps: where to go on. */
  target: number;
  /** Whether the range is open, and where it ends if that is a line. */
  active: boolean;
  end: number;
}

/** Read a script. Throws ToolError with GNU's words. */
export function readScript(text: string, extended: boolean): Command[] {
  return new ScriptReader(text, extended).read();
}

class ScriptReader {
  private at = 0;
  private readonly commands: Command[] = [];
  private readonly blocks: Command[] = [];

  constructor(private readonly text: string, private readonly extended: boolean) {}

  read(): Command[] {
    for (;;) {
      this.skip(/[\s;]*/y);
      if (this.at >= this.text.length) break;
      if (this.text[this.at] === "#") this.skip(/[^\n]*/y);
      else this.command();
    }
    if (this.blocks.length > 0) throw new ToolError("-e expression #1, char 0: unmatched `{'");
    const labels = new Map(this.commands.flatMap((command, at) => (command.name === ":" ? [[command.text, at] as const] : [])));
    for (const command of this.commands) {
      if (!"btT".includes(command.name)) continue;
      const target = command.text === "" ? this.commands.length : labels.get(command.text);
      if (target === undefined) throw new ToolError(`can't find label for jump to \`${command.text}'`, 4);
      command.target = target;
    }
    return this.commands;
  }

  private wrong(what: string): ToolError {
    return new ToolError(`-e expression #1, char ${Math.min(this.at, this.text.length)}: ${what}`);
  }

  private skip(what: RegExp): string {
    what.lastIndex = this.at;
    const found = what.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  private command(): void {
    const from = this.address();
    let to: Address | null = null;
    this.skip(/[ \t]*/y);
    if (from !== null && this.text[this.at] === ",") {
      this.at += 1;
      this.skip(/[ \t]*/y);
      to = this.address(true);
      if (to === null) throw this.late("unexpected `,'");
    }
    if (from?.kind === "line" && from.line === 0 && to?.kind !== "match") throw this.late("invalid usage of line address 0");
    this.skip(/[ \t]*/y);
    const negated = this.skip(/!+[ \t]*/y) !== "";
    const name = this.text.charAt(this.at);
    this.at += 1;
    if (name === "") throw this.wrong("missing command");
    const command: Command = { from, to, negated, name, text: "", substitution: null, table: null, target: -1, active: from?.kind === "line" && from.line === 0, end: 0, ...this.rest(name, from) };
    if (name === "}") return this.close();
    if (name === "{") this.blocks.push(command);
    this.commands.push(command);
  }

  private late(what: string): ToolError {
    this.at += 1;
    return this.wrong(what);
  }

  private close(): void {
    const block = this.blocks.pop();
    if (block === undefined) throw this.wrong("unexpected `}'");
    block.target = this.commands.length;
  }

  private rest(name: string, from: Address | null): Partial<Pick<Command, "text" | "substitution" | "table">> {
    switch (name) {
      case "{":
        return {};
      case ":":
        return { text: this.label(from) };
      case "b": case "t": case "T": {
        this.skip(/[ \t]*/y);
        return { text: this.skip(/[^\s;}]*/y) };
      }
      case "a": case "i": case "c":
        return { text: this.block() };
      case "r": case "R": case "w": case "W": {
        this.skip(/[ \t]*/y);
        const text = this.skip(/[^\n]*/y);
        if (text === "") throw this.wrong("missing filename in r/R/w/W commands");
        return { text };
      }
      case "s":
        return { substitution: this.substitution() };
      case "y":
        return { table: this.transliteration() };
      case "q": case "Q": case "l": case "L": {
        this.skip(/[ \t]*/y);
        const text = this.skip(/\d*/y);
        this.end();
        return { text };
      }
      case "e": case "v":
        throw refusal(`the command '${name}' of sed`);
      default:
        if (name === "}" && from !== null) throw this.wrong("} doesn't want any addresses");
        if (!"=dDgGhHnNpPxzF}".includes(name)) throw this.wrong(`unknown command: \`${name}'`);
        this.end();
        return {};
    }
  }

  private label(from: Address | null): string {
    if (from !== null) throw this.wrong(": doesn't want any addresses");
    this.skip(/[ \t]*/y);
    const text = this.skip(/[^\s;]*/y);
    if (text === "") throw this.wrong('":" lacks a label');
    return text;
  }

  /** What may stand behind a command. */
  private end(): void {
    this.skip(/[ \t]*/y);
    if (this.at < this.text.length && !/[\n;}#]/.test(this.text.charAt(this.at))) throw this.late("extra characters after command");
  }

  private address(second = false): Address | null {
    const number = this.skip(/\d+/y);
    if (number !== "") {
      if (this.skip(/[ \t]*~[ \t]*(?=\d)/y) === "" || second) return { kind: "line", line: Number(number) };
      return { kind: "step", first: Number(number), step: Number(this.skip(/\d+/y)) };
    }
    const char = this.text[this.at];
    if (char === "$") {
      this.at += 1;
      return { kind: "last" };
    }
    if (second && (char === "+" || char === "~")) {
      this.at += 1;
      const count = Number(this.skip(/\d+/y));
      return char === "+" ? { kind: "more", count } : { kind: "multiple", of: count };
    }
    if (char !== "/" && char !== "\\") return null;
    this.at += char === "\\" ? 2 : 1;
    const source = this.upTo(this.text.charAt(this.at - 1), "unterminated address regex");
    const flags = this.skip(/[IM]*/y);
    return { kind: "match", expression: this.expression(source, flags.includes("I"), flags.includes("M")) };
  }

  private expression(source: string, ignoreCase: boolean, lines: boolean): Expression | null {
    if (source === "") return null;
    try {
      return compile(source, { extended: this.extended, ignoreCase, lines, bracketEscapes: "some" });
    } catch (error) {
      if (error instanceof ExpressionError) throw this.wrong(error.message);
      throw error;
    }
  }

  /** Text up to a delimiter; an escaped delimiter stands for itself. */
  private upTo(delimiter: string, missing: string, replacement = false): string {
    let found = "";
    let bracket = false;
    for (;;) {
      const char = this.text[this.at];
      if (char === undefined || (char === "\n" && !replacement)) throw this.wrong(missing);
      this.at += 1;
      if (char === "\\") {
        const next = this.text[this.at] ?? "";
        this.at += 1;
        if (next === "") throw this.wrong(missing);
        // In another delimiter's place, the escape only says that it is none.
        if (next === delimiter && delimiter !== "&") found += /[\^$.*+?()[\]{}|/]/.test(next) && delimiter !== "/" && !replacement ? `[${next}]`.replace("[^]", "\\^") : next;
        else if (next === "\n" && !replacement) found += "\n";
        else found += `\\${next}`;
        continue;
      }
      if (!replacement && !bracket && char === "[") {
        bracket = true;
        found += char + this.skip(/\^?\]?/y);
        continue;
      }
      if (bracket && char === "[") {
        found += char + this.skip(/[:.=][^\n]*?[:.=]\]/y);
        continue;
      }
      if (bracket && char === "]") bracket = false;
      if (char === delimiter && !bracket) return found;
      found += char;
    }
  }

  private substitution(): Substitution {
    const delimiter = this.text[this.at] ?? "";
    this.at += 1;
    if (delimiter === "" || delimiter === "\n" || delimiter === "\\") throw this.wrong("unterminated `s' command");
    const source = this.upTo(delimiter, "unterminated `s' command");
    const replacement = this.upTo(delimiter, "unterminated `s' command", true);
    const flags = this.flags();
    const expression = this.expression(source, flags.ignoreCase, flags.lines);
    const pieces = piecesOf(replacement);
    const highest = Math.max(0, ...pieces.map((piece) => ("group" in piece ? piece.group : 0)));
    if (expression !== null && highest > expression.groups) throw this.wrong(`invalid reference \\${highest} on \`s' command's RHS`);
    return { expression, pieces, every: flags.every, nth: flags.nth, print: flags.print, file: flags.file };
  }

  private flags(): { every: boolean; nth: number; print: boolean; file: string | null; ignoreCase: boolean; lines: boolean } {
    const flags = { every: false, nth: 1, print: false, file: null as string | null, ignoreCase: false, lines: false };
    for (;;) {
      const char = this.text[this.at];
      if (char === undefined || /[\n;}#]/.test(char)) return flags;
      this.at += 1;
      if (char === "g") flags.every = true;
      else if (char === "p") flags.print = true;
      else if (char === "i" || char === "I") flags.ignoreCase = true;
      else if (char === "m" || char === "M") flags.lines = true;
      else if (char === "e") throw refusal("the flag 'e' of sed's command 's'");
      else if (char === "w") {
        this.skip(/[ \t]*/y);
        flags.file = this.skip(/[^\n]*/y);
        return flags;
      } else if (/[1-9]/.test(char)) flags.nth = Number(char + this.skip(/\d*/y));
      else if (char === "0") throw this.wrong("number option to `s' command may not be zero");
      else if (!/[ \t]/.test(char)) throw this.wrong("unknown option to `s'");
    }
  }

  private transliteration(): ReadonlyMap<string, string> {
    const delimiter = this.text[this.at] ?? "";
    this.at += 1;
    const [from, to] = [0, 1].map(() => Array.from(this.upTo(delimiter, "unterminated `y' command", true).replace(/\\([nt\\])/g, (_, letter: string) => ({ n: "\n", t: "\t" })[letter] ?? "\\")));
    if (from === undefined || to?.length !== from.length) throw this.wrong("strings for `y' command are different lengths");
    this.end();
    const table = new Map<string, string>();
    for (const [at, char] of from.entries()) if (!table.has(char)) table.set(char, to[at] ?? "");
    return table;
  }

  /** The text of `a`, `i`, `c`: on the same line, or on the next ones. */
  private block(): string {
    this.skip(/[ \t]*/y);
    if (this.skip(/\\[ \t]*\n/y) === "") {
      const kept = this.skip(/\\/y) !== "";
      if (this.at >= this.text.length && !kept) throw this.wrong("expected \\ after `a', `c' or `i'");
    } else this.skip(/[ \t]*(?=\\)/y);
    let text = "";
    while (this.at < this.text.length) {
      const char = this.text.charAt(this.at);
      this.at += 1;
      if (char === "\n") break;
      if (char === "\\") {
        text += { t: "\t" }[this.text.charAt(this.at)] ?? this.text.charAt(this.at);
        this.at += 1;
      } else text += char;
    }
    return `${text}\n`;
  }
}

const LETTERS: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", f: "\f", v: "\v", a: "\x07" };

function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  for (const [found, hex, escaped] of text.matchAll(/\\x([0-9A-Fa-f]{2})|\\([^])|[^\\&]+|&/g)) {
    if (hex !== undefined) pieces.push({ text: String.fromCharCode(Number.parseInt(hex, 16)) });
    else if (escaped === undefined) pieces.push(found === "&" ? { group: 0 } : { text: found });
    else if (/\d/.test(escaped)) pieces.push({ group: Number(escaped) });
    else if (/[LUluE]/.test(escaped)) pieces.push({ turn: escaped });
    else pieces.push({ text: LETTERS[escaped] ?? escaped });
  }
  return pieces;
}
