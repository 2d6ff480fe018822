/** `printf`, and the escapes that it shares with `echo -e`. */

import type { Shell } from "./shell.ts";
import { store } from "./commands.ts";
import { subscript } from "./arrays.ts";
import { backslashQuote } from "./quoting.ts";
import { rawByte } from "./raw.ts";

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
    await shell.complain("printf: usage: printf [-v var] format [arguments]");
    return 2;
  }
  const printer = new Printer(format, words);
  const text = printer.all();
  for (const complaint of printer.complaints) await shell.complain(`printf: ${complaint}`);
  if (variable === undefined) await shell.print(1, text);
  else {
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

class Printer {
  readonly complaints: string[] = [];
  private at = 0;
  private stop = false;

  constructor(private readonly format: string, private readonly words: readonly string[]) {}

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
    return this.format.replace(/%%|%([-+ #0']*)(\*|\d+)?(?:\.(\*|-?\d+)?)?([a-zA-Z])|%(\([^)]*\)T)|\\(?:[0-7]{1,3}|x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|[^])/g,
      (all: string, ...found: (string | undefined)[]) => {
        const [flags, width, precision, letter, time] = found;
        if (this.stop) return "";
        if (all === "%%") return "%";
        if (all.startsWith("\\")) return this.escaped(all);
        if (time !== undefined) {
          this.complaints.push(`%${time} is not supported by the local WebContainer engine`);
          return "";
        }
        const wide = width === "*" ? this.integer() : Number(width ?? 0);
        const exact = all.includes(".") ? (precision === "*" ? this.integer() : Number(precision ?? 0)) : null;
        return this.directive({ flags: (flags ?? "") + (wide < 0 ? "-" : ""), width: Math.abs(wide), precision: exact, letter: letter ?? "s" });
      });
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

  private directive(given: Directive): string {
    switch (given.letter) {
      case "s": return pad(cut(this.next() ?? "", given.precision), given);
      case "q": {
        return pad(backslashQuote(this.next() ?? ""), given);
      }
      case "c": return pad((this.next() ?? "").slice(0, 1), given);
      case "b": {
        // `%b` knows octal numbers with and without the zero that `echo -e` asks for.
        const { text, stop } = escapes((this.next() ?? "").replace(/\\([^])/g, (all, next: string) => (/[1-7]/.test(next) ? `\\0${next}` : all)), true);
        this.stop ||= stop;
        return pad(cut(text, given.precision), given);
      }
      case "d":
      case "i":
      case "u":
      case "o":
      case "x":
      case "X": return this.wholeNumber(given);
      case "e":
      case "E":
      case "f":
      case "F":
      case "g":
      case "G": return this.broken(given);
      default:
        this.complaints.push(`\`${given.letter}': invalid format character`);
        this.stop = true;
        return "";
    }
  }

  private whole(word: string | undefined): bigint {
    const text = (word ?? "").trim();
    if (text === "") return 0n;
    if (/^["']/.test(text)) return BigInt(text.codePointAt(1) ?? 0);
    const found = /^([-+]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)/.exec(text);
    if (found === null || found[0].length < text.length) this.complaints.push(`${text}: invalid number`);
    const digits = found?.[2] ?? "0";
    const value = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
    return found?.[1] === "-" ? -value : value;
  }

  private wholeNumber(given: Directive): string {
    const value = this.whole(this.next());
    const { letter, flags, precision } = given;
    const signed = letter === "d" || letter === "i";
    const positive = signed ? (value < 0n ? -value : value) : BigInt.asUintN(64, value);
    let digits = positive.toString(letter === "o" ? 8 : letter.toLowerCase() === "x" ? 16 : 10).padStart(precision ?? 1, "0");
    if (letter === "X") digits = digits.toUpperCase();
    const sign = value < 0n && signed ? "-" : flags.includes("+") && signed ? "+" : flags.includes(" ") && signed ? " " : "";
    const prefix = flags.includes("#") && positive !== 0n ? { o: "0", x: "0x", X: "0X" }[letter] ?? "" : "";
    return padNumber(sign + prefix, digits, given, precision === null);
  }

  private broken(given: Directive): string {
    const word = (this.next() ?? "").trim();
    const value = /^["']/.test(word) ? (word.codePointAt(1) ?? 0) : Number(word === "" ? "0" : word.replace(/^([-+]?)inf(inity)?$/i, "$1Infinity"));
    if (Number.isNaN(value) && !/^[-+]?nan$/i.test(word)) this.complaints.push(`${word}: invalid number`);
    const shown = float(Math.abs(Number.isNaN(value) && !/nan/i.test(word) ? 0 : value), given);
    const sign = value < 0 || Object.is(value, -0) ? "-" : given.flags.includes("+") ? "+" : given.flags.includes(" ") ? " " : "";
    return padNumber(sign, /[A-Z]/.test(given.letter) ? shown.toUpperCase() : shown, given, Number.isFinite(value));
  }
}

function float(value: number, { letter, precision, flags }: Directive): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : "inf";
  const digits = precision ?? 6;
  const kind = letter.toLowerCase();
  if (kind === "f") return value.toFixed(digits);
  if (kind === "e") return exponent(value.toExponential(digits));
  const significant = digits === 0 ? 1 : digits;
  const power = value === 0 ? 0 : Number(value.toExponential(significant - 1).split("e")[1]);
  const text = power < -4 || power >= significant ? exponent(value.toExponential(significant - 1)) : value.toFixed(significant - 1 - power);
  return flags.includes("#") || !text.includes(".") ? text : text.replace(/\.?0+(?=e|$)/, "");
}

function exponent(text: string): string {
  return text.replace(/e([-+])(\d)$/, "e$10$2");
}

const cut = (text: string, precision: number | null): string => (precision === null ? text : text.slice(0, precision));

function pad(text: string, { flags, width }: Directive): string {
  return flags.includes("-") ? text.padEnd(width) : text.padStart(width);
}

function padNumber(prefix: string, digits: string, given: Directive, zeros: boolean): string {
  if (zeros && given.flags.includes("0") && !given.flags.includes("-")) return prefix + digits.padStart(given.width - prefix.length, "0");
  return pad(prefix + digits, given);
}
