/** Programs of `awk`: running them. */

import { ToolError } from "../options.ts";
import type { Machine, Table } from "./machine.ts";
import { substitute } from "./texts.ts";
import type { Expression, Function, Program, Rule, Statement } from "./syntax.ts";
import { compare, Input, isTrue, sprintf, toNumber, toText, type Value } from "./values.ts";

/** How a statement ended that did not just end. */
type Jump = "break" | "continue" | "next" | "nextfile" | "return" | null;

/** `exit`. */
export class Leave extends Error {}

interface Frame {
  readonly values: Map<string, Value>;
  readonly tables: Map<string, Table>;
  readonly names: ReadonlySet<string>;
  result: Value;
}

/** Rounds between two chances for signals. */
const ROUNDS = 50_000;

export class Runner {
  code = 0;
  private frame: Frame | null = null;
  private depth = 0;
  private rounds = 0;
  private readonly active = new Set<Rule>();
  private random = { seed: 0, state: 1 };
  /** The next record of the main input, null at its end. */
  next: () => Promise<string | null> = () => Promise.resolve(null);

  constructor(private readonly machine: Machine, private readonly program: Program) {}

  /** All rules of a kind; the answer is whether the rest of a record or file is skipped. */
  async rules(when: Rule["when"]): Promise<Jump> {
    for (const rule of this.program.rules) {
      if (rule.when !== when || !(await this.applies(rule))) continue;
      const jump = rule.body === null ? await this.printRecord() : await this.statement(rule.body);
      if (jump === "next" || jump === "nextfile") return jump;
    }
    return null;
  }

  private async printRecord(): Promise<null> {
    await this.machine.io.print(toText(this.machine.field(0), "%.6g") + this.machine.text("ORS"));
    return null;
  }

  private async applies(rule: Rule): Promise<boolean> {
    if (rule.from === null) return true;
    if (rule.to === null) return isTrue(await this.value(rule.from));
    if (!this.active.has(rule) && !isTrue(await this.value(rule.from))) return false;
    if (isTrue(await this.value(rule.to))) this.active.delete(rule);
    else this.active.add(rule);
    return true;
  }

  // --- statements

  private async statement(statement: Statement): Promise<Jump> {
    switch (statement.kind) {
      case "block": {
        for (const each of statement.body) {
          const jump = await this.statement(each);
          if (jump !== null) return jump;
        }
        return null;
      }
      case "expression": await this.value(statement.value); return null;
      case "print": return this.print(statement);
      case "if": {
        if (isTrue(await this.value(statement.test))) return this.statement(statement.yes);
        return statement.no === null ? null : this.statement(statement.no);
      }
      case "while": return this.loop({ test: statement.test, body: statement.body, step: null, first: statement.first });
      case "for": {
        if (statement.start !== null) await this.statement(statement.start);
        return this.loop({ test: statement.test, body: statement.body, step: statement.step, first: false });
      }
      case "each": return this.each(statement);
      case "jump": return statement.how;
      case "leave": return this.leave(statement);
      case "delete": return this.remove(statement);
    }
  }

  private async loop({ test, body, step, first }: { test: Expression | null; body: Statement; step: Statement | null; first: boolean }): Promise<Jump> {
    for (let skip = first; skip || test === null || isTrue(await this.value(test)); skip = false) {
      if (++this.rounds % ROUNDS === 0) await this.machine.io.breathe();
      const jump = await this.statement(body);
      if (jump === "break") return null;
      if (jump !== null && jump !== "continue") return jump;
      if (step !== null) await this.statement(step);
    }
    return null;
  }

  private async each({ name, array, body }: Statement & { kind: "each" }): Promise<Jump> {
    for (const key of [...this.table(array).keys()]) {
      this.assign(name, new Input(key));
      const jump = await this.statement(body);
      if (jump === "break") return null;
      if (jump !== null && jump !== "continue") return jump;
    }
    return null;
  }

  private async leave({ how, value }: Statement & { kind: "leave" }): Promise<Jump> {
    const found = value === null ? undefined : await this.value(value);
    if (how === "return") {
      if (this.frame !== null) this.frame.result = found;
      return "return";
    }
    if (value !== null) this.code = toNumber(found) & 255;
    throw new Leave();
  }

