/** Tests: `[[ … ]]`, `test` and `[`. */

import type { Stat } from "../../../contract.ts";
import { calculating, evaluateText } from "./arithmetic.ts";
import { values } from "./arrays.ts";
import { patternExpression } from "./patterns.ts";
import type { Shell } from "./shell.ts";
import { ShellError } from "./state.ts";
import type { Condition } from "./syntax.ts";
import { expandExpression, expandPattern, expandText } from "./words.ts";

/** Whether a `[[ … ]]` holds. */
export async function test(shell: Shell, node: Condition): Promise<boolean> {
  switch (node.type) {
    case "CondAnd": return (await test(shell, node.left)) && test(shell, node.right);
    case "CondOr": return (await test(shell, node.left)) || test(shell, node.right);
    case "CondNot": return !(await test(shell, node.operand));
    case "CondGroup": return test(shell, node.expression);
    case "CondWord": return (await expandText(shell, node.word)) !== "";
    case "CondUnary": return unary(shell, node.operator, await expandText(shell, node.operand));
    case "CondBinary": {
      const left = await expandText(shell, node.left);
      if (node.operator === "=~") return regular(shell, left, await expandExpression(shell, node.right));
      if (["=", "==", "!="].includes(node.operator)) {
        const equal = patternExpression(await expandPattern(shell, node.right), shell.state.shopt.has("nocasematch")).test(left);
        return equal === (node.operator !== "!=");
      }
      return binary(shell, node.operator, [left, await expandText(shell, node.right)], (inner, text) => calculating("[[", () => evaluateText(inner, text)));
    }
  }
}

function regular(shell: Shell, text: string, pattern: string): boolean {
  let expression: RegExp;
  try {
    expression = new RegExp(pattern.replace(/\[\[:(\w+):\]\]/g, (_, name: string) => ({ digit: "\\d", space: "\\s", alpha: "[A-Za-z]", alnum: "[A-Za-z0-9]", upper: "[A-Z]", lower: "[a-z]" })[name] ?? "[^]"), shell.state.shopt.has("nocasematch") ? "i" : "");
  } catch {
    throw new ShellError(`[[: invalid regular expression \`${pattern}'`, 2);
  }
  const found = expression.exec(text);
  const variable = shell.state.writable("BASH_REMATCH");
  variable.value = new Map<number, string>((found ?? []).map((part: string | undefined, at) => [at, part ?? ""]));
  return found !== null;
}

/** What `test ARGS` answers: 0, 1, or 2 for a wrong expression, which is said. */
export async function testCommand(shell: Shell, name: string, words: readonly string[]): Promise<number> {
  let args = words;
  if (name === "[") {
    if (args.at(-1) !== "]") {
      await shell.complain("[: missing `]'");
      return 2;
    }
    args = args.slice(0, -1);
  }
  try {
    return (await new TestExpression(shell, args).value()) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ShellError)) throw error;
    await shell.complain(`${name}: ${error.message}`);
    return 2;
  }
}

const UNARY = new Set("abcdefghknoprstuvwxzGLNORS".split("").map((letter) => `-${letter}`));
const BINARY = new Set(["=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"]);

class TestExpression {
  private at = 0;

  constructor(private readonly shell: Shell, private readonly args: readonly string[]) {}

  async value(): Promise<boolean> {
    if (this.args.length === 0) return false;
    const value = await this.either();
    if (this.at < this.args.length) throw new ShellError(this.args.length > 4 ? "too many arguments" : `${this.args[this.at] ?? ""}: binary operator expected`);
    return value;
  }

  private async either(): Promise<boolean> {
    let value = await this.both();
    while (this.args[this.at] === "-o") {
      this.at += 1;
      const other = await this.both();
      value = value || other;
    }
    return value;
  }

  private async both(): Promise<boolean> {
    let value = await this.primary();
    while (this.args[this.at] === "-a") {
      this.at += 1;
      const other = await this.primary();
      value = value && other;
    }
    return value;
  }

  private async primary(): Promise<boolean> {
    const [word, next, last] = this.args.slice(this.at, this.at + 3);
    if (word === undefined) throw new ShellError("argument expected");
    if (next !== undefined && last !== undefined && BINARY.has(next)) {
      this.at += 3;
      return binary(this.shell, next, [word, last], integer);
    }
    if (word === "!" && next !== undefined) {
      this.at += 1;
      return !(await this.primary());
    }
    if (word === "(" && next !== undefined) return this.group();
    if (UNARY.has(word) && next !== undefined) {
      this.at += 2;
      return unary(this.shell, word, next);
    }
    this.at += 1;
    return word !== "";
  }

