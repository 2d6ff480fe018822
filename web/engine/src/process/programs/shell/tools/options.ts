/**
 * Command lines as GNU's utilities read them: letters together or apart, values attached or behind, long names and their
 * beginnings, options behind operands.
 *
 * What a utility knows is a text of words: `n` a flag, `n:` with a value, `n?` with a value that has to be attached,
 * `lines=n:` a long name for it, `!n` and `!name` what GNU's knows and this engine refuses.
 */

/** A utility cannot go on: the sentence goes behind its name, the code is its exit code. */
export class ToolError extends Error {
  /** A sentence that begins with `Usage:` has no name before it. */
  constructor(message: string, readonly code = 1) {
    super(message);
  }
}

/** An option that a GNU utility has and ours has not. */
export function refusal(what: string, code = 1): ToolError {
  return new ToolError(`${what} is not supported by the local WebContainer engine`, code);
}

/** What a command line said. */
export class Options {
  readonly operands: string[] = [];
  /** Options in their order, with their values. */
  readonly given: (readonly [key: string, value: string])[] = [];

  has(key: string): boolean {
    return this.given.some(([name]) => name === key);
  }

  /** The value of the last option of that name. */
  get(key: string): string | undefined {
    return this.given.findLast(([name]) => name === key)?.[1];
  }

  /** Of several options the one that was given last. */
  last(keys: string): string | undefined {
    return this.given.findLast(([name]) => keys.includes(name))?.[0];
  }

  all(key: string): string[] {
    return this.given.filter(([name]) => name === key).map(([, value]) => value);
  }
}

interface Known {
  readonly key: string;
  readonly value: "" | ":" | "?";
  readonly refused: boolean;
}

function table(spec: string): Map<string, Known> {
  const known = new Map<string, Known>();
  for (const word of spec.split(" ")) {
    const [, refused = "", name = "", key = "", value = ""] = /^(!?)([^=:?]+)=?([^:?]*)([:?]?)$/.exec(word) ?? [];
    known.set(name, { key: key === "" ? name : key, value: value as Known["value"], refused: refused !== "" });
  }
  return known;
}

export interface Style {
  /** The exit code for a command line that is wrong. */
  readonly code?: number;
  /** What stands before the advice to ask for help. */
  readonly hint?: string;
  /** Options end at the first operand. */
  readonly first?: boolean;
  /** Words that look like options and are none, `-5` for instance; they become the option `number`. */
  readonly numbers?: boolean;
}

/** Read a command line. Throws ToolError for what is not known, with GNU's words; or is refused. */
export function parse(args: readonly string[], spec: string, style: Style = {}): Options {
  return new Reader(args, table(spec), style).read();
}

class Reader {
  private readonly options = new Options();
  private at = 0;

  constructor(private readonly args: readonly string[], private readonly known: Map<string, Known>, private readonly style: Style) {}

  read(): Options {
    for (; this.at < this.args.length; this.at += 1) {
      const arg = this.args[this.at] ?? "";
      if (arg === "--") {
        this.options.operands.push(...this.args.slice(this.at + 1));
        break;
      }
      if (this.style.numbers === true && /^-\d+$/.test(arg)) this.options.given.push(["number", arg.slice(1)]);
      else if (arg.startsWith("--")) this.long(arg);
      else if (/^-./.test(arg)) this.letters(arg);
      else if (this.style.first === true) {
        this.options.operands.push(...this.args.slice(this.at));
        break;
      } else this.options.operands.push(arg);
    }
    return this.options;
  }

  private wrong(what: string): ToolError {
    return new ToolError(`${what}\n${this.style.hint ?? ""}Try '\0 --help' for more information.`, this.style.code ?? 1);
  }

  private long(arg: string): void {
    const [, name = "", attached] = /^--([^=]*)(?:=([^]*))?$/.exec(arg) ?? [];
    const names = [...this.known.keys()].filter((each) => each.length > 1 && each.startsWith(name));
    const found = this.known.get(name.length > 1 ? name : "") ?? (names.length === 1 ? this.known.get(names[0] ?? "") : undefined);
    if (found === undefined) throw this.wrong(names.length > 1 ? `option '${arg}' is ambiguous` : `unrecognized option '${arg}'`);
    if (found.refused) throw refusal(`option --${name}`, this.style.code);
    if (found.value === "" && attached !== undefined) throw this.wrong(`option '--${name}' doesn't allow an argument`);
    let value = attached ?? "";
    if (found.value === ":" && attached === undefined) {
      this.at += 1;
      const next = this.args[this.at];
      if (next === undefined) throw this.wrong(`option '--${name}' requires an argument`);
      value = next;
    }
    this.options.given.push([found.key, value]);
  }

  private letters(arg: string): void {
    for (let at = 1; at < arg.length; at += 1) {
      const letter = arg.charAt(at);
      const found = this.known.get(letter);
      if (found === undefined) throw this.wrong(`invalid option -- '${letter}'`);
      if (found.refused) throw refusal(`option -${letter}`, this.style.code);
      if (found.value === "") {
        this.options.given.push([found.key, ""]);
        continue;
      }
      let value = arg.slice(at + 1);
      if (value === "" && found.value === ":") {
        this.at += 1;
        const next = this.args[this.at];
        if (next === undefined) throw this.wrong(`option requires an argument -- '${letter}'`);
        value = next;
      }
      this.options.given.push([found.key, value]);
      return;
    }
  }
}
