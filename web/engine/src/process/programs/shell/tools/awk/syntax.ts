/** Programs of `awk`: reading them. */

import { ToolError } from "../options.ts";
import { Words, wrong, type Token } from "./words.ts";

/** What has a value. */
export type Expression =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "match"; readonly pattern: string }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "element"; readonly name: string; readonly index: readonly Expression[] }
  | { readonly kind: "field"; readonly of: Expression }
  | { readonly kind: "unary"; readonly operator: string; readonly of: Expression }
  | { readonly kind: "step"; readonly operator: "++" | "--"; readonly before: boolean; readonly of: Expression }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "choice"; readonly test: Expression; readonly yes: Expression; readonly no: Expression }
  | { readonly kind: "assign"; readonly operator: string; readonly to: Expression; readonly value: Expression }
  | { readonly kind: "in"; readonly index: readonly Expression[]; readonly name: string }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: "builtin"; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: "group"; readonly items: readonly Expression[] }
  | { readonly kind: "getline"; readonly from: "" | "<" | "|"; readonly source: Expression | null; readonly to: Expression | null };

/** What is done. */
export type Statement =
  | { readonly kind: "block"; readonly body: readonly Statement[] }
  | { readonly kind: "print"; readonly formatted: boolean; readonly args: readonly Expression[]; readonly to: { readonly how: string; readonly where: Expression } | null }
  | { readonly kind: "expression"; readonly value: Expression }
  | { readonly kind: "if"; readonly test: Expression; readonly yes: Statement; readonly no: Statement | null }
  | { readonly kind: "while"; readonly test: Expression; readonly body: Statement; readonly first: boolean }
  | { readonly kind: "for"; readonly start: Statement | null; readonly test: Expression | null; readonly step: Statement | null; readonly body: Statement }
  | { readonly kind: "each"; readonly name: string; readonly array: string; readonly body: Statement }
  | { readonly kind: "jump"; readonly how: "break" | "continue" | "next" | "nextfile" }
  | { readonly kind: "leave"; readonly how: "exit" | "return"; readonly value: Expression | null }
  | { readonly kind: "delete"; readonly name: string; readonly index: readonly Expression[] | null };

export interface Rule {
  readonly when: "BEGIN" | "END" | "each";
  readonly from: Expression | null;
  readonly to: Expression | null;
  /** null: the line is printed. */
  readonly body: Statement | null;
}

export interface Function {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly body: Statement;
}

export interface Program {
  readonly rules: readonly Rule[];
  readonly functions: ReadonlyMap<string, Function>;
}

/** Read a program. Throws ToolError. */
export function readProgram(text: string): Program {
  return new ProgramReader(new Words(text).tokens).read();
}

const ASSIGNING = new Set(["=", "+=", "-=", "*=", "/=", "%=", "^="]);

class ProgramReader {
  private at = 0;
  /** In parentheses `>` compares, behind print it redirects; in the head of a `for`, `in` is its own. */
  private noGreater = false;
  private noIn = false;

  constructor(private readonly tokens: readonly Token[]) {}

  read(): Program {
    const rules: Rule[] = [];
    const functions = new Map<string, Function>();
    for (;;) {
      this.blank(true);
      if (this.token.kind === "end") break;
      if (this.word("function") || this.word("func")) {
        const made = this.function();
        functions.set(made.name, made);
      } else rules.push(this.rule());
    }
    for (const { kind, text, line } of this.tokens) {
      if (kind === "call" && !functions.has(text)) throw new ToolError(`line ${line}: function ${text} never defined`, 2);
    }
    return { rules, functions };
  }

  private get token(): Token {
    return this.tokens[Math.min(this.at, this.tokens.length - 1)] ?? { kind: "end", text: "", line: 0 };
  }

  private is(text: string): boolean {
    return this.token.kind === "operator" && this.token.text === text;
  }

  private takes(text: string): boolean {
    if (!this.is(text)) return false;
    this.at += 1;
    return true;
  }

  private word(text: string): boolean {
    if (this.token.kind !== "word" || this.token.text !== text) return false;
    this.at += 1;
    return true;
  }

