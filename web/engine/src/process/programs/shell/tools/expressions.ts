/** Regular expressions of POSIX, with GNU's additions, and Perl's, as JavaScript's. */

import { refusal, ToolError } from "./options.ts";

export interface Dialect {
  /** `extended`: `(`, `|`, `+` and so on need no backslash. */
  readonly extended: boolean;
  readonly ignoreCase?: boolean;
  /** `^` and `$` at each line of a text of several. */
  readonly lines?: boolean;
  /** A backslash is one within brackets too (sed's `\n`, all of awk's). */
  readonly bracketEscapes?: "some" | "all";
}

const CLASSES: Readonly<Record<string, string>> = {
  alpha: "\\p{L}", digit: "0-9", alnum: "\\p{L}\\p{Nd}", upper: "\\p{Lu}", lower: "\\p{Ll}", space: "\\s", blank: " \\t", punct: "\\p{P}\\p{S}",
  print: "\\P{C}", graph: "\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}", cntrl: "\\p{Cc}", xdigit: "0-9A-Fa-f",
};
const WORD = "[\\p{L}\\p{Nd}_]";
const LETTERS: Readonly<Record<string, string>> = {
  w: WORD, W: "[^\\p{L}\\p{Nd}_]", s: "\\s", S: "\\S", b: `(?:(?<=${WORD})(?!${WORD})|(?<!${WORD})(?=${WORD}))`, B: `(?:(?<=${WORD})(?=${WORD})|(?<!${WORD})(?!${WORD}))`,
  "<": `(?<!${WORD})(?=${WORD})`, ">": `(?<=${WORD})(?!${WORD})`, "`": "(?<![^])", "'": "(?![^])", n: "\\n", t: "\\t", r: "\\r", f: "\\f", v: "\\v", a: "\\x07",
};

/** Something is wrong with an expression. */
export class ExpressionError extends Error {}

/** A character as JavaScript's expressions take it literally. */
export function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

class Translator {
  private at = 0;
  private readonly open: number[] = [];
  private groups = 0;
  private out = "";
  /** Where what can be repeated begins, and whether it is repeated already. */
  private start = 0;
  private repeated = false;
  /** Whether something stands before that can be repeated. */
  private atom = false;
  /** Whether alternatives or repeated groups make the longest match another than JavaScript's. */
  ambiguous = false;

  constructor(private readonly text: string, private readonly dialect: Dialect) {}

  run(): string {
    while (this.at < this.text.length) this.step();
    if (this.open.length > 0) throw new ExpressionError("Unmatched ( or \\(");
    return this.out;
  }

  private emit(source: string, atom = true): void {
    this.start = this.out.length;
    this.repeated = false;
    this.out += source;
    this.atom = atom;
  }

  private step(): void {
    const char = String.fromCodePoint(this.text.codePointAt(this.at) ?? 0);
    this.at += char.length;
    if (char === "\\") return this.escape();
    if (char === "[") return this.emit(this.bracket());
    if (char === ".") return this.emit("[^]");
    if (char === "*") return this.atom ? this.repeat("*") : this.dialect.extended ? undefined : this.emit("\\*");
    if (char === "^" && (this.dialect.extended || this.starting())) return this.emit(this.dialect.lines === true ? "(?<![^\\n])" : "(?<![^])", false);
    if (char === "$" && (this.dialect.extended || this.ending())) return this.emit(this.dialect.lines === true ? "(?![^\\n])" : "(?![^])", false);
    if (this.dialect.extended && "(){|+?".includes(char)) return this.operator(char);
    this.emit(literal(char));
  }

  private starting(): boolean {
    return this.out === "" || this.out.endsWith("(") && !this.out.endsWith("\\(") || (this.out.endsWith("|") && !this.out.endsWith("\\|"));
  }

