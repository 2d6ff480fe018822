/** Values of `awk`: numbers, texts, and texts that look like numbers. */

import { ToolError } from "../options.ts";

/** A text that came from outside: it compares as a number when it looks like one. */
export class Input {
  constructor(readonly text: string) {}
}

/** `undefined` is what was never set: 0 and empty at once. */
export type Value = number | string | Input | undefined;

const NUMBER = /^[ \t\n\r\f\v]*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)/;

export function toNumber(value: Value): number {
  if (typeof value === "number") return value;
  if (value === undefined) return 0;
  const found = NUMBER.exec(typeof value === "string" ? value : value.text);
  return found === null ? 0 : Number(found[1]);
}

export function toText(value: Value, format: string): string {
  if (typeof value === "string") return value;
  if (value === undefined) return "";
  if (value instanceof Input) return value.text;
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return String(value === 0 ? 0 : value);
  return Number.isInteger(value) && Math.abs(value) < 1e30 ? BigInt(value).toString() : sprintf(format, [value], format);
}

export function isTrue(value: Value): boolean {
  if (typeof value === "number") return value !== 0;
  if (value === undefined) return false;
  if (value instanceof Input) return looksNumeric(value) ? toNumber(value) !== 0 : value.text !== "";
  return value !== "";
}

export function looksNumeric(value: Value): boolean {
  if (typeof value === "number" || value === undefined) return true;
  if (typeof value === "string") return false;
  const found = NUMBER.exec(value.text);
  return found !== null && value.text.slice(found[0].length).trim() === "";
}

/** Whether one value is before another: as numbers if both look like it, else as texts. */
export function compare(left: Value, right: Value, format: string): number {
  if (looksNumeric(left) && looksNumeric(right)) return toNumber(left) - toNumber(right);
  const [one, other] = [toText(left, format), toText(right, format)];
  return one < other ? -1 : one > other ? 1 : 0;
}

function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+(e|$)/, "$1") : text;
}

const exponent = (text: string): string => text.replace(/e([-+])(\d)$/, "e$10$2");

function general(value: number, digits: number, alternate: boolean): string {
  const precision = digits === 0 ? 1 : digits;
  if (value === 0) return "0";
  const power = Number(/e([-+]\d+)$/.exec(value.toExponential(precision - 1))?.[1] ?? 0);
  const text = power < -4 || power >= precision ? exponent(value.toExponential(precision - 1)) : value.toFixed(Math.max(0, precision - 1 - power));
  return alternate ? text : trimmed(text);
}

function floating(kind: string, value: number, digits: number, alternate: boolean): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value < 0 ? "-inf" : "inf";
  const low = kind.toLowerCase();
  const text = low === "f" ? value.toFixed(Math.min(100, digits)) : low === "e" ? exponent(value.toExponential(Math.min(100, digits))) : general(value, digits, alternate);
  return kind === low ? text : text.toUpperCase();
}

function whole(kind: string, value: number, precision: number | undefined, alternate: boolean): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value < 0 ? "-inf" : "inf";
  let number = BigInt(Math.trunc(value));
  if (!"di".includes(kind)) number = BigInt.asUintN(64, number);
  const base = kind === "o" ? 8 : kind.toLowerCase() === "x" ? 16 : 10;
  const digits = (number < 0n ? -number : number).toString(base).padStart(precision ?? 0, "0");
  const text = (number < 0n ? "-" : "") + (alternate && base !== 10 ? (base === 16 ? "0x" : "0") : "") + digits;
  return kind === "X" ? text.toUpperCase() : text;
}

/** Fill values into a format, as `printf` does. */
export function sprintf(format: string, args: readonly Value[], numberFormat: string): string {
  let at = 0;
  return format.replace(/%([-+ #0']*)(\*|\d*)(?:\.(\*|\d*))?[hlLqjzt]*([^])/g, (...found: (string | undefined)[]) => {
    const [all = "", flags = "", wide = "", precise, kind = ""] = found;
    if (kind === "%") return "%";
    if (!"diouxXcsfFeEgG".includes(kind)) return all;
    const size = (text: string): number => (text === "*" ? toNumber(args[at++]) : Number(text));
    const [width, precision] = [size(wide), precise === undefined ? undefined : size(precise)];
    if (at >= args.length) throw new ToolError(`not enough arguments passed to printf("${format}")`, 2);
    const text = converted(kind, args[at], { precision, alternate: flags.includes("#"), numberFormat });
    at += 1;
    return placed(text, kind, flags, { width, exact: precision !== undefined });
  });
}

function converted(kind: string, value: Value, { precision, alternate, numberFormat }: { precision: number | undefined; alternate: boolean; numberFormat: string }): string {
  if (kind === "s") return precision === undefined ? toText(value, numberFormat) : Array.from(toText(value, numberFormat)).slice(0, precision).join("");
  if (kind === "c") return typeof value === "number" ? String.fromCodePoint(value & 0x10ffff) : (Array.from(toText(value, numberFormat))[0] ?? "");
  const number = toNumber(value);
  return "diouxX".includes(kind) ? whole(kind, number, precision, alternate) : floating(kind, number, precision ?? 6, alternate);
}

function placed(text: string, kind: string, flags: string, { width, exact }: { width: number; exact: boolean }): string {
  const numeric = !"sc".includes(kind);
  const sign = numeric && !text.startsWith("-") && "difFeEgG".includes(kind) ? (flags.includes("+") ? "+" : flags.includes(" ") ? " " : "") : "";
  const whole = sign + text;
  const missing = Math.abs(width) - Array.from(whole).length;
  if (missing <= 0) return whole;
  if (flags.includes("-") || width < 0) return whole + " ".repeat(missing);
  if (!flags.includes("0") || !numeric || (exact && "diouxX".includes(kind)) || !/\d/.test(whole)) return " ".repeat(missing) + whole;
  const [head = ""] = /^[-+ ]?(?:0[xX])?/.exec(whole) ?? [];
  return head + "0".repeat(missing) + whole.slice(head.length);
}
