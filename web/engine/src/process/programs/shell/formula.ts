/** Arithmetic expressions of bash: their text as a tree, with the complaints that bash makes of wrong ones. */

import { ShellError } from "./state.ts";

/** A variable, or an element of an array: the key is text, as only the array tells what it means. */
export interface Place {
  readonly kind: "place";
  readonly name: string;
  readonly key: string | null;
}

export type Formula =
  | { readonly kind: "number"; readonly value: bigint }
  | Place
  | { readonly kind: "unary"; readonly operator: string; readonly operand: Formula }
  | { readonly kind: "step"; readonly by: bigint; readonly before: boolean; readonly place: Place }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Formula; readonly right: Formula; readonly rest: string }
  | { readonly kind: "choice"; readonly condition: Formula; readonly yes: Formula; readonly no: Formula }
  | { readonly kind: "assign"; readonly operator: string; readonly place: Place; readonly value: Formula; readonly rest: string };

/** What bash says of an expression that is wrong, or cannot be calculated; `rest` begins with what it stumbled over. */
export function formulaError(text: string, message: string, rest: string): ShellError {
  return new ShellError(`${text.trimStart()}: ${message} (error token is "${rest}")`);
}

/** Binary operators, those that bind least first. */
const LEVELS: readonly (readonly string[])[] = [["||"], ["&&"], ["|"], ["^"], ["&"], ["==", "!="], ["<=", ">=", "<", ">"], ["<<", ">>"], ["+", "-"], ["*", "/", "%"]];
const ASSIGNMENTS = new Set(["=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "|=", "^="]);
const OPERATOR = /<<=|>>=|\*\*|\+\+|--|&&|\|\||<<|>>|[-+*/%&|^<>=!]=|[-+*/%&|^<>=!~?:,()]/y;
const NUMBER = /\d[\w#@]*/y;
const NAME = /[A-Za-z_]\w*/y;

interface Token {
  readonly kind: "number" | "name" | "operator" | "end";
  readonly text: string;
  readonly at: number;
}

/** Make a tree of an expression. Throws ShellError. */
export function parseFormula(text: string): Formula {
  return new FormulaParser(text).whole();
}

class FormulaParser {
  private at = 0;
  private token: Token;
  /** Where the last token began that is no end: what complaints name. */
  private last = 0;

  constructor(private readonly text: string) {
    this.token = this.scan();
  }

  whole(): Formula {
    if (this.ended()) return { kind: "number", value: 0n };
    const formula = this.list();
    if (!this.ended()) throw this.error("syntax error in expression");
    return formula;
  }

  private error(message: string, at = this.last): ShellError {
    return formulaError(this.text, message, this.text.slice(at));
  }

  private ended(): boolean {
    return this.token.kind === "end";
  }

  private advance(): void {
    this.token = this.scan();
  }

  private scan(): Token {
    while (/\s/.test(this.text.charAt(this.at))) this.at += 1;
    const at = this.at;
    const kind = (["number", "name", "operator"] as const).find((one) => this.match({ number: NUMBER, name: NAME, operator: OPERATOR }[one], at));
    if (kind === undefined && at < this.text.length) throw this.error(/[$"'`\\]/.test(this.text.charAt(at)) ? "syntax error: operand expected" : "syntax error: invalid arithmetic operator", at);
    if (kind !== undefined) this.last = at;
    return { kind: kind ?? "end", text: this.text.slice(at, this.at), at };
  }

  private match(expression: RegExp, at: number): boolean {
    expression.lastIndex = at;
    const found = expression.exec(this.text);
    if (found !== null) this.at = expression.lastIndex;
    return found !== null;
  }

  private is(operator: string): boolean {
    return this.token.kind === "operator" && this.token.text === operator;
  }

  private list(): Formula {
    let left = this.assignment();
    while (this.is(",")) {
      this.advance();
      left = { kind: "binary", operator: ",", left, right: this.assignment(), rest: "" };
    }
    return left;
  }

  private assignment(): Formula {
    const left = this.choice();
    const { kind, text: operator } = this.token;
    if (kind !== "operator" || !ASSIGNMENTS.has(operator)) return left;
    if (left.kind !== "place") throw this.error("attempted assignment to non-variable");
    this.advance();
    const at = this.token.at;
    return { kind: "assign", operator: operator.slice(0, -1), place: left, value: this.assignment(), rest: this.text.slice(at) };
  }

  private choice(): Formula {
    const condition = this.binary(0);
    if (!this.is("?")) return condition;
    this.advance();
    if (this.ended() || this.is(":")) throw this.error("expression expected");
    const yes = this.list();
    if (!this.is(":")) throw this.error("`:' expected for conditional expression");
    this.advance();
    if (this.ended()) throw this.error("expression expected");
    return { kind: "choice", condition, yes, no: this.choice() };
  }

  private binary(level: number): Formula {
    const operators = LEVELS[level];
    if (operators === undefined) return this.power();
    let left = this.binary(level + 1);
    while (this.token.kind === "operator" && operators.includes(this.token.text)) {
      const operator = this.token.text;
      this.advance();
      const { at } = this.token;
      left = { kind: "binary", operator, left, right: this.binary(level + 1), rest: this.text.slice(at) };
    }
    return left;
  }

  /** `**` binds to the right, and less than a sign does. */
  private power(): Formula {
    const left = this.unary();
    if (!this.is("**")) return left;
    this.advance();
    const right = this.power();
    return { kind: "binary", operator: "**", left, right, rest: this.text.slice(this.last) };
  }

  private unary(): Formula {
    const { kind, text: operator } = this.token;
    if (kind !== "operator" || !["!", "~", "-", "+", "++", "--"].includes(operator)) return this.primary();
    this.advance();
    if (operator !== "++" && operator !== "--") return { kind: "unary", operator, operand: this.unary() };
    if (this.token.kind === "name") return { kind: "step", by: operator === "++" ? 1n : -1n, before: true, place: this.place() };
    const sign = operator.charAt(0);
    return { kind: "unary", operator: sign, operand: { kind: "unary", operator: sign, operand: this.unary() } };
  }

  private primary(): Formula {
    if (this.is("(")) return this.group();
    if (this.token.kind === "number") {
      const value = this.number(this.token.text);
      this.advance();
      return { kind: "number", value };
    }
    if (this.token.kind !== "name") throw this.error("syntax error: operand expected");
    const place = this.place();
    if (!this.is("++") && !this.is("--")) return place;
    const by = this.is("++") ? 1n : -1n;
    this.advance();
    return { kind: "step", by, before: false, place };
  }

  private group(): Formula {
    this.advance();
    const inner = this.list();
    if (!this.is(")")) throw this.error("missing `)'");
    this.advance();
    return inner;
  }

  private place(): Place {
    const name = this.token.text;
    if (this.text.charAt(this.at) !== "[") {
      this.advance();
      return { kind: "place", name, key: null };
    }
    const end = this.closing(this.at);
    const key = this.text.slice(this.at + 1, end);
    if (key.trim() === "") throw new ShellError(`${name}[]: bad array subscript`);
    this.at = end + 1;
    this.advance();
    return { kind: "place", name, key };
  }

  /** Where the bracket closes that opens at `from`. */
  private closing(from: number): number {
    let depth = 0;
    for (let at = from; at < this.text.length; at += 1) {
      if (this.text[at] === "[") depth += 1;
      if (this.text[at] === "]" && (depth -= 1) === 0) return at;
    }
    throw new ShellError(`${this.token.text}: bad array subscript (error token is "${this.text.slice(this.token.at)}")`);
  }

  private number(text: string): bigint {
    const based = /^(\d+)#(.*)$/.exec(text);
    if (based !== null) return this.based(Number(based[1]), based[2] ?? "");
    if (/^0[xX][0-9a-fA-F]*$/.test(text)) return text.length === 2 ? 0n : BigInt(text);
    if (text.includes("#") || text.includes("@")) throw this.error("invalid number");
    const octal = text.startsWith("0") && text.length > 1;
    if (!(octal ? /^[0-7]+$/ : /^\d+$/).test(text)) throw this.error("value too great for base");
    return octal ? BigInt(`0o${text.slice(1)}`) : BigInt(text);
  }

  private based(base: number, digits: string): bigint {
    if (base < 2 || base > 64) throw this.error("invalid arithmetic base");
    if (digits === "") throw this.error("invalid integer constant");
    let value = 0n;
    for (const char of digits) {
      const digit = digitOf(char, base);
      if (digit < 0 || digit >= base) throw this.error("value too great for base");
      value = value * BigInt(base) + BigInt(digit);
    }
    return value;
  }
}

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@_";

/** Up to base 36 letters of both cases are the same digits. */
function digitOf(char: string, base: number): number {
  return DIGITS.indexOf(base <= 36 ? char.toLowerCase() : char);
}
