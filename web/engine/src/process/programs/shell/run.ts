/** Running statements: lists, pipelines, compound commands. */

import type { Signal } from "../../../contract.ts";
import { calculating, evaluate } from "./arithmetic.ts";
import { runSimple } from "./commands.ts";
import { test } from "./conditions.ts";
import { patternExpression } from "./patterns.ts";
import { redirected } from "./redirect.ts";
import type { Group, Job, Shell } from "./shell.ts";
import { Exit, LoopJump, ShellError } from "./state.ts";
import { Pipe } from "./streams.ts";
import { SIGNALS } from "./system.ts";
import { select } from "./select.ts";
import { traceCommand } from "./trace.ts";
import { parse, ScriptSyntaxError, SELECT, type Command, type CommandOf, type Pipeline, type Script, type ArithmeticText, type Statement } from "./syntax.ts";
import { expandPattern, expandText, expandWords } from "./words.ts";

/** Run statements one after another; the answer is the status of the last. */
export async function runStatements(shell: Shell, statements: readonly Statement[]): Promise<number> {
  let status = statements.length === 0 ? 0 : shell.state.status;
  for (const statement of statements) {
    status = await runStatement(shell, statement);
    await runTraps(shell);
  }
  return status;
}

/**
 * Run the text of a script, of `eval`, or of a sourced file. An expansion that fails gives up the line that it is on,
 * with all that stands around it, and the next line is run.
 */
export async function runScript(shell: Shell, script: Script): Promise<number> {
  let status = script.statements.length === 0 ? 0 : shell.state.status;
  let given = 0;
  for (const statement of script.statements) {
    const start = given === 0 || statement.deferredError !== undefined ? Infinity : lineOf(statement);
    if (start <= given) continue;
    try {
      status = await runStatements(shell, [statement]);
    } catch (error) {
      if (!(error instanceof ShellError) || !error.discards || shell.state.depth > 0 || shell.state.options.has("errexit")) throw error;
      await shell.report(error);
      shell.state.status = status = 1;
      given = Math.max(lineOf(statement), shell.state.line);
    }
  }
  return status;
}

/** The line on which a statement begins, as far as its tree tells: compound commands have only those of their parts. */
function lineOf(node: unknown): number {
  if (typeof node !== "object" || node === null) return 0;
  const { line } = node as { line?: unknown };
  if (typeof line === "number" && line > 0) return line;
  for (const value of Object.values(node)) {
    const found = lineOf(value);
    if (found > 0) return found;
  }
  return 0;
}

async function runStatement(shell: Shell, statement: Statement): Promise<number> {
  if (shell.group.killed !== null) throw new Exit(128 + SIGNALS[shell.group.killed]);
  if (statement.deferredError !== undefined) throw new ScriptSyntaxError(statement.deferredError.message);
  if (shell.state.options.has("noexec")) return 0;
  return statement.background ? background(shell, statement) : runList(shell, statement);
}

/** Pipelines with `&&` and `||` between them. */
async function runList(shell: Shell, statement: Statement): Promise<number> {
  let status = 0;
  for (const [at, pipeline] of statement.pipelines.entries()) {
    const operator = at === 0 ? ";" : (statement.operators[at - 1] ?? ";");
    if ((operator === "&&" && status !== 0) || (operator === "||" && status === 0)) continue;
    const last = at === statement.pipelines.length - 1;
    status = await guarded(shell, !last || pipeline.negated, () => runPipeline(shell, pipeline));
    if (pipeline.negated) status = status === 0 ? 1 : 0;
    shell.state.status = status;
    if (status !== 0 && last && !pipeline.negated) await failed(shell, status);
  }
  return status;
}

/** Within a condition, errexit does not apply. */
async function guarded(shell: Shell, condition: boolean, body: () => Promise<number>): Promise<number> {
  if (!condition) return body();
  shell.state.conditions += 1;
  try {
    return await body();
  } finally {
    shell.state.conditions -= 1;
  }
}

async function failed(shell: Shell, status: number): Promise<void> {
  if (shell.state.conditions > 0) return;
  const trap = shell.state.traps.get("ERR");
  if (trap !== undefined && (shell.state.locals.length === 0 || shell.state.options.has("errtrace"))) await runStatements(shell, parse(trap).statements);
  shell.state.status = status;
  if (shell.state.options.has("errexit")) throw new Exit(status);
}

/** Run the traps of signals that came since. */
export async function runTraps(shell: Shell): Promise<void> {
  if (shell.state.depth > 0) return;
  for (let signal = shell.world.pending.shift(); signal !== undefined; signal = shell.world.pending.shift()) {
    const text = shell.state.traps.get(signal.slice(3));
    const { status } = shell.state;
    if (text !== undefined && text !== "") await runStatements(shell, parse(text).statements);
    shell.state.status = status;
  }
}

