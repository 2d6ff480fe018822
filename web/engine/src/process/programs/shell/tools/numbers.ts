/** `seq`, `expr`, `factor`. */

import { compile, ExpressionError } from "./expressions.ts";
import type { Tool } from "./io.ts";
import { parse, ToolError } from "./options.ts";
import { compareBytes } from "./text.ts";

const places = (text: string): number => (/[eE]/.test(text) ? 0 : (text.split(".")[1]?.length ?? 0));

export const seq: Tool = async (io, args) => {
  // Negative numbers are no options.
  const at = args.findIndex((arg) => /^-?[\d.]/.test(arg));
  const options = parse(at < 0 ? args : [...args.slice(0, at), "--", ...args.slice(at)], "f: s: w format=f: separator=s: equal-width=w", { first: true });
  const { operands } = options;
  if (operands.length === 0) throw new ToolError("missing operand\nTry '\0 --help' for more information.");
  if (operands.length > 3) throw new ToolError(`extra operand ‘${operands[3] ?? ""}’\nTry '\0 --help' for more information.`);
  for (const text of operands) if (!/^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text)) throw new ToolError(`invalid floating point argument: ‘${text}’\nTry '\0 --help' for more information.`);
  const [first = "1", second = "1", third] = operands.length === 1 ? ["1", "1", operands[0]] : operands.length === 2 ? [operands[0], "1", operands[1]] : operands;
  const [from, step, to] = [Number(first), Number(second), Number(third)];
  if (step === 0) throw new ToolError(`invalid Zero increment value: ‘${second}’\nTry '\0 --help' for more information.`);
  const precision = Math.max(places(first), places(second));
  const separator = options.get("s") ?? "\n";
  const format = formatter(options.get("f"), precision, options.has("w") ? Math.max(widthOf(from, precision), widthOf(last(from, step, to), precision)) : 0);
  let count = 0;
  for (; ; count += 1) {
    const value = from + count * step;
    if (step > 0 ? value > to + Math.abs(step) * 1e-10 : value < to - Math.abs(step) * 1e-10) break;
    await io.print((count === 0 ? "" : separator) + format(value));
  }
  if (count > 0) await io.print("\n");
  return 0;
};

const last = (from: number, step: number, to: number): number => from + Math.floor((to - from) / step + 1e-10) * step;
const widthOf = (value: number, precision: number): number => value.toFixed(precision).length;

function formatter(format: string | undefined, precision: number, width: number): (value: number) => string {
  if (format === undefined) {
    return (value) => {
      const text = value.toFixed(precision);
      return text.startsWith("-") ? `-${text.slice(1).padStart(width - 1, "0")}` : text.padStart(width, "0");
    };
  }
  const found = /^((?:[^%]|%%)*)%([-+ 0]*)(\d*)(?:\.(\d+))?([fgeE])((?:[^%]|%%)*)$/.exec(format);
  if (found === null) throw new ToolError(`format ‘${format}’ has no % directive`);
  const [, before = "", flags = "", size = "", digits, kind = "g", after = ""] = found;
  const plain = (text: string): string => text.replaceAll("%%", "%");
  return (value) => {
    const raw = kind === "f" ? value.toFixed(Number(digits ?? 6)) : kind === "g" ? String(Number(value.toPrecision(Number(digits ?? 6)))) : value.toExponential(Number(digits ?? 6)).replace(/e([-+])(\d)$/, "e$10$2");
    const signed = value >= 0 && flags.includes("+") ? `+${raw}` : raw;
    const text = flags.includes("-") ? signed.padEnd(Number(size)) : flags.includes("0") ? signed.replace(/^([-+]?)(.*)$/, (_, sign: string, rest: string) => sign + rest.padStart(Number(size) - sign.length, "0")) : signed.padStart(Number(size));
    return plain(before) + text + plain(after);
  };
}

/** Exit code 2: the expression is wrong. */
const wrong = (what: string): ToolError => new ToolError(what, 2);

class Evaluation {
  private at = 0;

  constructor(private readonly words: readonly string[]) {}

  run(): string {
    if (this.words.length === 0) throw wrong("missing operand\nTry '\0 --help' for more information.");
    const value = this.or();
    if (this.at < this.words.length) throw wrong(`syntax error: unexpected argument ‘${this.words[this.at] ?? ""}’`);
    return value;
  }

  private takes(...operators: string[]): string | null {
    const word = this.words[this.at];
    if (word === undefined || !operators.includes(word)) return null;
    this.at += 1;
    return word;
  }

  private or(): string {
    let left = this.and();
    while (this.takes("|") !== null) {
      const right = this.and();
      left = empty(left) ? (empty(right) ? "0" : right) : left;
    }
    return left;
  }

  private and(): string {
    let left = this.comparison();
    while (this.takes("&") !== null) {
      const right = this.comparison();
      left = empty(left) || empty(right) ? "0" : left;
    }
    return left;
  }

