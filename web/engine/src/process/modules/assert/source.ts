/** The text of a call that failed, from the program's source, for `assert.ok`. */

import { parse, type AnyNode, type CallExpression } from "acorn";
import { fs } from "../fs/index.ts";

interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Where the function was called that `above` is the outermost of. */
function callPlace(above: unknown): Place | undefined {
  const mark: { stack?: string } = {};
  const settings = Error as unknown as { captureStackTrace(target: object, above: unknown): void; stackTraceLimit: number };
  settings.captureStackTrace(mark, above);
  const frame = mark.stack?.split("\n").find((line) => /^\s+at /.test(line));
  const found = /\(?(?:file:\/\/)?(\/[^()]*):(\d+):(\d+)\)?$/.exec(frame ?? "");
  return found === null ? undefined : { file: found[1] ?? "", line: Number(found[2]), column: Number(found[3]) };
}

function calls(node: unknown, found: CallExpression[]): void {
  if (node === null || typeof node !== "object") return;
  if (Array.isArray(node)) {
    for (const item of node) calls(item, found);
    return;
  }
  const known = node as AnyNode;
  if (typeof known.type !== "string") return;
  if (known.type === "CallExpression") found.push(known);
  for (const [key, value] of Object.entries(known)) if (key !== "loc") calls(value, found);
}

function parsed(code: string): unknown {
  const options = { ecmaVersion: "latest", locations: true, allowHashBang: true, allowReturnOutsideFunction: true, allowAwaitOutsideFunction: true } as const;
  try {
    return parse(code, { ...options, sourceType: "module" });
  } catch {
    return parse(code, { ...options, sourceType: "script" });
  }
}

/** Where a call is by V8's reckoning: at its name, or behind the dot of a method. */
function positionOf(call: CallExpression): { line: number; column: number } | undefined {
  const place = call.callee.type === "MemberExpression" ? call.callee.property.loc : call.loc;
  return place === null || place === undefined ? undefined : { line: place.start.line, column: place.start.column + 1 };
}

/** The source of the call, with lines after the first indented alike; undefined when it cannot be found. */
export function callSource(above: unknown): string | undefined {
  const place = callPlace(above);
  if (place === undefined) return undefined;
  try {
    const code = (fs.readFileSync as (path: string, encoding: string) => string)(place.file, "utf8");
    const found: CallExpression[] = [];
    calls(parsed(code), found);
    const there = found.filter((call) => positionOf(call)?.line === place.line);
    const call = there.find((known) => positionOf(known)?.column === place.column) ?? (there.length === 1 ? there[0] : undefined);
    return call === undefined ? undefined : aligned(code.slice(call.start, call.end), call.loc?.start.column ?? 0);
  } catch {
    // No source to read, or none that parses: the plain message serves.
    return undefined;
  }
}

/** Lines after the first lose what the first is indented by, and get two spaces. */
function aligned(text: string, column: number): string {
  const [first = "", ...rest] = text.split("\n");
  return [first, ...rest.map((line) => `  ${line.slice(Math.min(column, line.length - line.trimStart().length))}`)].join("\n");
}