  private ending(): boolean {
    return this.at === this.text.length || /^\\[)|]/.test(this.text.slice(this.at));
  }

  private operator(char: string): void {
    switch (char) {
      case "(":
        this.open.push(this.out.length);
        this.groups += 1;
        return this.emit("(", false);
      case ")":
        return this.close();
      case "|":
        this.ambiguous = true;
        return this.emit("|", false);
      case "{":
        return this.interval();
      default:
        if (this.atom) this.repeat(char);
        else if (!this.dialect.extended) this.emit(literal(char));
    }
  }

  private close(): void {
    const start = this.open.pop();
    if (start === undefined && !this.dialect.extended) throw new ExpressionError("Unmatched ) or \\)");
    this.emit(start === undefined ? "\\)" : ")");
    if (start !== undefined) this.start = start;
  }

  /** Repeat what stands before; what is repeated already is put together first, as JavaScript reads `a+?` otherwise. */
  private repeat(how: string): void {
    if (this.repeated) this.out = `${this.out.slice(0, this.start)}(?:${this.out.slice(this.start)})`;
    if (this.out.endsWith(")")) this.ambiguous = true;
    this.repeated = true;
    this.out += how;
  }

  private interval(): void {
    const found = /^(\d*)(,?)(\d*)(\\?\})/.exec(this.text.slice(this.at));
    const closed = found !== null && found[4] === (this.dialect.extended ? "}" : "\\}") && (found[1] !== "" || found[2] !== "");
    if (!closed) {
      if (this.dialect.extended) return this.emit("\\{");
      throw new ExpressionError(this.text.slice(this.at).includes("\\}") ? "Invalid content of \\{\\}" : "Unmatched \\{");
    }
    if (!this.atom) throw new ExpressionError("Invalid preceding regular expression");
    this.at += found[0].length;
    const [, low = "", comma = "", high = ""] = found;
    if (high !== "" && Number(low) > Number(high)) throw new ExpressionError("Invalid content of \\{\\}");
    this.repeat(`{${low === "" ? "0" : low}${comma}${high}}`);
  }

  private escape(): void {
    const char = this.text.charAt(this.at);
    if (char === "") throw new ExpressionError("Trailing backslash");
    this.at += 1;
    if (!this.dialect.extended && "(){|+?".includes(char)) return this.operator(char);
    if (/[1-9]/.test(char)) {
      if (Number(char) > this.groups) throw new ExpressionError("Invalid back reference");
      this.ambiguous = true;
      return this.emit(`(?:\\${char})`);
    }
    if (Object.hasOwn(LETTERS, char)) return this.emit(LETTERS[char] ?? "", !"bB<>`'".includes(char));
    this.emit(literal(char));
  }

  /** `[…]`, from behind its `[`. */
  private bracket(): string {
    const negated = this.text[this.at] === "^";
    if (negated) this.at += 1;
    let inside = "";
    for (let first = true; ; first = false) {
      const char = this.item();
      if (char.end && !first) break;
      inside += char.source;
    }
    return negated ? `[^${inside}]` : inside === "" ? "[]" : `[${inside}]`;
  }

  private item(): { source: string; end: boolean } {
    const rest = this.text.slice(this.at);
    if (rest === "") throw new ExpressionError("Unmatched [, [^, [:, [., or [=");
    const named = /^\[([:.=])(.*?)\1\]/.exec(rest);
    if (named?.[1] === ":") {
      this.at += named[0].length;
      const found = CLASSES[named[2] ?? ""];
      if (found === undefined) throw new ExpressionError("Invalid character class name");
      return { source: this.dialect.ignoreCase === true && /upper|lower/.test(named[2] ?? "") ? "\\p{Lu}\\p{Ll}" : found, end: false };
    }
    const from = this.single();
    if (from === "]") return { source: "\\]", end: true };
    if (this.text[this.at] !== "-" || this.text[this.at + 1] === "]" || this.text[this.at + 1] === undefined) return { source: inBracket(from), end: false };
    this.at += 1;
    const to = this.single();
    if ((from.codePointAt(0) ?? 0) > (to.codePointAt(0) ?? 0)) throw new ExpressionError("Invalid range end");
    return { source: `${inBracket(from)}-${inBracket(to)}`, end: false };
  }

  /** One character within brackets. */
  private single(): string {
    const rest = this.text.slice(this.at);
    const named = /^\[([.=])(.)\1\]/u.exec(rest);
    if (named !== null) {
      this.at += named[0].length;
      return named[2] ?? "";
    }
    const escapes = this.dialect.bracketEscapes;
    const escaped = escapes === undefined ? null : (escapes === "all" ? /^\\([^])/ : /^\\([ntrfv\\\]])/).exec(rest);
    if (escaped !== null && !(escapes === "some" && (escaped[1] === "]" || escaped[1] === "\\"))) {
      this.at += 2;
      const letter = escaped[1] ?? "";
      // A bracket that is escaped closes nothing.
      return { n: "\n", t: "\t", r: "\r", f: "\f", v: "\v" }[letter] ?? (letter === "]" ? "\\]" : letter);
    }
    const char = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    this.at += char.length;
    return char;
  }
}