  private comparison(): string {
    let left = this.sum();
    for (let operator = this.takes("<", "<=", "=", "==", "!=", ">=", ">"); operator !== null; operator = this.takes("<", "<=", "=", "==", "!=", ">=", ">")) {
      const right = this.sum();
      const order = isInteger(left) && isInteger(right) ? Number(BigInt(left) - BigInt(right)) : compareBytes(left, right);
      const holds = { "<": order < 0, "<=": order <= 0, "=": order === 0, "==": order === 0, "!=": order !== 0, ">=": order >= 0, ">": order > 0 }[operator] ?? false;
      left = holds ? "1" : "0";
    }
    return left;
  }

  private sum(): string {
    let left = this.product();
    for (let operator = this.takes("+", "-"); operator !== null; operator = this.takes("+", "-")) {
      const [one, other] = [integer(left), integer(this.product())];
      left = String(operator === "+" ? one + other : one - other);
    }
    return left;
  }

  private product(): string {
    let left = this.match();
    for (let operator = this.takes("*", "/", "%"); operator !== null; operator = this.takes("*", "/", "%")) {
      const [one, other] = [integer(left), integer(this.match())];
      if (operator !== "*" && other === 0n) throw wrong("division by zero");
      left = String(operator === "*" ? one * other : operator === "/" ? one / other : one % other);
    }
    return left;
  }

  private match(): string {
    let left = this.term();
    while (this.takes(":") !== null) left = matched(left, this.term());
    return left;
  }

  private word(): string {
    const word = this.words[this.at];
    if (word === undefined) throw wrong(`syntax error: missing argument after ‘${this.words[this.at - 1] ?? ""}’`);
    this.at += 1;
    return word;
  }

  private term(): string {
    const word = this.word();
    if (word === "(") {
      const value = this.or();
      if (this.at >= this.words.length) throw wrong(`syntax error: expecting ')' after ‘${this.words[this.at - 1] ?? ""}’`);
      if (this.takes(")") === null) throw wrong(`syntax error: expecting ')' instead of ‘${this.words[this.at] ?? ""}’`);
      return value;
    }
    if (word === ")") throw wrong("syntax error: unexpected ')'");
    if (this.at >= this.words.length) return word;
    if (word === "+") return this.word();
    if (word === "length") return String(Array.from(this.term()).length);
    if (word === "match") return matched(this.term(), this.term());
    if (word === "index") {
      const [text, chars] = [Array.from(this.term()), this.term()];
      return String(text.findIndex((char) => chars.includes(char)) + 1);
    }
    if (word === "substr") {
      const text = Array.from(this.term());
      const [from, size] = [this.term(), this.term()].map((value) => (isInteger(value) ? Number(value) : 0));
      return (from ?? 0) < 1 || (size ?? 0) < 1 ? "" : text.slice((from ?? 1) - 1, (from ?? 1) - 1 + (size ?? 0)).join("");
    }
    return word;
  }
}

const empty = (text: string): boolean => text === "" || /^-?0+$/.test(text);
const isInteger = (text: string): boolean => /^-?\d+$/.test(text);

function integer(text: string): bigint {
  if (!isInteger(text)) throw wrong("non-integer argument");
  return BigInt(text);
}

/** A match at the start: its first group, or how long it is. */
function matched(text: string, pattern: string): string {
  try {
    const expression = compile(`^\\(${pattern}\\)`, { extended: false });
    const found = expression.exec(text);
    const grouped = expression.groups > 1;
    if (found === null) return grouped ? "" : "0";
    return grouped ? (found[2] ?? "") : String(Array.from(found[0]).length);
  } catch (error) {
    if (error instanceof ExpressionError) throw wrong(error.message);
    throw error;
  }
}

export const expr: Tool = async (io, args) => {
  const value = new Evaluation(args[0] === "--" ? args.slice(1) : args).run();
  await io.print(`${value}\n`);
  return empty(value) ? 1 : 0;
};

export const factor: Tool = async (io, args) => {
  const options = parse(args, "!h !exponents");
  const words = options.operands.length > 0 ? options.operands : (await io.text("-")).split(/\s+/).filter((word) => word !== "");
  let code = 0;
  for (const word of words) {
    if (!/^\+?\d+$/.test(word) || BigInt(word) < 1n) {
      await io.complain(`‘${word}’ is not a valid positive integer`);
      code = 1;
      continue;
    }
    await io.print(`${BigInt(word)}:${factors(BigInt(word)).map((each) => ` ${each}`).join("")}\n`);
  }
  return code;
};

function factors(number: bigint): bigint[] {
  if (number > 10n ** 18n) throw new ToolError(`numbers above 10^18 are not supported by the local WebContainer engine`);
  const found: bigint[] = [];
  let left = number;
  for (let by = 2n; by * by <= left; by += by === 2n ? 1n : 2n) {
    while (left % by === 0n) {
      found.push(by);
      left /= by;
    }
  }
  if (left > 1n) found.push(left);
  return found;
}