  private async remove({ name, index }: Statement & { kind: "delete" }): Promise<null> {
    if (index === null) this.table(name).clear();
    else this.table(name).delete(await this.key(index));
    return null;
  }

  private async print({ formatted, args, to }: Statement & { kind: "print" }): Promise<null> {
    const { machine } = this;
    const values: Value[] = [];
    for (const arg of args) values.push(await this.value(arg));
    const format = machine.text("OFMT");
    const text = formatted
      ? sprintf(this.shown(values[0]), values.slice(1), machine.text("CONVFMT"))
      : (args.length === 0 ? toText(machine.field(0), format) : values.map((value) => toText(value, format)).join(machine.text("OFS"))) + machine.text("ORS");
    if (to === null) await machine.io.print(text);
    else await machine.writeTo(to.how, this.shown(await this.value(to.where)), text);
    return null;
  }

  // --- variables

  private shown(value: Value): string {
    return toText(value, this.machine.text("CONVFMT"));
  }

  private get(name: string): Value {
    return this.frame?.names.has(name) === true ? this.frame.values.get(name) : this.machine.get(name);
  }

  private assign(name: string, value: Value): void {
    if (this.frame?.names.has(name) === true) this.frame.values.set(name, value);
    else this.machine.set(name, value);
  }

  private table(name: string): Table {
    if (this.frame?.names.has(name) !== true) return this.machine.table(name);
    const found = this.frame.tables.get(name) ?? new Map<string, Value>();
    this.frame.tables.set(name, found);
    return found;
  }

  private async key(index: readonly Expression[]): Promise<string> {
    const parts: string[] = [];
    for (const each of index) parts.push(this.shown(await this.value(each)));
    return parts.join(this.machine.text("SUBSEP"));
  }

  private async store(to: Expression, value: Value): Promise<void> {
    if (to.kind === "name") this.assign(to.name, value);
    else if (to.kind === "field") this.machine.setField(toNumber(await this.value(to.of)), value);
    else if (to.kind === "element") this.table(to.name).set(await this.key(to.index), value);
    else throw new ToolError("assignment to what is no variable", 2);
  }

  // --- expressions

  private async value(expression: Expression): Promise<Value> {
    switch (expression.kind) {
      case "number": case "text": return expression.value;
      case "match": return Number(this.machine.expression(expression.pattern).test(this.shown(this.machine.field(0))));
      case "name": return this.get(expression.name);
      case "field": return this.machine.field(Math.trunc(toNumber(await this.value(expression.of))));
      case "element": return this.element(expression);
      case "group": {
        const values: Value[] = [];
        for (const item of expression.items) values.push(await this.value(item));
        return values.length === 1 ? values[0] : values.map((value) => this.shown(value)).join(this.machine.text("SUBSEP"));
      }
      case "unary": {
        const value = await this.value(expression.of);
        return expression.operator === "!" ? Number(!isTrue(value)) : expression.operator === "-" ? -toNumber(value) : toNumber(value);
      }
      case "step": return this.step(expression);
      case "binary": return this.binary(expression);
      case "choice": return this.value(isTrue(await this.value(expression.test)) ? expression.yes : expression.no);
      case "assign": return this.assignment(expression);
      case "in": return Number(this.table(expression.name).has(await this.key(expression.index)));
      case "call": return this.call(expression.name, expression.args);
      case "builtin": return this.builtin(expression.name, expression.args);
      case "getline": return this.getline(expression);
    }
  }

  private async element({ name, index }: Expression & { kind: "element" }): Promise<Value> {
    const [table, key] = [this.table(name), await this.key(index)];
    // To look at an element makes it.
    if (!table.has(key)) table.set(key, undefined);
    return table.get(key);
  }

  private async step({ of, operator, before }: Expression & { kind: "step" }): Promise<Value> {
    const old = toNumber(await this.value(of));
    const made = operator === "++" ? old + 1 : old - 1;
    await this.store(of, made);
    return before ? made : old;
  }

