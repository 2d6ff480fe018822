/** Arithmetic of bash: 64-bit integers, variables by name, arrays. */

import type { Shell } from "./shell.ts";
import { ShellError } from "./state.ts";
import type { ArithmeticText } from "./syntax.ts";
import { element, setElement } from "./arrays.ts";
import { formulaError, parseFormula, type Formula, type Place } from "./formula.ts";

const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);

/** The value of an expression in a script: its text is expanded first. Throws ShellError for what bash refuses: division by 0, wrong syntax. */
export async function evaluate(shell: Shell, expression: ArithmeticText): Promise<bigint> {
  if (expression.originalText === undefined) throw new ShellError("an expression without its text is not supported by the local WebContainer engine");
  return evaluateText(shell, await shell.expandText(expression.originalText));
}

/** Run a command that calculates: what it complains begins with its name. */
export async function calculating(name: string, body: () => Promise<bigint>): Promise<bigint> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof ShellError) || error.fatal) throw error;
    throw new ShellError(`${name}: ${error.message}`, error.code);
  }
}

/** Trees of texts that were evaluated: loops evaluate the same ones again. */
const known = new Map<string, Formula>();

/** The value of a text as an expression: of a variable's value, of a subscript. */
export async function evaluateText(shell: Shell, text: string): Promise<bigint> {
  const trimmed = text.trim();
  if (trimmed === "") return 0n;
  if (/^-?(0|[1-9]\d*)$/.test(trimmed)) return wrap(BigInt(trimmed));
  let formula = known.get(text);
  if (formula === undefined) {
    formula = parseFormula(text);
    if (known.size > 1000) known.clear();
    known.set(text, formula);
  }
  return new Evaluation(shell, text).value(formula);
}

let nesting = 0;

class Evaluation {
  constructor(private readonly shell: Shell, private readonly text: string) {}

  async value(formula: Formula): Promise<bigint> {
    switch (formula.kind) {
      case "number": return wrap(formula.value);
      case "place": return this.held(formula);
      case "unary": return unary(formula.operator, await this.value(formula.operand));
      case "step": return this.step(formula);
      case "binary": return this.binary(formula);
      case "choice": return this.value((await this.value(formula.condition)) !== 0n ? formula.yes : formula.no);
      case "assign": return this.assign(formula);
    }
  }

  private async held(place: Place): Promise<bigint> {
    const text = place.key === null ? await this.shell.parameter(place.name) : element(this.shell, place.name, await this.key(place.name, place.key));
    if (text === undefined && this.shell.state.options.has("nounset")) throw new ShellError(`${place.name}: unbound variable`, 127, true);
    return this.numeric(text ?? "");
  }

  private async numeric(text: string): Promise<bigint> {
    if (nesting > 1000) throw formulaError(text, "expression recursion level exceeded", text);
    nesting += 1;
    try {
      return await evaluateText(this.shell, text);
    } finally {
      nesting -= 1;
    }
  }

  private async key(name: string, key: string): Promise<string> {
    if (this.shell.state.variables.get(name)?.keyed === true) return key.replace(/^(["'])([^]*)\1$/, "$2");
    return (await evaluateText(this.shell, key)).toString();
  }

  private async put(place: Place, value: bigint): Promise<bigint> {
    if (place.key === null) this.shell.state.set(place.name, value.toString());
    else setElement(this.shell, place.name, await this.key(place.name, place.key), value.toString());
    return value;
  }

  private async step(formula: Extract<Formula, { kind: "step" }>): Promise<bigint> {
    const before = await this.held(formula.place);
    const after = await this.put(formula.place, wrap(before + formula.by));
    return formula.before ? after : before;
  }

  private async binary({ operator, left, right, rest }: Extract<Formula, { kind: "binary" }>): Promise<bigint> {
    const first = await this.value(left);
    if (operator === "&&") return truth(first !== 0n && (await this.value(right)) !== 0n);
    if (operator === "||") return truth(first !== 0n || (await this.value(right)) !== 0n);
    return this.calculate(operator, [first, await this.value(right)], rest);
  }

  private async assign({ operator, place, value, rest }: Extract<Formula, { kind: "assign" }>): Promise<bigint> {
    if (operator === "") return this.put(place, await this.value(value));
    const before = await this.held(place);
    return this.put(place, this.calculate(operator, [before, await this.value(value)], rest));
  }

  private calculate(operator: string, [left, right]: readonly [bigint, bigint], rest: string): bigint {
    if ((operator === "/" || operator === "%") && right === 0n) throw formulaError(this.text, "division by 0", rest);
    if (operator === "**" && right < 0n) throw formulaError(this.text, "exponent less than 0", rest);
    return wrap(CALCULATIONS[operator]?.(left, right) ?? 0n);
  }
}

const truth = (value: boolean): bigint => (value ? 1n : 0n);

function unary(operator: string, value: bigint): bigint {
  if (operator === "-") return wrap(-value);
  if (operator === "!") return truth(value === 0n);
  return operator === "~" ? ~value : value;
}

/** A power modulo 2^64, without the huge number between. */
function power(base: bigint, exponent: bigint): bigint {
  let value = 1n;
  let square = base;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) value = wrap(value * square);
    square = wrap(square * square);
  }
  return value;
}

const CALCULATIONS: Readonly<Record<string, (left: bigint, right: bigint) => bigint>> = {
  "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b, "%": (a, b) => a % b, "**": power,
  "<<": (a, b) => a << (b & 63n), ">>": (a, b) => a >> (b & 63n), "&": (a, b) => a & b, "|": (a, b) => a | b, "^": (a, b) => a ^ b,
  "<": (a, b) => truth(a < b), "<=": (a, b) => truth(a <= b), ">": (a, b) => truth(a > b), ">=": (a, b) => truth(a >= b),
  "==": (a, b) => truth(a === b), "!=": (a, b) => truth(a !== b), ",": (_, b) => b,
};