async function runPipeline(shell: Shell, pipeline: Pipeline): Promise<number> {
  const started = performance.now();
  const [only] = pipeline.commands;
  const statuses = pipeline.commands.length === 1 && only !== undefined ? [await runCommand(shell, only)] : await runStages(shell, pipeline);
  shell.state.pipeStatus = statuses;
  if (pipeline.timed === true) await report(shell, (performance.now() - started) / 1000, pipeline.timePosix === true);
  const failure = shell.state.options.has("pipefail") ? statuses.findLast((status) => status !== 0) : undefined;
  return failure ?? statuses.at(-1) ?? 0;
}

/** What `time` says; a Worker does not know how much of a processor it used. */
async function report(shell: Shell, seconds: number, posix: boolean): Promise<void> {
  const minutes = `${Math.floor(seconds / 60)}m${(seconds % 60).toFixed(3)}s`;
  await shell.print(2, posix ? `real ${seconds.toFixed(2)}\nuser 0.00\nsys 0.00\n` : `\nreal\t${minutes}\nuser\t0m0.000s\nsys\t0m0.000s\n`);
}

/** Run the stages of a pipeline at the same time, each in a subshell. */
function runStages(shell: Shell, pipeline: Pipeline): Promise<number[]> {
  const stages = pipeline.commands.map(() => shell.fork());
  stages.slice(1).forEach((stage, at) => {
    const pipe = new Pipe();
    const writer = stages[at];
    writer?.connect(1, { kind: "pipe", pipe, end: "write" });
    if (pipeline.pipeStderr?.[at] === true) writer?.connect(2, { kind: "pipe", pipe, end: "write" });
    stage.connect(0, { kind: "pipe", pipe, end: "read" });
  });
  return Promise.all(pipeline.commands.map((command, at) => {
    const stage = stages[at] ?? shell.fork();
    return stage.runSubshell(() => runCommand(stage, command));
  }));
}

function background(shell: Shell, statement: Statement): number {
  const inner = shell.fork();
  const group = { children: new Set<number>(), killed: null as Signal | null };
  inner.group = group;
  if (shell.state.descriptors.get(0)?.kind === "inherited") inner.connect(0, { kind: "null" });
  const job: Job = {
    id: (shell.world.jobs.at(-1)?.id ?? 0) + 1,
    pid: shell.world.nextPid++,
    text: statement.sourceText?.replace(/\s*&\s*$/, "") ?? "",
    status: null,
    ended: inner.runSubshell(() => runStatement(inner, { ...statement, background: false })).then((status) => {
      job.status = group.killed === null ? status : 128 + SIGNALS[group.killed];
      return job.status;
    }),
    kill: (signal) => killGroup(shell, group, signal),
  };
  shell.world.jobs.push(job);
  shell.state.lastBackground = job.pid;
  shell.state.status = 0;
  return 0;
}

function killGroup(shell: Shell, group: Group, signal: Signal): boolean {
  if (group.children.size === 0) group.killed = signal;
  for (const pid of group.children) shell.system.kill(pid, signal);
  return true;
}

/** Run a command; the answer is its status. */
export async function runCommand(shell: Shell, command: Command): Promise<number> {
  if (command.line !== undefined && command.line > 0) shell.state.line = command.line;
  if (command.type === "SimpleCommand") return runSimple(shell, command);
  if (command.type === "FunctionDef") {
    shell.state.functions.set(command.name, { ...command, sourceFile: shell.state.sources[0] ?? (shell.world.inline ? "environment" : "main") });
    return 0;
  }
  return redirected(shell, command.redirections, async () => {
    try {
      return await runCompound(shell, command);
    } catch (error) {
      if (!(error instanceof ShellError)) throw error;
      await shell.report(error);
      if (error.fatal) throw error;
      return error.code;
    }
  });
}

type Compound = Exclude<Command, CommandOf<"SimpleCommand"> | CommandOf<"FunctionDef">>;

async function runCompound(shell: Shell, command: Compound): Promise<number> {
  if (shell.state.options.has("xtrace")) await traceCommand(shell, command);
  switch (command.type) {
    case "For": return command.variable.startsWith(SELECT) ? runSelect(shell, command) : runFor(shell, command);
    case "CStyleFor": return runCountingFor(shell, command);
    case "While":
    case "Until": return runWhile(shell, command, command.type === "While");
    default: return runOnce(shell, command);
  }
}