function inBracket(char: string): string {
  return char === "\\]" ? char : char.replace(/[\\\]^\-[&~!@#$%*+,./:;<=>?`{|}()]/, (found) => `\\x${found.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** An expression that is compiled. */
export interface Expression {
  /** Whether it is found anywhere. */
  test(text: string): boolean;
  /** The leftmost match, of these the longest, at `from` or behind. */
  exec(text: string, from?: number): RegExpExecArray | null;
  /** How many groups it has. */
  readonly groups: number;
}

class Compiled implements Expression {
  readonly groups: number;
  private readonly searching: RegExp;
  private readonly plain: RegExp;
  private readonly to = new Map<number, RegExp>();

  constructor(private readonly source: string, private readonly flags: string, private readonly ambiguous: boolean) {
    this.plain = new RegExp(source, `${flags}u`);
    this.searching = new RegExp(source, `${flags}gu`);
    this.groups = (new RegExp(`${source}|`, "u").exec("")?.length ?? 1) - 1;
  }

  test(text: string): boolean {
    return this.plain.test(text);
  }

  exec(text: string, from = 0): RegExpExecArray | null {
    this.searching.lastIndex = from;
    const found = this.searching.exec(text);
    return found === null || !this.ambiguous ? found : this.longest(text, found);
  }

  /** JavaScript takes the first alternative that fits, POSIX the one that reaches farthest. */
  private longest(text: string, found: RegExpExecArray): RegExpExecArray {
    const shortest = found.index + found[0].length;
    for (let end = text.length; end > shortest; end -= 1) {
      const left = text.length - end;
      let ending = this.to.get(left);
      if (ending === undefined) {
        ending = new RegExp(`(?:${this.source})(?=[^]{${left}}(?![^]))`, `${this.flags}y`);
        this.to.set(left, ending);
      }
      ending.lastIndex = found.index;
      const longer = ending.exec(text);
      if (longer !== null) return longer;
    }
    return found;
  }
}

/** Compile a POSIX expression. Throws ExpressionError. */
export function compile(text: string, dialect: Dialect): Expression {
  const translator = new Translator(text, dialect);
  const source = translator.run();
  return new Compiled(source, dialect.ignoreCase === true ? "i" : "", translator.ambiguous);
}

/** Compile what is a JavaScript source already. */
export function compileSource(source: string, ignoreCase: boolean, ambiguous: boolean): Expression {
  return new Compiled(source, ignoreCase ? "i" : "", ambiguous);
}

/** The source of a POSIX expression, to be put among others. Throws ExpressionError. */
export function translate(text: string, dialect: Dialect): { source: string; ambiguous: boolean } {
  const translator = new Translator(text, dialect);
  const source = translator.run();
  return { source, ambiguous: translator.ambiguous };
}

const PERL_LETTERS = /[dDwWsSbBnrtfv0-9xkupP]/;

/** A Perl expression (`grep -P`) as JavaScript's. Throws ToolError for what JavaScript has not. */
export function perl(text: string): string {
  const body = text.replace(/\\Q([^]*?)(?:\\E|$)|\\([^])|\[:(\w+):\]|\(\?([>#&RP|]|[a-z]+\))|[*+?}]\+/g, (...found: (string | undefined)[]) => {
    const [all = "", quoted, letter, name, special] = found;
    if (quoted !== undefined) return literal(quoted);
    if (letter !== undefined) return perlEscape(letter);
    if (name !== undefined && CLASSES[name] !== undefined) return CLASSES[name];
    if (special === "P") return "(?";
    throw refusal(`'${all}' in an expression of Perl's`, 2);
  });
  try {
    return new RegExp(body, "u").source;
  } catch (error) {
    throw new ToolError(error instanceof Error ? error.message : String(error), 2);
  }
}

function perlEscape(letter: string): string {
  if (PERL_LETTERS.test(letter)) return `\\${letter}`;
  const own = { h: "[ \\t]", A: "(?<![^])", z: "(?![^])", Z: "(?=\\n?(?![^]))", R: "(?:\\r\\n|[\\n\\v\\f\\r])", a: "\\x07", e: "\\x1b", N: "[^\\n]" }[letter];
  if (own !== undefined) return own;
  if (/[A-Za-z]/.test(letter)) throw refusal(`'\\${letter}' in an expression of Perl's`, 2);
  return /[\\^$.*+?()[\]{}|/]/.test(letter) ? `\\${letter}` : letter === "-" ? "\\x2d" : letter;
}