  private async assignment({ to, operator, value }: Expression & { kind: "assign" }): Promise<Value> {
    const right = await this.value(value);
    const made = operator === "=" ? right : arithmetic(operator.slice(0, -1), toNumber(await this.value(to)), toNumber(right));
    await this.store(to, made);
    return made;
  }

  private async binary({ operator, left, right }: Expression & { kind: "binary" }): Promise<Value> {
    if (operator === "&&") return Number(isTrue(await this.value(left)) && isTrue(await this.value(right)));
    if (operator === "||") return Number(isTrue(await this.value(left)) || isTrue(await this.value(right)));
    const one = await this.value(left);
    if (operator === "~") return Number((await this.pattern(right)).test(this.shown(one)));
    const other = await this.value(right);
    if (operator === " ") return this.shown(one) + this.shown(other);
    if (!/[<>=!]/.test(operator)) return arithmetic(operator, toNumber(one), toNumber(other));
    const order = compare(one, other, this.machine.text("CONVFMT"));
    return Number({ "<": order < 0, "<=": order <= 0, "==": order === 0, "!=": order !== 0, ">": order > 0, ">=": order >= 0 }[operator] ?? false);
  }

  private async pattern(expression: Expression): Promise<ReturnType<Machine["expression"]>> {
    return this.machine.expression(expression.kind === "match" ? expression.pattern : this.shown(await this.value(expression)));
  }

  private async call(name: string, args: readonly Expression[]): Promise<Value> {
    const found = this.program.functions.get(name) as Function;
    if (args.length > found.parameters.length) throw new ToolError(`function ${name} called with more arguments than it has`, 2);
    if (this.depth > 1000) throw new ToolError("functions nested more than 1000 deep are not supported by the local WebContainer engine", 2);
    const frame: Frame = { values: new Map(), tables: new Map(), names: new Set(found.parameters), result: undefined };
    for (const [at, arg] of args.entries()) {
      const parameter = found.parameters[at] ?? "";
      // A name that was never set may be meant as an array.
      const value = arg.kind === "name" && this.isTable(arg.name) ? undefined : await this.value(arg);
      frame.values.set(parameter, value);
      if (arg.kind === "name" && value === undefined) frame.tables.set(parameter, this.table(arg.name));
    }
    const before = this.frame;
    this.frame = frame;
    this.depth += 1;
    await this.statement(found.body);
    this.depth -= 1;
    this.frame = before;
    return frame.result;
  }

  private isTable(name: string): boolean {
    return (this.frame?.names.has(name) === true ? this.frame.tables : this.machine.tables).has(name) && this.get(name) === undefined;
  }

  private async getline({ from, source, to }: Expression & { kind: "getline" }): Promise<Value> {
    const { machine } = this;
    let record: string | null;
    if (from === "") record = await this.next();
    else {
      const input = await machine.input(from, source === null ? "" : this.shown(await this.value(source)));
      if (input === null) return -1;
      record = await input.next();
    }
    if (record === null) return 0;
    if (from !== "<") machine.globals.set("NR", toNumber(machine.globals.get("NR")) + 1);
    if (from === "") machine.globals.set("FNR", toNumber(machine.globals.get("FNR")) + 1);
    if (to === null) machine.setRecord(record);
    else await this.store(to, new Input(record));
    return 1;
  }

  // --- built-in functions

  private async builtin(name: string, args: readonly Expression[]): Promise<Value> {
    const [first, second, third] = args;
    if (name === "split" && first !== undefined && second?.kind === "name") return this.split(first, second.name, third);
    if ((name === "sub" || name === "gsub") && first !== undefined && second !== undefined) return this.replace(name, first, second, third ?? { kind: "field", of: { kind: "number", value: 0 } });
    if (name === "match" && first !== undefined && second !== undefined) return this.match(first, second);
    if (name === "length" && first?.kind === "name" && this.isTable(first.name)) return this.table(first.name).size;
    const values: Value[] = [];
    for (const arg of args) values.push(await this.value(arg));
    return this.text(name, values) ?? this.outside(name, values);
  }

