/** `printf`, and the escapes that it shares with `echo -e`. */

import type { Shell } from "./shell.ts";
import { store } from "./commands.ts";
import { subscript } from "./arrays.ts";
import { backslashQuote } from "./quoting.ts";
import { rawByte } from "./raw.ts";
import { formatTime } from "./times.ts";

const SIMPLE: Readonly<Record<string, string>> = { a: "\x07", b: "\b", e: "\x1b", E: "\x1b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", "\\": "\\", '"': '"', "'": "'" };

/** A text with its escapes done; `stop` when `\c` ended it. `zero`: octal numbers are written `\0NNN`. */
export function escapes(text: string, zero: boolean): { text: string; stop: boolean } {
  let stop = false;
  const expression = zero ? /\\(?:(c)[^]*|0([0-7]{0,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([^]))/g : /\\(?:(c)[^]*|([0-7]{1,3})|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([^]))/g;
  const shown = text.replace(expression, (all: string, ...found: (string | undefined)[]) => {
    const [end, octal, hex, short, long, char] = found;
    if (end !== undefined) {
      stop = true;
      return "";
    }
    if (octal !== undefined) return rawByte(Number.parseInt(octal === "" ? "0" : octal, 8) & 255);
    if (hex !== undefined) return rawByte(Number.parseInt(hex, 16));
    const code = short ?? long;
    if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
    return SIMPLE[char ?? ""] ?? all;
  });
  return { text: shown, stop };
}

/** The builtin. */
export async function printf(shell: Shell, args: readonly string[]): Promise<number> {
  const variable = args[0] === "-v" ? args[1] : undefined;
  const [format, ...words] = args.slice(variable === undefined ? (args[0] === "--" ? 1 : 0) : 2);
  if (format === undefined) {
    await shell.print(2, "printf: usage: printf [-v var] format [arguments]\n");
    return 2;
  }
  const printer = new Printer(format, words, shell.state.get("TZ"));
  const text = printer.all();
  if (variable === undefined) await shell.print(1, text);
  for (const complaint of printer.complaints) await shell.complain(`printf: ${complaint}`);
  if (variable !== undefined) {
    const { name, key } = subscript(variable);
    await store(shell, { name, key, append: false, text });
  }
  return printer.complaints.length > 0 ? 1 : 0;
}

interface Directive {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | null;
  readonly letter: string;
}

const DIRECTIVE = /%%|%([-+ #0']*)(\*|\d+)?(?:\.(\*|-?\d+)?)?(?:\(([^)]*)\)(T)|(?:hh|h|ll|l|j|z|t|L|q)?([a-zA-Z%])|(.|$))|\\(?:[0-7]{1,3}|x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|[^])/g;

class Printer {
  readonly complaints: string[] = [];
  private at = 0;
  private stop = false;

  constructor(private readonly format: string, private readonly words: readonly string[], private readonly zone: string | undefined) {}

  all(): string {
    let out = "";
    do {
      const before = this.at;
      out += this.round();
      if (this.at === before) break;
    } while (this.at < this.words.length && !this.stop);
    return out;
  }

  private round(): string {
    return this.format.replace(qualified(DIRECTIVE), (all: string, ...found: (string | undefined)[]) => {
      if (this.stop) return "";
      if (all === "%%") return "%";
      return all.startsWith("\\") ? this.escaped(all) : this.described(all, found);
    });
  }

  private described(all: string, [flags = "", width, precision, time, , letter, other]: readonly (string | undefined)[]): string {
    const wide = width === "*" ? this.integer() : Number(width ?? 0);
    const exact = !/^%[^.(]*\./.test(all) ? null : precision === "*" ? this.integer() : Number(precision ?? 0);
    const given = { flags: flags + (wide < 0 ? "-" : ""), width: Math.abs(wide), precision: exact !== null && exact < 0 ? null : exact };
    if (time !== undefined) return pad(this.time(time), { ...given, letter: "T" });
    return letter === undefined ? this.invalid(other ?? "") : this.directive({ ...given, letter });
  }

  private invalid(letter: string): string {
    this.complaints.push(letter === "" ? "`%': missing format character" : `\`${letter}': invalid format character`);
    this.stop = true;
    return "";
  }

  private escaped(text: string): string {
    const { text: shown, stop } = escapes(text, false);
    this.stop ||= stop;
    return shown;
  }

  private next(): string | undefined {
    const word = this.words[this.at];
    this.at += 1;
    return word;
  }

  private integer(): number {
    return Number(this.whole(this.next()));
  }

  /** The time of the next word in seconds; none, or -1, is now. */
  private time(format: string): string {
    const word = this.next();
    const seconds = word === undefined || word === "-1" || word === "-2" ? Date.now() / 1000 : Number(this.whole(word));
    return formatTime(format === "" ? "%X" : format, seconds, this.zone);
  }

  private directive(given: Directive): string {
    const kind = Object.hasOwn(KINDS, given.letter) ? KINDS[given.letter] : undefined;
    switch (kind) {
      case "text": return pad(cut(this.next() ?? "", given.precision), given);
      case "quoted": return this.quoted(given);
      case "character": return pad(Array.from(this.next() ?? "")[0] ?? "", given);
      case "escaped": return this.unescaped(given);
      case "whole": return this.wholeNumber(given);
      case "broken": return this.broken(given);
      default: return this.invalid(given.letter);
    }
  }

  private quoted(given: Directive): string {
    const word = this.next() ?? "";
    // `%Q` cuts before it quotes, `%q` behind.
    return pad(given.letter === "Q" ? backslashQuote(cut(word, given.precision)) : cut(backslashQuote(word), given.precision), given);
  }

  private unescaped(given: Directive): string {
    // `%b` knows octal numbers with and without the zero that `echo -e` asks for.
    const { text, stop } = escapes((this.next() ?? "").replace(/\\([^])/g, (all, next: string) => (/[1-7]/.test(next) ? `\\0${next}` : all)), true);
    this.stop ||= stop;
    return pad(cut(text, given.precision), given);
  }

  private whole(word: string | undefined): bigint {
    const text = (word ?? "").trimStart();
    if (text === "") return 0n;
    if (/^["']/.test(text)) return BigInt(text.codePointAt(1) ?? 0);
    const found = /^([-+]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)/.exec(text);
    if (found === null || found[0].length < text.length) this.complaints.push(`${text}: invalid ${/^[-+]?0\d/.test(text) ? "octal " : ""}number`);
    const digits = found?.[2] ?? "0";
    const value = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
    return found?.[1] === "-" ? -value : value;
  }

  private wholeNumber(given: Directive): string {
    const value = this.whole(this.next());
    const signed = given.letter === "d" || given.letter === "i";
    const size = signed ? (value < 0n ? -value : value) : BigInt.asUintN(64, value);
    const digits = digitsOf(size, given);
    const prefix = signed ? signOf(value < 0n, given) : size === 0n ? "" : basePrefix(given);
    return padNumber(prefix, digits, given, given.precision === null);
  }

  private broken(given: Directive): string {
    const value = this.floating();
    const shown = float(Math.abs(value), given);
    const sign = signOf(value < 0 || Object.is(value, -0), given);
    return padNumber(sign, /[A-Z]/.test(given.letter) ? shown.toUpperCase() : shown, given, Number.isFinite(value));
  }

  private floating(): number {
    const word = (this.next() ?? "").trim();
    if (/^["']/.test(word)) return word.codePointAt(1) ?? 0;
    if (/^[-+]?nan$/i.test(word)) return NaN;
    const value = Number(word === "" ? "0" : word.replace(/^([-+]?)inf(inity)?$/i, "$1Infinity"));
    if (!Number.isNaN(value)) return value;
    this.complaints.push(`${word}: invalid number`);
    const begun = Number.parseFloat(word);
    return Number.isNaN(begun) ? 0 : begun;
  }
}

/** What the letters print. */
const KINDS: Readonly<Record<string, "text" | "quoted" | "character" | "escaped" | "whole" | "broken">> = {
  s: "text", q: "quoted", Q: "quoted", c: "character", b: "escaped", d: "whole", i: "whole", u: "whole", o: "whole", x: "whole", X: "whole",
  e: "broken", E: "broken", f: "broken", F: "broken", g: "broken", G: "broken",
};

/** A copy, as an expression with `g` remembers where it was. */
const qualified = (expression: RegExp): RegExp => new RegExp(expression.source, "gu");

function digitsOf(size: bigint, { letter, precision, flags }: Directive): string {
  const digits = size.toString({ o: 8, x: 16, X: 16 }[letter] ?? 10).padStart(precision ?? 1, "0");
  const shown = letter === "X" ? digits.toUpperCase() : digits;
  return letter === "o" && flags.includes("#") && !shown.startsWith("0") ? `0${shown}` : shown;
}

const basePrefix = ({ flags, letter }: Directive): string => (flags.includes("#") ? ({ x: "0x", X: "0X" }[letter] ?? "") : "");

function signOf(negative: boolean, { flags }: Directive): string {
  if (negative) return "-";
  return flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
}

/** A number of fixed digits, halves to the even one as C has them: of doubles that are halves exactly. */
function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  const scaled = value * 10 ** digits;
  const half = digits < 16 && scaled < 2 ** 52 && scaled - Math.floor(scaled) === 0.5 && scaled / 10 ** digits === value;
  return half && Math.floor(scaled) % 2 === 0 ? (Math.floor(scaled) / 10 ** digits).toFixed(digits) : text;
}

function float(value: number, { letter, precision, flags }: Directive): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : "inf";
  const digits = precision ?? 6;
  const kind = letter.toLowerCase();
  if (kind === "f") return fixed(value, digits);
  if (kind === "e") return exponent(value.toExponential(digits));
  const significant = digits === 0 ? 1 : digits;
  const power = value === 0 ? 0 : Number(value.toExponential(significant - 1).split("e")[1]);
  const text = power < -4 || power >= significant ? exponent(value.toExponential(significant - 1)) : value.toFixed(significant - 1 - power);
  return flags.includes("#") || !text.includes(".") ? text : text.replace(/\.?0+(?=e|$)/, "");
}

function exponent(text: string): string {
  return text.replace(/e([-+])(\d)$/, "e$10$2");
}

const bytes = new TextEncoder();

/** Widths and precisions count bytes. */
const cut = (text: string, precision: number | null): string => (precision === null || bytes.encode(text).length <= precision ? text : new TextDecoder().decode(bytes.encode(text).slice(0, precision)));

function pad(text: string, { flags, width }: Directive): string {
  const blanks = " ".repeat(Math.max(0, width - bytes.encode(text).length));
  return flags.includes("-") ? text + blanks : blanks + text;
}

function padNumber(prefix: string, digits: string, given: Directive, zeros: boolean): string {
  if (zeros && given.flags.includes("0") && !given.flags.includes("-")) return prefix + digits.padStart(given.width - prefix.length, "0");
  return pad(prefix + digits, given);
}
