/**
 * How a script runs in a context of `vm`: the text is edited by what its syntax tree says, then evaluated inside
 * `with (scope)`, where `scope` stands for the context's global object.
 */

import { parse, type AnyNode, type Program } from "acorn";
import { children } from "../loader/awaits.ts";
import { sorted, type Edit } from "../loader/edits.ts";
import { programEdits } from "../loader/evals.ts";
import { boundNames } from "../loader/esm/scopes.ts";

/** What a script declares at its top level, and the text to evaluate. */
export interface Prepared {
  readonly variables: readonly string[];
  readonly functions: readonly string[];
  readonly constants: readonly string[];
  readonly lexical: readonly string[];
  /** Names that are assigned to anywhere: with no declaration they become globals of the context. */
  readonly assigned: readonly string[];
  readonly edits: readonly Edit[];
  readonly strict: boolean;
}

/** The name by which the edited text reaches its helper. */
export const HELPER = "__runner$vm";

interface Draft {
  readonly variables: Set<string>;
  readonly functions: Set<string>;
  readonly constants: Set<string>;
  readonly lexical: Set<string>;
  readonly assigned: Set<string>;
  readonly edits: Edit[];
}

const LOOPS = new Set(["ForStatement", "ForInStatement", "ForOfStatement", "WhileStatement", "DoWhileStatement"]);

/** Read a script. `timed`: with checks in its loops and functions, so that it can be stopped. Throws acorn's SyntaxError. */
export function prepare(text: string, timed: boolean): Prepared {
  const program = parse(text, { ecmaVersion: "latest", sourceType: "script", allowHashBang: true });
  const draft: Draft = { variables: new Set(), functions: new Set(), constants: new Set(), lexical: new Set(), assigned: new Set(), edits: [] };
  draft.edits.push(...programEdits(program).edits);
  for (const statement of program.body) topLevel(statement, draft);
  const visit = (node: AnyNode, inFunction: boolean): void => {
    hoist(node, inFunction, draft);
    asks(node, draft.edits);
    if (timed) check(node, draft.edits);
    const nested = inFunction || /Function|Arrow/.test(node.type) || node.type === "StaticBlock";
    for (const child of children(node)) visit(child, nested);
  };
  for (const statement of program.body) visit(statement, false);
  return {
    variables: [...draft.variables], functions: [...draft.functions], constants: [...draft.constants], lexical: [...draft.lexical],
    assigned: [...draft.assigned], edits: sorted(draft.edits), strict: isStrict(program),
  };
}

const isStrict = (program: Program): boolean => program.body.some((node) => node.type === "ExpressionStatement" && node.directive === "use strict");

function topLevel(node: AnyNode, draft: Draft): void {
  if (node.type === "FunctionDeclaration") {
    for (const name of boundNames(node.id)) draft.functions.add(name);
  } else if (node.type === "ClassDeclaration") {
    const [name = ""] = boundNames(node.id);
    draft.lexical.add(name);
    // A class is kept with the context like other names of scripts, so it is assigned.
    draft.edits.push({ at: node.start, remove: 0, insert: `${name} = ` }, { at: node.end, remove: 0, insert: ";", closes: node.start });
  } else if (node.type === "VariableDeclaration" && node.kind !== "var") {
    for (const { id, init } of node.declarations) {
      for (const name of boundNames(id)) (node.kind === "const" ? draft.constants : draft.lexical).add(name);
      if (!init) draft.edits.push({ at: id.end, remove: 0, insert: " = undefined", closes: id.start });
    }
    draft.edits.push({ at: node.start, remove: node.kind.length, insert: "var" });
  }
}

/** `var` anywhere outside functions is a global of the context. */
function hoist(node: AnyNode, inFunction: boolean, draft: Draft): void {
  if (node.type === "VariableDeclaration" && node.kind === "var" && !inFunction) {
    for (const { id } of node.declarations) for (const name of boundNames(id)) draft.variables.add(name);
  } else if (node.type === "AssignmentExpression") {
    if (node.left.type !== "MemberExpression") for (const name of boundNames(node.left)) draft.assigned.add(name);
  } else if ((node.type === "ForInStatement" || node.type === "ForOfStatement") && node.left.type === "Identifier") {
    draft.assigned.add(node.left.name);
  }
}

/** `typeof` may ask for a name that is not there; whatever else reads one throws. */
function asks(node: AnyNode, edits: Edit[]): void {
  if (node.type !== "UnaryExpression" || node.operator !== "typeof" || node.argument.type !== "Identifier") return;
  edits.push({ at: node.start, remove: 0, insert: `(${HELPER}.asks("${node.argument.name}"),${HELPER}.asked(` });
  edits.push({ at: node.end, remove: 0, insert: "))", closes: node.start });
}

function check(node: AnyNode, edits: Edit[]): void {
  const body = LOOPS.has(node.type) || /^(?:Function|Arrow)/.test(node.type) ? (node as AnyNode & { body: AnyNode }).body : undefined;
  if (body === undefined) return;
  if (body.type === "BlockStatement") edits.push({ at: body.start + 1, remove: 0, insert: `${HELPER}.tick();` });
  else if (LOOPS.has(node.type)) {
    edits.push({ at: body.start, remove: 0, insert: `{${HELPER}.tick();` }, { at: body.end, remove: 0, insert: "}", closes: body.start });
  }
}
