/** `xargs`: commands with what its input names, begun as soon as enough of it is there. */

import { dispatch } from "../commands.ts";
import { shellQuote } from "../quoting.ts";
import { Lines, type Io, type Source, type Tool } from "./io.ts";
import { parse, refusal, ToolError, type Options } from "./options.ts";
import { bytesOf } from "../raw.ts";

const SPEC = "0 I: L: P: d: n: r t x !E !a !e !i !l !o !p !s null=0 delimiter=d: max-args=n: max-procs=P: no-run-if-empty=r verbose=t exit=x !arg-file !eof !interactive !max-chars !max-lines !open-tty !process-slot-var !replace !show-limits";
/** Bytes of a command line, each of its words with an end: what GNU's takes. */
const LIMIT = 131_072;
/** The status of what SIGPIPE ended. */
const BROKEN_PIPE = 141;
/** How many commands are run before signals are given a chance. */
const BREATH = 16;
const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, "0": 0, r: 13, f: 12, v: 11, a: 7, b: 8, "\\": 92 };

/** When a command is begun: after so many words or lines, or for each line, which stands for a text in the command. */
type Way = { readonly by: "words" | "lines"; readonly count: number } | { readonly by: "replace"; readonly text: string };

const wrong = (what: string): ToolError => new ToolError(`${what}\nTry '\0 --help' for more information.`);

function wayOf(options: Options): Way {
  // One word at a time is what lines in place of a text are anyway.
  const given = options.given.filter(([key, value]) => key === "I" || key === "L" || (key === "n" && !(options.has("I") && value === "1")));
  const [key, value] = given[0] ?? ["n", "Infinity"];
  if (given.some(([other]) => other !== key)) throw refusal("several of the options -I, -L and -n");
  if (key === "I") return { by: "replace", text: value };
  if (given.length > 0 && !/^\d+$/.test(value)) throw wrong(`invalid number "${value}" for -${key} option`);
  if (value === "0") throw wrong(`value 0 for -${key} option should be >= 1`);
  return { by: key === "L" ? "lines" : "words", count: Number(value) };
}

/** The byte that ends an item; null where blanks, quotes and lines count. */
function delimiterOf(options: Options): number | null {
  const key = options.last("0d");
  if (key !== "d") return key === undefined ? null : 0;
  const text = options.get("d") ?? "";
  const byte = /^\\.$/.test(text) ? ESCAPES[text.charAt(1)] : bytesOf(text).length === 1 ? bytesOf(text)[0] : undefined;
  if (byte === undefined) throw new ToolError(`Invalid input delimiter specification ${text}: the delimiter must be either a single character or an escape sequence starting with \\.`);
  return byte;
}

/** The words of a line; null when it goes on behind its end. `whole`: blanks part nothing but stand before the line. */
function wordsOf(line: string, whole: boolean): string[] | null {
  const words: string[] = [];
  let open = false;
  for (const [part] of line.replace(/^[ \t]+/, "").matchAll(/\\[^]?|"[^"\n]*"?|'[^'\n]*'?|[ \t\n\v\f\r]+|[^\\"' \t\n\v\f\r]+/g)) {
    if (part === "\\") return null;
    const quote = /^["']/.exec(part)?.[0];
    if (quote !== undefined && (part.length < 2 || !part.endsWith(quote))) {
      throw new ToolError(`unmatched ${quote === "'" ? "single" : "double"} quote; by default quotes are special to xargs unless you use the -0 option`);
    }
    if (/^\s/.test(part) && !whole) {
      open = false;
      continue;
    }
    const text = quote !== undefined ? part.slice(1, -1) : part.startsWith("\\") ? part.slice(1) : part;
    words.push(open ? `${words.pop() ?? ""}${text}` : text);
    open = true;
  }
  return words;
}

/** What the input says, as it comes: the words of a line, or an item. */
async function* groups(source: Source, delimiter: number | null, whole: boolean): AsyncGenerator<string[]> {
  const lines = new Lines(source, delimiter ?? 10);
  let pending = "";
  for (let some = await lines.next(); some !== null; some = await lines.next()) {
    for (const line of some) {
      if (delimiter !== null) {
        yield [line];
        continue;
      }
      const words = wordsOf(pending + line, whole);
      pending = words === null ? `${pending}${line}\n` : "";
      if (words !== null && words.length > 0) yield words;
    }
  }
  if (pending !== "") yield wordsOf(pending.slice(0, -2), whole) ?? [];
}

/** The words that wait for the next command. */
class Batch {
  /** The exit code: 123 when a command failed. */
  code = 0;
  runs = 0;
  private words: string[] = [];
  private size = 0;
  private lines = 0;
  private readonly before: number;

  constructor(private readonly io: Io, private readonly command: readonly string[], private readonly way: Way, private readonly verbose: boolean) {
    this.before = command.reduce((sum, word) => sum + bytesOf(word).length + 1, 0);
  }

  /** The answer tells whether to go on. */
  async add(words: readonly string[]): Promise<boolean> {
    const { way } = this;
    if (way.by === "replace") return this.run(this.command.map((word) => word.replaceAll(way.text, () => words.join(""))));
    for (const word of words) if (!(await this.push(word, way.by === "words" ? way.count : Infinity))) return false;
    this.lines += 1;
    return way.by === "lines" && this.lines >= way.count ? this.flush() : true;
  }

  private async push(word: string, most: number): Promise<boolean> {
    const size = bytesOf(word).length + 1;
    if (this.before + size > LIMIT) throw new ToolError("argument line too long");
    if (this.before + this.size + size > LIMIT && !(await this.flush())) return false;
    this.words.push(word);
    this.size += size;
    return this.words.length >= most ? this.flush() : true;
  }

  get waiting(): boolean {
    return this.words.length > 0;
  }

  /** Begin a command with what there is. */
  flush(): Promise<boolean> {
    const words = [...this.command, ...this.words];
    [this.words, this.size, this.lines] = [[], 0, 0];
    return this.run(words);
  }

  private async run(words: readonly string[]): Promise<boolean> {
    if (this.verbose) await this.io.say(`${words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : shellQuote(word))).join(" ")}\n`);
    const inner = this.io.shell.fork();
    inner.connect(0, { kind: "null" });
    const status = await inner.runSubshell(() => dispatch(inner, words, true));
    this.runs += 1;
    if (this.runs % BREATH === 0) await this.io.breathe();
    if (status === BROKEN_PIPE && this.io.unread) throw new ToolError(`${words[0] ?? ""}: terminated by signal 13`, 125);
    if (status === 255) throw new ToolError(`${words[0] ?? ""}: exited with status 255; aborting`, 124);
    if (status !== 0) this.code = status === 126 || status === 127 ? status : 123;
    return this.code !== 126 && this.code !== 127;
  }
}

/** With `-P` it runs one command at a time all the same. */
export const xargs: Tool = async (io, args) => {
  const options = parse(args, SPEC, { first: true });
  const way = wayOf(options);
  const batch = new Batch(io, options.operands.length > 0 ? options.operands : ["echo"], way, options.has("t"));
  for await (const words of groups(io.stdin(), delimiterOf(options), way.by === "replace")) if (!(await batch.add(words))) return batch.code;
  if (batch.waiting || (batch.runs === 0 && way.by !== "replace" && !options.has("r"))) await batch.flush();
  return batch.code;
};