  /** Functions of texts; null for others. */
  private text(name: string, values: readonly Value[]): Value | null {
    const [one, two, three] = values;
    switch (name) {
      case "length": return Array.from(this.shown(values.length === 0 ? this.machine.field(0) : one)).length;
      case "substr": return this.part(one, two, values.length > 2 ? three : Infinity);
      case "index": {
        const at = this.shown(one).indexOf(this.shown(two));
        return at < 0 ? 0 : Array.from(this.shown(one).slice(0, at)).length + 1;
      }
      case "sprintf": return sprintf(this.shown(one), values.slice(1), this.machine.text("CONVFMT"));
      case "tolower": return this.shown(one).toLowerCase();
      case "toupper": return this.shown(one).toUpperCase();
      default: return null;
    }
  }

  private async outside(name: string, [one, two]: readonly Value[]): Promise<Value> {
    switch (name) {
      case "system": return this.machine.system(this.shown(one));
      case "close": return this.machine.close(this.shown(one));
      case "fflush": await this.machine.io.flush(); return 0;
      default: return this.number(name, one, two);
    }
  }

  private number(name: string, one: Value, two: Value): number {
    const value = toNumber(one);
    switch (name) {
      case "int": return Math.trunc(value);
      case "sqrt": return Math.sqrt(value);
      case "exp": return Math.exp(value);
      case "log": return Math.log(value);
      case "sin": return Math.sin(value);
      case "cos": return Math.cos(value);
      case "atan2": return Math.atan2(value, toNumber(two));
      case "srand": {
        const before = this.random.seed;
        const seed = one === undefined ? Math.floor(Date.now() / 1000) : value;
        this.random = { seed, state: (Math.trunc(seed) ^ 0x9e3779b9) >>> 0 || 1 };
        return before;
      }
      case "rand": {
        let { state } = this.random;
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        this.random.state = state >>> 0;
        return this.random.state / 2 ** 32;
      }
      default: throw new ToolError(`wrong arguments of ${name}`, 2);
    }
  }

  private part(text: Value, from: Value, size: Value): string {
    const chars = Array.from(this.shown(text));
    const start = Math.round(toNumber(from));
    const end = size === Infinity ? Infinity : start + Math.round(toNumber(size));
    return chars.slice(Math.max(0, start - 1), Math.max(0, end - 1)).join("");
  }

  private async split(text: Expression, name: string, separator: Expression | undefined): Promise<number> {
    const from = this.shown(await this.value(text));
    const by = separator === undefined ? this.machine.text("FS") : separator.kind === "match" ? separator.pattern : this.shown(await this.value(separator));
    // One character that an expression names is an expression too: / / is one blank.
    const parts = this.machine.parts(from, separator?.kind === "match" && by.length === 1 ? `(${by})` : by);
    const table = this.table(name);
    table.clear();
    for (const [at, part] of parts.entries()) table.set(String(at + 1), new Input(part));
    return parts.length;
  }

  private async replace(name: string, pattern: Expression, by: Expression, target: Expression): Promise<number> {
    const expression = await this.pattern(pattern);
    const replacement = this.shown(await this.value(by));
    const { text, count } = substitute(expression, replacement, this.shown(await this.value(target)), name === "gsub");
    if (count > 0 && ["name", "field", "element"].includes(target.kind)) await this.store(target, text);
    return count;
  }

  private async match(text: Expression, pattern: Expression): Promise<number> {
    const from = this.shown(await this.value(text));
    const found = (await this.pattern(pattern)).exec(from);
    const start = found === null ? 0 : Array.from(from.slice(0, found.index)).length + 1;
    this.machine.globals.set("RSTART", start);
    this.machine.globals.set("RLENGTH", found === null ? -1 : Array.from(found[0]).length);
    return start;
  }
}

function arithmetic(operator: string, left: number, right: number): number {
  if (right === 0 && (operator === "/" || operator === "%")) throw new ToolError(operator === "/" ? "division by zero" : "division by zero in %", 2);
  switch (operator) {
    case "+": return left + right;
    case "-": return left - right;
    case "*": return left * right;
    case "/": return left / right;
    case "%": return left % right;
    default: return left ** right;
  }
}
