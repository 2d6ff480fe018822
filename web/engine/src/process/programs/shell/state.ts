/** What a shell knows: variables, functions, options, descriptors; a subshell gets a copy of it. */

import type { FunctionDefinition } from "./syntax.ts";
import type { Target } from "./streams.ts";

/** A variable's value: text, an array by index, or an array by key. */
export type Value = string | Map<number, string> | Map<string, string>;

export interface Variable {
  value: Value | null;
  exported: boolean;
  readonly: boolean;
  integer: boolean;
  /** Whether an array is by key (`declare -A`). */
  keyed: boolean;
  /** `declare -n`: the value names the variable that is meant. */
  reference?: boolean;
  /** `declare -u`, `declare -l`: what the case of texts put here becomes. */
  folding?: "u" | "l" | null;
  /** `declare -t`: shown, and nothing else of a variable. */
  traced?: boolean;
}

/** A text as a variable holds it. */
export function folded(variable: Variable, text: string): string {
  if (variable.folding === "u") return text.toUpperCase();
  return variable.folding === "l" ? text.toLowerCase() : text;
}

/** Leave the shell with this code. */
export class Exit extends Error {
  constructor(readonly code: number) {
    super("exit");
  }
}

/** Leave a function or a sourced file. */
export class Return extends Error {
  constructor(readonly code: number) {
    super("return");
  }
}

/** Leave loops, or begin their next round. */
export class LoopJump extends Error {
  constructor(readonly kind: "break" | "continue", public levels: number) {
    super(kind);
  }
}

/** What bash says on stderr before it gives up a command; a shell that is not interactive ends when `fatal`. */
export class ShellError extends Error {
  /** Whether it has been said: it goes on outwards to end what it has to end. */
  said = false;

  constructor(message: string, readonly code = 1, readonly fatal = false) {
    super(message);
  }

  /** Whether only the line of the script is given up, not all of it. */
  get discards(): boolean {
    return this.fatal && this.code === 1;
  }
}

/** The options of `set`, by letter and long name. */
export const OPTIONS: Readonly<Record<string, string>> = {
  a: "allexport", e: "errexit", f: "noglob", n: "noexec", u: "nounset", v: "verbose", x: "xtrace", C: "noclobber",
  o: "", b: "notify", h: "hashall", m: "monitor", B: "braceexpand", E: "errtrace", T: "functrace", P: "physical", H: "histexpand",
};

const DEFAULTS = ["hashall", "braceexpand"];

/** Everything that a subshell copies. */
export class State {
  variables = new Map<string, Variable>();
  functions = new Map<string, FunctionDefinition>();
  options = new Set<string>(DEFAULTS);
  shopt = new Set<string>(["extglob", "sourcepath", "globskipdots"]);
  positional: string[] = [];
  /** `$0`: also the name before error messages. */
  name = "bash";
  cwd = "/";
  umask = 0o022;
  status = 0;
  pipeStatus: number[] = [0];
  lastBackground: number | null = null;
  line = 0;
  /** Names of the functions being run, innermost first. */
  calls: string[] = [];
  /** The files that the functions being run, and the sourced files, are in, innermost first; the script itself is the last. */
  sources: string[] = [];
  /** The lines of the calls, as `calls`. */
  callLines: number[] = [];
  /** What `$BASH_COMMAND` is: the command being run. */
  command = "";
  /** What `$_` is: the last argument of the command before. */
  lastArgument = "";
  /** How many command substitutions this is in. */
  substitutions = 0;
  sourced = 0;
  loops = 0;
  /** How many conditions (`if`, `&&`, `!`) the current command is in: errexit does not apply there. */
  conditions = 0;
  /** For each function being run: what its local variables hide. */
  locals: Map<string, Variable | undefined>[] = [];
  traps = new Map<string, string>();
  descriptors = new Map<number, Target>();
  /** 0 in the shell itself. */
  depth = 0;

  /** A copy for a subshell; traps are not inherited. */
  fork(): State {
    const copy = Object.assign(new State(), this);
    copy.variables = new Map([...this.variables].map(([name, variable]) => [name, { ...variable, value: copyValue(variable.value) }]));
    copy.functions = new Map(this.functions);
    copy.options = new Set(this.options);
    copy.shopt = new Set(this.shopt);
    copy.positional = [...this.positional];
    copy.calls = [...this.calls];
    copy.sources = [...this.sources];
    copy.callLines = [...this.callLines];
    copy.locals = this.locals.map((frame) => new Map(frame));
    copy.descriptors = new Map(this.descriptors);
    const inherited = this.traps.get("ERR");
    copy.traps = new Map(inherited !== undefined && this.options.has("errtrace") ? [["ERR", inherited]] : []);
    copy.depth = this.depth + 1;
    return copy;
  }

  /** The name of the variable that a name stands for, or of an element: references are followed. */
  target(name: string): string {
    let found = name;
    for (let steps = 0; steps < 10; steps += 1) {
      const variable = this.variables.get(found);
      if (variable?.reference !== true || typeof variable.value !== "string" || variable.value === "") return found;
      found = variable.value;
    }
    throw new ShellError(`${name}: circular name reference`);
  }

  /** The variable that a name stands for. */
  variable(name: string): Variable | undefined {
    return this.variables.get(this.target(name));
  }

  /** The text of a variable, of an array its first element; undefined when it is unset. */
  get(name: string): string | undefined {
    const variable = this.variable(name);
    const value = variable?.value;
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string") return value;
    return (value as Map<number | string, string>).get(variable?.keyed === true ? "0" : 0);
  }

  /** The variable of that name, made when it is not there. Throws ShellError when it may not be changed. */
  writable(given: string): Variable {
    const name = this.target(given);
    if (name.endsWith("]")) throw new ShellError(`${given}: a reference to an element is not supported here by the local WebContainer engine`);
    let variable = this.variables.get(name);
    if (variable === undefined) {
      variable = { value: null, exported: this.options.has("allexport"), readonly: false, integer: false, keyed: false };
      this.variables.set(name, variable);
    }
    if (variable.readonly) throw new ShellError(`${name}: readonly variable`, 1, true);
    return variable;
  }

  /** Give a variable a text; of an array, its first element. */
  set(name: string, text: string): void {
    const variable = this.writable(name);
    if (variable.value instanceof Map) (variable.value as Map<number | string, string>).set(variable.keyed ? "0" : 0, folded(variable, text));
    else variable.value = folded(variable, text);
  }

  /** The variables that programs get. */
  environment(): Record<string, string> {
    const found: Record<string, string> = {};
    for (const [name, variable] of this.variables) if (variable.exported && typeof variable.value === "string") found[name] = variable.value;
    return found;
  }

  /** The letters of `$-`. */
  flags(): string {
    return Object.entries(OPTIONS).filter(([, name]) => this.options.has(name)).map(([letter]) => letter).join("");
  }
}

function copyValue(value: Value | null): Value | null {
  return value instanceof Map ? (new Map(value as Map<string, string>)) : value;
}
