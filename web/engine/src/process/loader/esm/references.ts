/** Uses of imported names, rewritten to what they stand for: a property of the other module's environment. */

import type { AnyNode, Program } from "acorn";
import { children } from "../awaits.ts";
import type { Edit } from "../edits.ts";
import { scopesHiding, type Scopes } from "./scopes.ts";

/** Local names of imports and the expressions that read them. */
export type References = ReadonlyMap<string, string>;

interface Search {
  readonly references: References;
  readonly scopes: Scopes;
  readonly edits: Edit[];
  /** Offsets at which a statement of a list begins: a parenthesis there would continue the line above. */
  readonly starts: Set<number>;
}

/** The edits for all uses in a program. */
export function referenceEdits(program: Program, references: References): Edit[] {
  if (references.size === 0) return [];
  const scopes = scopesHiding(new Set(references.keys()), program);
  const search: Search = { references, scopes, edits: [], starts: new Set() };
  listed(program.body, search);
  for (const statement of program.body) visit(statement, program, search, []);
  return search.edits;
}

function listed(statements: readonly AnyNode[], search: Search): void {
  for (const statement of statements) if (statement.type === "ExpressionStatement") search.starts.add(statement.start);
}

function visit(node: AnyNode, parent: AnyNode, search: Search, hidden: readonly ReadonlySet<string>[]): void {
  if (node.type === "Identifier") return identifier(node, parent, search, hidden);
  if (node.type === "ImportDeclaration" || node.type === "ExportAllDeclaration") return;
  const names = search.scopes.get(node);
  const inside = names === undefined ? hidden : [...hidden, names];
  if (node.type === "BlockStatement" || node.type === "StaticBlock") listed(node.body, search);
  else if (node.type === "SwitchCase") listed(node.consequent, search);
  for (const child of followed(node)) visit(child, node, search, inside);
}

/** The children in which names can be used; a name of a property, a label or an export is none. */
function followed(node: AnyNode): AnyNode[] {
  switch (node.type) {
    case "MemberExpression":
    case "Property":
    case "MethodDefinition":
    case "PropertyDefinition":
      return node.type === "MemberExpression" ? keyed(node.computed, node.property, node.object) : keyed(node.computed, node.key, node.value);
    case "LabeledStatement":
      return [node.body];
    case "BreakStatement":
    case "ContinueStatement":
    case "MetaProperty":
      return [];
    case "ExportNamedDeclaration":
      return node.declaration ? [node.declaration] : [];
    default:
      return children(node);
  }
}

const keyed = (computed: boolean, key: AnyNode, other: AnyNode | null | undefined): AnyNode[] => [...computed ? [key] : [], ...other ? [other] : []];

function identifier(node: AnyNode & { name: string }, parent: AnyNode, search: Search, hidden: readonly ReadonlySet<string>[]): void {
  const reference = search.references.get(node.name);
  if (reference === undefined || hidden.some((names) => names.has(node.name))) return;
  const length = node.end - node.start;
  if (parent.type === "Property" && parent.shorthand) {
    search.edits.push({ at: node.end, remove: 0, insert: `: ${reference}`, closes: node.start });
  } else if (parent.type === "AssignmentPattern" && parent.left === node) {
    // `{a = 1} = x` on an import: the engine of the language refuses the assignment when it happens.
    search.edits.push({ at: node.start, remove: length, insert: reference });
  } else if ((parent.type === "CallExpression" && parent.callee === node) || (parent.type === "TaggedTemplateExpression" && parent.tag === node)) {
    const before = search.starts.has(node.start) ? ";" : "";
    search.edits.push({ at: node.start, remove: length, insert: `${before}(0,${reference})` });
  } else search.edits.push({ at: node.start, remove: length, insert: reference });
}
