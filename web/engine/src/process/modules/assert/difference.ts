/** The message of a failed comparison: what both values print, line by line, as Node 20 sets it out. */

import { inspect } from "node-inspect-extracted";

/** First line of a message by operator. */
export const HEADS: Readonly<Record<string, string>> = {
  deepStrictEqual: "Expected values to be strictly deep-equal:",
  strictEqual: "Expected values to be strictly equal:",
  strictEqualObject: 'Expected "actual" to be reference-equal to "expected":',
  deepEqual: "Expected values to be loosely deep-equal:",
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:',
  notStrictEqual: 'Expected "actual" to be strictly unequal to:',
  notStrictEqualObject: 'Expected "actual" not to be reference-equal to "expected":',
  notDeepEqual: 'Expected "actual" not to be loosely deep-equal to:',
  notIdentical: "Values have same structure but are not reference-equal:",
};

const SHORT = 12;
const MOST_LINES = 50;

/** A value on as many lines as it takes, nothing left out. */
export function shown(value: unknown): string {
  return inspect(value, {
    compact: false, customInspect: false, depth: 1000, maxArrayLength: Number.POSITIVE_INFINITY,
    showHidden: false, showProxy: false, sorted: true, getters: true, breakLength: Number.POSITIVE_INFINITY,
  });
}

/** Lines with all beyond the first 46 as three dots. */
export function cutLines(lines: readonly string[]): string[] {
  return lines.length > MOST_LINES ? [...lines.slice(0, 46), "..."] : [...lines];
}

const isObject = (value: unknown): boolean => (typeof value === "object" && value !== null) || typeof value === "function";

const areObjects = (a: unknown, b: unknown): boolean => isObject(a) && isObject(b) && typeof a === typeof b;
const isPlain = (value: unknown): boolean => typeof value !== "object" || value === null;

/** Two values of one line each: `1 !== 2`, or where they begin to differ. */
function oneLine(actual: unknown, expected: unknown, lines: readonly [string, string], both: boolean): { whole?: string; marker: string } {
  const length = lines[0].length + lines[1].length;
  if (length <= SHORT) {
    return isPlain(actual) && isPlain(expected) && (actual !== 0 || expected !== 0) ? { whole: `${lines[0]} !== ${lines[1]}`, marker: "" } : { marker: "" };
  }
  if (both || length >= 80) return { marker: "" };
  let at = 0;
  while (at < lines[0].length && lines[0][at] === lines[1][at]) at += 1;
  return { marker: at > 2 ? `\n  ${" ".repeat(at)}^` : "" };
}

/** The same when each has one line and they differ; nothing for longer ones. */
function short(actual: unknown, expected: unknown, ...[lines, others, both]: [string[], string[], boolean]): ReturnType<typeof oneLine> {
  const [line = "", other = ""] = [lines[0], others[0]];
  return lines.length === 1 && others.length === 1 && line !== other ? oneLine(actual, expected, [line, other], both) : { marker: "" };
}

/** Take the lines off that both end with; the text of those that are shown. */
function commonEnd(actual: string[], expected: string[]): { end: string; skipped: boolean } {
  const common: string[] = [];
  while (actual.length > 0 && expected.length > 0 && actual.at(-1) === expected.at(-1)) {
    common.unshift(actual.pop() ?? "");
    expected.pop();
  }
  if (common.length <= 4) return { end: common.map((line) => `\n  ${line}`).join(""), skipped: false };
  const tail = common.slice(-3).map((line) => `\n  ${line}`).join("");
  return { end: `\n  ${common[0] ?? ""}\n...${tail}`, skipped: true };
}

/** Whether two lines differ by more than a comma at the end. */
function differ(actual: string, expected: string): boolean {
  return actual !== expected && actual !== `${expected},` && `${actual},` !== expected;
}

/** Collects the lines that are shown: those that differ, and few of those around them. */
class Listing {
  text = "";
  skipped = false;
  /** Whether more differs than is shown. */
  cut = false;
  printed = 0;
  private pending = "";
  private same: string[] = [];

  keep(line: string): void {
    this.text += this.pending;
    this.pending = "";
    this.same.push(line);
    if (this.same.length > 2) return;
    this.text += `\n  ${line}`;
    this.printed += 1;
  }

  /** Before a difference: of the same lines before it, the last two are shown, and dots for more. */
  private approach(): void {
    const count = this.same.length;
    if (count > 4) {
      if (count === 5) this.show(this.same.at(-3));
      else {
        this.text += "\n...";
        this.skipped = true;
      }
    }
    if (count > 3) this.show(this.same.at(-2));
    if (count > 2) this.show(this.same.at(-1));
    this.same = [];
  }

  private show(line: string | undefined): void {
    this.text += `\n  ${line ?? ""}`;
    this.printed += 1;
  }

  differ(actual: string | undefined, expected: string | undefined): void {
    this.approach();
    if (actual !== undefined) {
      this.text += `\n+ ${actual}`;
      this.printed += 1;
    }
    if (expected !== undefined) {
      this.pending += `\n- ${expected}`;
      this.printed += 1;
    }
  }

  get rest(): string {
    return this.pending;
  }
}

/** What two values of several lines share and where they differ, line by line. */
function compared(actual: readonly string[], expected: readonly string[]): Listing {
  const listing = new Listing();
  const most = Math.max(actual.length, expected.length);
  for (let at = 0; at < most && !listing.cut; at += 1) {
    const [a, b] = [actual[at], expected[at]];
    if (a === undefined || b === undefined || differ(a, b)) listing.differ(a, b);
    else listing.keep(a.length >= b.length ? a : b);
    listing.cut = listing.printed > MOST_LINES && at < most - 2;
  }
  return listing;
}

/** The message for values that should have been equal. */
export function difference(actual: unknown, expected: unknown, operator: string, head?: string): string {
  const lines = shown(actual).split("\n");
  const others = shown(expected).split("\n");
  const both = operator === "strictEqual" && areObjects(actual, expected);
  const title = head ?? HEADS[both ? "strictEqualObject" : operator] ?? "";
  const { whole, marker } = short(actual, expected, lines, others, both);
  if (whole !== undefined) return `${title}\n\n${whole}\n`;
  const { end, skipped } = commonEnd(lines, others);
  if (lines.length === 0 && others.length === 0) return `${HEADS.notIdentical ?? ""}\n\n${cutLines(shown(actual).split("\n")).join("\n")}\n`;
  const listing = compared(lines, others);
  if (listing.cut) return `${title}\n+ actual - expected ... Lines skipped\n${listing.text}\n...${listing.rest}\n...`;
  return `${title}\n+ actual - expected${skipped || listing.skipped ? " ... Lines skipped" : ""}\n${listing.text}${listing.rest}${end}${marker}`;
}
