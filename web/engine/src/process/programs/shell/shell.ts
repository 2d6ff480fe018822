/** A shell, or a subshell of one: its state, and what all of a process's shells share. */

import type { Signal } from "../../../contract.ts";
import { Exit, LoopJump, Return, ShellError, State } from "./state.ts";
import { BrokenPipe, Pipe, hold, readAll, release, write, type Target } from "./streams.ts";
import { bytesOf } from "./raw.ts";
import { SIGNALS, type System } from "./system.ts";
import { parse, ScriptSyntaxError, type Script } from "./syntax.ts";
import { textOf } from "./parameters.ts";
import { expandText } from "./words.ts";
import { runStatements } from "./run.ts";
import type { Utilities } from "./utilities.ts";

const decoder = new TextDecoder();

/** Something that was put in the background. */
export interface Job {
  readonly id: number;
  /** The process's, when it is one program; else a number of its own, above those of processes. */
  readonly pid: number;
  readonly text: string;
  readonly ended: Promise<number>;
  status: number | null;
  kill(signal: Signal): boolean;
}

/** The processes that a job waits for, and the signal that ended it. */
export interface Group {
  readonly children: Set<number>;
  killed: Signal | null;
}

/** What a shell shares with its subshells. */
export interface World {
  readonly utilities: Utilities;
  readonly jobs: Job[];
  readonly pending: Signal[];
  /** Ends a `wait` when a signal comes that is trapped. */
  interrupt: (() => void) | null;
  /** Behind which letter of which argument `getopts` goes on. */
  optionOffset: { index: number; at: number };
  /** The stack of `pushd`. */
  readonly folders: string[];
  /** Whether the script came with `-c`. */
  inline: boolean;
  /** Numbers for background jobs that are no process of their own. */
  nextPid: number;
}

/** A shell. */
export class Shell {
  readonly started = Date.now();
  /** The status of the last command substitution of the current command. */
  substituted: number | null = null;
  /** What a kill of this shell's job reaches; subshells share it. */
  group: Group = { children: new Set(), killed: null };

  constructor(readonly system: System, readonly world: World, readonly state: State) {}

  /** A copy for a subshell. It holds all descriptors until `leave`. */
  fork(): Shell {
    const copy = new Shell(this.system, this.world, this.state.fork());
    copy.group = this.group;
    for (const target of copy.state.descriptors.values()) hold(target);
    return copy;
  }

  /** Let go of the descriptors. */
  leave(): void {
    for (const target of this.state.descriptors.values()) release(this.system, target);
    this.state.descriptors.clear();
  }

  /** Connect a descriptor of this shell to something else; it is held. */
  connect(fd: number, target: Target): void {
    const before = this.state.descriptors.get(fd);
    hold(target);
    this.state.descriptors.set(fd, target);
    if (before !== undefined) release(this.system, before);
  }

  /** Write text or bytes to a descriptor. Throws ShellError, BrokenPipe. */
  async print(fd: number, text: string | Uint8Array): Promise<void> {
    await write(this.system, this.state.descriptors.get(fd), typeof text === "string" ? bytesOf(text) : text);
  }

  /** Say what is wrong, as bash does: with the shell's name and the line. */
  async complain(message: string): Promise<void> {
    await this.print(2, `${this.state.sources[0] ?? this.state.name}: line ${Math.max(1, this.state.line)}: ${message}\n`).catch((error: unknown) => {
      if (!(error instanceof ShellError)) throw error;
    });
  }

  /** Say an error, where it is, unless it was said further in. */
  async report(error: ShellError): Promise<void> {
    if (!error.said) await this.complain(error.message);
    error.said = true;
  }

  /** Say what is wrong with a script; `place` is what it stands in, when that is not the shell's own. */
  async complainSyntax(error: ScriptSyntaxError, place?: string): Promise<void> {
    const name = place ?? this.state.sources[0] ?? `${this.state.name}${this.world.inline ? ": -c" : ""}`;
    await this.print(2, error.message.split("\n").map((line) => `${name}: ${line}\n`).join(""));
  }

  /** The text of a parameter; undefined when it is unset. */
  parameter(name: string): Promise<string | undefined> {
    return textOf(this, name);
  }