  private need(text: string): void {
    if (!this.takes(text)) throw wrong(this.token.line, this.token.text);
  }

  private blank(semicolons = false): void {
    while (this.token.kind === "newline" || (semicolons && this.is(";"))) this.at += 1;
  }

  private name(): string {
    const { kind, text, line } = this.token;
    if (kind !== "name" && kind !== "call") throw wrong(line, text);
    this.at += 1;
    return text;
  }

  private function(): Function {
    const name = this.name();
    this.need("(");
    const parameters: string[] = [];
    while (!this.takes(")")) {
      this.blank();
      parameters.push(this.name());
      this.blank();
      if (!this.is(")")) this.need(",");
    }
    this.blank();
    return { name, parameters, body: this.block() };
  }

  private rule(): Rule {
    if (this.word("BEGIN")) return { when: "BEGIN", from: null, to: null, body: this.block() };
    if (this.word("END")) return { when: "END", from: null, to: null, body: this.block() };
    if (this.is("{")) return { when: "each", from: null, to: null, body: this.block() };
    const from = this.expression();
    let to: Expression | null = null;
    if (this.takes(",")) {
      this.blank();
      to = this.expression();
    }
    return { when: "each", from, to, body: this.is("{") ? this.block() : null };
  }

  private block(): Statement {
    this.need("{");
    const body: Statement[] = [];
    for (;;) {
      this.blank(true);
      if (this.takes("}")) return { kind: "block", body };
      body.push(this.statement());
    }
  }

  private end(): void {
    if (this.is("}")) return;
    if (this.takes(";") || this.token.kind === "newline") return this.blank();
    if (this.token.kind !== "end") throw wrong(this.token.line, this.token.text);
  }

  private body(): Statement {
    this.blank();
    if (this.takes(";")) return { kind: "block", body: [] };
    return this.statement();
  }

  private statement(): Statement {
    if (this.is("{")) return this.block();
    if (this.word("if")) return this.condition();
    if (this.word("while")) {
      const test = this.parenthesised();
      return { kind: "while", test, first: false, body: this.body() };
    }
    if (this.word("do")) return this.repeated();
    if (this.word("for")) return this.loop();
    const made = this.simple();
    this.end();
    return made;
  }

  private parenthesised(): Expression {
    this.need("(");
    const test = this.free(() => this.expression());
    this.need(")");
    return test;
  }

  private condition(): Statement {
    const test = this.parenthesised();
    const yes = this.body();
    const before = this.at;
    this.blank(true);
    if (this.word("else")) return { kind: "if", test, yes, no: this.body() };
    this.at = before;
    return { kind: "if", test, yes, no: null };
  }

  private repeated(): Statement {
    const body = this.body();
    this.blank(true);
    if (!this.word("while")) throw wrong(this.token.line, this.token.text);
    const test = this.parenthesised();
    this.end();
    return { kind: "while", test, body, first: true };
  }

  private loop(): Statement {
    this.need("(");
    const [first, second, third, fourth] = this.tokens.slice(this.at, this.at + 4);
    if (first?.kind === "name" && second?.text === "in" && third?.kind === "name" && fourth?.text === ")") {
      this.at += 4;
      return { kind: "each", name: first.text, array: third.text, body: this.body() };
    }
    const start = this.is(";") ? null : this.simple();
    this.need(";");
    this.blank();
    const test = this.is(";") ? null : this.expression();
    this.need(";");
    this.blank();
    const step = this.is(")") ? null : this.simple();
    this.need(")");
    return { kind: "for", start, test, step, body: this.body() };
  }

  private simple(): Statement {
    const { kind, text } = this.token;
    if (kind === "word") {
      switch (text) {
        case "print": case "printf": return this.print(text === "printf");
        case "break": case "continue": case "next": case "nextfile":
          this.at += 1;
          return { kind: "jump", how: text };
        case "exit": case "return":
          this.at += 1;
          return { kind: "leave", how: text, value: this.atEnd() ? null : this.expression() };
        case "delete": return this.deletion();
        default:
      }
    }
    return { kind: "expression", value: this.expression() };
  }

