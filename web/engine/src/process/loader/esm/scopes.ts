/** Which names each scope of a program declares, out of those that matter: the local names of its imports. */

import type { AnyNode, Pattern, Program } from "acorn";
import { children } from "../awaits.ts";

/** Names by the node that opens the scope. */
export type Scopes = ReadonlyMap<AnyNode, ReadonlySet<string>>;

/** The names that a pattern binds. */
export function boundNames(pattern: Pattern | null | undefined): string[] {
  if (!pattern) return [];
  switch (pattern.type) {
    case "Identifier": return [pattern.name];
    case "ObjectPattern": return pattern.properties.flatMap((property) => boundNames(property.type === "RestElement" ? property.argument : property.value));
    case "ArrayPattern": return pattern.elements.flatMap((element) => boundNames(element));
    case "RestElement": return boundNames(pattern.argument);
    case "AssignmentPattern": return boundNames(pattern.left);
    default: return [];
  }
}

const BLOCKS = new Set(["BlockStatement", "ForStatement", "ForInStatement", "ForOfStatement", "SwitchStatement", "CatchClause", "StaticBlock", "ClassExpression"]);
const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

/** Scopes of a program that hide any of `names`. The program's own scope is not among them: imports are its names. */
export function scopesHiding(names: ReadonlySet<string>, program: Program): Scopes {
  const scopes = new Map<AnyNode, Set<string>>();
  const add = (scope: AnyNode, found: readonly string[]): void => {
    for (const name of found) {
      if (!names.has(name)) continue;
      const known = scopes.get(scope) ?? new Set<string>();
      known.add(name);
      scopes.set(scope, known);
    }
  };
  const visit = (node: AnyNode, block: AnyNode, routine: AnyNode): void => {
    declare(node, block, routine, add);
    const isFunction = FUNCTIONS.has(node.type);
    const nextBlock = isFunction || BLOCKS.has(node.type) ? node : block;
    const nextRoutine = isFunction || node.type === "StaticBlock" ? node : routine;
    for (const child of children(node)) visit(child, nextBlock, nextRoutine);
  };
  for (const statement of program.body) visit(statement, program, program);
  scopes.delete(program);
  return scopes;
}

function declare(node: AnyNode, block: AnyNode, routine: AnyNode, add: (scope: AnyNode, names: readonly string[]) => void): void {
  switch (node.type) {
    case "VariableDeclaration":
      for (const { id } of node.declarations) add(node.kind === "var" ? routine : block, boundNames(id));
      break;
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
      add(node, node.params.flatMap(boundNames));
      add(node.type === "FunctionDeclaration" ? block : node, boundNames(node.id));
      break;
    case "ClassDeclaration":
    case "ClassExpression":
      add(node.type === "ClassDeclaration" ? block : node, boundNames(node.id));
      break;
    case "CatchClause":
      add(node, boundNames(node.param));
      break;
    default:
  }
}
