/** `awk`, as POSIX has it: a record at a time, as they come. */

import { reason } from "../../redirect.ts";
import type { Io, Tool } from "../io.ts";
import { parse, ToolError } from "../options.ts";
import { Machine, Records } from "./machine.ts";
import { Leave, Runner } from "./run.ts";
import { readProgram } from "./syntax.ts";
import { Input, toNumber, toText } from "./values.ts";
import { unescaped } from "./words.ts";

export const awk: Tool = async (io, args) => {
  const options = parse(args, "F: f: v: field-separator=F: file=f: assign=v: !W !e !i !n !N !r !S !b !posix !traditional !lint !re-interval !sandbox !csv !k", { code: 2, first: true });
  const operands = [...options.operands];
  const text = await programText(io, options.all("f"), operands);
  const machine = new Machine(io);
  const separator = options.get("F");
  if (separator !== undefined) machine.set("FS", separator === "t" ? "\t" : unescaped(separator));
  for (const given of options.all("v")) if (!assigned(machine, given)) throw new ToolError(`improper assignment: -v ${given}`, 2);
  const variables = machine.table("ENVIRON");
  for (const [name, value] of Object.entries(io.shell.state.environment())) variables.set(name, new Input(value));
  machine.set("ARGC", operands.length + 1);
  for (const [at, word] of ["awk", ...operands].entries()) machine.table("ARGV").set(String(at), new Input(word));
  return new Reading(io, machine, text).run();
};

async function programText(io: Io, files: readonly string[], operands: string[]): Promise<string> {
  const parts: string[] = [];
  for (const name of files) {
    try {
      parts.push(await io.text(name));
    } catch (error) {
      const why = reason(error);
      if (why === null) throw error;
      throw new ToolError(`couldn't open file ${name}: ${why}`, 2);
    }
  }
  if (files.length > 0) return parts.join("\n");
  const first = operands.shift();
  if (first === undefined) throw new ToolError("Usage: \0 [-F value] [-v var=value] [--] 'program text' [file ...]", 2);
  return first;
}

/** `name=value`; false when it is none. */
function assigned(machine: Machine, text: string): boolean {
  const found = /^([A-Za-z_]\w*)=([^]*)$/.exec(text);
  if (found !== null) machine.set(found[1] ?? "", new Input(unescaped(found[2] ?? "")));
  return found !== null;
}

/** The files of a command line, one behind the other. */
class Reading {
  private readonly runner: Runner;
  private readonly wants: { readonly each: boolean; readonly end: boolean };
  private records: Records | null = null;
  private at = 1;
  private any = false;

  constructor(private readonly io: Io, private readonly machine: Machine, text: string) {
    const program = readProgram(text);
    this.wants = { each: program.rules.some(({ when }) => when === "each"), end: program.rules.some(({ when }) => when === "END") };
    this.runner = new Runner(machine, program);
    this.runner.next = () => this.next();
  }

  async run(): Promise<number> {
    try {
      if (await this.finished(() => this.runner.rules("BEGIN"))) {
        if (!(this.wants.each || this.wants.end) || (await this.finished(() => this.main()))) await this.finished(() => this.runner.rules("END"));
        else await this.finished(() => this.runner.rules("END"));
      }
    } finally {
      await this.machine.closeAll();
      this.records?.source.close();
    }
    return this.runner.code;
  }

  /** False when `exit` ended it. */
  private async finished(body: () => Promise<unknown>): Promise<boolean> {
    try {
      await body();
      return true;
    } catch (error) {
      if (error instanceof Leave) return false;
      throw error;
    }
  }

  private async main(): Promise<void> {
    for (let record = await this.next(); record !== null; record = await this.next()) {
      const { globals } = this.machine;
      globals.set("NR", toNumber(globals.get("NR")) + 1);
      globals.set("FNR", toNumber(globals.get("FNR")) + 1);
      this.machine.setRecord(record);
      if ((await this.runner.rules("each")) === "nextfile") this.drop();
    }
  }

  private drop(): void {
    this.records?.source.close();
    this.records = null;
  }

  private async next(): Promise<string | null> {
    for (;;) {
      if (this.records === null && !this.open()) return null;
      const record = await this.read();
      if (record !== null) return record;
      this.drop();
    }
  }

  private async read(): Promise<string | null> {
    return (await this.records?.next()) ?? null;
  }

  /** The next file: what looks like an assignment is one. */
  private open(): boolean {
    const words = this.machine.table("ARGV");
    for (; this.at < toNumber(this.machine.get("ARGC")); this.at += 1) {
      const name = toText(words.get(String(this.at)), "%.6g");
      if (name === "" || assigned(this.machine, name)) continue;
      this.at += 1;
      return this.begin(name);
    }
    return !this.any && this.begin("-");
  }

  private begin(name: string): boolean {
    this.any = true;
    try {
      this.records = new Records(this.io.open(name), this.machine);
    } catch (error) {
      throw new ToolError(`cannot open ${name} (${reason(error) ?? String(error)})`, 2);
    }
    this.machine.globals.set("FILENAME", name === "-" ? "" : name);
    this.machine.globals.set("FNR", 0);
    return true;
  }
}