  private atEnd(): boolean {
    return this.token.kind === "newline" || this.token.kind === "end" || this.is(";") || this.is("}");
  }

  private deletion(): Statement {
    this.at += 1;
    const name = this.name();
    if (!this.takes("[")) return { kind: "delete", name, index: null };
    const index = this.free(() => this.list("]"));
    this.need("]");
    return { kind: "delete", name, index };
  }

  private print(formatted: boolean): Statement {
    this.at += 1;
    const before = this.noGreater;
    this.noGreater = true;
    const args: Expression[] = [];
    if (!this.atEnd() && !this.is(">") && !this.is(">>") && !this.is("|")) {
      do {
        this.blank();
        args.push(this.expression());
      } while (this.takes(","));
    }
    const [only] = args;
    const list = args.length === 1 && only?.kind === "group" ? only.items : args;
    const how = [">", ">>", "|"].find((operator) => this.takes(operator));
    const to = how === undefined ? null : { how, where: this.concatenation() };
    this.noGreater = before;
    return { kind: "print", formatted, args: list, to };
  }

  private list(end: string): Expression[] {
    const items: Expression[] = [];
    while (!this.is(end)) {
      this.blank();
      items.push(this.expression());
      this.blank();
      if (!this.is(end)) this.need(",");
    }
    return items;
  }

  /** Inside of parentheses nothing is redirected. */
  private free<T>(body: () => T): T {
    const before = [this.noGreater, this.noIn] as const;
    [this.noGreater, this.noIn] = [false, false];
    const made = body();
    [this.noGreater, this.noIn] = before;
    return made;
  }

  private expression(): Expression {
    const left = this.choice();
    if (this.token.kind !== "operator" || !ASSIGNING.has(this.token.text) || !["name", "element", "field"].includes(left.kind)) return left;
    const operator = this.token.text;
    this.at += 1;
    this.blank();
    return { kind: "assign", operator, to: left, value: this.expression() };
  }

  private choice(): Expression {
    const test = this.or();
    if (!this.takes("?")) return test;
    this.blank();
    const yes = this.expression();
    this.blank();
    this.need(":");
    this.blank();
    return { kind: "choice", test, yes, no: this.expression() };
  }

  private or(): Expression {
    let left = this.and();
    while (this.takes("||")) {
      this.blank();
      left = { kind: "binary", operator: "||", left, right: this.and() };
    }
    return left;
  }

  private and(): Expression {
    let left = this.membership();
    while (this.takes("&&")) {
      this.blank();
      left = { kind: "binary", operator: "&&", left, right: this.membership() };
    }
    return left;
  }

  private membership(): Expression {
    let left = this.matching();
    while (!this.noIn && this.word("in")) left = { kind: "in", index: left.kind === "group" ? left.items : [left], name: this.name() };
    return left;
  }

  private matching(): Expression {
    let left = this.comparison();
    for (;;) {
      if (this.takes("~")) left = { kind: "binary", operator: "~", left, right: this.comparison() };
      else if (this.is("!") && this.tokens[this.at + 1]?.text === "~") {
        this.at += 2;
        left = { kind: "unary", operator: "!", of: { kind: "binary", operator: "~", left, right: this.comparison() } };
      } else return left;
    }
  }

  private comparison(): Expression {
    const left = this.concatenation();
    for (const operator of ["<", "<=", "==", "!=", ">", ">="]) {
      if (!this.is(operator) || (operator === ">" && this.noGreater)) continue;
      this.at += 1;
      return { kind: "binary", operator, left, right: this.concatenation() };
    }
    if (this.is("|") && this.tokens[this.at + 1]?.text === "getline") return this.piped(left);
    return left;
  }

  private piped(command: Expression): Expression {
    let left = command;
    while (this.is("|") && this.tokens[this.at + 1]?.text === "getline") {
      this.at += 2;
      left = { kind: "getline", from: "|", source: left, to: this.target() };
    }
    return left;
  }

