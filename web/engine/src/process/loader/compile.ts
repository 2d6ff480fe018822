/** Texts of programs become functions whose stacks name the program's files. */

import { parse } from "acorn";
import { mapColumns, type Place } from "../stacks.ts";
import { edited, type Edit } from "./edits.ts";
import { noteEdited } from "./shown.ts";

/** Texts by the names they have in stacks, for the excerpt of an uncaught error. */
const texts = new Map<string, string>();

/** The text that a name in a stack stands for; undefined when it was not loaded. */
export function loadedText(name: string): string | undefined {
  return texts.get(name);
}

// An indirect eval: global scope, and the text's own line numbers.
const evaluate = globalThis.eval;

/** Columns (from 1) of an edited line, told in the original text; `prefix` characters stand before the first line. */
function columnMapper(text: string, edits: readonly Edit[], prefix: number): (line: number, column: number) => number {
  let byLine: Map<number, { from: number; edits: Edit[] }> | undefined;
  return (line, column) => {
    byLine ??= editsByLine(text, edits);
    const entry = byLine.get(line);
    const shift = line === 1 ? prefix : 0;
    if (entry === undefined) return column - shift;
    let generated = column - 1 - shift;
    for (const edit of entry.edits) {
      const offset = edit.at - entry.from;
      if (generated <= offset) break;
      const inside = generated - offset;
      generated = inside <= edit.insert.length ? offset + Math.min(inside, edit.remove) : generated - edit.insert.length + edit.remove;
    }
    return generated + 1;
  };
}

function editsByLine(text: string, edits: readonly Edit[]): Map<number, { from: number; edits: Edit[] }> {
  const found = new Map<number, { from: number; edits: Edit[] }>();
  let line = 1;
  let from = 0;
  let next = text.indexOf("\n");
  for (const edit of edits) {
    while (next !== -1 && next < edit.at) {
      line += 1;
      from = next + 1;
      next = text.indexOf("\n", from);
    }
    const entry = found.get(line);
    if (entry === undefined) found.set(line, { from, edits: [edit] });
    else entry.edits.push(edit);
  }
  return found;
}

/** Say what a name in stacks stands for, for a text that is evaluated elsewhere. */
export function mapText(name: string, text: string, edits: readonly Edit[], prefix: number): void {
  texts.set(name, text);
  noteEdited(text, edits);
  mapColumns(name, columnMapper(text, edits, prefix));
}

/** A text to compile. */
export interface Source {
  /** As stacks name it: a path, or a `file:` URL for an ES module. */
  readonly name: string;
  readonly text: string;
  readonly edits: readonly Edit[];
  /** What comes before and after, forming one function expression. */
  readonly head: string;
  readonly tail: string;
}

/** The function that a text with its head and tail is. Throws SyntaxError, its `place` set. */
export function compileFunction(source: Source): (...args: unknown[]) => unknown {
  const { name, text, edits, head, tail } = source;
  const body = text.startsWith("#!") ? `//${edited(text, edits).slice(2)}` : edited(text, edits);
  const whole = `(${head}${body}\n${tail}`;
  mapText(name, text, edits, head.length + 1);
  const made: unknown = evaluate(`${whole})\n//# sourceURL=${name}`);
  // A text that closes the function and opens another would pass otherwise.
  if (typeof made !== "function" || made.toString().length !== whole.length - 1) throw unbalanced(name, text);
  return made as (...args: unknown[]) => unknown;
}

/** Run a text as a script of the global scope; its value. Throws SyntaxError, its `place` set, and what it throws. */
export function evaluateText(source: Source): unknown {
  const { name, text, edits } = source;
  mapText(name, text, edits, 0);
  try {
    return evaluate(`${edited(text, edits)}\n//# sourceURL=${name}`);
  } catch (error) {
    if (error instanceof SyntaxError) {
      const place = syntaxPlace(name, text, "script");
      if (place !== undefined) Object.defineProperty(error, "place", { value: place, configurable: true });
    }
    throw error;
  }
}

/** Where acorn finds a text wrong, as the language's engine says only in words. */
export function syntaxPlace(name: string, text: string, sourceType: "script" | "module"): Place | undefined {
  try {
    parse(text, { ecmaVersion: "latest", sourceType, allowReturnOutsideFunction: sourceType === "script", allowHashBang: true });
  } catch (error) {
    const { loc } = error as { loc?: { line: number; column: number } };
    if (loc !== undefined) return { file: name, line: loc.line, column: loc.column + 1 };
  }
  return undefined;
}

function unbalanced(name: string, text: string): SyntaxError {
  const place = syntaxPlace(name, text, "script");
  const character = text.split(/\r?\n/)[(place?.line ?? 1) - 1]?.[(place?.column ?? 1) - 1] ?? "";
  return Object.assign(new SyntaxError(`Unexpected token '${character}'`), { place });
}
