/** Arithmetic of bash: 64-bit integers, variables by name, arrays. */

import type { Shell } from "./shell.ts";
import { ShellError } from "./state.ts";
import { parseArithmetic, type Arithmetic, type ArithmeticOf } from "./syntax.ts";
import { element, setElement } from "./arrays.ts";

const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);

/** The value of an expression. Throws ShellError for what bash refuses: division by 0, wrong syntax. */
export async function evaluate(shell: Shell, node: Arithmetic): Promise<bigint> {
  switch (node.type) {
    case "ArithNumber": return literal(node.value);
    case "ArithVariable": return numeric(shell, await shell.parameter(node.name) ?? "");
    case "ArithSpecialVar": return numeric(shell, await shell.parameter(node.name.replace(/^\$/, "")) ?? "");
    case "ArithGroup":
    case "ArithNested": return evaluate(shell, node.expression);
    case "ArithArrayElement": return numeric(shell, element(shell, node.array, await key(shell, node)) ?? "");
    case "ArithUnary": return unary(shell, node);
    case "ArithBinary": return binary(shell, node);
    case "ArithTernary": return (await evaluate(shell, node.condition)) !== 0n ? evaluate(shell, node.consequent) : evaluate(shell, node.alternate);
    case "ArithAssignment": return assign(shell, node);
    case "ArithSingleQuote": return BigInt(node.value);
    case "ArithSyntaxError": throw new ShellError(node.message);
    default: return evaluateText(shell, await spelled(shell, node));
  }
}

/** A number of an expression, as far as the parser tells it exactly. */
function literal(value: number): bigint {
  if (Number.isNaN(value)) throw new ShellError("value too great for base");
  // The parser tells larger ones as the largest that it can.
  if (value >= Number.MAX_SAFE_INTEGER) throw new ShellError("a number of more than 53 bits in an expression is not supported by the local WebContainer engine; a variable may hold it");
  return BigInt(value);
}

/** The value of a text as an expression: of a variable's value, of a subscript. */
export function evaluateText(shell: Shell, text: string): Promise<bigint> {
  const trimmed = text.trim();
  if (trimmed === "") return Promise.resolve(0n);
  if (/^-?(0|[1-9]\d*)$/.test(trimmed)) return Promise.resolve(wrap(BigInt(trimmed)));
  return evaluate(shell, parseArithmetic(trimmed));
}

let nesting = 0;

async function numeric(shell: Shell, text: string): Promise<bigint> {
  if (nesting > 100) throw new ShellError(`${text}: expression recursion level exceeded (error token is "${text}")`);
  nesting += 1;
  try {
    return await evaluateText(shell, text);
  } finally {
    nesting -= 1;
  }
}

/** The text of a node whose parts are only known now, such as `${base}#12` and `x$i`. */
async function spelled(shell: Shell, node: Arithmetic): Promise<string> {
  switch (node.type) {
    case "ArithBracedExpansion": return shell.expandText(`\${${node.content}}`);
    case "ArithCommandSubst": return shell.expandText(`$(${node.command})`);
    case "ArithDynamicBase": return `${await shell.expandText(`\${${node.baseExpr}}`)}#${node.value}`;
    case "ArithDynamicNumber": return `${await shell.expandText(`\${${node.prefix}}`)}${node.suffix}`;
    case "ArithConcat": return (await Promise.all(node.parts.map((part) => (part.type === "ArithVariable" && part.hasDollarPrefix !== true ? Promise.resolve(part.name) : spelled(shell, part))))).join("");
    default: return (await evaluate(shell, node)).toString();
  }
}

async function key(shell: Shell, node: { array: string; index?: Arithmetic; stringKey?: string }): Promise<string> {
  if (node.stringKey !== undefined) return shell.expandText(node.stringKey);
  if (node.index === undefined) return "0";
  if (shell.state.variables.get(node.array)?.keyed === true && node.index.type === "ArithVariable" && !node.index.hasDollarPrefix) return node.index.name;
  return (await evaluate(shell, node.index)).toString();
}

async function unary(shell: Shell, node: ArithmeticOf<"ArithUnary">): Promise<bigint> {
  if (node.operator === "++" || node.operator === "--") return step(shell, node);
  const value = await evaluate(shell, node.operand);
  if (node.operator === "-") return wrap(-value);
  if (node.operator === "!") return value === 0n ? 1n : 0n;
  return node.operator === "~" ? ~value : value;
}

async function step(shell: Shell, node: ArithmeticOf<"ArithUnary">): Promise<bigint> {
  const before = await evaluate(shell, node.operand);
  const after = wrap(before + (node.operator === "++" ? 1n : -1n));
  if (node.operand.type === "ArithVariable") shell.state.set(node.operand.name, after.toString());
  else if (node.operand.type === "ArithArrayElement") setElement(shell, node.operand.array, await key(shell, node.operand), after.toString());
  else throw new ShellError(`${node.operator}: syntax error: operand expected`);
  return node.prefix ? after : before;
}

async function binary(shell: Shell, node: ArithmeticOf<"ArithBinary">): Promise<bigint> {
  const left = await evaluate(shell, node.left);
  if (node.operator === "&&") return left !== 0n && (await evaluate(shell, node.right)) !== 0n ? 1n : 0n;
  if (node.operator === "||") return left !== 0n || (await evaluate(shell, node.right)) !== 0n ? 1n : 0n;
  return wrap(calculate(node.operator, left, await evaluate(shell, node.right)));
}

const truth = (value: boolean): bigint => (value ? 1n : 0n);
const divided = (right: bigint): bigint => {
  if (right === 0n) throw new ShellError("division by 0");
  return right;
};

const CALCULATIONS: Readonly<Record<string, (left: bigint, right: bigint) => bigint>> = {
  "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / divided(b), "%": (a, b) => a % divided(b),
  "**": (a, b) => {
    if (b < 0n) throw new ShellError("exponent less than 0");
    return a ** b;
  },
  "<<": (a, b) => a << (b & 63n), ">>": (a, b) => a >> (b & 63n), "&": (a, b) => a & b, "|": (a, b) => a | b, "^": (a, b) => a ^ b,
  "<": (a, b) => truth(a < b), "<=": (a, b) => truth(a <= b), ">": (a, b) => truth(a > b), ">=": (a, b) => truth(a >= b),
  "==": (a, b) => truth(a === b), "!=": (a, b) => truth(a !== b), ",": (_, b) => b,
};

function calculate(operator: string, left: bigint, right: bigint): bigint {
  const calculation = CALCULATIONS[operator];
  if (calculation === undefined) throw new ShellError(`${operator}: syntax error: invalid arithmetic operator`);
  return calculation(left, right);
}

async function assign(shell: Shell, node: ArithmeticOf<"ArithAssignment">): Promise<bigint> {
  const indexed = node.subscript !== undefined || node.stringKey !== undefined;
  const place = { array: node.variable, ...(node.subscript === undefined ? {} : { index: node.subscript }), ...(node.stringKey === undefined ? {} : { stringKey: node.stringKey }) };
  const at = indexed ? await key(shell, place) : "0";
  let value = await evaluate(shell, node.value);
  if (node.operator !== "=") {
    const before = indexed ? element(shell, node.variable, at) : await shell.parameter(node.variable);
    value = wrap(calculate(node.operator.slice(0, -1), await numeric(shell, before ?? ""), value));
  }
  if (indexed) setElement(shell, node.variable, at, value.toString());
  else shell.state.set(node.variable, value.toString());
  return value;
}