  private concatenation(): Expression {
    let left = this.sum();
    while (this.beginsValue()) left = { kind: "binary", operator: " ", left, right: this.sum() };
    return left;
  }

  private beginsValue(): boolean {
    const { kind, text } = this.token;
    if (["number", "text", "pattern", "name", "call", "builtin"].includes(kind)) return true;
    if (kind !== "operator") return false;
    return ["$", "(", "++", "--"].includes(text) || (["-", "+"].includes(text) ? false : text === "!" && this.tokens[this.at + 1]?.text !== "~");
  }

  private sum(): Expression {
    let left = this.product();
    for (;;) {
      const operator = ["+", "-"].find((each) => this.takes(each));
      if (operator === undefined) return left;
      left = { kind: "binary", operator, left, right: this.product() };
    }
  }

  private product(): Expression {
    let left = this.unary();
    for (;;) {
      const operator = ["*", "/", "%"].find((each) => this.takes(each));
      if (operator === undefined) return left;
      left = { kind: "binary", operator, left, right: this.unary() };
    }
  }

  private unary(): Expression {
    for (const operator of ["!", "-", "+"]) if (this.takes(operator)) return { kind: "unary", operator, of: this.unary() };
    return this.power();
  }

  private power(): Expression {
    const left = this.stepped();
    if (!this.takes("^")) return left;
    return { kind: "binary", operator: "^", left, right: this.takes("-") ? { kind: "unary", operator: "-", of: this.power() } : this.power() };
  }

  private stepped(): Expression {
    for (const operator of ["++", "--"] as const) if (this.takes(operator)) return { kind: "step", operator, before: true, of: this.primary() };
    const of = this.primary();
    if (!["name", "element", "field"].includes(of.kind)) return of;
    for (const operator of ["++", "--"] as const) if (this.takes(operator)) return { kind: "step", operator, before: false, of };
    return of;
  }

  private primary(): Expression {
    const { kind, text, line } = this.token;
    this.at += 1;
    switch (kind) {
      case "number": return { kind: "number", value: Number(text) };
      case "text": return { kind: "text", value: text };
      case "pattern": return { kind: "match", pattern: text };
      case "builtin": return this.builtin(text);
      case "call": {
        this.need("(");
        const args = this.free(() => this.list(")"));
        this.need(")");
        return { kind: "call", name: text, args };
      }
      case "name": return this.variable(text);
      case "word": if (text === "getline") return this.getline(); break;
      case "operator": {
        if (text === "$") return { kind: "field", of: this.takes("-") ? { kind: "unary", operator: "-", of: this.primary() } : this.fieldNumber() };
        if (text === "(") return this.group();
        break;
      }
      default:
    }
    throw wrong(line, text);
  }

  private fieldNumber(): Expression {
    for (const operator of ["++", "--"] as const) if (this.takes(operator)) return { kind: "step", operator, before: true, of: this.primary() };
    return this.primary();
  }

  private variable(name: string): Expression {
    if (!this.takes("[")) return { kind: "name", name };
    const index = this.free(() => this.list("]"));
    this.need("]");
    return { kind: "element", name, index };
  }

  private group(): Expression {
    const items = this.free(() => this.list(")"));
    this.need(")");
    const [only] = items;
    // Parentheses around one value keep it from being taken for what may be assigned to.
    return items.length === 1 && only !== undefined && this.token.text !== "in" ? (["name", "element", "field"].includes(only.kind) ? only : { kind: "group", items }) : { kind: "group", items };
  }

  private builtin(name: string): Expression {
    if (!this.is("(")) {
      if (name === "length") return { kind: "builtin", name, args: [] };
      throw wrong(this.token.line, this.token.text);
    }
    this.at += 1;
    const args = this.free(() => this.list(")"));
    this.need(")");
    return { kind: "builtin", name, args };
  }

  private target(): Expression | null {
    if (this.token.kind !== "name" && !this.is("$")) return null;
    return this.primary();
  }

  private getline(): Expression {
    const to = this.target();
    if (!this.takes("<")) return { kind: "getline", from: "", source: null, to };
    return { kind: "getline", from: "<", source: this.primary(), to };
  }
}
