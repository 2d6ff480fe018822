/** The words of a program of `awk`. */

import { ToolError } from "../options.ts";

export const BUILTINS: ReadonlySet<string> = new Set(["length", "substr", "index", "split", "sub", "gsub", "match", "sprintf", "sin", "cos", "atan2", "exp", "log", "sqrt", "int", "rand", "srand", "tolower", "toupper", "system", "close", "fflush"]);
const KEYWORDS = new Set(["BEGIN", "END", "function", "func", "if", "else", "while", "for", "do", "break", "continue", "next", "nextfile", "exit", "return", "delete", "in", "getline", "print", "printf"]);

export interface Token {
  readonly kind: "number" | "text" | "pattern" | "name" | "call" | "word" | "builtin" | "operator" | "newline" | "end";
  readonly text: string;
  readonly line: number;
}

const OPERATOR = /^(?:\*\*=|\*\*|\+\+|--|\+=|-=|\*=|\/=|%=|\^=|==|<=|>=|!=|&&|\|\||>>|\|&|[-+*/%^!<>|?:=~$,;(){}[\]])/;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\\": "\\", '"': '"', "/": "/", a: "\x07", b: "\b", f: "\f", v: "\v" };

/** A text between quotes, with its escapes done. */
export function unescaped(text: string): string {
  return text.replace(/\\([0-7]{1,3}|[^])/g, (all: string, what: string) => (/^[0-7]/.test(what) ? String.fromCharCode(Number.parseInt(what, 8)) : what === "\n" ? "" : (ESCAPES[what] ?? all)));
}

export function wrong(line: number, near: string): ToolError {
  return new ToolError(`line ${line}: syntax error at or near ${near === "\n" ? "end of line" : near === "" ? "end of file" : near}`, 2);
}

/** Cut a program into its words. */
export class Words {
  readonly tokens: Token[] = [];
  private at = 0;
  private line = 1;

  constructor(private readonly text: string) {
    while (this.at < text.length) this.step();
    this.push("end", "");
  }

  private push(kind: Token["kind"], text: string): void {
    this.tokens.push({ kind, text, line: this.line });
  }

  private step(): void {
    const rest = this.text.slice(this.at);
    const skipped = /^(?:[ \t\r]+|\\\r?\n|#[^\n]*)/.exec(rest)?.[0];
    if (skipped !== undefined) {
      if (skipped.startsWith("\\")) this.line += 1;
      this.at += skipped.length;
    } else if (rest.startsWith("\n")) {
      this.push("newline", "\n");
      this.line += 1;
      this.at += 1;
    } else if (rest.startsWith('"')) this.quoted(rest);
    else if (rest.startsWith("/") && this.mayBePattern()) this.pattern(rest);
    else this.plain(rest);
  }

  private quoted(rest: string): void {
    const found = /^"((?:\\[^]|[^"\\\n])*)"/.exec(rest);
    if (found === null) throw new ToolError(`line ${this.line}: runaway string constant ${rest.split("\n", 1)[0] ?? ""} ...`, 2);
    this.push("text", unescaped(found[1] ?? ""));
    this.at += found[0].length;
  }

  /** A slash divides behind a value, else it begins a pattern. */
  private mayBePattern(): boolean {
    const before = this.tokens.at(-1);
    if (before === undefined) return true;
    if (["number", "text", "name", "pattern"].includes(before.kind) || before.text === "length") return false;
    return !(before.kind === "operator" && [")", "]", "$", "++", "--"].includes(before.text));
  }

  private pattern(rest: string): void {
    const found = /^\/((?:\\[^]|\[\^?\]?(?:\[:\w+:\]|\\[^]|[^\]\\\n])*\]|[^/\\\n[])*)\//.exec(rest) ?? /^\/((?:\\[^]|[^/\\\n])*)\//.exec(rest);
    if (found === null) throw new ToolError(`line ${this.line}: regular expression compile failed (missing '/')`, 2);
    this.push("pattern", (found[1] ?? "").replaceAll("\\/", "/"));
    this.at += found[0].length;
  }

  private plain(rest: string): void {
    const number = /^(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)/.exec(rest)?.[0];
    const name = /^[A-Za-z_]\w*/.exec(rest)?.[0];
    const operator = OPERATOR.exec(rest)?.[0];
    const found = number ?? name ?? operator;
    if (found === undefined) throw wrong(this.line, rest.charAt(0));
    this.at += found.length;
    if (number !== undefined) this.push("number", number);
    else if (name !== undefined) this.push(KEYWORDS.has(name) ? "word" : BUILTINS.has(name) ? "builtin" : this.text[this.at] === "(" ? "call" : "name", name);
    else this.push("operator", found === "**" ? "^" : found === "**=" ? "^=" : found);
  }
}