  /** Expand a text as if it stood between double quotes: subscripts, parts of arithmetic. */
  async expandText(text: string): Promise<string> {
    if (!/[$`\\]/.test(text)) return text.replace(/^(["'])(.*)\1$/, "$2");
    const word = parse(`x="${text.replaceAll('"', "")}"`).statements[0]?.pipelines[0]?.commands[0];
    if (word?.type !== "SimpleCommand" || word.assignments[0]?.value == null) throw new ShellError(`${text}: bad substitution`);
    return expandText(this, word.assignments[0].value);
  }

  /** The output of a script, without the line ends behind it. */
  async substitute(script: Script): Promise<string> {
    const file = redirectionOnly(script);
    if (file) return this.substituteFile(script);
    const pipe = new Pipe();
    const inner = this.fork();
    inner.connect(1, { kind: "pipe", pipe, end: "write" });
    inner.state.substitutions += 1;
    if (!this.state.shopt.has("inherit_errexit")) inner.state.options.delete("errexit");
    pipe.hold("read");
    const status = inner.runSubshell(() => runStatements(inner, script.statements));
    const output = await readAll(this.system, { kind: "pipe", pipe, end: "read" });
    pipe.release("read");
    this.substituted = await status;
    this.state.status = this.substituted;
    return decoder.decode(output.filter((byte) => byte !== 0)).replace(/\n+$/, "");
  }

  private async substituteFile(script: Script): Promise<string> {
    const command = script.statements[0]?.pipelines[0]?.commands[0];
    const target = command?.type === "SimpleCommand" ? command.redirections[0]?.target : undefined;
    if (target?.type !== "Word") return "";
    const path = this.resolve(await expandText(this, target));
    this.substituted = 0;
    return decoder.decode(this.system.files("fs.readFile", path)).replace(/\n+$/, "");
  }

  /** A path through which a command reads what a script writes (`<(…)`): its whole output, in a file. */
  async processSubstitution(script: Script, direction: "input" | "output"): Promise<string> {
    if (direction === "output") throw new ShellError(">(…) is not supported by the local WebContainer engine");
    const pipe = new Pipe();
    const inner = this.fork();
    inner.connect(1, { kind: "pipe", pipe, end: "write" });
    pipe.hold("read");
    void inner.runSubshell(() => runStatements(inner, script.statements));
    const output = await readAll(this.system, { kind: "pipe", pipe, end: "read" });
    pipe.release("read");
    const path = `/tmp/.shell-${this.system.pid}-${this.world.nextPid++}`;
    this.system.files("fs.writeFile", path, output, "w", 0o600);
    return path;
  }

  /** Run something as a subshell does: whatever ends it ends only it. The answer is its exit code. */
  async runSubshell(body: () => Promise<number>): Promise<number> {
    let status: number;
    try {
      status = await this.ending(body);
      status = await this.runExitTrap(status);
    } finally {
      this.leave();
    }
    return status;
  }

  private async ending(body: () => Promise<number>): Promise<number> {
    try {
      return await body();
    } catch (error) {
      if (error instanceof Exit || error instanceof Return) return error.code;
      if (error instanceof LoopJump) return 0;
      if (error instanceof BrokenPipe) return 128 + SIGNALS.SIGPIPE;
      if (error instanceof ShellError) {
        await this.report(error);
        // An error of an expansion ends a subshell with 1, and a shell with 127.
        return this.state.depth > 0 && error.code === 127 ? 1 : error.code;
      }
      if (error instanceof ScriptSyntaxError) {
        await this.complainSyntax(error);
        return 2;
      }
      throw error;
    }
  }

  /** Run the EXIT trap, once. The answer is the exit code after it. */
  async runExitTrap(status: number): Promise<number> {
    const text = this.state.traps.get("EXIT");
    if (text === undefined || text === "") return status;
    this.state.traps.delete("EXIT");
    this.state.status = status;
    return this.ending(async () => {
      await runStatements(this, parse(text).statements);
      return status;
    });
  }

  /** An absolute path. */
  resolve(path: string): string {
    const parts: string[] = [];
    for (const part of (path.startsWith("/") ? path : `${this.state.cwd}/${path}`).split("/")) {
      if (part === "..") parts.pop();
      else if (part !== "" && part !== ".") parts.push(part);
    }
    return `/${parts.join("/")}`;
  }
}

/** `$(<file)`. */
function redirectionOnly(script: Script): boolean {
  const command = script.statements.length === 1 ? script.statements[0]?.pipelines[0]?.commands[0] : undefined;
  return command?.type === "SimpleCommand" && command.name === null && command.assignments.length === 0
    && command.redirections.length === 1 && command.redirections[0]?.operator === "<";
}
