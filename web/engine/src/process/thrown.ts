/** Where a `throw` stands, which Node points at, while browsers tell where the error was made: inside of it, mostly. */

import { parse, type AnyNode, type Program, type ThrowStatement } from "acorn";
import { children } from "./loader/awaits.ts";
import type { Place } from "./stacks.ts";

/** Longer texts are not parsed for a caret: it would take seconds. */
const LONG = 2_000_000;

/** The place of the `throw` whose value is made at a place; the place itself where there is none. */
export function throwing(made: Place, text: string | undefined): Place {
  if (text === undefined || text.length > LONG) return made;
  const program = parsed(text, made.file.startsWith("file:") ? "module" : "script");
  if (program === undefined) return made;
  const found = innermost(program, made.line, made.column - 1);
  if (found?.loc == null) return made;
  return { file: made.file, line: found.loc.start.line, column: found.loc.start.column + 1 };
}

function parsed(text: string, sourceType: "script" | "module"): Program | undefined {
  try {
    return parse(text, { ecmaVersion: "latest", sourceType, locations: true, allowReturnOutsideFunction: true, allowHashBang: true });
  } catch {
    return undefined;
  }
}

/** The innermost `throw` around a place, not reaching out of a function that the place is in. */
function innermost(program: Program, line: number, column: number): ThrowStatement | undefined {
  let found: ThrowStatement | undefined;
  let nodes: AnyNode[] = [program];
  while (nodes.length > 0) {
    const [node] = nodes.filter((each) => holds(each, line, column));
    if (node === undefined) break;
    if (node.type === "ThrowStatement") found = node;
    else if (node.type.includes("Function")) found = undefined;
    nodes = children(node);
  }
  return found;
}

function holds({ loc }: AnyNode, line: number, column: number): boolean {
  if (loc == null) return false;
  const { start, end } = loc;
  const begun = start.line < line || (start.line === line && start.column <= column);
  return begun && (end.line > line || (end.line === line && end.column > column));
}
