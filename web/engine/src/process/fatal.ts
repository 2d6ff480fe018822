/** What Node prints of an error that nobody caught. */

import type { Place } from "./stacks.ts";
import { placeOf } from "./stacks.ts";
import { throwing } from "./thrown.ts";

/** What the printing needs from elsewhere: how values look, and the text of a file. */
export interface Means {
  readonly inspect: (value: unknown) => string;
  readonly source: (file: string) => string | undefined;
  /** What the report ends with. */
  readonly end: string;
}

/** The line of an error and a caret below its column, as Node shows them; empty when the file cannot be read. */
export function excerpt(place: Place | undefined, source: Means["source"]): string {
  if (place === undefined) return "";
  const line = source(place.file)?.split(/\r?\n/)[place.line - 1];
  if (line === undefined) return "";
  // Tabs stay, so that the caret is below its character.
  const indent = line.slice(0, Math.max(0, place.column - 1)).replace(/[^\t]/g, " ");
  return `${place.file}:${place.line}\n${line}\n${indent}^\n`;
}

const isError = (value: unknown): value is Error => value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";

/**
 * The whole text: source line, caret, error, Node's version.
 *
 * @param thrown where the browser saw it thrown; without it the first frame of the stack is shown.
 */
export function fatalText(error: unknown, thrown: Place | undefined, means: Means): string {
  const { end } = means;
  if (!isError(error)) {
    const shown = typeof error === "string" ? error : means.inspect(error);
    const hint = typeof error === "object" && error !== null ? "" : "(Use `node --trace-uncaught ...` to show where the exception was thrown)\n";
    return `\n${excerpt(thrown, means.source)}${shown}\n${hint}${end}`;
  }
  const from = thrown === undefined ? placeOf(error.stack) : throwing(thrown, means.source(thrown.file));
  const where = (error as { place?: Place }).place ?? from;
  const source = excerpt(where, means.source);
  const gap = source === "" || where?.tight === true ? "" : "\n";
  return `${source}${gap}${shownError(error, means)}\n${end}`;
}

/** An error without frames is shown in brackets by `inspect`; here it had frames, all of them the engine's. */
function shownError(error: Error, means: Means): string {
  const { stack } = error;
  if (typeof stack !== "string" || stack !== String(error)) return means.inspect(error);
  const frame = "\n    at <engine>";
  Object.defineProperty(error, "stack", { value: stack + frame, configurable: true, writable: true, enumerable: false });
  const shown = means.inspect(error).replace(frame, "");
  Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true, enumerable: false });
  return shown;
}