  private async group(): Promise<boolean> {
    this.at += 1;
    const value = await this.either();
    if (this.args[this.at] !== ")") throw new ShellError("`)' expected");
    this.at += 1;
    return value;
  }
}

function stat(shell: Shell, path: string, follow = true): Stat | null {
  if (path === "") return null;
  try {
    return shell.system.files(follow ? "fs.stat" : "fs.lstat", shell.resolve(path));
  } catch {
    return null;
  }
}

const TYPE = 0o170000;
const TYPES: Readonly<Record<string, number>> = { "-f": 0o100000, "-d": 0o040000, "-b": 0o060000, "-c": 0o020000, "-p": 0o010000, "-S": 0o140000 };
const BITS: Readonly<Record<string, number>> = { "-x": 0o111, "-r": 0o444, "-w": 0o222, "-u": 0o4000, "-g": 0o2000, "-k": 0o1000 };

function unary(shell: Shell, operator: string, operand: string): boolean {
  switch (operator) {
    case "-z": return operand === "";
    case "-n": return operand !== "";
    case "-v": return isSet(shell, operand);
    case "-o": return shell.state.options.has(operand);
    case "-t": return false;
    case "-h":
    case "-L": return ((stat(shell, operand, false)?.mode ?? 0) & TYPE) === 0o120000;
    case "-s": return (stat(shell, operand)?.size ?? 0) > 0;
    case "-a":
    case "-e": return stat(shell, operand) !== null || operand === "/dev/null";
    case "-O":
    case "-G": return stat(shell, operand) !== null;
    default: return byMode(operator, stat(shell, operand)?.mode);
  }
}

function byMode(operator: string, mode: number | undefined): boolean {
  if (mode === undefined) return false;
  if (operator in TYPES) return (mode & TYPE) === TYPES[operator];
  if (operator in BITS) return (mode & TYPE) === 0o040000 || (mode & (BITS[operator] ?? 0)) !== 0;
  throw new ShellError(`${operator} is not supported by the local WebContainer engine`);
}

function isSet(shell: Shell, name: string): boolean {
  const found = /^(\w+)\[(.*)\]$/.exec(name);
  const variable = shell.state.variables.get(found?.[1] ?? name);
  if (found === null) return variable !== undefined && variable.value !== null;
  const key = found[2] ?? "";
  if (key === "@" || key === "*") return values(variable).length > 0;
  return variable?.value instanceof Map && (variable.value as Map<unknown, string>).has(variable.keyed ? key : Number(key));
}

const COMPARISONS: Readonly<Record<string, (left: bigint, right: bigint) => boolean>> = {
  "-eq": (a, b) => a === b, "-ne": (a, b) => a !== b, "-lt": (a, b) => a < b, "-le": (a, b) => a <= b, "-gt": (a, b) => a > b, "-ge": (a, b) => a >= b,
};

type ToNumber = (shell: Shell, text: string) => Promise<bigint>;

async function binary(shell: Shell, operator: string, [left, right]: readonly [string, string], number: ToNumber): Promise<boolean> {
  const compare = COMPARISONS[operator];
  if (compare !== undefined) return compare(await number(shell, left), await number(shell, right));
  const [a, b] = [stat(shell, left), stat(shell, right)];
  switch (operator) {
    case "=":
    case "==": return left === right;
    case "!=": return left !== right;
    case "<": return left < right;
    case ">": return left > right;
    case "-nt": return a !== null && (b === null || a.mtimeMs > b.mtimeMs);
    case "-ot": return b !== null && (a === null || a.mtimeMs < b.mtimeMs);
    default: return a !== null && b !== null && a.ino === b.ino && a.dev === b.dev;
  }
}

/** A number as `test` takes it: no expression. */
function integer(_shell: Shell, text: string): Promise<bigint> {
  if (!/^\s*[-+]?\d+\s*$/.test(text)) return Promise.reject(new ShellError(`${text}: integer expression expected`, 2));
  return Promise.resolve(BigInt(text.trim().replace(/^\+/, "")));
}