/** Compound commands that are no loops. */
async function runOnce(shell: Shell, command: Exclude<Compound, { type: "For" | "CStyleFor" | "While" | "Until" }>): Promise<number> {
  switch (command.type) {
    case "If": return runIf(shell, command);
    case "Case": return runCase(shell, command);
    case "Group": return runStatements(shell, command.body);
    case "Subshell": {
      const inner = shell.fork();
      return inner.runSubshell(() => runStatements(inner, command.body));
    }
    case "ArithmeticCommand": return (await evaluateOf(shell, command.expression)) === 0n ? 1 : 0;
    case "ConditionalCommand": return (await test(shell, command.expression)) ? 0 : 1;
  }
}

const evaluateOf = (shell: Shell, expression: ArithmeticText): Promise<bigint> => calculating("((", () => evaluate(shell, expression));

async function runIf(shell: Shell, command: CommandOf<"If">): Promise<number> {
  for (const clause of command.clauses) {
    if ((await guarded(shell, true, () => runStatements(shell, clause.condition))) === 0) return runStatements(shell, clause.body);
  }
  return command.elseBody === null ? 0 : runStatements(shell, command.elseBody);
}

/** How a round of a loop ended: its status, and whether another may follow. */
interface Round {
  readonly status: number;
  readonly on: boolean;
}

async function round(shell: Shell, body: () => Promise<number>): Promise<Round> {
  shell.state.loops += 1;
  try {
    return { status: await body(), on: true };
  } catch (error) {
    if (!(error instanceof LoopJump)) throw error;
    if (error.levels > 1 && shell.state.loops > 1) {
      error.levels -= 1;
      throw error;
    }
    shell.state.status = 0;
    return { status: 0, on: error.kind === "continue" };
  } finally {
    shell.state.loops -= 1;
  }
}

/** Loops that never wait would keep signals and children from being heard. */
function breathe(count: number): Promise<void> | undefined {
  return count % 256 === 255 ? new Promise((resolve) => setTimeout(resolve, 0)) : undefined;
}

async function runFor(shell: Shell, command: CommandOf<"For">): Promise<number> {
  if (!/^[A-Za-z_]\w*$/.test(command.variable)) throw new ShellError(`\`${command.variable}': not a valid identifier`);
  const words = command.words === null ? [...shell.state.positional] : await expandWords(shell, command.words);
  let status = 0;
  for (const [count, word] of words.entries()) {
    await breathe(count);
    if (count > 0 && shell.state.options.has("xtrace")) await traceCommand(shell, command);
    shell.state.set(command.variable, word);
    const ended = await round(shell, () => runStatements(shell, command.body));
    status = ended.status;
    if (!ended.on) break;
  }
  return status;
}

async function runSelect(shell: Shell, command: CommandOf<"For">): Promise<number> {
  const words = command.words === null ? [...shell.state.positional] : await expandWords(shell, command.words);
  let status = 0;
  const exhausted = await select(shell, words, command.variable.slice(SELECT.length), async () => {
    const ended = await round(shell, () => runStatements(shell, command.body));
    status = ended.status;
    return ended.on;
  });
  return exhausted ? 1 : status;
}

async function runCountingFor(shell: Shell, command: CommandOf<"CStyleFor">): Promise<number> {
  let status = 0;
  if (command.init !== null) await evaluateOf(shell, command.init);
  for (let count = 0; command.condition === null || (await evaluateOf(shell, command.condition)) !== 0n; count += 1) {
    await breathe(count);
    const ended = await round(shell, () => runStatements(shell, command.body));
    status = ended.status;
    if (!ended.on) break;
    if (command.update !== null) await evaluateOf(shell, command.update);
  }
  return status;
}

async function runWhile(shell: Shell, command: CommandOf<"While"> | CommandOf<"Until">, wanted: boolean): Promise<number> {
  let status = 0;
  for (let count = 0; ; count += 1) {
    await breathe(count);
    const state = { over: false };
    const ended = await round(shell, async () => {
      state.over = ((await guarded(shell, true, () => runStatements(shell, command.condition))) === 0) !== wanted;
      return state.over ? status : runStatements(shell, command.body);
    });
    status = ended.status;
    if (state.over || !ended.on) return status;
  }
}

async function runCase(shell: Shell, command: CommandOf<"Case">): Promise<number> {
  const text = await expandText(shell, command.word);
  let status = 0;
  let falling = false;
  for (const item of command.items) {
    if (!falling && !(await matches(shell, text, item.patterns))) continue;
    status = await runStatements(shell, item.body);
    if (item.terminator === ";;") return status;
    falling = item.terminator === ";&";
  }
  return status;
}

async function matches(shell: Shell, text: string, patterns: readonly CommandOf<"Case">["items"][number]["patterns"][number][]): Promise<boolean> {
  for (const pattern of patterns) {
    if (patternExpression(await expandPattern(shell, pattern), shell.state.shopt.has("nocasematch")).test(text)) return true;
  }
  return false;
}
